#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our own rules: functions that are banned, licence lines, and which room may include which (docs/architecture.md).
set -u
bad=0
complain() { # text
   echo "ci/rules.sh: $1" >&2
   bad=1
}
ban() { # extended regular expression, why, files...
   local pattern=$1 why=$2 hits
   shift 2
   hits=$(grep -nE "$pattern" "$@" /dev/null | grep -v 'lint: allow' || true)
   [ -z "$hits" ] || complain "$why:"$'\n'"$hits"
}
ban '(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|alloca|strtok|tmpnam|mktemp) *\(' 'banned function' "$@"
ban '(^|[^A-Za-z0-9_])(setjmp|longjmp) *\(' 'no longjmp' "$@"
ban '(^|[^A-Za-z])(T''ODO|F''IXME|X''XX)([^A-Za-z]|$)' 'unfinished' "$@"
mapfile -t client_files < <(printf '%s\n' "$@" | grep '^client/' || true)
[ ${#client_files[@]} -eq 0 ] || ban '(^|[^A-Za-z0-9_])memcmp *\(' 'secrets are compared with fg_ct_equal; say "lint: allow" where both sides are public' "${client_files[@]}"
for file in "$@"; do
   head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || complain "$file: no SPDX line"
done
# Arrows: a room includes its own files, public headers, base/, and what is listed here.
allowed() { # room
   case $1 in
      base) echo 'base' ;;
      schema) echo 'base schema' ;;
      audit) echo 'base audit' ;;
      module) echo 'base audit module' ;;
      client) echo 'base audit client' ;;
      cli) echo 'base cli client' ;;
      hosts) echo 'base hosts' ;;
      *) echo '' ;;
   esac
}
for file in "$@"; do
   room=${file%%/*}
   ok=$(allowed "$room")
   [ -n "$ok" ] || continue
   while IFS= read -r included; do
      case " $ok include fieldguard " in
         *" ${included%%/*} "*) ;;
         *) [ -d "${included%%/*}" ] && complain "$file includes $included: $room may only include $ok and public headers" ;;
      esac
   done < <(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$file")
done
# schema/ knows BSON; it knows no server, file or socket.
mapfile -t schema_files < <(printf '%s\n' "$@" | grep '^schema/' || true)
[ ${#schema_files[@]} -eq 0 ] || ban '#include <(fcntl|unistd|pthread|sys/.*|mongoc.*|openssl.*|curl.*|uv|lmdb|fieldguard/(module|host|audit|client))\.h>' 'schema/ includes nothing but libbson, PCRE2 and the C library' \
   "${schema_files[@]}"
# No path of a developer's machine, no registry's host name.
if git grep -nIE '(^|[^A-Za-z0-9_.])/(work|farm|root|home)/' -- . ':!ci/rules.sh' >&2; then
   complain 'a path of one machine stands in the tree'
fi
exit $bad
