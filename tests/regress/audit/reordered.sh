#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/audit/common.bash
. "$FG_TOP/tests/regress/audit/common.bash"
sed -i "2{h;d};3{G}" keyed_1
verify keyed_1 --key key
sed -i 3p plain_1
verify plain_1
