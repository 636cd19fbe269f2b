/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/expr.h"

static bool
call_concat (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fg_buf buf = {0};
   (void)self;
   for (size_t i = 0; i < n; i++) {
      size_t len = 0;
      if (fgd_is_nullish (&args[i])) {
         fg_buf_free (&buf);
         *out = fgd_make_null ();
         return true;
      }
      if (args[i].type != FGD_T_STRING) {
         fg_buf_free (&buf);
         return fgd_fail (err, 16702, "$concat only supports strings, not %s", fgd_type_name (args[i].type));
      }
      const char *text = fgd_string (&args[i], &len);
      if (len > 0) {
         fg_buf_append (&buf, text, len);
      }
   }
   bool failed = buf.failed;
   *out = fgd_make_string (eval->arena, (const char *)buf.data, buf.len);
   fg_buf_free (&buf);
   return failed || eval->arena->failed ? fgd_no_memory (err) : true;
}

/* Only ASCII letters change, as in mongod. */
static bool
call_case (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   bool lower = strcmp (self->op->name, "$toLower") == 0;
   size_t len = 0;
   (void)n;
   if (fgd_is_nullish (&args[0])) {
      return fgd_expr_give (eval, fgd_make_string (eval->arena, "", 0), out, err);
   }
   if (args[0].type != FGD_T_STRING) {
      return fgd_fail (err, 16007, "can't convert from BSON type %s to String", fgd_type_name (args[0].type));
   }
   const char *text = fgd_string (&args[0], &len);
   char *copy = fgd_arena_copy (eval->arena, text, len);
   if (!copy) {
      return fgd_no_memory (err);
   }
   for (size_t i = 0; i < len; i++) {
      bool letter = lower ? copy[i] >= 'A' && copy[i] <= 'Z' : copy[i] >= 'a' && copy[i] <= 'z';
      copy[i] = letter ? (char)(copy[i] ^ 0x20) : copy[i];
   }
   return fgd_expr_give (eval, fgd_make_string (eval->arena, copy, len), out, err);
}

static bool
call_length (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   bool bytes = strcmp (self->op->name, "$strLenBytes") == 0;
   size_t len = 0;
   size_t count = 0;
   (void)n;
   if (args[0].type != FGD_T_STRING) {
      return fgd_fail (err, bytes ? 34473 : 34471, "%s requires a string argument, found: %s", self->op->name,
                       fgd_type_name (args[0].type));
   }
   const char *text = fgd_string (&args[0], &len);
   for (size_t i = 0; i < len; i++) {
      count += bytes || ((unsigned char)text[i] & 0xc0u) != 0x80u ? 1u : 0u;
   }
   return fgd_expr_give (eval, fgd_make_int32 (eval->arena, (int32_t)count), out, err);
}

const fgd_expr_op fgd_expr_strings[] = {
   {.name = "$concat", .min = 0, .max = SIZE_MAX, .call = call_concat},
   {.name = "$toLower", .min = 1, .max = 1, .call = call_case},
   {.name = "$toUpper", .min = 1, .max = 1, .call = call_case},
   {.name = "$strLenBytes", .min = 1, .max = 1, .call = call_length},
   {.name = "$strLenCP", .min = 1, .max = 1, .call = call_length},
   {.name = NULL},
};
