#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# Usage, files that are not what they should be, the form for people.
fieldguard() { "$FG_BUILD/bin/fieldguard" "$@" 2>&1; echo "exit $?"; }
fieldguard lint
fieldguard lint --options
fieldguard lint --nosuch
fieldguard lint --options nosuch.json
fieldguard lint --options . --json
printf '{"validator": {"a": tru}}' >broken.json
fieldguard lint --options broken.json
fieldguard lint --options broken.json --json
: >empty.json
fieldguard lint --options empty.json
schema '{"bsonType": "object", "required": ["a"], "properties": {"a": {"encrypt": {}}}}' >open.json
fieldguard lint --options open.json
schema '{"minimum": "x"}' >wrong.json
fieldguard lint --options wrong.json
schema "$(object "{\"a\": $rule}")" >clean.json
fieldguard lint --options clean.json
fieldguard lint --options clean.json --json
fieldguard lint --help
# Canonical and relaxed Extended JSON say the same.
printf '{"validator": {"$jsonSchema": {"bsonType": "object", "minProperties": {"$numberInt": "1"}}}}' >canonical.json
fieldguard lint --options canonical.json
