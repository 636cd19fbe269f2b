# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Shared by the lint cases. Whole rules, so that a case shows its own advice and no other.
key='{"$binary": {"base64": "AAECAwQFRgeICQoLDA0ODw==", "subType": "04"}}'
random='"algorithm": "AEAD_AES_256_CBC_HMAC_SHA_512-Random"'
deterministic='"algorithm": "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"'
rule="{\"encrypt\": {\"bsonType\": \"string\", $random, \"keyId\": [$key]}}"

schema() { # a schema as a whole options document
   printf '{"validator": {"$jsonSchema": %s}}\n' "$1"
}
object() { # properties [required names]: an object in which nothing is left open
   printf '{"bsonType": "object", "additionalProperties": false, "required": %s, "properties": %s}' "${2:-[\"a\"]}" "$1"
}
lint() { # options on standard input: parse and exit status, then one line an advice
   "$FG_BUILD/bin/fieldguard" lint --json --options - >answer
   local status=$?
   python3 - "$status" <<'PY'
import json, sys
answer = json.load(open("answer"))
parse = answer["parse"]
print("parses" if parse["ok"] else f"{parse['code']} {parse['codeName']}: {parse['errmsg']} (at {parse['path']!r})", "- exit", sys.argv[1])
for a in answer["advice"]:
    assert set(a) == {"id", "severity", "path", "reason", "remedy"} and a["reason"] and a["remedy"], a
    print(f"   {a['severity']} {a['id']} at {a['path']!r}: {a['reason']}")
PY
}
parse() { # one schema an argument: code and text of each
   local s
   for s in "$@"; do
      schema "$s" | "$FG_BUILD/bin/fieldguard" lint --json --options - >answer
      local status=$?
      python3 - "$status" <<'PY'
import json, sys
parse = json.load(open("answer"))["parse"]
print("parses" if parse["ok"] else f"{parse['code']} {parse['codeName']} at {parse['path']!r}: {parse['errmsg']}", "- exit", sys.argv[1])
PY
   done
}
property() { # one member list an argument: each as the schema of a property a
   local s
   for s in "$@"; do parse "{\"properties\": {\"a\": {$s}}}"; done
}
