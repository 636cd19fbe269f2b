/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/sort_key.h"

#include "hosts/fieldguardd/query/codes.h"

#include <stdlib.h>

/* Collects documents with their keys; with a limit, a heap whose top is the last document that still counts. */

typedef struct item {
   uint8_t *key; /* the document follows it in the same block */
   size_t key_len;
   size_t len;
   uint64_t tag;
   uint64_t order; /* as it came */
} item;

struct fgd_sorter {
   const fgd_sort *sort;
   item *items;
   size_t n;
   size_t cap;
   size_t limit;
   size_t bytes;
   size_t max_bytes;
   uint64_t count;
   size_t next;
   fg_buf key;
};

fgd_sorter *
fgd_sorter_new (const fgd_sort *sort, size_t limit, size_t max_bytes, fg_error *err)
{
   fgd_sorter *sorter = calloc (1, sizeof *sorter);
   if (!sorter) {
      fgd_no_memory (err);
      return NULL;
   }
   sorter->sort = sort;
   sorter->limit = limit;
   sorter->max_bytes = max_bytes ? max_bytes : FGD_SORT_MEMORY;
   return sorter;
}

void
fgd_sorter_free (fgd_sorter *sorter)
{
   if (!sorter) {
      return;
   }
   for (size_t i = 0; i < sorter->n; i++) {
      free (sorter->items[i].key);
   }
   free (sorter->items);
   fg_buf_free (&sorter->key);
   free (sorter);
}

static int
compare_items (const fgd_sort *sort, const item *a, const item *b)
{
   int order = fgd_sort_compare (sort, a->key, b->key);
   return order != 0 ? order : a->order < b->order ? -1 : 1;
}

static int
compare_for_qsort (const void *a, const void *b, void *ctx)
{
   return compare_items (ctx, a, b);
}

static void
sift_down (fgd_sorter *sorter, size_t at)
{
   for (;;) {
      size_t largest = at;
      for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < sorter->n; child++) {
         if (compare_items (sorter->sort, &sorter->items[child], &sorter->items[largest]) > 0) {
            largest = child;
         }
      }
      if (largest == at) {
         return;
      }
      item swap = sorter->items[at];
      sorter->items[at] = sorter->items[largest];
      sorter->items[largest] = swap;
      at = largest;
   }
}

static void
sift_up (fgd_sorter *sorter, size_t at)
{
   while (at > 0) {
      size_t parent = (at - 1) / 2;
      if (compare_items (sorter->sort, &sorter->items[at], &sorter->items[parent]) <= 0) {
         return;
      }
      item swap = sorter->items[at];
      sorter->items[at] = sorter->items[parent];
      sorter->items[parent] = swap;
      at = parent;
   }
}

static bool
fill (fgd_sorter *sorter, item *fresh, const uint8_t *doc, size_t len, fg_error *err)
{
   fresh->key_len = sorter->key.len;
   fresh->len = len;
   fresh->key = malloc (sorter->key.len + len);
   if (!fresh->key) {
      return fgd_no_memory (err);
   }
   memcpy (fresh->key, sorter->key.data, sorter->key.len);
   memcpy (fresh->key + sorter->key.len, doc, len);
   return true;
}

static bool
grow (fgd_sorter *sorter, fg_error *err)
{
   if (sorter->n < sorter->cap) {
      return true;
   }
   size_t cap = sorter->cap ? sorter->cap * 2 : 64;
   item *items = realloc (sorter->items, cap * sizeof *items);
   if (!items) {
      return fgd_no_memory (err);
   }
   sorter->items = items;
   sorter->cap = cap;
   return true;
}

/* A full heap takes the new document only in place of its top. */
static bool
replace_top (fgd_sorter *sorter, item *fresh, const uint8_t *doc, size_t len, fg_error *err)
{
   item *top = &sorter->items[0];
   fresh->key = sorter->key.data; /* only to compare */
   if (compare_items (sorter->sort, fresh, top) >= 0) {
      return true;
   }
   if (!fill (sorter, fresh, doc, len, err)) {
      return false;
   }
   sorter->bytes += fresh->key_len + len;
   sorter->bytes -= top->key_len + top->len;
   free (top->key);
   *top = *fresh;
   sift_down (sorter, 0);
   return true;
}

static bool
within_memory (const fgd_sorter *sorter, fg_error *err)
{
   if (sorter->bytes + sorter->n * sizeof (item) > sorter->max_bytes) {
      return fgd_fail (err, FGD_NO_DISK_USE,
                       "Sort exceeded memory limit of %zu bytes, but did not opt in to external sorting.",
                       sorter->max_bytes);
   }
   return true;
}

bool
fgd_sorter_add (fgd_sorter *sorter, const uint8_t *doc, size_t len, uint64_t tag, fg_error *err)
{
   item fresh = {.tag = tag, .order = sorter->count++};
   if (!fgd_sort_key (sorter->sort, doc, len, &sorter->key, err)) {
      return false;
   }
   if (sorter->limit && sorter->n == sorter->limit) {
      return replace_top (sorter, &fresh, doc, len, err) && within_memory (sorter, err);
   }
   if (!grow (sorter, err) || !fill (sorter, &fresh, doc, len, err)) {
      return false;
   }
   sorter->bytes += fresh.key_len + len;
   sorter->items[sorter->n++] = fresh;
   if (sorter->limit) {
      sift_up (sorter, sorter->n - 1);
   }
   return within_memory (sorter, err);
}

/* The sort is const for the comparison; qsort_r's context is not. */
void
fgd_sorter_finish (fgd_sorter *sorter)
{
   fgd_sort view = *sorter->sort;
   if (sorter->n > 1) {
      qsort_r (sorter->items, sorter->n, sizeof (item), compare_for_qsort, &view);
   }
   sorter->next = 0;
}

bool
fgd_sorter_next (fgd_sorter *sorter, const uint8_t **doc, size_t *len, uint64_t *tag)
{
   if (sorter->next == sorter->n) {
      return false;
   }
   const item *it = &sorter->items[sorter->next++];
   *doc = it->key + it->key_len;
   *len = it->len;
   if (tag) {
      *tag = it->tag;
   }
   return true;
}
