/* SPDX-License-Identifier: Apache-2.0 */

/* Numbers of four BSON types compared by exact value: each is written out as decimal digits, and the digits are compared. */

#include "tests/oracle/oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 1100

/* 0.DIGITS times ten to the power of exponent. zero: no digits. */
typedef struct written {
   bool negative, infinite, zero;
   long exponent;
   size_t n;
   char digits[DIGITS];
} written;

bool
oracle_is_number (bson_type_t type)
{
   return type == BSON_TYPE_DOUBLE || type == BSON_TYPE_INT32 || type == BSON_TYPE_INT64 ||
          type == BSON_TYPE_DECIMAL128;
}

/* d.ddddE+x, as printf and decimal128's text have it, and plain integers. */
static void
read_text (const char *text, written *w)
{
   long point = -1, exponent = 0;

   memset (w, 0, offsetof (written, digits));
   if (*text == '-') {
      w->negative = true;
      text++;
   }
   if (*text == 'I' || *text == 'i') {
      w->infinite = true;
      return;
   }
   for (; *text; text++) {
      if (*text == '.') {
         point = (long)w->n;
      } else if (*text == 'E' || *text == 'e') {
         exponent = strtol (text + 1, NULL, 10);
         break;
      } else if (w->n < DIGITS) {
         w->digits[w->n++] = *text;
      }
   }
   w->exponent = exponent + (point >= 0 ? point : (long)w->n);
   size_t zeros = 0;
   while (zeros < w->n && w->digits[zeros] == '0') {
      zeros++;
   }
   memmove (w->digits, w->digits + zeros, w->n - zeros);
   w->n -= zeros;
   w->exponent -= (long)zeros;
   while (w->n && w->digits[w->n - 1] == '0') {
      w->n--;
   }
   w->zero = w->n == 0;
}

static void
write_out (const bson_iter_t *value, written *w)
{
   char text[DIGITS];

   switch ((int)bson_iter_type (value)) {
   case BSON_TYPE_DOUBLE:
      snprintf (text, sizeof text, "%.800e", bson_iter_double (value));
      break;
   case BSON_TYPE_DECIMAL128: {
      bson_decimal128_t decimal;
      bson_iter_decimal128 (value, &decimal);
      bson_decimal128_to_string (&decimal, text);
      break;
   }
   default:
      snprintf (text, sizeof text, "%lld", (long long)bson_iter_as_int64 (value));
      break;
   }
   read_text (text, w);
}

bool
oracle_number_is_nan (const bson_iter_t *value)
{
   if (bson_iter_type (value) == BSON_TYPE_DECIMAL128) {
      bson_decimal128_t decimal;
      char text[BSON_DECIMAL128_STRING];
      bson_iter_decimal128 (value, &decimal);
      bson_decimal128_to_string (&decimal, text);
      return strstr (text, "NaN") != NULL;
   }
   return bson_iter_type (value) == BSON_TYPE_DOUBLE && isnan (bson_iter_double (value));
}

static int
compare_magnitude (const written *a, const written *b)
{
   if (a->infinite || b->infinite) {
      return (int)a->infinite - (int)b->infinite;
   }
   if (a->zero || b->zero) {
      return (int)b->zero - (int)a->zero;
   }
   if (a->exponent != b->exponent) {
      return a->exponent < b->exponent ? -1 : 1;
   }
   int order = memcmp (a->digits, b->digits, a->n < b->n ? a->n : b->n);
   return order ? order : (a->n > b->n) - (a->n < b->n);
}

int
oracle_number_compare (const bson_iter_t *a, const bson_iter_t *b)
{
   bool both_integers = bson_iter_type (a) != BSON_TYPE_DOUBLE && bson_iter_type (a) != BSON_TYPE_DECIMAL128 &&
                        bson_iter_type (b) != BSON_TYPE_DOUBLE && bson_iter_type (b) != BSON_TYPE_DECIMAL128;
   if (both_integers) {
      int64_t x = bson_iter_as_int64 (a), y = bson_iter_as_int64 (b);
      return (x > y) - (x < y);
   }
   if (bson_iter_type (a) == BSON_TYPE_DOUBLE && bson_iter_type (b) == BSON_TYPE_DOUBLE) {
      double x = bson_iter_double (a), y = bson_iter_double (b);
      return (x > y) - (x < y);
   }
   written x, y;
   write_out (a, &x);
   write_out (b, &y);
   bool x_below = x.negative && !x.zero, y_below = y.negative && !y.zero;
   if (x_below != y_below) {
      return x_below ? -1 : 1;
   }
   return x_below ? compare_magnitude (&y, &x) : compare_magnitude (&x, &y);
}

bool
oracle_number_is_positive (const bson_iter_t *value)
{
   written w;
   write_out (value, &w);
   return !w.negative && !w.zero;
}

bool
oracle_number_is_finite (const bson_iter_t *value)
{
   written w;
   if (oracle_number_is_nan (value)) {
      return false;
   }
   write_out (value, &w);
   return !w.infinite;
}

bool
oracle_number_as_count (const bson_iter_t *value, int64_t *count)
{
   written w;

   if (!oracle_is_number (bson_iter_type (value)) || oracle_number_is_nan (value)) {
      return false;
   }
   write_out (value, &w);
   *count = 0;
   if (w.zero) {
      return true;
   }
   if (w.negative || w.infinite || w.exponent > 19 || w.exponent < (long)w.n) {
      return false;
   }
   for (long i = 0; i < w.exponent; i++) {
      int digit = i < (long)w.n ? w.digits[i] - '0' : 0;
      if (*count > (INT64_MAX - digit) / 10) {
         return false;
      }
      *count = *count * 10 + digit;
   }
   return true;
}

/* As decimal128 with at most 34 digits; doubles are first rounded to 15 significant ones. */
static void
write_decimal (const bson_iter_t *value, written *w)
{
   if (bson_iter_type (value) == BSON_TYPE_DOUBLE) {
      char text[64];
      snprintf (text, sizeof text, "%.14e", bson_iter_double (value));
      read_text (text, w);
   } else {
      write_out (value, w);
   }
}

__extension__ typedef unsigned __int128 wide;

static wide
coefficient (const written *w)
{
   wide c = 0;
   for (size_t i = 0; i < w->n; i++) {
      c = c * 10 + (unsigned)(w->digits[i] - '0');
   }
   return c;
}

/* Both are c times a power of ten. x is a multiple of y when x's digits, continued by zeros to the smaller exponent, divide without remainder. */
bool
oracle_number_is_multiple (const bson_iter_t *value, const bson_iter_t *divisor)
{
   written x, y;

   if (oracle_number_is_nan (value)) {
      return false;
   }
   write_decimal (value, &x);
   write_decimal (divisor, &y);
   if (x.infinite || y.infinite || y.zero) {
      return false;
   }
   if (x.zero) {
      return true;
   }
   long x_last = x.exponent - (long)x.n, y_last = y.exponent - (long)y.n;
   wide cx = coefficient (&x), cy = coefficient (&y);
   for (; x_last > y_last; x_last--) {
      cx = cx % cy * 10;
   }
   for (; y_last > x_last; y_last--) {
      if (cy > cx) {
         return false;
      }
      cy *= 10;
   }
   return cx % cy == 0;
}
