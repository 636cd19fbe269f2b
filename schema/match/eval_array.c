/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/unique.h"

/* The tests that look into arrays: $size, $elemMatch, items, uniqueItems and their like. The value is an array here. */

static bool
element_matches (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   if (node->kind == N_ELEM_MATCH_OBJECT && value->type != BSON_OBJECT && value->type != BSON_ARRAY) {
      return false;
   }
   for (uint32_t i = 0; i < node->n_kids; i++) {
      if (!fg_eval_node (ev, node->kids[i], value)) {
         return false;
      }
   }
   return true;
}

static bool
eval_elem_match (fg_eval *ev, const fg_node *node, const fg_value *array)
{
   fg_cursor cursor;
   fg_element element;
   bool record = ev->record;
   bool hit = false;
   size_t i;

   if (!fg_eval_enter (ev, &cursor, array)) {
      return false;
   }
   ev->record = false;
   for (i = 0; !hit && !ev->fault && fg_cursor_next (&cursor, &element); i++) {
      hit = element_matches (ev, node, &element.value);
   }
   ev->record = record;
   fg_eval_leave (ev, &cursor);
   if (hit && record) {
      ev->position = i - 1;
   }
   return hit;
}

/* items with one schema, and additionalItems: every element from `from` on. */
static bool
eval_items (fg_eval *ev, const fg_node *node, const fg_value *array)
{
   fg_cursor cursor;
   fg_element element;
   bool all = true;

   if (!fg_eval_enter (ev, &cursor, array)) {
      return false;
   }
   for (uint32_t i = 0; all && !ev->fault && fg_cursor_next (&cursor, &element); i++) {
      all = i < node->from || fg_eval_node (ev, node->kids[0], &element.value);
   }
   fg_eval_leave (ev, &cursor);
   return all;
}

static bool
eval_item_at (fg_eval *ev, const fg_node *node, const fg_value *array)
{
   fg_cursor cursor;
   fg_element element;
   bool ok = true;

   if (!fg_eval_enter (ev, &cursor, array)) {
      return false;
   }
   for (uint32_t i = 0; fg_cursor_next (&cursor, &element); i++) {
      if (i == node->from) {
         ok = fg_eval_node (ev, node->kids[0], &element.value);
         break;
      }
   }
   fg_eval_leave (ev, &cursor);
   return ok;
}

bool
fg_eval_array_leaf (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   if (value->type != BSON_ARRAY) {
      return false;
   }
   switch ((int)node->kind) {
   case N_SIZE:
      return fg_eval_count (ev, value) == (uint64_t)node->u.count;
   case N_MIN_ITEMS:
      return fg_eval_count (ev, value) >= (uint64_t)node->u.count;
   case N_MAX_ITEMS:
      return fg_eval_count (ev, value) <= (uint64_t)node->u.count;
   case N_UNIQUE_ITEMS:
      return fg_eval_unique (ev, value);
   case N_ITEMS:
      return eval_items (ev, node, value);
   case N_ITEM_AT:
      return eval_item_at (ev, node, value);
   default:
      return eval_elem_match (ev, node, value);
   }
}
