/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/build.h"

/* One state: the names, patterns, array positions and rules of its nodes, worked out together. */

static bool
is_excluded (const fg_rules *rules, uint32_t node, const char *name, uint32_t len)
{
   uint32_t n, low = 0;
   const fg_edge *edges = fg_build_edges (rules, node, FG_EDGE_EXCLUDED, &n);

   for (uint32_t high = n; low < high;) {
      uint32_t middle = low + (high - low) / 2;
      int order = fg_build_compare_names (rules->names.data + edges[middle].name, edges[middle].len, name, len);
      if (order == 0) {
         return true;
      }
      if (order < 0) {
         low = middle + 1;
      } else {
         high = middle;
      }
   }
   return false;
}

/* The patterns of the nodes at hand, without repetition. */
static bool
collect_patterns (const fg_rules *rules, const uint32_t *nodes, uint32_t n_nodes, fg_vec *patterns, fg_error *err)
{
   for (uint32_t i = 0; i < n_nodes; i++) {
      uint32_t n;
      const fg_edge *edges = fg_build_edges (rules, nodes[i], FG_EDGE_PATTERN, &n);
      for (uint32_t e = 0; e < n; e++) {
         if (!fg_vec_push_u32 (patterns, edges[e].index)) {
            return fg_rules_no_memory (err);
         }
      }
   }
   fg_build_normalise (patterns);
   return patterns->n <= FG_POLICY_MAX_PATTERNS ||
          fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL,
                        "more than %u patterns stand at one place: join some", FG_POLICY_MAX_PATTERNS);
}

static uint64_t
pattern_bit (const fg_vec *patterns, uint32_t pattern)
{
   for (size_t i = 0; i < patterns->n; i++) {
      if (*FG_VEC_AT (patterns, uint32_t, i) == pattern) {
         return (uint64_t)1 << i;
      }
   }
   return 0;
}

/* What the patterns of `matched` and, where none of a node's own matches, additionalProperties lead to. name is NULL for names that nobody spells. */
static bool
add_wild (const fg_build *build, const uint32_t *nodes, uint32_t n_nodes, const fg_vec *patterns, uint64_t matched,
          const char *name, uint32_t len, fg_vec *set, fg_error *err)
{
   const fg_rules *rules = build->rules;

   for (uint32_t i = 0; i < n_nodes; i++) {
      uint32_t n;
      bool named = false;
      const fg_edge *edges = fg_build_edges (rules, nodes[i], FG_EDGE_PATTERN, &n);
      for (uint32_t e = 0; e < n; e++) {
         if (matched & pattern_bit (patterns, edges[e].index)) {
            named = true;
            if (!fg_build_add_chain (rules, edges[e].to, set, err)) {
               return false;
            }
         }
      }
      edges = fg_build_edges (rules, nodes[i], FG_EDGE_ADDITIONAL, &n);
      if (n > 0 && !named && !(name && is_excluded (rules, nodes[i], name, len)) &&
          !fg_build_add_chain (rules, edges[0].to, set, err)) {
         return false;
      }
   }
   return true;
}

static bool
match_patterns (const fg_build *build, const fg_vec *patterns, const char *name, uint32_t len, uint64_t *matched,
                fg_error *err)
{
   *matched = 0;
   for (size_t i = 0; i < patterns->n; i++) {
      uint32_t number = *FG_VEC_AT (patterns, uint32_t, i);
      int rc = pcre2_match (*FG_VEC_AT (&build->rules->patterns, pcre2_code *, number), (PCRE2_SPTR)name, len, 0, 0,
                            build->match_data, build->match);
      if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
         return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE,
                              build->rules->names.data + *FG_VEC_AT (&build->rules->pattern_names, uint32_t, number),
                              "a pattern of patternProperties exceeds the match limit on a property's name");
      }
      *matched |= (uint64_t)(rc >= 0) << i;
   }
   return true;
}

static int
compare_edge_names (const void *left, const void *right, void *context)
{
   const fg_edge *a = left, *b = right;
   const char *names = ((const fg_rules *)context)->names.data;
   return fg_build_compare_names (names + a->name, a->len, names + b->name, b->len);
}

/* Every name that a node of the state spells: edges by name, then what patterns and additionalProperties make of the same name. */
static bool
build_names (fg_build *build, const uint32_t *nodes, uint32_t n_nodes, const fg_vec *patterns, fg_vec *exits,
             fg_error *err)
{
   fg_rules *rules = build->rules;
   fg_vec edges = {NULL, 0, 0, sizeof (fg_edge)}, set = {NULL, 0, 0, sizeof (uint32_t)};
   fg_vec wild = {NULL, 0, 0, sizeof (uint32_t)};
   bool ok = false;

   for (uint32_t i = 0; i < n_nodes; i++) {
      uint32_t n_additional, n_patterns;
      (void)fg_build_edges (rules, nodes[i], FG_EDGE_ADDITIONAL, &n_additional);
      (void)fg_build_edges (rules, nodes[i], FG_EDGE_PATTERN, &n_patterns);
      if (n_additional + n_patterns > 0 && !fg_vec_push_u32 (&wild, nodes[i])) {
         fg_rules_no_memory (err);
         goto done;
      }
      for (int kind = FG_EDGE_NAME; kind <= FG_EDGE_EXCLUDED; kind++) {
         uint32_t n;
         const fg_edge *own = fg_build_edges (rules, nodes[i], (fg_edge_kind)kind, &n);
         fg_edge *copy = n ? fg_vec_add (&edges, n) : NULL;
         if (n && !copy) {
            fg_rules_no_memory (err);
            goto done;
         }
         if (copy) {
            memcpy (copy, own, n * sizeof *own);
         }
      }
   }
   if (edges.n > 1) {
      qsort_r (edges.data, edges.n, sizeof (fg_edge), compare_edge_names, rules);
   }
   for (size_t i = 0, next; i < edges.n; i = next) {
      const fg_edge *first = FG_VEC_AT (&edges, fg_edge, i);
      const char *name = rules->names.data + first->name;
      uint64_t matched = 0;
      set.n = 0;
      for (next = i; next < edges.n && compare_edge_names (first, FG_VEC_AT (&edges, fg_edge, next), rules) == 0;
           next++) {
         if (!fg_build_add_chain (rules, FG_VEC_AT (&edges, fg_edge, next)->to, &set, err)) {
            goto done;
         }
      }
      bool spelled = set.n > 0;
      if (wild.n > 0 && (!match_patterns (build, patterns, name, first->len, &matched, err) ||
                         !add_wild (build, FG_VEC_AT (&wild, uint32_t, 0), (uint32_t)wild.n, patterns, matched, name,
                                    first->len, &set, err))) {
         goto done;
      }
      if (set.n == 0 && wild.n == 0) {
         continue;
      }
      fg_exit *out = fg_vec_add (exits, 1);
      if (!out) {
         fg_rules_no_memory (err);
         goto done;
      }
      *out = (fg_exit){name, first->name, first->len, 0, spelled};
      if (!fg_build_state_of (build, &set, &out->target, err)) {
         goto done;
      }
   }
   ok = true;
done:
   fg_vec_free (&edges);
   fg_vec_free (&set);
   fg_vec_free (&wild);
   return ok;
}

/* The targets of names that nobody spells, by the patterns that match. */
static bool
build_subsets (fg_build *build, const uint32_t *nodes, uint32_t n_nodes, const fg_vec *patterns, fg_policy_state *state,
               bool *live, fg_error *err)
{
   uint32_t k = (uint32_t)patterns->n, n = fg_policy_subset_count (k), target;
   fg_vec set = {NULL, 0, 0, sizeof (uint32_t)};
   bool ok = false;

   state->patterns = (uint32_t)build->words.n;
   state->n_patterns = k;
   for (uint32_t i = 0; i < k; i++) {
      if (!fg_vec_push_u32 (&build->words, *FG_VEC_AT (patterns, uint32_t, i))) {
         fg_rules_no_memory (err);
         goto done;
      }
   }
   state->subsets = (uint32_t)build->words.n;
   if (!fg_vec_add (&build->words, n)) {
      fg_rules_no_memory (err);
      goto done;
   }
   for (uint32_t i = 0; i < n; i++) {
      uint64_t matched = i;
      if (k > FG_POLICY_FULL_SUBSETS && i > 0) {
         matched = (uint64_t)1 << (i - 1) / k | (uint64_t)1 << (i - 1) % k;
      }
      set.n = 0;
      if (!add_wild (build, nodes, n_nodes, patterns, matched, NULL, 0, &set, err) ||
          !fg_build_state_of (build, &set, &target, err)) {
         goto done;
      }
      *FG_VEC_AT (&build->words, uint32_t, state->subsets + i) = target;
      *live |= target != FG_POLICY_DEAD;
   }
   ok = true;
done:
   fg_vec_free (&set);
   return ok;
}

static bool
add_items (const fg_rules *rules, const uint32_t *nodes, uint32_t n_nodes, uint32_t position, fg_vec *set,
           fg_error *err)
{
   for (uint32_t i = 0; i < n_nodes; i++) {
      for (int kind = FG_EDGE_ITEM; kind <= FG_EDGE_REST; kind++) {
         uint32_t n;
         const fg_edge *edges = fg_build_edges (rules, nodes[i], (fg_edge_kind)kind, &n);
         for (uint32_t e = 0; e < n; e++) {
            bool applies = kind == FG_EDGE_ITEM ? edges[e].index == position : edges[e].index <= position;
            if (applies && !fg_build_add_chain (rules, edges[e].to, set, err)) {
               return false;
            }
         }
      }
   }
   return true;
}

static bool
build_items (fg_build *build, const uint32_t *nodes, uint32_t n_nodes, fg_policy_state *state, fg_error *err)
{
   fg_vec set = {NULL, 0, 0, sizeof (uint32_t)};
   bool ok = false, live = false;
   uint32_t positions = 0, target;

   for (uint32_t i = 0; i < n_nodes; i++) {
      for (int kind = FG_EDGE_ITEM; kind <= FG_EDGE_REST; kind++) {
         uint32_t n;
         const fg_edge *edges = fg_build_edges (build->rules, nodes[i], (fg_edge_kind)kind, &n);
         for (uint32_t e = 0; e < n; e++) {
            uint32_t needed = edges[e].index + (kind == FG_EDGE_ITEM);
            positions = needed > positions ? needed : positions;
         }
      }
   }
   state->items = (uint32_t)build->words.n;
   state->n_items = positions;
   if (positions && !fg_vec_add (&build->words, positions)) {
      fg_rules_no_memory (err);
      goto done;
   }
   for (uint32_t i = 0; i <= positions; i++) {
      set.n = 0;
      if (!add_items (build->rules, nodes, n_nodes, i, &set, err) || !fg_build_state_of (build, &set, &target, err)) {
         goto done;
      }
      *(i < positions ? FG_VEC_AT (&build->words, uint32_t, state->items + i) : &state->items_rest) = target;
      live |= target != FG_POLICY_DEAD;
   }
   state->flags |= live ? FG_STATE_ITEMS : 0;
   ok = true;
done:
   fg_vec_free (&set);
   return ok;
}

bool
fg_build_state (fg_build *build, uint32_t number, fg_error *err)
{
   fg_policy_state state = {0};
   fg_vec nodes = {NULL, 0, 0, sizeof (uint32_t)}, patterns = {NULL, 0, 0, sizeof (uint32_t)};
   fg_vec exits = {NULL, 0, 0, sizeof (fg_exit)};
   bool ok = false, hard = false, wild = false, named = false;
   uint32_t kept = 0;
   const uint32_t *set = FG_VEC_AT (&build->sets, uint32_t, *FG_VEC_AT (&build->set_of, uint32_t, number));
   uint32_t n = set[0];

   /* The sets move while new states are added. */
   if (!fg_vec_add (&nodes, n)) {
      fg_rules_no_memory (err);
      goto done;
   }
   memcpy (nodes.data, set + 1, n * sizeof *set);
   set = FG_VEC_AT (&nodes, uint32_t, 0);
   if (!fg_build_formula (build, set, n, &state.leaf, &hard, err) ||
       !collect_patterns (build->rules, set, n, &patterns, err) ||
       !build_names (build, set, n, &patterns, &exits, err) ||
       !build_subsets (build, set, n, &patterns, &state, &wild, err) || !build_items (build, set, n, &state, err)) {
      goto done;
   }
   /* A name that leads nowhere is worth a place only where it would else be taken for any other name. */
   for (size_t i = 0; i < exits.n; i++) {
      fg_exit out = *FG_VEC_AT (&exits, fg_exit, i);
      named |= out.target != FG_POLICY_DEAD;
      if (wild || out.target != FG_POLICY_DEAD) {
         *FG_VEC_AT (&exits, fg_exit, kept++) = out;
      }
   }
   if (!fg_build_slots (build, &state, FG_VEC_AT (&exits, fg_exit, 0), kept, err)) {
      goto done;
   }
   state.flags |= (state.leaf != FG_POLICY_NONE ? FG_STATE_LEAF : 0) | (hard ? FG_STATE_HARD : 0) |
                  (named || wild ? FG_STATE_NAMES : 0) | (wild ? FG_STATE_WILD : 0);
   bool single = state.leaf != FG_POLICY_NONE && *FG_VEC_AT (&build->words, uint32_t, state.leaf) == 1;
   state.rule = single ? *FG_VEC_AT (&build->words, uint32_t, state.leaf + 1) : FG_POLICY_NONE;
   *FG_VEC_AT (&build->states, fg_policy_state, number) = state;
   ok = true;
done:
   fg_vec_free (&nodes);
   fg_vec_free (&patterns);
   fg_vec_free (&exits);
   return ok;
}
