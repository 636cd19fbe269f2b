/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/rules.h"

/* The inside of encrypt and encryptMetadata. Codes are mongod's, as are the texts that a client may know. */

#define DETERMINISTIC "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
#define RANDOM "AEAD_AES_256_CBC_HMAC_SHA_512-Random"

static bool
refuse (fg_error *err, int32_t code, const char *path, const char *text)
{
   return fg_error_set (err, FG_ERROR_SERVER, code, path, "%s", text);
}

uint64_t
fg_policy_type_alias (const char *alias, bool *known)
{
   static const struct {
      const char *name;
      uint64_t types;
   } aliases[] = {{"double", 1u << 1},
                  {"string", 1u << 2},
                  {"object", 1u << 3},
                  {"array", 1u << 4},
                  {"binData", 1u << 5},
                  {"undefined", 1u << 6},
                  {"objectId", 1u << 7},
                  {"bool", 1u << 8},
                  {"date", 1u << 9},
                  {"null", 1u << 10},
                  {"regex", 1u << 11},
                  {"dbPointer", 1u << 12},
                  {"javascript", 1u << 13},
                  {"symbol", 1u << 14},
                  {"javascriptWithScope", 1u << 15},
                  {"int", 1u << 16},
                  {"timestamp", 1u << 17},
                  {"long", 1u << 18},
                  {"decimal", 1u << 19},
                  {"number", 1u << 1 | 1u << 16 | 1u << 18 | 1u << 19},
                  {"minKey", 0},
                  {"maxKey", 0}};

   for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
      if (strcmp (alias, aliases[i].name) == 0) {
         *known = true;
         return aliases[i].types;
      }
   }
   *known = false;
   return 0;
}

static bool
add_alias (const bson_iter_t *value, const char *path, uint64_t *types, fg_error *err)
{
   bool known;

   if (!BSON_ITER_HOLDS_UTF8 (value)) {
      return refuse (err, 14, path, "$jsonSchema keyword 'bsonType' must name its types by string aliases");
   }
   const char *alias = bson_iter_utf8 (value, NULL);
   uint64_t added = fg_policy_type_alias (alias, &known);
   if (!known) {
      return fg_error_set (err, FG_ERROR_SERVER, 2, path, "Unknown type name alias: %s", alias);
   }
   *types |= added;
   return true;
}

static bool
repeated_alias (const bson_iter_t *array, const bson_iter_t *member)
{
   bson_iter_t other;
   uint32_t same = 0;

   if (!bson_iter_recurse (array, &other)) {
      return true;
   }
   while (bson_iter_next (&other)) {
      same +=
         BSON_ITER_HOLDS_UTF8 (&other) && strcmp (bson_iter_utf8 (&other, NULL), bson_iter_utf8 (member, NULL)) == 0;
   }
   return same > 1;
}

static bool
parse_types (const bson_iter_t *value, const char *path, fg_encrypt_spec *spec, fg_error *err)
{
   bson_iter_t member;
   bool ok = true;

   spec->typed = true;
   if (!BSON_ITER_HOLDS_ARRAY (value)) {
      return add_alias (value, path, &spec->types, err);
   }
   if (!bson_iter_recurse (value, &member)) {
      return refuse (err, 9, path, "malformed array");
   }
   for (uint32_t n = 0; ok && fg_policy_next (&member, &ok, err); n++) {
      /* More members than there are aliases cannot be unique. */
      ok = add_alias (&member, path, &spec->types, err) &&
           ((n < 32 && !repeated_alias (value, &member)) ||
            refuse (err, 9, path, "$jsonSchema keyword 'bsonType' has duplicate value"));
   }
   return ok;
}

static bool
parse_algorithm (const bson_iter_t *value, const char *path, fg_encrypt_spec *spec, fg_error *err)
{
   if (!BSON_ITER_HOLDS_UTF8 (value)) {
      return refuse (err, 14, path, "BSON field 'algorithm' is the wrong type, expected type 'string'");
   }
   const char *name = bson_iter_utf8 (value, NULL);
   spec->has_algorithm = true;
   if (strcmp (name, DETERMINISTIC) == 0) {
      spec->first_bytes = 1u << 1;
   } else if (strcmp (name, RANDOM) == 0) {
      spec->first_bytes = 1u << 2;
   } else {
      return fg_error_set (err, FG_ERROR_SERVER, 2, path,
                           "Enumeration value '%s' for field 'algorithm' is not a valid value.", name);
   }
   return true;
}

/* A JSON pointer names a field of each document that holds a key's alternative name: any well-formed key id fits. */
static bool
check_pointer (const char *pointer, const char *path, fg_error *err)
{
   if (pointer[0] == '\0') {
      return refuse (err, 51064, path, "Empty JSONPointer string is not supported");
   }
   if (pointer[0] != '/') {
      return refuse (err, 51065, path, "JSONPointer string must start with a '/'");
   }
   for (const char *p = strchr (pointer, '~'); p; p = strchr (p + 1, '~')) {
      if (p[1] != '0' && p[1] != '1') {
         return refuse (err, 51063, path, "~ must be followed by 0 or 1");
      }
   }
   return true;
}

static bool
add_key (fg_rules *rules, const bson_iter_t *member, const char *path, fg_encrypt_spec *spec, fg_error *err)
{
   bson_subtype_t subtype;
   uint32_t len = 0;
   const uint8_t *data = NULL;

   if (!BSON_ITER_HOLDS_BINARY (member)) {
      return refuse (err, 51088, path, "Array elements must have type BinData");
   }
   bson_iter_binary (member, &subtype, &len, &data);
   if (subtype != BSON_SUBTYPE_UUID || len != 16) {
      return refuse (err, 51084, path, "Array elements must have bindata type UUID");
   }
   void *key = fg_vec_add (&rules->keys, 1);
   if (!key) {
      return fg_rules_no_memory (err);
   }
   memcpy (key, data, 16);
   spec->n_keys++;
   return true;
}

static bool
parse_keys (fg_rules *rules, const bson_iter_t *value, const char *path, fg_encrypt_spec *spec, fg_error *err)
{
   bson_iter_t member;
   bool ok = true;

   spec->has_keys = true;
   spec->keys = (uint32_t)rules->keys.n;
   spec->n_keys = 0;
   if (BSON_ITER_HOLDS_UTF8 (value)) {
      return check_pointer (bson_iter_utf8 (value, NULL), path, err);
   }
   if (!BSON_ITER_HOLDS_ARRAY (value)) {
      return refuse (err, 51085, path, "keyId must be either a string or an array");
   }
   if (!bson_iter_recurse (value, &member)) {
      return refuse (err, 9, path, "malformed array");
   }
   while (ok && fg_policy_next (&member, &ok, err)) {
      ok = add_key (rules, &member, path, spec, err);
   }
   /* An array that names no key names none in particular, as if keyId were not there. */
   spec->has_keys = spec->n_keys > 0;
   return ok;
}

bool
fg_policy_parse_encrypt (fg_rules *rules, const bson_iter_t *value, bool metadata, const char *path,
                         fg_encrypt_spec *spec, fg_error *err)
{
   const char *keyword = metadata ? "encryptMetadata" : "encrypt";
   uint32_t seen = 0;
   bool ok = true;
   bson_iter_t member;

   if (!BSON_ITER_HOLDS_DOCUMENT (value)) {
      return fg_error_set (err, FG_ERROR_SERVER, 14, path, "$jsonSchema keyword '%s' must be an object ", keyword);
   }
   if (!bson_iter_recurse (value, &member)) {
      return refuse (err, 9, path, "malformed object");
   }
   while (ok && fg_policy_next (&member, &ok, err)) {
      const char *key = bson_iter_key (&member);
      uint32_t bit = strcmp (key, "algorithm") == 0               ? 1u
                     : strcmp (key, "keyId") == 0                 ? 2u
                     : !metadata && strcmp (key, "bsonType") == 0 ? 4u
                                                                  : 0;
      if (bit == 0) {
         return fg_error_set (err, FG_ERROR_SERVER, 40415, path, "BSON field '%s.%s' is an unknown field.", keyword,
                              key);
      }
      if (seen & bit) {
         return fg_error_set (err, FG_ERROR_SERVER, 40413, path, "BSON field '%s.%s' is a duplicate field", keyword,
                              key);
      }
      seen |= bit;
      ok = bit == 1u   ? parse_algorithm (&member, path, spec, err)
           : bit == 2u ? parse_keys (rules, &member, path, spec, err)
                       : parse_types (&member, path, spec, err);
   }
   if (ok && metadata && seen == 0) {
      return refuse (err, 9, path, "$jsonSchema keyword 'encryptMetadata' cannot be an empty object ");
   }
   return ok;
}
