#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
property '"type": 1' '"type": []' '"type": [1]' '"type": ["string", "string"]' '"type": "integer"' '"type": "int"' '"type": "nosuch"' '"type": ["array", "boolean", "null", "object", "string", "number"]'
property '"bsonType": 2' '"bsonType": []' '"bsonType": ["int", "int"]' '"bsonType": "boolean"' '"bsonType": "integer"' '"bsonType": "missing"' '"bsonType": "Int"' '"bsonType": ["number", "maxKey"]'
