#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # the dollar signs are MongoDB's
# shellcheck source=tests/regress/keys/common.bash
. "$FG_TOP/tests/regress/keys/common.bash"
# Deterministic: always these bytes (computed apart from this code).
printf '%s\n' '{"v": "457-55-5462"}' '' '{"v": {"$numberInt": "7"}}' >in
fieldguard encrypt "${secrets[@]}" --key-alt-name ssn --algorithm AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic <in | tee sealed
# One document, several depths, a value that is no ciphertext.
printf '{"_id": 1, "a": {"b": [%s, {"plain": "x"}]}}\n' "$(head -n 1 sealed)" >doc.json
say decrypt "${secrets[@]}" doc.json
say decrypt "${secrets[@]}" <sealed
# BSON out and in again.
fieldguard decrypt "${secrets[@]}" --to bson doc.json >plain.bson
say decrypt "${secrets[@]}" plain.bson
say decrypt "${secrets[@]}" --from bson <plain.bson
# Random: never the same twice, and back.
fieldguard encrypt "${secrets[@]}" --key-id 00112233-4455-4677-8899-aabbccddeeff --algorithm Random <in >random1
fieldguard encrypt "${secrets[@]}" --key-id 00112233-4455-4677-8899-aabbccddeeff --algorithm Random <in >random2
cmp -s random1 random2 && echo "the same"
say decrypt "${secrets[@]}" <random1
