/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"
#include "hosts/fieldguardd/store/overlay.h"
#include "hosts/fieldguardd/store/show.h"

#include <stdlib.h>

/* --- index descriptions --------------------------------------------------------------------------------------------- */

void
fgd_index_free (fgd_index *index)
{
   if (!index) {
      return;
   }
   for (size_t i = 0; i < index->n_fields; i++) {
      free (index->fields[i].path);
   }
   free (index->fields);
   fg_matcher_free (index->partial);
   bson_destroy (index->spec);
   free (index);
}

static bool
read_fields (fgd_index *index, const bson_iter_t *key_pattern, fg_error *err)
{
   bson_iter_t field;

   index->fields = calloc (FGD_KEY_FIELDS_MAX, sizeof *index->fields);
   if (!index->fields || !bson_iter_recurse (key_pattern, &field)) {
      return fgd_store_no_memory (err);
   }
   while (bson_iter_next (&field)) {
      if (index->n_fields == FGD_KEY_FIELDS_MAX) {
         return fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "Index key pattern has more than %u fields",
                              FGD_KEY_FIELDS_MAX);
      }
      fgd_index_field *out = &index->fields[index->n_fields];
      out->path = strdup (bson_iter_key (&field));
      out->descending = bson_iter_as_int64 (&field) < 0;
      if (!out->path) {
         return fgd_store_no_memory (err);
      }
      index->n_fields++;
   }
   return index->n_fields > 0 || fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "Index keys cannot be an empty object");
}

static bool
read_partial (fgd_index *index, const bson_iter_t *filter, fg_error *err)
{
   const uint8_t *data = NULL;
   uint32_t len = 0;
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;

   options.context = FG_MATCHER_PARTIAL;
   bson_iter_document (filter, &len, &data);
   index->partial = fg_matcher_compile (data, len, &options, err);
   return index->partial != NULL;
}

fgd_index *
fgd_index_new (uint64_t id, const bson_t *spec, fg_error *err)
{
   fgd_index *index = calloc (1, sizeof *index);
   bson_iter_t iter;

   if (!index) {
      fgd_store_no_memory (err);
      return NULL;
   }
   index->id = id;
   index->spec = bson_copy (spec);
   bool ok = bson_iter_init_find (&iter, index->spec, "key") && read_fields (index, &iter, err);
   if (ok && bson_iter_init_find (&iter, index->spec, "name")) {
      index->name = bson_iter_utf8 (&iter, NULL);
   }
   index->is_id = index->name && strcmp (index->name, "_id_") == 0;
   index->unique = index->is_id || (bson_iter_init_find (&iter, index->spec, "unique") && bson_iter_as_bool (&iter));
   index->sparse = bson_iter_init_find (&iter, index->spec, "sparse") && bson_iter_as_bool (&iter);
   if (ok && bson_iter_init_find (&iter, index->spec, "partialFilterExpression")) {
      ok = read_partial (index, &iter, err);
   }
   if (!ok || !index->name) {
      fgd_index_free (index);
      return NULL;
   }
   return index;
}

fg_match
fgd_index_covers (const fgd_index *index, const uint8_t *doc, size_t len, fg_error *err)
{
   return index->partial ? fg_matcher_check (index->partial, doc, len, err) : FG_MATCH_YES;
}

bool
fgd_index_holds (fgd_txn *txn, const fgd_index *index, const uint8_t *doc, size_t len, bool *holds, fg_error *err)
{
   fg_match covers = fgd_index_covers (index, doc, len, err);

   *holds = covers == FG_MATCH_YES;
   if (covers == FG_MATCH_ERROR || !*holds || !index->sparse) {
      return covers != FG_MATCH_ERROR;
   }
   bool ok = fgd_keys_make (&txn->keys, index, doc, len, err);
   *holds = ok && txn->keys.n > 0;
   return ok;
}

/* --- entries -------------------------------------------------------------------------------------------------------- */

#define ENTRY_MAX (8 + FGD_KEY_MAX + 8)

static size_t
entry_key (uint8_t out[ENTRY_MAX], const fgd_index *index, const uint8_t *key, size_t len, uint64_t record)
{
   fgd_put_u64be (out, index->id);
   memcpy (out + 8, key, len);
   fgd_put_u64be (out + 8 + len, record);
   return 8 + len + 8;
}

bool
fgd_index_put (fgd_txn *txn, const fgd_index *index, const uint8_t *doc, size_t len, uint64_t record, fg_error *err)
{
   uint8_t bytes[ENTRY_MAX];

   fg_match covers = fgd_index_covers (index, doc, len, err);
   if (covers == FG_MATCH_NO) {
      return true;
   }
   if (covers == FG_MATCH_ERROR || !fgd_keys_make (&txn->keys, index, doc, len, err)) {
      return fgd_txn_break (txn, EINVAL, "an index key that was checked before", err);
   }
   for (size_t i = 0; i < txn->keys.n; i++) {
      const fgd_key *k = &txn->keys.keys[i];
      uint8_t flag = k->exact;
      MDB_val key = {entry_key (bytes, index, fgd_key_bytes (&txn->keys, i), k->len, record), bytes};
      MDB_val value = {1, &flag};
      txn->dirty = true;
      txn->bytes += key.mv_size;
      int rc = mdb_put (txn->mdb, txn->store->entries, &key, &value, 0);
      if (rc != 0) {
         return fgd_txn_break (txn, rc, "writing an index entry", err);
      }
   }
   return true;
}

bool
fgd_index_del (fgd_txn *txn, const fgd_index *index, const uint8_t *doc, size_t len, uint64_t record, fg_error *err)
{
   uint8_t bytes[ENTRY_MAX];

   fg_match covers = fgd_index_covers (index, doc, len, err);
   if (covers == FG_MATCH_NO) {
      return true;
   }
   if (covers == FG_MATCH_ERROR || !fgd_keys_make (&txn->keys, index, doc, len, err)) {
      return fgd_txn_break (txn, EINVAL, "an index key that was written before", err);
   }
   for (size_t i = 0; i < txn->keys.n; i++) {
      MDB_val key = {entry_key (bytes, index, fgd_key_bytes (&txn->keys, i), txn->keys.keys[i].len, record), bytes};
      txn->dirty = true;
      int rc = mdb_del (txn->mdb, txn->store->entries, &key, NULL);
      if (rc != 0 && rc != MDB_NOTFOUND) {
         return fgd_txn_break (txn, rc, "deleting an index entry", err);
      }
   }
   return true;
}

/* --- unique --------------------------------------------------------------------------------------------------------- */

/* The values of one of a document's keys, as they came before sorting: found again by their encoding. */
static const fg_value *
values_of_key (const fgd_keys *keys, const fgd_index *index, size_t which)
{
   fg_buf buf = {0};
   const fg_value *found = keys->values;

   for (size_t i = 0; i + index->n_fields <= keys->n_values; i += index->n_fields) {
      bool exact = true;
      buf.len = 0;
      for (size_t f = 0; f < index->n_fields; f++) {
         fgd_key_append (&buf, &keys->values[i + f], &exact);
      }
      fgd_key_seal (&buf, 0, &exact);
      if (!buf.failed && buf.len == keys->keys[which].len &&
          memcmp (buf.data, fgd_key_bytes (keys, which), buf.len) == 0) {
         found = keys->values + i;
         break;
      }
   }
   fg_buf_free (&buf);
   return found;
}

static bool
same_values (const fg_value *a, const fg_value *b, size_t n)
{
   for (size_t i = 0; i < n; i++) {
      fg_value left = a[i].type ? a[i] : (fg_value){0x0A, NULL, 0};
      fg_value right = b[i].type ? b[i] : (fg_value){0x0A, NULL, 0};
      if (fg_value_compare (&left, &right) != 0) {
         return false;
      }
   }
   return true;
}

/* Whether two documents really share a key whose encodings are equal but lossy: all values of each are compared. */
static bool
documents_share_key (fgd_txn *txn, const fgd_index *index, const fgd_record *other, bool *shared, fg_error *err)
{
   size_t n = index->n_fields;

   *shared = false;
   if (!fgd_keys_make (&txn->other_keys, index, other->data, other->len, err)) {
      return false;
   }
   for (size_t i = 0; i + n <= txn->keys.n_values; i += n) {
      for (size_t j = 0; j + n <= txn->other_keys.n_values; j += n) {
         if (same_values (txn->keys.values + i, txn->other_keys.values + j, n)) {
            *shared = true;
            return true;
         }
      }
   }
   return true;
}

/* Looks for an entry with the key's bytes that belongs to another record. */
static bool
find_conflict (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, MDB_cursor *cursor, size_t which,
               uint64_t replaces, bool *conflict, fg_error *err)
{
   uint8_t bytes[ENTRY_MAX];
   const fgd_key *k = &txn->keys.keys[which];
   const fgd_overlay *changed = txn->overlay ? txn->overlay : txn->hidden;
   size_t prefix = 8 + k->len;
   MDB_val key = {entry_key (bytes, index, fgd_key_bytes (&txn->keys, which), k->len, 0), bytes};
   MDB_val value;

   int rc = mdb_cursor_get (cursor, &key, &value, MDB_SET_RANGE);
   for (; rc == 0; rc = mdb_cursor_get (cursor, &key, &value, MDB_NEXT)) {
      if (key.mv_size != prefix + 8 || memcmp (key.mv_data, bytes, prefix) != 0) {
         return true;
      }
      uint64_t id = fgd_get_u64be ((const uint8_t *)key.mv_data + prefix);
      if (id == replaces || (changed && fgd_overlay_find (changed, coll->id, id))) {
         continue;
      }
      if (k->exact && value.mv_size == 1 && *(const uint8_t *)value.mv_data == 1) {
         *conflict = true;
         return true;
      }
      fgd_record other;
      bool found;
      if (!fgd_record_stored (txn, coll, id, &other, &found, err)) {
         return false;
      }
      if (found && !documents_share_key (txn, index, &other, conflict, err)) {
         return false;
      }
      if (*conflict) {
         return true;
      }
   }
   return rc == MDB_NOTFOUND || fgd_store_error (err, rc, "reading an index");
}

bool
fgd_index_overlay_conflict (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, const fgd_overlay *overlay,
                            size_t which, uint64_t replaces, bool *conflict, fg_error *err)
{
   const fgd_key *k = &txn->keys.keys[which];
   const fgd_overlay_key *cursor = NULL;
   const fgd_change *change;
   bool exact = false;

   while ((change = fgd_overlay_key_next (overlay, coll, index, fgd_key_bytes (&txn->keys, which), k->len, replaces,
                                          &cursor, &exact)) != NULL) {
      const fgd_record other = {change->id, change->doc, change->len};
      if (exact && k->exact) {
         *conflict = true;
      } else if (!documents_share_key (txn, index, &other, conflict, err)) {
         return false;
      }
      if (*conflict) {
         return true;
      }
   }
   return true;
}

bool
fgd_index_check (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, const uint8_t *doc, size_t len,
                 uint64_t replaces, bson_t *detail, fg_error *err)
{
   bool conflict = false;
   MDB_cursor *cursor;

   fg_match covers = fgd_index_covers (index, doc, len, err);
   if (covers == FG_MATCH_NO) {
      return true;
   }
   if (covers == FG_MATCH_ERROR || !fgd_keys_make (&txn->keys, index, doc, len, err)) {
      return false;
   }
   if (!index->unique) {
      return true;
   }
   int rc = mdb_cursor_open (txn->mdb, txn->store->entries, &cursor);
   if (rc != 0) {
      return fgd_store_error (err, rc, "opening an index");
   }
   bool ok = true;
   for (size_t i = 0; ok && !conflict && i < txn->keys.n; i++) {
      ok = find_conflict (txn, coll, index, cursor, i, replaces, &conflict, err) &&
           (conflict || !txn->overlay ||
            fgd_index_overlay_conflict (txn, coll, index, txn->overlay, i, replaces, &conflict, err));
      if (conflict) {
         ok = fgd_duplicate_key_error (coll->ns, index, values_of_key (&txn->keys, index, i), detail, err);
      }
   }
   mdb_cursor_close (cursor);
   return ok;
}
