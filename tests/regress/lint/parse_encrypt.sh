#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
uuid='{"$binary": {"base64": "AAECAwQFRgeICQoLDA0ODw==", "subType": "04"}}'
encrypt() { local e; for e in "$@"; do property "\"encrypt\": $e"; done; }
metadata() { local e; for e in "$@"; do property "\"encryptMetadata\": $e"; done; }
encrypt 1 '[]' '{}' '{"nosuch": 1}' '{"bsonType": "int", "bsonType": "int"}'
encrypt '{"bsonType": 16}' '{"bsonType": "nosuch"}' '{"bsonType": ["int", "int"]}' '{"bsonType": []}' '{"bsonType": "number"}'
encrypt '{"algorithm": 1}' '{"algorithm": "aes"}' "{$deterministic}"
encrypt '{"keyId": ""}' '{"keyId": "k"}' '{"keyId": "/a~2"}' '{"keyId": "/a~"}' '{"keyId": "/a~0~1"}' '{"keyId": 1}' '{"keyId": {}}' '{"keyId": ["x"]}' '{"keyId": [{"$binary": {"base64": "AA==", "subType": "00"}}]}' '{"keyId": [{"$binary": {"base64": "AA==", "subType": "04"}}]}' "{\"keyId\": [$uuid]}" '{"keyId": []}'
metadata 1 '{}' '{"bsonType": "int"}' '{"nosuch": 1}' '{"algorithm": "aes"}' '{"keyId": ""}' "{$random, \"keyId\": [$uuid]}"
