/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/update_private.h"

#include <stdlib.h>

static size_t
count_parts (const char *text, size_t len)
{
   size_t n = 1;
   for (size_t i = 0; i < len; i++) {
      n += text[i] == '.' ? 1 : 0;
   }
   return n;
}

static fgd_part_kind
kind_of (const char *name, size_t len)
{
   if (len == 1 && name[0] == '$') {
      return FGD_PART_POSITIONAL;
   }
   if (len >= 3 && name[0] == '$' && name[1] == '[' && name[len - 1] == ']') {
      return len == 3 ? FGD_PART_ALL : FGD_PART_FILTERED;
   }
   return FGD_PART_FIELD;
}

bool
fgd_path_parse (fgd_arena *arena, const char *text, size_t len, fgd_path *out, fg_error *err)
{
   size_t n = count_parts (text, len);
   if (len == 0) {
      return fgd_fail (err, FGD_EMPTY_NAME, "An empty update path is not valid.");
   }
   if (n > FGD_PATH_PARTS_MAX) {
      return fgd_fail (err, FGD_OVERFLOW, "An update path has more than %d parts", FGD_PATH_PARTS_MAX);
   }
   *out = (fgd_path){.text = fgd_arena_copy (arena, text, len), .text_len = len, .n = n};
   out->parts = fgd_arena_alloc (arena, n * sizeof *out->parts);
   if (!out->text || !out->parts) {
      return fgd_no_memory (err);
   }
   const char *at = out->text;
   for (size_t i = 0; i < n; i++) {
      const char *dot = memchr (at, '.', (size_t)(out->text + len - at));
      size_t part_len = dot ? (size_t)(dot - at) : (size_t)(out->text + len - at);
      if (part_len == 0) {
         return fgd_fail (err, FGD_EMPTY_NAME,
                          "The update path '%s' contains an empty field name, which is not allowed.", out->text);
      }
      out->parts[i] = (fgd_part){kind_of (at, part_len), at, part_len, 0};
      out->dynamic = out->dynamic || out->parts[i].kind != FGD_PART_FIELD;
      at += part_len + 1;
   }
   return true;
}

/* Numbers among themselves by value, all else by bytes: the order in which mongod applies an update's paths. */
static int
compare_parts (const fgd_part *a, const fgd_part *b)
{
   bool a_all = a->kind == FGD_PART_ALL || a->kind == FGD_PART_FILTERED;
   bool b_all = b->kind == FGD_PART_ALL || b->kind == FGD_PART_FILTERED;
   size_t x = 0;
   size_t y = 0;
   if (a_all != b_all) {
      return a_all ? 1 : -1;
   }
   if (fgd_array_index (a->name, a->len, &x) && fgd_array_index (b->name, b->len, &y) && x != y) {
      return x < y ? -1 : 1;
   }
   int order = memcmp (a->name, b->name, a->len < b->len ? a->len : b->len);
   return order != 0 ? order : a->len < b->len ? -1 : a->len > b->len ? 1 : 0;
}

int
fgd_path_compare (const fgd_path *a, const fgd_path *b)
{
   for (size_t i = 0; i < a->n && i < b->n; i++) {
      int order = compare_parts (&a->parts[i], &b->parts[i]);
      if (order != 0) {
         return order;
      }
   }
   return a->n < b->n ? -1 : a->n > b->n ? 1 : 0;
}

static int
compare_leaves (const void *a, const void *b)
{
   const fgd_leaf *x = a;
   const fgd_leaf *y = b;
   return fgd_path_compare (&x->path, &y->path);
}

/* How many bytes of a's text its first n parts take. */
static int
text_of (const fgd_path *a, size_t n)
{
   return n == 0 ? 0 : (int)(a->parts[n - 1].name + a->parts[n - 1].len - a->text);
}

static bool
conflict (const fgd_path *a, size_t shared, const fgd_path *b, bool created, fg_error *err)
{
   int len = text_of (a, shared);
   if (created) {
      return fgd_fail (err, FGD_CONFLICT, "Update created a conflict at '%.*s'", len, a->text);
   }
   return fgd_fail (err, FGD_CONFLICT, "Updating the path '%s' would create a conflict at '%.*s'", b->text, len,
                    a->text);
}

/* Sorted neighbours meet when one's path starts with the other's, or when they go on from the same place as an array and as an object. */
static bool
check_neighbours (const fgd_path *a, const fgd_path *b, bool created, fg_error *err)
{
   size_t shared = 0;
   while (shared < a->n && shared < b->n && compare_parts (&a->parts[shared], &b->parts[shared]) == 0) {
      shared++;
   }
   if (shared == a->n) {
      return conflict (a, shared, b, created, err);
   }
   bool a_all = a->parts[shared].kind == FGD_PART_ALL || a->parts[shared].kind == FGD_PART_FILTERED;
   bool b_all = b->parts[shared].kind == FGD_PART_ALL || b->parts[shared].kind == FGD_PART_FILTERED;
   return a_all == b_all ? true : conflict (a, shared, b, created, err);
}

bool
fgd_leaves_sort (fgd_leaf *leaves, size_t n, bool created, fg_error *err)
{
   if (n > 1) {
      qsort (leaves, n, sizeof *leaves, compare_leaves);
   }
   for (size_t i = 1; i < n; i++) {
      if (!check_neighbours (&leaves[i - 1].path, &leaves[i].path, created, err)) {
         return false;
      }
   }
   return true;
}
