/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/explain.h"

/* minItems, maxItems, uniqueItems, items and additionalItems in errInfo. */

static void
explain_count (fg_explain *x, const fg_node *node, const fg_value *array, const fg_step *at, bson_t *out)
{
   fg_explain_specified (out, x, node->op, &node->spec);
   BSON_APPEND_UTF8 (out, "reason", "array did not match specified length");
   fg_explain_considered (x, out, "consideredValue", array, NULL, at);
   BSON_APPEND_INT32 (out, "numberOfItems", (int32_t)fg_eval_count (&x->ev, array));
}

#define MAX_COMPARED 1000u

/* Names one of the duplicates, unless finding it again would take too long. */
static bool
find_duplicate (fg_explain *x, const fg_value *array, fg_value *duplicate)
{
   fg_cursor cursor, earlier;
   fg_element element, other;

   if (fg_eval_count (&x->ev, array) > MAX_COMPARED) {
      return false;
   }
   fg_cursor_open (&cursor, array);
   while (fg_cursor_next (&cursor, &element)) {
      fg_cursor_open (&earlier, array);
      while (fg_cursor_next (&earlier, &other) && other.name != element.name) {
         if (fg_eval_equal_unordered (&x->ev, &other.value, &element.value)) {
            *duplicate = element.value;
            return true;
         }
      }
   }
   return false;
}

static void
explain_unique (fg_explain *x, const fg_node *node, const fg_value *array, const fg_step *at, bson_t *out)
{
   fg_value duplicate;

   fg_explain_specified (out, x, node->op, &node->spec);
   BSON_APPEND_UTF8 (out, "reason", "found a duplicate item");
   fg_explain_considered (x, out, "consideredValue", array, NULL, at);
   if (find_duplicate (x, array, &duplicate)) {
      fg_explain_considered (x, out, "duplicatedValue", &duplicate, NULL, at);
   }
}

/* The first element, from `from` on, that breaks the schema. */
static bool
find_failing_item (fg_explain *x, const fg_node *node, const fg_value *array, uint32_t *index, fg_value *item)
{
   fg_cursor cursor;
   fg_element element;

   fg_cursor_open (&cursor, array);
   for (uint32_t i = 0; fg_cursor_next (&cursor, &element); i++) {
      bool applies = node->kind == N_ITEM_AT ? i == node->from : i >= node->from;
      if (applies && !fg_eval_node (&x->ev, node->kids[0], &element.value)) {
         *index = i;
         *item = element.value;
         return true;
      }
   }
   return false;
}

static void
explain_refused_items (fg_explain *x, const fg_node *node, const fg_value *array, const fg_step *at, bson_t *out)
{
   fg_cursor cursor;
   fg_element element;
   fg_list list;

   fg_explain_specified (out, x, node->op, &node->spec);
   BSON_APPEND_UTF8 (out, "reason", "found additional items");
   fg_list_begin (&list, out, "additionalItems");
   fg_cursor_open (&cursor, array);
   for (uint32_t i = 0; fg_cursor_next (&cursor, &element); i++) {
      if (i >= node->from) {
         fg_explain_considered (x, &list.bson, fg_list_next (&list), &element.value, NULL, at);
      }
   }
   fg_list_end (&list, out);
}

static void
explain_items (fg_explain *x, const fg_node *node, const fg_value *array, const fg_step *at, bson_t *out)
{
   uint32_t index;
   fg_value item;

   if (node->kids[0]->kind == N_FALSE) {
      explain_refused_items (x, node, array, at, out);
      return;
   }
   if (!find_failing_item (x, node, array, &index, &item)) {
      return;
   }
   bool additional = node->op[0] == 'a';
   BSON_APPEND_UTF8 (out, "reason",
                     additional ? "At least one additional item did not match the sub-schema"
                                : "At least one item did not match the sub-schema");
   BSON_APPEND_INT32 (out, "itemIndex", (int32_t)index);
   fg_explain_schema_details (x, node->kids[0], &item, at, out);
}

static void
explain_items_list (fg_explain *x, const fg_node *node, const fg_value *array, const fg_step *at, bson_t *out)
{
   fg_list list;

   fg_list_begin (&list, out, "details");
   for (uint32_t i = 0; i < node->n_kids; i++) {
      uint32_t index;
      fg_value item;
      bson_t entry;
      if (find_failing_item (x, node->kids[i], array, &index, &item)) {
         bson_append_document_begin (&list.bson, fg_list_next (&list), -1, &entry);
         BSON_APPEND_INT32 (&entry, "itemIndex", (int32_t)index);
         fg_explain_schema_details (x, node->kids[i]->kids[0], &item, at, &entry);
         bson_append_document_end (&list.bson, &entry);
      }
   }
   fg_list_end (&list, out);
}

void
fg_explain_array_keyword (fg_explain *x, const fg_node *node, const fg_value *value, const fg_step *at, bson_t *out)
{
   if (node->path || value->type != BSON_ARRAY) {
      return; /* below a dotted property: the operator's name has to do */
   }
   switch ((int)node->kind) {
   case N_ITEMS:
      explain_items (x, node, value, at, out);
      return;
   case N_ITEMS_LIST:
      explain_items_list (x, node, value, at, out);
      return;
   case N_UNIQUE_ITEMS:
      explain_unique (x, node, value, at, out);
      return;
   default:
      explain_count (x, node, value, at, out);
      return;
   }
}
