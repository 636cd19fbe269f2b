#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
property '"items": 1' '"items": [1]' '"items": [{}, {"nosuch": 1}]' '"items": {"type": 1}' '"items": [{}]'
property '"additionalItems": 1' '"additionalItems": {"nosuch": 1}' '"additionalItems": false'
property '"minItems": -1' '"maxItems": "1"' '"maxItems": 1.5' '"uniqueItems": 1' '"uniqueItems": true'
