/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/tree.h"

#include <string.h>

/* More than the arrays that fit a document of 16 MiB need; a crafted one would take exponential time. */
#define MAX_PATH_BRANCHES 2000000u

void
fg_eval_begin (fg_eval *ev, const fg_matcher *matcher)
{
   memset (ev, 0, sizeof *ev);
   ev->matcher = matcher;
   ev->depth_left = matcher->max_depth;
   ev->branches_left = MAX_PATH_BRANCHES;
   ev->position = SIZE_MAX;
}

void
fg_eval_end (fg_eval *ev)
{
   pcre2_match_data_free (ev->match_data);
   ev->match_data = NULL;
}

bool
fg_eval_set_fault (fg_eval *ev, fg_fault fault)
{
   if (ev->fault == FG_FAULT_NONE) {
      ev->fault = fault;
   }
   return false;
}

int
fg_eval_compare (fg_eval *ev, const fg_value *a, const fg_value *b)
{
   fg_comparison c = {ev->depth_left, FG_FAULT_NONE};
   int order = fg_compare_values (&c, a, b);
   if (c.fault) {
      fg_eval_set_fault (ev, c.fault);
   }
   return order;
}

bool
fg_eval_equal_unordered (fg_eval *ev, const fg_value *a, const fg_value *b)
{
   fg_comparison c = {ev->depth_left, FG_FAULT_NONE};
   bool equal = fg_equal_values_unordered (&c, a, b);
   if (c.fault) {
      fg_eval_set_fault (ev, c.fault);
   }
   return equal;
}

int
fg_eval_find (fg_eval *ev, const fg_value *document, const fg_name *name, fg_value *value)
{
   int found = fg_value_find (document, name->text, name->len, value);
   if (found < 0) {
      fg_eval_set_fault (ev, FG_FAULT_MALFORMED);
   }
   return found;
}

bool
fg_eval_enter (fg_eval *ev, fg_cursor *cursor, const fg_value *document)
{
   if (ev->fault) {
      return false;
   }
   if (ev->depth_left == 0) {
      return fg_eval_set_fault (ev, FG_FAULT_TOO_DEEP);
   }
   if (!fg_cursor_open (cursor, document)) {
      return fg_eval_set_fault (ev, FG_FAULT_MALFORMED);
   }
   ev->depth_left--;
   return true;
}

void
fg_eval_leave (fg_eval *ev, const fg_cursor *cursor)
{
   ev->depth_left++;
   if (cursor->bad) {
      fg_eval_set_fault (ev, FG_FAULT_MALFORMED);
   }
}

size_t
fg_eval_count (fg_eval *ev, const fg_value *document)
{
   fg_cursor cursor;
   fg_element element;
   size_t n = 0;

   if (!fg_eval_enter (ev, &cursor, document)) {
      return 0;
   }
   while (fg_cursor_next (&cursor, &element)) {
      n++;
   }
   fg_eval_leave (ev, &cursor);
   return n;
}

typedef struct leaf_test {
   fg_eval *ev;
   const fg_node *node;
} leaf_test;

static bool
passes_test (void *arg, const fg_value *value, size_t index)
{
   const leaf_test *t = arg;

   if (t->ev->fault || !fg_eval_test (t->ev, t->node, value)) {
      return false;
   }
   if (t->ev->record && index != SIZE_MAX) {
      t->ev->position = index;
   }
   return true;
}

static bool
has_type (void *arg, const fg_value *value, size_t index)
{
   (void)index;
   return (fg_type_bit (value->type) & *(const uint32_t *)arg) != 0;
}

/* Whether the keyword has nothing to say here: no value that it is about. */
static bool
excused (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   uint32_t types = node->lenient_types;

   if (!node->lenient) {
      return false;
   }
   if (!node->path) {
      return !has_type (&types, value, 0);
   }
   return !fg_path_any (ev, node->path, false, value, has_type, &types);
}

static bool
eval_leaf (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   leaf_test test = {ev, node};

   if (excused (ev, node, value)) {
      return true;
   }
   if (!node->path) {
      return fg_eval_test (ev, node, value);
   }
   return fg_path_any (ev, node->path, node->leaf_arrays, value, passes_test, &test);
}

/* $and, $or, $nor: whether some kid's outcome is `wanted`. */
static bool
any_kid_is (fg_eval *ev, const fg_node *node, const fg_value *value, bool wanted)
{
   for (uint32_t i = 0; i < node->n_kids && !ev->fault; i++) {
      if (fg_eval_node (ev, node->kids[i], value) == wanted) {
         return true;
      }
   }
   return false;
}

static bool
exactly_one_kid (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   uint32_t passed = 0;

   for (uint32_t i = 0; i < node->n_kids && passed < 2 && !ev->fault; i++) {
      passed += fg_eval_node (ev, node->kids[i], value);
   }
   return passed == 1;
}

/* The positional operator looks through conjunctions only. */
static bool
eval_and (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   if (!any_kid_is (ev, node, value, false)) {
      return true;
   }
   if (ev->record) {
      ev->position = SIZE_MAX;
   }
   return false;
}

static bool
eval_logic (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   bool record = ev->record;
   bool result;

   ev->record = false;
   switch ((int)node->kind) {
   case N_OR:
      result = any_kid_is (ev, node, value, true);
      break;
   case N_NOR:
      result = !any_kid_is (ev, node, value, true);
      break;
   case N_XOR:
      result = exactly_one_kid (ev, node, value);
      break;
   default: /* N_NOT */
      result = !fg_eval_node (ev, node->kids[0], value);
      break;
   }
   ev->record = record;
   return result;
}

bool
fg_eval_node (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   switch ((int)node->kind) {
   case N_AND:
   case N_SCHEMA:
      return eval_and (ev, node, value);
   case N_OR:
   case N_NOR:
   case N_XOR:
   case N_NOT:
      return eval_logic (ev, node, value);
   case N_TRUE:
      return true;
   case N_FALSE:
      return false;
   case N_ITEMS_LIST:
      return !any_kid_is (ev, node, value, false);
   case N_DEPENDENCIES:
      return node->path ? fg_eval_dependencies_at (ev, node, value) : eval_leaf (ev, node, value);
   default:
      return eval_leaf (ev, node, value);
   }
}

bool
fg_fault_to_error (fg_fault fault, fg_error *err)
{
   switch (fault) {
   case FG_FAULT_MALFORMED:
      return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "the document is not well-formed BSON");
   case FG_FAULT_TOO_DEEP:
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_DEEP, NULL, "the document is nested deeper than the limit");
   case FG_FAULT_REGEX_LIMIT:
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL,
                           "matching a regular expression exceeded its limit");
   case FG_FAULT_PATH_LIMIT:
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL, "searching a path took too many steps");
   case FG_FAULT_BLOB_TYPE:
      return fg_error_set (err, FG_ERROR_SERVER, 2, NULL, "the first byte of an encrypted value is of no known kind");
   case FG_FAULT_NOMEM:
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   case FG_FAULT_NONE:
   default:
      return true;
   }
}
