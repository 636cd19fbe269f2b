/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_POLICY_BUILD_H
#define FG_POLICY_BUILD_H

#include "schema/policy/rules.h"

/* The tables of a program while they grow, and what the state builder needs to find a set of nodes again. */
typedef struct fg_build {
   fg_rules *rules;
   fg_vec states; /* fg_policy_state */
   fg_vec slots; /* fg_policy_slot */
   fg_vec words; /* uint32_t */
   fg_vec sets; /* uint32_t: the nodes of every state, each preceded by their number */
   fg_vec set_of; /* uint32_t: a state's offset into sets */
   uint32_t *index; /* hash table over states, by set */
   size_t index_size;
   uint32_t stamp;
   pcre2_match_data *match_data;
   pcre2_match_context *match;
} fg_build;

/* By length, then bytes. */
int fg_build_compare_names (const char *a, uint32_t a_len, const char *b, uint32_t b_len);
void fg_build_sort_edges (fg_rules *rules);
void fg_build_find_live (fg_rules *rules);
/* Edges of one kind of one node, in the order of their names. */
const fg_edge *fg_build_edges (const fg_rules *rules, uint32_t node, fg_edge_kind kind, uint32_t *n);

/* The live nodes of a chain join the set. */
bool fg_build_add_chain (const fg_rules *rules, uint32_t head, fg_vec *set, fg_error *err) FG_WARN_UNUSED;
/* Sorts, and drops what is there twice. */
void fg_build_normalise (fg_vec *set);
/* The state of a set, new or known. */
bool fg_build_state_of (fg_build *build, fg_vec *set, uint32_t *state, fg_error *err) FG_WARN_UNUSED;
bool fg_build_state (fg_build *build, uint32_t number, fg_error *err) FG_WARN_UNUSED;

/* Writes the formula of the rules on the nodes of a state; FG_POLICY_NONE when there are none. hard: some rule holds in every alternative. */
bool fg_build_formula (fg_build *build, const uint32_t *nodes, uint32_t n, uint32_t *leaf, bool *hard,
                       fg_error *err) FG_WARN_UNUSED;

/* A name that leads out of a state. */
typedef struct fg_exit {
   const char *name;
   uint32_t offset;
   uint32_t len;
   uint32_t target;
   bool spelled; /* by a rule, or on the way to one */
} fg_exit;

/* Lays out the hash table of a state's names. */
bool fg_build_slots (fg_build *build, fg_policy_state *state, const fg_exit *exits, uint32_t n,
                     fg_error *err) FG_WARN_UNUSED;

#endif /* FG_POLICY_BUILD_H */
