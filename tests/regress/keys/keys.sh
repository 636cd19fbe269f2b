#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # the dollar signs are MongoDB's
# shellcheck source=tests/regress/keys/common.bash
. "$FG_TOP/tests/regress/keys/common.bash"
say keys list "${vault[@]}"
say keys show "${vault[@]}" --key-id 00112233445546778899AABBCCDDEEFF
say keys alt-name add second "${vault[@]}" --key-alt-name ssn
say keys alt-name remove ssn "${vault[@]}" --key-alt-name second
say keys list "${vault[@]}"
say keys list "${vault[@]}" --filter '{"keyAltNames": "second"}'
say keys list "${vault[@]}" --filter '{"masterKey.provider": {"$in": ["aws", "azure"]}}'
say keys list "${vault[@]}" --filter '{"$where": "1"}'
# A second key; names stay unique.
id=$(fieldguard keys create "${secrets[@]}" --provider local --key-alt-name two)
[ ${#id} -eq 36 ] && echo created
say keys create "${secrets[@]}" --provider local --key-alt-name second
say keys alt-name add two "${vault[@]}" --key-alt-name second
fieldguard keys list "${vault[@]}" --json | wc -l
# Under another master key: data stays readable, the old wrapping is gone.
echo '{"v": "still here"}' | fieldguard encrypt "${secrets[@]}" --key-alt-name two --algorithm Random >sealed
say keys rewrap "${vault[@]}" --kms-providers both.json --provider local:new --filter '{"masterKey.provider": "local"}'
say decrypt "${vault[@]}" --kms-providers both.json sealed
say decrypt "${secrets[@]}" sealed | sed "s/$id/ID/g"
say keys rewrap "${vault[@]}" --kms-providers both.json --json
say keys rewrap "${vault[@]}" --kms-providers kms.json | sed -E 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g'
say keys delete "${vault[@]}" --key-id "$id" | sed "s/$id/ID/"
say decrypt "${vault[@]}" --kms-providers both.json sealed | sed "s/$id/ID/g"
say keys delete "${vault[@]}" --key-alt-name two
say keys create "${secrets[@]}" --provider aws --master-key /dev/null
