/* SPDX-License-Identifier: Apache-2.0 */

/* Type names, and the members of encrypt and encryptMetadata. */

#include "tests/oracle/oracle.h"

#include <string.h>

enum { BAD_VALUE = 2, FAILED_TO_PARSE = 9, TYPE_MISMATCH = 14 };

uint32_t
oracle_type_bit (bson_type_t type)
{
   if (type == BSON_TYPE_MINKEY) {
      return 1u << 30;
   }
   return type == BSON_TYPE_MAXKEY ? 1u << 31 : type < 20 ? 1u << type : 0;
}

bool
oracle_types_have (const oracle_types *types, bson_type_t type)
{
   return (types->number && oracle_is_number (type)) || (types->bits & oracle_type_bit (type));
}

typedef struct alias {
   const char *name;
   bson_type_t type;
} alias;

static const alias bson_aliases[] = {
   {"double", 1},    {"string", 2},     {"object", 3},      {"array", 4},    {"binData", 5},
   {"undefined", 6}, {"objectId", 7},   {"bool", 8},        {"date", 9},     {"null", 10},
   {"regex", 11},    {"dbPointer", 12}, {"javascript", 13}, {"symbol", 14},  {"javascriptWithScope", 15},
   {"int", 16},      {"timestamp", 17}, {"long", 18},       {"decimal", 19}, {"minKey", 255},
   {"maxKey", 127}};
static const alias json_aliases[] = {{"array", 4}, {"boolean", 8}, {"null", 10}, {"object", 3}, {"string", 2}};

static int
add_alias (const char *name, bool json, oracle_types *types)
{
   const alias *list = json ? json_aliases : bson_aliases;
   size_t n = json ? sizeof json_aliases / sizeof *json_aliases : sizeof bson_aliases / sizeof *bson_aliases;

   if (strcmp (name, "number") == 0) {
      types->number = true;
      return 0;
   }
   for (size_t i = 0; i < n; i++) {
      if (strcmp (name, list[i].name) == 0) {
         types->bits |= oracle_type_bit (list[i].type);
         return 0;
      }
   }
   return json && strcmp (name, "integer") == 0 ? FAILED_TO_PARSE : BAD_VALUE;
}

static int
add_aliases (const bson_iter_t *value, bool json, oracle_types *types)
{
   bson_iter_t it, other;
   bson_iter_recurse (value, &it);
   while (bson_iter_next (&it)) {
      if (bson_iter_type (&it) != BSON_TYPE_UTF8) {
         return TYPE_MISMATCH;
      }
      int code = add_alias (bson_iter_utf8 (&it, NULL), json, types);
      if (code) {
         return code;
      }
      bson_iter_recurse (value, &other);
      while (bson_iter_next (&other) && bson_iter_offset (&other) != bson_iter_offset (&it)) {
         if (strcmp (bson_iter_utf8 (&other, NULL), bson_iter_utf8 (&it, NULL)) == 0) {
            return FAILED_TO_PARSE;
         }
      }
   }
   return 0;
}

int
oracle_types_parse (const bson_iter_t *value, bool json, bool empty, oracle_types *types)
{
   *types = (oracle_types){.stated = true};
   if (bson_iter_type (value) == BSON_TYPE_UTF8) {
      return add_alias (bson_iter_utf8 (value, NULL), json, types);
   }
   if (bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return TYPE_MISMATCH;
   }
   int code = add_aliases (value, json, types);
   return !code && !empty && !types->number && !types->bits ? FAILED_TO_PARSE : code;
}

static int
parse_pointer (const char *text)
{
   if (!*text) {
      return 51064;
   }
   if (*text != '/') {
      return 51065;
   }
   for (; *text; text++) {
      if (*text == '~' && text[1] != '0' && text[1] != '1') {
         return 51063;
      }
   }
   return 0;
}

static int
parse_key_id (const bson_iter_t *value)
{
   bson_iter_t it;
   if (bson_iter_type (value) == BSON_TYPE_UTF8) {
      return parse_pointer (bson_iter_utf8 (value, NULL));
   }
   if (bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return 51085;
   }
   bson_iter_recurse (value, &it);
   while (bson_iter_next (&it)) {
      bson_subtype_t subtype;
      uint32_t len;
      const uint8_t *data;
      if (bson_iter_type (&it) != BSON_TYPE_BINARY) {
         return 51088;
      }
      bson_iter_binary (&it, &subtype, &len, &data);
      if (subtype != BSON_SUBTYPE_UUID) {
         return 51084;
      }
      if (len != 16) {
         return 207;
      }
   }
   return 0;
}

static int
parse_algorithm (const bson_iter_t *value)
{
   if (bson_iter_type (value) != BSON_TYPE_UTF8) {
      return TYPE_MISMATCH;
   }
   const char *name = bson_iter_utf8 (value, NULL);
   return strcmp (name, "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic") == 0 ||
                strcmp (name, "AEAD_AES_256_CBC_HMAC_SHA_512-Random") == 0
             ? 0
             : BAD_VALUE;
}

static int
parse_member (const bson_iter_t *it, bool metadata)
{
   const char *name = bson_iter_key (it);
   oracle_types types;
   if (strcmp (name, "algorithm") == 0) {
      return parse_algorithm (it);
   }
   if (strcmp (name, "keyId") == 0) {
      return parse_key_id (it);
   }
   if (strcmp (name, "bsonType") == 0 && !metadata) {
      return oracle_types_parse (it, false, true, &types);
   }
   return 40415;
}

int
oracle_encrypt_parse (const bson_iter_t *value, bool metadata)
{
   bson_t members;
   bson_iter_t it, first;

   if (bson_iter_type (value) != BSON_TYPE_DOCUMENT) {
      return TYPE_MISMATCH;
   }
   oracle_sub (value, &members);
   if (metadata && bson_empty (&members)) {
      return FAILED_TO_PARSE;
   }
   bson_iter_init (&it, &members);
   while (bson_iter_next (&it)) {
      bool unknown = strcmp (bson_iter_key (&it), "algorithm") != 0 && strcmp (bson_iter_key (&it), "keyId") != 0 &&
                     (metadata || strcmp (bson_iter_key (&it), "bsonType") != 0);
      oracle_find (&members, bson_iter_key (&it), &first);
      if (!unknown && bson_iter_offset (&first) != bson_iter_offset (&it)) {
         return 40413;
      }
      int code = parse_member (&it, metadata);
      if (code) {
         return code;
      }
   }
   return 0;
}
