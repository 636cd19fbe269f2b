#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/audit/common.bash
. "$FG_TOP/tests/regress/audit/common.bash"
verify keyed_1 keyed_3 --key key
verify keyed_2 keyed_1 --key key
verify plain_1 plain_1
verify key
