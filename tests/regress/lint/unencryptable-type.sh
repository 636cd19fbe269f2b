#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
for type in null undefined minKey maxKey; do schema "$(object "{\"a\": {\"encrypt\": {\"bsonType\": \"$type\", $random, \"keyId\": [$key]}}}")" | lint; done
for type in double decimal object array javascriptWithScope; do schema "$(object "{\"a\": {\"encrypt\": {\"bsonType\": \"$type\", $deterministic, \"keyId\": [$key]}}}")" | lint; done
for type in double decimal object array; do schema "$(object "{\"a\": {\"encrypt\": {\"bsonType\": \"$type\", $random, \"keyId\": [$key]}}}")" | lint; done
