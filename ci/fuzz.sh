#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ci/fuzz.sh fuzz-smoke: replays each target's committed corpus under plain gcc, then fuzzes it for FUZZ_SECONDS (10) with clang's libFuzzer.
# ci/fuzz.sh fuzz [NAME...]: FUZZ_SECONDS (600) each. A target says in its first lines which libraries it links:
#    /* FUZZ-LIBS: fieldguard-schema fieldguard-base ; -lbson-1.0 -lpcre2-8 */
set -u
mode=${1:-fuzz-smoke}
shift
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 2
out=$top/build/fuzz
mkdir -p "$out"
case $mode in
   fuzz-smoke) seconds=${FUZZ_SECONDS:-10} ;;
   *) seconds=${FUZZ_SECONDS:-600} ;;
esac
passed=0 failed=0
report() { # ok|not ok, name
   echo "$1 $2"
   if [ "$1" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
libs_of() { sed -n 's/.*FUZZ-LIBS: *\([^;*]*\).*/\1/p' "$1" | head -n 1; }
ldlibs_of() { sed -n 's/.*FUZZ-LIBS:[^;]*;\([^*]*\).*/\1/p' "$1" | head -n 1; }
archives() { # build folder, names
   local b=$1 n
   shift
   for n in "$@"; do printf '%s ' "$b/lib/lib$n.a"; done
}
read -r -a cppflags <<<"-Iinclude -I. -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8 $(pkg-config --cflags libbson-1.0)"
clang_b=build/fuzz/clang
for source in fuzz/fuzz_*.c; do
   name=$(basename "$source" .c)
   short=${name#fuzz_}
   if [ $# -gt 0 ] && [[ " $* " != *" $short "* ]]; then continue; fi
   read -r -a libs < <(libs_of "$source")
   read -r -a ldlibs < <(ldlibs_of "$source")
   corpus=fuzz/corpus/$short
   log=$out/$name.log
   # plain gcc: the corpus as a regression test
   read -r -a plain < <(archives build "${libs[@]}")
   if ! make -s FG_NO_SETUP=1 "${plain[@]}" >"$log" 2>&1 ||
      ! gcc "${cppflags[@]}" -g -O1 -o "$out/$name-replay" "$source" fuzz/replay_main.c "${plain[@]}" "${ldlibs[@]}" >>"$log" 2>&1; then
      tail -n 20 "$log"
      report 'not ok' "fuzz.$short.build"
      continue
   fi
   if "$out/$name-replay" "$corpus" >"$log" 2>&1; then report ok "fuzz.$short.replay"; else
      tail -n 20 "$log"
      report 'not ok' "fuzz.$short.replay"
   fi
   # libFuzzer with sanitizers
   read -r -a sanitized < <(archives $clang_b "${libs[@]}")
   if ! make -s FG_NO_SETUP=1 B=$clang_b CC=clang OPT=-O1 SAN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' \
      "${sanitized[@]}" >"$log" 2>&1 ||
      ! clang "${cppflags[@]}" -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o "$out/$name" "$source" "${sanitized[@]}" "${ldlibs[@]}" >>"$log" 2>&1; then
      tail -n 20 "$log"
      report 'not ok' "fuzz.$short.build-clang"
      continue
   fi
   mkdir -p "$out/found/$short" "$out/artifacts"
   if timeout $((seconds + 120)) "$out/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len="${FUZZ_MAX_LEN:-16384}" -print_final_stats=1 -artifact_prefix="$out/artifacts/$short-" \
      "$out/found/$short" "$corpus" >"$log" 2>&1; then
      report ok "fuzz.$short ($(sed -n 's/stat::number_of_executed_units: *//p' "$log") executions in $seconds s)"
   else
      tail -n 40 "$log"
      report 'not ok' "fuzz.$short"
   fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
