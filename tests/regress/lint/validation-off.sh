#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
printf '{"validator": {"$jsonSchema": %s}, "validationLevel": "off"}' "$(object "{\"a\": $rule}")" | lint
printf '{"validator": {"a": 1}, "validationLevel": "moderate", "validationAction": "warn"}' | lint
