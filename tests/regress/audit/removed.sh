#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/audit/common.bash
. "$FG_TOP/tests/regress/audit/common.bash"
sed -i 2d keyed_1
verify keyed_1 --key key
sed -i 2,4d keyed_3
verify keyed_3 --key key
sed -i 1d plain_1
verify plain_1
