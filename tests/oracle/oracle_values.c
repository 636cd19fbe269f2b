/* SPDX-License-Identifier: Apache-2.0 */

/* Equality of BSON values, and small helpers over libbson. */

#include "tests/oracle/oracle.h"

#include <string.h>

void
oracle_sub (const bson_iter_t *value, bson_t *sub)
{
   const uint8_t *data = NULL;
   uint32_t len = 0;

   if (bson_iter_type (value) == BSON_TYPE_ARRAY) {
      bson_iter_array (value, &len, &data);
   } else {
      bson_iter_document (value, &len, &data);
   }
   if (!data || !bson_init_static (sub, data, len)) {
      bson_init (sub);
   }
}

bool
oracle_find (const bson_t *doc, const char *name, bson_iter_t *found)
{
   if (!bson_iter_init (found, doc)) {
      return false;
   }
   while (bson_iter_next (found)) {
      if (strcmp (bson_iter_key (found), name) == 0) {
         return true;
      }
   }
   return false;
}

static bool
same_text (const bson_iter_t *a, const bson_iter_t *b)
{
   uint32_t la = 0, lb = 0;
   const char *ta = bson_iter_type (a) == BSON_TYPE_SYMBOL ? bson_iter_symbol (a, &la) : bson_iter_utf8 (a, &la);
   const char *tb = bson_iter_type (b) == BSON_TYPE_SYMBOL ? bson_iter_symbol (b, &lb) : bson_iter_utf8 (b, &lb);
   return la == lb && memcmp (ta, tb, la) == 0;
}

static bool
same_binary (const bson_iter_t *a, const bson_iter_t *b)
{
   bson_subtype_t sa = 0, sb = 0;
   uint32_t la = 0, lb = 0;
   const uint8_t *da = NULL, *db = NULL;
   bson_iter_binary (a, &sa, &la, &da);
   bson_iter_binary (b, &sb, &lb, &db);
   return sa == sb && la == lb && (la == 0 || memcmp (da, db, la) == 0);
}

static uint32_t
count (const bson_t *doc)
{
   return bson_count_keys (doc);
}

/* Element by element, names too where names matter. */
static bool
same_in_order (const bson_t *a, const bson_t *b, bool names, bool ordered)
{
   bson_iter_t x, y;
   bson_iter_init (&x, a);
   bson_iter_init (&y, b);
   for (;;) {
      bool more_x = bson_iter_next (&x), more_y = bson_iter_next (&y);
      if (!more_x || !more_y) {
         return more_x == more_y;
      }
      if ((names && strcmp (bson_iter_key (&x), bson_iter_key (&y)) != 0) || !oracle_equal (&x, &y, ordered)) {
         return false;
      }
   }
}

/* The same members in any order: each of a is paired with one of b that no other took. */
static bool
same_members (const bson_t *a, const bson_t *b)
{
   uint64_t taken = 0;
   bson_iter_t x, y;

   if (count (a) != count (b)) {
      return false;
   }
   bson_iter_init (&x, a);
   while (bson_iter_next (&x)) {
      bool found = false;
      unsigned i = 0;
      bson_iter_init (&y, b);
      for (; !found && bson_iter_next (&y); i++) {
         if (!(taken >> (i & 63) & 1) && strcmp (bson_iter_key (&x), bson_iter_key (&y)) == 0 &&
             oracle_equal (&x, &y, false)) {
            taken |= (uint64_t)1 << (i & 63);
            found = true;
         }
      }
      if (!found) {
         return false;
      }
   }
   return true;
}

static bool
same_sub (const bson_iter_t *a, const bson_iter_t *b, bool ordered)
{
   bson_t x, y;
   oracle_sub (a, &x);
   oracle_sub (b, &y);
   if (bson_iter_type (a) == BSON_TYPE_ARRAY) {
      return same_in_order (&x, &y, false, ordered);
   }
   return ordered ? same_in_order (&x, &y, true, true) : same_members (&x, &y);
}

/* The bytes of a value whose type leaves no choice of representation. */
static bool
same_bytes (const bson_iter_t *a, const bson_iter_t *b)
{
   bson_t x = BSON_INITIALIZER, y = BSON_INITIALIZER;
   bson_append_iter (&x, "", 0, a);
   bson_append_iter (&y, "", 0, b);
   bool same = bson_equal (&x, &y);
   bson_destroy (&x);
   bson_destroy (&y);
   return same;
}

bool
oracle_equal (const bson_iter_t *a, const bson_iter_t *b, bool ordered)
{
   bson_type_t ta = bson_iter_type (a), tb = bson_iter_type (b);
   bool text_a = ta == BSON_TYPE_UTF8 || ta == BSON_TYPE_SYMBOL,
        text_b = tb == BSON_TYPE_UTF8 || tb == BSON_TYPE_SYMBOL;

   if (oracle_is_number (ta) && oracle_is_number (tb)) {
      bool nan_a = oracle_number_is_nan (a), nan_b = oracle_number_is_nan (b);
      return nan_a || nan_b ? nan_a && nan_b : oracle_number_compare (a, b) == 0;
   }
   if (text_a && text_b) {
      return same_text (a, b);
   }
   if (ta != tb) {
      return false;
   }
   switch ((int)ta) {
   case BSON_TYPE_DOCUMENT:
   case BSON_TYPE_ARRAY:
      return same_sub (a, b, ordered);
   case BSON_TYPE_BINARY:
      return same_binary (a, b);
   default:
      return same_bytes (a, b);
   }
}
