#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmark programs ($FG_BUILD/bench/*, and bench/*.sh), which print one JSON object {"name","peer","ratio","goal","ok"} a line; prints them as a table and
# writes $FG_BUILD/bench.json. A ratio is ours against the named peer, measured interleaved in one run, medians.
set -u
FG_TOP=$(cd "$(dirname "$0")/.." && pwd)
FG_BUILD=${FG_BUILD:-$FG_TOP/build}
FG_CLIENTS=${FG_CLIENTS:-$FG_TOP/build/clients}
export FG_TOP FG_BUILD FG_CLIENTS
"$FG_TOP/ci/clients.sh" "$FG_CLIENTS" pymongo # the newest libmongocrypt is in its wheel
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
status=0
for program in "$FG_BUILD"/bench/bench_* "$FG_TOP"/bench/bench_*.sh; do
   [ -x "$program" ] || continue
   [ -n "${1:-}" ] && [[ $program != *"$1"* ]] && continue
   case $program in
      *.d) continue ;;
   esac
   if ! "$program" </dev/null >>"$lines"; then
      echo "ci/bench.sh: ${program##*/} failed" >&2
      status=1
   fi
done
python3 - "$lines" "$FG_BUILD/bench.json" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
json.dump(rows, open(sys.argv[2], "w"), indent=1)
print(f"{'what':62} {'against':38} {'ratio':>8} {'goal':>8}")
for r in rows:
    goal = "-" if r.get("goal") is None else f"{r['goal']:g}"
    print(f"{r['name']:62} {r['peer']:38} {r['ratio']:8.3f} {goal:>8}  {'ok' if r['ok'] else 'MISSED'}")
PY
exit $status
