/* SPDX-License-Identifier: Apache-2.0 */

/* The grammar of collection options, query predicates and $jsonSchema: the first error's code, or 0. */

#include "tests/oracle/oracle.h"

#include <string.h>

enum { BAD_VALUE = 2, FAILED_TO_PARSE = 9, TYPE_MISMATCH = 14, NOT_ALLOWED = 224 };

/* Where a schema stands. */
typedef struct place {
   bool encrypt; /* whether encryption keywords are allowed */
   bool top; /* it speaks of the document itself: scalar keywords are looked at for their type only */
} place;

static int parse_schema (const bson_t *schema, place at);

static place
within (place at)
{
   return (place){at.encrypt, false};
}

#define TRY(call)                                                                                                      \
   do {                                                                                                                \
      int code_ = (call);                                                                                              \
      if (code_) {                                                                                                     \
         return code_;                                                                                                 \
      }                                                                                                                \
   } while (0)

static bool
is (const bson_iter_t *value, bson_type_t type)
{
   return bson_iter_type (value) == type;
}

static int
known_keywords (const bson_t *schema)
{
   static const char *const known[] = {
      "type",           "bsonType",          "enum",          "maximum",       "minimum",     "exclusiveMaximum",
      "minLength",      "exclusiveMinimum",  "multipleOf",    "maxLength",     "pattern",     "items",
      "required",       "additionalItems",   "minItems",      "maxItems",      "uniqueItems", "properties",
      "allOf",          "patternProperties", "minProperties", "maxProperties", "anyOf",       "additionalProperties",
      "oneOf",          "dependencies",      "not",           "title",         "description", "encrypt",
      "encryptMetadata"};
   bson_iter_t it, first;

   bson_iter_init (&it, schema);
   while (bson_iter_next (&it)) {
      bool found = false;
      for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
         found = found || strcmp (known[i], bson_iter_key (&it)) == 0;
      }
      if (!found) {
         return FAILED_TO_PARSE;
      }
      oracle_find (schema, bson_iter_key (&it), &first);
      if (bson_iter_offset (&first) != bson_iter_offset (&it)) {
         return FAILED_TO_PARSE;
      }
   }
   return 0;
}

static int
string_keyword (const bson_t *schema, const char *name)
{
   bson_iter_t it;
   return oracle_find (schema, name, &it) && !is (&it, BSON_TYPE_UTF8) ? TYPE_MISMATCH : 0;
}

static int
count_keyword (const bson_t *schema, const char *name)
{
   bson_iter_t it;
   int64_t count;
   return oracle_find (schema, name, &it) && !oracle_number_as_count (&it, &count) ? FAILED_TO_PARSE : 0;
}

static int
limit_keyword (const bson_t *schema, const char *name, const char *exclusive)
{
   bson_iter_t limit, flag;
   bool has_limit = oracle_find (schema, name, &limit), has_flag = oracle_find (schema, exclusive, &flag);
   if (has_limit && !oracle_is_number (bson_iter_type (&limit))) {
      return TYPE_MISMATCH;
   }
   if (has_flag && !has_limit) {
      return FAILED_TO_PARSE;
   }
   return has_flag && !is (&flag, BSON_TYPE_BOOL) ? TYPE_MISMATCH : 0;
}

static int
multiple_of (const bson_t *schema, place at)
{
   bson_iter_t it;
   if (!oracle_find (schema, "multipleOf", &it)) {
      return 0;
   }
   if (!oracle_is_number (bson_iter_type (&it))) {
      return TYPE_MISMATCH;
   }
   if (oracle_number_is_nan (&it)) {
      return at.top ? 0 : BAD_VALUE;
   }
   if (!oracle_number_is_positive (&it)) {
      return FAILED_TO_PARSE;
   }
   return at.top || oracle_number_is_finite (&it) ? 0 : BAD_VALUE;
}

static int
pattern (const bson_t *schema, place at)
{
   bson_iter_t it;
   uint32_t len;
   if (!oracle_find (schema, "pattern", &it)) {
      return 0;
   }
   if (!is (&it, BSON_TYPE_UTF8)) {
      return TYPE_MISMATCH;
   }
   const char *text = bson_iter_utf8 (&it, &len);
   if (at.top) {
      return 0;
   }
   if (memchr (text, 0, len)) {
      return BAD_VALUE;
   }
   return oracle_pattern_valid (text, len, true) ? 0 : 51091;
}

static int
scalar_keywords (const bson_t *schema, place at)
{
   TRY (pattern (schema, at));
   TRY (count_keyword (schema, "maxLength"));
   TRY (count_keyword (schema, "minLength"));
   TRY (multiple_of (schema, at));
   TRY (limit_keyword (schema, "maximum", "exclusiveMaximum"));
   return limit_keyword (schema, "minimum", "exclusiveMinimum");
}

static int
schema_in (const bson_iter_t *value, place at)
{
   bson_t sub;
   if (!is (value, BSON_TYPE_DOCUMENT)) {
      return TYPE_MISMATCH;
   }
   oracle_sub (value, &sub);
   return parse_schema (&sub, at);
}

static int
schemas_in (const bson_iter_t *value, place at)
{
   bson_iter_t it;
   bson_iter_recurse (value, &it);
   while (bson_iter_next (&it)) {
      TRY (schema_in (&it, at));
   }
   return 0;
}

static int
flag_or_schema (const bson_t *schema, const char *name, place at)
{
   bson_iter_t it;
   if (!oracle_find (schema, name, &it) || is (&it, BSON_TYPE_BOOL)) {
      return 0;
   }
   return schema_in (&it, within (at));
}

static int
array_keywords (const bson_t *schema, place at)
{
   bson_iter_t it;
   TRY (count_keyword (schema, "minItems"));
   TRY (count_keyword (schema, "maxItems"));
   if (oracle_find (schema, "uniqueItems", &it) && !is (&it, BSON_TYPE_BOOL)) {
      return TYPE_MISMATCH;
   }
   if (oracle_find (schema, "items", &it)) {
      TRY (is (&it, BSON_TYPE_ARRAY) ? schemas_in (&it, within (at)) : schema_in (&it, within (at)));
   }
   return flag_or_schema (schema, "additionalItems", at);
}

static int
encryption_keywords (const bson_t *schema, place at)
{
   bson_iter_t encrypt, metadata;
   bool has_encrypt = oracle_find (schema, "encrypt", &encrypt);
   bool has_metadata = oracle_find (schema, "encryptMetadata", &metadata);
   if (!has_encrypt && !has_metadata) {
      return 0;
   }
   if (!at.encrypt) {
      return NOT_ALLOWED;
   }
   if (has_encrypt && has_metadata) {
      return FAILED_TO_PARSE;
   }
   return has_encrypt ? oracle_encrypt_parse (&encrypt, false) : oracle_encrypt_parse (&metadata, true);
}

/* A non-empty array of strings, each once. */
static int
names_in (const bson_iter_t *value)
{
   bson_iter_t it, other;
   if (!is (value, BSON_TYPE_ARRAY)) {
      return TYPE_MISMATCH;
   }
   bson_iter_recurse (value, &it);
   bool any = false;
   for (; bson_iter_next (&it); any = true) {
      if (!is (&it, BSON_TYPE_UTF8)) {
         return TYPE_MISMATCH;
      }
      bson_iter_recurse (value, &other);
      while (bson_iter_next (&other) && bson_iter_offset (&other) != bson_iter_offset (&it)) {
         if (oracle_equal (&other, &it, false)) {
            return FAILED_TO_PARSE;
         }
      }
   }
   return any ? 0 : FAILED_TO_PARSE;
}

static int
pattern_properties (const bson_iter_t *value, place at)
{
   bson_iter_t it;
   bson_iter_recurse (value, &it);
   while (bson_iter_next (&it)) {
      TRY (schema_in (&it, within (at)));
      if (!oracle_pattern_valid (bson_iter_key (&it), strlen (bson_iter_key (&it)), false)) {
         return BAD_VALUE;
      }
   }
   return 0;
}

static int
dependencies (const bson_iter_t *value, place at)
{
   bson_iter_t it;
   bson_iter_recurse (value, &it);
   while (bson_iter_next (&it)) {
      bool text = strcmp (bson_iter_key (&it), "title") == 0 || strcmp (bson_iter_key (&it), "description") == 0;
      if (text && is (&it, BSON_TYPE_UTF8)) {
         continue;
      }
      TRY (is (&it, BSON_TYPE_DOCUMENT) ? schema_in (&it, at) : names_in (&it));
   }
   return 0;
}

static int
object_keywords (const bson_t *schema, place at)
{
   bson_iter_t it;
   if (oracle_find (schema, "required", &it)) {
      TRY (names_in (&it));
   }
   if (oracle_find (schema, "properties", &it)) {
      TRY (is (&it, BSON_TYPE_DOCUMENT) ? schemas_in (&it, within (at)) : TYPE_MISMATCH);
   }
   if (oracle_find (schema, "patternProperties", &it)) {
      TRY (is (&it, BSON_TYPE_DOCUMENT) ? pattern_properties (&it, at) : TYPE_MISMATCH);
   }
   TRY (flag_or_schema (schema, "additionalProperties", at));
   TRY (count_keyword (schema, "minProperties"));
   TRY (count_keyword (schema, "maxProperties"));
   if (oracle_find (schema, "dependencies", &it)) {
      TRY (is (&it, BSON_TYPE_DOCUMENT) ? dependencies (&it, at) : TYPE_MISMATCH);
   }
   return 0;
}

static int
enumeration (const bson_iter_t *value)
{
   bson_iter_t it, other;
   if (!is (value, BSON_TYPE_ARRAY)) {
      return TYPE_MISMATCH;
   }
   bson_iter_recurse (value, &it);
   bool any = false;
   for (; bson_iter_next (&it); any = true) {
      bson_iter_recurse (value, &other);
      while (bson_iter_next (&other) && bson_iter_offset (&other) != bson_iter_offset (&it)) {
         if (oracle_equal (&other, &it, false)) {
            return FAILED_TO_PARSE;
         }
      }
   }
   return any ? 0 : FAILED_TO_PARSE;
}

static int
logical_keywords (const bson_t *schema, place at)
{
   static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
   bson_iter_t it;
   for (size_t i = 0; i < 3; i++) {
      if (oracle_find (schema, lists[i], &it)) {
         bson_t members;
         if (!is (&it, BSON_TYPE_ARRAY)) {
            return TYPE_MISMATCH;
         }
         oracle_sub (&it, &members);
         if (bson_empty (&members)) {
            return BAD_VALUE;
         }
         TRY (schemas_in (&it, at));
      }
   }
   if (oracle_find (schema, "not", &it)) {
      TRY (schema_in (&it, at));
   }
   return oracle_find (schema, "enum", &it) ? enumeration (&it) : 0;
}

static int
type_keywords (const bson_t *schema)
{
   bson_iter_t type, bson_type, encrypt;
   bool has_type = oracle_find (schema, "type", &type), has_bson_type = oracle_find (schema, "bsonType", &bson_type);
   bool has_encrypt = oracle_find (schema, "encrypt", &encrypt);
   oracle_types types;
   if (has_type + has_bson_type + has_encrypt > 1) {
      return FAILED_TO_PARSE;
   }
   if (has_type) {
      return oracle_types_parse (&type, true, false, &types);
   }
   return has_bson_type ? oracle_types_parse (&bson_type, false, false, &types) : 0;
}

static int
parse_schema (const bson_t *schema, place at)
{
   TRY (known_keywords (schema));
   TRY (string_keyword (schema, "title"));
   TRY (string_keyword (schema, "description"));
   TRY (type_keywords (schema));
   TRY (scalar_keywords (schema, at));
   TRY (array_keywords (schema, at));
   TRY (encryption_keywords (schema, at));
   TRY (object_keywords (schema, at));
   return logical_keywords (schema, at);
}

static int
parse_query (const bson_t *query, place at)
{
   bson_iter_t it, member;
   bson_t sub;

   bson_iter_init (&it, query);
   while (bson_iter_next (&it)) {
      const char *name = bson_iter_key (&it);
      if (strcmp (name, "$jsonSchema") == 0) {
         TRY (schema_in (&it, at));
      } else if (name[0] == '$') {
         if (!is (&it, BSON_TYPE_ARRAY)) {
            return BAD_VALUE;
         }
         bson_iter_recurse (&it, &member);
         bool any = false;
         for (; bson_iter_next (&member); any = true) {
            if (!is (&member, BSON_TYPE_DOCUMENT)) {
               return BAD_VALUE;
            }
            oracle_sub (&member, &sub);
            TRY (parse_query (&sub, at));
         }
         if (!any) {
            return BAD_VALUE;
         }
      }
   }
   return 0;
}

int
oracle_compat_parse (const bson_t *options)
{
   bson_iter_t it, list;
   bson_t sub;
   place at = {true, true};

   if (oracle_find (options, "validationAction", &it) && strcmp (bson_iter_utf8 (&it, NULL), "error") != 0) {
      at.encrypt = false;
   }
   if (oracle_find (options, "validationLevel", &it) && strcmp (bson_iter_utf8 (&it, NULL), "moderate") == 0) {
      at.encrypt = false;
   }
   if (oracle_find (options, "encryptedFields", &it) && bson_iter_recurse (&it, &list) &&
       bson_iter_find (&list, "fields")) {
      oracle_sub (&list, &sub);
      at.encrypt = at.encrypt && bson_empty (&sub);
   }
   if (!oracle_find (options, "validator", &it)) {
      return 0;
   }
   oracle_sub (&it, &sub);
   return parse_query (&sub, at);
}
