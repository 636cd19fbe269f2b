#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
property '"enum": 1' '"enum": []' '"enum": [1, 1.0]' '"enum": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]' '"enum": [1, "1"]'
property '"maximum": "1"' '"minimum": {}' '"exclusiveMaximum": true' '"exclusiveMinimum": true' '"maximum": 1, "exclusiveMaximum": 1' '"minimum": 1, "exclusiveMinimum": 0' '"minimum": 1, "exclusiveMinimum": true'
property '"multipleOf": "2"' '"multipleOf": 0' '"multipleOf": -1' '"multipleOf": {"$numberDouble": "NaN"}' '"multipleOf": {"$numberDouble": "Infinity"}' '"multipleOf": {"$numberDecimal": "0.01"}'
property '"maxLength": "1"' '"maxLength": -1' '"minLength": 1.5' '"minLength": {"$numberDouble": "1e30"}' '"minLength": {"$numberDecimal": "3"}'
property '"pattern": 1' '"pattern": "("' '"pattern": "a\u0000b"' '"pattern": "^a"'
