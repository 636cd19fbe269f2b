/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/expr.h"

#include "hosts/fieldguardd/query/codes.h"

bool
fgd_field_path_check (const char *path, size_t len, fg_error *err)
{
   size_t parts = 1;
   if (len == 0) {
      return fgd_fail (err, 40352, "FieldPath cannot be constructed with empty string");
   }
   if (path[len - 1] == '.') {
      return fgd_fail (err, 40353, "FieldPath must not end with a '.'.");
   }
   for (size_t i = 0; i < len; i++) {
      bool first = i == 0 || path[i - 1] == '.';
      if (path[i] == '\0') {
         return fgd_fail (err, 16411, "FieldPath field names may not contain '\\0'.");
      }
      if (first && path[i] == '$') {
         return fgd_fail (err, 16410,
                          "FieldPath field names may not start with '$'. Consider using $getField or $setField.");
      }
      if (first && path[i] == '.') {
         return fgd_fail (err, 15998, "FieldPath field names may not be empty strings.");
      }
      parts += path[i] == '.' ? 1 : 0;
   }
   return parts <= 200 ? true : fgd_fail (err, FGD_OVERFLOW, "FieldPath is too long");
}

/* --- compiling ------------------------------------------------------------------------------------------------------- */

static fgd_expr *
new_expr (fgd_scope *scope, fgd_expr_kind kind, fg_error *err)
{
   fgd_expr *expr = fgd_arena_alloc (scope->arena, sizeof *expr);
   if (!expr) {
      fgd_no_memory (err);
      return NULL;
   }
   expr->kind = kind;
   return expr;
}

fgd_expr *
fgd_expr_literal (fgd_scope *scope, const fg_value *value, fg_error *err)
{
   fgd_expr *expr = new_expr (scope, FGD_EXPR_LITERAL, err);
   if (expr) {
      expr->literal = *value;
   }
   return expr;
}

static const fgd_expr_op *
find_op (const char *name)
{
   const fgd_expr_op *const tables[] = {fgd_expr_arithmetic, fgd_expr_logic, fgd_expr_strings, fgd_expr_arrays,
                                        fgd_expr_scopes};
   for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
      for (const fgd_expr_op *op = tables[i]; op->name; op++) {
         if (strcmp (op->name, name) == 0) {
            return op;
         }
      }
   }
   return NULL;
}

bool
fgd_expr_is_unknown (const fg_value *spec, const char **name)
{
   fgd_walk walk;
   fgd_element element;
   fgd_walk_begin (&walk, spec->data, spec->type == FGD_T_OBJECT ? spec->len : 0);
   if (!fgd_walk_next (&walk, &element) || element.name[0] != '$') {
      return false;
   }
   *name = element.name;
   return strcmp (element.name, "$literal") != 0 && strcmp (element.name, "$const") != 0 && !find_op (element.name);
}

static bool
bind_variable (fgd_scope *scope, fgd_expr *expr, const char *name, size_t len, fg_error *err)
{
   for (size_t i = scope->n; i > 0; i--) {
      if (!fgd_is (name, len, scope->names[i - 1])) {
         continue;
      }
      expr->var = i - 1;
      if (scope->constants[i - 1].type != 0) {
         expr->var = FGD_VAR_CONSTANT;
         expr->literal = scope->constants[i - 1];
      }
      return true;
   }
   if (fgd_is (name, len, "ROOT") || fgd_is (name, len, "CURRENT")) {
      expr->var = FGD_VAR_ROOT;
      return true;
   }
   if (fgd_is (name, len, "NOW")) {
      expr->var = FGD_VAR_NOW;
      return true;
   }
   if (fgd_is (name, len, "REMOVE")) {
      expr->var = FGD_VAR_REMOVE;
      return true;
   }
   return fgd_fail (err, 17276, "Use of undefined variable: %.*s", (int)len, name);
}

static fgd_expr *
compile_path (fgd_scope *scope, const char *text, size_t len, fg_error *err)
{
   fgd_expr *expr = new_expr (scope, FGD_EXPR_FIELD, err);
   if (!expr) {
      return NULL;
   }
   bool variable = len > 1 && text[1] == '$';
   const char *start = text + (variable ? 2 : 1);
   size_t left = len - (variable ? 2u : 1u);
   expr->var = FGD_VAR_ROOT;
   if (scope->constant_only && !variable) {
      fgd_fail (err, 4890500,
                "Command let Expression tried to access a field, but this is not allowed because command let "
                "expressions run before the query examines any documents.");
      return NULL;
   }
   const char *dot = variable ? memchr (start, '.', left) : NULL;
   size_t name_len = dot ? (size_t)(dot - start) : left;
   const char *rest = !variable ? start : dot ? dot + 1 : start + left;
   size_t rest_len = left - (size_t)(rest - start);
   if ((!variable || dot) && !fgd_field_path_check (rest, rest_len, err)) {
      return NULL;
   }
   if (!variable && left == 0) {
      fgd_fail (err, 16872, "'$' by itself is not a valid FieldPath");
      return NULL;
   }
   expr->path = fgd_arena_copy (scope->arena, rest, rest_len);
   if (!expr->path) {
      fgd_no_memory (err);
      return NULL;
   }
   if (variable && !bind_variable (scope, expr, start, name_len, err)) {
      return NULL;
   }
   if (scope->constant_only && expr->var != FGD_VAR_CONSTANT && expr->var >= FGD_VAR_REMOVE) {
      fgd_fail (err, 4890500,
                "Command let Expression tried to access a variable that has no value before the query examines any "
                "documents.");
      return NULL;
   }
   return expr;
}

static bool
room_for_args (fgd_scope *scope, fgd_expr *expr, size_t n, fg_error *err)
{
   expr->args = fgd_arena_alloc (scope->arena, (n + 1) * sizeof (const fgd_expr *));
   expr->names = fgd_arena_alloc (scope->arena, (n + 1) * sizeof *expr->names);
   return expr->args && expr->names ? true : fgd_no_memory (err);
}

static bool
compile_elements (fgd_scope *scope, fgd_expr *expr, const fg_value *container, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   if (!room_for_args (scope, expr, fgd_count (container->data, container->len), err)) {
      return false;
   }
   fgd_walk_begin (&walk, container->data, container->len);
   while (fgd_walk_next (&walk, &element)) {
      if (expr->kind == FGD_EXPR_OBJECT) {
         if (element.name[0] == '$') {
            return fgd_fail (err, 15983,
                             "an expression specification must contain exactly one field, the name of the expression");
         }
         if (memchr (element.name, '.', element.name_len)) {
            return fgd_fail (err, 16412,
                             "FieldPath field names may not contain '.'. Consider using $getField or $setField.");
         }
      }
      expr->names[expr->n] = element.name;
      expr->args[expr->n] = fgd_expr_compile (scope, &element.value, err);
      if (!expr->args[expr->n++]) {
         return false;
      }
   }
   return true;
}

static bool
compile_arguments (fgd_scope *scope, fgd_expr *expr, const fg_value *spec, fg_error *err)
{
   if (spec->type == FGD_T_ARRAY) {
      if (!compile_elements (scope, expr, spec, err)) {
         return false;
      }
   } else {
      if (!room_for_args (scope, expr, 1, err)) {
         return false;
      }
      expr->args[0] = fgd_expr_compile (scope, spec, err);
      expr->n = 1;
      if (!expr->args[0]) {
         return false;
      }
   }
   if (expr->n >= expr->op->min && expr->n <= expr->op->max) {
      return true;
   }
   if (expr->op->min == expr->op->max) {
      return fgd_fail (err, 16020, "Expression %s takes exactly %zu arguments. %zu were passed in.", expr->op->name,
                       expr->op->min, expr->n);
   }
   if (expr->op->max == SIZE_MAX) {
      return fgd_fail (err, 1257300, "Expression %s takes at least %zu arguments, but %zu were passed in.",
                       expr->op->name, expr->op->min, expr->n);
   }
   return fgd_fail (err, 28667, "Expression %s takes at least %zu arguments, and at most %zu, but %zu were passed in.",
                    expr->op->name, expr->op->min, expr->op->max, expr->n);
}

static fgd_expr *
compile_call (fgd_scope *scope, const fgd_element *element, fg_error *err)
{
   if (strcmp (element->name, "$literal") == 0 || strcmp (element->name, "$const") == 0) {
      return fgd_expr_literal (scope, &element->value, err);
   }
   const fgd_expr_op *op = find_op (element->name);
   if (!op) {
      fgd_fail (err, 168, "Unrecognized expression '%s'", element->name);
      return NULL;
   }
   fgd_expr *expr = new_expr (scope, FGD_EXPR_CALL, err);
   if (!expr) {
      return NULL;
   }
   expr->op = op;
   bool ok =
      op->parse ? op->parse (scope, expr, &element->value, err) : compile_arguments (scope, expr, &element->value, err);
   return ok ? expr : NULL;
}

static fgd_expr *
compile_object (fgd_scope *scope, const fg_value *spec, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   fgd_walk_begin (&walk, spec->data, spec->len);
   if (fgd_walk_next (&walk, &element) && element.name[0] == '$') {
      if (fgd_count (spec->data, spec->len) != 1) {
         fgd_fail (err, 15983,
                   "an expression specification must contain exactly one field, the name of the expression");
         return NULL;
      }
      return compile_call (scope, &element, err);
   }
   fgd_expr *expr = new_expr (scope, FGD_EXPR_OBJECT, err);
   return expr && compile_elements (scope, expr, spec, err) ? expr : NULL;
}

static fgd_expr *
compile_any (fgd_scope *scope, const fg_value *spec, fg_error *err)
{
   if (spec->type == FGD_T_OBJECT) {
      return compile_object (scope, spec, err);
   }
   if (spec->type == FGD_T_ARRAY) {
      fgd_expr *expr = new_expr (scope, FGD_EXPR_ARRAY, err);
      return expr && compile_elements (scope, expr, spec, err) ? expr : NULL;
   }
   if (spec->type == FGD_T_STRING) {
      size_t len = 0;
      const char *text = fgd_string (spec, &len);
      if (len > 0 && text[0] == '$') {
         return compile_path (scope, text, len, err);
      }
   }
   return fgd_expr_literal (scope, spec, err);
}

fgd_expr *
fgd_expr_compile (fgd_scope *scope, const fg_value *spec, fg_error *err)
{
   if (scope->depth >= FGD_EXPR_DEPTH_MAX) {
      fgd_fail (err, FGD_OVERFLOW, "An expression nests deeper than %d levels", FGD_EXPR_DEPTH_MAX);
      return NULL;
   }
   scope->depth++;
   fgd_expr *expr = compile_any (scope, spec, err);
   scope->depth--;
   return expr;
}

static bool
add_constant (fgd_scope *scope, const fgd_element *element, fg_error *err)
{
   fgd_eval eval;
   fg_value value;
   if (scope->n == FGD_EXPR_VARS_MAX) {
      return fgd_fail (err, FGD_BAD_VALUE, "more than %d variables", FGD_EXPR_VARS_MAX);
   }
   scope->constant_only = true;
   const fgd_expr *expr = fgd_expr_compile (scope, &element->value, err);
   scope->constant_only = false;
   if (!expr) {
      return false;
   }
   fgd_eval_init (&eval, scope->arena, NULL, 0, 0);
   if (!fgd_expr_eval (&eval, expr, &value, err)) {
      return false;
   }
   scope->names[scope->n] = element->name;
   scope->constants[scope->n++] = value.type == 0 ? fgd_make_null () : value;
   return true;
}

bool
fgd_scope_init (fgd_scope *scope, fgd_arena *arena, const uint8_t *let, size_t let_len, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   memset (scope, 0, sizeof *scope);
   scope->arena = arena;
   if (!let) {
      return true;
   }
   const uint8_t *copy = fgd_arena_copy (arena, let, let_len);
   if (!copy) {
      return fgd_no_memory (err);
   }
   if (!fgd_well_formed (copy, let_len)) {
      return fgd_bad_bson (err);
   }
   fgd_walk_begin (&walk, copy, let_len);
   while (fgd_walk_next (&walk, &element)) {
      if (!add_constant (scope, &element, err)) {
         return false;
      }
   }
   return true;
}
