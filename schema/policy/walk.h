/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_POLICY_WALK_H
#define FG_POLICY_WALK_H

/*
 * The interpreter: one pass over a document in byte order, following the states of the program. Subtrees in the dead state are hopped over.
 */

#include "schema/policy/value.h"

typedef enum fg_step_kind {
   FG_STEP_NAME = 0, /* a name that a rule spells */
   FG_STEP_WILD, /* a name that the document supplied */
   FG_STEP_ITEM /* an array position */
} fg_step_kind;

typedef struct fg_step {
   fg_step_kind kind;
   const char *name; /* of FG_STEP_NAME; not terminated */
   uint32_t len;
   uint32_t index; /* of FG_STEP_ITEM */
} fg_step;

/* One violation, with the way that led to it. */
typedef struct fg_hit {
   const fg_step *steps;
   size_t n_steps;
   fg_reason reason;
   fg_policy_kind kind;
   uint8_t type;
   const uint8_t *value;
   size_t len;
} fg_hit;

/* PCRE2 allocates from this block on the stack, so that a check costs no heap. */
#define FG_POLICY_MATCH_BLOCK 49152u

typedef struct fg_matching {
   pcre2_match_data *data; /* NULL until first needed */
   size_t used;
   uint8_t block[FG_POLICY_MATCH_BLOCK] __attribute__ ((aligned (16)));
} fg_matching;

typedef struct fg_walk {
   const fg_policy *policy;
   fg_phase phase;
   fg_error *err;
   fg_matching *matching; /* NULL when the policy has no patterns */
   bool (*hit) (void *ctx, const fg_hit *hit); /* NULL: stop at the first violation */
   void *ctx;
   fg_reason reason; /* of the first violation */
   size_t hits;
} fg_walk;

/* The bytes of a document or array (array: whose elements are those of an array) in the given state. */
fg_check fg_policy_walk (fg_walk *walk, const uint8_t *doc, size_t len, uint32_t state, bool array) FG_WARN_UNUSED;

/* One value in the given state: judged, walked or passed. */
fg_check fg_policy_walk_value (fg_walk *walk, uint8_t type, const uint8_t *value, size_t len,
                               uint32_t state) FG_WARN_UNUSED;

/* Where a name leads. False: a pattern could not be matched (err is set). */
bool fg_policy_follow (fg_walk *walk, const fg_policy_state *state, const char *name, size_t len,
                       uint32_t *target) FG_WARN_UNUSED;
/* Where a name leads that is not in the state's table. */
bool fg_policy_follow_wild (fg_walk *walk, const fg_policy_state *state, const char *name, size_t len,
                            uint32_t *target) FG_WARN_UNUSED;
uint32_t fg_policy_item (const fg_policy *policy, const fg_policy_state *state, uint32_t index);

/* Size of a value's bytes, given how many there are at most. False: malformed. */
bool fg_policy_value_size (uint8_t type, const uint8_t *value, size_t room, size_t *size) FG_WARN_UNUSED;

/* A whole document, with the policy's own root; hit may be NULL. */
fg_check fg_policy_walk_document (const fg_policy *policy, const uint8_t *doc, size_t len, fg_phase phase,
                                  bool (*hit) (void *ctx, const fg_hit *hit), void *ctx, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_POLICY_WALK_H */
