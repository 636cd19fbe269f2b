/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include "base/base.h"

/* pattern, maxLength, minLength, multipleOf, maximum, minimum. At the top of a document they are checked and then never fail. */

static bool
parse_pattern (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_PATTERN];
   size_t len;

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type != BSON_STRING) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'pattern' must be a string");
   }
   if (schema->scope.top) {
      return true;
   }
   const char *text = fg_value_string (&keyword->value, &len);
   const fg_regex *regex = fg_parse_regex_text (schema->parser, text, len, "");
   fg_node *node = regex ? fg_schema_leaf (schema, N_REGEX, keyword, fg_type_bit (BSON_STRING)) : NULL;
   if (!node) {
      return false;
   }
   node->u.regex = regex;
   node->leaf_arrays = true;
   fg_schema_add (schema, node);
   return true;
}

static bool
parse_length (fg_schema *schema, fg_keyword which, fg_node_kind kind)
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
   fg_node *node = fg_schema_leaf (schema, kind, keyword, fg_type_bit (BSON_STRING));
   if (!node) {
      return false;
   }
   node->u.count = count;
   node->leaf_arrays = true;
   fg_schema_add (schema, node);
   return true;
}

/* At the top of a document nothing is divided: there mongod asks for the sign only. */
static bool
check_divisor (fg_schema *schema, const fg_element *keyword, const fg_decimal *divisor)
{
   const bool nan = divisor->kind == FG_DECIMAL_NAN;

   if (!nan && (divisor->negative || (divisor->kind == FG_DECIMAL_FINITE && divisor->coefficient == 0))) {
      return fg_schema_bad_parse (schema, "$jsonSchema keyword '%s' must have a positive value", keyword->name);
   }
   if (divisor->kind != FG_DECIMAL_FINITE && !schema->scope.top) {
      fg_parse_error (schema->parser, SERVER_BAD_VALUE, "divisor cannot be %s", nan ? "NaN" : "infinite");
      return false;
   }
   return true;
}

static bool
parse_multiple_of (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_MULTIPLE_OF];

   if (!keyword->name) {
      return true;
   }
   if (!fg_value_is_number (&keyword->value)) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'multipleOf' must be a number");
   }
   fg_decimal divisor = fg_decimal_of (&keyword->value, 15);
   if (!check_divisor (schema, keyword, &divisor)) {
      return false;
   }
   if (schema->scope.top) {
      return true;
   }
   fg_node *node = fg_schema_leaf (schema, N_MULTIPLE_OF, keyword, FG_TYPES_NUMBER);
   if (!node) {
      return false;
   }
   node->u.divisor = divisor;
   node->leaf_arrays = true;
   fg_schema_add (schema, node);
   return true;
}

static bool
add_bound (fg_schema *schema, const fg_element *keyword, fg_node_kind kind, const char *modifier)
{
   if (schema->scope.top) {
      return true;
   }
   fg_node *node = fg_schema_leaf (schema, kind, keyword, FG_TYPES_NUMBER);
   if (!node) {
      return false;
   }
   node->u.rhs = keyword->value;
   node->modifier = modifier;
   node->leaf_arrays = true;
   fg_schema_add (schema, node);
   return true;
}

static bool
parse_bound (fg_schema *schema, fg_keyword which, fg_keyword exclusive, fg_node_kind kind, fg_node_kind exclusive_kind)
{
   const fg_element *bound = &schema->keywords[which];
   const fg_element *modifier = &schema->keywords[exclusive];

   if (!bound->name && !modifier->name) {
      return true;
   }
   if (!bound->name) {
      return fg_schema_bad_parse (schema, "$jsonSchema keyword '%s' must be a present if %s is present",
                                  which == KW_MAXIMUM ? "maximum" : "minimum", modifier->name);
   }
   if (modifier->name && modifier->value.type != BSON_BOOL) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword '%s' must be a boolean", modifier->name);
   }
   if (!fg_value_is_number (&bound->value)) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword '%s' must be a number", bound->name);
   }
   bool is_exclusive = modifier->name && fg_value_bool (&modifier->value);
   return add_bound (schema, bound, is_exclusive ? exclusive_kind : kind, is_exclusive ? modifier->name : NULL);
}

bool
fg_parse_schema_scalars (fg_schema *schema)
{
   return parse_pattern (schema) && parse_length (schema, KW_MAX_LENGTH, N_MAX_LENGTH) &&
          parse_length (schema, KW_MIN_LENGTH, N_MIN_LENGTH) && parse_multiple_of (schema) &&
          parse_bound (schema, KW_MAXIMUM, KW_EXCLUSIVE_MAXIMUM, N_LTE, N_LT) &&
          parse_bound (schema, KW_MINIMUM, KW_EXCLUSIVE_MINIMUM, N_GTE, N_GT);
}
