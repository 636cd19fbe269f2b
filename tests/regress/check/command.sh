#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every flag and exit status; inputs that cannot be read, with their offsets; no value of a document in a complaint.
say() { "$FG_BUILD/bin/fieldguard" check "$@" 2>&1; echo "exit $?"; }
cat >options.json <<'JSON'
{"validator": {"$jsonSchema": {"bsonType": "object", "required": ["n"], "properties": {
   "n": {"bsonType": "int", "minimum": 3}, "ssn": {"encrypt": {"bsonType": "string", "algorithm": "AEAD_AES_256_CBC_HMAC_SHA_512-Random"}}}}}}
JSON
printf '{"_id": 1, "n": 4}\n\n  {"_id": "b", "n": {"$numberLong": "5"}}\r\n{"n": 1, "ssn": "SECRET"}' >mixed.json
printf '{"n": 3}\n' >good.json
# A header and then nothing: mongod takes it, the module does not.
printf '{"n": 3, "ssn": {"$binary": {"base64": "AgABAgMEBUYHiAkKCwwNDg8C", "subType": "06"}}}\n' >header.json
# shellcheck disable=SC2059 # the byte is an escape of the format
bson() { printf '\x0c\x00\x00\x00\x10n\x00'"\\x0$1"'\x00\x00\x00\x00'; }
{ bson 3; bson 2; bson 9; } >three.bson
say --options options.json mixed.json
say --options options.json good.json
say --options options.json - <mixed.json | tail -n 1
head -c 100000 /dev/zero | tr '\0' '\n' | cat - good.json | say --options options.json
say --options options.json three.bson
say --options options.json --format bson - <three.bson
say --options options.json --summary three.bson
say --options options.json header.json
say --options options.json --strict header.json
say --options options.json --strict --summary header.json mixed.json
say --options options.json --strict --summary mixed.json
say --options options.json --format json three.bson
say --options options.json --format bson good.json
say --options options.json --format xml good.json
say --options options.json /dev/null
# Truncated, lying, not a document.
head -c 20 three.bson | say --options options.json
head -c 26 three.bson | say --options options.json
printf '\x04\x00\x00\x00' | say --options options.json
printf '\xff\xff\xff\x7f\x10' | say --options options.json
{ bson 3; printf '\xff\xff\xff\x7f\x10n'; } | say --options options.json
{ bson 3; printf '\x00\x00\x00\x80\x10n'; } | say --options options.json
{ bson 3; printf '\x0c\x00\x00\x00\x10n\x00\x03\x00\x00\x00\x07'; } | say --options options.json
{ bson 3; printf '\x0c\x00\x00\x00\x02n\x00\xff\x00\x00\x00\x00'; } | say --options options.json
printf '{"n": 3}\n{"n": SECRET}\n' | say --options options.json
printf '{"n": 3} {"n": 4}\n' | say --options options.json
printf '{"n": 3, "s": "\\ud800"}\n' | say --options options.json
printf '{"n": 3, "s": "\xff"}\n' | say --options options.json
printf 'SECRET\n' | say --options options.json
say --options options.json nosuch.bson
say --options options.json .
say --options nosuch.json good.json
say --options good.json good.json
printf '{"validator": {"$jsonSchema": {"minimum": "x"}}}' >wrong.json
say --options wrong.json good.json
say good.json
say --options options.json good.json three.bson
say --options - - </dev/null
say --nosuch
say --help
