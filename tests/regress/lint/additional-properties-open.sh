#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
schema "{\"bsonType\": \"object\", \"required\": [\"a\"], \"properties\": {\"a\": $rule}}" | lint
schema "{\"bsonType\": \"object\", \"required\": [\"a\"], \"properties\": {\"a\": $rule}, \"additionalProperties\": true}" | lint
schema "{\"bsonType\": \"object\", \"required\": [\"a\"], \"properties\": {\"a\": $rule}, \"additionalProperties\": {\"bsonType\": \"int\"}}" | lint
