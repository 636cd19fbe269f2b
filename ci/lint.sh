#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-format, clang-tidy, cppcheck, shellcheck and our own rules over the files that git knows.
set -u
cd "$(dirname "$0")/.." || exit 2
passed=0 failed=0
report() { # name status
   if [ "$2" -eq 0 ]; then echo "ok lint.$1"; passed=$((passed + 1)); else echo "not ok lint.$1"; failed=$((failed + 1)); fi
}
mapfile -t c_files < <(git ls-files -- '*.c')
# CUnit's assertions do not end a test, which the analyser cannot know: tests are left to the compilers and cppcheck.
mapfile -t tidy_files < <(git ls-files -- '*.c' ':!tests/')
mapfile -t all_files < <(git ls-files -- '*.c' '*.h' '*.cpp')
mapfile -t ours < <(git ls-files -- '*.c' '*.h' | grep -v '^hosts/mongod/')
mapfile -t scripts < <(git ls-files -- '*.sh' .ci/run)

clang-format --dry-run -Werror "${all_files[@]}"
report clang-format $?

flags=(-std=c11 -Iinclude -I. -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8 '-DFG_VERSION="0"')
for lib in libbson-1.0 libmongoc-1.0 libuv; do
   for f in $(pkg-config --cflags "$lib"); do flags+=("${f/#-I/-isystem}"); done
done
# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\0' "${tidy_files[@]}" | FLAGS="${flags[*]}" xargs -0 -P "$(nproc)" -n 4 bash -c 'read -r -a flags <<<"$FLAGS"; clang-tidy --quiet --warnings-as-errors="*" "$@" -- "${flags[@]}" 2> >(grep -E "error|Error" >&2)' tidy
report clang-tidy $?

cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr --suppressions-list=ci/cppcheck.supp \
   -j "$(nproc)" -Iinclude -I. -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8 "${c_files[@]}"
report cppcheck $?

shellcheck -x "${scripts[@]}"
report shellcheck $?

ci/rules.sh "${ours[@]}"
report rules $?

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
