#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
printf '{"validator": {"a": 1}, "validationAction": "errorAndLog"}' | lint
printf '{"encryptedFields": {"fields": [{"path": "a", "keyId": %s, "bsonType": "int", "queries": {"queryType": "range", "min": 1, "max": 9}}]}}' "$key" | lint
printf '{"encryptedFields": {"fields": [{"path": "a", "keyId": %s, "bsonType": "int", "queries": [{"queryType": "equality"}]}]}}' "$key" | lint
schema '{"dependencies": {"a": ["b"], "title": "t"}}' | lint
