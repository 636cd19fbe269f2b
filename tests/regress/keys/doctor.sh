#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A finding of each kind that can be shown without a server.
# shellcheck source=tests/regress/keys/common.bash
. "$FG_TOP/tests/regress/keys/common.bash"
tidy() { sed -E "s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g; s/of [0-9]+ days$/of N days/; s/file [0-9]+, line [0-9]+: .*/FILE, LINE: changed/"; }
key() { printf "$1%.0s" {1..96} | base64 -w0; }
printf '{"local": {"key": "%s"}, "local:e1": {"key": "%s"}, "local:e2": {"key": "%s"}}\n' "$zeros" "$(key a)" "$(key b)" >kms.json
# The findings of the ids that are named, without remedies.
doctor() { # ids, arguments...
   local ids=$1
   shift
   say keys doctor "$@" 2>&1 | grep -E "^(fieldguard:|exit|(info|warning|error) ($ids):)" | tidy
}

echo "--- documents"
doctor 'key-old|no-alt-name|local-master-key|keys-per-master-key|keys-not-tried|vault-place-unknown|separation-unknown|backup-retention-unknown|checklist' "${vault[@]}" --max-age 1
cat vault.json vault.json >twice.json
doctor 'duplicate-.*' --key-vault twice.json
{ echo '['; tr '\n' ' ' <vault.json; echo ', {"_id": 1}]'; } >array.json
doctor 'bad-key-document' --key-vault array.json
sed 's/"ssn", "user:1"//' vault.json >unnamed.json
doctor 'no-alt-name' --key-vault unnamed.json
doctor 'key-not-opened' "${secrets[@]}" # opens
doctor 'key-not-opened' --key-vault vault.json --kms-providers <(printf '{"local": {"key": "%s"}}' "$(key x)")
doctor 'key-not-opened' --key-vault vault.json --kms-providers <(printf '{"local:other": {"key": "%s"}}' "$(key x)")
doctor 'shared-master-key' "${vault[@]}" --other-vault unnamed.json
doctor 'vault-place-unknown' "${vault[@]}" --data vault.json
doctor 'backup-retention-.*' "${vault[@]}" --backup-retention 30d
doctor 'backup-retention-.*' "${vault[@]}" --backup-retention 2d
say keys doctor --key-vault nowhere.json | sed 's/.*nowhere.*/&/'
say keys doctor --key-vault vault.json --max-age never

echo "--- epochs and certificates"
rm vault.json
for name in ssn user:42; do fieldguard keys create "${secrets[@]}" --provider local:e1 --key-alt-name $name >/dev/null; done
fieldguard keys create --key-vault late.json --kms-providers kms.json --provider local:e1 --key-alt-name late >/dev/null
cp vault.json before.json
all='key-under-closed-epoch|closed-epoch-configured|certificate-chain-broken|shredded-key-back|epoch-marker-missing|roll-unfinished|backup-retention-longer|destruction-undone'
head -c 32 /dev/zero >cert.key
chmod 600 cert.key
fieldguard keys shred "${secrets[@]}" --certificate-dir certs --certificate-key cert.key --key-alt-name user:42 --to local:e2 --backup b.json --grace 1h --backup-retention 30d >/dev/null
certificates=(--certificates certs --certificate-key cert.key)
doctor "$all" "${secrets[@]}" "${certificates[@]}"
sed -i -E 's/("graceUntil" : \{ "\$date" : \{ "\$numberLong" : ")[0-9]+/\11000/' certs/roll-*.json
doctor "$all" "${secrets[@]}" "${certificates[@]}"
fieldguard keys shred "${secrets[@]}" --certificate-dir certs --certificate-key cert.key --finish >/dev/null
doctor "$all" "${secrets[@]}" "${certificates[@]}"
cat late.json >>vault.json
doctor "$all" "${secrets[@]}" "${certificates[@]}" --backup-retention 90d
doctor "$all" --key-vault before.json --kms-providers kms.json "${certificates[@]}"
closed=(certs/certificates.log.2*)
sed -i 's/user:42/user:43/' "${closed[1]}"
doctor "$all" "${secrets[@]}" "${certificates[@]}"
doctor "$all" "${secrets[@]}" --certificates nowhere

echo "--- JSON"
fieldguard keys doctor "${secrets[@]}" --json | grep '"closed-epoch-configured"'
