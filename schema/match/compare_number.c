/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/number.h"

#include "base/base.h"

#include <math.h>

double
fg_number_double (const fg_value *number)
{
   uint64_t bits;
   double value;

   switch (number->type) {
   case BSON_INT:
      return fg_read_i32le (number->data);
   case BSON_LONG:
      return (double)(int64_t)fg_read_u64le (number->data);
   case BSON_DOUBLE:
      bits = fg_read_u64le (number->data);
      memcpy (&value, &bits, sizeof value);
      return value;
   default:
      return NAN;
   }
}

static int64_t
integer_of (const fg_value *number)
{
   return number->type == BSON_INT ? fg_read_i32le (number->data) : (int64_t)fg_read_u64le (number->data);
}

static int
compare_doubles (double a, double b)
{
   if (isnan (a) || isnan (b)) {
      return !isnan (a) - !isnan (b);
   }
   return a < b ? -1 : a > b;
}

static int
compare_integer_to_double (int64_t a, double b)
{
   if (isnan (b)) {
      return 1;
   }
   if (b >= 9223372036854775808.0) {
      return -1;
   }
   if (b < -9223372036854775808.0) {
      return 1;
   }
   int64_t whole = (int64_t)b; /* exact: b is in range, truncation drops only the fraction */
   if (a != whole) {
      return a < whole ? -1 : 1;
   }
   double fraction = b - trunc (b);
   return fraction > 0 ? -1 : fraction < 0;
}

static int
compare_integers (int64_t a, int64_t b)
{
   return a < b ? -1 : a > b;
}

int
fg_number_compare (const fg_value *a, const fg_value *b)
{
   if (a->type == BSON_DECIMAL || b->type == BSON_DECIMAL) {
      fg_decimal x = fg_decimal_of (a, 34);
      fg_decimal y = fg_decimal_of (b, 34);
      return fg_decimal_compare (&x, &y);
   }
   if (a->type == BSON_DOUBLE && b->type == BSON_DOUBLE) {
      return compare_doubles (fg_number_double (a), fg_number_double (b));
   }
   if (a->type == BSON_DOUBLE) {
      return -compare_integer_to_double (integer_of (b), fg_number_double (a));
   }
   if (b->type == BSON_DOUBLE) {
      return compare_integer_to_double (integer_of (a), fg_number_double (b));
   }
   return compare_integers (integer_of (a), integer_of (b));
}

bool
fg_number_is_nan (const fg_value *number)
{
   if (number->type == BSON_DOUBLE) {
      return isnan (fg_number_double (number));
   }
   if (number->type != BSON_DECIMAL) {
      return false;
   }
   return fg_decimal_of (number, 34).kind == FG_DECIMAL_NAN;
}

bool
fg_number_is_zero (const fg_value *number)
{
   if (number->type == BSON_DOUBLE) {
      return fpclassify (fg_number_double (number)) == FP_ZERO;
   }
   if (number->type == BSON_DECIMAL) {
      fg_decimal d = fg_decimal_of (number, 34);
      return d.kind == FG_DECIMAL_FINITE && d.coefficient == 0;
   }
   return integer_of (number) == 0;
}

static fg_integral
double_to_int64 (double value, int64_t *out)
{
   if (!isfinite (value)) {
      return FG_INTEGRAL_NOT_FINITE;
   }
   if (value >= 9223372036854775808.0 || value < -9223372036854775808.0) {
      return FG_INTEGRAL_OVERFLOW;
   }
   *out = (int64_t)value;
   return compare_integer_to_double (*out, value) == 0 ? FG_INTEGRAL_EXACT : FG_INTEGRAL_FRACTION;
}

static fg_integral
decimal_to_int64 (const fg_decimal *d, int64_t *out)
{
   fg_u128 limit = ((fg_u128)1 << 63) - (d->negative ? 0 : 1);
   fg_u128 whole = d->coefficient;
   int32_t exponent = d->exponent;
   bool fraction = false;

   if (d->kind != FG_DECIMAL_FINITE) {
      return FG_INTEGRAL_NOT_FINITE;
   }
   for (; exponent < 0 && whole; exponent++) {
      fraction = fraction || whole % 10 != 0;
      whole /= 10;
   }
   for (; exponent > 0 && whole && whole <= limit; exponent--) {
      whole *= 10;
   }
   if (whole > limit) {
      return FG_INTEGRAL_OVERFLOW;
   }
   *out = d->negative ? (int64_t)(0 - (uint64_t)whole) : (int64_t)whole;
   return fraction ? FG_INTEGRAL_FRACTION : FG_INTEGRAL_EXACT;
}

fg_integral
fg_number_to_int64 (const fg_value *number, int64_t *out)
{
   *out = 0;
   if (number->type == BSON_DOUBLE) {
      return double_to_int64 (fg_number_double (number), out);
   }
   if (number->type == BSON_DECIMAL) {
      fg_decimal d = fg_decimal_of (number, 34);
      return decimal_to_int64 (&d, out);
   }
   *out = integer_of (number);
   return FG_INTEGRAL_EXACT;
}
