/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lint.h"

/* One `encrypt` and what stands beside it. */

static void
check_types (fg_lint *lint, const bson_t *encrypt, bool deterministic)
{
   static const char *const never[] = {"null", "undefined", "minKey", "maxKey", NULL};
   static const char *const only_random[] = {"double", "decimal", "object", "array", "javascriptWithScope", NULL};
   bson_t types;

   if (!bson_has_field (encrypt, "bsonType")) {
      fg_lint_advise (lint, FG_ADVICE_MISSING_BSON_TYPE, NULL);
      return;
   }
   if (fg_lint_child (encrypt, "bsonType", &types) && bson_empty (&types)) {
      fg_lint_advise (lint, FG_ADVICE_EMPTY_BSON_TYPE, NULL);
   }
   for (int i = 0; never[i]; i++) {
      if (fg_lint_names (encrypt, "bsonType", never[i])) {
         fg_lint_advise (lint, FG_ADVICE_UNENCRYPTABLE_TYPE, "no client encrypts a value of type \"%s\"", never[i]);
      }
   }
   for (int i = 0; deterministic && only_random[i]; i++) {
      if (fg_lint_names (encrypt, "bsonType", only_random[i])) {
         fg_lint_advise (lint, FG_ADVICE_UNENCRYPTABLE_TYPE,
                         "no client encrypts a value of type \"%s\" deterministically", only_random[i]);
      }
   }
   if (deterministic && fg_lint_names (encrypt, "bsonType", "bool")) {
      fg_lint_advise (lint, FG_ADVICE_LOW_CARDINALITY, NULL);
   }
}

static void
check_key (fg_lint *lint, const bson_t *encrypt, bool inherited)
{
   bson_t keys;

   if (fg_lint_string (encrypt, "keyId")) {
      fg_lint_advise (lint, FG_ADVICE_POINTER_KEY_ID, NULL);
   } else if (fg_lint_child (encrypt, "keyId", &keys) ? bson_empty (&keys) : !inherited) {
      fg_lint_advise (lint, FG_ADVICE_MISSING_KEY_ID, NULL);
   }
}

/* Keywords for types other than binData: beside `encrypt`, which states binData, they never apply. */
static void
check_beside (fg_lint *lint, const bson_t *schema)
{
   static const char *const inert[] = {
      "maximum",       "minimum",       "multipleOf",      "maxLength",         "minLength",
      "pattern",       "items",         "additionalItems", "minItems",          "maxItems",
      "uniqueItems",   "required",      "properties",      "patternProperties", "additionalProperties",
      "minProperties", "maxProperties", "dependencies"};

   for (size_t i = 0; i < sizeof inert / sizeof inert[0]; i++) {
      if (bson_has_field (schema, inert[i])) {
         fg_lint_advise (lint, FG_ADVICE_INERT_KEYWORD,
                         "`%s` beside `encrypt` applies to another type: it has no effect", inert[i]);
      }
   }
}

static void
check_place (fg_lint *lint, const fg_lint_place *place)
{
   if (place->negated) {
      fg_lint_advise (lint, FG_ADVICE_UNDER_NEGATION, NULL);
   }
   if (place->alternative) {
      fg_lint_advise (lint, FG_ADVICE_IN_ALTERNATIVE, NULL);
   }
   if (place->unreachable) {
      fg_lint_advise (lint, FG_ADVICE_UNREACHABLE, NULL);
   }
}

void
fg_lint_encrypt (fg_lint *lint, const bson_t *schema, const bson_t *encrypt, const fg_lint_place *place)
{
   const char *algorithm = fg_lint_string (encrypt, "algorithm");
   bool deterministic = algorithm ? strstr (algorithm, "-Deterministic") != NULL : place->deterministic;

   lint->rules++;
   check_place (lint, place);
   if (!algorithm && !place->algorithm) {
      fg_lint_advise (lint, FG_ADVICE_MISSING_ALGORITHM, NULL);
   }
   check_types (lint, encrypt, deterministic);
   check_key (lint, encrypt, place->key_id);
   check_beside (lint, schema);
}
