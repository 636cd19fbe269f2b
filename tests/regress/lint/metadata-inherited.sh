#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# What stands above fills in what is missing below.
schema "{\"encryptMetadata\": {$random, \"keyId\": [$key]}, $(object '{"a": {"encrypt": {"bsonType": "string"}}}' | cut -c2-)" | lint
schema "{\"encryptMetadata\": {$deterministic, \"keyId\": \"/k\"}, $(object '{"a": {"encrypt": {"bsonType": "bool"}}}' | cut -c2-)" | lint
