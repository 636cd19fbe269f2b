/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

/* minItems, maxItems, uniqueItems, items, additionalItems. */

#define ARRAYS fg_type_bit (BSON_ARRAY)

static bool
parse_count (fg_schema *schema, fg_keyword which, fg_node_kind kind)
{
   const fg_element *keyword = &schema->keywords[which];
   int64_t count;

   if (!keyword->name) {
      return true;
   }
   if (!fg_parse_int64 (schema->parser, keyword, true, &count)) {
      return false;
   }
   if (schema->scope.top) {
      return true;
   }
   fg_node *node = fg_schema_leaf (schema, kind, keyword, ARRAYS);
   if (!node) {
      return false;
   }
   node->u.count = count;
   fg_schema_add (schema, node);
   return true;
}

static bool
parse_unique (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_UNIQUE_ITEMS];

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type != BSON_BOOL) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'uniqueItems' must be a boolean");
   }
   if (schema->scope.top || !fg_value_bool (&keyword->value)) {
      return true;
   }
   fg_node *node = fg_schema_leaf (schema, N_UNIQUE_ITEMS, keyword, ARRAYS);
   if (!node) {
      return false;
   }
   fg_schema_add (schema, node);
   return true;
}

/* A node with one kid: the schema of an element. */
static fg_node *
element_node (fg_schema *schema, fg_node_kind kind, const fg_element *keyword, const char *step,
              const fg_value *document, uint32_t from)
{
   fg_schema_scope scope = {false, NULL};
   fg_node *kid = fg_schema_nested (schema, scope, step, document);
   fg_node *node = kid ? fg_schema_leaf (schema, kind, keyword, ARRAYS) : NULL;
   fg_node **kids = node ? fg_parse_array (schema->parser, 1, sizeof *kids) : NULL;

   if (!kids) {
      return NULL;
   }
   kids[0] = kid;
   node->kids = kids;
   node->n_kids = 1;
   node->from = from;
   return node;
}

static bool
parse_items_list (fg_schema *schema, const fg_element *keyword, uint32_t *count)
{
   fg_cursor cursor;
   fg_element item;
   fg_node *list = fg_parse_node_with_kids (schema->parser, N_ITEMS_LIST, fg_parse_count (&keyword->value));

   if (!list) {
      return false;
   }
   list->op = keyword->name;
   list->spec = keyword->value;
   fg_cursor_open (&cursor, &keyword->value);
   for (*count = 0; fg_cursor_next (&cursor, &item); (*count)++) {
      if (item.value.type != BSON_OBJECT) {
         return fg_schema_wrong_type (
            schema, "$jsonSchema keyword 'items' requires that each element of the array is an object, but found a %s",
            fg_type_name (item.value.type));
      }
      fg_node *node = element_node (schema, N_ITEM_AT, keyword, "items", &item.value, *count);
      if (!node) {
         return false;
      }
      if (node->path && schema->has_type && fg_type_set_is_single (&schema->types)) {
         node->lenient = false; /* as fg_schema_add does for a single node */
      }
      list->kids[list->n_kids++] = node;
   }
   bool moot = schema->has_type && fg_type_set_is_single (&schema->types) && (schema->types.mask & ARRAYS) == 0;
   if (!schema->scope.top && !moot) {
      schema->node->kids[schema->node->n_kids++] = list;
   }
   return true;
}

static bool
parse_items (fg_schema *schema, bool *is_list, uint32_t *count)
{
   const fg_element *keyword = &schema->keywords[KW_ITEMS];

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type == BSON_ARRAY) {
      *is_list = true;
      return parse_items_list (schema, keyword, count);
   }
   if (keyword->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'items' must be an array or an object, not %s",
                                   fg_type_name (keyword->value.type));
   }
   fg_node *node = element_node (schema, N_ITEMS, keyword, "items", &keyword->value, 0);
   if (!node) {
      return false;
   }
   if (!schema->scope.top) {
      fg_schema_add (schema, node);
   }
   return true;
}

static fg_node *
additional_items_constant (fg_schema *schema, const fg_element *keyword, uint32_t from)
{
   fg_node *node = fg_schema_leaf (schema, N_ITEMS, keyword, ARRAYS);
   fg_node *kid = fg_parse_node (schema->parser, fg_value_bool (&keyword->value) ? N_TRUE : N_FALSE);
   fg_node **kids = fg_parse_array (schema->parser, 1, sizeof *kids);

   if (!node || !kid || !kids) {
      return NULL;
   }
   kids[0] = kid;
   node->kids = kids;
   node->n_kids = 1;
   node->from = from;
   return node;
}

static bool
parse_additional_items (fg_schema *schema, bool is_list, uint32_t from)
{
   const fg_element *keyword = &schema->keywords[KW_ADDITIONAL_ITEMS];
   fg_node *node;

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type == BSON_BOOL) {
      node = additional_items_constant (schema, keyword, from);
   } else if (keyword->value.type == BSON_OBJECT) {
      node = element_node (schema, N_ITEMS, keyword, "additionalItems", &keyword->value, from);
   } else {
      return fg_schema_wrong_type (schema,
                                   "$jsonSchema keyword 'additionalItems' must be either an object or a boolean, but "
                                   "got a %s",
                                   fg_type_name (keyword->value.type));
   }
   if (!node) {
      return false;
   }
   if (is_list && !schema->scope.top) {
      fg_schema_add (schema, node);
   }
   return true;
}

bool
fg_parse_schema_arrays (fg_schema *schema)
{
   bool is_list = false;
   uint32_t count = 0;

   return parse_count (schema, KW_MIN_ITEMS, N_MIN_ITEMS) && parse_count (schema, KW_MAX_ITEMS, N_MAX_ITEMS) &&
          parse_unique (schema) && parse_items (schema, &is_list, &count) &&
          parse_additional_items (schema, is_list, count);
}
