#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# keys migrate: there, again, back; what it says and how it ends.
set -u
fieldguard=$FG_BUILD/bin/fieldguard
key() { head -c 96 /dev/zero | tr '\0' "$1" | base64 -w0; }
printf '{"local": {"key": "%s"}, "local:next": {"key": "%s"}}\n' "$(key a)" "$(key b)" >kms.json
run() { # arguments: output, without ids, and exit status
   echo "\$ fieldguard $*"
   "$fieldguard" "$@" --key-vault vault.json --kms-providers kms.json 2>&1 | sed -E 's/[0-9a-f]{8}-[0-9a-f-]{27}/UUID/g'
   echo "exit ${PIPESTATUS[0]}"
}
providers() { "$fieldguard" keys list --key-vault vault.json | awk '{print $2, $4}'; }
for name in one two three; do
   "$fieldguard" keys create --key-vault vault.json --kms-providers kms.json --provider local --key-alt-name $name >/dev/null
done
run keys migrate --from local --to local:next --dry-run
providers
run keys migrate --from local --to local:next
providers
ls
run keys migrate --from local --to local:next
run keys migrate --from local --to local:next --json
run keys migrate --from local:next --to local --journal vault.json.local-to-local_next.journal
run keys migrate --from local --to local:next --rollback
providers
run keys migrate --from local --to local:next
# One key, filtered; then a key of a master key that is gone.
run keys migrate --from local --to local:next --journal j --backup b --filter '{"keyAltNames": "two"}'
providers
printf '{"local": {"key": "%s"}, "local:next": {"key": "%s"}}\n' "$(key c)" "$(key b)" >kms.json
run keys migrate --from local --to local:next --journal j2 --backup b2
run keys migrate --from local --to local:next --journal j2 --backup b2 --json
run keys migrate --from local --to aws --journal j3 --backup b
run keys rewrap --journal j4 --filter '{"masterKey.provider": "local:next"}'
run keys rewrap --journal j4 --filter '{"masterKey.provider": "local:next"}' --rollback
