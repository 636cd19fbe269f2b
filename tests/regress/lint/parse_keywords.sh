#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# Unknown, unsupported and repeated keywords; title and description; keywords that exclude each other; $jsonSchema itself.
parse '{"nosuch": 1}' '{"const": 1}' '{"propertyNames": {}}' '{"properties": {"a": {"contains": {}}}}'
for keyword in '$ref' '$schema' default definitions format id; do parse "{\"$keyword\": 1}"; done
parse '{"minimum": 1, "minimum": 2}' '{"title": 1}' '{"description": {}}' '{"title": "t", "description": "d"}' '{}'
parse '{"type": "object", "bsonType": "object"}' '{"encrypt": {}, "type": "string"}' '{"encrypt": {}, "bsonType": "binData"}'
parse '{"encrypt": {}, "encryptMetadata": {"algorithm": "AEAD_AES_256_CBC_HMAC_SHA_512-Random"}}'
parse 1 '"x"' '[]' null
