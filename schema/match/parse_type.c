/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include <string.h>

/* The names of BSON types, for $type, type, bsonType and encrypt.bsonType. */

void
fg_type_set_add (fg_type_set *set, uint8_t type)
{
   if ((set->mask & fg_type_bit (type)) == 0 || (set->number && (fg_type_bit (type) & FG_TYPES_NUMBER))) {
      set->n_named++;
   }
   set->mask |= fg_type_bit (type);
}

bool
fg_type_set_add_alias (fg_type_set *set, const char *alias)
{
   if (strcmp (alias, "number") == 0) {
      set->n_named = (uint8_t)(set->n_named + !set->number);
      set->number = true;
      set->mask |= FG_TYPES_NUMBER;
      return true;
   }
   for (uint8_t type = BSON_DOUBLE; type <= BSON_DECIMAL; type++) {
      if (strcmp (alias, fg_type_name (type)) == 0) {
         fg_type_set_add (set, type);
         return true;
      }
   }
   if (strcmp (alias, "minKey") == 0 || strcmp (alias, "maxKey") == 0) {
      fg_type_set_add (set, alias[1] == 'i' ? BSON_MINKEY : BSON_MAXKEY);
      return true;
   }
   return false;
}

static bool
add_json_alias (fg_type_set *set, const char *alias)
{
   static const char *const names[][2] = {{"array", "array"},   {"boolean", "bool"},  {"null", "null"},
                                          {"object", "object"}, {"string", "string"}, {"number", "number"}};
   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (strcmp (alias, names[i][0]) == 0) {
         return fg_type_set_add_alias (set, names[i][1]);
      }
   }
   return false;
}

static bool
unknown_alias (fg_parser *parser, const char *alias)
{
   if (strcmp (alias, "missing") == 0) {
      fg_parse_error (
         parser, SERVER_BAD_VALUE,
         "'missing' is not a legal type name. To query for non-existence of a field, use {$exists:false}.");
   } else {
      fg_parse_error (parser, SERVER_BAD_VALUE, "Unknown type name alias: %s", alias);
   }
   return false;
}

static bool
add_schema_alias (fg_parser *parser, const fg_value *name, bool json, fg_type_set *set)
{
   size_t len;
   const char *alias = fg_value_string (name, &len);

   if (json && strcmp (alias, "integer") == 0) {
      fg_parse_error (parser, SERVER_FAILED_TO_PARSE, "$jsonSchema type 'integer' is not currently supported.");
      return false;
   }
   if (strlen (alias) == len && (json ? add_json_alias (set, alias) : fg_type_set_add_alias (set, alias))) {
      return true;
   }
   return unknown_alias (parser, alias);
}

static bool
named_before (const fg_value *array, const fg_element *name)
{
   fg_cursor cursor;
   fg_element other;

   fg_cursor_open (&cursor, array);
   while (fg_cursor_next (&cursor, &other) && other.name != name->name) {
      if (fg_value_compare (&other.value, &name->value) == 0) {
         return true;
      }
   }
   return false;
}

static bool
add_schema_aliases (fg_parser *parser, const fg_element *keyword, bool json, fg_type_set *set)
{
   fg_cursor cursor;
   fg_element name;

   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &name)) {
      if (name.value.type != BSON_STRING) {
         fg_parse_error (parser, SERVER_TYPE_MISMATCH, "$jsonSchema keyword '%s' array elements must be strings",
                         keyword->name);
         return false;
      }
      if (named_before (&keyword->value, &name)) {
         fg_parse_error (parser, SERVER_FAILED_TO_PARSE, "$jsonSchema keyword '%s' has duplicate value: %s",
                         keyword->name, (const char *)name.value.data + 4);
         return false;
      }
      if (!add_schema_alias (parser, &name.value, json, set)) {
         return false;
      }
   }
   return true;
}

bool
fg_parse_schema_types (fg_parser *parser, const fg_element *keyword, bool json, bool may_be_empty, fg_type_set *out)
{
   *out = (fg_type_set){0, false, 0};
   if (keyword->value.type == BSON_STRING) {
      return add_schema_alias (parser, &keyword->value, json, out);
   }
   if (keyword->value.type != BSON_ARRAY) {
      fg_parse_error (parser, SERVER_TYPE_MISMATCH,
                      "$jsonSchema keyword '%s' must be either a string or an array of strings", keyword->name);
      return false;
   }
   if (!add_schema_aliases (parser, keyword, json, out)) {
      return false;
   }
   if (out->n_named == 0 && !may_be_empty) {
      fg_parse_error (parser, SERVER_FAILED_TO_PARSE, "$jsonSchema keyword '%s' must name at least one type",
                      keyword->name);
      return false;
   }
   return true;
}

static bool
add_type_code (fg_parser *parser, const fg_value *number, fg_type_set *set)
{
   int64_t code;

   if (fg_number_to_int64 (number, &code) != FG_INTEGRAL_EXACT) {
      code = INT64_MAX;
   }
   if (code == 0) {
      fg_parse_error (parser, SERVER_BAD_VALUE, "Invalid numerical type code: 0. Instead use {$exists:false}.");
      return false;
   }
   if (code == -1 || code == BSON_MAXKEY || (code >= BSON_DOUBLE && code <= BSON_DECIMAL)) {
      fg_type_set_add (set, (uint8_t)code);
      return true;
   }
   fg_element element = {"type", 4, *number};
   char text[128];
   fg_parse_error (parser, SERVER_BAD_VALUE, "Invalid numerical type code: %s",
                   fg_parse_element_text (&element, text, sizeof text) + 6);
   return false;
}

static bool
add_type (fg_parser *parser, const fg_value *value, fg_type_set *set)
{
   if (fg_value_is_number (value)) {
      return add_type_code (parser, value, set);
   }
   if (value->type != BSON_STRING) {
      fg_parse_error (parser, SERVER_TYPE_MISMATCH, "type must be represented as a number or a string");
      return false;
   }
   return add_schema_alias (parser, value, false, set);
}

fg_node *
fg_parse_type_operator (fg_parser *parser, const fg_element *element)
{
   fg_node *node = fg_parse_node (parser, N_TYPE);
   fg_cursor cursor;
   fg_element type;

   if (!node) {
      return NULL;
   }
   if (element->value.type != BSON_ARRAY) {
      return add_type (parser, &element->value, &node->u.types) ? node : NULL;
   }
   fg_cursor_open (&cursor, &element->value);
   while (fg_cursor_next (&cursor, &type)) {
      if (!add_type (parser, &type.value, &node->u.types)) {
         return NULL;
      }
   }
   if (node->u.types.n_named == 0) {
      return fg_parse_error (parser, SERVER_FAILED_TO_PARSE, "%s must match at least one type", element->name);
   }
   return node;
}
