/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/keyset.h"

#include "base/base.h"
#include "client/keys/key_document.h"
#include "client/keys/key_filter.h"
#include "client/public_equal.h"

#include <stdlib.h>

void
fg_keyset_clear (fg_keyset *set)
{
   for (size_t i = 0; i < set->n; i++) {
      bson_destroy (set->docs[i]);
   }
   free (set->docs);
   fg_key_index_clear (&set->by_id);
   fg_key_index_clear (&set->by_name);
   memset (set, 0, sizeof *set);
}

static const uint8_t *
id_of (const bson_t *bson)
{
   bson_iter_t iter;
   const uint8_t *data = NULL;
   uint32_t len = 0;

   if (bson_iter_init_find (&iter, bson, "_id") && BSON_ITER_HOLDS_BINARY (&iter)) {
      bson_iter_binary (&iter, NULL, &len, &data);
   }
   return len == FG_KEY_ID_LEN ? data : NULL;
}

static bool
has_name (const bson_t *bson, const char *name)
{
   bson_iter_t iter;
   bson_iter_t element;

   if (!bson_iter_init_find (&iter, bson, "keyAltNames") || !bson_iter_recurse (&iter, &element)) {
      return false;
   }
   while (bson_iter_next (&element)) {
      if (BSON_ITER_HOLDS_UTF8 (&element) && strcmp (bson_iter_utf8 (&element, NULL), name) == 0) {
         return true;
      }
   }
   return false;
}

/* --- finding --------------------------------------------------------------------------------------------------------- */

static bool
add_names (fg_keyset *set, size_t i)
{
   bson_iter_t iter;
   bson_iter_t name;

   if (!bson_iter_init_find (&iter, set->docs[i], "keyAltNames") || !bson_iter_recurse (&iter, &name)) {
      return true;
   }
   while (bson_iter_next (&name)) {
      uint32_t len = 0;
      const char *text = BSON_ITER_HOLDS_UTF8 (&name) ? bson_iter_utf8 (&name, &len) : "";
      if (!fg_key_index_add (&set->by_name, fg_key_index_hash (text, strlen (text)), i)) {
         return false;
      }
   }
   return true;
}

/* The document at i, which is new there. */
static void
add_to_indexes (fg_keyset *set, size_t i)
{
   const uint8_t *id = id_of (set->docs[i]);

   if (!set->unindexed) {
      set->unindexed = !fg_key_index_add (&set->by_id, fg_key_index_hash (id, FG_KEY_ID_LEN), i) || !add_names (set, i);
   }
}

static void
index_anew (fg_keyset *set)
{
   fg_key_index_clear (&set->by_id);
   fg_key_index_clear (&set->by_name);
   set->unindexed = false;
   for (size_t i = 0; i < set->n; i++) {
      add_to_indexes (set, i);
   }
}

static bool
has_id (const fg_keyset *set, size_t i, const uint8_t id[FG_KEY_ID_LEN])
{
   return fg_public_equal (id_of (set->docs[i]), id, FG_KEY_ID_LEN);
}

/* set->n: there is none. */
static size_t
index_of (const fg_keyset *set, const uint8_t id[FG_KEY_ID_LEN])
{
   size_t cursor = 0;
   size_t i = 0;

   if (set->unindexed) {
      while (i < set->n && !has_id (set, i, id)) {
         i++;
      }
      return i;
   }
   uint64_t hash = fg_key_index_hash (id, FG_KEY_ID_LEN);
   while (fg_key_index_next (&set->by_id, hash, &cursor, &i)) {
      if (has_id (set, i, id)) {
         return i;
      }
   }
   return set->n;
}

/* Whether a document other than the one at skip has the name. */
static bool
name_taken (const fg_keyset *set, const char *name, size_t skip)
{
   size_t cursor = 0;
   size_t i;

   for (i = 0; set->unindexed && i < set->n; i++) {
      if (i != skip && has_name (set->docs[i], name)) {
         return true;
      }
   }
   while (!set->unindexed && fg_key_index_next (&set->by_name, fg_key_index_hash (name, strlen (name)), &cursor, &i)) {
      if (i != skip && has_name (set->docs[i], name)) {
         return true;
      }
   }
   return false;
}

static bool
duplicate_name (fg_error *err, const char *name)
{
   return fg_error_set (err, FG_ERROR_KEY, FG_E_EXISTS, "keyAltNames", "another key has the alt name `%s` already",
                        name);
}

static bool
check_new (const fg_keyset *set, const bson_t *bson, fg_error *err)
{
   fg_key_document doc;
   bson_iter_t iter;

   if (!fg_key_document_parse (bson, &doc, err)) {
      return false;
   }
   if (index_of (set, doc.id) < set->n) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_EXISTS, "_id", "a key with this _id exists already");
   }
   if (!bson_iter_init (&iter, &doc.alt_names)) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, "keyAltNames", "malformed alt names");
   }
   while (bson_iter_next (&iter)) {
      const char *name = bson_iter_utf8 (&iter, NULL);
      if (name_taken (set, name, SIZE_MAX)) {
         return duplicate_name (err, name);
      }
   }
   return true;
}

bool
fg_keyset_insert (fg_keyset *set, const bson_t *bson, fg_error *err)
{
   if (!check_new (set, bson, err)) {
      return false;
   }
   if (set->n == set->cap) {
      size_t cap = set->cap ? set->cap * 2 : 16;
      bson_t **docs = realloc (set->docs, cap * sizeof *docs);
      if (!docs) {
         return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      }
      set->docs = docs;
      set->cap = cap;
   }
   set->docs[set->n] = bson_copy (bson);
   add_to_indexes (set, set->n++);
   return true;
}

static bool
wanted (const bson_t *bson, const uint8_t *ids, size_t n_ids, const char *const *names, size_t n_names)
{
   const uint8_t *id = id_of (bson);

   for (size_t i = 0; i < n_ids; i++) {
      if (fg_public_equal (id, ids + i * FG_KEY_ID_LEN, FG_KEY_ID_LEN)) {
         return true;
      }
   }
   for (size_t i = 0; i < n_names; i++) {
      if (has_name (bson, names[i])) {
         return true;
      }
   }
   return false;
}

bool
fg_keyset_find (const fg_keyset *set, const uint8_t *ids, size_t n_ids, const char *const *names, size_t n_names,
                fg_key_visit visit, void *ctx, fg_error *err)
{
   (void)err;
   for (size_t i = 0; i < set->n; i++) {
      if (wanted (set->docs[i], ids, n_ids, names, n_names) && !visit (ctx, set->docs[i])) {
         break;
      }
   }
   return true;
}

bool
fg_keyset_find_matching (const fg_keyset *set, const bson_t *filter, fg_key_visit visit, void *ctx, fg_error *err)
{
   if (!fg_key_filter_check (filter, err)) {
      return false;
   }
   for (size_t i = 0; i < set->n; i++) {
      if (fg_key_filter_matches (filter, set->docs[i]) && !visit (ctx, set->docs[i])) {
         break;
      }
   }
   return true;
}

static void
replace (fg_keyset *set, size_t i, bson_t *bson)
{
   bson_destroy (set->docs[i]);
   set->docs[i] = bson;
}

/* *index: of the document that item means, as it is to be: its copy in *bson; NULL when the document is another one by now. */
static bool
rewrapped_copy (const fg_keyset *set, const fg_rewrap_item *item, size_t *index, bson_t **bson, fg_error *err)
{
   fg_key_document doc;

   *bson = NULL;
   *index = index_of (set, item->id);
   if (*index == set->n) {
      return true;
   }
   if (!fg_key_document_parse (set->docs[*index], &doc, err)) {
      return false;
   }
   if (doc.update_ms != item->old_update_ms || doc.material_len != item->old_len ||
       !fg_public_equal (doc.material, item->old_material, item->old_len)) {
      return true;
   }
   *bson =
      fg_key_document_rewrapped (set->docs[*index], item->master_key, item->material, item->len, fg_now_ms (), err);
   return *bson != NULL;
}

/* Each document is built before the first is replaced; the places are remembered in between. */
bool
fg_keyset_rewrap_many (fg_keyset *set, fg_rewrap_item *items, size_t n, fg_error *err)
{
   bson_t **copies = calloc (n ? n : 1, sizeof *copies);
   size_t *places = calloc (n ? n : 1, sizeof *places);
   bool ok = (copies && places) || fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");

   for (size_t i = 0; ok && i < n; i++) {
      ok = rewrapped_copy (set, &items[i], &places[i], &copies[i], err);
   }
   for (size_t i = 0; i < n; i++) {
      items[i].changed = ok && copies[i];
      if (items[i].changed) {
         replace (set, places[i], copies[i]);
      } else if (copies) {
         bson_destroy (copies[i]);
      }
   }
   free (copies);
   free (places);
   return ok;
}

bool
fg_keyset_rewrap (fg_keyset *set, const uint8_t id[FG_KEY_ID_LEN], const uint8_t *old_material, size_t old_len,
                  int64_t old_update_ms, const bson_t *master_key, const uint8_t *material, size_t len, bool *changed,
                  fg_error *err)
{
   fg_rewrap_item item = {id, old_material, old_len, old_update_ms, master_key, material, len, false};
   bool ok = fg_keyset_rewrap_many (set, &item, 1, err);

   *changed = item.changed;
   return ok;
}

bool
fg_keyset_remove (fg_keyset *set, const uint8_t id[FG_KEY_ID_LEN])
{
   size_t i = index_of (set, id);

   if (i == set->n) {
      return false;
   }
   bson_destroy (set->docs[i]);
   memmove (&set->docs[i], &set->docs[i + 1], (set->n - i - 1) * sizeof set->docs[0]);
   set->n--;
   index_anew (set); /* those behind it have moved */
   return true;
}

/* Puts changed in the place of document i, which goes to the caller. */
static bool
hand_over (fg_keyset *set, size_t i, bson_t *changed, bson_t **previous)
{
   if (!changed) {
      return false;
   }
   *previous = set->docs[i];
   set->docs[i] = changed;
   if (set->by_name.n > 8 * set->n + 1024) {
      index_anew (set); /* mostly names that are gone */
   } else {
      set->unindexed = set->unindexed || !add_names (set, i);
   }
   return true;
}

bool
fg_keyset_add_alt_name (fg_keyset *set, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous,
                        fg_error *err)
{
   size_t i = index_of (set, id);

   *previous = NULL;
   if (i == set->n) {
      return true;
   }
   if (name_taken (set, name, i)) {
      return duplicate_name (err, name);
   }
   return hand_over (set, i, fg_key_document_with_name (set->docs[i], name, err), previous);
}

bool
fg_keyset_remove_alt_name (fg_keyset *set, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous,
                           fg_error *err)
{
   size_t i = index_of (set, id);

   *previous = NULL;
   if (i == set->n) {
      return true;
   }
   return hand_over (set, i, fg_key_document_without_name (set->docs[i], name, err), previous);
}
