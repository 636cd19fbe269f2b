#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
parse '{"required": "a"}' '{"required": []}' '{"required": [1]}' '{"required": ["a", "a"]}' '{"required": ["a"]}'
parse '{"properties": 1}' '{"properties": {"a": 1}}' '{"properties": {"a": {"properties": {"b": {"nosuch": 1}}}}}'
parse '{"patternProperties": 1}' '{"patternProperties": {"a": 1}}' '{"patternProperties": {"(": {}}}' '{"patternProperties": {"^a": {"nosuch": 1}}}'
parse '{"additionalProperties": 1}' '{"additionalProperties": {"nosuch": 1}}' '{"minProperties": -1}' '{"maxProperties": "1"}'
parse '{"dependencies": 1}' '{"dependencies": {"a": 1}}' '{"dependencies": {"a": []}}' '{"dependencies": {"a": [1]}}' '{"dependencies": {"a": ["b", "b"]}}' '{"dependencies": {"a": {"nosuch": 1}}}'
