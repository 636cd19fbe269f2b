#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/audit/common.bash
. "$FG_TOP/tests/regress/audit/common.bash"
sed -i "\$d" keyed_3
verify keyed_3 --key key
verify keyed_3 --key key --open
sed -i "\$d" keyed_1
verify keyed_1 keyed_2 keyed_3 --key key
truncate -s -1 plain_1
verify plain_1
