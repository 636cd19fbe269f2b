#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
schema "$(object "{\"a\": {\"anyOf\": [$rule, {\"bsonType\": \"null\"}]}}")" | lint
schema "$(object "{\"a\": {\"oneOf\": [{\"bsonType\": \"null\"}, $rule]}}")" | lint
schema "{\"dependencies\": {\"b\": $(object "{\"a\": $rule}")}}" | lint
printf '{"validator": {"$or": [{"b": 1}, {"$jsonSchema": %s}]}}' "$(object "{\"a\": $rule}")" | lint
# One branch is no alternative.
schema "$(object "{\"a\": {\"anyOf\": [$rule]}}")" | lint
