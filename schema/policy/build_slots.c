/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/build.h"

/*
 * The names of one state as an open hash table. A multiplier is looked for that puts every name into a place of its own, which a few
 * dozen names always find; with thousands, the one with the shortest run of neighbours is taken.
 */

#define TRIES 64

static uint64_t
next_multiplier (uint64_t previous)
{
   uint64_t x = previous + 0x9e3779b97f4a7c15u;
   x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
   x = (x ^ x >> 27) * 0x94d049bb133111ebu;
   return (x ^ x >> 31) | 1;
}

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
      fg_policy_name_words (exits[i].name, exits[i].len, &head, &tail);
      uint64_t at = fg_policy_hash (head, tail, exits[i].len, multiplier) >> (64 - bits);
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

bool
fg_build_slots (fg_build *build, fg_policy_state *state, const fg_exit *exits, uint32_t n, fg_error *err)
{
   uint32_t bits = 1;

   state->n_names = n;
   if (n == 0) {
      return true;
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
      multiplier = next_multiplier (multiplier);
      uint32_t worst = place_names (slots, bits, exits, n, multiplier);
      if (worst < best_worst) {
         best_worst = worst;
         best = multiplier;
      }
   }
   (void)place_names (slots, bits, exits, n, best);
   state->multiplier = best;
   for (uint32_t i = 0; i < n; i++) {
      state->filter |= (uint64_t)1 << fg_policy_filter_bit (exits[i].name, exits[i].len);
   }
   return true;
}
