#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# The document itself is no binary; `items` at the top; a type above that has no such children; `additionalItems` without a list of `items`.
schema "$rule" | lint
schema "{\"items\": $rule}" | lint
schema "$(object "{\"a\": {\"bsonType\": \"string\", \"properties\": {\"b\": $rule}, \"required\": [\"b\"], \"additionalProperties\": false}}")" | lint
schema "$(object "{\"a\": {\"bsonType\": \"object\", \"items\": $rule}}")" | lint
schema "$(object "{\"a\": {\"bsonType\": \"array\", \"items\": {}, \"additionalItems\": $rule}}")" | lint
