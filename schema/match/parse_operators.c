/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include "base/base.h"

#include <stdlib.h>

/* The arguments of comparison, $in, $all, $elemMatch, $size and $mod. */

fg_node *
fg_parse_equality (fg_parser *parser, const fg_path *path, fg_node_kind kind, const fg_element *element)
{
   if (element->value.type == BSON_UNDEFINED) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "cannot compare to undefined");
   }
   if (element->value.type == BSON_REGEX && kind != N_EQ) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "Can't have RegEx as arg to predicate over field '%s'.",
                             path ? path->dotted : "");
   }
   fg_node *node = fg_parse_node (parser, kind);
   if (!node) {
      return NULL;
   }
   node->path = path;
   node->leaf_arrays = true;
   node->u.rhs = element->value;
   node->op = element->name;
   node->spec = element->value;
   return node;
}

static bool
add_in_member (fg_parser *parser, fg_node *node, fg_value *values, const fg_regex **regexes, const fg_value *value)
{
   if (fg_is_operator_document (value)) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "cannot nest $ under $in");
      return false;
   }
   if (value->type == BSON_UNDEFINED) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "InMatchExpression equality cannot be undefined");
      return false;
   }
   if (value->type == BSON_REGEX) {
      regexes[node->u.in.n_regexes] = fg_parse_regex (parser, value);
      return regexes[node->u.in.n_regexes++] != NULL;
   }
   node->u.in.has_null = node->u.in.has_null || value->type == BSON_NULL;
   values[node->u.in.n_values++] = *value;
   return true;
}

static int
by_value (const void *a, const void *b)
{
   return fg_value_compare (a, b);
}

fg_node *
fg_parse_in (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   fg_cursor cursor;
   fg_element member;

   if (element->value.type != BSON_ARRAY) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "%s needs an array", element->name);
   }
   size_t n = fg_parse_count (&element->value);
   fg_node *node = fg_parse_node (parser, N_IN);
   fg_value *values = fg_parse_array (parser, n, sizeof *values);
   const fg_regex **regexes = fg_parse_array (parser, n, sizeof *regexes);
   if (!node || !values || !regexes) {
      return NULL;
   }
   node->path = path;
   node->leaf_arrays = true;
   node->u.in.values = values;
   node->u.in.regexes = regexes;
   node->op = element->name;
   node->spec = element->value;
   fg_cursor_open (&cursor, &element->value);
   while (fg_cursor_next (&cursor, &member)) {
      if (!add_in_member (parser, node, values, regexes, &member.value)) {
         return NULL;
      }
   }
   qsort (values, node->u.in.n_values, sizeof *values, by_value);
   return node;
}

static bool
is_elem_match (const fg_value *value)
{
   fg_cursor cursor;
   fg_element first;

   return value->type == BSON_OBJECT && fg_cursor_open (&cursor, value) && fg_cursor_next (&cursor, &first) &&
          strcmp (first.name, "$elemMatch") == 0;
}

static fg_node *
parse_all_member (fg_parser *parser, const fg_path *path, const fg_element *member, bool elem_match)
{
   fg_cursor cursor;
   fg_element first;
   fg_element equality = {"$eq", 3, member->value};

   if (elem_match) {
      if (!is_elem_match (&member->value)) {
         return fg_parse_error (parser, SERVER_BAD_VALUE, "$all/$elemMatch has to be consistent");
      }
      fg_cursor_open (&cursor, &member->value);
      fg_cursor_next (&cursor, &first);
      return fg_parse_elem_match (parser, path, &first);
   }
   if (member->value.type == BSON_REGEX) {
      return fg_parse_regex_value (parser, path, &member->value);
   }
   if (fg_is_operator_document (&member->value)) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "no $ expressions in $all");
   }
   return fg_parse_equality (parser, path, N_EQ, &equality);
}

fg_node *
fg_parse_all (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   fg_cursor cursor;
   fg_element member;
   bool elem_match = false;

   if (element->value.type != BSON_ARRAY) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "$all needs an array");
   }
   size_t n = fg_parse_count (&element->value);
   fg_node *node = fg_parse_node_with_kids (parser, n ? N_AND : N_FALSE, n);
   if (!node) {
      return NULL;
   }
   node->op = element->name;
   node->spec = element->value;
   fg_cursor_open (&cursor, &element->value);
   while (fg_cursor_next (&cursor, &member)) {
      elem_match = elem_match || (node->n_kids == 0 && is_elem_match (&member.value));
      fg_node *kid = parse_all_member (parser, path, &member, elem_match);
      if (!kid) {
         return NULL;
      }
      node->kids[node->n_kids++] = kid;
   }
   return node;
}

/* {$elemMatch: {$gt: 1}} tests the elements themselves, {$elemMatch: {a: 1}} documents among them. */
static bool
tests_values (const fg_value *argument)
{
   fg_cursor cursor;
   fg_element first;

   if (!fg_is_operator_document (argument)) {
      return false;
   }
   fg_cursor_open (&cursor, argument);
   fg_cursor_next (&cursor, &first);
   return strcmp (first.name, "$and") != 0 && strcmp (first.name, "$or") != 0 && strcmp (first.name, "$nor") != 0 &&
          strcmp (first.name, "$where") != 0 && strcmp (first.name, "$expr") != 0;
}

fg_node *
fg_parse_elem_match (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   if (element->value.type != BSON_OBJECT) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "$elemMatch needs an Object");
   }
   bool values = tests_values (&element->value);
   bool outer = parser->in_elem_match;
   fg_node *node = fg_parse_node_with_kids (parser, values ? N_ELEM_MATCH_VALUE : N_ELEM_MATCH_OBJECT, 1);
   if (!node) {
      return NULL;
   }
   parser->in_elem_match = true;
   fg_node *kid =
      values ? fg_parse_operators (parser, NULL, &element->value) : fg_parse_predicate (parser, &element->value);
   parser->in_elem_match = outer;
   if (!kid) {
      return NULL;
   }
   node->path = path;
   node->kids[node->n_kids++] = kid;
   node->op = element->name;
   node->spec = element->value;
   return node;
}

static const char *
integer_problem (fg_integral kind, bool nan)
{
   switch (kind) {
   case FG_INTEGRAL_FRACTION:
      return "Expected an integer: ";
   case FG_INTEGRAL_OVERFLOW:
      return "Cannot represent as a 64-bit integer: ";
   case FG_INTEGRAL_NOT_FINITE:
      return nan ? "Expected an integer, but found NaN in: " : "Cannot represent as a 64-bit integer: ";
   case FG_INTEGRAL_EXACT:
   default:
      return NULL;
   }
}

bool
fg_parse_int64 (fg_parser *parser, const fg_element *element, bool non_negative, int64_t *out)
{
   char text[256];
   const char *problem;

   if (!fg_value_is_number (&element->value)) {
      problem = "Expected a number in: ";
   } else {
      problem = integer_problem (fg_number_to_int64 (&element->value, out), fg_number_is_nan (&element->value));
      if (!problem && non_negative && *out < 0) {
         problem = "Expected a non-negative number in: ";
      }
   }
   if (!problem) {
      return true;
   }
   fg_parse_error (parser, SERVER_FAILED_TO_PARSE, "%s%s", problem, fg_parse_element_text (element, text, sizeof text));
   return false;
}

fg_node *
fg_parse_size (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   fg_node *node = fg_parse_node (parser, N_SIZE);
   char text[256];

   if (!node) {
      return NULL;
   }
   if (!fg_parse_int64 (parser, element, false, &node->u.count)) {
      char reason[FG_ERROR_MESSAGE_MAX];
      size_t n = parser->err ? strlen (parser->err->message) : 0;
      memcpy (reason, parser->err ? parser->err->message : "", n + 1);
      return fg_parse_error (parser, SERVER_BAD_VALUE, "Failed to parse $size. %.900s", reason);
   }
   if (node->u.count < 0) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "Failed to parse $size. Expected a non-negative number in: %s",
                             fg_parse_element_text (element, text, sizeof text));
   }
   node->path = path;
   return node;
}

static bool
mod_argument (fg_parser *parser, const fg_element *element, const char *name, int64_t *out)
{
   if (!fg_value_is_number (&element->value)) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "malformed mod, %s not a number", name);
      return false;
   }
   fg_integral kind = fg_number_to_int64 (&element->value, out);
   if (kind == FG_INTEGRAL_OVERFLOW || kind == FG_INTEGRAL_NOT_FINITE) {
      fg_parse_error (parser, SERVER_BAD_VALUE,
                      "malformed mod, %s value is invalid :: caused by :: Unable to coerce NaN/Inf to integral type",
                      name);
      return false;
   }
   return true;
}

fg_node *
fg_parse_mod (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   fg_cursor cursor;
   fg_element divisor, remainder, extra;

   if (element->value.type != BSON_ARRAY) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "malformed mod, needs to be an array");
   }
   fg_cursor_open (&cursor, &element->value);
   if (!fg_cursor_next (&cursor, &divisor) || !fg_cursor_next (&cursor, &remainder)) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "malformed mod, not enough elements");
   }
   if (fg_cursor_next (&cursor, &extra)) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "malformed mod, too many elements");
   }
   fg_node *node = fg_parse_node (parser, N_MOD);
   if (!node || !mod_argument (parser, &divisor, "divisor", &node->u.mod.divisor) ||
       !mod_argument (parser, &remainder, "remainder", &node->u.mod.remainder)) {
      return NULL;
   }
   if (node->u.mod.divisor == 0) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "divisor cannot be 0");
   }
   node->path = path;
   node->leaf_arrays = true;
   return node;
}
