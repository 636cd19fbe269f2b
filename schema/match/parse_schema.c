/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/parse.h"

#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>

/* One schema object: which keywords it has, which type it states, and then its keywords group by group in mongod's order, so that the first error is the same. */

static const char *const keyword_names[KW_COUNT] = {
   [KW_ADDITIONAL_ITEMS] = "additionalItems",
   [KW_ADDITIONAL_PROPERTIES] = "additionalProperties",
   [KW_ALL_OF] = "allOf",
   [KW_ANY_OF] = "anyOf",
   [KW_BSON_TYPE] = "bsonType",
   [KW_DEPENDENCIES] = "dependencies",
   [KW_DESCRIPTION] = "description",
   [KW_ENCRYPT] = "encrypt",
   [KW_ENCRYPT_METADATA] = "encryptMetadata",
   [KW_ENUM] = "enum",
   [KW_EXCLUSIVE_MAXIMUM] = "exclusiveMaximum",
   [KW_EXCLUSIVE_MINIMUM] = "exclusiveMinimum",
   [KW_ITEMS] = "items",
   [KW_MAX_ITEMS] = "maxItems",
   [KW_MAX_LENGTH] = "maxLength",
   [KW_MAX_PROPERTIES] = "maxProperties",
   [KW_MAXIMUM] = "maximum",
   [KW_MIN_ITEMS] = "minItems",
   [KW_MIN_LENGTH] = "minLength",
   [KW_MIN_PROPERTIES] = "minProperties",
   [KW_MINIMUM] = "minimum",
   [KW_MULTIPLE_OF] = "multipleOf",
   [KW_NOT] = "not",
   [KW_ONE_OF] = "oneOf",
   [KW_PATTERN] = "pattern",
   [KW_PATTERN_PROPERTIES] = "patternProperties",
   [KW_PROPERTIES] = "properties",
   [KW_REQUIRED] = "required",
   [KW_TITLE] = "title",
   [KW_TYPE] = "type",
   [KW_UNIQUE_ITEMS] = "uniqueItems",
};

#define NODES_PER_SCHEMA (KW_COUNT + 1)

static bool report (fg_schema *schema, int32_t code, const char *format, va_list args) FG_PRINTF (3, 0);

static bool
report (fg_schema *schema, int32_t code, const char *format, va_list args)
{
   char message[FG_ERROR_MESSAGE_MAX];

   vsnprintf (message, sizeof message, format, args);
   fg_parse_error (schema->parser, code, "%s", message);
   return false;
}

bool
fg_schema_wrong_type (fg_schema *schema, const char *format, ...)
{
   va_list args;

   va_start (args, format);
   bool result = report (schema, SERVER_TYPE_MISMATCH, format, args);
   va_end (args);
   return result;
}

bool
fg_schema_bad_parse (fg_schema *schema, const char *format, ...)
{
   va_list args;

   va_start (args, format);
   bool result = report (schema, SERVER_FAILED_TO_PARSE, format, args);
   va_end (args);
   return result;
}

static int
find_keyword (const fg_element *element)
{
   for (int i = 0; i < KW_COUNT; i++) {
      if (strcmp (element->name, keyword_names[i]) == 0) {
         return i;
      }
   }
   return -1;
}

static bool
is_unsupported (const char *name)
{
   static const char *const names[] = {"$ref", "$schema", "default", "definitions", "format", "id"};
   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (strcmp (name, names[i]) == 0) {
         return true;
      }
   }
   return false;
}

static bool
take_keyword (fg_schema *schema, const fg_element *element)
{
   int keyword = find_keyword (element);

   if (keyword >= 0 && fg_schema_has (schema, (fg_keyword)keyword)) {
      return fg_schema_bad_parse (schema, "Duplicate $jsonSchema keyword: %s", element->name);
   }
   if (keyword >= 0) {
      schema->keywords[keyword] = *element;
      return true;
   }
   if (is_unsupported (element->name)) {
      return fg_schema_bad_parse (schema, "$jsonSchema keyword '%s' is not currently supported", element->name);
   }
   if (schema->parser->flags & FG_MATCHER_IGNORE_UNKNOWN_KEYWORDS) {
      return true;
   }
   return fg_schema_bad_parse (schema, "Unknown $jsonSchema keyword: %s", element->name);
}

static bool
take_keywords (fg_schema *schema, const fg_value *document)
{
   fg_cursor cursor;
   fg_element element;

   fg_cursor_open (&cursor, document);
   while (fg_cursor_next (&cursor, &element)) {
      if (!take_keyword (schema, &element)) {
         return false;
      }
   }
   return true;
}

static bool
take_annotation (fg_schema *schema, fg_keyword keyword, const char **out)
{
   const fg_element *element = &schema->keywords[keyword];

   if (!element->name) {
      return true;
   }
   if (element->value.type != BSON_STRING) {
      return fg_schema_wrong_type (schema, "$jsonSchema keyword '%s' must be of type string", element->name);
   }
   *out = (const char *)element->value.data + 4;
   return true;
}

static bool
check_conflicts (fg_schema *schema)
{
   bool encrypt = fg_schema_has (schema, KW_ENCRYPT);

   if (fg_schema_has (schema, KW_TYPE) && fg_schema_has (schema, KW_BSON_TYPE)) {
      return fg_schema_bad_parse (schema, "Cannot specify both $jsonSchema keywords 'type' and 'bsonType'");
   }
   if (encrypt && (fg_schema_has (schema, KW_TYPE) || fg_schema_has (schema, KW_BSON_TYPE))) {
      return fg_schema_bad_parse (schema,
                                  "$jsonSchema keyword 'encrypt' cannot be used in conjunction with '%s', 'encrypt' "
                                  "implies type 'bsonType::BinData'",
                                  fg_schema_has (schema, KW_TYPE) ? "type" : "bsonType");
   }
   return true;
}

fg_node *
fg_schema_leaf (fg_schema *schema, fg_node_kind kind, const fg_element *keyword, uint32_t restricted)
{
   fg_node *node = fg_parse_node (schema->parser, kind);

   if (!node) {
      return NULL;
   }
   node->path = schema->scope.path;
   node->op = keyword->name;
   node->spec = keyword->value;
   node->lenient = restricted != 0;
   node->lenient_types = restricted;
   return node;
}

/* mongod drops a restriction for a type other than the one stated, and applies one for that type without asking for the type again. On one value that comes to
 * the same as leniency; across the values of a path it does not. */
void
fg_schema_add (fg_schema *schema, fg_node *node)
{
   if (node->lenient && node->path && schema->has_type && fg_type_set_is_single (&schema->types)) {
      if ((schema->types.mask & node->lenient_types) == 0) {
         return;
      }
      node->lenient = false;
   }
   schema->node->kids[schema->node->n_kids++] = node;
}

fg_node *
fg_schema_nested (fg_schema *schema, fg_schema_scope scope, const char *step, const fg_value *document)
{
   size_t mark;

   if (!fg_parse_enter (schema->parser, step, &mark)) {
      return NULL;
   }
   fg_node *node = fg_parse_schema (schema->parser, scope, document);
   if (node) {
      fg_parse_leave (schema->parser, mark);
   }
   return node;
}

static bool
parse_stated_type (fg_schema *schema)
{
   if (fg_schema_has (schema, KW_TYPE) || fg_schema_has (schema, KW_BSON_TYPE)) {
      bool json = fg_schema_has (schema, KW_TYPE);
      schema->has_type = true;
      return fg_parse_schema_types (schema->parser, &schema->keywords[json ? KW_TYPE : KW_BSON_TYPE], json, false,
                                    &schema->types);
   }
   if (fg_schema_has (schema, KW_ENCRYPT)) {
      schema->has_type = true;
      fg_type_set_add (&schema->types, BSON_BINDATA);
   }
   return true;
}

/* Last, as in mongod. At the top it tests the document itself: a set without "object" then never matches. */
static bool
add_type_test (fg_schema *schema)
{
   if (!schema->has_type || fg_schema_has (schema, KW_ENCRYPT)) {
      return true; /* encrypt's own test includes the type */
   }
   const fg_element *keyword = &schema->keywords[fg_schema_has (schema, KW_TYPE) ? KW_TYPE : KW_BSON_TYPE];
   fg_node *node = fg_schema_leaf (schema, N_TYPE, keyword, 0);
   if (!node) {
      return false;
   }
   node->u.types = schema->types;
   fg_schema_add (schema, node);
   return true;
}

fg_node *
fg_parse_schema (fg_parser *parser, fg_schema_scope scope, const fg_value *document)
{
   fg_schema schema = {.parser = parser, .scope = scope};

   if (!take_keywords (&schema, document)) {
      return NULL;
   }
   schema.node = fg_parse_node_with_kids (parser, N_SCHEMA, NODES_PER_SCHEMA);
   if (!schema.node || !take_annotation (&schema, KW_TITLE, &schema.node->title) ||
       !take_annotation (&schema, KW_DESCRIPTION, &schema.node->description)) {
      return NULL;
   }
   bool ok = check_conflicts (&schema) && parse_stated_type (&schema) && fg_parse_schema_scalars (&schema) &&
             fg_parse_schema_arrays (&schema) && fg_parse_schema_encryption (&schema) &&
             fg_parse_schema_objects (&schema) && fg_parse_schema_logic (&schema) && add_type_test (&schema);
   return ok ? schema.node : NULL;
}
