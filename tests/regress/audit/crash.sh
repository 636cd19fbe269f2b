#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/audit/common.bash
. "$FG_TOP/tests/regress/audit/common.bash"
verify keyed_2 --key key
verify keyed_2 keyed_3 --key key
printf x >>keyed_2
verify keyed_2 keyed_3 --key key
