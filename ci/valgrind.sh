#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every unit test, and a short life of fieldguardd (the demo's client against it), under valgrind: any error or definite leak fails.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
FG_TOP=$top
FG_BUILD=${FG_BUILD:-$top/build}
FG_VECTORS=${FG_VECTORS:-$top/../shared/vectors}
export FG_TOP FG_BUILD FG_VECTORS FG_VALGRIND=1
vg=(valgrind --quiet --error-exitcode=99 --leak-check=full "--errors-for-leak-kinds=definite,possible" --suppressions="$top/ci/valgrind.supp")
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
check() { # name command...
   local name=$1
   shift
   SECONDS=0
   if (cd "$top" && timeout 900 "$@") >"$log" 2>&1 </dev/null && ! grep -q '^not ok ' "$log"; then
      echo "ok valgrind.$name ($SECONDS s)"
      passed=$((passed + 1))
   else
      echo "not ok valgrind.$name"
      grep -v '^ok ' "$log" | tail -n 40 | sed 's/^/   | /'
      failed=$((failed + 1))
   fi
}
for source in "$top"/tests/unit/*/test_*.c; do
   t=${source#"$top"/tests/unit/}
   t=${t%.c}
   check "$t" "${vg[@]}" "$FG_BUILD/tests/$t"
done
check fieldguardd env FG_WRAP="${vg[*]}" FG_DEMO_QUIET=1 bash "$top/examples/demo/demo.sh"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
