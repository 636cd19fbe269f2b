/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/names.h"

#include <string.h>

#define WORTH_A_TABLE 5u

/* FNV-1a: names are short, and a schema's author has no interest in colliding them. */
static uint32_t
hash_name (const char *name, size_t len)
{
   uint32_t hash = 2166136261u;
   for (size_t i = 0; i < len; i++) {
      hash = (hash ^ (uint8_t)name[i]) * 16777619u;
   }
   return hash ^ (hash >> 15);
}

static bool
is_name (const fg_name *known, const char *name, size_t len)
{
   return known->len == len && memcmp (known->text, name, len) == 0;
}

uint32_t
fg_name_table_find (const fg_name_table *table, const char *name, size_t len)
{
   for (uint32_t at = hash_name (name, len) & table->mask; table->slots[at]; at = (at + 1) & table->mask) {
      uint32_t index = table->slots[at] - 1;
      if (is_name (&table->names[index], name, len)) {
         return index;
      }
   }
   return UINT32_MAX;
}

bool
fg_name_table_build (fg_parser *parser, const fg_name *names, uint32_t n, const fg_name_table **out)
{
   uint32_t size = 16;

   *out = NULL;
   if (n < WORTH_A_TABLE || n > UINT32_MAX / 8) {
      return true;
   }
   while (size < n * 2) {
      size *= 2;
   }
   fg_name_table *table = fg_parse_alloc (parser, sizeof *table + size * sizeof table->slots[0]);
   if (!table) {
      return false;
   }
   table->mask = size - 1;
   table->names = names;
   for (uint32_t i = 0; i < n; i++) {
      if (fg_name_table_find (table, names[i].text, names[i].len) != UINT32_MAX) {
         return true; /* named twice: both schemas must hold, so each is looked up on its own */
      }
      uint32_t at = hash_name (names[i].text, names[i].len) & table->mask;
      while (table->slots[at]) {
         at = (at + 1) & table->mask;
      }
      table->slots[at] = i + 1;
   }
   *out = table;
   return true;
}
