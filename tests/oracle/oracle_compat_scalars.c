/* SPDX-License-Identifier: Apache-2.0 */

/* Keywords of numbers and strings. */

#include "tests/oracle/oracle_compat.h"

#include <string.h>

static bool
limit (const bson_iter_t *value, const keyword *k, int sign, const char *exclusive)
{
   bson_iter_t flag;
   bool strictly = oracle_find (k->schema, exclusive, &flag) && bson_iter_bool (&flag);
   if (!value || !oracle_is_number (bson_iter_type (value))) {
      return false;
   }
   bool nan = oracle_number_is_nan (value), limit_nan = oracle_number_is_nan (k->it);
   if (nan || limit_nan) {
      return nan && limit_nan && !strictly;
   }
   int order = oracle_number_compare (value, k->it) * sign;
   return strictly ? order < 0 : order <= 0;
}

bool
oracle_maximum (const bson_iter_t *value, void *arg)
{
   return limit (value, arg, 1, "exclusiveMaximum");
}

bool
oracle_minimum (const bson_iter_t *value, void *arg)
{
   return limit (value, arg, -1, "exclusiveMinimum");
}

bool
oracle_multiple_of (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   return value && oracle_is_number (bson_iter_type (value)) && oracle_number_is_multiple (value, k->it);
}

static int64_t
code_points (const char *text, uint32_t len)
{
   int64_t n = 0;
   for (uint32_t i = 0; i < len; i++) {
      n += ((uint8_t)text[i] & 0xc0) != 0x80;
   }
   return n;
}

bool
oracle_length (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   uint32_t len;
   int64_t count;
   if (!value || bson_iter_type (value) != BSON_TYPE_UTF8) {
      return false;
   }
   const char *text = bson_iter_utf8 (value, &len);
   oracle_number_as_count (k->it, &count);
   return strcmp (bson_iter_key (k->it), "maxLength") == 0 ? code_points (text, len) <= count
                                                           : code_points (text, len) >= count;
}

bool
oracle_pattern (const bson_iter_t *value, void *arg)
{
   const keyword *k = arg;
   uint32_t len, pattern_len;
   const char *text = bson_iter_utf8 (k->it, &pattern_len);
   if (!value || bson_iter_type (value) != BSON_TYPE_UTF8) {
      return false;
   }
   const char *subject = bson_iter_utf8 (value, &len);
   return oracle_pattern_matches (text, pattern_len, true, subject, len);
}
