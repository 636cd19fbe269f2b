/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/build.h"

/*
 * Which rules must hold for a value, when several name it (docs/policy.md, "Alternatives").
 *
 * The validator's formula is cut down to the rules of this state. Of a conjunction, every part that is left must hold. An alternative whose every branch
 * has a rule for the value is a disjunction of them. An alternative with a branch that says nothing about the value would let it escape: instead, its
 * rules join all others of that kind ("soft"), of which at least one must hold. So nothing escapes, and no branch is demanded that the validator
 * itself does not demand.
 */

typedef struct expression {
   uint32_t op; /* rule number, FG_FORMULA_AND or FG_FORMULA_OR */
   uint32_t left;
   uint32_t right;
} expression;

typedef struct cut {
   uint32_t hard; /* expression, or FG_POLICY_NONE */
   uint32_t soft;
} cut;

static bool
join (fg_vec *expressions, uint32_t op, uint32_t left, uint32_t right, uint32_t *out, fg_error *err)
{
   if (left == FG_POLICY_NONE || right == FG_POLICY_NONE) {
      *out = left == FG_POLICY_NONE ? right : left;
      return true;
   }
   expression *added = fg_vec_add (expressions, 1);
   if (!added) {
      return fg_rules_no_memory (err);
   }
   *added = (expression){op, left, right};
   *out = (uint32_t)(expressions->n - 1);
   return true;
}

/* Depth is bounded by that of the validator. */
static bool
cut_down (fg_build *build, fg_vec *expressions, uint32_t at, cut *out, fg_error *err)
{
   const fg_formula *formulas = FG_VEC_AT (&build->rules->formulas, fg_formula, 0);
   const fg_formula *self = formulas + at;
   uint32_t hard_branches = 0, any = FG_POLICY_NONE;

   *out = (cut){FG_POLICY_NONE, FG_POLICY_NONE};
   if (self->kind == FG_FORMULA_RULE) {
      expression *added = fg_vec_add (expressions, 1);
      if (!added) {
         return fg_rules_no_memory (err);
      }
      *added = (expression){self->rule, 0, 0};
      out->hard = (uint32_t)(expressions->n - 1);
      return true;
   }
   for (uint32_t child = self->first_marked; child != FG_POLICY_NONE; child = formulas[child].next_marked) {
      cut part = {FG_POLICY_NONE, FG_POLICY_NONE};
      uint32_t whole = FG_POLICY_NONE;
      if (!cut_down (build, expressions, child, &part, err)) {
         return false;
      }
      if (self->kind == FG_FORMULA_ALL) {
         if (!join (expressions, FG_FORMULA_AND, out->hard, part.hard, &out->hard, err) ||
             !join (expressions, FG_FORMULA_OR, out->soft, part.soft, &out->soft, err)) {
            return false;
         }
         continue;
      }
      hard_branches += part.hard != FG_POLICY_NONE;
      if (!join (expressions, FG_FORMULA_AND, part.hard, part.soft, &whole, err) ||
          !join (expressions, FG_FORMULA_OR, any, whole, &any, err)) {
         return false;
      }
   }
   if (self->kind == FG_FORMULA_ANY) {
      *(hard_branches == self->branches ? &out->hard : &out->soft) = any;
   }
   return true;
}

/* Links the way from the leaf up to the root into the marked children of this stamp. */
static void
mark (fg_build *build, uint32_t leaf)
{
   fg_formula *formulas = FG_VEC_AT (&build->rules->formulas, fg_formula, 0);
   uint32_t at = leaf;

   formulas[at].first_marked = FG_POLICY_NONE;
   while (formulas[at].stamp != build->stamp) {
      fg_formula *self = formulas + at;
      self->stamp = build->stamp;
      if (self->parent == FG_POLICY_NONE) {
         return;
      }
      fg_formula *parent = formulas + self->parent;
      if (parent->stamp != build->stamp) {
         parent->first_marked = FG_POLICY_NONE;
      }
      self->next_marked = parent->first_marked;
      parent->first_marked = at;
      at = self->parent;
   }
}

static bool
emit (fg_build *build, const fg_vec *expressions, uint32_t at, uint32_t depth, fg_error *err)
{
   const expression *self = FG_VEC_AT (expressions, expression, at);

   if (depth >= FG_POLICY_FORMULA_DEPTH) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_DEEP, NULL,
                           "alternatives of encryption rules for one path are nested too deeply");
   }
   if (self->op != FG_FORMULA_AND && self->op != FG_FORMULA_OR) {
      return fg_vec_push_u32 (&build->words, self->op) || fg_rules_no_memory (err);
   }
   return emit (build, expressions, self->left, depth, err) && emit (build, expressions, self->right, depth + 1, err) &&
          (fg_vec_push_u32 (&build->words, self->op) || fg_rules_no_memory (err));
}

bool
fg_build_formula (fg_build *build, const uint32_t *nodes, uint32_t n, uint32_t *leaf, bool *hard, fg_error *err)
{
   fg_vec expressions = {NULL, 0, 0, sizeof (expression)};
   bool marked = false, ok = false;
   uint32_t all = FG_POLICY_NONE;
   cut result = {FG_POLICY_NONE, FG_POLICY_NONE};

   *leaf = FG_POLICY_NONE;
   *hard = false;
   build->stamp++;
   for (uint32_t i = 0; i < n; i++) {
      uint32_t rule = FG_VEC_AT (&build->rules->nodes, fg_node, nodes[i])->first_rule;
      for (; rule != FG_POLICY_NONE; rule = FG_VEC_AT (&build->rules->rules, fg_rule_source, rule)->next) {
         mark (build, FG_VEC_AT (&build->rules->rules, fg_rule_source, rule)->formula);
         marked = true;
      }
   }
   if (!marked) {
      return true;
   }
   if (!cut_down (build, &expressions, 0, &result, err)) {
      goto done;
   }
   *hard = result.hard != FG_POLICY_NONE;
   *leaf = (uint32_t)build->words.n;
   if (!join (&expressions, FG_FORMULA_AND, result.hard, result.soft, &all, err) ||
       !(fg_vec_push_u32 (&build->words, 0) || fg_rules_no_memory (err)) || !emit (build, &expressions, all, 0, err)) {
      goto done;
   }
   *FG_VEC_AT (&build->words, uint32_t, *leaf) = (uint32_t)(build->words.n - *leaf - 1);
   ok = true;
done:
   fg_vec_free (&expressions);
   return ok;
}
