/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_NUMBER_H
#define FGD_QUERY_NUMBER_H

/* Arithmetic over BSON's four numeric types with mongod's promotions: int to long on overflow, anything with a double is double, anything with a decimal is decimal. */

#include "hosts/fieldguardd/query/bytes.h"

/* Decimal128 taken apart: (-1)^negative * digits * 10^exponent, or infinite, or not a number. */
typedef enum fgd_decimal_kind { FGD_DECIMAL_FINITE = 0, FGD_DECIMAL_INFINITE, FGD_DECIMAL_NAN } fgd_decimal_kind;
typedef struct fgd_decimal {
   fgd_decimal_kind kind;
   bool negative;
   int exponent;
   int n; /* digits in use; 0 is the number zero */
   uint8_t digits[80]; /* most significant first */
} fgd_decimal;

void fgd_decimal_read (const uint8_t bytes[16], fgd_decimal *out);
void fgd_decimal_write (const fgd_decimal *d, uint8_t bytes[16]); /* rounds to 34 digits, half to even */
void fgd_decimal_from_int64 (int64_t n, fgd_decimal *out);
void fgd_decimal_from_double (double d, fgd_decimal *out); /* to 15 digits, as mongod converts */
void fgd_decimal_add (const fgd_decimal *a, const fgd_decimal *b, fgd_decimal *out);
void fgd_decimal_multiply (const fgd_decimal *a, const fgd_decimal *b, fgd_decimal *out);
void fgd_decimal_divide (const fgd_decimal *a, const fgd_decimal *b, fgd_decimal *out);
double fgd_decimal_to_double (const fgd_decimal *d);

typedef struct fgd_number {
   uint8_t type; /* FGD_T_INT32, INT64, DOUBLE or DECIMAL */
   int64_t i;
   double d;
   fgd_decimal dec;
} fgd_number;

bool fgd_number_read (const fg_value *value, fgd_number *out); /* false: not a number */
fg_value fgd_number_make (fgd_arena *arena, const fgd_number *number);
double fgd_number_to_double (const fgd_number *number);
void fgd_number_to_decimal (const fgd_number *number, fgd_decimal *out);

/* False: an int64 overflowed. $inc and $mul refuse then; expressions go on with doubles. */
bool fgd_number_add (const fgd_number *a, const fgd_number *b, fgd_number *out) FG_WARN_UNUSED;
bool fgd_number_multiply (const fgd_number *a, const fgd_number *b, fgd_number *out) FG_WARN_UNUSED;
fgd_number fgd_number_negate (const fgd_number *a);

#endif /* FGD_QUERY_NUMBER_H */
