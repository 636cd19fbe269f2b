/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_TOTAL_H
#define FGD_QUERY_TOTAL_H

/* Sums as mongod's accumulators keep them: whole numbers exactly, doubles with the rounding error carried along, decimals apart. */

#include "hosts/fieldguardd/query/number.h"

__extension__ typedef __int128 fgd_wide;

typedef struct fgd_total {
   size_t n; /* numbers seen */
   bool has_long;
   bool has_double;
   bool has_decimal;
   fgd_wide whole;
   double sum;
   double carried;
   double special; /* keeps infinities that the carrying would turn into NaN */
   fgd_decimal decimal;
} fgd_total;

void fgd_total_add (fgd_total *total, const fg_value *value); /* what is no number counts for nothing */
fgd_number fgd_total_sum (const fgd_total *total);
fgd_number fgd_total_average (const fgd_total *total); /* n > 0 */

#endif /* FGD_QUERY_TOTAL_H */
