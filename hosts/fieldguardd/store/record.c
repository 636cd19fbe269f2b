/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"
#include "hosts/fieldguardd/store/overlay.h"

#include <stdlib.h>

#define COUNTS_BETWEEN_CLOCK 1024u

void
fgd_put_u64be (uint8_t *out, uint64_t value)
{
   for (size_t i = 0; i < 8; i++) {
      out[i] = (uint8_t)(value >> (8 * (7 - i)));
   }
}

uint64_t
fgd_get_u64be (const uint8_t *in)
{
   uint64_t value = 0;

   for (size_t i = 0; i < 8; i++) {
      value = value << 8 | in[i];
   }
   return value;
}

static void
record_key (uint8_t out[FGD_RECORD_KEY], const fgd_coll *coll, uint64_t id)
{
   fgd_put_u64be (out, coll->id);
   fgd_put_u64be (out + 8, id);
}

bool
fgd_record_stored (fgd_txn *txn, const fgd_coll *coll, uint64_t id, fgd_record *record, bool *found, fg_error *err)
{
   uint8_t bytes[FGD_RECORD_KEY];
   MDB_val key = {sizeof bytes, bytes};
   MDB_val value;

   record_key (bytes, coll, id);
   int rc = mdb_get (txn->mdb, txn->store->records, &key, &value);
   *found = rc == 0;
   if (rc == 0) {
      *record = (fgd_record){id, value.mv_data, value.mv_size};
   } else if (rc != MDB_NOTFOUND) {
      return fgd_store_error (err, rc, "reading a record");
   }
   return true;
}

bool
fgd_record_get (fgd_txn *txn, const fgd_coll *coll, uint64_t id, fgd_record *record, bool *found, fg_error *err)
{
   const fgd_change *change = txn->overlay ? fgd_overlay_find (txn->overlay, coll->id, id) : NULL;

   if (!change) {
      return fgd_record_stored (txn, coll, id, record, found, err);
   }
   *found = change->doc != NULL;
   *record = (fgd_record){id, change->doc, change->len};
   return true;
}

static bool
put_record (fgd_txn *txn, const fgd_coll *coll, uint64_t id, const uint8_t *doc, size_t len, fg_error *err)
{
   uint8_t bytes[FGD_RECORD_KEY];
   MDB_val key = {sizeof bytes, bytes};
   MDB_val value = {len, NULL};

   record_key (bytes, coll, id);
   txn->dirty = true;
   txn->bytes += len;
   /* Reserved and then copied: LMDB's value pointer is not const. */
   int rc = mdb_put (txn->mdb, txn->store->records, &key, &value, MDB_RESERVE);
   if (rc != 0) {
      return fgd_txn_break (txn, rc, "writing a record", err);
   }
   memcpy (value.mv_data, doc, len);
   return true;
}

bool
fgd_put_insert_as (fgd_txn *txn, const fgd_coll *coll, uint64_t id, const uint8_t *doc, size_t len, fg_error *err)
{
   if (!fgd_txn_usable (txn, err) || !put_record (txn, coll, id, doc, len, err)) {
      return false;
   }
   for (size_t i = 0; i < coll->n_indexes; i++) {
      if (!fgd_index_put (txn, coll->indexes[i], doc, len, id, err)) {
         return false;
      }
   }
   atomic_fetch_add_explicit (&txn->store->inserted, 1, memory_order_relaxed);
   return true;
}

bool
fgd_put_insert (fgd_txn *txn, const fgd_coll *coll, const uint8_t *doc, size_t len, fg_error *err)
{
   uint64_t id = ++txn->store->next_record;

   if (txn->overlay) {
      return fgd_overlay_put (txn->overlay, &txn->keys, coll, id, false, doc, len, err);
   }
   return fgd_put_insert_as (txn, coll, id, doc, len, err);
}

/* A private copy: LMDB may move the old document while its index entries change. */
static uint8_t *
copy_record (fgd_txn *txn, const fgd_coll *coll, uint64_t id, size_t *len, fg_error *err)
{
   fgd_record record;
   bool found;

   if (!fgd_txn_usable (txn, err)) {
      return NULL;
   }
   if (!fgd_record_get (txn, coll, id, &record, &found, err)) {
      fgd_txn_break (txn, MDB_CORRUPTED, "reading a record", err);
      return NULL;
   }
   if (!found) {
      fgd_txn_break (txn, MDB_NOTFOUND, "reading a record that was to be changed", err);
      return NULL;
   }
   uint8_t *copy = malloc (record.len);
   if (!copy) {
      fgd_txn_break (txn, ENOMEM, "copying a record", err);
      return NULL;
   }
   memcpy (copy, record.data, record.len);
   *len = record.len;
   return copy;
}

bool
fgd_put_update (fgd_txn *txn, const fgd_coll *coll, uint64_t id, const uint8_t *doc, size_t len, fg_error *err)
{
   if (txn->overlay) {
      return fgd_overlay_claim (txn, coll, id, err) &&
             fgd_overlay_put (txn->overlay, &txn->keys, coll, id, true, doc, len, err);
   }
   size_t old_len = 0;
   uint8_t *old = copy_record (txn, coll, id, &old_len, err);
   bool ok = old != NULL;

   for (size_t i = 0; ok && i < coll->n_indexes; i++) {
      /* _id never changes. */
      if (!coll->indexes[i]->is_id) {
         ok = fgd_index_del (txn, coll->indexes[i], old, old_len, id, err) &&
              fgd_index_put (txn, coll->indexes[i], doc, len, id, err);
      }
   }
   ok = ok && put_record (txn, coll, id, doc, len, err);
   free (old);
   if (ok) {
      atomic_fetch_add_explicit (&txn->store->updated, 1, memory_order_relaxed);
   }
   return ok;
}

bool
fgd_put_delete (fgd_txn *txn, const fgd_coll *coll, uint64_t id, fg_error *err)
{
   if (txn->overlay) {
      return fgd_overlay_claim (txn, coll, id, err) &&
             fgd_overlay_put (txn->overlay, &txn->keys, coll, id, true, NULL, 0, err);
   }
   size_t old_len = 0;
   uint8_t *old = copy_record (txn, coll, id, &old_len, err);
   bool ok = old != NULL;

   for (size_t i = 0; ok && i < coll->n_indexes; i++) {
      ok = fgd_index_del (txn, coll->indexes[i], old, old_len, id, err);
   }
   free (old);
   if (!ok) {
      return false;
   }
   uint8_t bytes[FGD_RECORD_KEY];
   MDB_val key = {sizeof bytes, bytes};
   record_key (bytes, coll, id);
   txn->dirty = true;
   txn->bytes += 64;
   int rc = mdb_del (txn->mdb, txn->store->records, &key, NULL);
   if (rc != 0) {
      return fgd_txn_break (txn, rc, "deleting a record", err);
   }
   atomic_fetch_add_explicit (&txn->store->deleted, 1, memory_order_relaxed);
   return true;
}

bool
fgd_check_indexes (fgd_txn *txn, const fgd_coll *coll, const uint8_t *doc, size_t len, uint64_t replaces,
                   bson_t *detail, fg_error *err)
{
   if (!fgd_txn_usable (txn, err)) {
      return false;
   }
   for (size_t i = 0; i < coll->n_indexes; i++) {
      if (replaces && coll->indexes[i]->is_id) {
         continue;
      }
      if (!fgd_index_check (txn, coll, coll->indexes[i], doc, len, replaces, detail, err) ||
          (txn->overlay && !fgd_overlay_check_keys (txn, coll, coll->indexes[i], doc, len, replaces, err))) {
         return false;
      }
   }
   return true;
}

bool
fgd_delete_prefix (fgd_txn *txn, MDB_dbi dbi, uint64_t id, fg_error *err)
{
   uint8_t prefix[8];
   MDB_cursor *cursor;
   MDB_val key = {sizeof prefix, prefix};
   MDB_val value;

   if (!fgd_txn_usable (txn, err)) {
      return false;
   }
   fgd_put_u64be (prefix, id);
   int rc = mdb_cursor_open (txn->mdb, dbi, &cursor);
   if (rc != 0) {
      return fgd_txn_break (txn, rc, "opening a cursor", err);
   }
   txn->dirty = true;
   rc = mdb_cursor_get (cursor, &key, &value, MDB_SET_RANGE);
   while (rc == 0 && key.mv_size >= sizeof prefix && memcmp (key.mv_data, prefix, sizeof prefix) == 0) {
      rc = mdb_cursor_del (cursor, 0);
      if (rc == 0) {
         rc = mdb_cursor_get (cursor, &key, &value, MDB_NEXT); /* the deleted key's successor */
      }
   }
   mdb_cursor_close (cursor);
   if (rc != 0 && rc != MDB_NOTFOUND) {
      return fgd_txn_break (txn, rc, "deleting records", err);
   }
   return true;
}

uint64_t
fgd_count_records (fgd_txn *txn, const fgd_coll *coll)
{
   uint8_t prefix[8];
   MDB_cursor *cursor;
   MDB_val key = {sizeof prefix, prefix};
   uint64_t n = 0;

   fgd_put_u64be (prefix, coll->id);
   if (!fgd_txn_usable (txn, NULL) || mdb_cursor_open (txn->mdb, txn->store->records, &cursor) != 0) {
      return 0;
   }
   int rc = mdb_cursor_get (cursor, &key, NULL, MDB_SET_RANGE);
   while (rc == 0 && key.mv_size == FGD_RECORD_KEY && memcmp (key.mv_data, prefix, sizeof prefix) == 0) {
      if (++n % COUNTS_BETWEEN_CLOCK == 0 && fgd_txn_expired (txn, NULL)) {
         break;
      }
      rc = mdb_cursor_get (cursor, &key, NULL, MDB_NEXT);
   }
   mdb_cursor_close (cursor);
   return txn->overlay ? n + (uint64_t)fgd_overlay_count (txn->overlay, coll->id) : n;
}
