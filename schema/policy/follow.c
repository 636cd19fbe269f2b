/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/walk.h"

/* Names that no table holds: patterns and additionalProperties. */

static void *
block_alloc (size_t n, void *context)
{
   fg_matching *matching = context;
   n = (n + 15) & ~(size_t)15;
   if (n > sizeof matching->block - matching->used) {
      return NULL; /* PCRE2 reports it, and the check ends in an error */
   }
   void *at = matching->block + matching->used;
   matching->used += n;
   return at;
}

static void
block_free (void *at, void *context)
{
   (void)at;
   (void)context;
}

static bool
open_block (fg_matching *matching)
{
   pcre2_general_context *general = pcre2_general_context_create (block_alloc, block_free, matching);
   matching->data = general ? pcre2_match_data_create (1, general) : NULL;
   return matching->data != NULL;
}

static bool
undecided (fg_walk *walk, const char *pattern)
{
   walk->reason = FG_REASON_CANNOT_DECIDE;
   return fg_error_set (walk->err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, pattern,
                        "a pattern of patternProperties exceeds its match limit");
}

/* Bit i: the state's pattern i matches. */
static bool
match_names (fg_walk *walk, const fg_policy_state *state, const char *name, size_t len, uint64_t *matched)
{
   const fg_policy *policy = walk->policy;
   const uint32_t *numbers = policy->words + state->patterns;

   *matched = 0;
   if (!walk->matching || (!walk->matching->data && !open_block (walk->matching))) {
      return fg_error_set (walk->err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "no room to match a pattern");
   }
   for (uint32_t i = 0; i < state->n_patterns; i++) {
      int rc =
         pcre2_match (policy->patterns[numbers[i]], (PCRE2_SPTR)name, len, 0, 0, walk->matching->data, policy->match);
      if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
         return undecided (walk, policy->pattern_sources[numbers[i]]);
      }
      *matched |= (uint64_t)(rc >= 0) << i;
   }
   return true;
}

bool
fg_policy_follow_wild (fg_walk *walk, const fg_policy_state *state, const char *name, size_t len, uint32_t *target)
{
   const uint32_t *targets = walk->policy->words + state->subsets;
   uint64_t matched;

   *target = targets[0];
   if (state->n_patterns == 0) {
      return true;
   }
   if (!match_names (walk, state, name, len, &matched)) {
      return false;
   }
   if (state->n_patterns <= FG_POLICY_FULL_SUBSETS || matched == 0) {
      *target = targets[matched];
      return true;
   }
   uint32_t low = (uint32_t)__builtin_ctzll (matched), high = 63 - (uint32_t)__builtin_clzll (matched);
   if ((matched & ~((uint64_t)1 << low | (uint64_t)1 << high)) != 0) {
      walk->reason = FG_REASON_CANNOT_DECIDE;
      return fg_error_set (walk->err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL,
                           "one name matches more than two of the %u patterns that stand at one place: join some",
                           state->n_patterns);
   }
   *target = targets[fg_policy_pair_index (state->n_patterns, low, high)];
   return true;
}

bool
fg_policy_follow (fg_walk *walk, const fg_policy_state *state, const char *name, size_t len, uint32_t *target)
{
   const fg_policy_slot *slot = fg_policy_find (walk->policy, state, name, len);

   if (slot) {
      *target = slot->target;
      return true;
   }
   *target = FG_POLICY_DEAD;
   return !(state->flags & FG_STATE_WILD) || fg_policy_follow_wild (walk, state, name, len, target);
}

uint32_t
fg_policy_item (const fg_policy *policy, const fg_policy_state *state, uint32_t index)
{
   return index < state->n_items ? policy->words[state->items + index] : state->items_rest;
}
