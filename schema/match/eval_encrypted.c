/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/tree.h"

#include "base/base.h"

/*
 * Encrypted values as mongod 8.0 reads them: it looks at subtype, first byte and the original type's byte, nothing else. What that leaves
 * open is the business of schema/policy.
 */

#define ENCRYPTED_SUBTYPE 6
#define HEADER_SIZE 18 /* first byte, key id, original type */
#define LAST_KNOWN_KIND 18

static bool
is_encrypted_subtype (const fg_value *value)
{
   return value->type == BSON_BINDATA && value->data[4] == ENCRYPTED_SUBTYPE;
}

static bool
type_named (const fg_type_set *types, uint8_t type)
{
   return (fg_type_bit (type) & types->mask) != 0;
}

/* A first byte that no version defines makes mongod throw while matching: the document is then refused whatever stands around the rule. */
static bool
has_declared_type (fg_eval *ev, const fg_node *node, const uint8_t *blob, size_t len)
{
   if (len < HEADER_SIZE) {
      return false;
   }
   if (blob[0] > LAST_KNOWN_KIND) {
      return fg_eval_set_fault (ev, FG_FAULT_BLOB_TYPE);
   }
   return (blob[0] == 1 || blob[0] == 2) && type_named (&node->u.encrypted.types, blob[17]);
}

bool
fg_eval_encrypted (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   if (!is_encrypted_subtype (value)) {
      return false;
   }
   return !node->u.encrypted.typed || has_declared_type (ev, node, value->data + 5, value->len - 5);
}

static bool
is_stored_fle2_kind (uint8_t kind)
{
   return kind == 6 || kind == 7 || kind == 9 || (kind >= 14 && kind <= 17);
}

bool
fg_eval_fle2_value (const fg_node *node, const fg_value *value)
{
   if (value->type == 0) {
      return true;
   }
   if (!is_encrypted_subtype (value) || value->len - 5 < HEADER_SIZE) {
      return false;
   }
   const uint8_t *blob = value->data + 5;
   return is_stored_fle2_kind (blob[0]) && (node->u.types.n_named == 0 || type_named (&node->u.types, blob[17]));
}
