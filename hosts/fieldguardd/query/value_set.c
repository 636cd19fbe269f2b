/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/value_set.h"

#include <search.h>
#include <stdlib.h>

typedef struct value_entry {
   fg_value value;
   size_t place;
   uint8_t bytes[];
} value_entry;

static int
compare (const void *a, const void *b)
{
   return fg_value_compare (a, b);
}

static bool
grow (fgd_value_set *set)
{
   size_t cap = set->cap ? set->cap * 2 : 16;
   if (set->n < set->cap) {
      return true;
   }
   fg_value **items = realloc (set->items, cap * sizeof *items);
   if (!items) {
      return false;
   }
   set->items = items;
   set->cap = cap;
   return true;
}

size_t
fgd_value_set_add (fgd_value_set *set, const fg_value *value, bool *fresh)
{
   fg_value *const *found = tfind (value, &set->tree, compare);
   *fresh = false;
   if (found) {
      return ((const value_entry *)(const void *)*found)->place;
   }
   value_entry *e = grow (set) ? malloc (sizeof *e + value->len) : NULL;
   if (!e) {
      return SIZE_MAX;
   }
   if (value->len > 0) {
      memcpy (e->bytes, value->data, value->len);
   }
   e->value = (fg_value){value->type, e->bytes, value->len};
   e->place = set->n;
   if (!tsearch (e, &set->tree, compare)) {
      free (e);
      return SIZE_MAX;
   }
   set->items[set->n++] = &e->value;
   set->bytes += sizeof *e + value->len + 64;
   *fresh = true;
   return e->place;
}

static void
keep (void *item)
{
   (void)item;
}

void
fgd_value_set_clear (fgd_value_set *set)
{
   if (set->tree) {
      tdestroy (set->tree, keep);
   }
   for (size_t i = 0; i < set->n; i++) {
      free (set->items[i]);
   }
   free (set->items);
   *set = (fgd_value_set){0};
}
