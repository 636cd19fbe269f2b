/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/sort_key.h"

#include "hosts/fieldguardd/query/codes.h"

#include <stdlib.h>

/* --- compiling a pattern ------------------------------------------------------------------------------------------------ */

static bool
check_path (const char *path, fg_error *err)
{
   size_t len = strlen (path);
   size_t parts = 1;
   if (len == 0) {
      return fgd_fail (err, 40352, "FieldPath cannot be constructed with empty string");
   }
   if (path[len - 1] == '.') {
      return fgd_fail (err, 40353, "FieldPath must not end with a '.'.");
   }
   for (size_t i = 0; i < len; i++) {
      bool first = i == 0 || path[i - 1] == '.';
      if (first && path[i] == '.') {
         return fgd_fail (err, 15998, "FieldPath field names may not be empty strings.");
      }
      if (first && path[i] == '$') {
         return fgd_fail (err, 16410,
                          "FieldPath field names may not start with '$'. Consider using $getField or $setField.");
      }
      parts += path[i] == '.' ? 1 : 0;
   }
   return parts <= FGD_MAX_WALK_DEPTH ? true : fgd_fail (err, FGD_OVERFLOW, "FieldPath is too long");
}

static bool
read_part (fgd_sort *sort, const fgd_element *element, fg_error *err)
{
   fgd_sort_part *part = &sort->parts[sort->n];
   int64_t direction = 0;
   if (element->value.type == FGD_T_OBJECT) {
      fgd_element meta;
      if (fgd_find (element->value.data, element->value.len, "$meta", 5, &meta)) {
         return fgd_fail (err, 40218, "query requires the metadata of a $meta sort, but it is not available");
      }
      return fgd_fail (err, 17312, "$meta is the only expression supported by $sort right now");
   }
   if (!fgd_is_number (&element->value)) {
      return fgd_fail (err, 15974, "Illegal key in $sort specification: %s: ###", element->name);
   }
   if (!fgd_to_int64 (&element->value, &direction) || (direction != 1 && direction != -1)) {
      return fgd_fail (err, 15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)");
   }
   if (!check_path (element->name, err)) {
      return false;
   }
   for (size_t i = 0; i < sort->n; i++) {
      if (strcmp (sort->parts[i].path, element->name) == 0) {
         return fgd_fail (err, 7472500, "$sort key must not contain duplicate keys (duplicate: '%s')", element->name);
      }
   }
   part->path = fgd_arena_copy (&sort->arena, element->name, element->name_len);
   part->descending = direction < 0;
   sort->n++;
   return part->path ? true : fgd_no_memory (err);
}

static bool
compile (fgd_sort *sort, const uint8_t *spec, size_t len, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   size_t n = fgd_count (spec, len);
   int64_t direction = 0;
   fgd_walk_begin (&walk, spec, len);
   if (n == 1 && fgd_walk_next (&walk, &element) && strcmp (element.name, "$natural") == 0) {
      if (!fgd_to_int64 (&element.value, &direction) || (direction != 1 && direction != -1)) {
         return fgd_fail (err, FGD_BAD_VALUE, "$natural sort must be 1 or -1");
      }
      sort->natural = (int)direction;
      return true;
   }
   if (n > FGD_SORT_FIELDS_MAX) {
      return fgd_fail (err, 13103, "too many compound keys");
   }
   sort->parts = fgd_arena_alloc (&sort->arena, (n + 1) * sizeof *sort->parts);
   if (!sort->parts) {
      return fgd_no_memory (err);
   }
   fgd_walk_begin (&walk, spec, len);
   while (fgd_walk_next (&walk, &element)) {
      if (!read_part (sort, &element, err)) {
         return false;
      }
   }
   return walk.bad ? fgd_bad_bson (err) : true;
}

fgd_sort *
fgd_sort_compile (const uint8_t *spec, size_t len, fg_error *err)
{
   fgd_sort *sort = calloc (1, sizeof *sort);
   if (!sort) {
      fgd_no_memory (err);
      return NULL;
   }
   if (!fgd_well_formed (spec, len)) {
      fgd_bad_bson (err);
      free (sort);
      return NULL;
   }
   if (!compile (sort, spec, len, err)) {
      fgd_sort_free (sort);
      return NULL;
   }
   return sort;
}

void
fgd_sort_free (fgd_sort *sort)
{
   if (sort) {
      fgd_arena_free (&sort->arena);
      free (sort);
   }
}

size_t
fgd_sort_fields (const fgd_sort *sort)
{
   return sort->n;
}

const char *
fgd_sort_field (const fgd_sort *sort, size_t i, bool *descending)
{
   *descending = sort->parts[i].descending;
   return sort->parts[i].path;
}

int
fgd_sort_natural (const fgd_sort *sort)
{
   return sort->natural;
}

int
fgd_sort_compare (const fgd_sort *sort, const uint8_t *a, const uint8_t *b)
{
   fgd_walk left;
   fgd_walk right;
   fgd_element x;
   fgd_element y;
   fgd_walk_begin (&left, a, fg_read_u32le (a));
   fgd_walk_begin (&right, b, fg_read_u32le (b));
   for (size_t i = 0; i < sort->n && fgd_walk_next (&left, &x) && fgd_walk_next (&right, &y); i++) {
      int order = fg_value_compare (&x.value, &y.value);
      if (order != 0) {
         return sort->parts[i].descending ? -order : order;
      }
   }
   return 0;
}
