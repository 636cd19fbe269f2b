#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing for the sets named (build, check, lint, fuzz, bench), and says so.
set -u
declare -A SETS=(
   [build]="gcc make pkg-config libbson-dev libmongoc-dev libssl-dev libpcre2-dev libcurl4-openssl-dev liblmdb-dev libuv1-dev libyaml-dev libcunit1-dev"
   [check]="python3 python3-venv python3-pip nodejs npm valgrind libmongocrypt-dev"
   [lint]="clang-format clang-tidy clang cppcheck shellcheck git"
   [fuzz]="clang libclang-rt-14-dev"
   [bench]="libmongocrypt-dev"
)
# A tool that is on PATH counts as installed, whoever installed it; a -dev package is asked of dpkg.
has() {
   case $1 in
      python3-venv) python3 -c 'import venv, ensurepip' 2>/dev/null && return 0 ;;
      python3-pip) python3 -m pip --version >/dev/null 2>&1 && return 0 ;;
      nodejs) command -v node >/dev/null && return 0 ;;
      gcc|make|pkg-config|python3|npm|valgrind|clang-format|clang-tidy|clang|cppcheck|shellcheck|git) command -v "$1" >/dev/null && return 0 ;;
   esac
   dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'
}
missing=()
for set in "$@"; do
   for package in ${SETS[$set]:?no such set of packages: $set}; do
      has "$package" || missing+=("$package")
   done
done
[ ${#missing[@]} -eq 0 ] && exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if ! command -v apt-get >/dev/null; then
   echo "ci/deps.sh: missing: ${missing[*]}; this is no Debian system, install them by hand" >&2
   exit 1
fi
echo "ci/deps.sh: installing ${missing[*]}" >&2
sudo=()
if [ "$(id -u)" -ne 0 ]; then
   sudo=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${sudo[@]}" apt-get update && "${sudo[@]}" apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
   tail -n 20 "$log" >&2
   echo "ci/deps.sh: apt-get could not install ${missing[*]}; see above" >&2
   exit 1
fi
