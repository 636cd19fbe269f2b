/* SPDX-License-Identifier: Apache-2.0 */

/* The queries of a validator, and encryptedFields. */

#include "tests/oracle/oracle_compat.h"

#include <string.h>

static bool
equals (const bson_iter_t *value, void *arg)
{
   const bson_iter_t *wanted = arg;
   return value ? oracle_equal (value, wanted, true) : bson_iter_type (wanted) == BSON_TYPE_NULL;
}

static bool
check_query (const bson_t *query, const bson_t *doc, bool *refused)
{
   bson_iter_t it, member;
   bson_t sub;
   bool holds = true;

   bson_iter_init (&it, query);
   while (bson_iter_next (&it)) {
      const char *name = bson_iter_key (&it);
      int n = 0, holding = 0;
      if (strcmp (name, "$jsonSchema") == 0) {
         oracle_sub (&it, &sub);
         holds = oracle_check_schema (&sub, (place){doc, NULL, refused}) && holds;
         continue;
      }
      if (name[0] != '$') {
         bson_iter_t wanted = it;
         holds = oracle_any (doc, name, true, equals, &wanted) && holds;
         continue;
      }
      bson_iter_recurse (&it, &member);
      for (; bson_iter_next (&member); n++) {
         oracle_sub (&member, &sub);
         holding += check_query (&sub, doc, refused);
      }
      holds = holds && (strcmp (name, "$and") == 0 ? holding == n : strcmp (name, "$or") == 0 ? holding > 0 : !holding);
   }
   return holds;
}

static bool
payload_fits (const bson_iter_t *value, const bson_iter_t *type_name)
{
   bson_subtype_t subtype;
   uint32_t len;
   const uint8_t *data;
   oracle_types types;
   if (!oracle_is_encrypted (value, NULL)) {
      return false;
   }
   bson_iter_binary (value, &subtype, &len, &data);
   if (len < 18 || !memchr ("\6\7\11\16\17\20\21", data[0], 7)) {
      return false;
   }
   return !type_name || (oracle_types_parse (type_name, false, false, &types) == 0 &&
                         oracle_types_have (&types, (bson_type_t)data[17]));
}

static bool
field_fits (const bson_t *doc, const char *path, const bson_iter_t *type_name)
{
   const char *dot = strchr (path, '.');
   char part[64];
   bson_iter_t value;
   bson_t sub;
   size_t n = dot ? (size_t)(dot - path) : strlen (path);

   memcpy (part, path, n < 63 ? n : 63);
   part[n < 63 ? n : 63] = '\0';
   if (!oracle_find (doc, part, &value)) {
      return true;
   }
   if (!dot) {
      return payload_fits (&value, type_name);
   }
   if (bson_iter_type (&value) == BSON_TYPE_ARRAY) {
      return false;
   }
   if (bson_iter_type (&value) != BSON_TYPE_DOCUMENT) {
      return true;
   }
   oracle_sub (&value, &sub);
   return field_fits (&sub, dot + 1, type_name);
}

static bool
check_encrypted_fields (const bson_t *options, const bson_t *doc)
{
   bson_iter_t it, fields, path, type;
   bson_t field;
   bool holds = true;

   if (!oracle_find (options, "encryptedFields", &it) || !bson_iter_recurse (&it, &fields) ||
       !bson_iter_find (&fields, "fields")) {
      return true;
   }
   bson_iter_recurse (&fields, &it);
   while (bson_iter_next (&it)) {
      oracle_sub (&it, &field);
      oracle_find (&field, "path", &path);
      bool typed = oracle_find (&field, "bsonType", &type);
      holds = field_fits (doc, bson_iter_utf8 (&path, NULL), typed ? &type : NULL) && holds;
   }
   return holds;
}

oracle_verdict
oracle_compat_check (const bson_t *options, const bson_t *doc)
{
   bson_iter_t it;
   bson_t validator;
   bool refused = false, holds = true;

   if (oracle_find (options, "validator", &it)) {
      oracle_sub (&it, &validator);
      holds = check_query (&validator, doc, &refused);
   }
   holds = check_encrypted_fields (options, doc) && holds;
   return refused ? ORACLE_REFUSED : holds ? ORACLE_YES : ORACLE_NO;
}
