#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
schema "$(object '{"a": {"encrpt": {}}}')" | lint
# A second mistake that no parameter hides, and a keyword that exists elsewhere: no advice.
schema '{"encrpt": {}, "bsonType": "nothing"}' | lint
schema '{"properties": {"a": {"$ref": "x"}}}' | lint
