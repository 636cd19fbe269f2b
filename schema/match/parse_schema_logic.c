/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include <string.h>

/* dependencies, allOf, anyOf, oneOf, not, enum. Their nested schemas describe the same value as the schema around them. */

static bool
name_repeats (const fg_value *array, const fg_element *name)
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
check_dependency_name (fg_schema *schema, const fg_element *member, const fg_element *name)
{
   if (name->value.type != BSON_STRING) {
      return fg_schema_wrong_type (
         schema,
         "array '%s' in $jsonSchema keyword 'dependencies' can only contain strings, but found element of type: %s",
         member->name, fg_type_name (name->value.type));
   }
   if (name_repeats (&member->value, name)) {
      return fg_schema_bad_parse (schema,
                                  "array '%s' in $jsonSchema keyword 'dependencies' contains duplicate element: %s",
                                  member->name, (const char *)name->value.data + 4);
   }
   return true;
}

static bool
parse_property_dependency (fg_schema *schema, const fg_element *member, fg_dependency *dependency)
{
   fg_cursor cursor;
   fg_element name;
   size_t n = fg_parse_count (&member->value);

   if (n == 0) {
      return fg_schema_bad_parse (
         schema, "property '%s' in $jsonSchema keyword 'dependencies' cannot be an empty array", member->name);
   }
   const fg_path **required = fg_parse_array (schema->parser, n, sizeof *required);
   if (!required) {
      return false;
   }
   dependency->required = required;
   fg_cursor_open (&cursor, &member->value);
   while (fg_cursor_next (&cursor, &name)) {
      if (!check_dependency_name (schema, member, &name)) {
         return false;
      }
      size_t len;
      const char *text = fg_value_string (&name.value, &len);
      required[dependency->n_required] = fg_parse_path (schema->parser, text, len);
      if (!required[dependency->n_required++]) {
         return false;
      }
   }
   return true;
}

static bool
is_annotation (const fg_element *member)
{
   return member->value.type == BSON_STRING &&
          (strcmp (member->name, "title") == 0 || strcmp (member->name, "description") == 0);
}

static bool
parse_dependency (fg_schema *schema, const fg_element *member, fg_dependency *dependency)
{
   dependency->name = fg_parse_path (schema->parser, member->name, member->name_len);
   dependency->spec = member->value;
   if (!dependency->name) {
      return false;
   }
   if (member->value.type == BSON_ARRAY) {
      return parse_property_dependency (schema, member, dependency);
   }
   if (member->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (
         schema, "property '%s' in $jsonSchema keyword 'dependencies' must be either an object or an array",
         member->name);
   }
   dependency->schema = fg_schema_nested (schema, schema->scope, member->name, &member->value);
   return dependency->schema != NULL;
}

bool
fg_parse_schema_dependencies (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_DEPENDENCIES];
   fg_cursor cursor;
   fg_element member;

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'dependencies' must be an object");
   }
   size_t n = fg_parse_count (&keyword->value);
   fg_dependencies *dependencies = fg_parse_alloc (schema->parser, sizeof *dependencies + n * sizeof (fg_dependency));
   fg_node *node = fg_schema_leaf (schema, N_DEPENDENCIES, keyword, schema->scope.path ? 0 : fg_type_bit (BSON_OBJECT));
   if (!dependencies || !node) {
      return false;
   }
   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &member)) {
      if (is_annotation (&member)) {
         continue;
      }
      if (!parse_dependency (schema, &member, &dependencies->items[dependencies->n])) {
         return false;
      }
      dependencies->n++;
   }
   node->u.dependencies = dependencies;
   fg_schema_add (schema, node);
   return true;
}

static bool
parse_schemas (fg_schema *schema, fg_keyword which, fg_node_kind kind)
{
   const fg_element *keyword = &schema->keywords[which];
   fg_cursor cursor;
   fg_element member;

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type != BSON_ARRAY) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword '%s' must be an array", keyword->name);
   }
   fg_node *node = fg_parse_node_with_kids (schema->parser, kind, fg_parse_count (&keyword->value));
   if (!node) {
      return false;
   }
   node->op = keyword->name;
   node->spec = keyword->value;
   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &member)) {
      if (member.value.type != BSON_OBJECT) {
         return fg_schema_wrong_type (
            schema, "$jsonSchema keyword '%s' must be an array of objects, but found an element of type %s",
            keyword->name, fg_type_name (member.value.type));
      }
      node->kids[node->n_kids] = fg_schema_nested (schema, schema->scope, keyword->name, &member.value);
      if (!node->kids[node->n_kids]) {
         return false;
      }
      node->n_kids++;
   }
   if (node->n_kids == 0) {
      fg_parse_error (schema->parser, SERVER_BAD_VALUE, "$jsonSchema keyword '%s' must be a non-empty array",
                      keyword->name);
      return false;
   }
   fg_schema_add (schema, node);
   return true;
}

static bool
parse_not (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_NOT];

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (schema,
                                   "$jsonSchema keyword 'not' must be an object, but found an element of type %s",
                                   fg_type_name (keyword->value.type));
   }
   fg_node *kid = fg_schema_nested (schema, schema->scope, "not", &keyword->value);
   fg_node *node = fg_parse_not (schema->parser, kid);
   if (!node) {
      return false;
   }
   node->op = keyword->name;
   node->spec = keyword->value;
   fg_schema_add (schema, node);
   return true;
}

static bool
member_repeats (const fg_value *array, const fg_element *member)
{
   fg_cursor cursor;
   fg_element other;

   fg_cursor_open (&cursor, array);
   while (fg_cursor_next (&cursor, &other) && other.name != member->name) {
      if (fg_value_equal_unordered (&other.value, &member->value)) {
         return true;
      }
   }
   return false;
}

/* The document as a whole can only equal an object. */
static bool
take_enum_members (fg_schema *schema, const fg_element *keyword, fg_node *node, fg_value *values)
{
   fg_cursor cursor;
   fg_element member;

   node->u.in.values = values;
   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &member)) {
      if (member_repeats (&keyword->value, &member)) {
         return fg_schema_bad_parse (schema, "$jsonSchema keyword 'enum' array cannot contain duplicate values.");
      }
      if (!schema->scope.top || member.value.type == BSON_OBJECT) {
         values[node->u.in.n_values++] = member.value;
      }
   }
   return true;
}

static bool
parse_enum (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_ENUM];

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type != BSON_ARRAY) {
      return fg_schema_wrong_type (schema,
                                   "$jsonSchema keyword 'enum' must be an array, but found an element of type %s",
                                   fg_type_name (keyword->value.type));
   }
   size_t n = fg_parse_count (&keyword->value);
   if (n == 0) {
      return fg_schema_bad_parse (schema, "$jsonSchema keyword 'enum' cannot be an empty array");
   }
   fg_node *node = fg_schema_leaf (schema, schema->scope.top ? N_ROOT_ENUM : N_ENUM, keyword, 0);
   fg_value *values = fg_parse_array (schema->parser, n, sizeof *values);
   if (!node || !values || !take_enum_members (schema, keyword, node, values)) {
      return false;
   }
   fg_schema_add (schema, node);
   return true;
}

bool
fg_parse_schema_logic (fg_schema *schema)
{
   return parse_schemas (schema, KW_ALL_OF, N_AND) && parse_schemas (schema, KW_ANY_OF, N_OR) &&
          parse_schemas (schema, KW_ONE_OF, N_XOR) && parse_not (schema) && parse_enum (schema);
}
