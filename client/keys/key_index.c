/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_index.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits. */
uint64_t
fg_key_index_hash (const void *data, size_t len)
{
   const uint8_t *p = data;
   uint64_t hash = 14695981039346656037u;

   for (size_t i = 0; i < len; i++) {
      hash = (hash ^ p[i]) * 1099511628211u;
   }
   return hash;
}

static void
put (struct fg_key_index_slot *slots, size_t cap, uint64_t hash, size_t place)
{
   size_t i = hash & (cap - 1);

   while (slots[i].place) {
      i = (i + 1) & (cap - 1);
   }
   slots[i].hash = hash;
   slots[i].place = place + 1;
}

static bool
grow (fg_key_index *index)
{
   size_t cap = index->cap ? index->cap * 2 : 64;
   struct fg_key_index_slot *slots = calloc (cap, sizeof *slots);

   if (!slots) {
      return false;
   }
   for (size_t i = 0; i < index->cap; i++) {
      if (index->slots[i].place) {
         put (slots, cap, index->slots[i].hash, index->slots[i].place - 1);
      }
   }
   free (index->slots);
   index->slots = slots;
   index->cap = cap;
   return true;
}

/* At most half full. */
bool
fg_key_index_add (fg_key_index *index, uint64_t hash, size_t place)
{
   if (2 * (index->n + 1) > index->cap && !grow (index)) {
      return false;
   }
   put (index->slots, index->cap, hash, place);
   index->n++;
   return true;
}

bool
fg_key_index_next (const fg_key_index *index, uint64_t hash, size_t *cursor, size_t *place)
{
   while (*cursor < index->cap) {
      const struct fg_key_index_slot *slot = &index->slots[(hash + *cursor) & (index->cap - 1)];
      ++*cursor;
      if (!slot->place) {
         return false;
      }
      if (slot->hash == hash) {
         *place = slot->place - 1;
         return true;
      }
   }
   return false;
}

void
fg_key_index_clear (fg_key_index *index)
{
   free (index->slots);
   memset (index, 0, sizeof *index);
}
