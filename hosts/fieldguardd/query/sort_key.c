/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/sort_key.h"

#include "hosts/fieldguardd/query/codes.h"

/*
 * A document's keys under a pattern are those that an index of that pattern would hold. All paths walk down together. Where some of them meet an array (it must be the
 * same one), each of its elements gives keys of its own; a path that names a position in the array goes on from there instead.
 */

/* Where one path of the pattern stands. */
typedef struct cursor {
   const char *rest; /* what is left of the path; "" when it has ended at an array */
   bool done; /* value is final */
   fg_value value;
} cursor;

/* A path that goes on from a position of the array above: what lies there, ready for the level below. */
typedef struct positional {
   bool used;
   bool nested; /* the element at that position is itself an array */
   fg_value found;
   const char *rest;
} positional;

typedef struct level {
   cursor at[FGD_SORT_FIELDS_MAX];
} level;

typedef struct keys {
   const fgd_sort *sort;
   fg_value best[FGD_SORT_FIELDS_MAX];
   bool any;
   unsigned depth;
   fg_error *err;
} keys;

static const fg_value UNDEFINED = {FGD_T_UNDEFINED, (const uint8_t *)"", 0};

/* Follows path through objects (the first container may be an array, read by position) until it ends or an array is met. */
static fg_value
follow (const uint8_t *doc, size_t len, const char **path)
{
   fg_value none = {0, NULL, 0};
   while (**path) {
      fgd_element element;
      size_t part = strcspn (*path, ".");
      if (!fgd_find (doc, len, *path, part, &element)) {
         return none;
      }
      *path += (*path)[part] ? part + 1 : part;
      if (element.value.type == FGD_T_ARRAY || **path == '\0') {
         return element.value;
      }
      if (element.value.type != FGD_T_OBJECT) {
         return none;
      }
      doc = element.value.data;
      len = element.value.len;
   }
   return none;
}

static void
offer (keys *k, const level *l)
{
   if (k->any) {
      int order = 0;
      for (size_t i = 0; order == 0 && i < k->sort->n; i++) {
         order = fg_value_compare (&l->at[i].value, &k->best[i]);
         order = k->sort->parts[i].descending ? -order : order;
      }
      if (order >= 0) {
         return;
      }
   }
   for (size_t i = 0; i < k->sort->n; i++) {
      k->best[i] = l->at[i].value;
   }
   k->any = true;
}

static bool descend (keys *k, const level *above, const fg_value *object, const positional *positions);

/* One element of the array: paths that ended at the array take it as their value (or the whole array, where they came to it by position). */
static bool
element_keys (keys *k, const level *l, const bool *in_array, const fg_value *array, bool expand,
              const fg_value *element, const positional *positions)
{
   level next = *l;
   for (size_t i = 0; i < k->sort->n; i++) {
      if (in_array[i] && next.at[i].rest[0] == '\0') {
         next.at[i].value = expand ? *element : *array;
         next.at[i].done = true;
      }
   }
   return descend (k, &next, element->type == FGD_T_OBJECT ? element : NULL, positions);
}

static void
look_up_positions (const keys *k, const level *l, const bool *in_array, const fg_value *array, positional *positions)
{
   for (size_t i = 0; i < k->sort->n; i++) {
      fgd_element element;
      const char *rest = l->at[i].rest;
      positions[i] = (positional){.used = false};
      if (!in_array[i] || rest[0] == '\0' || !fgd_find (array->data, array->len, rest, strcspn (rest, "."), &element)) {
         continue;
      }
      positions[i].used = true;
      positions[i].nested = element.value.type == FGD_T_ARRAY;
      positions[i].rest = rest;
      positions[i].found = follow (array->data, array->len, &positions[i].rest);
   }
}

/* Whether every path at the array goes on from a position in it: then its elements make no difference, save that none may have a field of that name. */
static bool
all_positional (const keys *k, const bool *in_array, const positional *positions)
{
   for (size_t i = 0; i < k->sort->n; i++) {
      if (in_array[i] && !positions[i].used) {
         return false;
      }
   }
   return true;
}

static bool
ambiguous (const keys *k, const level *l, const bool *in_array, const fg_value *element)
{
   fgd_element field;
   for (size_t i = 0; element->type == FGD_T_OBJECT && i < k->sort->n; i++) {
      const char *rest = l->at[i].rest;
      if (in_array[i] && fgd_find (element->data, element->len, rest, strcspn (rest, "."), &field)) {
         return true;
      }
   }
   return false;
}

static bool
refuse_ambiguous (fg_error *err)
{
   return fgd_fail (
      err, 16746,
      "Ambiguous field name found in array (do not use numeric field names in embedded elements in an array)");
}

static bool
array_keys (keys *k, const level *l, const bool *in_array, const fg_value *array, bool expand)
{
   positional positions[FGD_SORT_FIELDS_MAX];
   fgd_walk walk;
   fgd_element element;
   bool empty = true;
   look_up_positions (k, l, in_array, array, positions);
   bool by_position = all_positional (k, in_array, positions);
   fgd_walk_begin (&walk, array->data, array->len);
   while (fgd_walk_next (&walk, &element)) {
      empty = false;
      if (by_position && ambiguous (k, l, in_array, &element.value)) {
         return refuse_ambiguous (k->err);
      }
      if (!by_position && !element_keys (k, l, in_array, array, expand, &element.value, positions)) {
         return false;
      }
   }
   return empty || by_position ? element_keys (k, l, in_array, array, true, &UNDEFINED, positions) : true;
}

/* Moves path i on within object (NULL: nothing there). */
static bool
advance (keys *k, cursor *c, const fg_value *object, const positional *position, bool *nested)
{
   fgd_element element;
   bool here = object && fgd_find (object->data, object->len, c->rest, strcspn (c->rest, "."), &element);
   *nested = false;
   if (here && position && position->used) {
      return refuse_ambiguous (k->err);
   }
   if (here) {
      c->value = follow (object->data, object->len, &c->rest);
   } else if (position && position->used) {
      c->value = position->found;
      c->rest = position->rest;
      *nested = position->nested;
   } else {
      c->value = (fg_value){0, NULL, 0};
   }
   return true;
}

static bool
descend (keys *k, const level *above, const fg_value *object, const positional *positions)
{
   level l = *above;
   bool in_array[FGD_SORT_FIELDS_MAX] = {false};
   bool expand = true;
   fg_value array = {0, NULL, 0};
   if (++k->depth > FGD_MAX_WALK_DEPTH) {
      return fgd_fail (k->err, FGD_OVERFLOW, "Document exceeds maximum nesting depth while sorting");
   }
   for (size_t i = 0; i < k->sort->n; i++) {
      cursor *c = &l.at[i];
      bool nested = false;
      if (c->done) {
         continue;
      }
      if (!advance (k, c, object, positions ? &positions[i] : NULL, &nested)) {
         return false;
      }
      if (c->value.type != FGD_T_ARRAY) {
         c->done = true;
         c->value = c->value.type == 0 ? fgd_make_null () : c->value;
         continue;
      }
      if (array.type != 0 && array.data != c->value.data) {
         return fgd_fail (k->err, FGD_BAD_VALUE, "cannot sort with keys that are parallel arrays");
      }
      array = c->value;
      in_array[i] = true;
      expand = expand && !nested;
   }
   bool ok = true;
   if (array.type == 0) {
      offer (k, &l);
   } else {
      ok = array_keys (k, &l, in_array, &array, expand);
   }
   k->depth--;
   return ok;
}

bool
fgd_sort_key (const fgd_sort *sort, const uint8_t *doc, size_t len, fg_buf *out, fg_error *err)
{
   keys k = {.sort = sort, .err = err};
   level l;
   fgd_buf_reset (out);
   if (!fgd_well_formed (doc, len)) {
      return fgd_bad_bson (err);
   }
   for (size_t i = 0; i < sort->n; i++) {
      l.at[i] = (cursor){sort->parts[i].path, false, {0, NULL, 0}};
   }
   for (size_t i = sort->n; i < FGD_SORT_FIELDS_MAX; i++) {
      l.at[i] = (cursor){"", true, {0, NULL, 0}};
   }
   fg_value root = fg_value_of_document (doc, len);
   if (!descend (&k, &l, &root, NULL)) {
      return false;
   }
   size_t at = fgd_put_begin (out);
   for (size_t i = 0; i < sort->n; i++) {
      fgd_put_value (out, "", 0, &k.best[i]);
   }
   fgd_put_end (out, at);
   return out->failed ? fgd_no_memory (err) : true;
}
