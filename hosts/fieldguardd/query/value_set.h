/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_VALUE_SET_H
#define FGD_QUERY_VALUE_SET_H

/* Distinct values in the order in which they came, found again in logarithmic time. */

#include "hosts/fieldguardd/query/bytes.h"

typedef struct fgd_value_set {
   void *tree;
   fg_value **items; /* copies */
   size_t n;
   size_t cap;
   size_t bytes; /* about what it all takes */
} fgd_value_set;

/* Zero-initialise. The position of value, which is copied where it is new; SIZE_MAX when memory is short. */
size_t fgd_value_set_add (fgd_value_set *set, const fg_value *value, bool *fresh);
void fgd_value_set_clear (fgd_value_set *set);

#endif /* FGD_QUERY_VALUE_SET_H */
