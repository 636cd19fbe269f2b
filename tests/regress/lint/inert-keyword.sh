#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
for keyword in '"minLength": 3' '"pattern": "^1"' '"minimum": 3' '"items": {}' '"properties": {}'; do
   schema "$(object "{\"a\": {\"encrypt\": {\"bsonType\": \"string\", $random, \"keyId\": [$key]}, $keyword}}")" | lint
done
