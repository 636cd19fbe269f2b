#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/audit/common.bash
. "$FG_TOP/tests/regress/audit/common.bash"
sed -i "3s/\"result\":121/\"result\":0/" keyed_1
verify keyed_1 keyed_2 keyed_3 --key key
sed -i "2s/age/agf/" plain_1
verify plain_1
sed -i "2s/^.//" keyed_3
verify keyed_3 --key key
sed -i "2s/\"seq\":[0-9]*/\"seq\":99/" keyed_2
verify keyed_2 --key key --open
