/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/tree.h"

#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_SIZE 8192

struct fg_arena_block {
   struct fg_arena_block *next;
   size_t used;
   size_t size;
   max_align_t data[];
};

static struct fg_arena_block *
add_block (fg_arena *arena, size_t at_least)
{
   size_t size = at_least > BLOCK_SIZE ? at_least : BLOCK_SIZE;
   struct fg_arena_block *block = calloc (1, sizeof *block + size);
   if (!block) {
      return NULL;
   }
   block->size = size;
   block->next = arena->blocks;
   arena->blocks = block;
   return block;
}

void *
fg_arena_alloc (fg_arena *arena, size_t size)
{
   struct fg_arena_block *block = arena->blocks;

   if (size > SIZE_MAX / 2) {
      return NULL;
   }
   size = (size + alignof (max_align_t) - 1) / alignof (max_align_t) * alignof (max_align_t);
   if (!block || block->size - block->used < size) {
      block = add_block (arena, size);
      if (!block) {
         return NULL;
      }
   }
   void *p = (char *)block->data + block->used;
   block->used += size;
   return p;
}

void
fg_arena_free (fg_arena *arena)
{
   while (arena->blocks) {
      struct fg_arena_block *next = arena->blocks->next;
      free (arena->blocks);
      arena->blocks = next;
   }
}
