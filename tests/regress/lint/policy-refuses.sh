#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# A server takes any number of patterns at one place; a policy tells 64 apart.
patterns() {
   local i list=
   for ((i = 0; i < $1; i++)); do list+="${list:+, }\"^p${i}_\": $rule"; done
   schema "{\"bsonType\": \"object\", \"additionalProperties\": false, \"properties\": {\"_id\": {}}, \"patternProperties\": {$list}}"
}
patterns 64 | lint
patterns 65 | lint
