#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# Nothing to say about a rule that is stated in full, at two levels.
schema "$(object "{\"a\": $rule}")" | lint
schema "$(object "{\"a\": $(object "{\"a\": $rule}")}")" | lint
schema "$(object "{\"a\": {\"bsonType\": \"array\", \"items\": $rule}}")" | lint
schema "{\"allOf\": [{\"required\": [\"a\"], \"additionalProperties\": false, \"properties\": {\"_id\": {}, \"a\": {}}}, {\"properties\": {\"a\": $rule}, \"additionalProperties\": {}}]}" | lint
