/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/encrypted_fields.h"

#include "base/base.h"
#include "schema/match/plan.h"
#include "schema/match/shield.h"

/*
 * encryptedFields: the grammar that create checks, and the implicit validator. Every part of a field's path makes one node; a document is
 * refused where an array stands on a path or where the value at its end is no stored Queryable Encryption value of the declared type.
 */

#define SERVER_MISSING_FIELD 40414
#define SERVER_UNKNOWN_FIELD 40415
#define SERVER_DUPLICATE_KEY_ID 6338401
#define SERVER_DUPLICATE_PATH 6338402
#define SERVER_PREFIX_PATH 6338403
#define SERVER_EMPTY_PATH 6316402
#define SERVER_ID_PATH 6316403
#define SERVER_INDEXED_WITHOUT_TYPE 6412601
#define SERVER_EQUALITY_TYPE 6338405
#define SERVER_UNINDEXED_TYPE 6338406
#define SERVER_RANGE_TYPE 6775201
#define UUID_SUBTYPE 4

typedef struct encrypted_field {
   fg_value key_id;
   const char *path_text;
   const fg_path *path;
   fg_type_set types;
   const char *type_name;
   fg_value queries;
} encrypted_field;

static bool
refuse (fg_parser *parser, int32_t code, const char *message)
{
   fg_parse_error (parser, code, "%s", message);
   return false;
}

static bool
wrong_type (fg_parser *parser, const fg_element *element, const char *where, const char *expected)
{
   fg_parse_error (parser, SERVER_TYPE_MISMATCH,
                   "BSON field 'create.encryptedFields%s.%s' is the wrong type '%s', expected type '%s'", where,
                   element->name, fg_type_name (element->value.type), expected);
   return false;
}

static bool
take_field_member (fg_parser *parser, const fg_element *element, encrypted_field *field)
{
   size_t len;

   if (strcmp (element->name, "keyId") == 0) {
      field->key_id = element->value;
      if (element->value.type != BSON_BINDATA || element->value.data[4] != UUID_SUBTYPE) {
         return wrong_type (parser, element, ".fields", "UUID");
      }
      return element->value.len == 5 + 16
                ? true
                : refuse (parser, 207, "uuid must be a 16-byte binary field with UUID (4) subtype");
   }
   if (strcmp (element->name, "queries") == 0) {
      field->queries = element->value;
      return element->value.type == BSON_OBJECT || element->value.type == BSON_ARRAY
                ? true
                : wrong_type (parser, element, ".fields", "object");
   }
   bool is_path = strcmp (element->name, "path") == 0;
   if (!is_path && strcmp (element->name, "bsonType") != 0) {
      fg_parse_error (parser, SERVER_UNKNOWN_FIELD,
                      "BSON field 'create.encryptedFields.fields.%s' is an unknown field.", element->name);
      return false;
   }
   if (element->value.type != BSON_STRING) {
      return wrong_type (parser, element, ".fields", "string");
   }
   const char *text = fg_value_string (&element->value, &len);
   if (is_path) {
      field->path_text = text;
      field->path = fg_parse_path (parser, text, strlen (text));
      return field->path != NULL;
   }
   field->type_name = text;
   if (strcmp (text, "number") != 0 && fg_type_set_add_alias (&field->types, text)) {
      return true;
   }
   fg_parse_error (parser, SERVER_BAD_VALUE, "Unknown type name alias: %s", text);
   return false;
}

static bool
missing (fg_parser *parser, const char *name)
{
   fg_parse_error (parser, SERVER_MISSING_FIELD,
                   "BSON field 'create.encryptedFields.%s' is missing but a required field", name);
   return false;
}

/* Type bits that mongod takes for each kind of query. */
#define BIT(type) (1u << (type))
#define EQUALITY_TYPES                                                                                                 \
   (BIT (BSON_BINDATA) | BIT (BSON_CODE) | BIT (BSON_REGEX) | BIT (BSON_STRING) | BIT (BSON_INT) | BIT (BSON_LONG) |   \
    BIT (BSON_BOOL) | BIT (BSON_TIMESTAMP) | BIT (BSON_DATE) | BIT (BSON_OID) | BIT (BSON_SYMBOL) |                    \
    BIT (BSON_DBPOINTER))
#define RANGE_TYPES (BIT (BSON_INT) | BIT (BSON_LONG) | BIT (BSON_DATE) | BIT (BSON_DOUBLE) | BIT (BSON_DECIMAL))
#define TEXT_TYPES BIT (BSON_STRING)

typedef struct query_kind {
   const char *name;
   uint32_t types;
   int32_t code;
} query_kind;

static const query_kind query_kinds[] = {
   {"equality", EQUALITY_TYPES, SERVER_EQUALITY_TYPE},    {"range", RANGE_TYPES, SERVER_RANGE_TYPE},
   {"rangePreview", RANGE_TYPES, SERVER_RANGE_TYPE},      {"prefix", TEXT_TYPES, SERVER_EQUALITY_TYPE},
   {"prefixPreview", TEXT_TYPES, SERVER_EQUALITY_TYPE},   {"suffix", TEXT_TYPES, SERVER_EQUALITY_TYPE},
   {"suffixPreview", TEXT_TYPES, SERVER_EQUALITY_TYPE},   {"substring", TEXT_TYPES, SERVER_EQUALITY_TYPE},
   {"substringPreview", TEXT_TYPES, SERVER_EQUALITY_TYPE}};

static bool
check_query (fg_parser *parser, const encrypted_field *field, const fg_value *query)
{
   fg_value type;

   if (query->type != BSON_OBJECT || fg_value_find (query, "queryType", 9, &type) != 1) {
      return missing (parser, "fields.queries.queryType");
   }
   const char *name = type.type == BSON_STRING ? (const char *)type.data + 4 : "";
   for (size_t i = 0; i < sizeof query_kinds / sizeof query_kinds[0]; i++) {
      if (strcmp (name, query_kinds[i].name) != 0) {
         continue;
      }
      if ((field->types.mask & ~query_kinds[i].types) == 0) {
         return true;
      }
      fg_parse_error (parser, query_kinds[i].code, "Type '%s' is not a supported %s indexed type", field->type_name,
                      name);
      return false;
   }
   fg_parse_error (parser, SERVER_BAD_VALUE,
                   "Enumeration value '%s' for field 'create.encryptedFields.fields.queries.queryType' is not a valid "
                   "value.",
                   name);
   return false;
}

static bool
check_queries (fg_parser *parser, const encrypted_field *field)
{
   fg_cursor cursor;
   fg_element query;

   if (field->queries.type == BSON_OBJECT) {
      return check_query (parser, field, &field->queries);
   }
   fg_cursor_open (&cursor, &field->queries);
   while (fg_cursor_next (&cursor, &query)) {
      if (!check_query (parser, field, &query.value)) {
         return false;
      }
   }
   return true;
}

static bool
check_type (fg_parser *parser, const encrypted_field *field)
{
   uint32_t never =
      fg_type_bit (BSON_NULL) | fg_type_bit (BSON_UNDEFINED) | fg_type_bit (BSON_MINKEY) | fg_type_bit (BSON_MAXKEY);

   if (field->queries.type != 0) {
      return field->type_name ? check_queries (parser, field)
                              : refuse (parser, SERVER_INDEXED_WITHOUT_TYPE,
                                        "The field 'bsonType' is missing but required for an indexed field");
   }
   if (field->types.mask & never) {
      fg_parse_error (parser, SERVER_UNINDEXED_TYPE, "Type '%s' is not a supported unindexed type", field->type_name);
      return false;
   }
   return true;
}

static bool
is_prefix (const fg_path *shorter, const fg_path *longer)
{
   for (uint32_t i = 0; i < shorter->n_parts; i++) {
      if (strcmp (shorter->parts[i].text, longer->parts[i].text) != 0) {
         return false;
      }
   }
   return true;
}

static bool
check_against (fg_parser *parser, const encrypted_field *field, const encrypted_field *other)
{
   if (fg_value_compare (&field->key_id, &other->key_id) == 0) {
      return refuse (parser, SERVER_DUPLICATE_KEY_ID, "Duplicate key ids are not allowed");
   }
   if (strcmp (field->path_text, other->path_text) == 0) {
      return refuse (parser, SERVER_DUPLICATE_PATH, "Duplicate paths are not allowed");
   }
   bool shorter = field->path->n_parts < other->path->n_parts;
   const encrypted_field *a = shorter ? field : other;
   const encrypted_field *b = shorter ? other : field;
   if (!is_prefix (a->path, b->path)) {
      return true;
   }
   fg_parse_error (parser, SERVER_PREFIX_PATH, "Conflicting index paths found as one is a prefix of another %s and %s",
                   other->path_text, field->path_text);
   return false;
}

static bool
check_field (fg_parser *parser, const encrypted_field *fields, size_t n, const encrypted_field *field)
{
   if (field->key_id.type == 0) {
      return missing (parser, "fields.keyId");
   }
   if (!field->path_text) {
      return missing (parser, "fields.path");
   }
   if (!*field->path_text) {
      return refuse (parser, SERVER_EMPTY_PATH, "Encrypted field must have a non-empty path");
   }
   if (strcmp (field->path->parts[0].text, "_id") == 0) {
      return refuse (parser, SERVER_ID_PATH, "Cannot encrypt _id or its subfields");
   }
   for (size_t i = 0; i < n; i++) {
      if (!check_against (parser, field, &fields[i])) {
         return false;
      }
   }
   return check_type (parser, field);
}

static bool
parse_field (fg_parser *parser, const fg_element *element, encrypted_field *field)
{
   fg_cursor cursor;
   fg_element member;

   if (element->value.type != BSON_OBJECT) {
      return wrong_type (parser, element, ".fields", "object");
   }
   fg_cursor_open (&cursor, &element->value);
   while (fg_cursor_next (&cursor, &member)) {
      if (!take_field_member (parser, &member, field)) {
         return false;
      }
   }
   return true;
}

/* Room doubles, so that many fields do not cost their number squared. */
static bool
add_kid (fg_parser *parser, fg_node *parent, fg_node *kid)
{
   uint32_t n = parent->n_kids;

   if ((n & (n - 1)) == 0) {
      fg_node **kids = fg_parse_array (parser, n ? (size_t)n * 2 : 1, sizeof *kids);
      if (!kids) {
         return false;
      }
      if (n) {
         memcpy (kids, parent->kids, n * sizeof *kids);
      }
      parent->kids = kids;
   }
   parent->kids[parent->n_kids++] = kid;
   return true;
}

/* The node for a part of a path below `parent`, made when the first field needs it. A path of one part: it is walked without going through arrays. */
static fg_node *
part_node (fg_parser *parser, fg_node *parent, const fg_name *part)
{
   for (uint32_t i = 0; i < parent->n_kids; i++) {
      if (strcmp (parent->kids[i]->path->dotted, part->text) == 0) {
         return parent->kids[i];
      }
   }
   fg_node *node = fg_parse_node (parser, N_FLE2_PATH);
   fg_path *path = node ? fg_parse_alloc (parser, sizeof *path + sizeof path->parts[0]) : NULL;
   if (!path) {
      return NULL;
   }
   path->dotted = part->text;
   path->n_parts = 1;
   path->parts[0] = *part;
   node->path = path;
   return add_kid (parser, parent, node) ? node : NULL;
}

static bool
shield_path (fg_parser *parser, const fg_path *path, uint32_t part, const fg_step *up)
{
   if (part == path->n_parts) {
      return fg_shield_add (parser, up);
   }
   fg_step step = {up, path->parts[part].text, path->parts[part].len};
   return shield_path (parser, path, part + 1, &step);
}

static bool
add_field (fg_parser *parser, fg_node *root, const encrypted_field *field)
{
   fg_node *node = root;

   for (uint32_t i = 0; i < field->path->n_parts; i++) {
      node = part_node (parser, node, &field->path->parts[i]);
      if (!node) {
         return false;
      }
   }
   node->kind = N_FLE2_VALUE;
   node->u.types = field->types;
   return shield_path (parser, field->path, 0, NULL);
}

static bool
compile_fields (fg_parser *parser, const fg_value *list, fg_matcher *matcher)
{
   size_t n = fg_parse_count (list);
   fg_cursor cursor;
   fg_element element;

   encrypted_field *fields = fg_parse_array (parser, n, sizeof *fields);
   matcher->root = fields ? fg_parse_node (parser, N_AND) : NULL;
   if (!matcher->root) {
      return false;
   }
   matcher->root->op = "implicitFLESchema";
   fg_cursor_open (&cursor, list);
   for (size_t i = 0; fg_cursor_next (&cursor, &element); i++) {
      if (!parse_field (parser, &element, &fields[i]) || !check_field (parser, fields, i, &fields[i]) ||
          !add_field (parser, matcher->root, &fields[i])) {
         return false;
      }
   }
   return true;
}

bool
fg_encrypted_fields_compile (const fg_value *config, fg_matcher **out, fg_error *err)
{
   fg_parser parser;
   fg_value copy, list;
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;

   *out = NULL;
   options.context = FG_MATCHER_VALIDATOR;
   fg_matcher *matcher = fg_matcher_new (&options, &parser, err);
   if (!matcher || !fg_matcher_copy (&parser, config->data, config->len, &copy)) {
      goto fail;
   }
   if (fg_value_find (&copy, "fields", 6, &list) != 1) {
      missing (&parser, "fields");
      goto fail;
   }
   if (list.type != BSON_ARRAY) {
      fg_element element = {"fields", 6, list};
      wrong_type (&parser, &element, "", "array");
      goto fail;
   }
   if (!compile_fields (&parser, &list, matcher)) {
      goto fail;
   }
   if (matcher->root->n_kids == 0) {
      fg_matcher_free (matcher);
      return true;
   }
   if (!fg_plan_build (&parser, matcher->root, &matcher->plan)) {
      goto fail;
   }
   *out = matcher;
   return true;

fail:
   fg_matcher_free (matcher);
   return false;
}
