#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Ten million pairs of options and document through the libraries and through the naive interpreter, in as many processes as there are processors. The seed is the day's,
# and printed, so that every day sees other cases and any run can be repeated.
set -u

differential=${FG_BUILD:-build}/tests/oracle/differential
cases=${FG_DIFFERENTIAL_CASES:-10000000}
seed=${FG_DIFFERENTIAL_SEED:-$(date +%Y%m%d)}
jobs=$(nproc)
share=$(((cases + jobs - 1) / jobs))
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
status=0
pids=()
for ((i = 0; i < jobs; i++)); do
   nice "$differential" "$share" "$((seed * 1000000000 + i * share))" >"$logs/$i" 2>&1 &
   pids+=($!)
done
for ((i = 0; i < jobs; i++)); do
   wait "${pids[i]}" || status=1
   cat "$logs/$i"
done
if [ $status -eq 0 ]; then
   echo "ok soak.differential ($((share * jobs)) cases, seed $seed)"
else
   echo "not ok soak.differential - the library and the oracle differ (seed $seed)"
fi
exit $status
