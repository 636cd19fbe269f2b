#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ci/check.sh [all|unit|regress|integration] [NAME...]: runs the tests of a finished build ($FG_BUILD) and ends with "N passed, M failed[, K skipped]".
# Every test program prints "ok NAME", "not ok NAME - why" or "skip NAME - reason" lines; a program that fails, hangs or prints no such line
# counts as failed itself. NAMEs limit the run to programs whose path contains one of them.
set -u
kind=${1:-all}
shift $(( $# > 0 ? 1 : 0 ))
only=("$@")
FG_TOP=$(cd "$(dirname "$0")/.." && pwd)
FG_BUILD=${FG_BUILD:-$FG_TOP/build}
FG_CLIENTS=${FG_CLIENTS:-$FG_TOP/build/clients}
FG_VECTORS=${FG_VECTORS:-$FG_TOP/../shared/vectors}
export FG_TOP FG_BUILD FG_CLIENTS FG_VECTORS
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export LC_ALL=C.UTF-8
case ${SANITIZE:-} in
   '') limit=${FG_TEST_SECONDS:-300} ;;
   *) limit=${FG_TEST_SECONDS:-600} ;;
esac
logs=$FG_BUILD/test-logs/$kind.$$ # of its own: runs side by side do not disturb each other
mkdir -p "$logs"
find "$FG_BUILD/test-logs" -mindepth 1 -maxdepth 1 -mmin +600 -exec rm -rf {} +
passed=0 failed=0 skipped=0
skips=() failures=()

wanted() { # path
   [ ${#only[@]} -eq 0 ] && return 0
   local o
   for o in "${only[@]}"; do [[ $1 == *"$o"* ]] && return 0; done
   return 1
}

# Counts the protocol lines of one program's output.
account() { # name status logfile
   local p f s
   p=$(grep -c '^ok ' "$3")
   f=$(grep -c '^not ok ' "$3")
   s=$(grep -c '^skip ' "$3")
   if [ "$2" -eq 124 ] || [ "$2" -eq 137 ]; then
      echo "not ok $1 - did not finish in $limit s" >>"$3"
      f=$((f + 1))
   elif [ "$f" -eq 0 ] && [ "$2" -ne 0 ]; then
      echo "not ok $1 - exit status $2" >>"$3"
      f=1
   elif [ $((p + f + s)) -eq 0 ]; then
      echo "not ok $1 - printed no result" >>"$3"
      f=1
   fi
   passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
   while IFS= read -r line; do skips+=("${line#skip }"); done < <(grep '^skip ' "$3")
   while IFS= read -r line; do failures+=("${line#not ok }"); done < <(grep '^not ok ' "$3")
   printf '%-58s %4d passed' "$1" "$p"
   [ "$f" -gt 0 ] && printf ', %d FAILED' "$f"
   [ "$s" -gt 0 ] && printf ', %d skipped' "$s"
   printf '  (%d s)\n' "$SECONDS"
   if [ "$f" -gt 0 ]; then
      grep -v '^ok ' "$3" | tail -n 60 | sed 's/^/   | /'
   fi
}

run_program() { # name command...
   local name=$1 log
   shift
   log=$logs/${name//\//_}.log
   SECONDS=0
   (cd "$FG_TOP" && timeout --kill-after=10 "$limit" "$@") >"$log" 2>&1 </dev/null
   account "$name" $? "$log"
}

# A regress case: a script's standard output against the .out file beside it.
run_regress_case() { # script
   local name=${1#"$FG_TOP"/tests/} work log out status
   name=${name%.sh}
   work=$(mktemp -d)
   log=$logs/${name//\//_}.log
   out=$logs/${name//\//_}.actual
   SECONDS=0
   (cd "$work" && timeout --kill-after=10 "$limit" bash "$1") >"$out" 2>"$log" </dev/null
   status=$?
   if [ "$status" -ne 0 ]; then
      echo "not ok $name - exit status $status" >>"$log"
   elif ! diff -u "${1%.sh}.out" "$out" >>"$log" 2>&1; then
      echo "not ok $name - output differs" >>"$log"
   else
      echo "ok $name" >>"$log"
   fi
   rm -rf "$work"
   account "$name" 0 "$log"
}

if [ "$kind" = all ] || [ "$kind" = unit ]; then
   while IFS= read -r t; do
      wanted "$t" && run_program "unit/${t#"$FG_BUILD"/tests/}" "$t"
   done < <(cd "$FG_TOP" && for t in tests/unit/*/test_*.c; do t=${t#tests/unit/}; echo "$FG_BUILD/tests/${t%.c}"; done | sort)
fi
if [ "$kind" = all ] || [ "$kind" = regress ]; then
   while IFS= read -r t; do
      wanted "$t" && run_regress_case "$t"
   done < <(find "$FG_TOP/tests/regress" -name '*.sh' | sort)
fi
if [ "$kind" = all ] || [ "$kind" = integration ]; then
   "$FG_TOP/ci/clients.sh" "$FG_CLIENTS"
   while IFS= read -r t; do
      wanted "$t" || continue
      case $t in
         *.py) run_program "${t#"$FG_TOP"/tests/}" python3 "$t" ;;
         *) run_program "${t#"$FG_TOP"/tests/}" bash "$t" ;;
      esac
   done < <(find "$FG_TOP/tests/integration" -name 'test_*.sh' -o -name 'test_*.py' | sort)
fi

if [ ${#failures[@]} -gt 0 ]; then
   echo 'failed:'
   printf '   %s\n' "${failures[@]}"
fi
if [ ${#skips[@]} -gt 0 ]; then
   echo 'skipped:'
   printf '   %s\n' "${skips[@]}"
fi
tail_text=
[ "$skipped" -gt 0 ] && tail_text=", $skipped skipped"
echo "$passed passed, $failed failed$tail_text"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
