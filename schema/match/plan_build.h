/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_PLAN_BUILD_H
#define FG_SCHEMA_MATCH_PLAN_BUILD_H

/* Making a plan (schema/match/plan.h) out of a tree: conditions are sorted by the value that they are about, those about one value are merged. */

#include "schema/match/plan.h"
#include "schema/vec.h"

#define FG_PLAN_ALL_TYPES UINT32_MAX

/* Conditions that one value must all meet. In the parser's arena. */
typedef struct fg_terms {
   const fg_node *node;
   bool leaf; /* the node has a path of one part, whose value this is */
   struct fg_terms *next;
} fg_terms;

/* A name of one object, and what its value must meet. */
typedef struct fg_plan_exit {
   const char *name;
   size_t len;
   fg_terms *terms;
   bool required, peek;
   uint32_t chained; /* the next exit + 1 of the same hash while gathering */
} fg_plan_exit;

typedef struct fg_plan_builder {
   fg_parser *parser;
   fg_vec states, spots, slots, order, ops, words, names, nodes;
   uint32_t seen_words; /* in use along the path that is being built */
   bool too_wide; /* more than FG_PLAN_SEEN_WORDS: there will be no plan */
} fg_plan_builder;

/* False: out of memory. FG_PLAN_NONE for a value that need not be looked into. */
bool fg_plan_build_spot (fg_plan_builder *b, const fg_terms *terms, uint32_t depth, uint32_t *spot);
/* plan_state.c: the inside of an object or array that must meet these; depth: how many states may still be nested. */
bool fg_plan_build_object (fg_plan_builder *b, const fg_terms *terms, uint32_t depth, uint32_t *state);
bool fg_plan_build_array (fg_plan_builder *b, const fg_terms *terms, uint32_t depth, uint32_t *state);
/* plan_slots.c: spots[i] is that of exits[i]. */
bool fg_plan_build_slots (fg_plan_builder *b, fg_plan_state *state, const fg_plan_exit *exits, const uint32_t *spots,
                          uint32_t n);

fg_terms *fg_plan_term (fg_plan_builder *b, const fg_node *node, bool leaf, fg_terms *next);
/* The number under which a plan knows a node; FG_PLAN_NONE: out of memory. */
uint32_t fg_plan_add_node (fg_plan_builder *b, const fg_node *node);

#endif /* FG_SCHEMA_MATCH_PLAN_BUILD_H */
