/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/build.h"

/*
 * Rules to program: the subset construction. A state is the set of nodes that are alive at a value. What a name leads to is worked out here once,
 * patterns and additionalProperties included, so that a check looks up one table per name whatever the number of rules. Rule trees have no
 * cycles, so there is an end; limits keep hostile validators from making it far.
 */

/* How deep the states below go, and how many words for seen names they need along one path. Recursion is as deep as the rules. */
typedef struct reach {
   uint32_t height; /* 0: not known yet */
   uint32_t words;
} reach;

static void
add_reach (const reach *below, reach *most)
{
   most->height = below->height > most->height ? below->height : most->height;
   most->words = below->words > most->words ? below->words : most->words;
}

static const reach *measure (const fg_build *build, reach *memo, uint32_t number);

static void
measure_words (const fg_build *build, reach *memo, uint32_t first, uint32_t n, reach *most)
{
   for (uint32_t i = 0; i < n; i++) {
      add_reach (measure (build, memo, *FG_VEC_AT (&build->words, uint32_t, first + i)), most);
   }
}

static const reach *
measure (const fg_build *build, reach *memo, uint32_t number)
{
   const fg_policy_state *state = FG_VEC_AT (&build->states, fg_policy_state, number);
   reach most = {0, 0};

   if (number == FG_POLICY_DEAD || memo[number].height > 0) {
      return memo + number;
   }
   for (uint32_t i = 0; state->n_names && i < 1u << state->slot_bits; i++) {
      const fg_policy_slot *slot = FG_VEC_AT (&build->slots, fg_policy_slot, state->slots + i);
      if (slot->len != FG_POLICY_NONE) {
         add_reach (measure (build, memo, slot->target), &most);
      }
   }
   if (state->flags & FG_STATE_WILD) {
      measure_words (build, memo, state->subsets, fg_policy_subset_count (state->n_patterns), &most);
   }
   measure_words (build, memo, state->items, state->n_items, &most);
   add_reach (measure (build, memo, state->items_rest), &most);
   memo[number].height = most.height + 1;
   memo[number].words = most.words + (state->n_names > 64 ? (state->n_names + 63) / 64 : 0);
   return memo + number;
}

static bool
check_reach (const fg_build *build, fg_policy *policy, fg_error *err)
{
   reach *memo = calloc (build->states.n, sizeof *memo);
   bool ok;

   if (!memo) {
      return fg_rules_no_memory (err);
   }
   const reach *all = measure (build, memo, policy->root);
   policy->height = all->height;
   policy->seen_words = all->words;
   ok = (all->height <= FG_POLICY_MAX_DEPTH && all->words <= FG_POLICY_SEEN_WORDS) ||
        fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL,
                      "the encryption rules name too many fields of one document, or lie too deep");
   free (memo);
   return ok;
}

static size_t
align (size_t n)
{
   return (n + 63) & ~(size_t)63;
}

static void *
move (char **to, const fg_vec *from)
{
   char *at = *to;
   if (from->n) {
      memcpy (at, from->data, from->n * from->item);
   }
   *to += align (from->n * from->item);
   return at;
}

/* Copies the tables into one block; the compiled patterns change hands. */
static bool
pack (fg_build *build, fg_policy *policy, fg_error *err)
{
   fg_rules *rules = build->rules;
   fg_vec bare = {NULL, 0, 0, sizeof (fg_policy_rule)};
   fg_policy_rule *copy = rules->rules.n ? fg_vec_add (&bare, rules->rules.n) : NULL;
   const fg_vec *tables[] = {&build->states, &build->slots, &bare, &build->words, &rules->keys, &rules->names};
   char *at;

   if (rules->rules.n && !copy) {
      return fg_rules_no_memory (err);
   }
   for (size_t i = 0; i < rules->rules.n; i++) {
      copy[i] = FG_VEC_AT (&rules->rules, fg_rule_source, i)->rule;
   }
   for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
      policy->block_len += align (tables[i]->n * tables[i]->item);
   }
   policy->block = aligned_alloc (64, policy->block_len + 64);
   policy->patterns = calloc (rules->patterns.n + 1, sizeof *policy->patterns);
   policy->pattern_sources = calloc (rules->patterns.n + 1, sizeof *policy->pattern_sources);
   if (!policy->block || !policy->patterns || !policy->pattern_sources) {
      fg_vec_free (&bare);
      return fg_rules_no_memory (err);
   }
   at = policy->block;
   policy->states = move (&at, &build->states);
   policy->slots = move (&at, &build->slots);
   policy->rules = move (&at, &bare);
   policy->words = move (&at, &build->words);
   policy->keys = move (&at, &rules->keys);
   policy->names = move (&at, &rules->names);
   policy->n_states = (uint32_t)build->states.n;
   policy->n_rules = (uint32_t)rules->rules.n;
   policy->n_patterns = (uint32_t)rules->patterns.n;
   for (size_t i = 0; i < rules->patterns.n; i++) {
      policy->patterns[i] = *FG_VEC_AT (&rules->patterns, pcre2_code *, i);
      policy->pattern_sources[i] = policy->names + *FG_VEC_AT (&rules->pattern_names, uint32_t, i);
   }
   rules->patterns.n = 0;
   fg_vec_free (&bare);
   return true;
}

static bool
build_states (fg_build *build, fg_policy *policy, fg_error *err)
{
   fg_vec set = {NULL, 0, 0, sizeof (uint32_t)};
   bool ok;

   /* State 0 is dead. */
   if (!fg_vec_add (&build->states, 1) || !fg_vec_push_u32 (&build->set_of, 0)) {
      return fg_rules_no_memory (err);
   }
   FG_VEC_AT (&build->states, fg_policy_state, 0)->leaf = FG_POLICY_NONE;
   ok = fg_build_add_chain (build->rules, build->rules->root, &set, err) &&
        fg_build_state_of (build, &set, &policy->root, err);
   for (uint32_t i = 1; ok && i < build->states.n; i++) {
      ok = fg_build_state (build, i, err);
   }
   fg_vec_free (&set);
   return ok && check_reach (build, policy, err);
}

bool
fg_policy_build (fg_rules *rules, fg_policy *policy, fg_error *err)
{
   fg_build build = {0};
   bool ok = false;

   build.rules = rules;
   build.states.item = sizeof (fg_policy_state);
   build.slots.item = sizeof (fg_policy_slot);
   build.words.item = build.sets.item = build.set_of.item = sizeof (uint32_t);
   build.match = policy->match;
   build.match_data = pcre2_match_data_create (1, NULL);
   if (!build.match_data) {
      fg_rules_no_memory (err);
      goto done;
   }
   fg_build_sort_edges (rules);
   fg_build_find_live (rules);
   ok = build_states (&build, policy, err) && pack (&build, policy, err);
   policy->empty = ok && policy->root == FG_POLICY_DEAD;
   policy->has_patterns = policy->n_patterns > 0;
done:
   pcre2_match_data_free (build.match_data);
   fg_vec_free (&build.states);
   fg_vec_free (&build.slots);
   fg_vec_free (&build.words);
   fg_vec_free (&build.sets);
   fg_vec_free (&build.set_of);
   free (build.index);
   return ok;
}
