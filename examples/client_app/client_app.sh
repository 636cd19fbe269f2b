#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# client_app.c again, through the command: a key vault in a collection, a data key, an encrypted insert, a query by a deterministically encrypted
# field, the document read back. mongosh carries the documents and never sees a key.
#
#    client_app.sh mongodb://localhost:27017 KMS-PROVIDERS-FILE
#
# FIELDGUARD and MONGOSH name the two programs where they are not on the path. KMS-PROVIDERS-FILE for a local master key:
#    printf '{"local": {"key": "%s"}}\n' "$(openssl rand -base64 96 | tr -d '\n')"
set -euo pipefail
uri=${1:?usage: client_app.sh URI KMS-PROVIDERS-FILE}
providers=${2:?usage: client_app.sh URI KMS-PROVIDERS-FILE}
keys=(--key-vault "$uri/?ns=encryption.__keyVault" --kms-providers "$providers")

fieldguard() { "${FIELDGUARD:-fieldguard}" "$@"; }
query() { "${MONGOSH:-mongosh}" --quiet --norc "$uri/hr" --eval "$1"; }

# The value as the server stores it: {"$binary": {...}}
encrypt() { # algorithm value
   local line
   line=$(printf '{"v": "%s"}\n' "$2" | fieldguard encrypt "${keys[@]}" --key-alt-name employees --algorithm "$1")
   line=${line#*:}
   echo "${line%\}}"
}

fieldguard keys list --key-vault "$uri/?ns=encryption.__keyVault" | grep -qw employees ||
   fieldguard keys create "${keys[@]}" --provider local --key-alt-name employees >/dev/null

ssn=$(encrypt Deterministic 457-55-5462)
notes=$(encrypt Random left-handed)
query "db.employees.insertOne(EJSON.parse('{\"name\": \"Ada\", \"ssn\": $ssn, \"notes\": $notes}'))" >/dev/null

# Equal values have equal ciphertexts under one key: the server compares what it cannot read.
stored=$(query "EJSON.stringify(db.employees.findOne(EJSON.parse('{\"ssn\": $ssn}'), {_id: 0}))")
echo "stored: $stored"
echo "read:   $(echo "$stored" | fieldguard decrypt "${keys[@]}")"
