/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/tree.h"

#include "base/base.h"

/* The tests of the query operators, on one value. */

static bool
is_null_and_missing (uint8_t a, uint8_t b)
{
   return (a == 0 && b == BSON_NULL) || (a == BSON_NULL && b == 0);
}

static bool
compare_across_types (fg_node_kind kind, const fg_value *value, const fg_value *rhs)
{
   if (is_null_and_missing (value->type, rhs->type)) {
      return kind == N_EQ || kind == N_LTE || kind == N_GTE;
   }
   if (rhs->type == BSON_MAXKEY) {
      return kind == N_LT || kind == N_LTE;
   }
   if (rhs->type == BSON_MINKEY) {
      return kind == N_GT || kind == N_GTE;
   }
   return false;
}

static bool
order_satisfies (fg_node_kind kind, int order)
{
   switch ((int)kind) {
   case N_LT:
      return order < 0;
   case N_LTE:
      return order <= 0;
   case N_GT:
      return order > 0;
   case N_GTE:
      return order >= 0;
   default:
      return order == 0;
   }
}

static bool
eval_comparison (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   const fg_value *rhs = &node->u.rhs;

   if (fg_type_order (value->type) != fg_type_order (rhs->type)) {
      return compare_across_types (node->kind, value, rhs);
   }
   if (fg_value_is_number (rhs) && (fg_number_is_nan (value) || fg_number_is_nan (rhs))) {
      bool both = fg_number_is_nan (value) && fg_number_is_nan (rhs);
      return both && node->kind != N_LT && node->kind != N_GT;
   }
   return order_satisfies (node->kind, fg_eval_compare (ev, value, rhs));
}

static bool
regex_matches_value (fg_eval *ev, const fg_regex *regex, const fg_value *value)
{
   size_t len;

   if (value->type == BSON_STRING || value->type == BSON_SYMBOL) {
      const char *text = fg_value_string (value, &len);
      return fg_eval_regex (ev, regex, text, len);
   }
   if (value->type == BSON_REGEX) {
      const char *pattern = (const char *)value->data;
      return strcmp (pattern, regex->pattern) == 0 && strcmp (pattern + strlen (pattern) + 1, regex->options) == 0;
   }
   return false;
}

/* The members are sorted. */
static bool
is_among (fg_eval *ev, const fg_value *value, const fg_value *values, uint32_t n)
{
   uint32_t low = 0;

   while (n > 0 && !ev->fault) {
      int order = fg_eval_compare (ev, value, &values[low + n / 2]);
      if (order == 0) {
         return true;
      }
      if (order > 0) {
         low += n / 2 + 1;
         n -= n / 2 + 1;
      } else {
         n /= 2;
      }
   }
   return false;
}

static bool
eval_in (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   if (value->type == 0) {
      return node->u.in.has_null;
   }
   if (is_among (ev, value, node->u.in.values, node->u.in.n_values)) {
      return true;
   }
   for (uint32_t i = 0; i < node->u.in.n_regexes; i++) {
      if (regex_matches_value (ev, node->u.in.regexes[i], value)) {
         return true;
      }
   }
   return false;
}

static bool
eval_mod (const fg_node *node, const fg_value *value)
{
   int64_t dividend;

   if (!fg_value_is_number (value)) {
      return false;
   }
   fg_integral kind = fg_number_to_int64 (value, &dividend);
   if (kind != FG_INTEGRAL_EXACT && kind != FG_INTEGRAL_FRACTION) {
      return false;
   }
   int64_t divisor = node->u.mod.divisor;
   int64_t remainder = divisor == -1 ? 0 : dividend % divisor; /* INT64_MIN % -1 traps */
   return remainder == node->u.mod.remainder;
}

bool
fg_eval_query_leaf (fg_eval *ev, const fg_node *node, const fg_value *value)
{
   switch ((int)node->kind) {
   case N_EQ:
   case N_LT:
   case N_LTE:
   case N_GT:
   case N_GTE:
      return eval_comparison (ev, node, value);
   case N_IN:
      return eval_in (ev, node, value);
   case N_EXISTS:
      return value->type != 0;
   case N_TYPE:
      return (fg_type_bit (value->type) & node->u.types.mask) != 0;
   case N_MOD:
      return eval_mod (node, value);
   case N_REGEX:
      return regex_matches_value (ev, node->u.regex, value);
   default:
      return fg_eval_bits (node, value);
   }
}
