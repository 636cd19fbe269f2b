/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * IEEE 754 decimal128 in its binary integer encoding, for the few operations that updates and expressions need. Digits one a byte: slow and plain.
 */

#define DIGITS 34
#define EXPONENT_MIN (-6176)
#define EXPONENT_MAX 6111

__extension__ typedef unsigned __int128 wide;

static void
set_digits (fgd_decimal *out, wide n)
{
   uint8_t reversed[40];
   int count = 0;
   while (n > 0) {
      reversed[count++] = (uint8_t)(n % 10);
      n /= 10;
   }
   out->n = count;
   for (int i = 0; i < count; i++) {
      out->digits[i] = reversed[count - 1 - i];
   }
}

void
fgd_decimal_read (const uint8_t bytes[16], fgd_decimal *out)
{
   uint64_t low = fg_read_u64le (bytes);
   uint64_t high = fg_read_u64le (bytes + 8);
   wide limit = 1;
   *out = (fgd_decimal){0};
   out->negative = (high >> 63) != 0;
   if (((high >> 58) & 0x1f) == 0x1f || ((high >> 58) & 0x1f) == 0x1e) {
      out->kind = ((high >> 58) & 0x1f) == 0x1f ? FGD_DECIMAL_NAN : FGD_DECIMAL_INFINITE;
      return;
   }
   if (((high >> 61) & 3) == 3) { /* a coefficient too large to be canonical: it counts as zero */
      out->exponent = (int)((high >> 47) & 0x3fff) + EXPONENT_MIN;
      return;
   }
   for (int i = 0; i < DIGITS; i++) {
      limit *= 10;
   }
   wide n = ((wide)(high & 0x1ffffffffffffull) << 64) | low;
   out->exponent = (int)((high >> 49) & 0x3fff) + EXPONENT_MIN;
   set_digits (out, n < limit ? n : 0);
}

static void
strip_leading (fgd_decimal *d)
{
   int zeros = 0;
   while (zeros < d->n && d->digits[zeros] == 0) {
      zeros++;
   }
   memmove (d->digits, d->digits + zeros, (size_t)(d->n - zeros));
   d->n -= zeros;
}

/* Drops `drop` digits from the right, rounding half to even. */
static void
round_off (fgd_decimal *d, int drop)
{
   int keep = d->n - drop;
   if (drop <= 0) {
      return;
   }
   d->exponent += drop;
   if (keep < 0) {
      d->n = 0;
      return;
   }
   bool above = d->digits[keep] > 5;
   bool half = d->digits[keep] == 5;
   for (int i = keep + 1; half && i < d->n; i++) {
      above = above || d->digits[i] != 0;
   }
   bool odd = keep > 0 && (d->digits[keep - 1] & 1) != 0;
   d->n = keep;
   if (!above && !(half && odd)) {
      return;
   }
   int i = keep - 1;
   while (i >= 0 && d->digits[i] == 9) {
      d->digits[i--] = 0;
   }
   if (i >= 0) {
      d->digits[i]++;
      return;
   }
   memmove (d->digits + 1, d->digits, (size_t)keep);
   d->digits[0] = 1;
   d->n = keep + 1;
}

static void
fit (fgd_decimal *d)
{
   strip_leading (d);
   round_off (d, d->n - DIGITS);
   round_off (d, d->n - DIGITS); /* 99..9 may have grown a digit */
   if (d->exponent < EXPONENT_MIN) {
      round_off (d, EXPONENT_MIN - d->exponent);
   }
   while (d->exponent > EXPONENT_MAX && d->n > 0 && d->n < DIGITS) {
      d->digits[d->n++] = 0;
      d->exponent--;
   }
   if (d->exponent > EXPONENT_MAX) {
      if (d->n > 0) {
         d->kind = FGD_DECIMAL_INFINITE;
      }
      d->exponent = EXPONENT_MAX;
   }
}

void
fgd_decimal_write (const fgd_decimal *source, uint8_t bytes[16])
{
   fgd_decimal d = *source;
   uint64_t high = 0;
   uint64_t low = 0;
   if (d.kind == FGD_DECIMAL_FINITE) {
      fit (&d);
   }
   if (d.kind == FGD_DECIMAL_NAN) {
      high = 0x7c00000000000000ull;
   } else if (d.kind == FGD_DECIMAL_INFINITE) {
      high = 0x7800000000000000ull;
   } else {
      wide n = 0;
      for (int i = 0; i < d.n; i++) {
         n = n * 10 + d.digits[i];
      }
      low = (uint64_t)n;
      high = (uint64_t)(n >> 64) | ((uint64_t)(unsigned)(d.exponent - EXPONENT_MIN) << 49);
   }
   if (d.negative && d.kind != FGD_DECIMAL_NAN) {
      high |= 0x8000000000000000ull;
   }
   for (int i = 0; i < 8; i++) {
      bytes[i] = (uint8_t)(low >> (8 * i));
      bytes[8 + i] = (uint8_t)(high >> (8 * i));
   }
}

void
fgd_decimal_from_int64 (int64_t n, fgd_decimal *out)
{
   *out = (fgd_decimal){0};
   out->negative = n < 0;
   set_digits (out, n < 0 ? (wide)(0 - (uint64_t)n) : (wide)(uint64_t)n);
}

void
fgd_decimal_from_double (double d, fgd_decimal *out)
{
   char text[40];
   *out = (fgd_decimal){0};
   out->negative = signbit (d) != 0;
   if (isnan (d) || isinf (d)) {
      out->kind = isnan (d) ? FGD_DECIMAL_NAN : FGD_DECIMAL_INFINITE;
      return;
   }
   if (d >= 0 && d <= 0) {
      return;
   }
   snprintf (text, sizeof text, "%.14e", fabs (d));
   const char *at = text;
   for (; *at && *at != 'e'; at++) {
      if (*at >= '0' && *at <= '9') {
         out->digits[out->n++] = (uint8_t)(*at - '0');
      }
   }
   out->exponent = (*at == 'e' ? (int)strtol (at + 1, NULL, 10) : 0) - 14;
}

double
fgd_decimal_to_double (const fgd_decimal *d)
{
   char text[80];
   size_t at = 0;
   if (d->kind != FGD_DECIMAL_FINITE) {
      double special = d->kind == FGD_DECIMAL_NAN ? (double)NAN : (double)INFINITY;
      return d->negative ? -special : special;
   }
   text[at++] = d->negative ? '-' : '+';
   for (int i = 0; i < d->n && i < 40; i++) {
      text[at++] = (char)('0' + d->digits[i]);
   }
   if (d->n == 0) {
      text[at++] = '0';
   }
   snprintf (text + at, sizeof text - at, "e%d", d->exponent);
   return strtod (text, NULL);
}

static bool
take_nan (const fgd_decimal *a, const fgd_decimal *b, fgd_decimal *out)
{
   if (a->kind == FGD_DECIMAL_NAN || b->kind == FGD_DECIMAL_NAN) {
      *out = (fgd_decimal){.kind = FGD_DECIMAL_NAN};
      return true;
   }
   return false;
}

/* Pads d with zeros on the right until its exponent is `exponent`, as far as there is room. */
static void
lower_exponent (fgd_decimal *d, int exponent, int room)
{
   while (d->exponent > exponent && d->n < room) {
      d->digits[d->n++] = 0;
      d->exponent--;
   }
}

static int
compare_digits (const fgd_decimal *a, const fgd_decimal *b)
{
   if (a->n != b->n) {
      return a->n < b->n ? -1 : 1;
   }
   return memcmp (a->digits, b->digits, (size_t)a->n);
}

/* big + sign * small; both have the same exponent and big is not the smaller one. */
static void
combine (const fgd_decimal *big, const fgd_decimal *small, int sign, fgd_decimal *out)
{
   int carry = 0;
   *out = *big;
   for (int i = 0; i < big->n; i++) {
      int s = i < small->n ? small->digits[small->n - 1 - i] : 0;
      int sum = big->digits[big->n - 1 - i] + sign * s + carry;
      carry = sum < 0 ? -1 : sum / 10;
      out->digits[big->n - 1 - i] = (uint8_t)((sum + 10) % 10);
   }
   if (carry > 0) {
      memmove (out->digits + 1, out->digits, (size_t)out->n);
      out->digits[0] = (uint8_t)carry;
      out->n++;
   }
   strip_leading (out);
}

void
fgd_decimal_add (const fgd_decimal *left, const fgd_decimal *right, fgd_decimal *out)
{
   fgd_decimal a = *left;
   fgd_decimal b = *right;
   if (take_nan (&a, &b, out)) {
      return;
   }
   if (a.kind == FGD_DECIMAL_INFINITE || b.kind == FGD_DECIMAL_INFINITE) {
      bool both = a.kind == b.kind;
      *out = (fgd_decimal){.kind = both && a.negative != b.negative ? FGD_DECIMAL_NAN : FGD_DECIMAL_INFINITE,
                           .negative = a.kind == FGD_DECIMAL_INFINITE ? a.negative : b.negative};
      return;
   }
   int lowest = a.exponent < b.exponent ? a.exponent : b.exponent;
   if (a.n == 0 || b.n == 0) {
      bool zero = a.n == 0 && b.n == 0;
      *out = a.n == 0 ? b : a;
      out->negative = zero ? a.negative && b.negative : out->negative;
      lower_exponent (out, lowest, zero ? 0 : DIGITS);
      out->exponent = zero ? lowest : out->exponent;
      return;
   }
   /* 70 digits keep the larger one's 34, a guard and all that a smaller one can add; what lies still further right only counts as "something". */
   fgd_decimal *high = a.exponent + a.n >= b.exponent + b.n ? &a : &b;
   fgd_decimal *low = high == &a ? &b : &a;
   if (high->exponent > low->exponent) {
      lower_exponent (high, low->exponent, 70);
   } else {
      lower_exponent (low, high->exponent, 70);
   }
   if (high->exponent > low->exponent) {
      int shift = high->exponent - low->exponent;
      low->exponent = high->exponent;
      low->n = low->n > shift ? low->n - shift : 0;
      if (low->n == 0) {
         low->digits[low->n++] = 1;
      }
   }
   int order = compare_digits (&a, &b);
   bool same = a.negative == b.negative;
   combine (order >= 0 ? &a : &b, order >= 0 ? &b : &a, same ? 1 : -1, out);
   out->negative = out->n == 0 ? same && a.negative : out->negative;
   fit (out);
}

void
fgd_decimal_multiply (const fgd_decimal *a, const fgd_decimal *b, fgd_decimal *out)
{
   fgd_decimal product = {.negative = a->negative != b->negative};
   if (take_nan (a, b, out)) {
      return;
   }
   bool infinite = a->kind == FGD_DECIMAL_INFINITE || b->kind == FGD_DECIMAL_INFINITE;
   if (infinite) {
      bool zero = (a->kind == FGD_DECIMAL_FINITE && a->n == 0) || (b->kind == FGD_DECIMAL_FINITE && b->n == 0);
      product.kind = zero ? FGD_DECIMAL_NAN : FGD_DECIMAL_INFINITE;
      *out = product;
      return;
   }
   int columns[80] = {0};
   product.n = a->n > 0 && b->n > 0 ? a->n + b->n : 0;
   for (int i = 0; product.n > 0 && i < a->n; i++) {
      for (int k = 0; k < b->n; k++) {
         columns[i + k + 1] += a->digits[i] * b->digits[k];
      }
   }
   for (int i = product.n - 1; i > 0; i--) {
      columns[i - 1] += columns[i] / 10;
      columns[i] %= 10;
   }
   for (int i = 0; i < product.n; i++) {
      product.digits[i] = (uint8_t)columns[i];
   }
   product.exponent = a->exponent + b->exponent;
   fit (&product);
   *out = product;
}

static wide
coefficient (const fgd_decimal *d)
{
   wide n = 0;
   for (int i = 0; i < d->n && i < DIGITS; i++) {
      n = n * 10 + d->digits[i];
   }
   return n;
}

void
fgd_decimal_divide (const fgd_decimal *a, const fgd_decimal *b, fgd_decimal *out)
{
   fgd_decimal quotient = {.negative = a->negative != b->negative};
   if (take_nan (a, b, out)) {
      return;
   }
   bool a_infinite = a->kind == FGD_DECIMAL_INFINITE;
   bool b_infinite = b->kind == FGD_DECIMAL_INFINITE;
   if (a_infinite || b_infinite || b->n == 0) {
      bool undefined = (a_infinite && b_infinite) || (b->n == 0 && !b_infinite && !a_infinite && a->n == 0);
      quotient.kind = undefined ? FGD_DECIMAL_NAN : b_infinite ? FGD_DECIMAL_FINITE : FGD_DECIMAL_INFINITE;
      quotient.exponent = b_infinite ? EXPONENT_MIN : 0;
      *out = quotient;
      return;
   }
   /* Long division: bring digits of a down, then zeros, until 36 significant digits or nothing is left. */
   wide divisor = coefficient (b);
   wide rest = 0;
   int ideal = a->exponent - b->exponent;
   quotient.exponent = ideal;
   for (int i = 0; i < a->n || (rest != 0 && quotient.n < 36); i++) {
      uint8_t digit = 0;
      rest = rest * 10 + (i < a->n ? a->digits[i] : 0);
      while (rest >= divisor) {
         rest -= divisor;
         digit++;
      }
      quotient.exponent -= i >= a->n ? 1 : 0;
      if (quotient.n > 0 || digit > 0) {
         quotient.digits[quotient.n++] = digit;
      }
   }
   if (rest != 0) {
      quotient.digits[quotient.n++] = 1; /* something lies further right: it decides a half */
      quotient.exponent--;
   }
   fit (&quotient);
   *out = quotient;
}
