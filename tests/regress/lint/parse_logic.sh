#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
for keyword in allOf anyOf oneOf; do parse "{\"$keyword\": {}}" "{\"$keyword\": []}" "{\"$keyword\": [1]}" "{\"$keyword\": [{\"nosuch\": 1}]}"; done
parse '{"not": 1}' '{"not": []}' '{"not": {"nosuch": 1}}'
