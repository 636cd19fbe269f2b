/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_NUMBER_H
#define FG_SCHEMA_MATCH_NUMBER_H

/*
 * Numbers across BSON's four types. Comparison is by value: integers exactly, a double against a decimal after rounding the
 * double to the 34 digits that a decimal holds (as mongod does), NaN lowest and equal to itself.
 */

#include "schema/match/walk.h"

__extension__ typedef unsigned __int128 fg_u128;

typedef enum fg_decimal_kind { FG_DECIMAL_FINITE, FG_DECIMAL_INFINITE, FG_DECIMAL_NAN } fg_decimal_kind;

/* value = (-1)^negative * coefficient * 10^exponent */
typedef struct fg_decimal {
   fg_decimal_kind kind;
   bool negative;
   int32_t exponent;
   fg_u128 coefficient; /* below 10^34 */
} fg_decimal;

/* digits: to how many significant digits a double is rounded (15 or 34). The value must be a number. */
fg_decimal fg_decimal_of (const fg_value *number, int digits);
int fg_decimal_compare (const fg_decimal *a, const fg_decimal *b);
/* Whether value / divisor leaves no remainder; false unless both are finite and the divisor is not 0. */
bool fg_decimal_is_multiple (const fg_decimal *value, const fg_decimal *divisor);

int fg_number_compare (const fg_value *a, const fg_value *b);
bool fg_number_is_nan (const fg_value *number);
bool fg_number_is_zero (const fg_value *number);
double fg_number_double (const fg_value *number);

typedef enum fg_integral {
   FG_INTEGRAL_EXACT = 0, /* an integer that fits */
   FG_INTEGRAL_FRACTION, /* *out is truncated toward zero */
   FG_INTEGRAL_OVERFLOW, /* an integer, or truncating to one, that does not fit 64 bits */
   FG_INTEGRAL_NOT_FINITE
} fg_integral;
fg_integral fg_number_to_int64 (const fg_value *number, int64_t *out);

#endif /* FG_SCHEMA_MATCH_NUMBER_H */
