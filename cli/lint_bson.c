/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lint.h"

bool
fg_lint_here (const bson_iter_t *iter, bson_t *child)
{
   const uint8_t *data = NULL;
   uint32_t len = 0;

   if (BSON_ITER_HOLDS_DOCUMENT (iter)) {
      bson_iter_document (iter, &len, &data);
   } else if (BSON_ITER_HOLDS_ARRAY (iter)) {
      bson_iter_array (iter, &len, &data);
   }
   return data && bson_init_static (child, data, len);
}

bool
fg_lint_child (const bson_t *parent, const char *name, bson_t *child)
{
   bson_iter_t iter;
   return bson_iter_init_find (&iter, parent, name) && fg_lint_here (&iter, child);
}

const char *
fg_lint_string (const bson_t *parent, const char *name)
{
   bson_iter_t iter;
   return bson_iter_init_find (&iter, parent, name) && BSON_ITER_HOLDS_UTF8 (&iter) ? bson_iter_utf8 (&iter, NULL)
                                                                                    : NULL;
}

bool
fg_lint_names (const bson_t *parent, const char *name, const char *text)
{
   const char *single = fg_lint_string (parent, name);
   bson_iter_t iter;
   bson_t array;

   if (single) {
      return strcmp (single, text) == 0;
   }
   if (!fg_lint_child (parent, name, &array) || !bson_iter_init (&iter, &array)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      if (BSON_ITER_HOLDS_UTF8 (&iter) && strcmp (bson_iter_utf8 (&iter, NULL), text) == 0) {
         return true;
      }
   }
   return false;
}
