/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/compare.h"

#include "base/base.h"

#include <stdlib.h>

/* Equality as enum and uniqueItems mean it: the fields of objects in any order, elements of arrays in theirs. */

static bool
fault (fg_comparison *c, fg_fault what)
{
   if (c->fault == FG_FAULT_NONE) {
      c->fault = what;
   }
   return false;
}

static bool
count_elements (fg_comparison *c, const fg_value *document, size_t *count)
{
   fg_cursor cursor;
   fg_element element;

   *count = 0;
   fg_cursor_open (&cursor, document);
   while (fg_cursor_next (&cursor, &element)) {
      (*count)++;
   }
   return cursor.bad ? fault (c, FG_FAULT_MALFORMED) : true;
}

static bool
same_name (const fg_element *a, const fg_element *b)
{
   return a->name_len == b->name_len && memcmp (a->name, b->name, a->name_len) == 0;
}

/* Which occurrence of its name the element at `position` is. */
static size_t
occurrence_of (const fg_value *document, const fg_element *element)
{
   fg_cursor cursor;
   fg_element other;
   size_t n = 0;

   fg_cursor_open (&cursor, document);
   while (fg_cursor_next (&cursor, &other) && other.name != element->name) {
      n += same_name (&other, element);
   }
   return n;
}

static bool
find_occurrence (const fg_value *document, const fg_element *like, size_t n, fg_element *found)
{
   fg_cursor cursor;

   fg_cursor_open (&cursor, document);
   while (fg_cursor_next (&cursor, found)) {
      if (same_name (found, like) && n-- == 0) {
         return true;
      }
   }
   return false;
}

#define SEARCH_ONE_BY_ONE 48u

static int
by_name (const void *a, const void *b)
{
   const fg_element *x = a;
   const fg_element *y = b;
   int order = strcmp (x->name, y->name);
   return order ? order : (x->name > y->name) - (x->name < y->name); /* then as they stand in the document */
}

static bool
fill_sorted (const fg_value *document, fg_element *elements, size_t n)
{
   fg_cursor cursor;
   size_t filled = 0;

   fg_cursor_open (&cursor, document);
   while (filled < n && fg_cursor_next (&cursor, &elements[filled])) {
      filled++;
   }
   qsort (elements, filled, sizeof *elements, by_name);
   return filled == n;
}

/* Many fields: both sorted by name, so that no document makes this quadratic. */
static bool
equal_large_objects (fg_comparison *c, const fg_value *a, const fg_value *b, size_t n)
{
   fg_element *x = calloc (n, sizeof *x);
   fg_element *y = calloc (n, sizeof *y);
   bool equal = x && y;

   if (!equal) {
      fault (c, FG_FAULT_NOMEM);
   }
   equal = equal && fill_sorted (a, x, n) && fill_sorted (b, y, n);
   for (size_t i = 0; equal && i < n; i++) {
      equal = same_name (&x[i], &y[i]) && fg_equal_values_unordered (c, &x[i].value, &y[i].value);
   }
   free (x);
   free (y);
   return equal;
}

/* Fields usually come in the same order: only where the names part is the other document searched. */
static bool
equal_objects (fg_comparison *c, const fg_value *a, const fg_value *b)
{
   fg_cursor x, y;
   fg_element ea, eb;
   size_t count_a, count_b;
   bool in_step = true;

   if (!count_elements (c, a, &count_a) || !count_elements (c, b, &count_b) || count_a != count_b) {
      return false;
   }
   if (count_a > SEARCH_ONE_BY_ONE) {
      return equal_large_objects (c, a, b, count_a);
   }
   fg_cursor_open (&x, a);
   fg_cursor_open (&y, b);
   while (fg_cursor_next (&x, &ea)) {
      in_step = in_step && fg_cursor_next (&y, &eb) && same_name (&ea, &eb);
      if (!in_step && !find_occurrence (b, &ea, occurrence_of (a, &ea), &eb)) {
         return false;
      }
      if (!fg_equal_values_unordered (c, &ea.value, &eb.value)) {
         return false;
      }
   }
   return true;
}

static bool
equal_arrays (fg_comparison *c, const fg_value *a, const fg_value *b)
{
   fg_cursor x, y;
   fg_element ea, eb;
   bool more_a, more_b;

   fg_cursor_open (&x, a);
   fg_cursor_open (&y, b);
   for (;;) {
      more_a = fg_cursor_next (&x, &ea);
      more_b = fg_cursor_next (&y, &eb);
      if (x.bad || y.bad) {
         return fault (c, FG_FAULT_MALFORMED);
      }
      if (!more_a || !more_b) {
         return more_a == more_b;
      }
      if (!fg_equal_values_unordered (c, &ea.value, &eb.value)) {
         return false;
      }
   }
}

bool
fg_equal_values_unordered (fg_comparison *c, const fg_value *a, const fg_value *b)
{
   if (fg_type_order (a->type) != fg_type_order (b->type)) {
      return false;
   }
   if (a->type != BSON_OBJECT && a->type != BSON_ARRAY) {
      return fg_compare_values (c, a, b) == 0;
   }
   if (c->depth_left == 0) {
      return fault (c, FG_FAULT_TOO_DEEP);
   }
   c->depth_left--;
   bool equal = a->type == BSON_OBJECT ? equal_objects (c, a, b) : equal_arrays (c, a, b);
   c->depth_left++;
   return equal;
}

bool
fg_value_equal_unordered (const fg_value *a, const fg_value *b)
{
   fg_comparison c = {FG_MATCHER_DEFAULT_DEPTH * 2, FG_FAULT_NONE};
   return fg_equal_values_unordered (&c, a, b) && c.fault == FG_FAULT_NONE;
}
