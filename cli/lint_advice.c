/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lint.h"

#include <stdarg.h>
#include <stdio.h>

static const struct advice {
   const char *id;
   bool warning; /* else informational: no part of the exit status */
   const char *reason;
   const char *remedy;
} advices[FG_ADVICE_COUNT] = {
   [FG_ADVICE_UNDER_NEGATION] = {"encrypt-under-negation", true,
                                 "`encrypt` below `not` or `$nor` asks for values that are not encrypted, and no "
                                 "strict rule is made of it",
                                 "state the rule outside the negation"},
   [FG_ADVICE_IN_ALTERNATIVE] = {"encrypt-in-alternative", true,
                                 "`encrypt` in one branch of an alternative (`anyOf`, `oneOf`, `$or`, `dependencies`): "
                                 "a server takes plaintext through another branch",
                                 "state `encrypt` outside the alternative, or in every branch"},
   [FG_ADVICE_UNREACHABLE] = {"unreachable-path", true, "the rule stands where no value is ever looked at",
                              "correct the type that stands above it, or move the rule"},
   [FG_ADVICE_PARENT_TYPE_OPEN] = {"parent-type-open", true,
                                   "a rule below says nothing when this value has another type: a server takes an "
                                   "array or a scalar here, with plaintext in it",
                                   "state `bsonType` here: \"object\" above `properties`, \"array\" above `items`"},
   [FG_ADVICE_DOTTED_PROPERTY] = {"dotted-property", true,
                                  "a dot in a property's name is a path: a server takes plaintext in an array on that "
                                  "path, and in a field whose literal name has the dot",
                                  "nest `properties`, with `bsonType: \"object\"` on the way"},
   [FG_ADVICE_NOT_REQUIRED] = {"not-required", true,
                               "the encrypted field is not in `required`: a document without it is accepted",
                               "name the field in `required`, unless it may be absent"},
   [FG_ADVICE_ADDITIONAL_OPEN] =
      {"additional-properties-open", true,
       "other names are open beside an encrypted one: a mistyped field name stores plaintext",
       "`additionalProperties: false`, and every name in `properties`"},
   [FG_ADVICE_POINTER_KEY_ID] = {"pointer-key-id", false,
                                 "a JSON pointer as `keyId` means any well-formed key id: the server cannot know whose "
                                 "key it is. Keys of individual users need it",
                                 "an array of UUIDs, where the keys are known beforehand"},
   [FG_ADVICE_LOW_CARDINALITY] = {"low-cardinality", true,
                                  "deterministic encryption of a type with few values shows which documents are equal, "
                                  "and soon the values",
                                  "AEAD_AES_256_CBC_HMAC_SHA_512-Random"},
   [FG_ADVICE_UNENCRYPTABLE_TYPE] = {"unencryptable-type", true, "no client encrypts a value of this type this way",
                                     "leave the type out, or take another algorithm"},
   [FG_ADVICE_MISSING_BSON_TYPE] =
      {"missing-bsontype", true,
       "without `bsonType` a server takes any binary of subtype 6, an empty one as well, and "
       "lengths cannot be checked",
       "state the type that is encrypted"},
   [FG_ADVICE_EMPTY_BSON_TYPE] = {"empty-bsontype", true, "`bsonType: []` matches nothing: every value is refused",
                                  "name the type that is encrypted"},
   [FG_ADVICE_MISSING_ALGORITHM] = {"missing-algorithm", true,
                                    "without `algorithm` either algorithm is legal, and so is Queryable Encryption",
                                    "state the algorithm here or in an `encryptMetadata` above"},
   [FG_ADVICE_MISSING_KEY_ID] = {"missing-key-id", true, "without `keyId` a value under any key is legal",
                                 "state the keys here or in an `encryptMetadata` above"},
   [FG_ADVICE_INERT_KEYWORD] = {"inert-keyword", true,
                                "a keyword beside `encrypt` that applies to another type has no effect",
                                "leave it out: what is encrypted cannot be looked at"},
   [FG_ADVICE_METADATA_INHERITED] = {"metadata-inherited", false,
                                     "`encryptMetadata` is read and forgotten by a server; clients and fieldguard's "
                                     "module fill the rules below in from it",
                                     "none is needed; repeat it in each `encrypt` where a reader should see it"},
   [FG_ADVICE_VALIDATION_OFF] = {"validation-off", true, NULL, "\"strict\" and \"error\", which are the defaults"},
   [FG_ADVICE_SERVER_VERSION] = {"server-version", true, NULL, "upgrade those servers first, or do without it"},
   [FG_ADVICE_LAX_KEYWORD] = {"lax-keyword", true,
                              "a keyword that does not exist: only a server with "
                              "internalQueryIgnoreUnknownJSONSchemaKeywords takes it, and ignores it",
                              "correct the name of the keyword"},
   [FG_ADVICE_POLICY_REFUSES] = {"policy-refuses", true, NULL,
                                 "change the rules so that fieldguard's module can compile them"},
   [FG_ADVICE_NO_RULE] = {"no-encryption-rule", false, "nothing is declared to be encrypted",
                          "`encrypt` in `$jsonSchema`, or `encryptedFields`"},
};

void
fg_lint_free (fg_lint *lint)
{
   fg_buf_free (&lint->json);
   fg_buf_free (&lint->text);
}

static void
json_member (fg_buf *out, const char *before, const char *value)
{
   fg_buf_append_str (out, before);
   fg_buf_append_json_string (out, value, strlen (value));
}

static void
add (fg_lint *lint, const char *path, const struct advice *advice, const char *reason)
{
   const char *severity = advice->warning ? "warning" : "info";

   lint->warnings += advice->warning;
   if (lint->json.len) {
      fg_buf_append_str (&lint->json, ",");
   }
   json_member (&lint->json, "{\"id\":", advice->id);
   json_member (&lint->json, ",\"severity\":", severity);
   json_member (&lint->json, ",\"path\":", path);
   json_member (&lint->json, ",\"reason\":", reason);
   json_member (&lint->json, ",\"remedy\":", advice->remedy);
   fg_buf_append_str (&lint->json, "}");
   fg_buf_printf (&lint->text, "%s: %s%s%s: %s\n   remedy: %s\n", severity, advice->id, path[0] ? " at " : "", path,
                  reason, advice->remedy);
}

static void advise (fg_lint *lint, const char *path, fg_advice_id id, const char *detail, va_list args)
   FG_PRINTF (4, 0);

static void
advise (fg_lint *lint, const char *path, fg_advice_id id, const char *detail, va_list args)
{
   char reason[1024];

   if (detail) {
      vsnprintf (reason, sizeof reason, detail, args);
   }
   add (lint, path, &advices[id], detail ? reason : advices[id].reason ? advices[id].reason : "");
}

void
fg_lint_advise (fg_lint *lint, fg_advice_id id, const char *detail, ...)
{
   va_list args;

   va_start (args, detail);
   advise (lint, lint->path, id, detail, args);
   va_end (args);
}

void
fg_lint_advise_at (fg_lint *lint, const char *path, fg_advice_id id, const char *detail, ...)
{
   va_list args;

   va_start (args, detail);
   advise (lint, path, id, detail, args);
   va_end (args);
}
