/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_PLAN_H
#define FG_SCHEMA_MATCH_PLAN_H

/*
 * The plan: what a document that matches looks like, as a flat program that refers to itself by index, run in one pass over the document in byte order.
 *
 * It holds the conjunctive part of a predicate: every keyword of a $jsonSchema that is under no alternative and no negation, merged by the place in the
 * document that it speaks of, and the paths of encryptedFields. What remains ($or, anyOf, not, enum, dependencies, dotted names ...) hangs on its place as a node
 * of the tree, and is evaluated there when the pass comes by.
 *
 * A plan only ever says yes, and only where the tree would: it is at least as strict about structure, depth and every condition. Anything else (a value that breaks
 * a rule, a malformed element, a fault) is left to the tree, whose order of evaluation decides between "no" and an error. So documents that match, which are nearly all, cost
 * one pass, and the meaning stays in one place.
 */

#include "schema/match/parse.h"

#define FG_PLAN_NONE UINT32_MAX
/* States are not nested deeper than this, and remember no more than this many words of names along one path; what is beyond stays with the tree. */
#define FG_PLAN_DEPTH 32u
#define FG_PLAN_SEEN_WORDS 512u

typedef enum fg_plan_op_kind {
   FG_PLAN_NODE = 0, /* nodes[arg] as it stands */
   FG_PLAN_TEST, /* nodes[arg]'s own test: the path has been walked */
   FG_PLAN_ELEMENT, /* the same for one of an array's elements, or for the array */
   FG_PLAN_BOUND, /* a comparison with an integer: as it stands, but without ceremony for integers */
   FG_PLAN_ENCRYPTED, /* BinData subtype 6; with arg: the original type is in this set */
   FG_PLAN_MIN_LENGTH,
   FG_PLAN_MAX_LENGTH
} fg_plan_op_kind;

typedef struct fg_plan_op {
   uint32_t kind;
   uint32_t types; /* fg_type_bit: values of other types pass */
   uint32_t arg;
   bool typed; /* FG_PLAN_ENCRYPTED: arg is stated */
} fg_plan_op;

/* All that must hold of one value. Spot 0: nothing. */
typedef struct fg_plan_spot {
   uint32_t types; /* that the value may have */
   uint32_t ops, n_ops;
   uint32_t object; /* the state of what is inside when it is a document, or FG_PLAN_NONE */
   uint32_t array; /* ... when it is an array */
} fg_plan_spot;

typedef struct fg_plan_slot {
   uint64_t head, tail; /* schema/words.h */
   uint32_t len; /* FG_PLAN_NONE: an empty slot */
   uint32_t name; /* offset into the names */
   uint32_t spot;
   uint32_t bit; /* number of the name within its state */
   bool allowed; /* by every node of `allowed` that is without patterns */
   bool peek; /* an array's first element must be sound: the tree looks at it when it asks whether the name is there */
} fg_plan_slot;

typedef struct fg_plan_state {
   uint64_t filter; /* fg_name_filter_bit of the names; all bits where every element counts */
   uint64_t multiplier;
   uint64_t required; /* bits of the names that must be there, when there are at most 64 */
   uint32_t required_words; /* else: where those bits stand in `words` */
   uint32_t slots, slot_bits; /* log2 of how many; none when n_names is 0 */
   uint32_t order; /* slots of the names as the schema lists them, behind them slot 0, which no name matches */
   uint32_t n_names;
   uint32_t allowed, n_allowed; /* patternProperties and additionalProperties: nodes, each asked for every element */
   bool patterns; /* ... some have patterns: asked even for a slot that is `allowed` */
   bool array;
   uint32_t items; /* array: spot of every element */
   uint64_t least, most; /* how many elements */
} fg_plan_state;

struct fg_plan {
   const fg_plan_state *states;
   const fg_plan_spot *spots;
   const fg_plan_slot *slots;
   const uint32_t *order;
   const fg_plan_op *ops;
   const uint64_t *words;
   const char *names;
   const fg_node *const *nodes; /* of the tree */
   uint32_t root; /* spot */
};

/* Leaves *out NULL where a plan would not pay: nothing to walk into. False when memory is out. */
bool fg_plan_build (fg_parser *parser, const fg_node *root, const fg_plan **out);

/* True: the document matches, and is well-formed wherever the tree would look. False: ask the tree. */
bool fg_plan_accepts (const fg_plan *plan, fg_eval *ev, const fg_value *document);

#endif /* FG_SCHEMA_MATCH_PLAN_H */
