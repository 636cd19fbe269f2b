/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/names.h"

#include <string.h>

/* patternProperties and additionalProperties: what may stand under names that `properties` does not list. */

static bool
parse_pattern (fg_schema *schema, const fg_element *element, fg_pattern *pattern)
{
   fg_matcher *matcher = schema->parser->matcher;
   fg_schema_scope scope = {false, NULL};
   fg_regex_problem problem;

   if (element->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (
         schema, "$jsonSchema keyword 'patternProperties' has property '%s' which is not an object", element->name);
   }
   pattern->schema = fg_schema_nested (schema, scope, element->name, &element->value);
   if (!pattern->schema) {
      return false;
   }
   pattern->regex = fg_regex_new (&matcher->arena, &matcher->regexes, element->name, "", false, &problem);
   if (pattern->regex) {
      return true;
   }
   if (problem.no_memory) {
      fg_parse_no_memory (schema->parser);
   } else {
      fg_parse_error (schema->parser, SERVER_BAD_VALUE, "Invalid regular expression: %s", problem.message);
   }
   return false;
}

static bool
parse_patterns (fg_schema *schema, fg_allowed *allowed)
{
   const fg_element *keyword = &schema->keywords[KW_PATTERN_PROPERTIES];
   fg_cursor cursor;
   fg_element element;

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'patternProperties' must be an object");
   }
   fg_pattern *patterns = fg_parse_array (schema->parser, fg_parse_count (&keyword->value), sizeof *patterns);
   if (!patterns) {
      return false;
   }
   allowed->patterns = patterns;
   allowed->has_patterns = true;
   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &element)) {
      if (!parse_pattern (schema, &element, &patterns[allowed->n_patterns])) {
         return false;
      }
      allowed->n_patterns++;
   }
   return true;
}

static bool
parse_additional (fg_schema *schema, fg_allowed *allowed)
{
   const fg_element *keyword = &schema->keywords[KW_ADDITIONAL_PROPERTIES];
   fg_schema_scope scope = {false, NULL};

   if (!keyword->name) {
      return true;
   }
   allowed->has_additional = true;
   if (keyword->value.type == BSON_OBJECT) {
      allowed->additional = fg_schema_nested (schema, scope, "additionalProperties", &keyword->value);
      return allowed->additional != NULL;
   }
   if (keyword->value.type != BSON_BOOL) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'additionalProperties' must be an object or a boolean");
   }
   if (!fg_value_bool (&keyword->value)) {
      allowed->additional = fg_parse_node (schema->parser, N_FALSE);
      return allowed->additional != NULL;
   }
   return true;
}

static bool
take_names (fg_schema *schema, fg_allowed *allowed)
{
   const fg_element *keyword = &schema->keywords[KW_PROPERTIES];
   fg_cursor cursor;
   fg_element element;

   if (!keyword->name) {
      return true;
   }
   fg_name *names = fg_parse_array (schema->parser, fg_parse_count (&keyword->value), sizeof *names);
   if (!names) {
      return false;
   }
   allowed->names = names;
   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &element)) {
      names[allowed->n_names++] = (fg_name){element.name, element.name_len};
   }
   return fg_name_table_build (schema->parser, names, allowed->n_names, &allowed->table);
}

bool
fg_parse_schema_allowed (fg_schema *schema)
{
   if (!fg_schema_has (schema, KW_PATTERN_PROPERTIES) && !fg_schema_has (schema, KW_ADDITIONAL_PROPERTIES)) {
      return true;
   }
   fg_allowed *allowed = fg_parse_alloc (schema->parser, sizeof *allowed);
   if (!allowed || !take_names (schema, allowed) || !parse_patterns (schema, allowed) ||
       !parse_additional (schema, allowed)) {
      return false;
   }
   const fg_element *keyword =
      &schema->keywords[allowed->has_patterns ? KW_PATTERN_PROPERTIES : KW_ADDITIONAL_PROPERTIES];
   fg_node *node = fg_schema_leaf (schema, N_ALLOWED, keyword, fg_type_bit (BSON_OBJECT));
   if (!node) {
      return false;
   }
   node->u.allowed = allowed;
   fg_schema_add (schema, node);
   return true;
}
