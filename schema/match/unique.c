/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/unique.h"

#include "base/base.h"

#include <stdlib.h>

/*
 * Few elements are compared each with each. Many are hashed first, such that values which are equal (numbers across their types, objects in any order of fields) hash
 * alike; only elements of one hash are then compared.
 */

#define COMPARE_ALL 24u

typedef struct hashed {
   uint64_t hash;
   fg_value value;
} hashed;

static uint64_t
mix (uint64_t hash, uint64_t word)
{
   hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
   return hash ^ (hash >> 29);
}

static uint64_t
hash_bytes (uint64_t hash, const uint8_t *p, size_t n)
{
   for (; n >= 8; p += 8, n -= 8) {
      hash = mix (hash, fg_read_u64le (p));
   }
   uint64_t rest = n;
   for (size_t i = 0; i < n; i++) {
      rest = rest << 8 | p[i];
   }
   return mix (hash, rest);
}

/* By the integer part where it fits: equal numbers share it. */
static uint64_t
hash_number (const fg_value *value)
{
   int64_t whole = 0;
   fg_integral kind = fg_number_to_int64 (value, &whole);
   return kind == FG_INTEGRAL_EXACT || kind == FG_INTEGRAL_FRACTION ? mix (10, (uint64_t)whole) : 10;
}

static uint64_t hash_value (fg_eval *ev, const fg_value *value);

/* Fields add up, so that their order does not matter; elements of arrays are chained. */
static uint64_t
hash_nested (fg_eval *ev, const fg_value *value)
{
   fg_cursor cursor;
   fg_element element;
   uint64_t hash = value->type;

   if (!fg_eval_enter (ev, &cursor, value)) {
      return 0;
   }
   while (!ev->fault && fg_cursor_next (&cursor, &element)) {
      uint64_t inner = hash_value (ev, &element.value);
      if (value->type == BSON_ARRAY) {
         hash = mix (hash, inner);
      } else {
         hash += hash_bytes (inner, (const uint8_t *)element.name, element.name_len);
      }
   }
   fg_eval_leave (ev, &cursor);
   return hash;
}

static uint64_t
hash_value (fg_eval *ev, const fg_value *value)
{
   size_t len;

   if (fg_value_is_number (value)) {
      return hash_number (value);
   }
   switch (value->type) {
   case BSON_OBJECT:
   case BSON_ARRAY:
      return hash_nested (ev, value);
   case BSON_STRING:
   case BSON_SYMBOL: {
      const char *text = fg_value_string (value, &len);
      return hash_bytes (15, (const uint8_t *)text, len);
   }
   case BSON_BOOL:
      return mix (40, fg_value_bool (value));
   case BSON_BINDATA:
   case BSON_OID:
   case BSON_DATE:
   case BSON_TIMESTAMP:
      return hash_bytes (value->type, value->data, value->len);
   default:
      return (uint64_t)(int64_t)fg_type_order (value->type);
   }
}

static int
by_hash (const void *a, const void *b)
{
   const hashed *x = a;
   const hashed *y = b;
   return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static bool
unique_in_run (fg_eval *ev, const hashed *items, size_t n, size_t at)
{
   for (size_t other = at + 1; other < n && items[other].hash == items[at].hash; other++) {
      if (ev->fault || fg_eval_equal_unordered (ev, &items[at].value, &items[other].value)) {
         return false;
      }
   }
   return true;
}

static size_t
hash_all (fg_eval *ev, const fg_value *array, hashed *items, size_t n)
{
   fg_cursor cursor;
   fg_element element;
   size_t filled = 0;

   if (!fg_eval_enter (ev, &cursor, array)) {
      return 0;
   }
   while (filled < n && !ev->fault && fg_cursor_next (&cursor, &element)) {
      items[filled++] = (hashed){hash_value (ev, &element.value), element.value};
   }
   fg_eval_leave (ev, &cursor);
   return filled;
}

static bool
unique_by_hash (fg_eval *ev, const fg_value *array, size_t n)
{
   hashed *items = calloc (n, sizeof *items);
   bool unique = true;

   if (!items) {
      return fg_eval_set_fault (ev, FG_FAULT_NOMEM);
   }
   n = hash_all (ev, array, items, n);
   qsort (items, n, sizeof *items, by_hash);
   for (size_t i = 0; unique && i < n; i++) {
      unique = unique_in_run (ev, items, n, i);
   }
   free (items);
   return unique;
}

static bool
occurs_before (fg_eval *ev, const fg_value *array, const fg_element *element)
{
   fg_cursor cursor;
   fg_element other;

   fg_cursor_open (&cursor, array);
   while (!ev->fault && fg_cursor_next (&cursor, &other) && other.name != element->name) {
      if (fg_eval_equal_unordered (ev, &other.value, &element->value)) {
         return true;
      }
   }
   return false;
}

bool
fg_eval_unique (fg_eval *ev, const fg_value *array)
{
   size_t n = fg_eval_count (ev, array);
   fg_cursor cursor;
   fg_element element;
   bool unique = true;

   if (n > COMPARE_ALL) {
      return unique_by_hash (ev, array, n);
   }
   if (!fg_eval_enter (ev, &cursor, array)) {
      return false;
   }
   while (unique && !ev->fault && fg_cursor_next (&cursor, &element)) {
      unique = !occurs_before (ev, array, &element);
   }
   fg_eval_leave (ev, &cursor);
   return unique;
}
