/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/build.h"

/* Nodes and edges, put in order for the state builder: edges by node, kind and name, and which nodes lead to a rule at all. */

int
fg_build_compare_names (const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
   if (a_len != b_len) {
      return a_len < b_len ? -1 : 1;
   }
   return memcmp (a, b, a_len);
}

static int
compare_edges (const void *left, const void *right, void *context)
{
   const fg_edge *a = left, *b = right;
   const char *names = ((const fg_rules *)context)->names.data;

   if (a->from != b->from) {
      return a->from < b->from ? -1 : 1;
   }
   if (a->kind != b->kind) {
      return a->kind < b->kind ? -1 : 1;
   }
   return a->len || b->len ? fg_build_compare_names (names + a->name, a->len, names + b->name, b->len) : 0;
}

void
fg_build_sort_edges (fg_rules *rules)
{
   fg_edge *edges = FG_VEC_AT (&rules->edges, fg_edge, 0);

   if (rules->edges.n == 0) {
      return;
   }
   qsort_r (edges, rules->edges.n, sizeof *edges, compare_edges, rules);
   for (size_t i = 0; i < rules->edges.n; i++) {
      fg_node *from = FG_VEC_AT (&rules->nodes, fg_node, edges[i].from);
      if (from->n_edges++ == 0) {
         from->first_edge = (uint32_t)i;
      }
   }
}

static bool
chain_is_live (const fg_rules *rules, uint32_t head)
{
   for (uint32_t at = head; at != FG_POLICY_NONE; at = FG_VEC_AT (&rules->nodes, fg_node, at)->next) {
      if (FG_VEC_AT (&rules->nodes, fg_node, at)->live) {
         return true;
      }
   }
   return false;
}

/* Nodes below have larger numbers: one pass from the end decides what leads to a rule. */
void
fg_build_find_live (fg_rules *rules)
{
   for (size_t i = rules->nodes.n; i-- > 0;) {
      fg_node *node = FG_VEC_AT (&rules->nodes, fg_node, i);
      node->live = node->first_rule != FG_POLICY_NONE;
      for (uint32_t e = 0; e < node->n_edges && !node->live; e++) {
         node->live = chain_is_live (rules, FG_VEC_AT (&rules->edges, fg_edge, node->first_edge + e)->to);
      }
   }
}

/* Edges of one kind of one node. */
const fg_edge *
fg_build_edges (const fg_rules *rules, uint32_t node, fg_edge_kind kind, uint32_t *n)
{
   const fg_node *self = FG_VEC_AT (&rules->nodes, fg_node, node);
   const fg_edge *edges = FG_VEC_AT (&rules->edges, fg_edge, self->first_edge);
   uint32_t low = 0, high = self->n_edges, end;

   *n = 0;
   if (self->n_edges == 0) {
      return NULL;
   }
   while (low < high) {
      uint32_t middle = low + (high - low) / 2;
      if (edges[middle].kind < (uint32_t)kind) {
         low = middle + 1;
      } else {
         high = middle;
      }
   }
   for (end = low, high = self->n_edges; end < high;) {
      uint32_t middle = end + (high - end) / 2;
      if (edges[middle].kind <= (uint32_t)kind) {
         end = middle + 1;
      } else {
         high = middle;
      }
   }
   *n = end - low;
   return edges + low;
}
