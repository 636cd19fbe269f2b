#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ci/clients.sh FOLDER [CLIENT]: sets up the test clients that Debian does not ship (pymongo, moto and PyKMIP from PyPI; the Node driver and mongosh from npm;
# Vault's Transit engine from Go modules) below FOLDER, once. For each client that cannot be had it leaves FOLDER/<client>.missing with the reason, which the test then gives as its skip.
set -u
dir=${1:?usage: ci/clients.sh FOLDER}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
log=$dir/install.log

note_missing() { # client reason
   echo "$2" >"$dir/$1.missing"
   echo "ci/clients.sh: no $1: $2" >&2
}

install_pymongo() {
   [ -x "$dir/venv/bin/python" ] && "$dir/venv/bin/python" -c 'import pymongo, pymongocrypt' 2>/dev/null && return 0
   rm -rf "$dir/venv"
   echo "ci/clients.sh: installing pymongo into $dir/venv" >&2
   python3 -m venv "$dir/venv" >>"$log" 2>&1 || { note_missing pymongo "python3 -m venv failed"; return; }
   timeout 300 "$dir/venv/bin/pip" install --disable-pip-version-check -q 'pymongo[encryption]' >>"$log" 2>&1 ||
      { note_missing pymongo "pip could not install pymongo (registry out of reach?)"; rm -rf "$dir/venv"; return; }
   rm -f "$dir/pymongo.missing"
}

# The newest driver that this Node runs: 7.x wants Node 20.19.
node_driver() {
   node -e 'const [a, b] = process.versions.node.split(".").map(Number); console.log(a > 20 || (a === 20 && b >= 19) ? "mongodb@latest" : "mongodb@6")'
}

install_node() { # folder package client
   [ -f "$dir/$1/.done" ] && return 0
   if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
      note_missing "$3" "no Node.js on this machine"
      return
   fi
   echo "ci/clients.sh: installing $2 into $dir/$1" >&2
   mkdir -p "$dir/$1"
   echo '{"private": true}' >"$dir/$1/package.json"
   if (cd "$dir/$1" && timeout 420 npm install --no-audit --no-fund --loglevel=error "$2") >>"$log" 2>&1; then
      touch "$dir/$1/.done"
      rm -f "$dir/$3.missing"
   else
      note_missing "$3" "npm could not install $2 (registry out of reach?)"
   fi
}

# AWS KMS as moto has it, and PyKMIP's server.
install_kms() {
   [ -x "$dir/venv/bin/moto_server" ] && [ -x "$dir/venv/bin/pykmip-server" ] && return 0
   [ -x "$dir/venv/bin/pip" ] || { note_missing kms "no virtual environment"; return; }
   echo "ci/clients.sh: installing moto and PyKMIP into $dir/venv" >&2
   timeout 300 "$dir/venv/bin/pip" install --disable-pip-version-check -q moto flask flask-cors pykmip >>"$log" 2>&1 ||
      { note_missing kms "pip could not install moto and PyKMIP (registry out of reach?)"; return; }
   rm -f "$dir/kms.missing"
}

# Vault's Transit engine and AppRole method: Go modules, built by Go's own tool where it is new enough.
install_transit() {
   local source version
   source=$(cd "$(dirname "$0")/../tests/integration/real_kms/transit" && pwd)
   [ -x "$dir/transit/transit" ] && [ "$dir/transit/transit" -nt "$source/main.go" ] && return 0
   version=$(go env GOVERSION 2>/dev/null)
   if ! [[ $version =~ ^go1\.([0-9]+) ]] || [ "${BASH_REMATCH[1]}" -lt 25 ]; then
      note_missing transit "Go 1.25 or newer is not on this machine"
      return
   fi
   echo "ci/clients.sh: building Vault's Transit engine into $dir/transit" >&2
   mkdir -p "$dir/transit"
   if (cd "$source" && GOTOOLCHAIN=local GOFLAGS=-modcacherw timeout 500 go build -buildvcs=false -ldflags='-s -w' -o "$dir/transit/transit" .) >>"$log" 2>&1; then
      rm -f "$dir/transit.missing"
   else
      note_missing transit "go build failed (module proxy out of reach?)"
   fi
}

only=${2:-}
wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }
wanted pymongo && install_pymongo
wanted kms && install_kms
wanted transit && install_transit
wanted node && install_node node "$(node_driver 2>/dev/null || echo mongodb@6)" node
wanted mongosh && install_node mongosh mongosh mongosh
exit 0
