#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Validators and policies beside a second, naive interpreter: 200,000 pairs of options and document from a fixed seed.
set -u -o pipefail

differential=${FG_BUILD:-build}/tests/oracle/differential
cases=${FG_DIFFERENTIAL_CASES:-200000}
seed=${FG_DIFFERENTIAL_SEED:-1}
output=$("$differential" "$cases" "$seed" 2>&1)
status=$?
if [ $status -eq 0 ]; then
   echo "ok differential.$cases"
else
   echo "not ok differential.$cases - the library and the oracle differ"
fi
printf '%s\n' "$output" | head -c 20000
exit $status
