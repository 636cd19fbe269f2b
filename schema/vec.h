/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_VEC_H
#define FG_SCHEMA_VEC_H

/* A growing array of items of one size, used only while compiling. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct fg_vec {
   char *data;
   size_t n;
   size_t cap;
   size_t item;
} fg_vec;

/* Item i, which is there; or the place of item 0 of an array that may be empty, which is not looked at then. */
#define FG_VEC_AT(vec, type, i) ((type *)(void *)((uintptr_t)(vec)->data + (size_t)(i) * sizeof (type)))

/* Room for n zeroed items at the end; NULL when memory is short. Pointers into the array change. */
static inline void *
fg_vec_add (fg_vec *vec, size_t n)
{
   if (!vec->data || n > vec->cap - vec->n) {
      size_t cap = vec->cap ? vec->cap : 16;
      while (cap < vec->n + n) {
         cap *= 2;
      }
      char *data = realloc (vec->data, cap * vec->item);
      if (!data) {
         return NULL;
      }
      vec->data = data;
      vec->cap = cap;
   }
   char *added = vec->data + vec->n * vec->item;
   memset (added, 0, n * vec->item);
   vec->n += n;
   return added;
}

static inline bool
fg_vec_push_u32 (fg_vec *vec, uint32_t value)
{
   uint32_t *slot = fg_vec_add (vec, 1);
   if (slot) {
      *slot = value;
   }
   return slot != NULL;
}

static inline void
fg_vec_free (fg_vec *vec)
{
   free (vec->data);
   vec->data = NULL;
   vec->n = vec->cap = 0;
}

#endif /* FG_SCHEMA_VEC_H */
