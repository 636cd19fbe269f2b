/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_POLICY_PROGRAM_H
#define FG_POLICY_PROGRAM_H

/*
 * The compiled form of a policy: one block of memory that refers to itself by index only (docs/policy.md). A state stands for "these parts of
 * the rules are alive at this value"; names and array positions lead from state to state. State 0 is dead: nothing below it is
 * protected, and whatever is there is hopped over by its length.
 */

#include <fieldguard/policy.h>

#include "base/base.h"
#include "schema/words.h"

#include <pcre2.h>

#define FG_POLICY_DEAD 0u
#define FG_POLICY_NONE UINT32_MAX

/* Rule trees deeper than this do not compile, whatever the caller's max_depth says: the interpreter's stack is an array of this size. */
#define FG_POLICY_MAX_DEPTH 250u
/* 64-bit words that remember which protected names were seen, along one path. */
#define FG_POLICY_SEEN_WORDS 1024u
/* Up to this many patterns in one object, every combination of matches has its own state; beyond, combinations of two. */
#define FG_POLICY_FULL_SUBSETS 6u
#define FG_POLICY_MAX_PATTERNS 64u
#define FG_POLICY_FORMULA_DEPTH 64u

typedef enum fg_policy_kind { FG_POLICY_CSFLE = 1, FG_POLICY_QE = 2 } fg_policy_kind;

typedef struct fg_policy_rule {
   uint64_t types; /* bit t: original BSON type t is allowed */
   uint32_t first_bytes; /* bit b: first byte b is allowed at rest */
   uint32_t keys; /* first of n_keys in the table of key ids */
   uint32_t n_keys; /* 0: any */
   uint8_t kind; /* fg_policy_kind */
   uint8_t typed; /* the rule states types */
   uint16_t unused;
} fg_policy_rule;

/* A name that leads out of a state. head and tail are its first and last eight bytes, so that a comparison of two words decides all
 * names of up to sixteen bytes. */
typedef struct fg_policy_slot {
   uint64_t head;
   uint64_t tail; /* 0 for names of up to eight bytes */
   uint32_t len; /* FG_POLICY_NONE: an empty slot */
   uint32_t target;
   uint32_t name; /* offset into the names */
   uint32_t bit; /* number of the name within its state, for duplicates; FG_SLOT_WILD */
} fg_policy_slot;

/* In a slot's bit: no rule spells the name on its way. It has a slot because a schema names it beside patterns or additionalProperties; where it leads, they lead. */
#define FG_SLOT_WILD 0x80000000u

#define FG_STATE_LEAF 0x01u /* a rule applies to the value itself */
#define FG_STATE_HARD 0x02u /* ... whatever alternative is taken */
#define FG_STATE_NAMES 0x04u /* rules below names: a document is expected */
#define FG_STATE_ITEMS 0x08u /* rules below array positions: an array is expected */
#define FG_STATE_WILD 0x10u /* names that no rule spells may lead to rules as well */

typedef struct fg_policy_state {
   uint64_t filter; /* fg_name_filter_bit of each name that leads out of here */
   uint64_t multiplier; /* of the hash: chosen when compiled so that names do not collide */
   uint32_t slots;
   uint32_t slot_bits; /* log2 of their number; 0 slots when n_names is 0 */
   uint32_t n_names;
   uint32_t flags;
   uint32_t leaf; /* formula: the number of operations, then the operations */
   uint32_t patterns; /* first of n_patterns in the table of pattern numbers */
   uint32_t n_patterns;
   uint32_t subsets; /* targets by the combination of patterns that match; the first is "none": additionalProperties */
   uint32_t items; /* targets of the positions from 0 to n_items - 1 */
   uint32_t n_items;
   uint32_t items_rest;
   uint32_t rule; /* the only rule of the formula, or FG_POLICY_NONE */
   uint32_t order; /* words: the slots of the names as the rules list them, then FG_POLICY_NONE */
} fg_policy_state;

/* Operations of a formula, in postfix order: a rule's number pushes its verdict. */
#define FG_FORMULA_AND 0x80000000u
#define FG_FORMULA_OR 0x80000001u

struct fg_policy {
   const fg_policy_state *states;
   const fg_policy_slot *slots;
   const fg_policy_rule *rules;
   const uint32_t *words; /* formulas, pattern numbers, subset and item targets */
   const uint8_t *keys; /* 16 bytes each */
   const char *names;
   void *block; /* all of the above */
   size_t block_len;
   uint32_t n_states;
   uint32_t n_rules;
   uint32_t root;
   uint32_t height; /* of open documents that a check may have */
   uint32_t seen_words; /* for names seen, in states with more than 64 */
   bool strict;
   bool empty;
   bool has_patterns;
   uint32_t n_patterns;
   pcre2_code **patterns;
   const char **pattern_sources; /* within names */
   pcre2_match_context *match;
};

/* Where the target for "patterns i and j match" stands (i == j: only i). Full tables are indexed by the bit set. */
static inline uint32_t
fg_policy_subset_count (uint32_t n_patterns)
{
   return n_patterns <= FG_POLICY_FULL_SUBSETS ? 1u << n_patterns : 1u + n_patterns * n_patterns;
}

static inline uint32_t
fg_policy_pair_index (uint32_t n_patterns, uint32_t i, uint32_t j)
{
   return 1u + i * n_patterns + j;
}

/* name must have passed the state's filter: an empty table is never looked at. */
static inline const fg_policy_slot *
fg_policy_find_words (const fg_policy *policy, const fg_policy_state *state, const char *name, size_t len,
                      uint64_t head, uint64_t tail)
{
   const fg_policy_slot *slots = policy->slots + state->slots;
   const uint64_t mask = ((uint64_t)1 << state->slot_bits) - 1;
   for (uint64_t i = fg_name_hash (head, tail, len, state->multiplier) >> (64 - state->slot_bits);;
        i = (i + 1) & mask) {
      const fg_policy_slot *slot = slots + i;
      if (slot->head == head && slot->tail == tail && slot->len == len &&
          (len <= 16 || memcmp (policy->names + slot->name, name, len) == 0)) {
         return slot;
      }
      if (slot->len == FG_POLICY_NONE) {
         return NULL;
      }
   }
}

static inline const fg_policy_slot *
fg_policy_find (const fg_policy *policy, const fg_policy_state *state, const char *name, size_t len)
{
   uint64_t head, tail;

   if (len == 0 ? !(state->filter & 1) : !(state->filter >> fg_name_filter_bit (name, len) & 1)) {
      return NULL;
   }
   fg_name_words (name, len, &head, &tail);
   return fg_policy_find_words (policy, state, name, len, head, tail);
}

#endif /* FG_POLICY_PROGRAM_H */
