#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source=tests/regress/audit/common.bash
. "$FG_TOP/tests/regress/audit/common.bash"
verify
verify keyed_1
verify plain_1 --key key
printf "%040d" 0 >other
chmod 600 other
verify keyed_1 --key other
chmod 644 key
verify keyed_1 --key key
verify nosuch
verify plain_1 --nosuch
verify plain_1 --key
"$FG_BUILD/bin/fieldguard" audit 2>&1
"$FG_BUILD/bin/fieldguard" audit shred 2>&1
"$FG_BUILD/bin/fieldguard" nosuch 2>&1
"$FG_BUILD/bin/fieldguard" 2>&1
"$FG_BUILD/bin/fieldguard" --help >/dev/full
echo "exit $?"
