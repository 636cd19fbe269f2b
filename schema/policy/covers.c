/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/walk.h"
#include "schema/vec.h"

/*
 * Does a new policy still enforce all of an old one? Both programs are walked side by side over every name, pattern and position that either knows;
 * wherever the old one has a rule the new one must have one that admits no more. Where the walk cannot be sure (patterns that overlap in
 * other ways, formulas that say the same differently) the answer is no: what is then asked of the operator is to allow a change that was none.
 */

#define MAX_PAIRS 4000000u
#define MAX_PATH 1024u

typedef struct pairs {
   const fg_policy *newer;
   const fg_policy *older;
   uint64_t *seen; /* hash set of (new state, old state), 0 is free */
   size_t size;
   size_t n;
   char path[MAX_PATH];
   size_t path_len;
   bool out_of_memory;
} pairs;

static bool pair_is_covered (pairs *all, uint32_t newer, uint32_t older);

/* --- rules -------------------------------------------------------------------------------------------------------- */

static bool
has_key (const fg_policy *policy, const fg_policy_rule *rule, const uint8_t *key)
{
   for (uint32_t i = 0; i < rule->n_keys; i++) {
      if (memcmp (policy->keys + (size_t)(rule->keys + i) * 16, key, 16) == 0) {
         return true;
      }
   }
   return false;
}

/* Everything that `strong` admits, `weak` admits too. */
static bool
rule_implies (const pairs *all, const fg_policy_rule *strong, const fg_policy_rule *weak)
{
   if ((strong->first_bytes & ~weak->first_bytes) || (strong->types & ~weak->types)) {
      return false;
   }
   if (weak->n_keys == 0) {
      return true;
   }
   for (uint32_t i = 0; i < strong->n_keys; i++) {
      if (!has_key (all->older, weak, all->newer->keys + (size_t)(strong->keys + i) * 16)) {
         return false;
      }
   }
   return strong->n_keys > 0;
}

/* A formula in postfix order ends in its own operation; its right part stands before that, its left part before the right one. */
static uint32_t
part_start (const uint32_t *ops, uint32_t end)
{
   uint32_t needed = 1;

   while (needed > 0) {
      bool joins = ops[end] == FG_FORMULA_AND || ops[end] == FG_FORMULA_OR;
      needed = joins ? needed + 1 : needed - 1;
      if (needed == 0) {
         return end;
      }
      end--;
   }
   return end;
}

/* Both formulas are given by the position of their last operation. Sound; not complete. Depth is bounded by that of the formulas. */
static bool
implies (const pairs *all, const uint32_t *strong, uint32_t s, const uint32_t *weak, uint32_t w, uint32_t budget)
{
   bool s_and = strong[s] == FG_FORMULA_AND, s_or = strong[s] == FG_FORMULA_OR;
   bool w_and = weak[w] == FG_FORMULA_AND, w_or = weak[w] == FG_FORMULA_OR;

   if (budget == 0) {
      return false;
   }
   if (s_or) {
      return implies (all, strong, s - 1, weak, w, budget - 1) &&
             implies (all, strong, part_start (strong, s - 1) - 1, weak, w, budget - 1);
   }
   if (w_and) {
      return implies (all, strong, s, weak, w - 1, budget - 1) &&
             implies (all, strong, s, weak, part_start (weak, w - 1) - 1, budget - 1);
   }
   if (s_and && (implies (all, strong, s - 1, weak, w, budget - 1) ||
                 implies (all, strong, part_start (strong, s - 1) - 1, weak, w, budget - 1))) {
      return true;
   }
   if (w_or) {
      return implies (all, strong, s, weak, w - 1, budget - 1) ||
             implies (all, strong, s, weak, part_start (weak, w - 1) - 1, budget - 1);
   }
   return !s_and && rule_implies (all, all->newer->rules + strong[s], all->older->rules + weak[w]);
}

static bool
leaf_is_covered (const pairs *all, const fg_policy_state *newer, const fg_policy_state *older)
{
   if (!(older->flags & FG_STATE_LEAF)) {
      return true;
   }
   /* A rule of one alternative lets a document through where there are rules below it as well. */
   if (!(newer->flags & FG_STATE_LEAF) || ((older->flags & FG_STATE_HARD) && !(newer->flags & FG_STATE_HARD) &&
                                           (newer->flags & (FG_STATE_NAMES | FG_STATE_ITEMS)))) {
      return false;
   }
   const uint32_t *strong = all->newer->words + newer->leaf, *weak = all->older->words + older->leaf;
   return implies (all, strong + 1, strong[0] - 1, weak + 1, weak[0] - 1, 128);
}

/* --- the walk ------------------------------------------------------------------------------------------------------ */

static bool
visit_pair (pairs *all, uint32_t newer, uint32_t older, const char *name, size_t len)
{
   size_t before = all->path_len, dot = before > 0 && name[0] != '[';

   if (older == FG_POLICY_DEAD) {
      return true;
   }
   if (before + dot + len + 1 < MAX_PATH) {
      all->path[before] = '.';
      memcpy (all->path + before + dot, name, len);
      all->path_len = before + dot + len;
   }
   if (!pair_is_covered (all, newer, older)) {
      return false; /* the path stays what it is: that of the first loss */
   }
   all->path_len = before;
   return true;
}

/* Names that either state spells. */
static bool
names_are_covered (pairs *all, const fg_policy *spelling, const fg_policy_state *names, const fg_policy_state *newer,
                   const fg_policy_state *older, fg_walk *new_walk, fg_walk *old_walk)
{
   for (uint32_t i = 0; names->n_names && i < 1u << names->slot_bits; i++) {
      const fg_policy_slot *slot = spelling->slots + names->slots + i;
      const char *name = spelling->names + slot->name;
      uint32_t to_newer, to_older;
      if (slot->len == FG_POLICY_NONE) {
         continue;
      }
      if (!fg_policy_follow (new_walk, newer, name, slot->len, &to_newer) ||
          !fg_policy_follow (old_walk, older, name, slot->len, &to_older) ||
          !visit_pair (all, to_newer, to_older, name, slot->len)) {
         return false;
      }
   }
   return true;
}

static uint32_t
subset_target (const fg_policy *policy, const fg_policy_state *state, uint64_t matched)
{
   const uint32_t *targets = policy->words + state->subsets;

   if (!(state->flags & FG_STATE_WILD)) {
      return FG_POLICY_DEAD;
   }
   if (state->n_patterns <= FG_POLICY_FULL_SUBSETS || matched == 0) {
      return targets[matched];
   }
   uint32_t low = (uint32_t)__builtin_ctzll (matched), high = 63 - (uint32_t)__builtin_clzll (matched);
   return targets[fg_policy_pair_index (state->n_patterns, low, high)];
}

/* The bit of the same pattern text in the other state; 0 when it is not there. */
static uint64_t
same_pattern (const fg_policy *from, const fg_policy_state *state, uint32_t i, const fg_policy *to,
              const fg_policy_state *other)
{
   const char *source = from->pattern_sources[from->words[state->patterns + i]];

   for (uint32_t k = 0; k < other->n_patterns; k++) {
      if (strcmp (to->pattern_sources[to->words[other->patterns + k]], source) == 0) {
         return (uint64_t)1 << k;
      }
   }
   return 0;
}

/* Names that neither spells: no pattern, each pattern of either alone, each two together. */
static bool
wild_is_covered (pairs *all, const fg_policy_state *newer, const fg_policy_state *older)
{
   uint64_t bits[2 * FG_POLICY_MAX_PATTERNS + 1][2] = {{0, 0}};
   uint32_t n = 1;

   if (!(older->flags & FG_STATE_WILD)) {
      return true;
   }
   for (uint32_t i = 0; i < older->n_patterns; i++, n++) {
      bits[n][0] = same_pattern (all->older, older, i, all->newer, newer);
      bits[n][1] = (uint64_t)1 << i;
   }
   for (uint32_t i = 0; i < newer->n_patterns; i++) {
      if (same_pattern (all->newer, newer, i, all->older, older) == 0) {
         bits[n][0] = (uint64_t)1 << i;
         bits[n++][1] = 0;
      }
   }
   for (uint32_t i = 0; i < n; i++) {
      for (uint32_t k = i; k < n; k++) {
         uint64_t in_newer = bits[i][0] | bits[k][0], in_older = bits[i][1] | bits[k][1];
         if (!visit_pair (all, subset_target (all->newer, newer, in_newer), subset_target (all->older, older, in_older),
                          "*", 1)) {
            return false;
         }
      }
   }
   return true;
}

static bool
items_are_covered (pairs *all, const fg_policy_state *newer, const fg_policy_state *older, uint32_t older_number)
{
   uint32_t n = (newer->n_items > older->n_items ? newer->n_items : older->n_items) + 1;

   if (!(older->flags & FG_STATE_ITEMS) && !(newer->flags & FG_STATE_ITEMS)) {
      return true;
   }
   /* Arrays used to be refused here: now that they are not, their elements must be as well protected as the value was. */
   for (uint32_t i = 0; i < n; i++) {
      uint32_t to_older = older->flags & FG_STATE_ITEMS ? fg_policy_item (all->older, older, i) : older_number;
      if (!visit_pair (all, fg_policy_item (all->newer, newer, i), to_older, "[]", 2)) {
         return false;
      }
   }
   return true;
}

static bool
grow (pairs *all)
{
   size_t size = all->size ? all->size * 4 : 256;
   uint64_t *seen = calloc (size, sizeof *seen);

   if (!seen) {
      all->out_of_memory = true;
      return false;
   }
   for (size_t i = 0; i < all->size; i++) {
      if (all->seen[i]) {
         size_t at = (size_t)(all->seen[i] * 0x9e3779b97f4a7c15u >> 20) & (size - 1);
         while (seen[at]) {
            at = (at + 1) & (size - 1);
         }
         seen[at] = all->seen[i];
      }
   }
   free (all->seen);
   all->seen = seen;
   all->size = size;
   return true;
}

/* False when the pair could not be added; *known when it was there. */
static bool
remember (pairs *all, uint32_t newer, uint32_t older, bool *known)
{
   uint64_t key = (uint64_t)newer << 32 | older; /* older is not 0 */

   *known = false;
   if (all->n >= MAX_PAIRS || (all->n * 2 >= all->size && !grow (all))) {
      return false;
   }
   size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (all->size - 1);
   for (; all->seen[at]; at = (at + 1) & (all->size - 1)) {
      if (all->seen[at] == key) {
         *known = true;
         return true;
      }
   }
   all->seen[at] = key;
   all->n++;
   return true;
}

/* Depth is bounded by that of the older rules. */
static bool
pair_is_covered (pairs *all, uint32_t newer_number, uint32_t older_number)
{
   const fg_policy_state *newer = all->newer->states + newer_number, *older = all->older->states + older_number;
   fg_matching *matching;
   bool known, ok;

   if (!remember (all, newer_number, older_number, &known) || known) {
      return known;
   }
   if (newer_number == FG_POLICY_DEAD || !leaf_is_covered (all, newer, older)) {
      return false;
   }
   /* A hard leaf protects everything that could stand below it. */
   if ((newer->flags & FG_STATE_LEAF) &&
       ((newer->flags & FG_STATE_HARD) || !(newer->flags & (FG_STATE_NAMES | FG_STATE_ITEMS)))) {
      return true;
   }
   matching = malloc (sizeof *matching);
   if (!matching) {
      return false;
   }
   matching->data = NULL;
   matching->used = 0;
   fg_walk new_walk = {all->newer, FG_PHASE_STORED, NULL, matching, NULL, NULL, FG_REASON_NONE, 0};
   fg_walk old_walk = {all->older, FG_PHASE_STORED, NULL, matching, NULL, NULL, FG_REASON_NONE, 0};
   ok = names_are_covered (all, all->older, older, newer, older, &new_walk, &old_walk) &&
        names_are_covered (all, all->newer, newer, newer, older, &new_walk, &old_walk) &&
        wild_is_covered (all, newer, older) && items_are_covered (all, newer, older, older_number);
   free (matching);
   return ok;
}

static void
copy_path (const pairs *all, char *out, size_t len)
{
   if (out && len > 0) {
      size_t n = all->path_len < len - 1 ? all->path_len : len - 1;
      memcpy (out, all->path, n);
      out[n] = '\0';
   }
}

bool
fg_policy_covers (const fg_policy *new_policy, const fg_policy *old_policy, char *path_out, size_t path_len)
{
   pairs all = {new_policy, old_policy, NULL, 0, 0, "", 0, false};
   bool ok;

   if (old_policy->empty) {
      return true;
   }
   ok = (new_policy->strict || !old_policy->strict) && !new_policy->empty &&
        pair_is_covered (&all, new_policy->root, old_policy->root);
   if (!ok) {
      copy_path (&all, path_out, path_len);
   }
   free (all.seen);
   return ok;
}
