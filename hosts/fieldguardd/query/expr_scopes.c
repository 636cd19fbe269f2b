/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/expr.h"

/* $let, $map and $filter: expressions that bind variables. Each bound variable has a slot of its own, so nothing need be restored. */

static bool
legal_name (const char *name, size_t len, fg_error *err)
{
   bool ok = len > 0 && ((name[0] >= 'a' && name[0] <= 'z') || (unsigned char)name[0] >= 0x80);
   for (size_t i = 1; ok && i < len; i++) {
      char c = name[i];
      ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
   }
   return ok ? true : fgd_fail (err, FGD_FAILED_TO_PARSE, "'%.*s' is not a valid name for a variable", (int)len, name);
}

static bool
push_name (fgd_scope *scope, const char *name, size_t len, fg_error *err)
{
   if (!legal_name (name, len, err)) {
      return false;
   }
   if (scope->n == FGD_EXPR_VARS_MAX) {
      return fgd_fail (err, FGD_BAD_VALUE, "more than %d variables", FGD_EXPR_VARS_MAX);
   }
   scope->names[scope->n] = fgd_arena_copy (scope->arena, name, len);
   scope->constants[scope->n] = (fg_value){0, NULL, 0};
   return scope->names[scope->n++] ? true : fgd_no_memory (err);
}

static bool
need_object (const fgd_expr *self, const fg_value *spec, int32_t code, fg_error *err)
{
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, code, "%s only supports an object as its argument", self->op->name);
   }
   return true;
}

static bool
room (fgd_scope *scope, fgd_expr *self, size_t n, fg_error *err)
{
   self->args = fgd_arena_alloc (scope->arena, (n + 1) * sizeof (const fgd_expr *));
   return self->args ? true : fgd_no_memory (err);
}

static bool
parse_let_vars (fgd_scope *scope, fgd_expr *self, const fg_value *vars, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   fgd_walk_begin (&walk, vars->data, vars->len);
   while (fgd_walk_next (&walk, &element)) {
      self->args[self->n] = fgd_expr_compile (scope, &element.value, err);
      if (!self->args[self->n++]) {
         return false;
      }
   }
   self->slot = scope->n;
   self->bound = self->n;
   fgd_walk_begin (&walk, vars->data, vars->len);
   while (fgd_walk_next (&walk, &element)) {
      if (!push_name (scope, element.name, element.name_len, err)) {
         return false;
      }
   }
   return true;
}

static bool
parse_let (fgd_scope *scope, fgd_expr *self, const fg_value *spec, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   fgd_element vars;
   fgd_element in;
   size_t before = scope->n;
   if (!need_object (self, spec, 16874, err)) {
      return false;
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      if (strcmp (element.name, "vars") != 0 && strcmp (element.name, "in") != 0) {
         return fgd_fail (err, 16875, "Unrecognized parameter to $let: %s", element.name);
      }
   }
   if (!fgd_find (spec->data, spec->len, "vars", 4, &vars) || vars.value.type != FGD_T_OBJECT) {
      return fgd_fail (err, 16876, "Missing 'vars' parameter to $let");
   }
   if (!fgd_find (spec->data, spec->len, "in", 2, &in)) {
      return fgd_fail (err, 16877, "Missing 'in' parameter to $let");
   }
   if (!room (scope, self, fgd_count (vars.value.data, vars.value.len) + 1, err) ||
       !parse_let_vars (scope, self, &vars.value, err)) {
      return false;
   }
   self->args[self->n] = fgd_expr_compile (scope, &in.value, err);
   scope->n = before;
   return self->args[self->n++] != NULL;
}

static bool
lazy_let (fgd_eval *eval, const fgd_expr *self, fg_value *out, fg_error *err)
{
   for (size_t i = 0; i < self->bound; i++) {
      if (!fgd_expr_eval (eval, self->args[i], &eval->vars[self->slot + i], err)) {
         return false;
      }
   }
   return fgd_expr_eval (eval, self->args[self->bound], out, err);
}

/* args[0]: the array; args[1]: `in` of $map or `cond` of $filter. */
static bool
parse_each (fgd_scope *scope, fgd_expr *self, const fg_value *spec, fg_error *err)
{
   bool map = strcmp (self->op->name, "$map") == 0;
   const char *body_name = map ? "in" : "cond";
   fgd_walk walk;
   fgd_element element;
   fgd_element input;
   fgd_element body;
   const char *as = "this";
   size_t as_len = 4;
   size_t before = scope->n;
   if (!need_object (self, spec, map ? 16878 : 28646, err)) {
      return false;
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      if (strcmp (element.name, "as") == 0) {
         if (element.value.type != FGD_T_STRING) {
            return fgd_fail (err, FGD_TYPE_MISMATCH, "'as' of %s must be a string", self->op->name);
         }
         as = fgd_string (&element.value, &as_len);
      } else if (strcmp (element.name, "input") != 0 && strcmp (element.name, body_name) != 0) {
         return fgd_fail (err, map ? 16879 : 28647, "Unrecognized parameter to %s: %s", self->op->name, element.name);
      }
   }
   if (!fgd_find (spec->data, spec->len, "input", 5, &input)) {
      return fgd_fail (err, map ? 16880 : 28648, "Missing 'input' parameter to %s", self->op->name);
   }
   if (!fgd_find (spec->data, spec->len, body_name, strlen (body_name), &body)) {
      return fgd_fail (err, map ? 16882 : 28650, "Missing '%s' parameter to %s", body_name, self->op->name);
   }
   if (!room (scope, self, 2, err)) {
      return false;
   }
   self->args[0] = fgd_expr_compile (scope, &input.value, err);
   self->slot = scope->n;
   self->n = 2;
   if (!self->args[0] || !push_name (scope, as, as_len, err)) {
      return false;
   }
   self->args[1] = fgd_expr_compile (scope, &body.value, err);
   scope->n = before;
   return self->args[1] != NULL;
}

static bool
lazy_each (fgd_eval *eval, const fgd_expr *self, fg_value *out, fg_error *err)
{
   bool map = strcmp (self->op->name, "$map") == 0;
   fg_value input;
   fg_buf buf = {0};
   fgd_walk walk;
   fgd_element element;
   char name[24];
   size_t n = 0;
   bool ok = true;
   if (!fgd_expr_eval (eval, self->args[0], &input, err)) {
      return false;
   }
   if (fgd_is_nullish (&input)) {
      *out = fgd_make_null ();
      return true;
   }
   if (input.type != FGD_T_ARRAY) {
      return fgd_fail (err, map ? 16883 : 28651, "input to %s must be an array not %s", self->op->name,
                       fgd_type_name (input.type));
   }
   size_t at = fgd_put_begin (&buf);
   fgd_walk_begin (&walk, input.data, input.len);
   while (ok && fgd_walk_next (&walk, &element)) {
      fg_value result;
      eval->vars[self->slot] = element.value;
      ok = fgd_expr_eval (eval, self->args[1], &result, err);
      if (!ok || (!map && !fgd_truthy (&result))) {
         continue;
      }
      result = !map ? element.value : result.type == 0 ? fgd_make_null () : result;
      size_t len = fgd_index_name (n++, name);
      fgd_put_value (&buf, name, len, &result);
   }
   fgd_put_end (&buf, at);
   *out = fgd_make_from_buf (eval->arena, FGD_T_ARRAY, &buf);
   return ok && (eval->arena->failed ? fgd_no_memory (err) : true);
}

const fgd_expr_op fgd_expr_scopes[] = {
   {.name = "$let", .lazy = lazy_let, .parse = parse_let},
   {.name = "$map", .lazy = lazy_each, .parse = parse_each},
   {.name = "$filter", .lazy = lazy_each, .parse = parse_each},
   {.name = NULL},
};
