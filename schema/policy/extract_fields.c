/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/rules.h"

/*
 * encryptedFields: {fields: [{path, keyId, bsonType?, queries?}]}. A rule admits the one payload that a current server stores for what the
 * field declares: 14 for equality, 15 for range, 17 for text, 16 without queries. The payloads of the first protocol (6, 7, 9) were given up
 * with server 7.0; mongod's implicit validator still admits them, and so does a policy that is not strict.
 */

#define LAX_FIRST_BYTES (1u << 6 | 1u << 7 | 1u << 9 | 1u << 14 | 1u << 15 | 1u << 16 | 1u << 17)

typedef struct field {
   const char *path;
   bool has_key;
   uint8_t key[16];
   bool typed;
   uint64_t types;
   uint32_t queries; /* first bytes */
} field;

static bool
wrong_type (fg_error *err, const char *name, const char *expected)
{
   return fg_error_set (err, FG_ERROR_SERVER, 14, name,
                        "BSON field 'encryptedFields.fields.%s' is the wrong type, expected type '%s'", name, expected);
}

static bool
parse_query (const bson_iter_t *query, field *out, fg_error *err)
{
   bson_iter_t type;

   if (!BSON_ITER_HOLDS_DOCUMENT (query) || !bson_iter_recurse (query, &type)) {
      return wrong_type (err, "queries", "object");
   }
   if (!bson_iter_find (&type, "queryType")) {
      return fg_error_set (err, FG_ERROR_SERVER, 40414, "queries",
                           "BSON field 'encryptedFields.fields.queries.queryType' is missing but a required field");
   }
   if (!BSON_ITER_HOLDS_UTF8 (&type)) {
      return wrong_type (err, "queries.queryType", "string");
   }
   const char *name = bson_iter_utf8 (&type, NULL);
   if (strcmp (name, "equality") == 0) {
      out->queries |= 1u << 14;
   } else if (strcmp (name, "range") == 0 || strcmp (name, "rangePreview") == 0) {
      out->queries |= 1u << 15;
   } else if (strncmp (name, "prefix", 6) == 0 || strncmp (name, "suffix", 6) == 0 ||
              strncmp (name, "substring", 9) == 0) {
      out->queries |= 1u << 17;
   } else {
      return fg_error_set (err, FG_ERROR_SERVER, 2, "queries.queryType",
                           "Enumeration value '%s' for field 'queryType' is not a valid value.", name);
   }
   return true;
}

static bool
parse_queries (const bson_iter_t *value, field *out, fg_error *err)
{
   bson_iter_t member;
   bool ok = true;

   if (!BSON_ITER_HOLDS_ARRAY (value)) {
      return parse_query (value, out, err);
   }
   if (!bson_iter_recurse (value, &member)) {
      return wrong_type (err, "queries", "array");
   }
   while (ok && fg_policy_next (&member, &ok, err)) {
      ok = parse_query (&member, out, err);
   }
   return ok;
}

static bool
parse_key (const bson_iter_t *value, field *out, fg_error *err)
{
   bson_subtype_t subtype = 0;
   uint32_t len = 0;
   const uint8_t *data = NULL;

   if (BSON_ITER_HOLDS_BINARY (value)) {
      bson_iter_binary (value, &subtype, &len, &data);
   }
   if (!data || subtype != BSON_SUBTYPE_UUID || len != 16) {
      return wrong_type (err, "keyId", "UUID");
   }
   memcpy (out->key, data, 16);
   out->has_key = true;
   return true;
}

static bool
parse_type (const bson_iter_t *value, field *out, fg_error *err)
{
   bool known;

   if (!BSON_ITER_HOLDS_UTF8 (value)) {
      return wrong_type (err, "bsonType", "string");
   }
   out->typed = true;
   out->types = fg_policy_type_alias (bson_iter_utf8 (value, NULL), &known);
   return known || fg_error_set (err, FG_ERROR_SERVER, 2, "bsonType", "Unknown type name alias: %s",
                                 bson_iter_utf8 (value, NULL));
}

static bool
parse_field (const bson_iter_t *entry, field *out, fg_error *err)
{
   bson_iter_t member;
   bool ok = true;

   memset (out, 0, sizeof *out);
   if (!BSON_ITER_HOLDS_DOCUMENT (entry) || !bson_iter_recurse (entry, &member)) {
      return wrong_type (err, "", "object");
   }
   while (ok && fg_policy_next (&member, &ok, err)) {
      const char *key = bson_iter_key (&member);
      if (strcmp (key, "path") == 0) {
         out->path = BSON_ITER_HOLDS_UTF8 (&member) ? bson_iter_utf8 (&member, NULL) : NULL;
         ok = out->path != NULL || wrong_type (err, "path", "string");
      } else if (strcmp (key, "keyId") == 0) {
         ok = parse_key (&member, out, err);
      } else if (strcmp (key, "bsonType") == 0) {
         ok = parse_type (&member, out, err);
      } else if (strcmp (key, "queries") == 0) {
         ok = parse_queries (&member, out, err);
      }
   }
   if (!ok) {
      return false;
   }
   if (!out->path || !out->has_key) {
      return fg_error_set (err, FG_ERROR_SERVER, 40414, out->path ? "keyId" : "path",
                           "BSON field 'encryptedFields.fields.%s' is missing but a required field",
                           out->path ? "keyId" : "path");
   }
   return out->path[0] != '\0' ||
          fg_error_set (err, FG_ERROR_SERVER, 2, "path", "the path of an encrypted field must not be empty");
}

static bool
make_rule (fg_rules *rules, const field *from, fg_policy_rule *rule, fg_error *err)
{
   void *key = fg_vec_add (&rules->keys, 1);
   if (!key) {
      return fg_rules_no_memory (err);
   }
   memcpy (key, from->key, 16);
   memset (rule, 0, sizeof *rule);
   rule->kind = FG_POLICY_QE;
   rule->typed = from->typed;
   rule->types = from->typed ? from->types : UINT64_MAX;
   rule->keys = (uint32_t)(rules->keys.n - 1);
   rule->n_keys = 1;
   rule->first_bytes = !rules->strict ? LAX_FIRST_BYTES : from->queries ? from->queries : 1u << 16;
   return true;
}

/* root -> one node a component -> the rule. Arrays on such a path are refused, as the server refuses them. */
static bool
add_field (fg_rules *rules, const field *from, fg_error *err)
{
   uint32_t node;
   fg_policy_rule rule;
   const char *name = from->path;

   if (!make_rule (rules, from, &rule, err) || !fg_rules_add_node (rules, &rules->root, &node, err)) {
      return false;
   }
   for (uint32_t depth = 0;; depth++) {
      const char *dot = strchr (name, '.');
      uint32_t head = FG_POLICY_NONE, below;
      if (depth >= rules->max_depth) {
         return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_DEEP, NULL, "the path of an encrypted field is too deep");
      }
      if (!fg_rules_add_node (rules, &head, &below, err) ||
          !fg_rules_add_edge (rules, node, FG_EDGE_NAME, name, dot ? (size_t)(dot - name) : strlen (name), 0, head,
                              err)) {
         return false;
      }
      node = below;
      if (!dot) {
         return fg_rules_add_rule (rules, node, 0, &rule, err);
      }
      name = dot + 1;
   }
}

bool
fg_policy_extract_fields (fg_rules *rules, bson_iter_t *encrypted_fields, fg_error *err)
{
   bool ok = true, found = false;
   bson_iter_t entry;
   field parsed;

   while (ok && fg_policy_next (encrypted_fields, &ok, err)) {
      if (strcmp (bson_iter_key (encrypted_fields), "fields") != 0) {
         continue;
      }
      found = true;
      if (!BSON_ITER_HOLDS_ARRAY (encrypted_fields) || !bson_iter_recurse (encrypted_fields, &entry)) {
         return fg_error_set (err, FG_ERROR_SERVER, 14, "encryptedFields.fields",
                              "BSON field 'encryptedFields.fields' is the wrong type, expected type 'array'");
      }
      while (ok && fg_policy_next (&entry, &ok, err)) {
         ok = parse_field (&entry, &parsed, err) && add_field (rules, &parsed, err);
      }
   }
   if (ok && !found) {
      return fg_error_set (err, FG_ERROR_SERVER, 40414, "encryptedFields.fields",
                           "BSON field 'encryptedFields.fields' is missing but a required field");
   }
   return ok;
}
