#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# What create refuses beside the schema.
rule_at() { printf '{"validator": {"$jsonSchema": {"properties": {"a": {"encrypt": {}}}}}, %s}' "$1" | lint; }
rule_at '"validationAction": "warn"'
rule_at '"validationAction": "errorAndLog"'
rule_at '"validationLevel": "moderate"'
rule_at "\"encryptedFields\": {\"fields\": [{\"path\": \"b\", \"keyId\": $key, \"bsonType\": \"int\"}]}"
echo '{"validator": 1}' | lint
echo '{"validator": {"$nosuch": 1}}' | lint
echo '{"validationLevel": "lax"}' | lint
echo '{"validationAction": 1}' | lint
echo '{"validatr": {}}' | lint
echo '{"validator": {}, "timeseries": {"timeField": "t"}}' | lint
printf '{"encryptedFields": {"fields": [{"path": "b", "keyId": %s}]}, "validationLevel": "off"}' "$key" | lint
printf '{"encryptedFields": {"fields": [{"path": "b", "keyId": %s}]}, "validationAction": "warn"}' "$key" | lint
