/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/number.h"

#include <math.h>

static double
double_of (const uint8_t *at)
{
   uint64_t bits = fg_read_u64le (at);
   double d;
   memcpy (&d, &bits, sizeof d);
   return d;
}

bool
fgd_number_read (const fg_value *value, fgd_number *out)
{
   *out = (fgd_number){.type = value->type};
   switch (value->type) {
   case FGD_T_INT32:
      out->i = fg_read_i32le (value->data);
      return true;
   case FGD_T_INT64:
      out->i = (int64_t)fg_read_u64le (value->data);
      return true;
   case FGD_T_DOUBLE:
      out->d = double_of (value->data);
      return true;
   case FGD_T_DECIMAL:
      fgd_decimal_read (value->data, &out->dec);
      return true;
   default:
      return false;
   }
}

fg_value
fgd_number_make (fgd_arena *arena, const fgd_number *number)
{
   uint8_t bytes[16];
   switch (number->type) {
   case FGD_T_INT32:
      return fgd_make_int32 (arena, (int32_t)number->i);
   case FGD_T_INT64:
      return fgd_make_int64 (arena, number->i);
   case FGD_T_DOUBLE:
      return fgd_make_double (arena, number->d);
   default:
      fgd_decimal_write (&number->dec, bytes);
      return fgd_make (arena, FGD_T_DECIMAL, bytes, sizeof bytes);
   }
}

double
fgd_number_to_double (const fgd_number *number)
{
   switch (number->type) {
   case FGD_T_INT32:
   case FGD_T_INT64:
      return (double)number->i;
   case FGD_T_DOUBLE:
      return number->d;
   default:
      return fgd_decimal_to_double (&number->dec);
   }
}

void
fgd_number_to_decimal (const fgd_number *number, fgd_decimal *out)
{
   switch (number->type) {
   case FGD_T_INT32:
   case FGD_T_INT64:
      fgd_decimal_from_int64 (number->i, out);
      return;
   case FGD_T_DOUBLE:
      fgd_decimal_from_double (number->d, out);
      return;
   default:
      *out = number->dec;
   }
}

static uint8_t
wider_type (const fgd_number *a, const fgd_number *b)
{
   static const uint8_t order[] = {FGD_T_DECIMAL, FGD_T_DOUBLE, FGD_T_INT64};
   for (size_t i = 0; i < sizeof order; i++) {
      if (a->type == order[i] || b->type == order[i]) {
         return order[i];
      }
   }
   return FGD_T_INT32;
}

static uint8_t
whole_type (uint8_t wanted, int64_t n)
{
   return wanted == FGD_T_INT32 && n >= INT32_MIN && n <= INT32_MAX ? FGD_T_INT32 : FGD_T_INT64;
}

bool
fgd_number_add (const fgd_number *a, const fgd_number *b, fgd_number *out)
{
   fgd_number sum = {.type = wider_type (a, b)};
   if (sum.type == FGD_T_DECIMAL) {
      fgd_decimal x;
      fgd_decimal y;
      fgd_number_to_decimal (a, &x);
      fgd_number_to_decimal (b, &y);
      fgd_decimal_add (&x, &y, &sum.dec);
   } else if (sum.type == FGD_T_DOUBLE) {
      sum.d = fgd_number_to_double (a) + fgd_number_to_double (b);
   } else {
      if (__builtin_add_overflow (a->i, b->i, &sum.i)) {
         return false;
      }
      sum.type = whole_type (sum.type, sum.i);
   }
   *out = sum;
   return true;
}

bool
fgd_number_multiply (const fgd_number *a, const fgd_number *b, fgd_number *out)
{
   fgd_number product = {.type = wider_type (a, b)};
   if (product.type == FGD_T_DECIMAL) {
      fgd_decimal x;
      fgd_decimal y;
      fgd_number_to_decimal (a, &x);
      fgd_number_to_decimal (b, &y);
      fgd_decimal_multiply (&x, &y, &product.dec);
   } else if (product.type == FGD_T_DOUBLE) {
      product.d = fgd_number_to_double (a) * fgd_number_to_double (b);
   } else {
      if (__builtin_mul_overflow (a->i, b->i, &product.i)) {
         return false;
      }
      product.type = whole_type (product.type, product.i);
   }
   *out = product;
   return true;
}

fgd_number
fgd_number_negate (const fgd_number *a)
{
   fgd_number out = *a;
   out.d = -a->d;
   out.dec.negative = !a->dec.negative;
   if (a->type == FGD_T_INT32 || a->type == FGD_T_INT64) {
      if (a->i == INT64_MIN) {
         out.type = FGD_T_DOUBLE;
         out.d = -(double)a->i;
         return out;
      }
      out.i = -a->i;
      out.type = whole_type (a->type, out.i);
   }
   return out;
}

bool
fgd_to_int64 (const fg_value *value, int64_t *out)
{
   fgd_number n;
   if (!fgd_number_read (value, &n)) {
      return false;
   }
   if (n.type == FGD_T_INT32 || n.type == FGD_T_INT64) {
      *out = n.i;
      return true;
   }
   double d = fgd_number_to_double (&n);
   if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0) || trunc (d) < d || trunc (d) > d) {
      return false;
   }
   *out = (int64_t)d;
   return true;
}
