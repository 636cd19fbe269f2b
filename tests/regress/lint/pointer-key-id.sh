#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# Informational: the exit status stays 0.
schema "$(object "{\"a\": {\"encrypt\": {\"bsonType\": \"string\", $random, \"keyId\": \"/owner\"}}}")" | lint
