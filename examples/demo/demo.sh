#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job, end to end: fieldguardd with fieldguard.so on a free port, libmongoc against it, the audit trail, and a search for the plaintext in every
# file that was written. $FG_BUILD: the build folder. FG_WRAP: a command put before fieldguardd (valgrind).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
FG_BUILD=${FG_BUILD:-$top/build}
work=$(mktemp -d)
server=
cleanup() {
   [ -z "$server" ] || kill "$server" 2>/dev/null || true
   wait 2>/dev/null || true
   rm -rf "$work"
}
trap cleanup EXIT
say() { printf '\n== %s\n' "$1"; }

# Starts a server with its files in $work/$1 and sets $server and $uri.
start() { # name arguments...
   local dir=$work/$1 port=
   shift
   mkdir -p "$dir/db"
   read -r -a wrap <<<"${FG_WRAP:-}"
   "${wrap[@]}" "$FG_BUILD/bin/fieldguardd" --port 0 --bind_ip 127.0.0.1 --dbpath "$dir/db" --logpath "$dir/fieldguardd.log" --loadModule "$FG_BUILD/lib/fieldguard.so" \
      --setParameter "fieldguard.auditPath=$dir/audit.log" "$@" &
   server=$!
   for _ in $(seq 300); do
      port=$(sed -n 's/.*"msg":"Waiting for connections".*"port":\([0-9]*\).*/\1/p' "$dir/fieldguardd.log" 2>/dev/null | tail -n 1)
      [ -n "$port" ] && break
      kill -0 "$server" 2>/dev/null || { echo "fieldguardd did not start:" >&2; cat "$dir/fieldguardd.log" >&2; exit 1; }
      sleep 0.1
   done
   [ -n "$port" ] || { echo "fieldguardd does not say which port it listens on" >&2; exit 1; }
   uri=mongodb://127.0.0.1:$port
}
stop() {
   kill -TERM "$server"
   wait "$server"
   server=
}
# Succeeds when no file below the folder holds the name that the demo writes.
search() { # folder
   if grep -raq 'Ada Lovelace' "$1"; then
      echo "   the plaintext stands in:" && grep -ral 'Ada Lovelace' "$1"
      return 1
   fi
}

say 'fieldguardd --loadModule fieldguard.so (mode: enforce)'
start enforce
"$FG_BUILD/bin/fieldguard-demo" enforce "$uri"
stop

say 'The audit trail: what was refused, where, from where, and never the value'
grep '"fieldguard.violation"' "$work/enforce/audit.log" | sed 's/^/   /'
"$FG_BUILD/bin/fieldguard" audit verify "$work/enforce/audit.log" | sed 's/^/   /'

say 'The same server in audit mode: plaintext goes in, and is on record'
start audit --setParameter fieldguard.mode=audit
"$FG_BUILD/bin/fieldguard-demo" audit "$uri"
stop
grep '"fieldguard.violation"' "$work/audit/audit.log" | sed 's/^/   /'

say 'Does the plaintext stand in any file that was written?'
search "$work/enforce"
printf '   enforce: %s files (database, log, audit): no\n' "$(find "$work/enforce" -type f | wc -l)"
mkdir "$work/audit-traces"
mv "$work/audit/fieldguardd.log" "$work/audit/audit.log" "$work/audit-traces"
search "$work/audit-traces"
printf '   audit: log and audit file: no (the database has it: audit mode accepted it)\n'

cat <<TEXT

Everything went as it should. To keep a server running and look around with mongosh:

   mkdir -p /tmp/fieldguard && build/bin/fieldguardd --dbpath /tmp/fieldguard --loadModule build/lib/fieldguard.so
   mongosh mongodb://127.0.0.1:27017
TEXT
