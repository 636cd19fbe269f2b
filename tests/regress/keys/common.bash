# SPDX-License-Identifier: Apache-2.0
# Shared by the keys cases: a vault with one known key, wrapped under 96 zero bytes; the command's output with both streams in order.
# shellcheck shell=bash
fieldguard() { "$FG_BUILD/bin/fieldguard" "$@"; }
say() { # runs and shows the exit status
   "$FG_BUILD/bin/fieldguard" "$@" 2>&1
   echo "exit $?"
}
zeros=$(head -c 96 /dev/zero | base64 -w0)
printf '{"local": {"key": "%s"}}\n' "$zeros" >kms.json
printf '{"local": {"key": "%s"}, "local:new": {"key": "%s"}}\n' "$zeros" "$(printf 'k%.0s' {1..96} | base64 -w0)" >both.json
cp "$FG_TOP/tests/regress/keys/vault.json" vault.json
vault=(--key-vault vault.json)
secrets=(--key-vault vault.json --kms-providers kms.json)
