/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/build.h"

/*
 * The names of one state as an open hash table. A multiplier is looked for that puts every name into a place of its own, which a few
 * dozen names always find; with thousands, the one with the shortest run of neighbours is taken.
 */

#define TRIES 64

/* Places the names; returns the longest distance from a name's own place. */
static uint32_t
place_names (fg_policy_slot *slots, uint32_t bits, const fg_exit *exits, uint32_t n, uint64_t multiplier)
{
   const uint64_t size = (uint64_t)1 << bits;
   uint32_t worst = 0;

   for (uint64_t i = 0; i < size; i++) {
      slots[i] = (fg_policy_slot){0, 0, FG_POLICY_NONE, 0, 0, 0};
   }
   for (uint32_t i = 0; i < n; i++) {
      uint64_t head, tail;
      uint32_t distance = 0;
      fg_name_words (exits[i].name, exits[i].len, &head, &tail);
      uint64_t at = fg_name_hash (head, tail, exits[i].len, multiplier) >> (64 - bits);
      while (slots[at].len != FG_POLICY_NONE) {
         at = (at + 1) & (size - 1);
         distance++;
      }
      slots[at] = (fg_policy_slot){
         head, tail, exits[i].len, exits[i].target, exits[i].offset, i | (exits[i].spelled ? 0 : FG_SLOT_WILD)};
      worst = distance > worst ? distance : worst;
   }
   return worst;
}

/* The slots' numbers in the order of the exits, which is that of the rules. A name with dots is never expected: it may spell a path, and what is expected is not searched for dots. */
static bool
list_in_order (fg_build *build, fg_policy_state *state, const fg_exit *exits, uint32_t n, fg_error *err)
{
   uint32_t *order = fg_vec_add (&build->words, (size_t)n + 1);

   if (!order) {
      return fg_rules_no_memory (err);
   }
   state->order = (uint32_t)(build->words.n - n - 1);
   order[n] = FG_POLICY_NONE;
   for (uint32_t i = 0; n > 0 && i < 1u << state->slot_bits; i++) {
      const fg_policy_slot *slot = FG_VEC_AT (&build->slots, fg_policy_slot, state->slots + i);
      if (slot->len != FG_POLICY_NONE) {
         const uint32_t number = slot->bit & ~FG_SLOT_WILD;
         order[number] = memchr (exits[number].name, '.', exits[number].len) ? FG_POLICY_NONE : state->slots + i;
      }
   }
   return true;
}

bool
fg_build_slots (fg_build *build, fg_policy_state *state, const fg_exit *exits, uint32_t n, fg_error *err)
{
   uint32_t bits = 1;

   state->n_names = n;
   if (n == 0) {
      return list_in_order (build, state, NULL, 0, err);
   }
   while (((uint64_t)1 << bits) < 2 * (uint64_t)n + 1) {
      bits++;
   }
   state->slots = (uint32_t)build->slots.n;
   state->slot_bits = bits;
   fg_policy_slot *slots = fg_vec_add (&build->slots, (size_t)1 << bits);
   if (!slots || build->slots.n > UINT32_MAX / 2) {
      return fg_rules_no_memory (err);
   }
   uint64_t best = 0, multiplier = 0;
   uint32_t best_worst = UINT32_MAX, tries = n > 512 ? 4 : TRIES;
   for (uint32_t i = 0; i < tries && best_worst > 0; i++) {
      multiplier = fg_name_next_multiplier (multiplier);
      uint32_t worst = place_names (slots, bits, exits, n, multiplier);
      if (worst < best_worst) {
         best_worst = worst;
         best = multiplier;
      }
   }
   (void)place_names (slots, bits, exits, n, best);
   state->multiplier = best;
   for (uint32_t i = 0; i < n; i++) {
      state->filter |= (uint64_t)1 << fg_name_filter_bit (exits[i].name, exits[i].len);
   }
   return list_in_order (build, state, exits, n, err);
}
