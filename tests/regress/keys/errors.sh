#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # the dollar signs are MongoDB's
# shellcheck source=tests/regress/keys/common.bash
. "$FG_TOP/tests/regress/keys/common.bash"
det=("${secrets[@]}" --key-alt-name ssn --algorithm Deterministic)
echo '{"v": true}' | say encrypt "${det[@]}"
echo '{"v": null}' | say encrypt "${det[@]}"
echo '{"w": "x"}' | say encrypt "${det[@]}"
echo 'not json, SECRET-IN-INPUT' | say encrypt "${det[@]}"
say encrypt "${secrets[@]}" --key-alt-name nobody --algorithm Random </dev/null
say encrypt "${secrets[@]}" --key-alt-name ssn --algorithm Indexed </dev/null
say encrypt "${secrets[@]}" --key-alt-name ssn --key-id 00112233-4455-4677-8899-aabbccddeeff --algorithm Random </dev/null
say encrypt --kms-providers kms.json --key-alt-name ssn --algorithm Random </dev/null
# A forged tag, a truncated blob, a key that is not there: the document before it is written, nothing of its own.
echo '{"v": "x"}' | fieldguard encrypt "${det[@]}" >good
forged=$(sed 's/"base64" : "\(.*\)..==",/"base64" : "\1AA==",/' good)
printf '%s\n%s\n' '{"a": 1}' "$forged" | say decrypt "${secrets[@]}"
echo '{"a": {"b": {"$binary": {"base64": "AQAA", "subType": "06"}}}}' | say decrypt "${secrets[@]}"
sed 's/"AQARIjNE/"AQARIjNF/' good | say decrypt "${secrets[@]}"
printf '\x10\x00\x00\x00' | say decrypt "${secrets[@]}" --from bson
printf '\x05\x00\x00\x00\x00\x05' | say decrypt "${secrets[@]}" --from bson --to bson | tr -d '\0\5'
# Another master key, no master key, files that are not what they should be.
printf '{"local": {"key": "%s"}}\n' "$(printf 'x%.0s' {1..96} | base64 -w0)" >other.json
say decrypt "${vault[@]}" --kms-providers other.json good
say decrypt "${vault[@]}" good
echo '{"local": {"key": "QUFBQQ=="}}' >short.json
say decrypt "${vault[@]}" --kms-providers short.json good
say decrypt "${vault[@]}" --kms-providers /dev/null good
say decrypt --key-vault good --kms-providers kms.json good
say decrypt --key-vault nosuch.json --kms-providers kms.json good
say decrypt --key-vault 'mongodb://user:PASSWORD@127.0.0.1/?ns=a.b' --kms-providers kms.json good
say decrypt --key-vault 'mongodb://127.0.0.1/' --kms-providers kms.json good
say keys
say keys nosuch
