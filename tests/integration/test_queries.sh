#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Replays recorded answers through the matcher and the query room: our own cases always, a mongod's where its recording is present.
set -u
top=${FG_TOP:?} build=${FG_BUILD:?}
replay=$build/tests/queries/replay
status=0

run() { # run NAME < records
   local out
   if out=$("$replay" -v); then
      printf '%s\n' "$out" | tail -n 2
      echo "ok $1"
   else
      printf '%s\n' "$out" | tail -n 40 | sed 's/^/# /'
      echo "not ok $1 - see the lines above"
      status=1
   fi
}

run queries-own <"$top/tests/integration/queries/own.ndjson"

vectors=${FG_VECTORS:-$top/../shared/vectors}/mongod-queries.ndjson.gz
if [ -r "$vectors" ]; then
   run queries-mongod < <(zcat "$vectors")
else
   echo "skip queries-mongod - no recording at $vectors"
fi

# The comparison itself: one changed answer must be noticed.
if sed 's/"nModified": 1/"nModified": 2/' "$top/tests/integration/queries/own.ndjson" | "$replay" >/dev/null; then
   echo "not ok queries-notices-a-changed-answer - it did not"
   status=1
else
   echo "ok queries-notices-a-changed-answer"
fi
exit "$status"
