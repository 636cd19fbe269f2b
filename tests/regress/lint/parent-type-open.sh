#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
schema "$(object "{\"a\": {\"properties\": {\"b\": $rule}, \"required\": [\"b\"], \"additionalProperties\": false}}")" | lint
schema "$(object "{\"a\": {\"bsonType\": [\"object\", \"string\"], \"properties\": {\"b\": $rule}, \"required\": [\"b\"], \"additionalProperties\": false}}")" | lint
schema "$(object "{\"a\": {\"items\": $rule}}")" | lint
schema "$(object "{\"a\": {\"patternProperties\": {\"^x\": $rule}}}")" | lint
