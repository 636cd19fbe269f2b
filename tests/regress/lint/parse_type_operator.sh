#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/lint/common.bash
# shellcheck disable=SC2016,SC2154
. "$FG_TOP/tests/regress/lint/common.bash"
# $type in a validator beside the schema: it shares the names of types with bsonType, and takes numbers too.
for t in '[]' '{}' '0' '1.5' '20' '"strin"' '"missing"' '[2, true]' '[2, "int", -1]'; do
   printf '{"validator": {"a": {"$type": %s}}}' "$t" | lint | sed -n 1p
done
