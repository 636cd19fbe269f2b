/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/total.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* x + y exactly, as a double and what it lost (Knuth's two-sum). */
static double
two_sum (double x, double y, double *lost)
{
   double sum = x + y;
   double y_part = sum - x;
   double x_part = sum - y_part;
   *lost = (x - x_part) + (y - y_part);
   return sum;
}

static void
add_double (fgd_total *total, double d)
{
   double lost = 0;
   total->special += d;
   total->sum = two_sum (total->sum, d, &lost);
   total->carried += lost;
}

void
fgd_total_add (fgd_total *total, const fg_value *value)
{
   fgd_number number;
   if (!fgd_number_read (value, &number)) {
      return;
   }
   total->n++;
   if (number.type == FGD_T_DECIMAL) {
      fgd_decimal sum;
      fgd_decimal_add (&total->decimal, &number.dec, &sum);
      total->decimal = total->has_decimal ? sum : number.dec;
      total->has_decimal = true;
   } else if (number.type == FGD_T_DOUBLE) {
      total->has_double = true;
      add_double (total, number.d);
   } else {
      total->has_long = total->has_long || number.type == FGD_T_INT64;
      total->whole += number.i;
   }
}

/* Doubles and whole numbers together: a whole number of any size is given in parts that a double holds exactly. */
static double
double_part (const fgd_total *total)
{
   fgd_total all = *total;
   fgd_wide high = total->whole >> 32;
   fgd_wide top = high >> 32;
   add_double (&all, (double)(int64_t)top * 18446744073709551616.0);
   add_double (&all, (double)(int64_t)(high - (top << 32)) * 4294967296.0);
   add_double (&all, (double)(int64_t)(total->whole - (high << 32)));
   double sum = all.sum + all.carried;
   return isnan (sum) && isinf (all.special) ? all.special : sum;
}

static bool
fits (const fgd_total *total)
{
   return total->whole >= INT64_MIN && total->whole <= INT64_MAX;
}

/* A double to 34 digits; zeros at the end that only stand for its exactness go. */
static void
wide_decimal (double d, fgd_decimal *out)
{
   char text[64];
   *out = (fgd_decimal){0};
   if (isnan (d) || isinf (d) || (d >= 0 && d <= 0)) {
      fgd_decimal_from_double (d, out);
      return;
   }
   out->negative = signbit (d) != 0;
   snprintf (text, sizeof text, "%.33e", fabs (d));
   const char *at = text;
   for (; *at && *at != 'e'; at++) {
      if (*at >= '0' && *at <= '9') {
         out->digits[out->n++] = (uint8_t)(*at - '0');
      }
   }
   out->exponent = (*at == 'e' ? (int)strtol (at + 1, NULL, 10) : 0) - 33;
   while (out->n > 1 && out->digits[out->n - 1] == 0 && out->exponent < 0) {
      out->n--;
      out->exponent++;
   }
}

static fgd_number
decimal_sum (const fgd_total *total)
{
   fgd_number sum = {.type = FGD_T_DECIMAL, .dec = total->decimal};
   fgd_decimal other;
   fgd_decimal next;
   if (total->has_double || !fits (total)) {
      wide_decimal (double_part (total), &other);
   } else {
      fgd_decimal_from_int64 ((int64_t)total->whole, &other);
   }
   fgd_decimal_add (&sum.dec, &other, &next);
   sum.dec = next;
   return sum;
}

fgd_number
fgd_total_sum (const fgd_total *total)
{
   if (total->has_decimal) {
      return decimal_sum (total);
   }
   if (total->has_double || !fits (total)) {
      return (fgd_number){.type = FGD_T_DOUBLE, .d = double_part (total)};
   }
   int64_t whole = (int64_t)total->whole;
   bool narrow = !total->has_long && whole >= INT32_MIN && whole <= INT32_MAX;
   return (fgd_number){.type = narrow ? FGD_T_INT32 : FGD_T_INT64, .i = whole};
}

fgd_number
fgd_total_average (const fgd_total *total)
{
   if (total->has_decimal) {
      fgd_number sum = decimal_sum (total);
      fgd_number average = {.type = FGD_T_DECIMAL};
      fgd_decimal count;
      fgd_decimal_from_int64 ((int64_t)total->n, &count);
      fgd_decimal_divide (&sum.dec, &count, &average.dec);
      return average;
   }
   return (fgd_number){.type = FGD_T_DOUBLE, .d = double_part (total) / (double)total->n};
}
