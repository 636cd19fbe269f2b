/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/expr.h"

bool
fgd_is_nullish (const fg_value *value)
{
   return value->type == 0 || value->type == FGD_T_NULL || value->type == FGD_T_UNDEFINED;
}

void
fgd_eval_init (fgd_eval *eval, fgd_arena *arena, const uint8_t *doc, size_t len, int64_t now_ms)
{
   memset (eval, 0, sizeof *eval);
   eval->arena = arena;
   eval->now_ms = now_ms;
   if (doc) {
      eval->root = (fg_value){FGD_T_OBJECT, doc, len};
   }
}

bool
fgd_expr_give (fgd_eval *eval, fg_value value, fg_value *out, fg_error *err)
{
   *out = value;
   return eval->arena->failed ? fgd_no_memory (err) : true;
}

/* The value at path. An array on the way gives the array of what its objects have there. Recursion is as deep as the path. */
static bool
path_value (fgd_eval *eval, fg_value value, const char *path, fg_value *out, fg_error *err)
{
   *out = (fg_value){0, NULL, 0};
   while (*path && value.type == FGD_T_OBJECT) {
      fgd_element element;
      size_t part = strcspn (path, ".");
      if (!fgd_find (value.data, value.len, path, part, &element)) {
         return true;
      }
      value = element.value;
      path += path[part] ? part + 1 : part;
   }
   if (*path == '\0') {
      *out = value;
      return true;
   }
   if (value.type != FGD_T_ARRAY) {
      return true;
   }
   fg_buf buf = {0};
   fgd_walk walk;
   fgd_element element;
   char name[24];
   size_t n = 0;
   bool ok = true;
   size_t at = fgd_put_begin (&buf);
   fgd_walk_begin (&walk, value.data, value.len);
   while (ok && fgd_walk_next (&walk, &element)) {
      fg_value inner;
      if (element.value.type != FGD_T_OBJECT) {
         continue;
      }
      ok = path_value (eval, element.value, path, &inner, err);
      if (ok && inner.type != 0) {
         size_t len = fgd_index_name (n++, name);
         fgd_put_value (&buf, name, len, &inner);
      }
   }
   fgd_put_end (&buf, at);
   *out = fgd_make_from_buf (eval->arena, FGD_T_ARRAY, &buf);
   return ok && (eval->arena->failed ? fgd_no_memory (err) : true);
}

static bool
eval_field (fgd_eval *eval, const fgd_expr *expr, fg_value *out, fg_error *err)
{
   fg_value start = {0, NULL, 0};
   if (expr->var == FGD_VAR_ROOT) {
      start = eval->root;
   } else if (expr->var == FGD_VAR_CONSTANT) {
      start = expr->literal;
   } else if (expr->var == FGD_VAR_NOW) {
      start = fgd_make_date (eval->arena, eval->now_ms);
   } else if (expr->var != FGD_VAR_REMOVE) {
      start = eval->vars[expr->var];
   }
   return path_value (eval, start, expr->path, out, err);
}

static bool
eval_container (fgd_eval *eval, const fgd_expr *expr, fg_value *out, fg_error *err)
{
   bool array = expr->kind == FGD_EXPR_ARRAY;
   fg_buf buf = {0};
   char text[24];
   bool ok = true;
   size_t at = fgd_put_begin (&buf);
   for (size_t i = 0; ok && i < expr->n; i++) {
      fg_value value = {0, NULL, 0};
      ok = fgd_expr_eval (eval, expr->args[i], &value, err);
      if (!ok || (value.type == 0 && !array)) {
         continue;
      }
      value = value.type == 0 ? fgd_make_null () : value;
      fgd_index_name (i, text);
      const char *name = array ? text : expr->names[i];
      fgd_put_value (&buf, name, strlen (name), &value);
   }
   fgd_put_end (&buf, at);
   *out = fgd_make_from_buf (eval->arena, array ? FGD_T_ARRAY : FGD_T_OBJECT, &buf);
   return ok && (eval->arena->failed ? fgd_no_memory (err) : true);
}

static bool
eval_call (fgd_eval *eval, const fgd_expr *expr, fg_value *out, fg_error *err)
{
   if (expr->op->lazy) {
      return expr->op->lazy (eval, expr, out, err);
   }
   fg_value *args = fgd_arena_alloc (eval->arena, (expr->n + 1) * sizeof *args);
   if (!args) {
      return fgd_no_memory (err);
   }
   for (size_t i = 0; i < expr->n; i++) {
      if (!fgd_expr_eval (eval, expr->args[i], &args[i], err)) {
         return false;
      }
   }
   return expr->op->call (eval, expr, args, expr->n, out, err) && (eval->arena->failed ? fgd_no_memory (err) : true);
}

#define EVAL_MEMORY_MAX ((size_t)256 * 1024 * 1024)

bool
fgd_expr_eval (fgd_eval *eval, const fgd_expr *expr, fg_value *out, fg_error *err)
{
   *out = (fg_value){0, NULL, 0};
   if (eval->arena->total > EVAL_MEMORY_MAX) {
      return fgd_fail (err, FGD_EXCEEDED_MEMORY, "An expression used too much memory");
   }
   switch (expr->kind) {
   case FGD_EXPR_LITERAL:
      *out = expr->literal;
      return true;
   case FGD_EXPR_FIELD:
      return eval_field (eval, expr, out, err);
   case FGD_EXPR_OBJECT:
   case FGD_EXPR_ARRAY:
      return eval_container (eval, expr, out, err);
   case FGD_EXPR_CALL:
   default:
      return eval_call (eval, expr, out, err);
   }
}
