/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/build.h"

/* Sets of nodes and the states that stand for them. */

/* Patterns that overlap can make many more states than there are schema objects. */
#define MAX_STATES 500000u
#define MAX_WORDS (32u << 20)

/* The live nodes of the chain join the set. */
bool
fg_build_add_chain (const fg_rules *rules, uint32_t head, fg_vec *set, fg_error *err)
{
   for (uint32_t at = head; at != FG_POLICY_NONE; at = FG_VEC_AT (&rules->nodes, fg_node, at)->next) {
      if (FG_VEC_AT (&rules->nodes, fg_node, at)->live && !fg_vec_push_u32 (set, at)) {
         return fg_rules_no_memory (err);
      }
   }
   return true;
}

static int
compare_u32 (const void *left, const void *right)
{
   uint32_t a, b;
   memcpy (&a, left, sizeof a);
   memcpy (&b, right, sizeof b);
   return (a > b) - (a < b);
}

void
fg_build_normalise (fg_vec *set)
{
   uint32_t *items = FG_VEC_AT (set, uint32_t, 0);
   size_t n = 0;

   if (set->n < 2) {
      return;
   }
   qsort (items, set->n, sizeof *items, compare_u32);
   for (size_t i = 0; i < set->n; i++) {
      if (n == 0 || items[n - 1] != items[i]) {
         items[n++] = items[i];
      }
   }
   set->n = n;
}

static size_t
hash_set (const uint32_t *nodes, size_t n)
{
   uint64_t hash = n;
   for (size_t i = 0; i < n; i++) {
      hash = (hash ^ nodes[i]) * 0x9e3779b97f4a7c15u;
      hash ^= hash >> 29;
   }
   return (size_t)hash;
}

static size_t
index_place (const fg_build *build, const uint32_t *nodes, size_t n)
{
   size_t at = hash_set (nodes, n) & (build->index_size - 1);

   for (; build->index[at] != FG_POLICY_NONE; at = (at + 1) & (build->index_size - 1)) {
      const uint32_t *known =
         FG_VEC_AT (&build->sets, uint32_t, *FG_VEC_AT (&build->set_of, uint32_t, build->index[at]));
      if (known[0] == n && memcmp (known + 1, nodes, n * sizeof *nodes) == 0) {
         break;
      }
   }
   return at;
}

static bool
grow_index (fg_build *build, fg_error *err)
{
   size_t size = build->index_size ? build->index_size * 4 : 64;
   uint32_t *index = malloc (size * sizeof *index);

   if (!index) {
      return fg_rules_no_memory (err);
   }
   memset (index, 0xff, size * sizeof *index);
   free (build->index);
   build->index = index;
   build->index_size = size;
   for (uint32_t state = 1; state < build->set_of.n; state++) {
      const uint32_t *set = FG_VEC_AT (&build->sets, uint32_t, *FG_VEC_AT (&build->set_of, uint32_t, state));
      index[index_place (build, set + 1, set[0])] = state;
   }
   return true;
}

/* The state of a set, new or known. */
bool
fg_build_state_of (fg_build *build, fg_vec *set, uint32_t *state, fg_error *err)
{
   fg_build_normalise (set);
   *state = FG_POLICY_DEAD;
   if (set->n == 0) {
      return true;
   }
   if (build->states.n * 2 >= build->index_size && !grow_index (build, err)) {
      return false;
   }
   size_t place = index_place (build, FG_VEC_AT (set, uint32_t, 0), set->n);
   if (build->index[place] != FG_POLICY_NONE) {
      *state = build->index[place];
      return true;
   }
   if (build->states.n >= MAX_STATES || build->sets.n + build->words.n > MAX_WORDS) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL,
                           "the encryption rules overlap in too many ways to be compiled");
   }
   uint32_t offset = (uint32_t)build->sets.n;
   uint32_t *copy = fg_vec_add (&build->sets, set->n + 1);
   if (!copy || !fg_vec_push_u32 (&build->set_of, offset) || !fg_vec_add (&build->states, 1)) {
      return fg_rules_no_memory (err);
   }
   copy[0] = (uint32_t)set->n;
   memcpy (copy + 1, set->data, set->n * sizeof *copy);
   *state = (uint32_t)(build->states.n - 1);
   build->index[place] = *state;
   return true;
}
