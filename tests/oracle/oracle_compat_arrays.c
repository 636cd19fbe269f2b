/* SPDX-License-Identifier: Apache-2.0 */

/* Keywords of arrays. */

#include "tests/oracle/oracle_compat.h"

#include <string.h>

bool
oracle_item_count (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_t array;
   int64_t count;
   if (!value || bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return false;
   }
   oracle_sub (value, &array);
   oracle_number_as_count (k->it, &count);
   int64_t n = bson_count_keys (&array);
   return strcmp (bson_iter_key (k->it), "maxItems") == 0 ? n <= count : n >= count;
}

bool
oracle_unique_items (const bson_iter_t *value, void *arg)
{
   bson_iter_t a, b;
   (void)arg;
   if (!value || bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return false;
   }
   bson_iter_recurse (value, &a);
   while (bson_iter_next (&a)) {
      b = a;
      while (bson_iter_next (&b)) {
         if (oracle_equal (&a, &b, false)) {
            return false;
         }
      }
   }
   return true;
}

/* Every element from index on. */
bool
oracle_items_from (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_iter_t element;
   bool holds = true;
   if (!value || bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return false;
   }
   bson_iter_recurse (value, &element);
   for (int64_t i = 0; bson_iter_next (&element); i++) {
      holds = (i < k->index || oracle_check_alone (k->it, &element, k)) && holds;
   }
   return holds;
}

/* The element at index, if there is one. */
bool
oracle_item_at (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   bson_iter_t element;
   if (!value || bson_iter_type (value) != BSON_TYPE_ARRAY) {
      return false;
   }
   bson_iter_recurse (value, &element);
   for (int64_t i = 0; bson_iter_next (&element); i++) {
      if (i == k->index) {
         return oracle_check_alone (k->it, &element, k);
      }
   }
   return true;
}
