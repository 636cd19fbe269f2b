/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/projector.h"

#include "hosts/fieldguardd/query/codes.h"

/*
 * Two steps: what stays of the document, then what is computed and put into it. Recursion is as deep as the specification's paths plus the document's nested arrays: both bounded.
 */

static const fgd_field *
find_field (const fgd_fields *fields, const fgd_element *element)
{
   for (size_t i = 0; i < fields->n; i++) {
      if (fields->items[i].len == element->name_len &&
          memcmp (fields->items[i].name, element->name, element->name_len) == 0) {
         return &fields->items[i];
      }
   }
   return NULL;
}

/* --- what stays ---------------------------------------------------------------------------------------------------------- */

static void keep_object (const fgd_fields *fields, bool inclusion, bool keep_id, const fg_value *object, fg_buf *out);

/* Elements that are objects or arrays are looked into; others stay under exclusion and go under inclusion. */
static void
keep_array (const fgd_fields *fields, bool inclusion, const fg_value *array, fg_buf *out)
{
   fgd_walk walk;
   fgd_element element;
   char name[24];
   size_t n = 0;
   fgd_walk_begin (&walk, array->data, array->len);
   while (fgd_walk_next (&walk, &element)) {
      bool container = fgd_is_container (&element.value);
      if (!container && inclusion) {
         continue;
      }
      size_t len = fgd_index_name (n++, name);
      if (!container) {
         fgd_put_value (out, name, len, &element.value);
         continue;
      }
      size_t at = fgd_put_open (out, element.value.type, name, len);
      if (element.value.type == FGD_T_OBJECT) {
         keep_object (fields, inclusion, false, &element.value, out);
      } else {
         keep_array (fields, inclusion, &element.value, out);
      }
      fgd_put_end (out, at);
   }
}

static void
keep_nested (const fgd_field *field, bool inclusion, const fgd_element *element, fg_buf *out)
{
   if (!fgd_is_container (&element->value)) {
      if (!inclusion) {
         fg_buf_append (out, element->start, element->size);
      }
      return;
   }
   size_t at = fgd_put_open (out, element->value.type, element->name, element->name_len);
   if (element->value.type == FGD_T_OBJECT) {
      keep_object (field->nested, inclusion, false, &element->value, out);
   } else {
      keep_array (field->nested, inclusion, &element->value, out);
   }
   fgd_put_end (out, at);
}

static void
keep_object (const fgd_fields *fields, bool inclusion, bool keep_id, const fg_value *object, fg_buf *out)
{
   fgd_walk walk;
   fgd_element element;
   fgd_walk_begin (&walk, object->data, object->len);
   while (fgd_walk_next (&walk, &element)) {
      const fgd_field *field = find_field (fields, &element);
      bool stays = field ? field->kind == FGD_FIELD_INCLUDE
                         : !inclusion || (keep_id && fgd_is (element.name, element.name_len, "_id"));
      if (field && field->kind == FGD_FIELD_NESTED) {
         keep_nested (field, inclusion, &element, out);
      } else if (stays) {
         fg_buf_append (out, element.start, element.size);
      }
   }
}

/* --- what is computed ---------------------------------------------------------------------------------------------------- */

static bool
elem_match (fgd_eval *eval, const fgd_field *field, fg_value *out, fg_error *err)
{
   fgd_element element;
   fgd_element hit;
   size_t index = SIZE_MAX;
   char name[24];
   *out = (fg_value){0, NULL, 0};
   fg_match match = fg_matcher_check_positional (field->matcher, eval->root.data, eval->root.len, &index, err);
   if (match == FG_MATCH_ERROR) {
      return false;
   }
   if (match == FG_MATCH_NO || index == SIZE_MAX ||
       !fgd_find (eval->root.data, eval->root.len, field->name, field->len, &element) ||
       !fgd_find (element.value.data, element.value.len, name, fgd_index_name (index, name), &hit)) {
      return true;
   }
   fg_buf array = {0};
   size_t at = fgd_put_begin (&array);
   fgd_put_value (&array, "0", 1, &hit.value);
   fgd_put_end (&array, at);
   return fgd_expr_give (eval, fgd_make_from_buf (eval->arena, FGD_T_ARRAY, &array), out, err);
}

static bool compute_object (const fgd_fields *fields, fgd_eval *eval, const fg_value *object, fg_buf *out,
                            fg_error *err);

/* value: what stands there; anything but an object or an array gives way to a new object. */
static bool
compute_value (const fgd_fields *fields, fgd_eval *eval, const fg_value *value, const char *name, size_t name_len,
               fg_buf *out, fg_error *err)
{
   bool ok = true;
   if (value->type != FGD_T_ARRAY) {
      size_t at = fgd_put_open (out, FGD_T_OBJECT, name, name_len);
      ok = compute_object (fields, eval, value->type == FGD_T_OBJECT ? value : NULL, out, err);
      fgd_put_end (out, at);
      return ok;
   }
   fgd_walk walk;
   fgd_element element;
   size_t at = fgd_put_open (out, FGD_T_ARRAY, name, name_len);
   fgd_walk_begin (&walk, value->data, value->len);
   while (ok && fgd_walk_next (&walk, &element)) {
      ok = compute_value (fields, eval, &element.value, element.name, element.name_len, out, err);
   }
   fgd_put_end (out, at);
   return ok;
}

static bool
compute_field (const fgd_field *field, fgd_eval *eval, const fg_value *old, fg_buf *out, fg_error *err)
{
   fg_value value;
   if (field->kind == FGD_FIELD_NESTED) {
      static const fg_value missing = {0, NULL, 0};
      return compute_value (field->nested, eval, old ? old : &missing, field->name, field->len, out, err);
   }
   bool ok = field->kind == FGD_FIELD_ELEM_MATCH ? elem_match (eval, field, &value, err)
                                                 : fgd_expr_eval (eval, field->expr, &value, err);
   if (ok && value.type != 0) {
      fgd_put_value (out, field->name, field->len, &value);
   }
   return ok;
}

static bool
is_computed (const fgd_field *field)
{
   return field->kind == FGD_FIELD_COMPUTED || field->kind == FGD_FIELD_ELEM_MATCH ||
          (field->kind == FGD_FIELD_NESTED && field->nested->computed);
}

/* object: what stayed (NULL: nothing). A computed field takes the place of one that is there, else it goes to the end. */
static bool
compute_object (const fgd_fields *fields, fgd_eval *eval, const fg_value *object, fg_buf *out, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   if (object) {
      fgd_walk_begin (&walk, object->data, object->len);
      while (fgd_walk_next (&walk, &element)) {
         const fgd_field *field = find_field (fields, &element);
         if (!field || !is_computed (field)) {
            fg_buf_append (out, element.start, element.size);
         } else if (!compute_field (field, eval, &element.value, out, err)) {
            return false;
         }
      }
   }
   for (size_t i = 0; i < fields->n; i++) {
      const fgd_field *field = &fields->items[i];
      if (!is_computed (field) || (object && fgd_find (object->data, object->len, field->name, field->len, &element))) {
         continue;
      }
      if (!compute_field (field, eval, NULL, out, err)) {
         return false;
      }
   }
   return true;
}

/* --- $slice and positional ------------------------------------------------------------------------------------------------- */

static void
slice_bounds (const fgd_slice *slice, size_t size, size_t *from, size_t *count)
{
   int64_t total = (int64_t)size;
   int64_t skip = slice->has_skip ? slice->skip : slice->limit < 0 ? slice->limit : 0;
   int64_t limit = slice->limit < 0 ? -slice->limit : slice->limit;
   *from = skip >= 0 ? (size_t)skip : -skip >= total ? 0 : (size_t)(total + skip);
   *count = (size_t)limit;
}

static bool
slice_array (const fgd_slice *slice, size_t index, const fg_value *array, fg_buf *out, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   char name[24];
   size_t size = fgd_count (array->data, array->len);
   size_t from = index;
   size_t count = 1;
   size_t n = 0;
   if (slice->positional && index >= size) {
      return fgd_fail (err, 51247,
                       "Executor error during find command :: caused by :: positional operator '.$' element mismatch");
   }
   if (!slice->positional) {
      slice_bounds (slice, size, &from, &count);
   }
   fgd_walk_begin (&walk, array->data, array->len);
   for (size_t i = 0; fgd_walk_next (&walk, &element); i++) {
      if (i >= from && i - from < count) {
         size_t len = fgd_index_name (n++, name);
         fgd_put_value (out, name, len, &element.value);
      }
   }
   return true;
}

static bool slice_object (const fgd_slice *slice, const char *path, size_t index, const fg_value *object, fg_buf *out,
                          fg_error *err);

static bool
slice_value (const fgd_slice *slice, const char *rest, size_t index, const fgd_element *element, fg_buf *out,
             fg_error *err)
{
   bool array = element->value.type == FGD_T_ARRAY;
   bool ok = true;
   if (!fgd_is_container (&element->value) || (*rest == '\0' && !array)) {
      fg_buf_append (out, element->start, element->size);
      return true;
   }
   size_t at = fgd_put_open (out, element->value.type, element->name, element->name_len);
   if (array && (*rest == '\0' || slice->positional)) {
      ok = slice_array (slice, index, &element->value, out, err);
   } else if (!array) {
      ok = slice_object (slice, rest, index, &element->value, out, err);
   } else {
      fgd_walk walk;
      fgd_element inner;
      fgd_walk_begin (&walk, element->value.data, element->value.len);
      while (ok && fgd_walk_next (&walk, &inner)) {
         if (inner.value.type != FGD_T_OBJECT) {
            fg_buf_append (out, inner.start, inner.size);
            continue;
         }
         size_t below = fgd_put_open (out, FGD_T_OBJECT, inner.name, inner.name_len);
         ok = slice_object (slice, rest, index, &inner.value, out, err);
         fgd_put_end (out, below);
      }
   }
   fgd_put_end (out, at);
   return ok;
}

static bool
slice_object (const fgd_slice *slice, const char *path, size_t index, const fg_value *object, fg_buf *out,
              fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   size_t part = strcspn (path, ".");
   const char *rest = path + part + (path[part] ? 1 : 0);
   bool ok = true;
   fgd_walk_begin (&walk, object->data, object->len);
   while (ok && fgd_walk_next (&walk, &element)) {
      if (element.name_len == part && memcmp (element.name, path, part) == 0) {
         ok = slice_value (slice, rest, index, &element, out, err);
      } else {
         fg_buf_append (out, element.start, element.size);
      }
   }
   return ok;
}

/* --- the whole -------------------------------------------------------------------------------------------------------------- */

static bool
keep (const fgd_projector *projector, fgd_eval *eval, fg_value *image, fg_error *err)
{
   fg_buf buf = {0};
   if (projector->mode == FGD_PROJECT_ADD) {
      *image = eval->root;
      return true;
   }
   size_t at = fgd_put_begin (&buf);
   keep_object (&projector->fields, projector->mode == FGD_PROJECT_INCLUSION, projector->keep_id, &eval->root, &buf);
   fgd_put_end (&buf, at);
   return fgd_expr_give (eval, fgd_make_from_buf (eval->arena, FGD_T_OBJECT, &buf), image, err);
}

static bool
compute (const fgd_projector *projector, fgd_eval *eval, fg_value *image, fg_error *err)
{
   fg_buf buf = {0};
   if (!projector->fields.computed) {
      return true;
   }
   size_t at = fgd_put_begin (&buf);
   bool ok = compute_object (&projector->fields, eval, image, &buf, err);
   fgd_put_end (&buf, at);
   return fgd_expr_give (eval, fgd_make_from_buf (eval->arena, FGD_T_OBJECT, &buf), image, ok ? err : NULL) && ok;
}

bool
fgd_projector_apply (const fgd_projector *projector, fgd_eval *eval, fg_buf *out, fg_error *err)
{
   fg_value image;
   if (!keep (projector, eval, &image, err) || !compute (projector, eval, &image, err)) {
      return false;
   }
   for (const fgd_slice *slice = projector->slices; slice; slice = slice->next) {
      fg_buf buf = {0};
      size_t at = fgd_put_begin (&buf);
      bool ok = slice_object (slice, slice->path, eval->positional, &image, &buf, err);
      fgd_put_end (&buf, at);
      if (!fgd_expr_give (eval, fgd_make_from_buf (eval->arena, FGD_T_OBJECT, &buf), &image, ok ? err : NULL) || !ok) {
         return false;
      }
   }
   fg_buf_append (out, image.data, image.len);
   return out->failed ? fgd_no_memory (err) : true;
}
