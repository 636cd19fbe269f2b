/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_filter.h"

#include <string.h>

static bool
unsupported (fg_error *err, const char *path)
{
   return fg_error_set (
      err, FG_ERROR_USAGE, FG_E_UNSUPPORTED, path,
      "this key vault knows equality and $in on _id, keyAltNames, status and masterKey fields; not `%s`", path);
}

static bool
known_path (const char *path)
{
   return strcmp (path, "_id") == 0 || strcmp (path, "keyAltNames") == 0 || strcmp (path, "status") == 0 ||
          (strncmp (path, "masterKey.", 10) == 0 && path[10] != '\0' && !strchr (path + 10, '.'));
}

/* {$in: [...]} alone: the iterator then stands on the array. */
static bool
is_in (const bson_iter_t *value, bson_iter_t *array)
{
   return BSON_ITER_HOLDS_DOCUMENT (value) && bson_iter_recurse (value, array) && bson_iter_next (array) &&
          strcmp (bson_iter_key (array), "$in") == 0 && BSON_ITER_HOLDS_ARRAY (array);
}

static bool
check_member (const bson_iter_t *iter, fg_error *err)
{
   const char *path = bson_iter_key (iter);
   bson_iter_t array;

   if (!known_path (path)) {
      return unsupported (err, path);
   }
   if (BSON_ITER_HOLDS_DOCUMENT (iter)) {
      return (is_in (iter, &array) && !bson_iter_next (&array)) || unsupported (err, path);
   }
   return (!BSON_ITER_HOLDS_ARRAY (iter) && !BSON_ITER_HOLDS_REGEX (iter) && !BSON_ITER_HOLDS_NULL (iter)) ||
          unsupported (err, path);
}

bool
fg_key_filter_check (const bson_t *filter, fg_error *err)
{
   bson_iter_t iter;

   if (!bson_validate (filter, BSON_VALIDATE_NONE, NULL) || !bson_iter_init (&iter, filter)) {
      return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "malformed filter");
   }
   while (bson_iter_next (&iter)) {
      if (!check_member (&iter, err)) {
         return false;
      }
   }
   return true;
}

static bool
equal (const bson_iter_t *a, const bson_iter_t *b)
{
   if (BSON_ITER_HOLDS_NUMBER (a) && BSON_ITER_HOLDS_NUMBER (b)) {
      return bson_iter_as_int64 (a) == bson_iter_as_int64 (b);
   }
   bson_t x = BSON_INITIALIZER;
   bson_t y = BSON_INITIALIZER;
   bool same = bson_append_iter (&x, "v", 1, a) && bson_append_iter (&y, "v", 1, b) && bson_equal (&x, &y);
   bson_destroy (&x);
   bson_destroy (&y);
   return same;
}

/* The field itself, or any element of an array. */
static bool
field_equals (const bson_iter_t *field, const bson_iter_t *want)
{
   bson_iter_t element;

   if (!BSON_ITER_HOLDS_ARRAY (field)) {
      return equal (field, want);
   }
   if (!bson_iter_recurse (field, &element)) {
      return false;
   }
   while (bson_iter_next (&element)) {
      if (equal (&element, want)) {
         return true;
      }
   }
   return false;
}

static bool
member_matches (const bson_iter_t *member, const bson_t *doc)
{
   bson_iter_t start;
   bson_iter_t field;
   bson_iter_t array;
   bson_iter_t want;

   if (!bson_iter_init (&start, doc) || !bson_iter_find_descendant (&start, bson_iter_key (member), &field)) {
      return false;
   }
   if (!is_in (member, &array)) {
      return field_equals (&field, member);
   }
   if (!bson_iter_recurse (&array, &want)) {
      return false;
   }
   while (bson_iter_next (&want)) {
      if (field_equals (&field, &want)) {
         return true;
      }
   }
   return false;
}

bool
fg_key_filter_matches (const bson_t *filter, const bson_t *doc)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, filter)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      if (!member_matches (&iter, doc)) {
         return false;
      }
   }
   return true;
}
