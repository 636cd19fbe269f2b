/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/pipeline.h"
#include "hosts/fieldguardd/query/value_set.h"

#include <stdlib.h>

struct fgd_distinct {
   char *path;
   fgd_value_set set;
   size_t bytes;
};

fgd_distinct *
fgd_distinct_new (const char *path, fg_error *err)
{
   fgd_distinct *distinct = calloc (1, sizeof *distinct);
   if (distinct) {
      distinct->path = strdup (path);
   }
   if (!distinct || !distinct->path) {
      free (distinct);
      fgd_no_memory (err);
      return NULL;
   }
   return distinct;
}

void
fgd_distinct_free (fgd_distinct *distinct)
{
   if (distinct) {
      fgd_value_set_clear (&distinct->set);
      free (distinct->path);
      free (distinct);
   }
}

static bool
add (fgd_distinct *distinct, const fg_value *value, fg_error *err)
{
   bool fresh = false;
   if (fgd_value_set_add (&distinct->set, value, &fresh) == SIZE_MAX) {
      return fgd_no_memory (err);
   }
   distinct->bytes += fresh ? value->len + 12 : 0;
   return distinct->bytes <= FGD_MAX_DOCUMENT ? true : fgd_fail (err, 17217, "distinct too big, 16mb cap");
}

static bool
all_digits (const char *text, size_t len)
{
   for (size_t i = 0; i < len; i++) {
      if (text[i] < '0' || text[i] > '9') {
         return false;
      }
   }
   return len > 0;
}

/* An array on the way is entered by position where the path's next part is a number, else through every element that is an object; one at the end gives its
 * elements. Bounded by the document's depth. */
static bool
visit (fgd_distinct *distinct, const fg_value *value, const char *path, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   bool ok = true;
   size_t part = strcspn (path, ".");
   if (part == 0 && value->type != FGD_T_ARRAY) {
      return add (distinct, value, err);
   }
   if (part > 0 && (value->type == FGD_T_OBJECT || (value->type == FGD_T_ARRAY && all_digits (path, part)))) {
      return fgd_find (value->data, value->len, path, part, &element)
                ? visit (distinct, &element.value, path + part + (path[part] ? 1 : 0), err)
                : true;
   }
   if (value->type != FGD_T_ARRAY) {
      return true;
   }
   fgd_walk_begin (&walk, value->data, value->len);
   while (ok && fgd_walk_next (&walk, &element)) {
      if (part == 0) {
         ok = add (distinct, &element.value, err);
      } else if (element.value.type == FGD_T_OBJECT) {
         ok = visit (distinct, &element.value, path, err);
      }
   }
   return ok;
}

bool
fgd_distinct_add (fgd_distinct *distinct, const uint8_t *doc, size_t len, fg_error *err)
{
   if (!fgd_well_formed (doc, len)) {
      return fgd_bad_bson (err);
   }
   fg_value root = fg_value_of_document (doc, len);
   return visit (distinct, &root, distinct->path, err);
}

bool
fgd_distinct_values (const fgd_distinct *distinct, fg_buf *out, fg_error *err)
{
   char name[24];
   fgd_buf_reset (out);
   size_t at = fgd_put_begin (out);
   for (size_t i = 0; i < distinct->set.n; i++) {
      size_t len = fgd_index_name (i, name);
      fgd_put_value (out, name, len, distinct->set.items[i]);
   }
   fgd_put_end (out, at);
   return out->failed ? fgd_no_memory (err) : true;
}
