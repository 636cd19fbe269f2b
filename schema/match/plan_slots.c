/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/plan_build.h"

#include "schema/words.h"

/* The names of one object as a hash table, with a multiplier that gives (nearly) every name a place of its own. */

#define TRIES 32u
#define MANY 512u
#define TRIES_OF_MANY 2u

typedef struct word_name {
   uint64_t head, tail;
   uint32_t len;
} word_name;

/* Places the names' numbers; how many do not stand where their hash says. */
static uint32_t
place_all (uint32_t *table, uint32_t bits, const word_name *names, uint32_t n, uint64_t multiplier)
{
   const uint64_t mask = ((uint64_t)1 << bits) - 1;
   uint32_t displaced = 0;

   memset (table, 0, sizeof *table << bits);
   for (uint32_t i = 0; i < n; i++) {
      uint64_t at = fg_name_hash (names[i].head, names[i].tail, names[i].len, multiplier) >> (64 - bits);
      displaced += table[at] != 0;
      while (table[at]) {
         at = (at + 1) & mask;
      }
      table[at] = i + 1;
   }
   return displaced;
}

static uint64_t
find_multiplier (uint32_t *table, uint32_t bits, const word_name *names, uint32_t n)
{
   uint64_t best = 1, multiplier = 0;
   uint32_t fewest = UINT32_MAX;

   for (uint32_t tries = n > MANY ? TRIES_OF_MANY : TRIES; tries > 0 && fewest > 0; tries--) {
      multiplier = fg_name_next_multiplier (multiplier);
      uint32_t displaced = place_all (table, bits, names, n, multiplier);
      if (displaced < fewest) {
         fewest = displaced;
         best = multiplier;
      }
   }
   (void)place_all (table, bits, names, n, best);
   return best;
}

/* Named in `properties` beside every additionalProperties. */
static bool
is_allowed (const fg_plan_builder *b, const fg_plan_state *state, const fg_plan_exit *exit)
{
   for (uint32_t i = 0; i < state->n_allowed; i++) {
      const fg_node *node = *FG_VEC_AT (&b->nodes, const fg_node *, state->allowed + i);
      if (!fg_allowed_names (node->u.allowed, exit->name, exit->len)) {
         return false;
      }
   }
   return true;
}

static bool
fill (fg_plan_builder *b, fg_plan_state *state, const uint32_t *table, const word_name *words,
      const fg_plan_exit *exits, const uint32_t *spots)
{
   const size_t size = (size_t)1 << state->slot_bits;
   fg_plan_slot *slots = fg_vec_add (&b->slots, size);

   if (!slots || b->slots.n > UINT32_MAX / 2) {
      return false;
   }
   state->slots = (uint32_t)(b->slots.n - size);
   uint32_t *order = fg_vec_add (&b->order, (size_t)state->n_names + 1);
   if (!order) {
      return false;
   }
   state->order = (uint32_t)(b->order.n - state->n_names - 1);
   for (size_t at = 0; at < size; at++) {
      if (!table[at]) {
         slots[at].len = FG_PLAN_NONE;
         continue;
      }
      uint32_t i = table[at] - 1;
      char *name = fg_vec_add (&b->names, exits[i].len + 1);
      if (!name) {
         return false;
      }
      memcpy (name, exits[i].name, exits[i].len);
      slots[at] = (fg_plan_slot){.head = words[i].head,
                                 .tail = words[i].tail,
                                 .len = words[i].len,
                                 .name = (uint32_t)(b->names.n - exits[i].len - 1),
                                 .spot = spots[i],
                                 .bit = i,
                                 .allowed = is_allowed (b, state, &exits[i]),
                                 .peek = exits[i].peek};
      order[i] = state->slots + (uint32_t)at;
   }
   return true;
}

bool
fg_plan_build_slots (fg_plan_builder *b, fg_plan_state *state, const fg_plan_exit *exits, const uint32_t *spots,
                     uint32_t n)
{
   uint32_t bits = 1;

   state->n_names = n;
   state->filter = state->n_allowed ? UINT64_MAX : 0;
   while (((uint64_t)1 << bits) < 2 * (uint64_t)n + 1) {
      bits++;
   }
   state->slot_bits = bits;
   word_name *words = calloc ((size_t)n + 1, sizeof *words);
   uint32_t *table = calloc ((size_t)1 << bits, sizeof *table);
   bool ok = words && table;
   for (uint32_t i = 0; ok && i < n; i++) {
      fg_name_words (exits[i].name, exits[i].len, &words[i].head, &words[i].tail);
      words[i].len = (uint32_t)exits[i].len;
      state->filter |= (uint64_t)1 << fg_name_filter_bit (exits[i].name, exits[i].len);
   }
   if (ok && n > 0) {
      state->multiplier = find_multiplier (table, bits, words, n);
      ok = fill (b, state, table, words, exits, spots);
   }
   free (words);
   free (table);
   return ok;
}
