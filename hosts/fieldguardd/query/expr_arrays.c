/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/expr.h"

static bool
call_size (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   (void)self;
   (void)n;
   if (args[0].type != FGD_T_ARRAY) {
      return fgd_fail (err, 17124, "The argument to $size must be an array, but was of type: %s",
                       fgd_type_name (args[0].type));
   }
   size_t count = fgd_count (args[0].data, args[0].len);
   return fgd_expr_give (eval, fgd_make_int32 (eval->arena, (int32_t)count), out, err);
}

static bool
call_is_array (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   (void)self;
   (void)n;
   return fgd_expr_give (eval, fgd_make_bool (eval->arena, args[0].type == FGD_T_ARRAY), out, err);
}

static void
element_at (const fg_value *array, int64_t index, fg_value *out)
{
   fgd_walk walk;
   fgd_element element;
   int64_t i = 0;
   int64_t count = (int64_t)fgd_count (array->data, array->len);
   index = index < 0 ? index + count : index;
   *out = (fg_value){0, NULL, 0};
   fgd_walk_begin (&walk, array->data, array->len);
   while (index >= 0 && i <= index && fgd_walk_next (&walk, &element)) {
      if (i++ == index) {
         *out = element.value;
      }
   }
}

static bool
call_element (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   int64_t index = strcmp (self->op->name, "$last") == 0 ? -1 : 0;
   (void)eval;
   if (fgd_is_nullish (&args[0]) || (n == 2 && fgd_is_nullish (&args[1]))) {
      *out = fgd_make_null ();
      return true;
   }
   if (args[0].type != FGD_T_ARRAY) {
      return fgd_fail (err, 28689, "%s's %sargument must be an array, but is %s", self->op->name,
                       n == 2 ? "first " : "", fgd_type_name (args[0].type));
   }
   if (n == 2 && !fgd_is_number (&args[1])) {
      return fgd_fail (err, 28690, "$arrayElemAt's second argument must be a numeric value, but is %s",
                       fgd_type_name (args[1].type));
   }
   if (n == 2 && (!fgd_to_int64 (&args[1], &index) || index > INT32_MAX || index < INT32_MIN)) {
      return fgd_fail (err, 28691, "$arrayElemAt's second argument must be representable as a 32-bit integer: ###");
   }
   element_at (&args[0], index, out);
   return true;
}

static bool
call_in (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   bool found = false;
   (void)self;
   (void)n;
   if (args[1].type != FGD_T_ARRAY) {
      return fgd_fail (err, 40081, "$in requires an array as a second argument, found: %s",
                       fgd_type_name (args[1].type));
   }
   fgd_walk_begin (&walk, args[1].data, args[1].len);
   while (!found && fgd_walk_next (&walk, &element)) {
      found = args[0].type != 0 && fg_value_compare (&args[0], &element.value) == 0;
   }
   return fgd_expr_give (eval, fgd_make_bool (eval->arena, found), out, err);
}

/* Appends the elements of array from `from` on, at most `count`, numbered on from *n. */
static void
append_elements (fg_buf *buf, const fg_value *array, size_t from, size_t count, size_t *n)
{
   fgd_walk walk;
   fgd_element element;
   char name[24];
   fgd_walk_begin (&walk, array->data, array->len);
   for (size_t i = 0; fgd_walk_next (&walk, &element); i++) {
      if (i >= from && i - from < count) {
         size_t len = fgd_index_name ((*n)++, name);
         fgd_put_value (buf, name, len, &element.value);
      }
   }
}

static bool
call_concat_arrays (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fg_buf buf = {0};
   size_t count = 0;
   (void)self;
   for (size_t i = 0; i < n; i++) {
      if (fgd_is_nullish (&args[i])) {
         *out = fgd_make_null ();
         return true;
      }
      if (args[i].type != FGD_T_ARRAY) {
         return fgd_fail (err, 28664, "$concatArrays only supports arrays, not %s", fgd_type_name (args[i].type));
      }
   }
   size_t at = fgd_put_begin (&buf);
   for (size_t i = 0; i < n; i++) {
      append_elements (&buf, &args[i], 0, SIZE_MAX, &count);
   }
   fgd_put_end (&buf, at);
   return fgd_expr_give (eval, fgd_make_from_buf (eval->arena, FGD_T_ARRAY, &buf), out, err);
}

static bool
slice_bounds (const fg_value *args, size_t n, size_t size, size_t *from, size_t *count, fg_error *err)
{
   int64_t first = 0;
   int64_t second = 0;
   int64_t total = (int64_t)size;
   for (size_t i = 1; i < n; i++) {
      int64_t *to = i == 1 ? &first : &second;
      if (!fgd_is_number (&args[i])) {
         return fgd_fail (err, i == 1 ? 28725 : 28727, "Argument %zu to $slice must be numeric, but is of type: %s",
                          i + 1, fgd_type_name (args[i].type));
      }
      if (!fgd_to_int64 (&args[i], to) || *to > INT32_MAX || *to < INT32_MIN) {
         return fgd_fail (err, i == 1 ? 28726 : 28728,
                          "Argument %zu to $slice can't be represented as a 32-bit integer", i + 1);
      }
   }
   if (n == 2) {
      *from = first < 0 && -first < total ? (size_t)(total + first) : 0;
      *count = first < 0 ? (size_t)-first : (size_t)first;
      return true;
   }
   if (second <= 0) {
      return fgd_fail (err, 28729, "Third argument to $slice must be positive: ###");
   }
   *from = first >= 0 ? (size_t)first : -first < total ? (size_t)(total + first) : 0;
   *count = (size_t)second;
   return true;
}

static bool
call_slice (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fg_buf buf = {0};
   size_t from = 0;
   size_t count = 0;
   size_t number = 0;
   (void)self;
   for (size_t i = 0; i < n; i++) {
      if (fgd_is_nullish (&args[i])) {
         *out = fgd_make_null ();
         return true;
      }
   }
   if (args[0].type != FGD_T_ARRAY) {
      return fgd_fail (err, 28724, "First argument to $slice must be an array, but is of type: %s",
                       fgd_type_name (args[0].type));
   }
   if (!slice_bounds (args, n, fgd_count (args[0].data, args[0].len), &from, &count, err)) {
      return false;
   }
   size_t at = fgd_put_begin (&buf);
   append_elements (&buf, &args[0], from, count, &number);
   fgd_put_end (&buf, at);
   return fgd_expr_give (eval, fgd_make_from_buf (eval->arena, FGD_T_ARRAY, &buf), out, err);
}

/* The fields of all objects; a later one's value stands where the name first stood. */
static void
merge_object (fg_buf *buf, const fg_value *args, size_t n, size_t at)
{
   fgd_walk walk;
   fgd_element element;
   fgd_walk_begin (&walk, args[at].data, args[at].len);
   while (fgd_walk_next (&walk, &element)) {
      fgd_element other;
      bool seen = false;
      for (size_t i = 0; i < at && !seen; i++) {
         seen = args[i].type == FGD_T_OBJECT &&
                fgd_find (args[i].data, args[i].len, element.name, element.name_len, &other);
      }
      if (seen) {
         continue;
      }
      fg_value value = element.value;
      for (size_t i = at + 1; i < n; i++) {
         if (args[i].type == FGD_T_OBJECT &&
             fgd_find (args[i].data, args[i].len, element.name, element.name_len, &other)) {
            value = other.value;
         }
      }
      fgd_put_value (buf, element.name, element.name_len, &value);
   }
}

static bool
call_merge_objects (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err)
{
   fg_buf buf = {0};
   (void)self;
   for (size_t i = 0; i < n; i++) {
      if (!fgd_is_nullish (&args[i]) && args[i].type != FGD_T_OBJECT) {
         return fgd_fail (err, 40400, "$mergeObjects requires object inputs, but input ### is of type %s",
                          fgd_type_name (args[i].type));
      }
   }
   size_t at = fgd_put_begin (&buf);
   for (size_t i = 0; i < n; i++) {
      if (args[i].type == FGD_T_OBJECT) {
         merge_object (&buf, args, n, i);
      }
   }
   fgd_put_end (&buf, at);
   return fgd_expr_give (eval, fgd_make_from_buf (eval->arena, FGD_T_OBJECT, &buf), out, err);
}

const fgd_expr_op fgd_expr_arrays[] = {
   {.name = "$size", .min = 1, .max = 1, .call = call_size},
   {.name = "$isArray", .min = 1, .max = 1, .call = call_is_array},
   {.name = "$arrayElemAt", .min = 2, .max = 2, .call = call_element},
   {.name = "$first", .min = 1, .max = 1, .call = call_element},
   {.name = "$last", .min = 1, .max = 1, .call = call_element},
   {.name = "$in", .min = 2, .max = 2, .call = call_in},
   {.name = "$concatArrays", .min = 0, .max = SIZE_MAX, .call = call_concat_arrays},
   {.name = "$slice", .min = 2, .max = 3, .call = call_slice},
   {.name = "$mergeObjects", .min = 0, .max = SIZE_MAX, .call = call_merge_objects},
   {.name = NULL},
};
