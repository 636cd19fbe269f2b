/* SPDX-License-Identifier: Apache-2.0 */

/* Validators and encryptedFields, mostly of the right grammar. */

#include "tests/oracle/generate.h"

#include <stdio.h>
#include <string.h>

static void
wrong (gen *g, bson_t *out, const char *name)
{
   gen_value (g, out, name, 1);
}

static void
sub_schema (gen *g, bson_t *out, const char *name, int depth)
{
   bson_t sub = BSON_INITIALIZER;
   if (gen_chance (g, 4)) {
      wrong (g, out, name);
   } else {
      gen_schema (g, &sub, depth - 1);
      bson_append_document (out, name, -1, &sub);
   }
   bson_destroy (&sub);
}

static void
schema_list (gen *g, bson_t *out, const char *name, int depth)
{
   bson_t list = BSON_INITIALIZER;
   unsigned n = gen_chance (g, 8) ? 0 : 1 + gen_pick (g, 3);
   char index[16];
   for (unsigned i = 0; i < n; i++) {
      snprintf (index, sizeof index, "%u", i);
      sub_schema (g, &list, index, depth);
   }
   bson_append_array (out, name, -1, &list);
   bson_destroy (&list);
}

static void
named_schemas (gen *g, bson_t *out, const char *name, int depth)
{
   bool top = g->top;
   g->top = false;
   static const char *const patterns[] = {"^a", "b", "c$", "^.$", "", "^a[.]", "0", "(", "d|x"};
   bool by_pattern = strcmp (name, "patternProperties") == 0;
   bson_t sub = BSON_INITIALIZER;
   unsigned n = 1 + gen_pick (g, 3);
   for (unsigned i = 0; i < n; i++) {
      const char *key = by_pattern ? patterns[gen_pick (g, gen_chance (g, 20) ? 9 : 7)] : gen_name (g);
      if (!bson_has_field (&sub, key) || gen_chance (g, 20)) {
         sub_schema (g, &sub, key, depth);
      }
   }
   bson_append_document (out, name, -1, &sub);
   bson_destroy (&sub);
   g->top = top;
}

static void
names (gen *g, bson_t *out, const char *name)
{
   bson_t list = BSON_INITIALIZER;
   unsigned n = gen_chance (g, 6) ? 0 : 1 + gen_pick (g, 2);
   char index[16];
   for (unsigned i = 0; i < n; i++) {
      snprintf (index, sizeof index, "%u", i);
      if (gen_chance (g, 4)) {
         bson_append_int32 (&list, index, -1, 1);
      } else {
         bson_append_utf8 (&list, index, -1, i ? "c" : gen_name (g), -1);
      }
   }
   bson_append_array (out, name, -1, &list);
   bson_destroy (&list);
}

static void
dependencies (gen *g, bson_t *out, const char *name, int depth)
{
   bson_t sub = BSON_INITIALIZER;
   unsigned n = 1 + gen_pick (g, 2);
   for (unsigned i = 0; i < n; i++) {
      const char *key = gen_name (g);
      if (bson_has_field (&sub, key)) {
         continue;
      }
      if (gen_chance (g, 4)) {
         bson_append_utf8 (&sub, "title", -1, "t", -1);
      } else if (gen_chance (g, 400)) {
         names (g, &sub, key);
      } else {
         sub_schema (g, &sub, key, depth);
      }
   }
   bson_append_document (out, name, -1, &sub);
   bson_destroy (&sub);
}

static const char *
type_name (gen *g, bool json)
{
   static const char *const json_names[] = {"object", "string", "array", "number", "boolean", "null", "integer", "int"};
   if (json) {
      return json_names[gen_pick (g, gen_chance (g, 15) ? 8 : 6)];
   }
   if (gen_chance (g, 8)) {
      return gen_pick (g, 2) ? "boolean" : "Int";
   }
   return gen_chance (g, 80) ? "number"
                             : gen_type_names[gen_chance (g, 400) ? gen_pick (g, GEN_TYPES) : gen_pick (g, 5)];
}

static void
types (gen *g, bson_t *out, const char *name)
{
   bool json = strcmp (name, "type") == 0;
   bson_t list = BSON_INITIALIZER;
   char index[16];
   if (gen_chance (g, 5)) {
      wrong (g, out, name);
   } else if (!gen_chance (g, 250)) {
      bson_append_utf8 (out, name, -1, type_name (g, json), -1);
   } else {
      unsigned n = gen_pick (g, 4);
      for (unsigned i = 0; i < n; i++) {
         snprintf (index, sizeof index, "%u", i);
         bson_append_utf8 (&list, index, -1, type_name (g, json), -1);
      }
      bson_append_array (out, name, -1, &list);
   }
   bson_destroy (&list);
}

/* --- encryption --------------------------------------------------------------------------------------------------- */

static void
key_ids (gen *g, bson_t *out)
{
   static const char *const pointers[] = {"/k", "/a/b", "/~0~1", "", "k", "/~2", "/~"};
   bson_t list = BSON_INITIALIZER;
   uint8_t key[16];
   char index[16];
   if (gen_chance (g, 200)) {
      bson_append_utf8 (out, "keyId", -1, pointers[gen_pick (g, gen_chance (g, 60) ? 7 : 3)], -1);
   } else if (gen_chance (g, 6)) {
      wrong (g, out, "keyId");
   } else {
      unsigned n = gen_chance (g, 60) ? 0 : 1 + gen_pick (g, 2);
      for (unsigned i = 0; i < n; i++) {
         snprintf (index, sizeof index, "%u", i);
         if (gen_chance (g, 5)) {
            wrong (g, &list, index);
         } else {
            gen_key (gen_pick (g, GEN_KEYS), key);
            bson_append_binary (&list, index, -1, BSON_SUBTYPE_UUID, key, gen_chance (g, 4) ? 15 : 16);
         }
      }
      bson_append_array (out, "keyId", -1, &list);
   }
   bson_destroy (&list);
}

static void
algorithm (gen *g, bson_t *out)
{
   if (gen_chance (g, 5)) {
      wrong (g, out, "algorithm");
   } else {
      bson_append_utf8 (
         out, "algorithm", -1,
         gen_pick (g, 2) ? "AEAD_AES_256_CBC_HMAC_SHA_512-Random" : "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic", -1);
   }
}

static void
encrypt (gen *g, bson_t *out, const char *name)
{
   bool metadata = strcmp (name, "encryptMetadata") == 0;
   bson_t sub = BSON_INITIALIZER;
   if (gen_chance (g, 4)) {
      wrong (g, out, name);
      return;
   }
   if (gen_chance (g, 400)) {
      algorithm (g, &sub);
   }
   if (gen_chance (g, 400)) {
      key_ids (g, &sub);
   }
   if (gen_chance (g, metadata ? 4 : 500)) {
      types (g, &sub, "bsonType");
   }
   if (gen_chance (g, 5)) {
      algorithm (g, &sub);
   }
   if (gen_chance (g, 4)) {
      wrong (g, &sub, "other");
   }
   bson_append_document (out, name, -1, &sub);
   bson_destroy (&sub);
}

/* --- schemas ------------------------------------------------------------------------------------------------------ */

static void
limit (gen *g, bson_t *out, const char *name, const char *exclusive)
{
   if (!gen_chance (g, 10)) {
      static const bson_type_t numbers[] = {16, 1, 18, 19};
      gen_value_of_type (g, out, name, gen_chance (g, 8) ? 2 : numbers[gen_pick (g, 4)], 0);
   }
   if (gen_chance (g, 250)) {
      gen_value_of_type (g, out, exclusive, gen_chance (g, 15) ? 16 : 8, 0);
   }
}

static void
count (gen *g, bson_t *out, const char *name)
{
   if (gen_chance (g, 30)) {
      wrong (g, out, name);
   } else if (gen_chance (g, 200)) {
      bson_append_double (out, name, -1, gen_pick (g, 4));
   } else {
      bson_append_int32 (out, name, -1, (int)gen_pick (g, 5));
   }
}

static void
enumeration (gen *g, bson_t *out)
{
   bson_t list = BSON_INITIALIZER;
   unsigned n = gen_chance (g, 8) ? 0 : 1 + gen_pick (g, 3);
   char index[16];
   for (unsigned i = 0; i < n; i++) {
      snprintf (index, sizeof index, "%u", i);
      gen_value (g, &list, index, 2);
   }
   bson_append_array (out, "enum", -1, &list);
   bson_destroy (&list);
}

static void
pattern (gen *g, bson_t *out)
{
   static const char *const patterns[] = {"^a", "b$", "", "^.{2}$", "é", "[0-9]", "(", "a.b", "[", "x\0y"};
   unsigned n = gen_pick (g, gen_chance (g, 30) ? 10 : 6);
   if (gen_chance (g, 5)) {
      wrong (g, out, "pattern");
   } else {
      bson_append_utf8 (out, "pattern", -1, patterns[n], n == 9 ? 3 : (int)strlen (patterns[n]));
   }
}

static void
flag_or_schema (gen *g, bson_t *out, const char *name, int depth)
{
   bool top = g->top;
   g->top = false;
   if (gen_chance (g, 350)) {
      bson_append_bool (out, name, -1, gen_pick (g, 2));
   } else {
      sub_schema (g, out, name, depth);
   }
   g->top = top;
}

static void
items (gen *g, bson_t *out, int depth)
{
   bool top = g->top;
   g->top = false;
   if (gen_chance (g, 400)) {
      schema_list (g, out, "items", depth);
      if (gen_chance (g, 500)) {
         flag_or_schema (g, out, "additionalItems", depth);
      }
   } else {
      sub_schema (g, out, "items", depth);
   }
   g->top = top;
}

static void
rare_keyword (gen *g, bson_t *out, int depth)
{
   static const char *const odd[] = {"title", "description", "$ref", "format", "other", "default"};
   switch (gen_pick (g, 16)) {
   case 0:
      limit (g, out, "maximum", "exclusiveMaximum");
      break;
   case 1:
      limit (g, out, "minimum", "exclusiveMinimum");
      break;
   case 2:
      count (g, out, "maxLength");
      break;
   case 3:
      count (g, out, "minLength");
      break;
   case 4:
      pattern (g, out);
      break;
   case 5:
      limit (g, out, "multipleOf", "title");
      break;
   case 6:
      count (g, out, "minItems");
      break;
   case 7:
      count (g, out, "maxItems");
      break;
   case 8:
      gen_value_of_type (g, out, "uniqueItems", gen_chance (g, 15) ? 16 : 8, 0);
      break;
   case 9:
      count (g, out, "minProperties");
      break;
   case 10:
      count (g, out, "maxProperties");
      break;
   case 11:
   case 12:
      enumeration (g, out);
      break;
   case 13:
      flag_or_schema (g, out, "additionalItems", depth);
      break;
   default:
      if (gen_chance (g, 300)) {
         unsigned n = gen_pick (g, gen_chance (g, 100) ? 6 : 2);
         bson_append_utf8 (out, odd[n], -1, "text", -1);
      }
      break;
   }
}

static void
one_keyword (gen *g, bson_t *out, int depth)
{
   static const char *const lists[] = {"anyOf", "oneOf", "allOf"};
   unsigned n = gen_pick (g, depth > 0 ? 24 : 10);
   switch (n) {
   case 0:
   case 1:
   case 2:
   case 3:
      if ((!g->metadata && !g->top) || gen_chance (g, 30)) {
         encrypt (g, out, "encrypt");
      }
      break;
   case 4:
   case 5:
      types (g, out, gen_chance (g, 250) ? "type" : "bsonType");
      break;
   case 6:
      names (g, out, "required");
      break;
   case 7:
   case 8:
   case 9:
      rare_keyword (g, out, depth);
      break;
   case 10:
   case 11:
      items (g, out, depth);
      break;
   case 12:
      named_schemas (g, out, "patternProperties", depth);
      break;
   case 13:
      flag_or_schema (g, out, "additionalProperties", depth);
      break;
   case 14:
   case 15:
   case 16:
      schema_list (g, out, lists[gen_pick (g, 3)], depth);
      break;
   case 17:
      if (gen_chance (g, 500)) {
         sub_schema (g, out, "not", depth);
      } else {
         dependencies (g, out, "dependencies", depth);
      }
      break;
   case 18:
      if (!g->metadata || gen_chance (g, 30)) {
         encrypt (g, out, "encryptMetadata");
      }
      break;
   default:
      named_schemas (g, out, "properties", depth);
      break;
   }
}

/* Whether adding `more` would only make a grammar error that is made often enough. */
static bool
clashes (const bson_t *schema, const bson_t *more)
{
   static const char *const types_of[] = {"type", "bsonType", "encrypt", "encryptMetadata"};
   bson_iter_t it;
   bson_iter_init (&it, more);
   while (bson_iter_next (&it)) {
      if (bson_has_field (schema, bson_iter_key (&it))) {
         return true;
      }
      for (int i = 0; i < 4; i++) {
         for (int j = 0; j < 4; j++) {
            bool pair = i != j && (i < 3 || j == 2) && (j < 3 || i == 2);
            if (pair && strcmp (bson_iter_key (&it), types_of[i]) == 0 && bson_has_field (schema, types_of[j])) {
               return true;
            }
         }
      }
   }
   return false;
}

void
gen_schema (gen *g, bson_t *schema, int depth)
{
   unsigned n = 1 + gen_pick (g, 3);
   for (unsigned i = 0; i < n && g->budget; i++, g->budget--) {
      bson_t more = BSON_INITIALIZER;
      one_keyword (g, &more, depth);
      if (!clashes (schema, &more) || gen_chance (g, 15)) {
         bson_concat (schema, &more);
      }
      bson_destroy (&more);
   }
}

/* --- options ------------------------------------------------------------------------------------------------------ */

static void
query (gen *g, bson_t *out, int depth)
{
   static const char *const lists[] = {"$and", "$or", "$nor"};
   unsigned n = 1 + (gen_chance (g, 200) ? gen_pick (g, 3) : 0);
   for (unsigned i = 0; i < n; i++) {
      if (depth > 0 && gen_chance (g, 180)) {
         bson_t list = BSON_INITIALIZER;
         unsigned members = gen_chance (g, 6) ? 0 : 1 + gen_pick (g, 2);
         for (unsigned m = 0; m < members; m++) {
            bson_t member = BSON_INITIALIZER;
            query (g, &member, depth - 1);
            bson_append_document (&list, m ? "1" : "0", 1, &member);
            bson_destroy (&member);
         }
         bson_append_array (out, lists[gen_pick (g, 3)], -1, &list);
         bson_destroy (&list);
      } else if (gen_chance (g, 120)) {
         static const bson_type_t plain[] = {16, 2, 10, 1, 8, 4, 18};
         gen_value_of_type (g, out, gen_name (g), plain[gen_pick (g, 7)], 0);
      } else {
         bson_t schema = BSON_INITIALIZER;
         g->top = true;
         gen_schema (g, &schema, 3);
         bson_append_document (out, "$jsonSchema", -1, &schema);
         bson_destroy (&schema);
      }
   }
}

static void
encrypted_field (gen *g, bson_t *out, const char *index, const char *path, unsigned key_number)
{
   static const char *const kinds[] = {"equality", "range", "equality"};
   static const char *const equality[] = {"string", "int", "bool", "objectId", "date"}, *const range[] = {
                                                                                           "int", "long", "double",
                                                                                           "date", "decimal"};
   bson_t field = BSON_INITIALIZER, queries = BSON_INITIALIZER;
   uint8_t key[16];
   gen_key (key_number, key);
   bson_append_binary (&field, "keyId", -1, BSON_SUBTYPE_UUID, key, 16);
   bson_append_utf8 (&field, "path", -1, path, -1);
   if (gen_chance (g, 600)) {
      unsigned kind = gen_pick (g, 3);
      bson_append_utf8 (&field, "bsonType", -1, (kind == 1 ? range : equality)[gen_pick (g, 5)], -1);
      bson_append_utf8 (&queries, "queryType", -1, kinds[kind], -1);
      bson_append_document (&field, "queries", -1, &queries);
   } else if (gen_chance (g, 600)) {
      bson_append_utf8 (&field, "bsonType", -1, gen_type_names[gen_pick (g, 9)], -1);
   }
   bson_append_document (out, index, -1, &field);
   bson_destroy (&field);
   bson_destroy (&queries);
}

static void
encrypted_fields (gen *g, bson_t *options)
{
   static const char *const paths[] = {"a", "b.c", "c.d.b", "b.a", "d", "é"};
   bson_t config = BSON_INITIALIZER, fields = BSON_INITIALIZER;
   unsigned n = 1 + gen_pick (g, GEN_KEYS), from = gen_pick (g, 4);
   for (unsigned i = 0; i < n; i++) {
      char index[2] = {(char)('0' + i), 0};
      encrypted_field (g, &fields, index, paths[from + i], i);
   }
   bson_append_array (&config, "fields", -1, &fields);
   bson_append_document (options, "encryptedFields", -1, &config);
   bson_destroy (&fields);
   bson_destroy (&config);
}

void
gen_options (gen *g, bson_t *options)
{
   bson_t validator = BSON_INITIALIZER;
   g->metadata = gen_chance (g, 100);
   query (g, &validator, 2);
   bson_append_document (options, "validator", -1, &validator);
   bson_destroy (&validator);
   if (g->metadata) {
      encrypted_fields (g, options);
   } else if (gen_chance (g, 15)) {
      static const char *const actions[] = {"warn", "error", "errorAndLog"}, *const levels[] = {"moderate", "off",
                                                                                                "strict"};
      if (gen_pick (g, 2)) {
         bson_append_utf8 (options, "validationAction", -1, actions[gen_pick (g, 3)], -1);
      } else {
         bson_append_utf8 (options, "validationLevel", -1, levels[gen_pick (g, 3)], -1);
      }
   }
}
