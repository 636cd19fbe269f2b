/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_PARSE_H
#define FG_SCHEMA_MATCH_PARSE_H

/*
 * From a predicate's bytes to a tree. The predicate has been copied into the arena and walked for structure, so that every fg_value below borrows
 * from that copy. Every parse_ function returns NULL after filling the parser's error.
 */

#include "schema/match/regex.h"
#include "schema/match/tree.h"

/* Server error codes that parsing answers with. */
#define SERVER_BAD_VALUE 2
#define SERVER_FAILED_TO_PARSE 9
#define SERVER_TYPE_MISMATCH 14
#define SERVER_FEATURE_NOT_ALLOWED 224

typedef struct fg_parser {
   fg_matcher *matcher;
   uint32_t flags; /* FG_MATCHER_* */
   uint32_t depth_left;
   bool in_elem_match;
   fg_error *err;
   char path[FG_ERROR_PATH_MAX]; /* where the parser is, for err->path */
} fg_parser;

/* --- helpers (parse_util.c) ------------------------------------------------------------------------------------------ */

/* Always returns NULL, so that callers can return it. */
void *fg_parse_error (fg_parser *parser, int32_t code, const char *format, ...) FG_PRINTF (3, 4);
void *fg_parse_no_memory (fg_parser *parser);
void *fg_parse_alloc (fg_parser *parser, size_t size);
void *fg_parse_array (fg_parser *parser, size_t n, size_t size); /* n may be 0 */
fg_node *fg_parse_node (fg_parser *parser, fg_node_kind kind);
fg_node *fg_parse_node_with_kids (fg_parser *parser, fg_node_kind kind, size_t n_kids);
fg_node *fg_parse_not (fg_parser *parser, fg_node *kid);
fg_path *fg_parse_path (fg_parser *parser, const char *dotted, size_t len);
/* Descends one level; false (error set) beyond the depth limit. Pair with fg_parse_leave. */
bool fg_parse_enter (fg_parser *parser, const char *step, size_t *mark);
void fg_parse_leave (fg_parser *parser, size_t mark);
size_t fg_parse_count (const fg_value *document);
/* "name: value" as mongod prints an element in messages. */
const char *fg_parse_element_text (const fg_element *element, char *out, size_t size);
const char *fg_type_name (uint8_t type);
bool fg_is_operator_document (const fg_value *value);

/* --- type sets (parse_type.c) ---------------------------------------------------------------------------------------- */

/* Adds a type alias; 0 when there is none of that name. */
bool fg_type_set_add_alias (fg_type_set *set, const char *alias);
void fg_type_set_add (fg_type_set *set, uint8_t type);
static inline bool
fg_type_set_is_single (const fg_type_set *set)
{
   return set->n_named == 1;
}
/* The value of `type` (json), `bsonType` or encrypt.bsonType. */
bool fg_parse_schema_types (fg_parser *parser, const fg_element *element, bool json, bool may_be_empty,
                            fg_type_set *out);
fg_node *fg_parse_type_operator (fg_parser *parser, const fg_element *element);

/* --- predicates ------------------------------------------------------------------------------------------------------ */

fg_node *fg_parse_predicate (fg_parser *parser, const fg_value *document);
/* {$gt: 1, $lt: 5} into an N_AND of leaves that carry path (NULL: they test the value itself). */
fg_node *fg_parse_operators (fg_parser *parser, const fg_path *path, const fg_value *document);
fg_node *fg_parse_equality (fg_parser *parser, const fg_path *path, fg_node_kind kind, const fg_element *element);
fg_node *fg_parse_in (fg_parser *parser, const fg_path *path, const fg_element *element);
fg_node *fg_parse_all (fg_parser *parser, const fg_path *path, const fg_element *element);
fg_node *fg_parse_elem_match (fg_parser *parser, const fg_path *path, const fg_element *element);
fg_node *fg_parse_mod (fg_parser *parser, const fg_path *path, const fg_element *element);
fg_node *fg_parse_size (fg_parser *parser, const fg_path *path, const fg_element *element);
fg_node *fg_parse_bits (fg_parser *parser, const fg_path *path, const fg_element *element, fg_node_kind kind);
fg_node *fg_parse_regex_value (fg_parser *parser, const fg_path *path, const fg_value *value);
fg_node *fg_parse_regex_document (fg_parser *parser, const fg_path *path, const fg_value *document);
const fg_regex *fg_parse_regex (fg_parser *parser, const fg_value *value);
const fg_regex *fg_parse_regex_text (fg_parser *parser, const char *pattern, size_t len, const char *options);
bool fg_parse_int64 (fg_parser *parser, const fg_element *element, bool non_negative, int64_t *out);

/* --- $jsonSchema ------------------------------------------------------------------------------------------------------ */

typedef struct fg_schema_scope {
   bool top; /* the schema describes the document itself */
   const fg_path *path; /* below a property with a dotted name: where its keywords search */
} fg_schema_scope;

typedef enum fg_keyword {
   KW_ADDITIONAL_ITEMS,
   KW_ADDITIONAL_PROPERTIES,
   KW_ALL_OF,
   KW_ANY_OF,
   KW_BSON_TYPE,
   KW_DEPENDENCIES,
   KW_DESCRIPTION,
   KW_ENCRYPT,
   KW_ENCRYPT_METADATA,
   KW_ENUM,
   KW_EXCLUSIVE_MAXIMUM,
   KW_EXCLUSIVE_MINIMUM,
   KW_ITEMS,
   KW_MAX_ITEMS,
   KW_MAX_LENGTH,
   KW_MAX_PROPERTIES,
   KW_MAXIMUM,
   KW_MIN_ITEMS,
   KW_MIN_LENGTH,
   KW_MIN_PROPERTIES,
   KW_MINIMUM,
   KW_MULTIPLE_OF,
   KW_NOT,
   KW_ONE_OF,
   KW_PATTERN,
   KW_PATTERN_PROPERTIES,
   KW_PROPERTIES,
   KW_REQUIRED,
   KW_TITLE,
   KW_TYPE,
   KW_UNIQUE_ITEMS,
   KW_COUNT
} fg_keyword;

/* One schema object being parsed. */
typedef struct fg_schema {
   fg_parser *parser;
   fg_schema_scope scope;
   fg_element keywords[KW_COUNT]; /* name NULL: absent */
   bool has_type;
   fg_type_set types; /* what type, bsonType or encrypt states */
   fg_node *node; /* N_SCHEMA; room for every keyword */
} fg_schema;

fg_node *fg_parse_schema (fg_parser *parser, fg_schema_scope scope, const fg_value *document);
static inline bool
fg_schema_has (const fg_schema *schema, fg_keyword keyword)
{
   return schema->keywords[keyword].name != NULL;
}
/* A node for a keyword of this schema, with its path and, unless restricted is 0, silent for values of other types. */
fg_node *fg_schema_leaf (fg_schema *schema, fg_node_kind kind, const fg_element *keyword, uint32_t restricted);
/* Adds a keyword's node; nothing when it can never fail (a restriction that the stated type makes moot). */
void fg_schema_add (fg_schema *schema, fg_node *node);
bool fg_schema_wrong_type (fg_schema *schema, const char *format, ...) FG_PRINTF (2, 3); /* false, TypeMismatch */
bool fg_schema_bad_parse (fg_schema *schema, const char *format, ...) FG_PRINTF (2, 3); /* false, FailedToParse */
fg_node *fg_schema_nested (fg_schema *schema, fg_schema_scope scope, const char *step, const fg_value *document);
/* The groups, in mongod's order. */
bool fg_parse_schema_scalars (fg_schema *schema);
bool fg_parse_schema_arrays (fg_schema *schema);
bool fg_parse_schema_encryption (fg_schema *schema);
bool fg_parse_schema_objects (fg_schema *schema);
bool fg_parse_schema_allowed (fg_schema *schema);
bool fg_parse_schema_dependencies (fg_schema *schema);
bool fg_parse_schema_logic (fg_schema *schema);

#endif /* FG_SCHEMA_MATCH_PARSE_H */
