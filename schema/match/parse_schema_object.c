/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include "base/base.h"
#include "schema/match/names.h"

/* required, properties, minProperties, maxProperties. */

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
parse_required (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_REQUIRED];
   fg_cursor cursor;
   fg_element name;
   size_t n = 0;

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type != BSON_ARRAY) {
      return fg_schema_wrong_type (schema,
                                   "$jsonSchema keyword 'required' must be an array, but found an element of type %s",
                                   fg_type_name (keyword->value.type));
   }
   fg_cursor_open (&cursor, &keyword->value);
   for (; fg_cursor_next (&cursor, &name); n++) {
      if (name.value.type != BSON_STRING) {
         return fg_schema_wrong_type (
            schema, "$jsonSchema keyword 'required' must be an array of strings, but found an element of type: %s",
            fg_type_name (name.value.type));
      }
      if (name_repeats (&keyword->value, &name)) {
         return fg_schema_bad_parse (schema, "$jsonSchema keyword 'required' array cannot contain duplicate values");
      }
   }
   return n ? true : fg_schema_bad_parse (schema, "$jsonSchema keyword 'required' cannot be an empty array");
}

static bool
is_required (const fg_schema *schema, const fg_element *property)
{
   const fg_element *keyword = &schema->keywords[KW_REQUIRED];
   fg_cursor cursor;
   fg_element name;

   if (!keyword->name) {
      return false;
   }
   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &name)) {
      size_t len;
      const char *text = fg_value_string (&name.value, &len);
      if (len == property->name_len && memcmp (text, property->name, len) == 0) {
         return true;
      }
   }
   return false;
}

static bool
parse_property (fg_schema *schema, const fg_element *element, fg_property *property)
{
   fg_schema_scope scope = {false, NULL};

   if (element->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (schema, "Nested schema for $jsonSchema property '%s' must be an object",
                                   element->name);
   }
   property->name = (fg_name){element->name, element->name_len};
   property->required = is_required (schema, element);
   if (memchr (element->name, '.', element->name_len)) {
      property->path = fg_parse_path (schema->parser, element->name, element->name_len);
      if (!property->path) {
         return false;
      }
      scope.path = property->path;
   }
   property->schema = fg_schema_nested (schema, scope, element->name, &element->value);
   return property->schema != NULL;
}

static bool
add_table (fg_schema *schema, fg_properties *properties)
{
   fg_name *names = fg_parse_array (schema->parser, properties->n, sizeof *names);

   if (!names) {
      return false;
   }
   for (uint32_t i = 0; i < properties->n; i++) {
      names[i] = properties->items[i].name;
   }
   return fg_name_table_build (schema->parser, names, properties->n, &properties->table);
}

static bool
parse_properties (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_PROPERTIES];
   fg_cursor cursor;
   fg_element element;

   if (!keyword->name) {
      return true;
   }
   if (keyword->value.type != BSON_OBJECT) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword 'properties' must be an object");
   }
   size_t n = fg_parse_count (&keyword->value);
   fg_properties *properties = fg_parse_alloc (schema->parser, sizeof *properties + n * sizeof properties->items[0]);
   if (!properties) {
      return false;
   }
   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &element)) {
      if (!parse_property (schema, &element, &properties->items[properties->n])) {
         return false;
      }
      properties->n++;
   }
   if (!add_table (schema, properties)) {
      return false;
   }
   fg_node *node = fg_schema_leaf (schema, N_PROPERTIES, keyword, fg_type_bit (BSON_OBJECT));
   if (!node) {
      return false;
   }
   node->u.properties = properties;
   fg_schema_add (schema, node);
   return true;
}

static bool
add_required (fg_schema *schema)
{
   const fg_element *keyword = &schema->keywords[KW_REQUIRED];
   fg_cursor cursor;
   fg_element name;

   if (!keyword->name) {
      return true;
   }
   fg_node *node = fg_schema_leaf (schema, N_REQUIRED, keyword, fg_type_bit (BSON_OBJECT));
   const fg_path **paths = fg_parse_array (schema->parser, fg_parse_count (&keyword->value), sizeof *paths);
   if (!node || !paths) {
      return false;
   }
   node->u.required.paths = paths;
   fg_cursor_open (&cursor, &keyword->value);
   while (fg_cursor_next (&cursor, &name)) {
      size_t len;
      const char *text = fg_value_string (&name.value, &len);
      paths[node->u.required.n] = fg_parse_path (schema->parser, text, len);
      if (!paths[node->u.required.n++]) {
         return false;
      }
   }
   fg_name *names = fg_parse_array (schema->parser, node->u.required.n, sizeof *names);
   if (!names) {
      return false;
   }
   for (uint32_t i = 0; i < node->u.required.n; i++) {
      names[i] = (fg_name){paths[i]->dotted, strlen (paths[i]->dotted)};
   }
   if (!fg_name_table_build (schema->parser, names, node->u.required.n, &node->u.required.table)) {
      return false;
   }
   fg_schema_add (schema, node);
   return true;
}

static bool
parse_count (fg_schema *schema, fg_keyword which, fg_node_kind kind)
{
   const fg_element *keyword = &schema->keywords[which];
   int64_t count;

   if (!keyword->name) {
      return true;
   }
   if (!fg_parse_int64 (schema->parser, keyword, true, &count)) {
      return false;
   }
   fg_node *node = fg_schema_leaf (schema, kind, keyword, fg_type_bit (BSON_OBJECT));
   if (!node) {
      return false;
   }
   node->u.count = count;
   fg_schema_add (schema, node);
   return true;
}

bool
fg_parse_schema_objects (fg_schema *schema)
{
   return parse_required (schema) && parse_properties (schema) && fg_parse_schema_allowed (schema) &&
          add_required (schema) && parse_count (schema, KW_MIN_PROPERTIES, N_MIN_PROPERTIES) &&
          parse_count (schema, KW_MAX_PROPERTIES, N_MAX_PROPERTIES) && fg_parse_schema_dependencies (schema);
}
