#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Long runs that `make check` has no time for: every tests/soak/*.sh and *.py.
set -u
FG_TOP=$(cd "$(dirname "$0")/.." && pwd)
FG_BUILD=${FG_BUILD:-$FG_TOP/build}
FG_CLIENTS=${FG_CLIENTS:-$FG_TOP/build/clients}
export FG_TOP FG_BUILD FG_CLIENTS
status=0
for t in "$FG_TOP"/tests/soak/*.sh "$FG_TOP"/tests/soak/*.py; do
   [ -e "$t" ] || continue
   echo "=== ${t##*/}"
   case $t in
      *.py) python3 "$t" || status=1 ;;
      *) bash "$t" || status=1 ;;
   esac
done
exit $status
