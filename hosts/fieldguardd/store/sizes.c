/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/sizes.h"
#include "hosts/fieldguardd/store/internal.h"

/* Counts what stands under an id's prefix. */
static bool
count_prefix (fgd_txn *txn, MDB_dbi dbi, uint64_t id, fgd_sizes *out, fg_error *err)
{
   uint8_t prefix[8];
   MDB_cursor *cursor;
   MDB_val key = {sizeof prefix, prefix};
   MDB_val value;

   *out = (fgd_sizes){0, 0, 0};
   if (!fgd_txn_usable (txn, err)) {
      return false;
   }
   fgd_put_u64be (prefix, id);
   int rc = mdb_cursor_open (txn->mdb, dbi, &cursor);
   if (rc != 0) {
      return fgd_store_error (err, rc, "opening a cursor");
   }
   for (rc = mdb_cursor_get (cursor, &key, &value, MDB_SET_RANGE);
        rc == 0 && key.mv_size >= sizeof prefix && memcmp (key.mv_data, prefix, sizeof prefix) == 0;
        rc = mdb_cursor_get (cursor, &key, &value, MDB_NEXT)) {
      out->documents++;
      out->document_bytes += value.mv_size;
      out->stored_bytes += key.mv_size + value.mv_size;
   }
   mdb_cursor_close (cursor);
   return rc == 0 || rc == MDB_NOTFOUND || fgd_store_error (err, rc, "reading records");
}

bool
fgd_collection_sizes (fgd_txn *txn, const fgd_coll *coll, fgd_sizes *out, fg_error *err)
{
   return count_prefix (txn, txn->store->records, coll->id, out, err);
}

bool
fgd_index_sizes (fgd_txn *txn, const fgd_index *index, uint64_t *entries, uint64_t *bytes, fg_error *err)
{
   fgd_sizes sizes;

   bool ok = count_prefix (txn, txn->store->entries, index->id, &sizes, err);
   *entries = sizes.documents;
   *bytes = sizes.stored_bytes;
   return ok;
}

/* --- documents against entries ------------------------------------------------------------------------------------------ */

static bool
look_for_keys (fgd_txn *txn, const fgd_index *index, const fgd_record *record, uint64_t *found, uint64_t *missing,
               fg_error *err)
{
   uint8_t bytes[8 + FGD_KEY_MAX + 8];

   if (!fgd_keys_make (&txn->keys, index, record->data, record->len, err)) {
      return false;
   }
   for (size_t i = 0; i < txn->keys.n; i++) {
      size_t len = txn->keys.keys[i].len;
      MDB_val key = {8 + len + 8, bytes};
      MDB_val value;
      fgd_put_u64be (bytes, index->id);
      memcpy (bytes + 8, fgd_key_bytes (&txn->keys, i), len);
      fgd_put_u64be (bytes + 8 + len, record->id);
      int rc = mdb_get (txn->mdb, txn->store->entries, &key, &value);
      if (rc != 0 && rc != MDB_NOTFOUND) {
         return fgd_store_error (err, rc, "reading an index");
      }
      *found += rc == 0;
      *missing += rc != 0;
   }
   return true;
}

bool
fgd_index_verify (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, fgd_index_check_result *out,
                  fg_error *err)
{
   fgd_record record;
   fgd_step step;
   uint64_t found = 0;
   uint64_t bytes = 0;
   fgd_scan *scan = fgd_scan_new (txn, coll, NULL, 0, err);

   *out = (fgd_index_check_result){0, 0, 0};
   if (!scan) {
      return false;
   }
   while ((step = fgd_scan_next (scan, &record, err)) == FGD_STEP_RECORD) {
      fg_match covered = fgd_index_covers (index, record.data, record.len, err);
      if (covered == FG_MATCH_ERROR ||
          (covered == FG_MATCH_YES && !look_for_keys (txn, index, &record, &found, &out->missing, err))) {
         step = FGD_STEP_ERROR;
         break;
      }
   }
   fgd_scan_free (scan);
   if (step != FGD_STEP_END || !fgd_index_sizes (txn, index, &out->keys, &bytes, err)) {
      return false;
   }
   out->extra = out->keys - found;
   return true;
}
