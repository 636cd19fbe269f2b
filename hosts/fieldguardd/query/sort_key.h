/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_SORT_KEY_H
#define FGD_QUERY_SORT_KEY_H

/* A sort pattern taken apart. Private to the room. */

#include "hosts/fieldguardd/query/bytes.h"
#include "hosts/fieldguardd/query/sort.h"

#define FGD_SORT_FIELDS_MAX 32

typedef struct fgd_sort_part {
   const char *path;
   bool descending;
} fgd_sort_part;

struct fgd_sort {
   fgd_arena arena;
   fgd_sort_part *parts;
   size_t n;
   int natural;
};

#endif /* FGD_QUERY_SORT_KEY_H */
