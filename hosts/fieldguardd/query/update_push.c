/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/update_private.h"

#include <stdlib.h>

/* $push with $each, $position, $sort and $slice; $addToSet. */

typedef struct push {
   fg_value each; /* an array; missing: the operand itself is the one value */
   bool has_slice;
   bool has_position;
   bool has_sort;
   int64_t slice;
   int64_t position;
   int whole; /* sort by whole values: 1 or -1; 0: by the fields of pattern */
   fg_value pattern;
} push;

static bool
read_integer (const fg_value *value, int64_t *out, const char *clause, fg_error *err)
{
   if (fgd_to_int64 (value, out)) {
      return true;
   }
   return fgd_fail (err, FGD_BAD_VALUE, "The value for %s must be an integer value but was given type: %s", clause,
                    fgd_type_name (value->type));
}

static bool
read_direction (const fg_value *value, int *out)
{
   int64_t n = 0;
   if (!fgd_to_int64 (value, &n) || (n != 1 && n != -1)) {
      return false;
   }
   *out = (int)n;
   return true;
}

static bool
read_sort_pattern (push *p, const fg_value *value, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   int direction = 0;
   size_t n = 0;
   fgd_walk_begin (&walk, value->data, value->len);
   while (fgd_walk_next (&walk, &element)) {
      n++;
      if (!read_direction (&element.value, &direction)) {
         return fgd_fail (err, FGD_BAD_VALUE, "The $sort element value must be either 1 or -1");
      }
      bool empty_part = element.name_len == 0 || element.name[0] == '.' || element.name[element.name_len - 1] == '.' ||
                        strstr (element.name, "..") != NULL;
      if (empty_part) {
         return fgd_fail (err, FGD_BAD_VALUE, "The $sort field is a dotted field but has an empty part: %s",
                          element.name);
      }
   }
   p->pattern = *value;
   return n > 0 ? true : fgd_fail (err, FGD_BAD_VALUE, "The $sort pattern is empty when it should be a set of fields.");
}

static bool
read_sort (push *p, const fg_value *value, fg_error *err)
{
   if (value->type == FGD_T_OBJECT) {
      return read_sort_pattern (p, value, err);
   }
   if (fgd_is_number (value) && read_direction (value, &p->whole)) {
      return true;
   }
   if (fgd_is_number (value)) {
      return fgd_fail (err, FGD_BAD_VALUE, "The $sort element value must be either 1 or -1");
   }
   return fgd_fail (
      err, FGD_BAD_VALUE,
      "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields");
}

static bool
once (bool *seen, const char *clause, fg_error *err)
{
   if (*seen) {
      return fgd_fail (err, FGD_BAD_VALUE, "Only one %s is supported.", clause);
   }
   *seen = true;
   return true;
}

static bool
read_clause (push *p, const fgd_element *element, fg_error *err)
{
   const char *name = element->name;
   if (strcmp (name, "$each") == 0) {
      if (element->value.type != FGD_T_ARRAY) {
         return fgd_fail (err, FGD_BAD_VALUE, "The argument to $each in $push must be an array but it was of type: %s",
                          fgd_type_name (element->value.type));
      }
      p->each = element->value;
      return true;
   }
   if (strcmp (name, "$slice") == 0) {
      return once (&p->has_slice, name, err) && read_integer (&element->value, &p->slice, name, err);
   }
   if (strcmp (name, "$position") == 0) {
      return once (&p->has_position, name, err) && read_integer (&element->value, &p->position, name, err);
   }
   if (strcmp (name, "$sort") == 0) {
      return once (&p->has_sort, name, err) && read_sort (p, &element->value, err);
   }
   return fgd_fail (err, FGD_BAD_VALUE, "Unrecognized clause in $push: %s", name);
}

static bool
push_init (fgd_update *update, fgd_leaf *leaf, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   push *p = fgd_arena_alloc (&update->arena, sizeof *p);
   if (!p) {
      return fgd_no_memory (err);
   }
   leaf->extra = p;
   if (leaf->operand.type != FGD_T_OBJECT || !fgd_find (leaf->operand.data, leaf->operand.len, "$each", 5, &element)) {
      return true;
   }
   fgd_walk_begin (&walk, leaf->operand.data, leaf->operand.len);
   while (fgd_walk_next (&walk, &element)) {
      if (!read_clause (p, &element, err)) {
         return false;
      }
   }
   return true;
}

/* --- sorting an array's elements --------------------------------------------------------------------------------------- */

/* The value at a dotted path; arrays are looked into by position only. Missing: null. */
static fg_value
at_path (fg_value value, const char *path, size_t len)
{
   while (len > 0) {
      fgd_element element;
      const char *dot = memchr (path, '.', len);
      size_t part = dot ? (size_t)(dot - path) : len;
      if (!fgd_is_container (&value) || !fgd_find (value.data, value.len, path, part, &element)) {
         return fgd_make_null ();
      }
      value = element.value;
      path += dot ? part + 1 : part;
      len -= dot ? part + 1 : part;
   }
   return value;
}

typedef struct sortable {
   fg_value value;
   fgd_node node;
   size_t place;
} sortable;

static int
compare_sortable (const void *a, const void *b, void *ctx)
{
   const push *p = ctx;
   const sortable *x = a;
   const sortable *y = b;
   int order = 0;
   if (p->whole != 0) {
      order = p->whole * fg_value_compare (&x->value, &y->value);
   } else {
      fgd_walk walk;
      fgd_element field;
      fgd_walk_begin (&walk, p->pattern.data, p->pattern.len);
      while (order == 0 && fgd_walk_next (&walk, &field)) {
         fg_value left =
            x->value.type == FGD_T_OBJECT ? at_path (x->value, field.name, field.name_len) : fgd_make_null ();
         fg_value right =
            y->value.type == FGD_T_OBJECT ? at_path (y->value, field.name, field.name_len) : fgd_make_null ();
         int direction = 1;
         order = read_direction (&field.value, &direction) ? direction * fg_value_compare (&left, &right) : 0;
      }
   }
   return order != 0 ? order : x->place < y->place ? -1 : 1;
}

static bool
sort_elements (fgd_update_run *run, const push *p, fgd_node *array, fg_error *err)
{
   sortable *all = fgd_arena_alloc (&run->tree.arena, (array->n + 1) * sizeof *all);
   push copy = *p;
   if (!all) {
      return fgd_no_memory (err);
   }
   for (size_t i = 0; i < array->n; i++) {
      all[i] = (sortable){fgd_node_value (&run->tree, &array->kids[i]), array->kids[i], i};
   }
   if (run->tree.arena.failed) {
      return fgd_no_memory (err);
   }
   qsort_r (all, array->n, sizeof *all, compare_sortable, &copy);
   for (size_t i = 0; i < array->n; i++) {
      array->kids[i] = all[i].node;
   }
   return true;
}

/* --- pushing ------------------------------------------------------------------------------------------------------------ */

static size_t
position_in (const push *p, size_t n)
{
   if (!p->has_position || p->position > (int64_t)n) {
      return n;
   }
   if (p->position >= 0) {
      return (size_t)p->position;
   }
   return p->position < -(int64_t)n ? 0 : n - (size_t)-p->position;
}

/* Inserts values before position at. They go to the end first and are turned into place at once: inserting one by one would be quadratic. */
static bool
insert_values (fgd_update_run *run, const push *p, const fg_value *single, fgd_node *array, size_t at, size_t *count,
               fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   size_t before = array->n;
   if (p->each.type == 0) {
      fgd_node *node = fgd_node_insert (&run->tree, array, at, NULL, 0);
      if (!node) {
         return fgd_no_memory (err);
      }
      fgd_node_set (node, single);
      *count = 1;
      return true;
   }
   fgd_walk_begin (&walk, p->each.data, p->each.len);
   while (fgd_walk_next (&walk, &element)) {
      fgd_node *node = fgd_node_insert (&run->tree, array, array->n, NULL, 0);
      if (!node) {
         return fgd_no_memory (err);
      }
      fgd_node_set (node, &element.value);
   }
   *count = array->n - before;
   if (*count > 0 && at < before) {
      fgd_node *fresh = fgd_arena_alloc (&run->tree.arena, *count * sizeof *fresh);
      if (!fresh) {
         return fgd_no_memory (err);
      }
      memcpy (fresh, array->kids + before, *count * sizeof *fresh);
      memmove (array->kids + at + *count, array->kids + at, (before - at) * sizeof *fresh);
      memcpy (array->kids + at, fresh, *count * sizeof *fresh);
   }
   return true;
}

static void
slice_elements (int64_t slice, fgd_node *array, bool *changed)
{
   uint64_t keep = slice < 0 ? 0 - (uint64_t)slice : (uint64_t)slice;
   if (keep >= array->n) {
      return;
   }
   size_t drop = array->n - (size_t)keep;
   fgd_node_remove (array, slice < 0 ? 0 : (size_t)keep, drop);
   *changed = true;
}

static bool
push_onto (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *array, bool *changed, fg_error *err)
{
   const push *p = leaf->extra;
   size_t count = 0;
   if (!insert_values (run, p, &leaf->operand, array, position_in (p, array->n), &count, err)) {
      return false;
   }
   *changed = *changed || count > 0;
   if (p->has_sort) {
      *changed = true;
      if (!sort_elements (run, p, array, err)) {
         return false;
      }
   }
   if (p->has_slice) {
      slice_elements (p->slice, array, changed);
   }
   return true;
}

static bool
push_create (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *fresh, fg_error *err)
{
   bool changed = false;
   fgd_node_clear (fresh, FGD_T_ARRAY);
   return push_onto (run, leaf, fresh, &changed, err);
}

static bool
push_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   fgd_node *node = &parent->kids[at];
   if (node->type != FGD_T_ARRAY) {
      const fgd_part *last = &leaf->path.parts[leaf->path.n - 1];
      return fgd_fail (err, FGD_BAD_VALUE, "The field '%.*s' must be an array but is of type %s in document {_id: ###}",
                       (int)last->len, last->name, fgd_type_name (node->type));
   }
   return fgd_node_open (&run->tree, node, err) && push_onto (run, leaf, node, changed, err);
}

/* --- $addToSet ------------------------------------------------------------------------------------------------------------ */

/* leaf->extra: non-NULL when the operand is {$each: [...]}; leaf->operand is then that array. */
static bool
add_init (fgd_update *update, fgd_leaf *leaf, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   fgd_element next;
   (void)update;
   if (leaf->operand.type != FGD_T_OBJECT) {
      return true;
   }
   fgd_walk_begin (&walk, leaf->operand.data, leaf->operand.len);
   if (!fgd_walk_next (&walk, &element) || strcmp (element.name, "$each") != 0) {
      return true;
   }
   if (element.value.type != FGD_T_ARRAY) {
      return fgd_fail (err, FGD_TYPE_MISMATCH,
                       "The argument to $each in $addToSet must be an array but it was of type %s",
                       fgd_type_name (element.value.type));
   }
   if (fgd_walk_next (&walk, &next)) {
      return fgd_fail (err, FGD_BAD_VALUE, "Found unexpected fields after $each in $addToSet: %s", next.name);
   }
   leaf->operand = element.value;
   leaf->extra = update;
   return true;
}

static bool
contains (fgd_update_run *run, fgd_node *array, const fg_value *value)
{
   for (size_t i = 0; i < array->n; i++) {
      fg_value element = fgd_node_value (&run->tree, &array->kids[i]);
      if (element.type != 0 && fg_value_compare (&element, value) == 0) {
         return true;
      }
   }
   return false;
}

static bool
add_one (fgd_update_run *run, fgd_node *array, const fg_value *value, bool *changed, fg_error *err)
{
   if (contains (run, array, value)) {
      return true;
   }
   fgd_node *node = fgd_node_insert (&run->tree, array, array->n, NULL, 0);
   if (!node) {
      return fgd_no_memory (err);
   }
   fgd_node_set (node, value);
   *changed = true;
   return true;
}

static bool
add_all (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *array, bool *changed, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   if (!leaf->extra) {
      return add_one (run, array, &leaf->operand, changed, err);
   }
   fgd_walk_begin (&walk, leaf->operand.data, leaf->operand.len);
   while (fgd_walk_next (&walk, &element)) {
      if (!add_one (run, array, &element.value, changed, err)) {
         return false;
      }
   }
   return true;
}

static bool
add_create (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *fresh, fg_error *err)
{
   bool changed = false;
   fgd_node_clear (fresh, FGD_T_ARRAY);
   return add_all (run, leaf, fresh, &changed, err);
}

static bool
add_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   fgd_node *node = &parent->kids[at];
   if (node->type != FGD_T_ARRAY) {
      const fgd_part *last = &leaf->path.parts[leaf->path.n - 1];
      return fgd_fail (err, FGD_BAD_VALUE,
                       "Cannot apply $addToSet to non-array field. Field named '%.*s' has non-array type %s",
                       (int)last->len, last->name, fgd_type_name (node->type));
   }
   return fgd_node_open (&run->tree, node, err) && add_all (run, leaf, node, changed, err);
}

const fgd_operator fgd_operators_push[] = {
   {.name = "$push", .init = push_init, .modify = push_modify, .create = push_create},
   {.name = "$addToSet", .init = add_init, .modify = add_modify, .create = add_create},
   {.name = NULL},
};
