/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/implies.h"
#include "schema/policy/walk.h"
#include "schema/vec.h"

/*
 * Does a new policy still enforce all of an old one? Both programs are walked side by side over every name, pattern and position that either knows;
 * wherever the old one has a rule the new one must have one that admits no more. Where the walk cannot be sure (patterns that overlap in
 * other ways) the answer is no: what is then asked of the operator is to allow a change that was none.
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

/* What may be looked into instead of being judged: where rules below are expected, unless a rule asks for a ciphertext in every alternative. */
static bool
admits (const fg_policy_state *state, uint32_t inside)
{
   return (state->flags & inside) && !(state->flags & FG_STATE_HARD);
}

static bool
leaf_is_covered (const pairs *all, const fg_policy_state *newer, const fg_policy_state *older)
{
   if (!(older->flags & FG_STATE_LEAF)) {
      return true;
   }
   if (!(newer->flags & FG_STATE_LEAF) || ((older->flags & FG_STATE_HARD) && admits (newer, FG_STATE_ITEMS))) {
      return false;
   }
   return fg_policy_implies (all->newer, all->newer->words + newer->leaf, all->older, all->older->words + older->leaf);
}

/* --- the walk ------------------------------------------------------------------------------------------------------ */

static size_t
add_step (pairs *all, const char *name, size_t len)
{
   size_t before = all->path_len, dot = before > 0 && name[0] != '[';

   if (before + dot + len + 1 < MAX_PATH) {
      all->path[before] = '.';
      memcpy (all->path + before + dot, name, len);
      all->path_len = before + dot + len;
   }
   return before;
}

/* The name that leads out of a state and was spelled first. */
static const fg_policy_slot *
first_name (const fg_policy *policy, const fg_policy_state *state)
{
   const fg_policy_slot *first = NULL;

   for (uint32_t i = 0; state->n_names && i < 1u << state->slot_bits; i++) {
      const fg_policy_slot *slot = policy->slots + state->slots + i;
      if (slot->len != FG_POLICY_NONE && slot->target != FG_POLICY_DEAD && (!first || slot->bit < first->bit)) {
         first = slot;
      }
   }
   return first;
}

/* All below is lost: the path goes on to a rule of the older policy. */
static void
go_on_to_a_rule (pairs *all, uint32_t number)
{
   const fg_policy *policy = all->older;

   for (uint32_t depth = 0; depth <= policy->height && !(policy->states[number].flags & FG_STATE_LEAF); depth++) {
      const fg_policy_state *state = policy->states + number;
      const fg_policy_slot *slot = first_name (policy, state);
      uint32_t i = 0;
      if (slot) {
         number = slot->target;
         (void)add_step (all, policy->names + slot->name, slot->len);
      } else if (state->flags & FG_STATE_WILD) {
         const uint32_t *targets = policy->words + state->subsets;
         while (targets[i] == FG_POLICY_DEAD && i + 1 < fg_policy_subset_count (state->n_patterns)) {
            i++;
         }
         number = targets[i];
         (void)add_step (all, "*", 1);
      } else {
         while (i < state->n_items && fg_policy_item (policy, state, i) == FG_POLICY_DEAD) {
            i++;
         }
         number = fg_policy_item (policy, state, i);
         (void)add_step (all, "[]", 2);
      }
   }
}

static bool
visit_pair (pairs *all, uint32_t newer, uint32_t older, const char *name, size_t len)
{
   if (older == FG_POLICY_DEAD) {
      return true;
   }
   size_t before = add_step (all, name, len);
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
   if (newer_number == FG_POLICY_DEAD) {
      go_on_to_a_rule (all, older_number);
      return false;
   }
   /* A rule for the document itself refuses it, or, in one alternative of several, asks nothing. */
   const bool root = newer_number == all->newer->root && older_number == all->older->root;
   if (!root && !leaf_is_covered (all, newer, older)) {
      return false;
   }
   /* A rule in every alternative protects everything that could stand below it; so does any, where nothing below is expected. */
   if ((newer->flags & FG_STATE_HARD) ||
       (!root && (newer->flags & FG_STATE_LEAF) && !(newer->flags & (FG_STATE_NAMES | FG_STATE_ITEMS)))) {
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
   /* Documents used to be refused here, whatever is in them. (Arrays: see items_are_covered.) */
   return ok && (root || !admits (newer, FG_STATE_NAMES) || admits (older, FG_STATE_NAMES));
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

/* A rule for the document itself, which is no ciphertext, in every alternative. */
static bool
refuses_all (const fg_policy *policy)
{
   return (policy->states[policy->root].flags & FG_STATE_HARD) != 0;
}

bool
fg_policy_covers (const fg_policy *new_policy, const fg_policy *old_policy, char *path_out, size_t path_len)
{
   pairs all = {new_policy, old_policy, NULL, 0, 0, "", 0, false};
   bool ok;

   if (old_policy->empty) {
      return true;
   }
   if (!new_policy || new_policy->empty) {
      go_on_to_a_rule (&all, old_policy->root);
      ok = false;
   } else if ((old_policy->strict && !new_policy->strict) || refuses_all (old_policy) > refuses_all (new_policy)) {
      ok = false;
   } else {
      ok = pair_is_covered (&all, new_policy->root, old_policy->root);
   }
   if (!ok) {
      copy_path (&all, path_out, path_len);
   }
   free (all.seen);
   return ok;
}
