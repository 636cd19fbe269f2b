#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
echo '{}' | lint
echo '{"validator": {"a": {"$type": "string", "$regex": "^x", "$options": "i"}}}' | lint
echo '{"create": "c", "capped": true, "size": 4096, "encryptedFields": {"fields": []}}' | lint
