#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
schema "$(object "{\"a\": {\"encrypt\": {\"bsonType\": \"bool\", $deterministic, \"keyId\": [$key]}}}")" | lint
schema "$(object "{\"a\": {\"encrypt\": {\"bsonType\": \"bool\", $random, \"keyId\": [$key]}}}")" | lint
