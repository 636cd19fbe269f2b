/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/tree.h"

#include <string.h>

/*
 * Dotted paths through documents, as mongod walks them. A path that ends at an array reaches its elements and then the array itself
 * (leaf_arrays). An array before the end is gone through implicitly: each element that is a document is searched for the rest of the
 * path, and an element whose index is the next part is also taken by position. A missing field is reached once, as "missing"; elements
 * that are no documents are passed over.
 */

typedef struct walk {
   fg_eval *ev;
   const fg_path *path;
   bool leaf_arrays;
   fg_path_visitor visit;
   void *arg;
   size_t index; /* in the outermost array */
} walk;

static bool walk_document (walk *w, const fg_value *document, uint32_t part);
static bool walk_array (walk *w, const fg_value *array, uint32_t part);

static bool
reach (walk *w, const fg_value *value, bool through_array)
{
   return w->visit (w->arg, value, through_array ? w->index : SIZE_MAX);
}

static bool
leaf_array (walk *w, const fg_value *array)
{
   fg_cursor cursor;
   fg_element element;
   bool outermost = w->index == SIZE_MAX;
   bool hit = false;

   if (!w->leaf_arrays) {
      return reach (w, array, true);
   }
   if (!fg_eval_enter (w->ev, &cursor, array)) {
      return false;
   }
   for (size_t i = 0; !hit && fg_cursor_next (&cursor, &element); i++) {
      w->index = outermost ? i : w->index;
      hit = reach (w, &element.value, true);
   }
   if (outermost) {
      w->index = SIZE_MAX;
   }
   fg_eval_leave (w->ev, &cursor);
   return hit || reach (w, array, true);
}

/* An element taken by position: its own rest of the path, without going through it implicitly at the end. */
static bool
by_position (walk *w, const fg_value *value, uint32_t rest)
{
   if (rest == w->path->n_parts) {
      return reach (w, value, value->type != BSON_OBJECT);
   }
   if (value->type == BSON_OBJECT) {
      return walk_document (w, value, rest);
   }
   return value->type == BSON_ARRAY && walk_array (w, value, rest);
}

static bool
walk_array_element (walk *w, const fg_element *element, uint32_t part)
{
   const fg_name *next = &w->path->parts[part];

   bool here = element->name_len == next->len && memcmp (element->name, next->text, next->len) == 0;

   if (element->value.type == BSON_OBJECT && walk_document (w, &element->value, part)) {
      return true;
   }
   if (!here || w->ev->fault) {
      return false;
   }
   if (w->ev->branches_left-- == 0) {
      w->ev->branches_left = 0;
      return fg_eval_set_fault (w->ev, FG_FAULT_PATH_LIMIT);
   }
   return by_position (w, &element->value, part + 1);
}

/* part is within the path: the array is not its end. */
static bool
walk_array (walk *w, const fg_value *array, uint32_t part)
{
   fg_cursor cursor;
   fg_element element;
   bool outermost = w->index == SIZE_MAX;
   bool hit = false;

   if (!fg_eval_enter (w->ev, &cursor, array)) {
      return false;
   }
   for (size_t i = 0; !hit && fg_cursor_next (&cursor, &element); i++) {
      w->index = outermost ? i : w->index;
      hit = walk_array_element (w, &element, part);
   }
   if (outermost) {
      w->index = SIZE_MAX;
   }
   fg_eval_leave (w->ev, &cursor);
   return hit;
}

static bool
walk_document (walk *w, const fg_value *document, uint32_t part)
{
   static const fg_value missing = {0, NULL, 0};
   fg_value at = *document;

   for (; part < w->path->n_parts; part++) {
      fg_value value;
      bool last = part + 1 == w->path->n_parts;
      int found = fg_eval_find (w->ev, &at, &w->path->parts[part], &value);
      if (found < 0) {
         return false;
      }
      if (found == 0) {
         return reach (w, &missing, true);
      }
      if (value.type == BSON_ARRAY) {
         return last ? leaf_array (w, &value) : walk_array (w, &value, part + 1);
      }
      if (value.type != BSON_OBJECT) {
         return reach (w, last ? &value : &missing, true);
      }
      at = value;
   }
   return reach (w, &at, true);
}

bool
fg_path_any (fg_eval *ev, const fg_path *path, bool leaf_arrays, const fg_value *document, fg_path_visitor visit,
             void *arg)
{
   walk w = {ev, path, leaf_arrays, visit, arg, SIZE_MAX};

   if (document->type != BSON_OBJECT && document->type != BSON_ARRAY) {
      return false;
   }
   return walk_document (&w, document, 0);
}

static bool
is_present (void *arg, const fg_value *value, size_t index)
{
   (void)arg;
   (void)index;
   return value->type != 0;
}

bool
fg_eval_path_exists (fg_eval *ev, const fg_path *path, const fg_value *document)
{
   return fg_path_any (ev, path, true, document, is_present, NULL);
}
