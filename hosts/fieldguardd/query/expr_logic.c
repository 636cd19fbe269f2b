/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/expr.h"

/* Comparisons, $and $or $not, $cond $ifNull $switch, $type. */

static bool
call_compare (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   static const struct {
      const char *name;
      bool less, equal, greater;
   } rows[] = {{"$eq", false, true, false}, {"$ne", true, false, true},  {"$lt", true, false, false},
               {"$lte", true, true, false}, {"$gt", false, false, true}, {"$gte", false, true, true}};
   int order = fg_value_compare (&args[0], &args[1]);
   (void)n;
   /* Between missing and undefined there is an order here, unlike in filters. */
   if (order == 0 && args[0].type != args[1].type && (args[0].type == 0 || args[1].type == 0)) {
      order = args[0].type == 0 ? -1 : 1;
   }
   for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
      if (strcmp (self->op->name, rows[i].name) == 0) {
         bool yes = order < 0 ? rows[i].less : order == 0 ? rows[i].equal : rows[i].greater;
         return fgd_expr_give (eval, fgd_make_bool (eval->arena, yes), out, err);
      }
   }
   return fgd_expr_give (eval, fgd_make_int32 (eval->arena, order < 0 ? -1 : order > 0 ? 1 : 0), out, err);
}

static bool
lazy_and_or (fgd_eval *eval, const fgd_expr *self, fg_value *out, fg_error *err)
{
   bool stop_at = strcmp (self->op->name, "$or") == 0;
   bool result = !stop_at;
   for (size_t i = 0; i < self->n && result != stop_at; i++) {
      fg_value value;
      if (!fgd_expr_eval (eval, self->args[i], &value, err)) {
         return false;
      }
      result = fgd_truthy (&value);
   }
   return fgd_expr_give (eval, fgd_make_bool (eval->arena, result), out, err);
}

static bool
call_not (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   (void)self;
   (void)n;
   return fgd_expr_give (eval, fgd_make_bool (eval->arena, !fgd_truthy (&args[0])), out, err);
}

static bool
call_type (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   const char *name = fgd_type_name (args[0].type);
   (void)self;
   (void)n;
   return fgd_expr_give (eval, fgd_make_string (eval->arena, name, strlen (name)), out, err);
}

static bool
lazy_if_null (fgd_eval *eval, const fgd_expr *self, fg_value *out, fg_error *err)
{
   for (size_t i = 0; i < self->n; i++) {
      if (!fgd_expr_eval (eval, self->args[i], out, err)) {
         return false;
      }
      if (!fgd_is_nullish (out)) {
         return true;
      }
   }
   return true;
}

static bool
lazy_cond (fgd_eval *eval, const fgd_expr *self, fg_value *out, fg_error *err)
{
   fg_value test;
   return fgd_expr_eval (eval, self->args[0], &test, err) &&
          fgd_expr_eval (eval, self->args[fgd_truthy (&test) ? 1 : 2], out, err);
}

static bool
room (fgd_scope *scope, fgd_expr *self, size_t n, fg_error *err)
{
   self->args = fgd_arena_alloc (scope->arena, (n + 1) * sizeof (const fgd_expr *));
   return self->args ? true : fgd_no_memory (err);
}

static bool
parse_cond_array (fgd_scope *scope, fgd_expr *self, const fg_value *spec, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   size_t n = spec->type == FGD_T_ARRAY ? fgd_count (spec->data, spec->len) : 1;
   if (n != 3) {
      return fgd_fail (err, 16020, "Expression $cond takes exactly 3 arguments. %zu were passed in.", n);
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      self->args[self->n] = fgd_expr_compile (scope, &element.value, err);
      if (!self->args[self->n++]) {
         return false;
      }
   }
   return true;
}

static bool
parse_cond (fgd_scope *scope, fgd_expr *self, const fg_value *spec, fg_error *err)
{
   static const char *const names[] = {"if", "then", "else"};
   fgd_walk walk;
   fgd_element element;
   if (!room (scope, self, 3, err)) {
      return false;
   }
   if (spec->type != FGD_T_OBJECT) {
      return parse_cond_array (scope, self, spec, err);
   }
   self->n = 3;
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      size_t i = 0;
      while (i < 3 && strcmp (names[i], element.name) != 0) {
         i++;
      }
      if (i == 3) {
         return fgd_fail (err, 17083, "Unrecognized parameter to $cond: %s", element.name);
      }
      self->args[i] = fgd_expr_compile (scope, &element.value, err);
      if (!self->args[i]) {
         return false;
      }
   }
   for (size_t i = 0; i < 3; i++) {
      if (!self->args[i]) {
         return fgd_fail (err, 17080 + (int32_t)i, "Missing '%s' parameter to $cond", names[i]);
      }
   }
   return true;
}

/* $switch: args are case, then, case, then, ..., and the default (NULL without one). */
static bool
parse_branch (fgd_scope *scope, fgd_expr *self, const fgd_element *branch, fg_error *err)
{
   fgd_element part;
   if (branch->value.type != FGD_T_OBJECT) {
      return fgd_fail (err, 40062, "$switch expected each branch to be an object, found: %s",
                       fgd_type_name (branch->value.type));
   }
   if (!fgd_find (branch->value.data, branch->value.len, "case", 4, &part)) {
      return fgd_fail (err, 40064, "$switch requires each branch have a 'case' expression");
   }
   self->args[self->n] = fgd_expr_compile (scope, &part.value, err);
   if (!self->args[self->n++]) {
      return false;
   }
   if (!fgd_find (branch->value.data, branch->value.len, "then", 4, &part)) {
      return fgd_fail (err, 40065, "$switch requires each branch have a 'then' expression.");
   }
   self->args[self->n] = fgd_expr_compile (scope, &part.value, err);
   if (!self->args[self->n++]) {
      return false;
   }
   if (fgd_count (branch->value.data, branch->value.len) != 2) {
      return fgd_fail (err, 40063, "$switch found an unknown argument to a branch");
   }
   return true;
}

static bool
parse_switch (fgd_scope *scope, fgd_expr *self, const fg_value *spec, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   fgd_element branches;
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, 40060, "$switch requires an object as an argument, found: %s", fgd_type_name (spec->type));
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      if (strcmp (element.name, "branches") != 0 && strcmp (element.name, "default") != 0) {
         return fgd_fail (err, 40067, "$switch found an unknown argument: %s", element.name);
      }
   }
   bool has = fgd_find (spec->data, spec->len, "branches", 8, &branches);
   if (has && branches.value.type != FGD_T_ARRAY) {
      return fgd_fail (err, 40061, "$switch expected an array for 'branches', found: %s",
                       fgd_type_name (branches.value.type));
   }
   size_t n = has ? fgd_count (branches.value.data, branches.value.len) : 0;
   if (n == 0) {
      return fgd_fail (err, 40068, "$switch requires at least one branch.");
   }
   if (!room (scope, self, 2 * n + 1, err)) {
      return false;
   }
   fgd_walk_begin (&walk, branches.value.data, branches.value.len);
   while (fgd_walk_next (&walk, &element)) {
      if (!parse_branch (scope, self, &element, err)) {
         return false;
      }
   }
   if (!fgd_find (spec->data, spec->len, "default", 7, &element)) {
      return true;
   }
   self->args[self->n] = fgd_expr_compile (scope, &element.value, err);
   return self->args[self->n++] != NULL;
}

static bool
lazy_switch (fgd_eval *eval, const fgd_expr *self, fg_value *out, fg_error *err)
{
   for (size_t i = 0; i + 1 < self->n; i += 2) {
      fg_value test;
      if (!fgd_expr_eval (eval, self->args[i], &test, err)) {
         return false;
      }
      if (fgd_truthy (&test)) {
         return fgd_expr_eval (eval, self->args[i + 1], out, err);
      }
   }
   if (self->n % 2 == 1) {
      return fgd_expr_eval (eval, self->args[self->n - 1], out, err);
   }
   return fgd_fail (err, 40066, "$switch could not find a matching branch for an input, and no default was specified.");
}

const fgd_expr_op fgd_expr_logic[] = {
   {.name = "$eq", .min = 2, .max = 2, .call = call_compare},
   {.name = "$ne", .min = 2, .max = 2, .call = call_compare},
   {.name = "$lt", .min = 2, .max = 2, .call = call_compare},
   {.name = "$lte", .min = 2, .max = 2, .call = call_compare},
   {.name = "$gt", .min = 2, .max = 2, .call = call_compare},
   {.name = "$gte", .min = 2, .max = 2, .call = call_compare},
   {.name = "$cmp", .min = 2, .max = 2, .call = call_compare},
   {.name = "$and", .min = 0, .max = SIZE_MAX, .lazy = lazy_and_or},
   {.name = "$or", .min = 0, .max = SIZE_MAX, .lazy = lazy_and_or},
   {.name = "$not", .min = 1, .max = 1, .call = call_not},
   {.name = "$type", .min = 1, .max = 1, .call = call_type},
   {.name = "$ifNull", .min = 2, .max = SIZE_MAX, .lazy = lazy_if_null},
   {.name = "$cond", .lazy = lazy_cond, .parse = parse_cond},
   {.name = "$switch", .lazy = lazy_switch, .parse = parse_switch},
   {.name = NULL},
};
