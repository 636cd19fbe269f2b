/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/number.h"

#include "base/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DECIMAL_DIGITS 34
#define DECIMAL_BIAS 6176

static fg_u128
power_of_ten (int n)
{
   fg_u128 result = 1;
   while (n-- > 0) {
      result *= 10;
   }
   return result;
}

static int
digit_count (fg_u128 n)
{
   int digits = 0;
   while (n) {
      n /= 10;
      digits++;
   }
   return digits;
}

/* IEEE 754-2008 decimal128, binary integer encoding, little-endian. */
static fg_decimal
decimal_decode (const uint8_t *data)
{
   uint64_t low = fg_read_u64le (data);
   uint64_t high = fg_read_u64le (data + 8);
   fg_decimal d = {FG_DECIMAL_FINITE, (high >> 63) != 0, 0, 0};
   uint64_t combination = (high >> 58) & 0x1F;

   if (combination == 0x1F) {
      d.kind = FG_DECIMAL_NAN;
      return d;
   }
   if (combination == 0x1E) {
      d.kind = FG_DECIMAL_INFINITE;
      return d;
   }
   if ((combination >> 3) == 3) { /* the long form: its coefficient always exceeds 34 digits, which reads as zero */
      d.exponent = (int32_t)((high >> 47) & 0x3FFF) - DECIMAL_BIAS;
      return d;
   }
   d.exponent = (int32_t)((high >> 49) & 0x3FFF) - DECIMAL_BIAS;
   d.coefficient = ((fg_u128)(high & 0x1FFFFFFFFFFFFULL) << 64) | low;
   if (d.coefficient >= power_of_ten (DECIMAL_DIGITS)) {
      d.coefficient = 0;
   }
   return d;
}

/* Through the C library's correctly rounded printing: rare enough that clarity wins. */
static fg_decimal
decimal_of_double (double value, int digits)
{
   fg_decimal d = {FG_DECIMAL_FINITE, signbit (value) != 0, 0, 0};
   char text[64];

   if (isnan (value)) {
      d.kind = FG_DECIMAL_NAN;
      return d;
   }
   if (isinf (value)) {
      d.kind = FG_DECIMAL_INFINITE;
      return d;
   }
   snprintf (text, sizeof text, "%.*e", digits - 1, fabs (value));
   const char *p = text;
   for (; *p && *p != 'e'; p++) {
      if (*p >= '0' && *p <= '9') {
         d.coefficient = d.coefficient * 10 + (unsigned)(*p - '0');
      }
   }
   d.exponent = (*p == 'e' ? (int32_t)strtol (p + 1, NULL, 10) : 0) - (digits - 1);
   return d;
}

static fg_decimal
decimal_of_int64 (int64_t value)
{
   fg_decimal d = {FG_DECIMAL_FINITE, value < 0, 0, 0};
   d.coefficient = value < 0 ? (fg_u128)(-(value + 1)) + 1 : (fg_u128)value;
   return d;
}

fg_decimal
fg_decimal_of (const fg_value *number, int digits)
{
   switch (number->type) {
   case BSON_INT:
      return decimal_of_int64 (fg_read_i32le (number->data));
   case BSON_LONG:
      return decimal_of_int64 ((int64_t)fg_read_u64le (number->data));
   case BSON_DOUBLE:
      return decimal_of_double (fg_number_double (number), digits);
   default:
      return decimal_decode (number->data);
   }
}

static int
compare_magnitude (const fg_decimal *a, const fg_decimal *b)
{
   if (a->coefficient == 0 || b->coefficient == 0) {
      return (a->coefficient != 0) - (b->coefficient != 0);
   }
   int size_a = digit_count (a->coefficient) + a->exponent;
   int size_b = digit_count (b->coefficient) + b->exponent;
   if (size_a != size_b) {
      return size_a < size_b ? -1 : 1;
   }
   /* The same order of magnitude: scaling the shorter coefficient gives it the digits of the longer, at most 34. */
   fg_u128 x = a->coefficient;
   fg_u128 y = b->coefficient;
   if (a->exponent > b->exponent) {
      x *= power_of_ten (a->exponent - b->exponent);
   } else {
      y *= power_of_ten (b->exponent - a->exponent);
   }
   return x < y ? -1 : x > y;
}

int
fg_decimal_compare (const fg_decimal *a, const fg_decimal *b)
{
   if (a->kind == FG_DECIMAL_NAN || b->kind == FG_DECIMAL_NAN) {
      return (a->kind != FG_DECIMAL_NAN) - (b->kind != FG_DECIMAL_NAN);
   }
   int sign_a = a->kind == FG_DECIMAL_FINITE && a->coefficient == 0 ? 0 : a->negative ? -1 : 1;
   int sign_b = b->kind == FG_DECIMAL_FINITE && b->coefficient == 0 ? 0 : b->negative ? -1 : 1;
   if (sign_a != sign_b) {
      return sign_a < sign_b ? -1 : 1;
   }
   if (a->kind == FG_DECIMAL_INFINITE || b->kind == FG_DECIMAL_INFINITE) {
      return sign_a * ((a->kind == FG_DECIMAL_INFINITE) - (b->kind == FG_DECIMAL_INFINITE));
   }
   return sign_a * compare_magnitude (a, b);
}

/* x * y mod m without a wider type: all below 2^113. */
static fg_u128
multiply_modulo (fg_u128 x, fg_u128 y, fg_u128 m)
{
   fg_u128 result = 0;

   x %= m;
   while (y) {
      if (y & 1) {
         result = (result + x) % m;
      }
      x = (x + x) % m;
      y >>= 1;
   }
   return result;
}

static fg_u128
power_of_ten_modulo (uint32_t n, fg_u128 m)
{
   fg_u128 result = 1 % m;
   fg_u128 base = 10 % m;

   while (n) {
      if (n & 1) {
         result = multiply_modulo (result, base, m);
      }
      base = multiply_modulo (base, base, m);
      n >>= 1;
   }
   return result;
}

bool
fg_decimal_is_multiple (const fg_decimal *value, const fg_decimal *divisor)
{
   if (value->kind != FG_DECIMAL_FINITE || divisor->kind != FG_DECIMAL_FINITE || divisor->coefficient == 0) {
      return false;
   }
   if (value->coefficient == 0) {
      return true;
   }
   int32_t shift = value->exponent - divisor->exponent;
   fg_u128 m = divisor->coefficient;
   if (shift >= 0) {
      return multiply_modulo (value->coefficient, power_of_ten_modulo ((uint32_t)shift, m), m) == 0;
   }
   fg_u128 rest = value->coefficient;
   for (; shift < 0; shift++) {
      if (rest % 10 != 0) { /* at most 34 rounds: rest is not zero and loses a digit each time */
         return false;
      }
      rest /= 10;
   }
   return rest % m == 0;
}
