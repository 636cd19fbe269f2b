#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
schema "{\"bsonType\": \"object\", \"additionalProperties\": false, \"properties\": {\"a\": $rule}}" | lint
schema "$(object "{\"a\": $(object "{\"b\": $rule}" '["c"]')}")" | lint
