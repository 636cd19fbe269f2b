/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/key.h"
#include "hosts/fieldguardd/store/store.h"

#include <stdlib.h>

/*
 * The keys of one document. Each field's path is followed until it ends or meets an array. At most one array may be met at a time (171): then every element
 * gives keys of its own, in which all fields whose paths pass through that array continue, while the others keep the value they had.
 */

#define NESTING_MAX 64 /* arrays within arrays' documents along one path */

static const uint8_t empty_array[5] = {5, 0, 0, 0, 0};

/* Where a field's path stands: `rest` is still to be followed below `value`; NULL when value is the key's component. */
typedef struct field_state {
   const char *rest;
   fg_value value;
} field_state;

void
fgd_keys_free (fgd_keys *keys)
{
   fg_buf_free (&keys->bytes);
   free (keys->keys);
   free (keys->values);
   memset (keys, 0, sizeof *keys);
}

static void *
grow (void *array, size_t *cap, size_t need, size_t size)
{
   if (need <= *cap) {
      return array;
   }
   size_t cap2 = *cap ? *cap * 2 : 8;
   while (cap2 < need) {
      cap2 *= 2;
   }
   void *bigger = realloc (array, cap2 * size);
   if (bigger) {
      *cap = cap2;
   }
   return bigger;
}

static bool
emit (fgd_keys *keys, const fgd_index *index, const field_state *states)
{
   fgd_key key = {keys->bytes.len, 0, true};

   fgd_key *more = grow (keys->keys, &keys->cap, keys->n + 1, sizeof *more);
   if (!more) {
      return false;
   }
   keys->keys = more;
   fg_value *values = grow (keys->values, &keys->cap_values, keys->n_values + index->n_fields, sizeof *values);
   if (!values) {
      return false;
   }
   keys->values = values;
   for (size_t i = 0; i < index->n_fields; i++) {
      fgd_key_append (&keys->bytes, &states[i].value, &key.exact);
      keys->values[keys->n_values++] = states[i].value;
   }
   fgd_key_seal (&keys->bytes, key.offset, &key.exact);
   key.len = keys->bytes.len - key.offset;
   keys->keys[keys->n++] = key;
   return !keys->bytes.failed;
}

/* The first member of a document or array with this name. */
static fg_value
member (const fg_value *parent, const char *name, size_t name_len)
{
   bson_t doc;
   bson_iter_t iter;

   if (bson_init_static (&doc, parent->data, parent->len) && bson_iter_init (&iter, &doc)) {
      while (bson_iter_next (&iter)) {
         const char *key = bson_iter_key (&iter);
         if (strlen (key) == name_len && memcmp (key, name, name_len) == 0) {
            return fgd_iter_value (&iter);
         }
      }
   }
   return (fg_value){0, NULL, 0};
}

static bool
is_position (const char *name, size_t len)
{
   for (size_t i = 0; i < len; i++) {
      if (name[i] < '0' || name[i] > '9') {
         return false;
      }
   }
   return len > 0;
}

/* Follows a path until it ends, is missing, or stands before an array. True: stands at an array whose elements are to be taken. */
static bool
follow (field_state *state)
{
   while (state->rest) {
      if (state->value.type == 0x04) {
         size_t n = strcspn (state->rest, ".");
         fg_value at = {0, NULL, 0};
         if (is_position (state->rest, n)) {
            at = member (&state->value, state->rest, n);
         }
         if (at.type == 0) {
            return true;
         }
         state->value = at;
         state->rest = state->rest[n] ? state->rest + n + 1 : NULL;
         continue;
      }
      if (state->value.type != 0x03) {
         state->value = (fg_value){0, NULL, 0};
         state->rest = NULL;
         return false;
      }
      size_t n = strcspn (state->rest, ".");
      state->value = member (&state->value, state->rest, n);
      state->rest = state->value.type != 0 && state->rest[n] ? state->rest + n + 1 : NULL;
   }
   return state->value.type == 0x04;
}

static bool expand (fgd_keys *keys, const fgd_index *index, const field_state *from, int nesting, fg_error *err);

/* An element takes the place of the array for every field that stands at it. A leaf array's element is the component as it is, an array too. */
static bool
expand_element (fgd_keys *keys, const fgd_index *index, const field_state *states, const bool *at_array,
                const fg_value *element, int nesting, fg_error *err)
{
   field_state next[FGD_KEY_FIELDS_MAX];
   bool deeper = false;

   for (size_t i = 0; i < index->n_fields; i++) {
      next[i] = states[i];
      if (at_array[i]) {
         next[i].value = *element;
         if (next[i].rest && element->type != 0x03) {
            next[i] = (field_state){NULL, {0, NULL, 0}};
         }
         deeper = deeper || next[i].rest;
      }
   }
   if (deeper) {
      return expand (keys, index, next, nesting + 1, err);
   }
   return emit (keys, index, next) || fg_error_set (err, FG_ERROR_SERVER, 1, NULL, "out of memory");
}

static bool
expand_array (fgd_keys *keys, const fgd_index *index, const field_state *states, const bool *at_array,
              const fg_value *array, int nesting, fg_error *err)
{
   bson_t doc;
   bson_iter_t iter;
   bool any = false;

   keys->multikey = true;
   if (!bson_init_static (&doc, array->data, array->len) || !bson_iter_init (&iter, &doc)) {
      return fg_error_set (err, FG_ERROR_SERVER, 22, NULL, "malformed array");
   }
   while (bson_iter_next (&iter)) {
      fg_value element = fgd_iter_value (&iter);
      any = true;
      if (!expand_element (keys, index, states, at_array, &element, nesting, err)) {
         return false;
      }
   }
   if (any) {
      return true;
   }
   /* An empty array: undefined where it is the value itself, missing where the path goes on below it. */
   field_state next[FGD_KEY_FIELDS_MAX];
   for (size_t i = 0; i < index->n_fields; i++) {
      next[i] = states[i];
      if (at_array[i]) {
         next[i] = (field_state){NULL, {states[i].rest ? 0x00 : 0x06, empty_array, 0}};
      }
   }
   return emit (keys, index, next) || fg_error_set (err, FG_ERROR_SERVER, 1, NULL, "out of memory");
}

static bool
expand (fgd_keys *keys, const fgd_index *index, const field_state *from, int nesting, fg_error *err)
{
   field_state states[FGD_KEY_FIELDS_MAX];
   bool at_array[FGD_KEY_FIELDS_MAX] = {false};
   const fg_value *array = NULL;

   if (nesting > NESTING_MAX) {
      return fg_error_set (err, FG_ERROR_SERVER, 15, NULL, "Too many arrays within each other on an indexed path");
   }
   for (size_t i = 0; i < index->n_fields; i++) {
      states[i] = from[i];
      /* A component that is final (from an element of an array) must not be taken apart again. */
      if (nesting > 0 && !from[i].rest) {
         continue;
      }
      at_array[i] = follow (&states[i]);
      if (at_array[i] && array && array->data != states[i].value.data) {
         return fg_error_set (err, FG_ERROR_SERVER, 171, NULL, "cannot index parallel arrays [%s]",
                              index->fields[i].path);
      }
      if (at_array[i]) {
         array = &states[i].value;
      }
   }
   if (array) {
      fg_value taken = *array;
      return expand_array (keys, index, states, at_array, &taken, nesting, err);
   }
   return emit (keys, index, states) || fg_error_set (err, FG_ERROR_SERVER, 1, NULL, "out of memory");
}

/* --- sorting, so that two documents' keys can be compared and no entry is made twice ---------------------------------- */

static int
compare_keys (const void *left, const void *right, void *bytes_ptr)
{
   const uint8_t *bytes = bytes_ptr;
   const fgd_key *a = left;
   const fgd_key *b = right;
   int c = memcmp (bytes + a->offset, bytes + b->offset, a->len < b->len ? a->len : b->len);

   return c ? c : (a->len > b->len) - (a->len < b->len);
}

static void
sort_unique (fgd_keys *keys)
{
   size_t kept = 0;

   qsort_r (keys->keys, keys->n, sizeof *keys->keys, compare_keys, keys->bytes.data);
   for (size_t i = 0; i < keys->n; i++) {
      if (kept == 0 || compare_keys (&keys->keys[kept - 1], &keys->keys[i], keys->bytes.data) != 0) {
         keys->keys[kept++] = keys->keys[i];
      } else {
         keys->keys[kept - 1].exact = keys->keys[kept - 1].exact && keys->keys[i].exact;
      }
   }
   keys->n = kept;
}

static bool
all_missing (const fgd_keys *keys, const fgd_index *index)
{
   for (size_t i = 0; i < index->n_fields; i++) {
      if (keys->values[i].type != 0) {
         return false;
      }
   }
   return true;
}

bool
fgd_keys_make (fgd_keys *keys, const fgd_index *index, const uint8_t *doc, size_t len, fg_error *err)
{
   field_state states[FGD_KEY_FIELDS_MAX];

   keys->bytes.len = 0;
   keys->n = 0;
   keys->n_values = 0;
   keys->multikey = false;
   for (size_t i = 0; i < index->n_fields; i++) {
      states[i] = (field_state){index->fields[i].path, {0x03, doc, len}};
   }
   if (!expand (keys, index, states, 0, err)) {
      return false;
   }
   if (index->sparse && !keys->multikey && all_missing (keys, index)) {
      keys->n = 0;
   }
   if (keys->n > 1) {
      sort_unique (keys);
   }
   return true;
}
