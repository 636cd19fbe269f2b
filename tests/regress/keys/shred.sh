#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Shredding: what refuses it, holding, joining, a disk that is full, grace, a backup that was changed, the end.
# shellcheck source=tests/regress/keys/common.bash
. "$FG_TOP/tests/regress/keys/common.bash"
tidy() { sed -E "s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g; s/20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/TIME/g; s/\\b[0-9a-f]{32}\\b/EPOCH/g; s#$PWD/##g"; }
key() { printf "$1%.0s" {1..96} | base64 -w0; }
printf '{"local:e1": {"key": "%s"}, "local:e2": {"key": "%s"}, "local:e3": {"key": "%s"}}\n' "$(key a)" "$(key b)" "$(key c)" >kms.json
head -c 32 /dev/zero >cert.key
chmod 600 cert.key
rm vault.json
for name in ssn user:41 user:42 user:43; do fieldguard keys create "${secrets[@]}" --provider local:e1 --key-alt-name $name >/dev/null; done
fieldguard keys create --key-vault other.json --kms-providers kms.json --provider local:e1 --key-alt-name theirs >/dev/null
cp vault.json before.json
for name in ssn user:42; do echo '{"v": "'$name'"}' | fieldguard encrypt "${secrets[@]}" --key-alt-name $name --algorithm Random >"$name.sealed"; done
shred() { say keys shred "${secrets[@]}" --certificate-dir certs --certificate-key cert.key "$@" 2>&1 | tidy; }

echo "--- refused, and nothing deleted"
shred --key-alt-name user:42
shred --key-alt-name nobody --to local:e2 --backup b.json
shred --key-alt-name user:42 --to local:e1 --backup b.json
shred --key-alt-name user:42 --to local:e2 --backup b.json --other-vault other.json
shred --key-alt-name user:42 --to local:e2 --backup before.json
shred --key-alt-name user:42 --to local:e2 --backup nowhere/b.json
shred --key-alt-name user:42 --to local:e9 --backup b.json
(trap '' XFSZ; ulimit -f 8; shred --key-alt-name user:42 --to local:e2 --backup b.json) | sed 's/: File too large.*//; s/cannot .*/cannot (no room)/'
cmp vault.json before.json && echo unchanged
find certs -name "roll-*" | wc -l

echo "--- a plan"
shred --key-alt-name user:42 --to local:e2 --backup b.json --plan

echo "--- two shreddings, one roll"
shred --key-alt-name user:41 --hold
shred --key-alt-name user:42 --to local:e2 --backup b.json --grace 0s --json >out.json
sed -E 's/"(roll|graceUntil)":"[^"]*"/"\1":"*"/g' out.json
fieldguard keys list "${vault[@]}" | awk '{print $2, $4}'
shred --key-alt-name user:42 --to local:e2 --backup b2.json

echo "--- the old epoch: no new key, no rewrapping back, no shredding or deleting of the marker"
say keys create "${secrets[@]}" --provider local:e1 --key-alt-name late
say keys rewrap "${secrets[@]}" --provider local:e1 | tidy
shred --key-alt-name fieldguard.epochs --to local:e3 --backup c.json
say keys delete "${secrets[@]}" --key-alt-name fieldguard.epochs

echo "--- who reads what: today's vault, yesterday's vault with and without the old master key"
say decrypt "${secrets[@]}" ssn.sealed
say decrypt "${secrets[@]}" user:42.sealed | tidy
say decrypt --key-vault before.json --kms-providers kms.json user:42.sealed
printf '{"local:e2": {"key": "%s"}, "local:e3": {"key": "%s"}}\n' "$(key b)" "$(key c)" >kms.json
say decrypt --key-vault before.json --kms-providers kms.json user:42.sealed | tidy
say decrypt --key-vault b.json --kms-providers kms.json ssn.sealed

echo "--- grace, and a backup that does not open any more"
shred --key-alt-name user:43 --to local:e3 --backup c.json --grace 1h
shred --finish
sed -i -E 's/("graceUntil" : \{ "\$date" : \{ "\$numberLong" : ")[0-9]+/\11000/' certs/roll-*.json
cp c.json kept.json
sed -i '1d' c.json
shred --finish
rm c.json
shred --finish
mv kept.json elsewhere.json
shred --finish --backup elsewhere.json
shred --finish
echo "--- the chain"
say audit verify certs/certificates.log.2* certs/certificates.log --key cert.key | sed 's/verified [0-9]* records in [0-9]* files/verified all/'
cat certs/certificates.log.2* certs/certificates.log | grep -o '"stage" : "[a-z]*"'
