/* SPDX-License-Identifier: Apache-2.0 */

/* Decisions, values of every type, and ciphertext of every first byte. */

#include "tests/oracle/generate.h"

#include <stdio.h>
#include <string.h>

const char *const gen_type_names[GEN_TYPES] = {
   "string",    "int",     "object", "array",  "double",    "binData",    "objectId", "bool",
   "date",      "null",    "regex",  "long",   "dbPointer", "javascript", "symbol",   "javascriptWithScope",
   "timestamp", "decimal", "minKey", "maxKey", "undefined"};
const bson_type_t gen_types[GEN_TYPES] = {2, 16, 3, 4, 1, 5, 7, 8, 9, 10, 11, 18, 12, 13, 14, 15, 17, 19, 255, 127, 6};

uint8_t
gen_byte (gen *g)
{
   return g->at < g->len ? g->data[g->at++] : 0;
}

unsigned
gen_pick (gen *g, unsigned n)
{
   return gen_byte (g) % n;
}

bool
gen_chance (gen *g, unsigned per_mille)
{
   unsigned roll = gen_byte (g) * 256u;
   if (per_mille < 20) { /* finer than one byte can say */
      roll += gen_byte (g);
   }
   return roll > 65535 - per_mille * 65536 / 1000;
}

const char *
gen_name (gen *g)
{
   static const char *const names[] = {"a", "b", "c",   "a",     "b", "c",   "a.b", "b.a", "d",  "0", "_id",
                                       "",  "é", "a.0", "a.b.c", "1", "x.y", "b.c", "a.",  "..", "ab"};
   return names[gen_pick (g, gen_chance (g, 250) ? 21 : 9)];
}

void
gen_key (unsigned n, uint8_t key[16])
{
   memset (key, (int)(0x11 * (n + 1)), 16);
   key[15] = 0x80;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static void
text (gen *g, bson_t *out, const char *name, bool symbol)
{
   static const char *const texts[] = {"a",      "",     "ab",   "foo", "123-45-6789", "été",
                                       "日本語", "aaaa", "b\nb", "A",   "a\0b"};
   unsigned n = gen_pick (g, 11);
   int len = n == 10 ? 3 : (int)strlen (texts[n]);
   if (symbol) {
      bson_append_symbol (out, name, -1, texts[n], len);
   } else {
      bson_append_utf8 (out, name, -1, texts[n], len);
   }
}

static void
decimal (gen *g, bson_t *out, const char *name)
{
   static const char *const texts[] = {"1",
                                       "0",
                                       "2.50",
                                       "0.1",
                                       "0.3",
                                       "-1",
                                       "NaN",
                                       "Infinity",
                                       "-Infinity",
                                       "1E+10",
                                       "-0",
                                       "4",
                                       "9223372036854775807",
                                       "1E+400",
                                       "9007199254740993",
                                       "1E-30",
                                       "3.0"};
   bson_decimal128_t value;
   bson_decimal128_from_string (texts[gen_pick (g, 17)], &value);
   bson_append_decimal128 (out, name, -1, &value);
}

static void
number (gen *g, bson_t *out, const char *name, bson_type_t type)
{
   static const double doubles[] = {
      1.0, 0.0, -0.0, 2.5, 0.1, 0.3, 1e10, 3.0, -1.0, 4.0, 9007199254740992.0, 9223372036854775807.0, 1e300, 1e-300};
   static const int64_t longs[] = {1, 0, 2, 3, 4, -1, 10000000000, 9007199254740993, INT64_MAX, INT64_MIN};
   unsigned n;
   switch ((int)type) {
   case BSON_TYPE_DOUBLE:
      n = gen_pick (g, 17);
      bson_append_double (out, name, -1,
                          n < 14    ? doubles[n]
                          : n == 14 ? __builtin_nan ("")
                          : n == 15 ? __builtin_inf ()
                                    : -__builtin_inf ());
      break;
   case BSON_TYPE_INT64:
      bson_append_int64 (out, name, -1, longs[gen_pick (g, 10)]);
      break;
   case BSON_TYPE_DECIMAL128:
      decimal (g, out, name);
      break;
   default:
      bson_append_int32 (out, name, -1, (int32_t)longs[gen_pick (g, 6)]);
      break;
   }
}

static void
container (gen *g, bson_t *out, const char *name, bool array, int depth)
{
   bson_t sub = BSON_INITIALIZER;
   unsigned n = depth > 0 ? gen_pick (g, 4) : 0;
   char index[16];
   for (unsigned i = 0; i < n; i++) {
      snprintf (index, sizeof index, "%u", i);
      gen_value (g, &sub, array ? index : gen_name (g), depth - 1);
   }
   if (array) {
      bson_append_array (out, name, -1, &sub);
   } else {
      bson_append_document (out, name, -1, &sub);
   }
   bson_destroy (&sub);
}

void
gen_value_of_type (gen *g, bson_t *out, const char *name, bson_type_t type, int depth)
{
   static const uint8_t bytes[12] = "0123456789ab";
   bson_oid_t oid;
   bson_oid_init_from_data (&oid, bytes);
   switch ((int)type) {
   case BSON_TYPE_UTF8:
   case BSON_TYPE_SYMBOL:
      text (g, out, name, type == BSON_TYPE_SYMBOL);
      break;
   case BSON_TYPE_DOCUMENT:
   case BSON_TYPE_ARRAY:
      container (g, out, name, type == BSON_TYPE_ARRAY, depth);
      break;
   case BSON_TYPE_BINARY:
      if (gen_chance (g, 500)) {
         gen_blob (g, out, name, NULL, false);
      } else {
         bson_append_binary (out, name, -1, gen_chance (g, 500) ? BSON_SUBTYPE_ENCRYPTED : BSON_SUBTYPE_BINARY, bytes,
                             gen_pick (g, 3));
      }
      break;
   case BSON_TYPE_OID:
      bson_append_oid (out, name, -1, &oid);
      break;
   case BSON_TYPE_BOOL:
      bson_append_bool (out, name, -1, gen_pick (g, 2));
      break;
   case BSON_TYPE_DATE_TIME:
      bson_append_date_time (out, name, -1, gen_pick (g, 3));
      break;
   case BSON_TYPE_NULL:
      bson_append_null (out, name, -1);
      break;
   case BSON_TYPE_UNDEFINED:
      bson_append_undefined (out, name, -1);
      break;
   case BSON_TYPE_REGEX:
      bson_append_regex (out, name, -1, gen_pick (g, 2) ? "a" : "b", "i");
      break;
   case BSON_TYPE_DBPOINTER:
      bson_append_dbpointer (out, name, -1, "c", &oid);
      break;
   case BSON_TYPE_CODE:
      bson_append_code (out, name, -1, "f()");
      break;
   case BSON_TYPE_CODEWSCOPE: {
      bson_t scope = BSON_INITIALIZER;
      bson_append_code_with_scope (out, name, -1, "f()", &scope);
      break;
   }
   case BSON_TYPE_TIMESTAMP:
      bson_append_timestamp (out, name, -1, gen_pick (g, 2), 1);
      break;
   case BSON_TYPE_MINKEY:
      bson_append_minkey (out, name, -1);
      break;
   case BSON_TYPE_MAXKEY:
      bson_append_maxkey (out, name, -1);
      break;
   default:
      number (g, out, name, type);
      break;
   }
}

void
gen_value (gen *g, bson_t *out, const char *name, int depth)
{
   if (g->budget == 0) {
      bson_append_int32 (out, name, -1, 1);
      return;
   }
   g->budget--;
   unsigned n = gen_chance (g, 300) ? gen_pick (g, GEN_TYPES) : gen_pick (g, 6);
   gen_value_of_type (g, out, name, gen_types[n], depth);
}

/* --- ciphertext --------------------------------------------------------------------------------------------------- */

/* Whole blocks after the part whose length does not depend on the value. */
static unsigned
blocks_of (gen *g, uint8_t type)
{
   switch (type) {
   case 19:
      return 2;
   case 12:
      return 2 + gen_pick (g, 2);
   case 1:
   case 7:
   case 8:
   case 9:
   case 16:
   case 17:
   case 18:
      return 1;
   default:
      return 1 + gen_pick (g, 3);
   }
}

/* Which bytes stand behind the header: noise, text, or text with one thing wrong. */
static void
fill (gen *g, uint8_t *body, size_t len)
{
   static const char *const pieces[] = {"\x80", "\xc3\xa9",        "\xc2\x85",     "\xed\xa0\x80",     "\x7f",
                                        "\x1f", "\n\t\r",          "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc0\x80",
                                        "\xc3", "\xf4\x90\x80\x80"};
   if (!gen_chance (g, 60)) {
      uint8_t seed = gen_byte (g);
      for (size_t i = 0; i < len; i++) {
         body[i] = (uint8_t)(0x80 ^ (i * 37) ^ seed);
      }
      if (len > 3) {
         body[3] = 0;
      }
      return;
   }
   memset (body, 'p', len);
   const char *piece = pieces[gen_pick (g, 12)];
   size_t n = strlen (piece);
   if (gen_chance (g, 700) && len > n) {
      memcpy (body + (gen_pick (g, 2) ? len - n : gen_pick (g, (unsigned)(len - n))), piece, n);
   }
}

static void
put32 (uint8_t *at, uint32_t value)
{
   for (int i = 0; i < 4; i++) {
      at[i] = (uint8_t)(value >> (8 * i));
   }
}

/* Writes header counts for the payloads that have them, and answers how long the whole is. */
static size_t
layout (gen *g, uint8_t *blob, unsigned blocks, size_t *header)
{
   unsigned edges;
   *header = 18;
   switch (blob[0]) {
   case 14:
      return 18 + 80 + 96 + 16 * (size_t)blocks;
   case 15:
      edges = gen_pick (g, 4);
      blob[18] = (uint8_t)edges;
      *header = 19;
      return 19 + 80 + 96 * (size_t)edges + 16 * (size_t)blocks;
   case 17:
      edges = 1 + gen_pick (g, 4);
      put32 (blob + 18, gen_chance (g, 30) ? 0x10000000u * (edges & 15) + edges : edges);
      put32 (blob + 22, gen_pick (g, 3));
      put32 (blob + 26, gen_pick (g, 2));
      *header = 30;
      return 30 + 80 + 96 * (size_t)edges + 16 * (size_t)blocks;
   default:
      return 18 + 48 + 16 * (size_t)blocks;
   }
}

static size_t
wire_payload (gen *g, uint8_t *blob, const uint8_t key[16], uint8_t type)
{
   bson_t doc = BSON_INITIALIZER;
   if (!gen_chance (g, 100)) {
      bson_append_binary (&doc, "u", 1, gen_chance (g, 50) ? BSON_SUBTYPE_BINARY : BSON_SUBTYPE_UUID, key, 16);
   }
   if (gen_chance (g, 50)) {
      bson_append_int64 (&doc, "t", 1, type);
   } else {
      bson_append_int32 (&doc, "t", 1, type);
   }
   memcpy (blob + 1, bson_get_data (&doc), doc.len);
   size_t len = 1 + doc.len;
   bson_destroy (&doc);
   return gen_chance (g, 40) ? len - 1 : len;
}

static uint8_t
rule_type (gen *g, const bson_t *rule)
{
   bson_iter_t it, list;
   unsigned n = gen_pick (g, GEN_TYPES);
   if (rule && bson_iter_init_find (&it, rule, "bsonType") && !gen_chance (g, 80)) {
      const char *name = NULL;
      if (BSON_ITER_HOLDS_UTF8 (&it)) {
         name = bson_iter_utf8 (&it, NULL);
      } else if (BSON_ITER_HOLDS_ARRAY (&it) && bson_iter_recurse (&it, &list) && bson_iter_next (&list) &&
                 BSON_ITER_HOLDS_UTF8 (&list)) {
         name = bson_iter_utf8 (&list, NULL);
      }
      for (unsigned i = 0; name && i < GEN_TYPES; i++) {
         n = strcmp (name, gen_type_names[i]) == 0 ? i : n;
      }
   }
   return gen_chance (g, 20) ? gen_byte (g) : (uint8_t)gen_types[n];
}

static uint8_t
rule_first_byte (gen *g, const bson_t *rule, bool field)
{
   bson_iter_t it, queries;
   if (gen_chance (g, 80)) {
      return (uint8_t)gen_pick (g, gen_chance (g, 60) ? 256 : 20);
   }
   if (field) {
      if (!bson_iter_init_find (&it, rule, "queries")) {
         return 16;
      }
      const char *kind = bson_iter_recurse (&it, &queries) && bson_iter_find (&queries, "queryType")
                            ? bson_iter_utf8 (&queries, NULL)
                            : "";
      return strcmp (kind, "range") == 0 ? 15 : strcmp (kind, "equality") == 0 ? 14 : 17;
   }
   if (rule && bson_iter_init_find (&it, rule, "algorithm") && BSON_ITER_HOLDS_UTF8 (&it)) {
      return strstr (bson_iter_utf8 (&it, NULL), "Random") ? 2 : 1;
   }
   return (uint8_t)(1 + gen_pick (g, 2));
}

static void
rule_key (gen *g, const bson_t *rule, uint8_t key[16])
{
   bson_iter_t it, list;
   bson_subtype_t subtype;
   uint32_t len = 0;
   const uint8_t *data = NULL;
   gen_key (gen_pick (g, GEN_KEYS), key);
   if (rule && bson_iter_init_find (&it, rule, "keyId") && !gen_chance (g, 60)) {
      if (BSON_ITER_HOLDS_ARRAY (&it) && bson_iter_recurse (&it, &list) && bson_iter_next (&list)) {
         it = list;
      }
      if (BSON_ITER_HOLDS_BINARY (&it)) {
         bson_iter_binary (&it, &subtype, &len, &data);
      }
      if (len == 16) {
         memcpy (key, data, 16);
      }
   }
}

void
gen_blob (gen *g, bson_t *out, const char *name, const bson_t *rule, bool field)
{
   uint8_t blob[1024] = {0};
   size_t header, len;

   blob[0] = rule_first_byte (g, rule, field);
   rule_key (g, rule, blob + 1);
   blob[17] = rule_type (g, rule);
   if (field && gen_chance (g, 100)) {
      uint8_t key[16];
      memcpy (key, blob + 1, 16);
      blob[0] = 11;
      len = wire_payload (g, blob, key, blob[17]);
   } else {
      len = layout (g, blob, blocks_of (g, blob[17]), &header);
      fill (g, blob + header, len - header);
      if (gen_chance (g, 60)) {
         static const int changes[] = {-1, 1, 16, -16, 8, -64, -48, 32};
         len = (size_t)((int)len + changes[gen_pick (g, 8)]);
      }
      if (gen_chance (g, 20)) {
         len = gen_pick (g, 20);
      }
   }
   bson_append_binary (out, name, -1, gen_chance (g, 20) ? BSON_SUBTYPE_BINARY : BSON_SUBTYPE_ENCRYPTED, blob,
                       (uint32_t)len);
}
