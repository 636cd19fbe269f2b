/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_TREE_H
#define FG_SCHEMA_MATCH_TREE_H

/*
 * The compiled predicate. One tree of nodes in one arena, immutable once compiled.
 *
 * A node is evaluated against one value: a document, a field's value, an array's element. A node without a path tests that value
 * itself. A node with a path takes the value as a document, walks the path through it as mongod does (first field of a name,
 * implicit traversal of arrays, numeric parts) and is true as soon as one value that it reaches passes its test. Logical nodes
 * hand the value on unchanged.
 *
 * A $jsonSchema object becomes one N_SCHEMA node whose kids are its keywords, in the order in which mongod checks them. Its keywords
 * test the value itself, except below a property whose name contains dots: there every keyword carries that path and searches
 * on its own, which is what mongod's translation does and what decides the outcome when an array is on the path.
 */

#include "schema/match/compare.h"
#include "schema/match/number.h"

#include <pcre2.h>

typedef enum fg_node_kind {
   /* logic */
   N_AND,
   N_OR,
   N_NOR,
   N_NOT,
   N_XOR, /* oneOf: exactly one */
   N_TRUE,
   N_FALSE,
   /* query leaves */
   N_EQ,
   N_LT,
   N_LTE,
   N_GT,
   N_GTE,
   N_IN,
   N_EXISTS,
   N_TYPE,
   N_MOD,
   N_REGEX,
   N_SIZE,
   N_ELEM_MATCH_OBJECT,
   N_ELEM_MATCH_VALUE,
   N_BITS_ALL_SET,
   N_BITS_ALL_CLEAR,
   N_BITS_ANY_SET,
   N_BITS_ANY_CLEAR,
   /* $jsonSchema */
   N_SCHEMA,
   N_ENUM,
   N_ROOT_ENUM,
   N_MULTIPLE_OF,
   N_MIN_LENGTH,
   N_MAX_LENGTH,
   N_ITEMS, /* every element from `from` on satisfies kids[0] */
   N_ITEM_AT, /* the element at `from`, if there is one, satisfies kids[0] */
   N_ITEMS_LIST, /* items: [..]: kids are N_ITEM_AT */
   N_MIN_ITEMS,
   N_MAX_ITEMS,
   N_UNIQUE_ITEMS,
   N_REQUIRED,
   N_PROPERTIES,
   N_ALLOWED, /* patternProperties and additionalProperties together */
   N_MIN_PROPERTIES,
   N_MAX_PROPERTIES,
   N_DEPENDENCIES,
   N_ENCRYPTED, /* BinData subtype 6, and the original type where `types` says so */
   /* encryptedFields */
   N_FLE2_PATH, /* absent, a scalar, or an object that satisfies kids; never an array */
   N_FLE2_VALUE /* absent, or a stored Queryable Encryption value */
} fg_node_kind;

/* BSON types as a set. */
typedef struct fg_type_set {
   uint32_t mask; /* fg_type_bit */
   bool number; /* the alias "number" was named */
   uint8_t n_named; /* how many types were named; "number" counts as one */
} fg_type_set;

#define FG_TYPES_NUMBER ((1u << BSON_DOUBLE) | (1u << BSON_INT) | (1u << BSON_LONG) | (1u << BSON_DECIMAL))

static inline uint32_t
fg_type_bit (uint8_t type)
{
   return type == BSON_MINKEY                ? 1u << 20
          : type == BSON_MAXKEY              ? 1u << 21
          : type == 0 || type > BSON_DECIMAL ? 0
                                             : 1u << type;
}

typedef struct fg_name {
   const char *text; /* NUL-terminated */
   size_t len;
} fg_name;

typedef struct fg_path {
   const char *dotted;
   uint32_t n_parts;
   fg_name parts[];
} fg_path;

typedef struct fg_regex {
   pcre2_code *code;
   const char *pattern;
   const char *options;
   struct fg_regex *next; /* all of a matcher, to be freed with it */
} fg_regex;

typedef struct fg_node fg_node;
typedef struct fg_name_table fg_name_table;
typedef struct fg_shield fg_shield;
typedef struct fg_plan fg_plan;

typedef struct fg_property {
   fg_name name;
   const fg_path *path; /* where the name has dots; the schema's keywords carry it too. NULL otherwise */
   bool required; /* also named in `required`: then absent is no excuse */
   fg_node *schema;
} fg_property;

typedef struct fg_pattern {
   const fg_regex *regex;
   fg_node *schema;
} fg_pattern;

typedef struct fg_properties {
   uint32_t n;
   const fg_name_table *table; /* NULL: each name is searched for */
   fg_property items[];
} fg_properties;

typedef struct fg_allowed {
   const fg_name *names; /* named in `properties` */
   uint32_t n_names;
   const fg_name_table *table; /* of names; NULL: compared one by one */
   const fg_pattern *patterns;
   uint32_t n_patterns;
   bool has_patterns; /* the keyword stands there */
   bool has_additional;
   fg_node *additional; /* what every other name must satisfy; NULL: anything */
} fg_allowed;

typedef struct fg_dependency {
   const fg_path *name;
   const fg_path *const *required; /* property dependency */
   uint32_t n_required;
   fg_node *schema; /* schema dependency */
   fg_value spec;
} fg_dependency;

typedef struct fg_dependencies {
   uint32_t n;
   fg_dependency items[];
} fg_dependencies;

typedef struct fg_bits {
   uint64_t mask; /* positions below 64; 63 also stands for all above in numbers (sign extension) */
   const uint32_t *positions; /* all positions, ascending */
   uint32_t n;
} fg_bits;

struct fg_node {
   fg_node_kind kind;
   bool leaf_arrays; /* the last part of the path also goes through an array's elements */
   bool negated; /* N_NOT made of $ne, $nin, $exists: false: explained under its own name */
   bool lenient; /* true for every value whose type is not in lenient_types */
   uint32_t lenient_types;
   const fg_path *path;
   fg_node **kids;
   uint32_t n_kids;
   uint32_t from; /* N_ITEMS, N_ITEM_AT */
   union {
      fg_value rhs; /* comparisons */
      struct {
         const fg_value *values;
         uint32_t n_values;
         const fg_regex *const *regexes;
         uint32_t n_regexes;
         bool has_null;
      } in; /* N_IN, N_ENUM, N_ROOT_ENUM */
      fg_type_set types; /* N_TYPE, N_FLE2_VALUE */
      struct {
         bool typed; /* bsonType was stated */
         fg_type_set types;
      } encrypted;
      struct {
         int64_t divisor, remainder;
      } mod;
      const fg_regex *regex;
      int64_t count; /* sizes and lengths */
      fg_decimal divisor; /* N_MULTIPLE_OF */
      struct {
         const fg_path *const *paths;
         uint32_t n;
         const fg_name_table *table; /* of the names without dots among many; NULL: each is searched for */
      } required;
      const fg_properties *properties;
      const fg_allowed *allowed;
      const fg_dependencies *dependencies;
      fg_bits bits;
   } u;
   /* For errInfo. */
   const char *op; /* operatorName: "$gt", "minimum"; NULL for nodes that have none of their own */
   fg_value spec; /* specifiedAs: the operator's argument as it was written */
   const char *modifier; /* "exclusiveMaximum" or "exclusiveMinimum" where that was true */
   const char *title; /* N_SCHEMA, may be NULL */
   const char *description;
   bool implicit; /* {a: 1}: no operator was written */
};

/* --- arena ---------------------------------------------------------------------------------------------------------- */

typedef struct fg_arena {
   struct fg_arena_block *blocks;
} fg_arena;

/* Zeroed, aligned for anything; NULL when memory is out. */
void *fg_arena_alloc (fg_arena *arena, size_t size);
void fg_arena_free (fg_arena *arena);

struct fg_matcher {
   fg_arena arena;
   fg_regex *regexes;
   pcre2_match_context *match_context;
   fg_matcher_context context;
   uint32_t max_depth;
   fg_node *root;
   const fg_plan *plan; /* NULL: none */
   bool value_mode; /* FG_MATCHER_PULL with an operator document: root tests the value itself */
   bool has_encrypt;
   const fg_shield *shields; /* paths whose values errInfo withholds */
};

/* --- evaluation ------------------------------------------------------------------------------------------------------ */

typedef struct fg_eval {
   const fg_matcher *matcher;
   pcre2_match_data *match_data; /* made when the first regex is met */
   uint32_t depth_left; /* of documents */
   uint32_t branches_left; /* of paths that go on both by name and by position */
   fg_fault fault;
   bool record; /* whether `position` is wanted and may be set here */
   size_t position;
} fg_eval;

void fg_eval_begin (fg_eval *ev, const fg_matcher *matcher);
void fg_eval_end (fg_eval *ev);
/* Meaningless once ev->fault is set: callers decide on the fault alone. */
bool fg_eval_node (fg_eval *ev, const fg_node *node, const fg_value *value);
/* The node's own test of one value, without its path and leniency. */
bool fg_eval_test (fg_eval *ev, const fg_node *node, const fg_value *value);
bool fg_eval_query_leaf (fg_eval *ev, const fg_node *node, const fg_value *value);
bool fg_eval_schema_leaf (fg_eval *ev, const fg_node *node, const fg_value *value);
bool fg_eval_array_leaf (fg_eval *ev, const fg_node *node, const fg_value *value);
bool fg_eval_required (fg_eval *ev, const fg_node *node, const fg_value *object);
bool fg_eval_properties (fg_eval *ev, const fg_node *node, const fg_value *object);
/* Whether the name stands in the `properties` beside. */
bool fg_allowed_names (const fg_allowed *allowed, const char *name, size_t len);
/* patternProperties and additionalProperties, for one field. */
bool fg_eval_allows (fg_eval *ev, const fg_allowed *allowed, const fg_element *element);
bool fg_eval_dependencies_at (fg_eval *ev, const fg_node *node, const fg_value *document);
bool fg_eval_bits (const fg_node *node, const fg_value *value);
bool fg_eval_encrypted (fg_eval *ev, const fg_node *node, const fg_value *value);
bool fg_eval_fle2_value (const fg_node *node, const fg_value *value);
bool fg_eval_set_fault (fg_eval *ev, fg_fault fault); /* returns false */
int fg_eval_compare (fg_eval *ev, const fg_value *a, const fg_value *b);
bool fg_eval_equal_unordered (fg_eval *ev, const fg_value *a, const fg_value *b);
bool fg_eval_regex (fg_eval *ev, const fg_regex *regex, const char *subject, size_t len);
int fg_eval_find (fg_eval *ev, const fg_value *document, const fg_name *name, fg_value *value);
bool fg_eval_path_exists (fg_eval *ev, const fg_path *path, const fg_value *document);
size_t fg_eval_count (fg_eval *ev, const fg_value *document);

/* Opens a cursor over a document's or array's elements one level down; the fault is set when it cannot. Pair with fg_eval_leave. */
bool fg_eval_enter (fg_eval *ev, fg_cursor *cursor, const fg_value *document);
void fg_eval_leave (fg_eval *ev, const fg_cursor *cursor);

/* Calls visit for every value that the path reaches (value->type 0: missing) until it returns true. index: position in the outermost array that was traversed
 * implicitly, SIZE_MAX without one. */
typedef bool (*fg_path_visitor) (void *arg, const fg_value *value, size_t index);
bool fg_path_any (fg_eval *ev, const fg_path *path, bool leaf_arrays, const fg_value *document, fg_path_visitor visit,
                  void *arg);

/* mongod's evaluation faults as an fg_error. */
bool fg_fault_to_error (fg_fault fault, fg_error *err);

/* UTF-8 code points as mongod counts them: bytes that do not continue a character. */
size_t fg_code_points (const char *text, size_t len);

#endif /* FG_SCHEMA_MATCH_TREE_H */
