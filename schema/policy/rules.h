/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_POLICY_RULES_H
#define FG_POLICY_RULES_H

/*
 * What extraction leaves for the state builder: a tree of nodes (one for each schema object that may hold rules, linked by names, patterns and array
 * positions), the rules on them, and one formula that says which rules stand in alternatives to which.
 */

#include "schema/policy/program.h"
#include "schema/vec.h"

#include <bson/bson.h>

/* Schema objects that apply to the same value (allOf, anyOf, ...) form a chain; an edge leads to the head of a chain. A node's number is larger than
 * that of every node above it. */
typedef struct fg_node {
   uint32_t next; /* in its chain, or FG_POLICY_NONE */
   uint32_t first_rule; /* or FG_POLICY_NONE; rules are chained in fg_rule_source */
   uint32_t first_edge; /* filled in when edges are sorted */
   uint32_t n_edges;
   bool live; /* a rule on it or below it */
} fg_node;

typedef enum fg_edge_kind {
   FG_EDGE_NAME = 0,
   FG_EDGE_EXCLUDED, /* a name that additionalProperties does not apply to, without anything below it */
   FG_EDGE_PATTERN,
   FG_EDGE_ADDITIONAL,
   FG_EDGE_ITEM, /* position `index` */
   FG_EDGE_REST /* positions from `index` on */
} fg_edge_kind;

typedef struct fg_edge {
   uint32_t from;
   uint32_t kind;
   uint32_t name; /* offset into names */
   uint32_t len;
   uint32_t index; /* pattern number or array position */
   uint32_t to; /* head of a chain, or FG_POLICY_NONE */
} fg_edge;

typedef struct fg_rule_source {
   fg_policy_rule rule;
   uint32_t next; /* on the same node */
   uint32_t formula; /* its leaf */
} fg_rule_source;

typedef enum fg_formula_kind { FG_FORMULA_ALL = 0, FG_FORMULA_ANY, FG_FORMULA_RULE } fg_formula_kind;

typedef struct fg_formula {
   uint32_t kind;
   uint32_t parent;
   uint32_t branches; /* of FG_FORMULA_ANY: how many alternatives there are, with or without rules */
   uint32_t rule;
   uint32_t depth;
   /* scratch of the state builder: which children hold a rule of the state at hand */
   uint32_t stamp;
   uint32_t first_marked;
   uint32_t next_marked;
} fg_formula;

typedef struct fg_rules {
   fg_vec nodes; /* fg_node */
   fg_vec edges; /* fg_edge */
   fg_vec rules; /* fg_rule_source */
   fg_vec formulas; /* fg_formula; number 0 is the conjunction of everything */
   fg_vec keys; /* 16 bytes each */
   fg_vec patterns; /* pcre2_code * */
   fg_vec pattern_names; /* offsets into names */
   fg_vec names; /* bytes, each name NUL-terminated */
   uint32_t root; /* head of the chain at the root, or FG_POLICY_NONE */
   uint32_t max_depth;
   bool strict;
} fg_rules;

bool fg_rules_init (fg_rules *rules, fg_error *err) FG_WARN_UNUSED;
void fg_rules_free (fg_rules *rules);

/* A node in the chain whose head is *head; with *head FG_POLICY_NONE the node starts a chain. */
bool fg_rules_add_node (fg_rules *rules, uint32_t *head, uint32_t *node, fg_error *err) FG_WARN_UNUSED;
bool fg_rules_add_edge (fg_rules *rules, uint32_t from, fg_edge_kind kind, const char *name, size_t len, uint32_t index,
                        uint32_t to, fg_error *err) FG_WARN_UNUSED;
bool fg_rules_add_formula (fg_rules *rules, fg_formula_kind kind, uint32_t parent, uint32_t branches, uint32_t *formula,
                           fg_error *err) FG_WARN_UNUSED;
bool fg_rules_add_rule (fg_rules *rules, uint32_t node, uint32_t formula, const fg_policy_rule *rule,
                        fg_error *err) FG_WARN_UNUSED;
bool fg_rules_add_pattern (fg_rules *rules, const char *source, size_t len, uint32_t *pattern,
                           fg_error *err) FG_WARN_UNUSED;
bool fg_rules_no_memory (fg_error *err);

/* The extraction proper; each file documents its part of the grammar. */
bool fg_policy_extract_options (fg_rules *rules, const uint8_t *options, size_t len, fg_error *err) FG_WARN_UNUSED;
bool fg_policy_extract_query (fg_rules *rules, bson_iter_t *query, uint32_t formula, bool negated, uint32_t depth,
                              fg_error *err) FG_WARN_UNUSED;
bool fg_policy_extract_schema (fg_rules *rules, const bson_iter_t *schema, uint32_t formula, bool negated,
                               uint32_t depth, fg_error *err) FG_WARN_UNUSED;
bool fg_policy_extract_fields (fg_rules *rules, bson_iter_t *encrypted_fields, fg_error *err) FG_WARN_UNUSED;

/* What encryptMetadata hands down, and what one encrypt object says. */
typedef struct fg_encrypt_spec {
   bool has_algorithm;
   bool has_keys;
   uint32_t first_bytes;
   uint32_t keys;
   uint32_t n_keys;
   bool typed;
   uint64_t types;
} fg_encrypt_spec;

bool fg_policy_parse_encrypt (fg_rules *rules, const bson_iter_t *value, bool metadata, const char *path,
                              fg_encrypt_spec *spec, fg_error *err) FG_WARN_UNUSED;
/* A type alias of bsonType as a bit set over type bytes; 0 when there is no such alias. minKey and maxKey, which can never be encrypted,
 * set no bit but *known. */
uint64_t fg_policy_type_alias (const char *alias, bool *known);

/* Reads the next element; false at the end. A corrupt document sets *ok to false (and err). */
bool fg_policy_next (bson_iter_t *iter, bool *ok, fg_error *err);

/* rules -> program. policy->match is set; the compiled patterns move from rules to policy. */
bool fg_policy_build (fg_rules *rules, fg_policy *policy, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_POLICY_RULES_H */
