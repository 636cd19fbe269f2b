/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include "base/base.h"

/* A predicate's top level: fields, logical operators, $jsonSchema; and the dispatch of a field's operators. */

typedef struct logical_operator {
   const char *name;
   fg_node_kind kind;
} logical_operator;

static const logical_operator logical_operators[] = {{"$and", N_AND}, {"$or", N_OR}, {"$nor", N_NOR}};

static fg_node *
parse_logical (fg_parser *parser, const fg_element *element, fg_node_kind kind)
{
   fg_cursor cursor;
   fg_element clause;

   if (element->value.type != BSON_ARRAY) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "%s must be an array", element->name);
   }
   fg_node *node = fg_parse_node_with_kids (parser, kind, fg_parse_count (&element->value));
   if (!node) {
      return NULL;
   }
   node->op = element->name;
   fg_cursor_open (&cursor, &element->value);
   while (fg_cursor_next (&cursor, &clause)) {
      if (clause.value.type != BSON_OBJECT) {
         return fg_parse_error (parser, SERVER_BAD_VALUE, "$or/$and/$nor entries need to be full objects");
      }
      node->kids[node->n_kids] = fg_parse_predicate (parser, &clause.value);
      if (!node->kids[node->n_kids]) {
         return NULL;
      }
      node->n_kids++;
   }
   if (node->n_kids == 0) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "$and/$or/$nor must be a nonempty array");
   }
   return node;
}

static fg_node *
parse_constant (fg_parser *parser, const fg_element *element, fg_node_kind kind)
{
   int64_t one = 0;

   if (!fg_value_is_number (&element->value) || fg_number_to_int64 (&element->value, &one) != FG_INTEGRAL_EXACT ||
       one != 1) {
      return fg_parse_error (parser, SERVER_FAILED_TO_PARSE, "%s must be an integer value of 1", element->name);
   }
   fg_node *node = fg_parse_node (parser, kind);
   if (node) {
      node->op = element->name;
      node->spec = element->value;
   }
   return node;
}

static fg_node *
parse_json_schema (fg_parser *parser, const fg_element *element)
{
   if (parser->in_elem_match || parser->matcher->context == FG_MATCHER_PARTIAL) {
      return fg_parse_error (parser, SERVER_FEATURE_NOT_ALLOWED, "$jsonSchema is not allowed in this context");
   }
   if (element->value.type != BSON_OBJECT) {
      return fg_parse_error (parser, SERVER_TYPE_MISMATCH, "$jsonSchema must be an object");
   }
   fg_schema_scope scope = {true, NULL};
   fg_node *node = fg_parse_schema (parser, scope, &element->value);
   if (node) {
      node->op = "$jsonSchema";
   }
   return node;
}

/* Understood by mongod, not offered here: refused, never ignored. */
static fg_node *
refuse_operator (fg_parser *parser, const char *name)
{
   int32_t code =
      strcmp (name, "$where") == 0 || strcmp (name, "$text") == 0 ? SERVER_BAD_VALUE : SERVER_FEATURE_NOT_ALLOWED;
   return fg_parse_error (parser, code, "%s is not allowed in this context", name);
}

static bool
is_refused_top_level (const char *name)
{
   return strcmp (name, "$expr") == 0 || strcmp (name, "$where") == 0 || strcmp (name, "$text") == 0 ||
          strcmp (name, "$sampleRate") == 0;
}

static fg_node *
parse_top_level_operator (fg_parser *parser, const fg_element *element)
{
   for (size_t i = 0; i < sizeof logical_operators / sizeof logical_operators[0]; i++) {
      if (strcmp (element->name, logical_operators[i].name) == 0) {
         return parse_logical (parser, element, logical_operators[i].kind);
      }
   }
   if (strcmp (element->name, "$jsonSchema") == 0) {
      return parse_json_schema (parser, element);
   }
   if (strcmp (element->name, "$comment") == 0) {
      return fg_parse_node (parser, N_TRUE);
   }
   if (strcmp (element->name, "$alwaysTrue") == 0) {
      return parse_constant (parser, element, N_TRUE);
   }
   if (strcmp (element->name, "$alwaysFalse") == 0) {
      return parse_constant (parser, element, N_FALSE);
   }
   if (is_refused_top_level (element->name)) {
      return refuse_operator (parser, element->name);
   }
   return fg_parse_error (parser, SERVER_BAD_VALUE,
                          "unknown top level operator: %s. If you have a field name that starts with a '$' symbol, "
                          "consider using $getField or $setField.",
                          element->name);
}

static fg_node *
parse_field (fg_parser *parser, const fg_element *element)
{
   const fg_path *path = fg_parse_path (parser, element->name, element->name_len);
   if (!path) {
      return NULL;
   }
   if (fg_is_operator_document (&element->value)) {
      return fg_parse_operators (parser, path, &element->value);
   }
   fg_element equality = *element;
   equality.name = "$eq";
   fg_node *node = element->value.type == BSON_REGEX ? fg_parse_regex_value (parser, path, &element->value)
                                                     : fg_parse_equality (parser, path, N_EQ, &equality);
   if (node) {
      node->implicit = true;
   }
   return node;
}

static fg_node *
parse_member (fg_parser *parser, const fg_element *element)
{
   size_t mark;

   if (!fg_parse_enter (parser, element->name, &mark)) {
      return NULL;
   }
   fg_node *node = element->name[0] == '$' && strcmp (element->name, "$id") != 0 &&
                         strcmp (element->name, "$ref") != 0 && strcmp (element->name, "$db") != 0
                      ? parse_top_level_operator (parser, element)
                      : parse_field (parser, element);
   fg_parse_leave (parser, mark);
   return node;
}

fg_node *
fg_parse_predicate (fg_parser *parser, const fg_value *document)
{
   fg_cursor cursor;
   fg_element element;

   fg_node *node = fg_parse_node_with_kids (parser, N_AND, fg_parse_count (document));
   if (!node) {
      return NULL;
   }
   fg_cursor_open (&cursor, document);
   while (fg_cursor_next (&cursor, &element)) {
      node->kids[node->n_kids] = parse_member (parser, &element);
      if (!node->kids[node->n_kids]) {
         return NULL;
      }
      node->n_kids++;
   }
   return node;
}

/* --- a field's operators --------------------------------------------------------------------------------------------- */

static fg_node *
parse_not (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   fg_node *kid;

   if (element->value.type == BSON_REGEX) {
      kid = fg_parse_regex_value (parser, path, &element->value);
   } else if (element->value.type != BSON_OBJECT) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "$not needs a regex or a document");
   } else if (fg_parse_count (&element->value) == 0) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "$not cannot be empty");
   } else {
      kid = fg_parse_operators (parser, path, &element->value);
   }
   fg_node *node = fg_parse_not (parser, kid);
   if (node) {
      node->op = "$not";
   }
   return node;
}

static fg_node *
negate (fg_parser *parser, fg_node *kid)
{
   fg_node *node = fg_parse_not (parser, kid);
   if (node) {
      node->negated = true;
   }
   return node;
}

static fg_node *
parse_exists (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   fg_node *exists = fg_parse_node (parser, N_EXISTS);
   if (!exists) {
      return NULL;
   }
   exists->path = path;
   exists->leaf_arrays = true;
   if (fg_value_truthy (&element->value)) {
      return exists;
   }
   return negate (parser, exists);
}

static fg_node *
parse_type (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   fg_node *node = fg_parse_type_operator (parser, element);
   if (node) {
      node->path = path;
      node->leaf_arrays = true;
   }
   return node;
}

typedef enum operator_id {
   OP_EQ,
   OP_NE,
   OP_LT,
   OP_LTE,
   OP_GT,
   OP_GTE,
   OP_IN,
   OP_NIN,
   OP_NOT,
   OP_ALL,
   OP_SIZE,
   OP_EXISTS,
   OP_TYPE,
   OP_MOD,
   OP_ELEM_MATCH,
   OP_BITS_ALL_SET,
   OP_BITS_ALL_CLEAR,
   OP_BITS_ANY_SET,
   OP_BITS_ANY_CLEAR,
   OP_REFUSED,
   OP_UNKNOWN
} operator_id;

static operator_id
find_operator (const char *name)
{
   static const char *const names[] = {"$eq",         "$ne",           "$lt",         "$lte",         "$gt",
                                       "$gte",        "$in",           "$nin",        "$not",         "$all",
                                       "$size",       "$exists",       "$type",       "$mod",         "$elemMatch",
                                       "$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"};
   static const char *const refused[] = {"$geoWithin",  "$within",  "$geoIntersects", "$near",
                                         "$nearSphere", "$geoNear", "$maxDistance",   "$minDistance"};
   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (strcmp (name, names[i]) == 0) {
         return (operator_id)i;
      }
   }
   for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
      if (strcmp (name, refused[i]) == 0) {
         return OP_REFUSED;
      }
   }
   return OP_UNKNOWN;
}

static fg_node *
parse_ne (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   if (element->value.type == BSON_REGEX) {
      return fg_parse_error (parser, SERVER_BAD_VALUE, "Can't have regex as arg to $ne.");
   }
   return negate (parser, fg_parse_equality (parser, path, N_EQ, element));
}

static fg_node *
parse_operator (fg_parser *parser, const fg_path *path, const fg_element *element)
{
   operator_id id = find_operator (element->name);

   switch (id) {
   case OP_EQ:
      return fg_parse_equality (parser, path, N_EQ, element);
   case OP_NE:
      return parse_ne (parser, path, element);
   case OP_LT:
   case OP_LTE:
   case OP_GT:
   case OP_GTE:
      return fg_parse_equality (parser, path, (fg_node_kind)(N_LT + (int)(id - OP_LT)), element);
   case OP_IN:
      return fg_parse_in (parser, path, element);
   case OP_NIN:
      return negate (parser, fg_parse_in (parser, path, element));
   case OP_NOT:
      return parse_not (parser, path, element);
   case OP_ALL:
      return fg_parse_all (parser, path, element);
   case OP_SIZE:
      return fg_parse_size (parser, path, element);
   case OP_EXISTS:
      return parse_exists (parser, path, element);
   case OP_TYPE:
      return parse_type (parser, path, element);
   case OP_MOD:
      return fg_parse_mod (parser, path, element);
   case OP_ELEM_MATCH:
      return fg_parse_elem_match (parser, path, element);
   case OP_BITS_ALL_SET:
   case OP_BITS_ALL_CLEAR:
   case OP_BITS_ANY_SET:
   case OP_BITS_ANY_CLEAR:
      return fg_parse_bits (parser, path, element, (fg_node_kind)(N_BITS_ALL_SET + (int)(id - OP_BITS_ALL_SET)));
   case OP_REFUSED:
      return refuse_operator (parser, element->name);
   case OP_UNKNOWN:
   default:
      return fg_parse_error (parser, SERVER_BAD_VALUE, "unknown operator: %s", element->name);
   }
}

static bool
is_regex_member (const fg_element *element)
{
   return strcmp (element->name, "$regex") == 0 || strcmp (element->name, "$options") == 0;
}

/* $regex and $options make one node together, where the first of them stands. */
static fg_node *
parse_operator_or_regex (fg_parser *parser, const fg_path *path, const fg_value *document, const fg_element *element,
                         bool *seen_regex, bool *skip)
{
   size_t mark;

   *skip = *seen_regex && is_regex_member (element);
   if (*skip || !fg_parse_enter (parser, element->name, &mark)) {
      return NULL;
   }
   fg_node *node;
   if (is_regex_member (element)) {
      *seen_regex = true;
      node = fg_parse_regex_document (parser, path, document);
   } else {
      node = parse_operator (parser, path, element);
   }
   if (node && !node->op && node->kind != N_TRUE) {
      node->op = element->name;
      node->spec = element->value;
   }
   fg_parse_leave (parser, mark);
   return node;
}

fg_node *
fg_parse_operators (fg_parser *parser, const fg_path *path, const fg_value *document)
{
   fg_cursor cursor;
   fg_element element;
   bool seen_regex = false;
   bool skip;

   fg_node *node = fg_parse_node_with_kids (parser, N_AND, fg_parse_count (document));
   if (!node) {
      return NULL;
   }
   fg_cursor_open (&cursor, document);
   while (fg_cursor_next (&cursor, &element)) {
      if (strcmp (element.name, "$comment") == 0) {
         continue;
      }
      fg_node *kid = parse_operator_or_regex (parser, path, document, &element, &seen_regex, &skip);
      if (skip) {
         continue;
      }
      if (!kid) {
         return NULL;
      }
      node->kids[node->n_kids++] = kid;
   }
   return node;
}
