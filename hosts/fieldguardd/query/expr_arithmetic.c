/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/expr.h"
#include "hosts/fieldguardd/query/number.h"

#include <math.h>

/* Whole numbers that overflow 64 bits go on as doubles. */
static fgd_number
as_double (const fgd_number *n)
{
   return (fgd_number){.type = FGD_T_DOUBLE, .d = fgd_number_to_double (n)};
}

static fgd_number
add_numbers (const fgd_number *a, const fgd_number *b)
{
   fgd_number sum;
   if (!fgd_number_add (a, b, &sum)) {
      sum = (fgd_number){.type = FGD_T_DOUBLE, .d = fgd_number_to_double (a) + fgd_number_to_double (b)};
   }
   return sum;
}

static bool
give_number (fgd_eval *eval, const fgd_number *n, fg_value *out, fg_error *err)
{
   return fgd_expr_give (eval, fgd_number_make (eval->arena, n), out, err);
}

static bool
give_null (fg_value *out)
{
   *out = fgd_make_null ();
   return true;
}

/* A date plus a number of milliseconds. */
static bool
give_date (fgd_eval *eval, int64_t date, const fgd_number *offset, fg_value *out, fg_error *err)
{
   fgd_number base = {.type = FGD_T_INT64, .i = date};
   fgd_number sum = add_numbers (&base, offset);
   double ms = fgd_number_to_double (&sum);
   if (sum.type != FGD_T_INT64 && !(fabs (ms) < 9.2e18)) {
      return fgd_fail (err, FGD_OVERFLOW, "date overflow");
   }
   return fgd_expr_give (eval, fgd_make_date (eval->arena, sum.type == FGD_T_INT64 ? sum.i : (int64_t)ms), out, err);
}

static bool
call_add (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fgd_number total = {.type = FGD_T_INT32};
   fgd_number number;
   bool has_date = false;
   int64_t date = 0;
   (void)self;
   for (size_t i = 0; i < n; i++) {
      if (fgd_is_nullish (&args[i])) {
         return give_null (out);
      }
      if (args[i].type == FGD_T_DATE) {
         if (has_date) {
            return fgd_fail (err, 16612, "only one date allowed in an $add expression");
         }
         has_date = true;
         date = (int64_t)fg_read_u64le (args[i].data);
         continue;
      }
      if (!fgd_number_read (&args[i], &number)) {
         return fgd_fail (err, FGD_TYPE_MISMATCH, "$add only supports numeric or date types, not %s",
                          fgd_type_name (args[i].type));
      }
      total = add_numbers (&total, &number);
   }
   return has_date ? give_date (eval, date, &total, out, err) : give_number (eval, &total, out, err);
}

static bool
call_subtract (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fgd_number a;
   fgd_number b;
   (void)self;
   (void)n;
   if (fgd_is_nullish (&args[0]) || fgd_is_nullish (&args[1])) {
      return give_null (out);
   }
   if (args[0].type == FGD_T_DATE && args[1].type == FGD_T_DATE) {
      int64_t ms = 0;
      if (__builtin_sub_overflow ((int64_t)fg_read_u64le (args[0].data), (int64_t)fg_read_u64le (args[1].data), &ms)) {
         return fgd_fail (err, FGD_OVERFLOW, "date overflow");
      }
      return fgd_expr_give (eval, fgd_make_int64 (eval->arena, ms), out, err);
   }
   if (!fgd_number_read (&args[1], &b) || (args[0].type != FGD_T_DATE && !fgd_number_read (&args[0], &a))) {
      return fgd_fail (err, FGD_TYPE_MISMATCH, "can't $subtract %s from %s", fgd_type_name (args[1].type),
                       fgd_type_name (args[0].type));
   }
   b = fgd_number_negate (&b);
   if (args[0].type == FGD_T_DATE) {
      return give_date (eval, (int64_t)fg_read_u64le (args[0].data), &b, out, err);
   }
   if (args[0].type == FGD_T_INT32 && args[1].type == FGD_T_INT32) {
      b.type = b.i >= INT32_MIN && b.i <= INT32_MAX ? FGD_T_INT32 : FGD_T_INT64;
   }
   fgd_number difference = add_numbers (&a, &b);
   return give_number (eval, &difference, out, err);
}

static bool
call_multiply (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fgd_number total = {.type = FGD_T_INT32, .i = 1};
   fgd_number number;
   (void)self;
   for (size_t i = 0; i < n; i++) {
      if (fgd_is_nullish (&args[i])) {
         return give_null (out);
      }
      if (!fgd_number_read (&args[i], &number)) {
         return fgd_fail (err, FGD_TYPE_MISMATCH, "$multiply only supports numeric types, not %s",
                          fgd_type_name (args[i].type));
      }
      if (!fgd_number_multiply (&total, &number, &total)) {
         total =
            (fgd_number){.type = FGD_T_DOUBLE, .d = fgd_number_to_double (&total) * fgd_number_to_double (&number)};
      }
   }
   return give_number (eval, &total, out, err);
}

static bool
is_zero (const fgd_number *n)
{
   double d = fgd_number_to_double (n);
   return n->type == FGD_T_DECIMAL ? n->dec.kind == FGD_DECIMAL_FINITE && n->dec.n == 0 : d >= 0 && d <= 0;
}

static bool
call_divide (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fgd_number a;
   fgd_number b;
   (void)self;
   (void)n;
   if (fgd_is_nullish (&args[0]) || fgd_is_nullish (&args[1])) {
      return give_null (out);
   }
   if (!fgd_number_read (&args[0], &a) || !fgd_number_read (&args[1], &b)) {
      return fgd_fail (err, FGD_TYPE_MISMATCH, "$divide only supports numeric types, not %s and %s",
                       fgd_type_name (args[0].type), fgd_type_name (args[1].type));
   }
   if (is_zero (&b)) {
      return fgd_fail (err, FGD_BAD_VALUE, "can't $divide by zero");
   }
   fgd_number quotient = {.type = FGD_T_DOUBLE};
   if (a.type == FGD_T_DECIMAL || b.type == FGD_T_DECIMAL) {
      fgd_decimal x;
      fgd_decimal y;
      fgd_number_to_decimal (&a, &x);
      fgd_number_to_decimal (&b, &y);
      quotient.type = FGD_T_DECIMAL;
      fgd_decimal_divide (&x, &y, &quotient.dec);
   } else {
      quotient.d = fgd_number_to_double (&a) / fgd_number_to_double (&b);
   }
   return give_number (eval, &quotient, out, err);
}

static bool
call_mod (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fgd_number a;
   fgd_number b;
   (void)self;
   (void)n;
   if (fgd_is_nullish (&args[0]) || fgd_is_nullish (&args[1])) {
      return give_null (out);
   }
   if (!fgd_number_read (&args[0], &a) || !fgd_number_read (&args[1], &b)) {
      return fgd_fail (err, 16611, "$mod only supports numeric types, not %s and %s", fgd_type_name (args[0].type),
                       fgd_type_name (args[1].type));
   }
   if (is_zero (&b)) {
      return fgd_fail (err, 16610, "can't $mod by zero");
   }
   if (a.type == FGD_T_DECIMAL || b.type == FGD_T_DECIMAL) {
      return fgd_fail (err, 168, "$mod of decimals is not offered by this server");
   }
   fgd_number rest = {.type = a.type == FGD_T_INT32 && b.type == FGD_T_INT32 ? FGD_T_INT32 : FGD_T_INT64};
   if (a.type == FGD_T_DOUBLE || b.type == FGD_T_DOUBLE) {
      rest.type = FGD_T_DOUBLE;
      rest.d = fmod (fgd_number_to_double (&a), fgd_number_to_double (&b));
   } else {
      rest.i = b.i == -1 ? 0 : a.i % b.i;
   }
   return give_number (eval, &rest, out, err);
}

/* $abs, $ceil, $floor: one number in, one number of the same type out. */
static bool
call_round (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fgd_number a;
   (void)n;
   if (fgd_is_nullish (&args[0])) {
      return give_null (out);
   }
   if (!fgd_number_read (&args[0], &a)) {
      return fgd_fail (err, 28765, "%s only supports numeric types, not %s", self->op->name,
                       fgd_type_name (args[0].type));
   }
   bool absolute = self->op->name[1] == 'a';
   if (a.type == FGD_T_DECIMAL && !absolute) {
      return fgd_fail (err, 168, "%s of decimals is not offered by this server", self->op->name);
   }
   if (a.type == FGD_T_INT64 && a.i == INT64_MIN && absolute) {
      return fgd_fail (err, 28680, "can't take $abs of long long min");
   }
   if (absolute) {
      bool negative = a.type == FGD_T_DECIMAL ? a.dec.negative : a.type == FGD_T_DOUBLE ? signbit (a.d) != 0 : a.i < 0;
      uint8_t type = a.type;
      a = negative ? fgd_number_negate (&a) : a;
      a.type = type == FGD_T_INT32 && a.i > INT32_MAX ? FGD_T_INT64 : type;
   } else {
      a.d = self->op->name[1] == 'c' ? ceil (a.d) : floor (a.d);
   }
   return give_number (eval, &a, out, err);
}

/* --- $sum, $avg, $min, $max as expressions: one argument that is an array stands for its elements ------------------------- */

typedef struct totals {
   fgd_number sum;
   size_t n;
   fg_value least;
   fg_value greatest;
} totals;

static void
total_one (totals *t, const fg_value *value)
{
   fgd_number number;
   if (fgd_number_read (value, &number)) {
      t->sum = add_numbers (&t->sum, &number);
      t->n++;
   }
   if (fgd_is_nullish (value)) {
      return;
   }
   if (t->least.type == 0 || fg_value_compare (value, &t->least) < 0) {
      t->least = *value;
   }
   if (t->greatest.type == 0 || fg_value_compare (value, &t->greatest) > 0) {
      t->greatest = *value;
   }
}

static bool
give_average (fgd_eval *eval, const totals *t, fg_value *out, fg_error *err)
{
   fgd_number average = as_double (&t->sum);
   if (t->sum.type == FGD_T_DECIMAL) {
      fgd_decimal count;
      average.type = FGD_T_DECIMAL;
      fgd_decimal_from_int64 ((int64_t)t->n, &count);
      fgd_decimal_divide (&t->sum.dec, &count, &average.dec);
   } else {
      average.d /= (double)t->n;
   }
   return give_number (eval, &average, out, err);
}

static bool
call_totals (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   totals t = {.sum = {.type = FGD_T_INT32}};
   if (n == 1 && args[0].type == FGD_T_ARRAY) {
      fgd_walk walk;
      fgd_element element;
      fgd_walk_begin (&walk, args[0].data, args[0].len);
      while (fgd_walk_next (&walk, &element)) {
         total_one (&t, &element.value);
      }
   } else {
      for (size_t i = 0; i < n; i++) {
         total_one (&t, &args[i]);
      }
   }
   if (strcmp (self->op->name, "$sum") == 0) {
      return give_number (eval, &t.sum, out, err);
   }
   if (strcmp (self->op->name, "$avg") == 0) {
      return t.n > 0 ? give_average (eval, &t, out, err) : give_null (out);
   }
   *out = strcmp (self->op->name, "$min") == 0 ? t.least : t.greatest;
   return out->type != 0 ? true : give_null (out);
}

const fgd_expr_op fgd_expr_arithmetic[] = {
   {.name = "$add", .min = 0, .max = SIZE_MAX, .call = call_add},
   {.name = "$subtract", .min = 2, .max = 2, .call = call_subtract},
   {.name = "$multiply", .min = 0, .max = SIZE_MAX, .call = call_multiply},
   {.name = "$divide", .min = 2, .max = 2, .call = call_divide},
   {.name = "$mod", .min = 2, .max = 2, .call = call_mod},
   {.name = "$abs", .min = 1, .max = 1, .call = call_round},
   {.name = "$ceil", .min = 1, .max = 1, .call = call_round},
   {.name = "$floor", .min = 1, .max = 1, .call = call_round},
   {.name = "$sum", .min = 0, .max = SIZE_MAX, .call = call_totals},
   {.name = "$avg", .min = 0, .max = SIZE_MAX, .call = call_totals},
   {.name = "$min", .min = 0, .max = SIZE_MAX, .call = call_totals},
   {.name = "$max", .min = 0, .max = SIZE_MAX, .call = call_totals},
   {.name = NULL},
};
