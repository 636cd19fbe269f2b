/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/stages.h"

/* $unwind: one document for each element of an array. */

static bool
read_path (fgd_stages *stages, fgd_stage *stage, const fg_value *value, fg_error *err)
{
   size_t len = 0;
   if (value->type != FGD_T_STRING) {
      return fgd_fail (err, 28808, "expected a string as the path for $unwind stage, got %s",
                       fgd_type_name (value->type));
   }
   const char *text = fgd_string (value, &len);
   if (len == 0) {
      return fgd_fail (err, 28812, "no path specified to $unwind stage");
   }
   if (text[0] != '$') {
      return fgd_fail (err, 28818, "path option to $unwind stage should be prefixed with a '$': ###");
   }
   if (!fgd_field_path_check (text + 1, len - 1, err)) {
      return false;
   }
   stage->field = fgd_arena_copy (&stages->arena, text + 1, len - 1);
   return stage->field ? true : fgd_no_memory (err);
}

static bool
read_index_field (fgd_stages *stages, fgd_stage *stage, const fg_value *value, fg_error *err)
{
   size_t len = 0;
   const char *text = value->type == FGD_T_STRING ? fgd_string (value, &len) : "";
   if (len == 0) {
      return fgd_fail (err, 28810,
                       "expected a non-empty string for the includeArrayIndex option to $unwind stage, got %s",
                       fgd_type_name (value->type));
   }
   if (text[0] == '$') {
      return fgd_fail (err, 28822, "includeArrayIndex option to $unwind stage should not be prefixed with a '$': ###");
   }
   if (memchr (text, '.', len)) {
      return fgd_fail (err, 28811, "a dotted includeArrayIndex is not offered by this server");
   }
   stage->index_field = fgd_arena_copy (&stages->arena, text, len);
   return stage->index_field ? true : fgd_no_memory (err);
}

static bool
read_option (fgd_stages *stages, fgd_stage *stage, const fgd_element *element, fg_error *err)
{
   if (strcmp (element->name, "path") == 0) {
      return read_path (stages, stage, &element->value, err);
   }
   if (strcmp (element->name, "includeArrayIndex") == 0) {
      return read_index_field (stages, stage, &element->value, err);
   }
   if (strcmp (element->name, "preserveNullAndEmptyArrays") == 0) {
      if (element->value.type != FGD_T_BOOL) {
         return fgd_fail (err, 28809,
                          "expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage, got %s",
                          fgd_type_name (element->value.type));
      }
      stage->keep_empty = fgd_truthy (&element->value);
      return true;
   }
   return fgd_fail (err, 28811, "unrecognized option to $unwind stage: %s", element->name);
}

bool
fgd_stage_parse_unwind (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   stage->kind = FGD_STAGE_UNWIND;
   if (spec->type == FGD_T_STRING) {
      return read_path (stages, stage, spec, err);
   }
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, 15981, "expected either a string or an object as specification for $unwind stage, got %s",
                       fgd_type_name (spec->type));
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      if (!read_option (stages, stage, &element, err)) {
         return false;
      }
   }
   return stage->field ? true : fgd_fail (err, 28812, "no path specified to $unwind stage");
}

/* The value at path, through objects only. */
static fg_value
value_at (const uint8_t *doc, size_t len, const char *path)
{
   fg_value value = {FGD_T_OBJECT, doc, len};
   while (*path) {
      fgd_element element;
      size_t part = strcspn (path, ".");
      if (value.type != FGD_T_OBJECT || !fgd_find (value.data, value.len, path, part, &element)) {
         return (fg_value){0, NULL, 0};
      }
      value = element.value;
      path += part + (path[part] ? 1 : 0);
   }
   return value;
}

/* Writes doc's fields with the value at path put in its place (missing: left out). */
static void
write_with (const uint8_t *doc, size_t len, const char *path, const fg_value *value, const char *skip, fg_buf *out)
{
   fgd_walk walk;
   fgd_element element;
   size_t part = strcspn (path, ".");
   fgd_walk_begin (&walk, doc, len);
   while (fgd_walk_next (&walk, &element)) {
      if (skip && fgd_is (element.name, element.name_len, skip)) {
         continue;
      }
      if (element.name_len != part || memcmp (element.name, path, part) != 0) {
         fg_buf_append (out, element.start, element.size);
      } else if (path[part] == '\0') {
         if (value->type != 0) {
            fgd_put_value (out, element.name, element.name_len, value);
         }
      } else if (element.value.type != FGD_T_OBJECT) {
         fg_buf_append (out, element.start, element.size);
      } else {
         size_t at = fgd_put_open (out, FGD_T_OBJECT, element.name, element.name_len);
         write_with (element.value.data, element.value.len, path + part + 1, value, NULL, out);
         fgd_put_end (out, at);
      }
   }
}

static bool
emit (const fgd_stage *stage, const uint8_t *doc, size_t len, const fg_value *value, int64_t index, fg_buf *out,
      bool *failed, fg_error *err)
{
   uint8_t bytes[8];
   size_t at = fgd_put_begin (out);
   write_with (doc, len, stage->field, value, stage->index_field, out);
   for (int i = 0; i < 8; i++) {
      bytes[i] = (uint8_t)((uint64_t)index >> (8 * i));
   }
   if (stage->index_field) {
      fgd_put (out, index < 0 ? FGD_T_NULL : FGD_T_INT64, stage->index_field, strlen (stage->index_field), bytes,
               index < 0 ? 0 : 8);
   }
   fgd_put_end (out, at);
   *failed = out->failed && !fgd_no_memory (err);
   return !*failed;
}

bool
fgd_unwind_at (const fgd_stage *stage, const uint8_t *doc, size_t len, size_t index, fg_buf *out, bool *failed,
               fg_error *err)
{
   fg_value value = value_at (doc, len, stage->field);
   fgd_element element;
   char name[24];
   fgd_buf_reset (out);
   *failed = false;
   if (value.type == FGD_T_ARRAY && fgd_count (value.data, value.len) > 0) {
      if (!fgd_find (value.data, value.len, name, fgd_index_name (index, name), &element)) {
         return false;
      }
      return emit (stage, doc, len, &element.value, (int64_t)index, out, failed, err);
   }
   bool nothing = value.type == FGD_T_ARRAY || fgd_is_nullish (&value);
   if (index > 0 || (nothing && !stage->keep_empty)) {
      return false;
   }
   if (value.type == FGD_T_ARRAY) {
      value = (fg_value){0, NULL, 0};
   }
   return emit (stage, doc, len, &value, -1, out, failed, err);
}
