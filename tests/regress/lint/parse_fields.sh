#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# encryptedFields: what a server's create refuses in it.
other='{"$binary": {"base64": "EBESExQVRheYGRobHB0eHw==", "subType": "04"}}'
encrypted() { printf '{"encryptedFields": %s}' "$1" | lint | sed -n 1p; }
fields() { encrypted "{\"fields\": [$1]}"; }
with() { fields "{\"path\": \"a\", \"keyId\": $key$1}"; }
encrypted '{}'
encrypted '{"fields": {}}'
fields 1
fields "{\"path\": \"a\"}"
fields "{\"keyId\": $key}"
fields '{"path": "a", "keyId": "k"}'
fields '{"path": "a", "keyId": {"$binary": {"base64": "AAECAw==", "subType": "04"}}}'
fields "{\"path\": 1, \"keyId\": $key}"
fields "{\"path\": \"\", \"keyId\": $key}"
fields "{\"path\": \"_id.x\", \"keyId\": $key}"
with ', "nosuch": 1'
with ', "bsonType": 2'
with ', "bsonType": "strin"'
with ', "bsonType": "null"'
with ', "bsonType": "int", "queries": 1'
with ', "bsonType": "int", "queries": {}'
with ', "bsonType": "int", "queries": {"queryType": "nosuch"}'
with ', "queries": {"queryType": "equality"}'
with ', "bsonType": "double", "queries": {"queryType": "equality"}'
with ', "bsonType": "string", "queries": {"queryType": "range"}'
with ', "bsonType": "int", "queries": {"queryType": "prefix"}'
fields "{\"path\": \"a\", \"keyId\": $key}, {\"path\": \"b\", \"keyId\": $key}"
fields "{\"path\": \"a\", \"keyId\": $key}, {\"path\": \"a\", \"keyId\": $other}"
fields "{\"path\": \"a\", \"keyId\": $key}, {\"path\": \"a.b\", \"keyId\": $other}"
with ', "bsonType": "string", "queries": [{"queryType": "equality"}]'
