/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/names.h"

#include "base/base.h"

/* The tests of $jsonSchema's keywords, on one value. */

size_t
fg_code_points (const char *text, size_t len)
{
   size_t n = 0;
   for (size_t i = 0; i < len; i++) {
      n += ((uint8_t)text[i] & 0xC0) != 0x80;
   }
   return n;
}

static bool
eval_length (const fg_node *node, const fg_value *value)
{
   size_t len;

   if (value->type != BSON_STRING) {
      return false;
   }
   const char *text = fg_value_string (value, &len);
   uint64_t points = fg_code_points (text, len);
   return node->kind == N_MIN_LENGTH ? points >= (uint64_t)node->u.count : points <= (uint64_t)node->u.count;
}

static bool
eval_multiple_of (const fg_node *node, const fg_value *value)
{
   if (!fg_value_is_number (value)) {
      return false;
   }
   fg_decimal dividend = fg_decimal_of (value, 15);
   return fg_decimal_is_multiple (&dividend, &node->u.divisor);
}

static bool
eval_enum (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   for (uint32_t i = 0; i < node->u.in.n_values; i++) {
      if (fg_eval_equal_unordered (ev, value, &node->u.in.values[i])) {
         return true;
      }
   }
   return false;
}

bool
fg_allowed_names (const fg_allowed *allowed, const char *name, size_t len)
{
   if (allowed->table) {
      return fg_name_table_find (allowed->table, name, len) != UINT32_MAX;
   }
   for (uint32_t i = 0; i < allowed->n_names; i++) {
      if (allowed->names[i].len == len && memcmp (allowed->names[i].text, name, len) == 0) {
         return true;
      }
   }
   return false;
}

bool
fg_eval_allows (fg_eval *ev, const fg_allowed *allowed, const fg_element *element)
{
   bool known = fg_allowed_names (allowed, element->name, element->name_len);

   for (uint32_t i = 0; i < allowed->n_patterns; i++) {
      if (fg_eval_regex (ev, allowed->patterns[i].regex, element->name, element->name_len)) {
         known = true;
         if (!fg_eval_node (ev, allowed->patterns[i].schema, &element->value)) {
            return false;
         }
      }
   }
   return known || !allowed->additional || fg_eval_node (ev, allowed->additional, &element->value);
}

static bool
eval_allowed (fg_eval *ev, const fg_node *node, const fg_value *object)
{
   fg_cursor cursor;
   fg_element element;
   bool all = true;

   if (!fg_eval_enter (ev, &cursor, object)) {
      return false;
   }
   while (all && !ev->fault && fg_cursor_next (&cursor, &element)) {
      all = fg_eval_allows (ev, node->u.allowed, &element);
   }
   fg_eval_leave (ev, &cursor);
   return all;
}

static bool
all_exist (fg_eval *ev, const fg_dependency *dependency, const fg_value *object)
{
   for (uint32_t i = 0; i < dependency->n_required; i++) {
      if (!fg_eval_path_exists (ev, dependency->required[i], object)) {
         return false;
      }
   }
   return true;
}

static bool
eval_dependencies (fg_eval *ev, const fg_node *node, const fg_value *object)
{
   const fg_dependencies *dependencies = node->u.dependencies;

   for (uint32_t i = 0; i < dependencies->n && !ev->fault; i++) {
      const fg_dependency *dependency = &dependencies->items[i];
      if (!fg_eval_path_exists (ev, dependency->name, object)) {
         continue;
      }
      if (dependency->schema ? !fg_eval_node (ev, dependency->schema, object) : !all_exist (ev, dependency, object)) {
         return false;
      }
   }
   return true;
}

typedef struct object_test {
   fg_eval *ev;
   const fg_path *name;
} object_test;

static bool
is_object_with (void *arg, const fg_value *value, size_t index)
{
   const object_test *test = arg;

   (void)index;
   return value->type == BSON_OBJECT && fg_eval_path_exists (test->ev, test->name, value);
}

/* Whether the path reaches some object that has the name. */
static bool
reaches_object_with (fg_eval *ev, const fg_path *path, const fg_path *name, const fg_value *document)
{
   object_test test = {ev, name};
   return fg_path_any (ev, path, false, document, is_object_with, &test);
}

static bool
dependency_holds_at (fg_eval *ev, const fg_node *node, const fg_dependency *dependency, const fg_value *document)
{
   if (!reaches_object_with (ev, node->path, dependency->name, document)) {
      return true;
   }
   if (dependency->schema) {
      return fg_eval_node (ev, dependency->schema, document);
   }
   for (uint32_t i = 0; i < dependency->n_required; i++) {
      if (!reaches_object_with (ev, node->path, dependency->required[i], document)) {
         return false;
      }
   }
   return true;
}

/* Below a dotted property: condition and consequence each search the path on their own. */
bool
fg_eval_dependencies_at (fg_eval *ev, const fg_node *node, const fg_value *document)
{
   const fg_dependencies *dependencies = node->u.dependencies;

   for (uint32_t i = 0; i < dependencies->n && !ev->fault; i++) {
      if (!dependency_holds_at (ev, node, &dependencies->items[i], document)) {
         return false;
      }
   }
   return true;
}

static bool
eval_object_leaf (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   if (value->type != BSON_OBJECT) {
      return false;
   }
   switch ((int)node->kind) {
   case N_ROOT_ENUM:
      return eval_enum (ev, node, value);
   case N_REQUIRED:
      return fg_eval_required (ev, node, value);
   case N_PROPERTIES:
      return fg_eval_properties (ev, node, value);
   case N_ALLOWED:
      return eval_allowed (ev, node, value);
   case N_MIN_PROPERTIES:
      return fg_eval_count (ev, value) >= (uint64_t)node->u.count;
   case N_MAX_PROPERTIES:
      return fg_eval_count (ev, value) <= (uint64_t)node->u.count;
   default:
      return eval_dependencies (ev, node, value);
   }
}

bool
fg_eval_schema_leaf (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   switch ((int)node->kind) {
   case N_ENUM:
      return eval_enum (ev, node, value);
   case N_MULTIPLE_OF:
      return eval_multiple_of (node, value);
   case N_MIN_LENGTH:
   case N_MAX_LENGTH:
      return eval_length (node, value);
   case N_ENCRYPTED:
      return fg_eval_encrypted (ev, node, value);
   case N_FLE2_VALUE:
      return fg_eval_fle2_value (node, value);
   default:
      return eval_object_leaf (ev, node, value);
   }
}

static bool
eval_fle2_path (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   if (value->type == 0) {
      return true;
   }
   if (value->type == BSON_ARRAY) {
      return false;
   }
   if (value->type != BSON_OBJECT) {
      return true;
   }
   for (uint32_t i = 0; i < node->n_kids && !ev->fault; i++) {
      if (!fg_eval_node (ev, node->kids[i], value)) {
         return false;
      }
   }
   return true;
}

bool
fg_eval_test (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   if (node->kind <= N_REGEX || (node->kind >= N_BITS_ALL_SET && node->kind <= N_BITS_ANY_CLEAR)) {
      return fg_eval_query_leaf (ev, node, value);
   }
   switch ((int)node->kind) {
   case N_SIZE:
   case N_ELEM_MATCH_OBJECT:
   case N_ELEM_MATCH_VALUE:
   case N_ITEMS:
   case N_ITEM_AT:
   case N_MIN_ITEMS:
   case N_MAX_ITEMS:
   case N_UNIQUE_ITEMS:
      return fg_eval_array_leaf (ev, node, value);
   case N_FLE2_PATH:
      return eval_fle2_path (ev, node, value);
   default:
      return fg_eval_schema_leaf (ev, node, value);
   }
}
