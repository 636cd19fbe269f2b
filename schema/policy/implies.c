/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/implies.h"
#include "schema/policy/value.h"

/*
 * Does one formula admit no more than another? A strict rule looks at three things of a value that differ from rule to rule: first byte, original type and
 * key id; lengths and the rest follow from these. So values fall into classes, few enough to ask both formulas about each: the answer is exact. Only where
 * there are very many classes, or rules are not strict, the formulas are compared by their shape: what is then proved is true, but not all that is true is proved.
 */

#define MAX_KEYS 256u
#define MAX_WORK 8000000u
#define TYPES 20u
#define ON_THE_WIRE 11u

typedef struct both {
   const fg_policy *newer;
   const fg_policy *older;
   const uint8_t *keys[MAX_KEYS]; /* every key id that some rule names */
   uint32_t n_keys;
} both;

static bool
is_operator (uint32_t op)
{
   return op == FG_FORMULA_AND || op == FG_FORMULA_OR;
}

static bool
names_key (const fg_policy *policy, const fg_policy_rule *rule, const uint8_t *key)
{
   for (uint32_t i = 0; key && i < rule->n_keys; i++) {
      if (memcmp (policy->keys + (size_t)(rule->keys + i) * 16, key, 16) == 0) {
         return true;
      }
   }
   return rule->n_keys == 0;
}

/* --- by classes ---------------------------------------------------------------------------------------------------- */

static bool
collect_keys (both *b, const fg_policy *policy, const uint32_t *formula)
{
   for (uint32_t i = 1; i <= formula[0]; i++) {
      const fg_policy_rule *rule = is_operator (formula[i]) ? NULL : policy->rules + formula[i];
      for (uint32_t k = 0; rule && k < rule->n_keys; k++) {
         const uint8_t *key = policy->keys + (size_t)(rule->keys + k) * 16;
         uint32_t at = 0;
         while (at < b->n_keys && memcmp (b->keys[at], key, 16) != 0) {
            at++;
         }
         if (at == MAX_KEYS) {
            return false;
         }
         b->keys[at] = key;
         b->n_keys += at == b->n_keys;
      }
   }
   return true;
}

/* One class of values: key NULL is one that no rule names. */
static bool
rule_admits (const fg_policy *policy, const fg_policy_rule *rule, uint32_t first, uint32_t type, const uint8_t *key)
{
   bool kind = first == ON_THE_WIRE ? rule->kind == FG_POLICY_QE : (rule->first_bytes >> first & 1) != 0;
   return kind && (rule->types >> type & 1) && names_key (policy, rule, key);
}

static bool
formula_admits (const fg_policy *policy, const uint32_t *formula, uint32_t first, uint32_t type, const uint8_t *key)
{
   bool stack[FG_POLICY_FORMULA_DEPTH + 2] = {false};
   size_t top = 0;

   for (uint32_t i = 1; i <= formula[0]; i++) {
      if (!is_operator (formula[i])) {
         stack[top++] = rule_admits (policy, policy->rules + formula[i], first, type, key);
         continue;
      }
      top--;
      stack[top - 1] = formula[i] == FG_FORMULA_AND ? stack[top - 1] && stack[top] : stack[top - 1] || stack[top];
   }
   return stack[0];
}

static bool
implies_by_class (const both *b, const uint32_t *strong, const uint32_t *weak)
{
   for (uint32_t first = 0; first <= FG_POLICY_LAST_FIRST_BYTE; first++) {
      uint32_t types = fg_policy_types_of (first);
      for (uint32_t type = 0; type < TYPES; type++) {
         for (uint32_t k = 0; (types >> type & 1) && k <= b->n_keys; k++) {
            const uint8_t *key = k < b->n_keys ? b->keys[k] : NULL;
            if (formula_admits (b->newer, strong, first, type, key) &&
                !formula_admits (b->older, weak, first, type, key)) {
               return false;
            }
         }
      }
   }
   return true;
}

/* --- by shape ------------------------------------------------------------------------------------------------------ */

/* Everything that `strong` admits, `weak` admits too. */
static bool
rule_implies (const both *b, const fg_policy_rule *strong, const fg_policy_rule *weak)
{
   if ((strong->first_bytes & ~weak->first_bytes) || (strong->types & ~weak->types)) {
      return false;
   }
   for (uint32_t i = 0; i < strong->n_keys; i++) {
      if (!names_key (b->older, weak, b->newer->keys + (size_t)(strong->keys + i) * 16)) {
         return false;
      }
   }
   return strong->n_keys > 0 || weak->n_keys == 0;
}

/* A formula in postfix order ends in its own operation; its right part stands before that, its left part before the right one. */
static uint32_t
part_start (const uint32_t *ops, uint32_t end)
{
   uint32_t needed = 1;

   while (needed > 0) {
      needed = is_operator (ops[end]) ? needed + 1 : needed - 1;
      if (needed == 0) {
         return end;
      }
      end--;
   }
   return end;
}

/* Both formulas are given by the position of their last operation. Depth is bounded by that of the formulas. */
static bool
implies_by_shape (const both *b, const uint32_t *strong, uint32_t s, const uint32_t *weak, uint32_t w, uint32_t budget)
{
   bool s_and = strong[s] == FG_FORMULA_AND, s_or = strong[s] == FG_FORMULA_OR;
   bool w_and = weak[w] == FG_FORMULA_AND, w_or = weak[w] == FG_FORMULA_OR;

   if (budget == 0) {
      return false;
   }
   if (s_or) {
      return implies_by_shape (b, strong, s - 1, weak, w, budget - 1) &&
             implies_by_shape (b, strong, part_start (strong, s - 1) - 1, weak, w, budget - 1);
   }
   if (w_and) {
      return implies_by_shape (b, strong, s, weak, w - 1, budget - 1) &&
             implies_by_shape (b, strong, s, weak, part_start (weak, w - 1) - 1, budget - 1);
   }
   if (s_and && (implies_by_shape (b, strong, s - 1, weak, w, budget - 1) ||
                 implies_by_shape (b, strong, part_start (strong, s - 1) - 1, weak, w, budget - 1))) {
      return true;
   }
   if (w_or) {
      return implies_by_shape (b, strong, s, weak, w - 1, budget - 1) ||
             implies_by_shape (b, strong, s, weak, part_start (weak, w - 1) - 1, budget - 1);
   }
   return !s_and && rule_implies (b, b->newer->rules + strong[s], b->older->rules + weak[w]);
}

bool
fg_policy_implies (const fg_policy *newer, const uint32_t *strong, const fg_policy *older, const uint32_t *weak)
{
   both b = {.newer = newer, .older = older};

   if (newer->strict && older->strict && collect_keys (&b, newer, strong) && collect_keys (&b, older, weak)) {
      uint64_t classes = 8ull * TYPES * (b.n_keys + 1);
      if (classes * ((uint64_t)strong[0] + weak[0]) <= MAX_WORK) {
         return implies_by_class (&b, strong, weak);
      }
   }
   return implies_by_shape (&b, strong + 1, strong[0] - 1, weak + 1, weak[0] - 1, 128);
}
