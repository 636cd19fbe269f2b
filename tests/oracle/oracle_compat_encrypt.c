/* SPDX-License-Identifier: Apache-2.0 */

/* What `encrypt` asks of a value. */

#include "tests/oracle/oracle_compat.h"

#include <string.h>

bool
oracle_is_encrypted (const bson_iter_t *value, void *arg)
{
   bson_subtype_t subtype;
   uint32_t len;
   const uint8_t *data;
   (void)arg;
   if (!value || bson_iter_type (value) != BSON_TYPE_BINARY) {
      return false;
   }
   bson_iter_binary (value, &subtype, &len, &data);
   return subtype == BSON_SUBTYPE_ENCRYPTED;
}

static bool
is_encrypted_type (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_subtype_t subtype;
   uint32_t len;
   const uint8_t *data;
   oracle_types types;
   if (!oracle_is_encrypted (value, NULL)) {
      return false;
   }
   bson_iter_binary (value, &subtype, &len, &data);
   if (len < 18) {
      return false;
   }
   if (data[0] > 18) {
      *k->at.refused = true;
      return false;
   }
   oracle_types_parse (k->it, false, true, &types);
   return data[0] >= 1 && data[0] <= 2 && oracle_types_have (&types, (bson_type_t)data[17]);
}

bool
oracle_encrypt (const bson_iter_t *value, const bson_t *schema, place at)
{
   bson_t members;
   bson_iter_t types;
   oracle_sub (value, &members);
   if (!oracle_any (at.doc, at.path, false, oracle_is_encrypted, NULL)) {
      return false;
   }
   if (oracle_find (&members, "bsonType", &types)) {
      keyword k = {&types, schema, at, NULL, 0};
      return oracle_any (at.doc, at.path, false, is_encrypted_type, &k);
   }
   return true;
}
