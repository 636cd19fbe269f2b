/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/rules.h"

/* Numbers of nodes, edges, names are 32-bit; a validator is at most 16 MiB, but policies may be made of several documents. */
#define RULES_LIMIT 0x7f000000u
#define MAX_PATTERNS 10000u

bool
fg_rules_no_memory (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory while compiling encryption rules");
}

bool
fg_rules_init (fg_rules *rules, fg_error *err)
{
   memset (rules, 0, sizeof *rules);
   rules->nodes.item = sizeof (fg_node);
   rules->edges.item = sizeof (fg_edge);
   rules->rules.item = sizeof (fg_rule_source);
   rules->formulas.item = sizeof (fg_formula);
   rules->keys.item = 16;
   rules->patterns.item = sizeof (pcre2_code *);
   rules->pattern_names.item = sizeof (uint32_t);
   rules->names.item = 1;
   rules->root = FG_POLICY_NONE;
   uint32_t all;
   return fg_rules_add_formula (rules, FG_FORMULA_ALL, FG_POLICY_NONE, 0, &all, err);
}

void
fg_rules_free (fg_rules *rules)
{
   for (size_t i = 0; i < rules->patterns.n; i++) {
      pcre2_code_free (*FG_VEC_AT (&rules->patterns, pcre2_code *, i));
   }
   fg_vec_free (&rules->nodes);
   fg_vec_free (&rules->edges);
   fg_vec_free (&rules->rules);
   fg_vec_free (&rules->formulas);
   fg_vec_free (&rules->keys);
   fg_vec_free (&rules->patterns);
   fg_vec_free (&rules->pattern_names);
   fg_vec_free (&rules->names);
}

bool
fg_rules_add_node (fg_rules *rules, uint32_t *head, uint32_t *node, fg_error *err)
{
   fg_node *added = rules->nodes.n < RULES_LIMIT ? fg_vec_add (&rules->nodes, 1) : NULL;
   if (!added) {
      return fg_rules_no_memory (err);
   }
   *node = (uint32_t)(rules->nodes.n - 1);
   added->first_rule = FG_POLICY_NONE;
   added->next = FG_POLICY_NONE;
   if (*head == FG_POLICY_NONE) {
      *head = *node;
   } else { /* second in the chain: order does not matter */
      fg_node *first = FG_VEC_AT (&rules->nodes, fg_node, *head);
      added->next = first->next;
      first->next = *node;
   }
   return true;
}

static bool
add_name (fg_rules *rules, const char *name, size_t len, uint32_t *offset, fg_error *err)
{
   if (rules->names.n > RULES_LIMIT - 1 || len > RULES_LIMIT - 1 - rules->names.n) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL, "the names of the encryption rules are too long");
   }
   *offset = (uint32_t)rules->names.n;
   char *copy = fg_vec_add (&rules->names, len + 1);
   if (!copy) {
      return fg_rules_no_memory (err);
   }
   memcpy (copy, name, len);
   return true;
}

bool
fg_rules_add_edge (fg_rules *rules, uint32_t from, fg_edge_kind kind, const char *name, size_t len, uint32_t index,
                   uint32_t to, fg_error *err)
{
   uint32_t offset = 0;
   if (name && !add_name (rules, name, len, &offset, err)) {
      return false;
   }
   fg_edge *edge = rules->edges.n < RULES_LIMIT ? fg_vec_add (&rules->edges, 1) : NULL;
   if (!edge) {
      return fg_rules_no_memory (err);
   }
   *edge = (fg_edge){from, kind, offset, (uint32_t)len, index, to};
   return true;
}

bool
fg_rules_add_formula (fg_rules *rules, fg_formula_kind kind, uint32_t parent, uint32_t branches, uint32_t *formula,
                      fg_error *err)
{
   uint32_t depth = parent == FG_POLICY_NONE ? 0 : FG_VEC_AT (&rules->formulas, fg_formula, parent)->depth + 1;
   fg_formula *added = fg_vec_add (&rules->formulas, 1);
   if (!added) {
      return fg_rules_no_memory (err);
   }
   *formula = (uint32_t)(rules->formulas.n - 1);
   *added = (fg_formula){kind, parent, branches, 0, depth, 0, FG_POLICY_NONE, FG_POLICY_NONE};
   return true;
}

bool
fg_rules_add_rule (fg_rules *rules, uint32_t node, uint32_t formula, const fg_policy_rule *rule, fg_error *err)
{
   uint32_t leaf;
   if (!fg_rules_add_formula (rules, FG_FORMULA_RULE, formula, 0, &leaf, err)) {
      return false;
   }
   fg_rule_source *source = fg_vec_add (&rules->rules, 1);
   if (!source) {
      return fg_rules_no_memory (err);
   }
   fg_node *at = FG_VEC_AT (&rules->nodes, fg_node, node);
   *source = (fg_rule_source){*rule, at->first_rule, leaf};
   at->first_rule = (uint32_t)(rules->rules.n - 1);
   FG_VEC_AT (&rules->formulas, fg_formula, leaf)->rule = at->first_rule;
   return true;
}

/* The same source text is compiled once. */
bool
fg_rules_add_pattern (fg_rules *rules, const char *source, size_t len, uint32_t *pattern, fg_error *err)
{
   for (size_t i = 0; i < rules->pattern_names.n; i++) {
      const char *known = rules->names.data + *FG_VEC_AT (&rules->pattern_names, uint32_t, i);
      if (strlen (known) == len && memcmp (known, source, len) == 0) {
         *pattern = (uint32_t)i;
         return true;
      }
   }
   if (rules->patterns.n >= MAX_PATTERNS) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL, "the encryption rules have more than %u patterns",
                           MAX_PATTERNS);
   }
   int code = 0;
   PCRE2_SIZE offset = 0;
   /* Bytes, not characters: as mongod matches names against patternProperties. */
   pcre2_code *compiled = pcre2_compile ((PCRE2_SPTR)source, len, 0, &code, &offset, NULL);
   if (!compiled) {
      char text[160] = "";
      (void)pcre2_get_error_message (code, (PCRE2_UCHAR *)text, sizeof text);
      return fg_error_set (err, FG_ERROR_SERVER, 2, source, "Invalid regular expression: %s", text);
   }
   (void)pcre2_jit_compile (compiled, PCRE2_JIT_COMPLETE); /* without JIT the interpreter matches the same */
   uint32_t name;
   pcre2_code **slot = fg_vec_add (&rules->patterns, 1);
   if (!slot) {
      pcre2_code_free (compiled);
      return fg_rules_no_memory (err);
   }
   *slot = compiled;
   if (!add_name (rules, source, len, &name, err)) {
      return false;
   }
   *pattern = (uint32_t)(rules->patterns.n - 1);
   return fg_vec_push_u32 (&rules->pattern_names, name) || fg_rules_no_memory (err);
}
