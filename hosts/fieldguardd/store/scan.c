/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"
#include "hosts/fieldguardd/store/overlay.h"

#include <stdlib.h>

/*
 * Scans. Records and the entries of one index key are both ordered by record id, so both are walked the same way: a fixed prefix, then the id. In a write
 * transaction every step seeks anew behind the last id, because pages move under a cursor when something is written.
 */

struct fgd_scan {
   fgd_txn *txn;
   const fgd_coll *coll;
   const fgd_index *index; /* NULL: the records themselves */
   MDB_cursor *cursor;
   uint64_t last;
   bool positioned;
   size_t prefix;
   uint8_t key[8 + FGD_KEY_MAX + 8];
   /* over an overlay: what was given last, and the stored record that comes next */
   uint64_t given;
   fgd_record stored;
   bool has_stored;
   bool stored_over;
};

/* --- choosing an index ---------------------------------------------------------------------------------------------- */

typedef struct equality_search {
   const fgd_index *index;
   fg_value values[FGD_KEY_FIELDS_MAX];
   bool have[FGD_KEY_FIELDS_MAX];
} equality_search;

/* Types whose equality means the same in a filter and in an index: null also means missing, arrays are taken apart, a regex is a pattern. */
static bool
usable_type (uint8_t type)
{
   switch (type) {
   case 0x00:
   case 0x04:
   case 0x06:
   case 0x0A:
   case 0x0B:
   case 0x0C:
   case 0x0F:
      return false;
   default:
      return true;
   }
}

static bool
note_equality (void *ctx, const char *path, const fg_value *value)
{
   equality_search *search = ctx;

   for (size_t i = 0; i < search->index->n_fields; i++) {
      if (!search->have[i] && strcmp (path, search->index->fields[i].path) == 0 && usable_type (value->type)) {
         search->values[i] = *value;
         search->have[i] = true;
      }
   }
   return true;
}

/* A numeric path part may be a position or a name: the index and the filter need not agree on what was reached. */
static bool
has_position (const char *path)
{
   while (path) {
      size_t n = strcspn (path, ".");
      if (n > 0 && strspn (path, "0123456789") == n) {
         return true;
      }
      path = path[n] ? path + n + 1 : NULL;
   }
   return false;
}

static bool
usable_index (const fgd_index *index, const fg_matcher *matcher, equality_search *search)
{
   if (index->partial) {
      return false;
   }
   memset (search, 0, sizeof *search);
   search->index = index;
   fg_matcher_visit_equalities (matcher, note_equality, search);
   for (size_t i = 0; i < index->n_fields; i++) {
      if (!search->have[i] || has_position (index->fields[i].path)) {
         return false;
      }
   }
   return true;
}

static bool
use_index (fgd_scan *scan, const equality_search *search, fg_error *err)
{
   fg_buf buf = {0};
   bool exact = true;

   for (size_t i = 0; i < search->index->n_fields; i++) {
      fgd_key_append (&buf, &search->values[i], &exact);
   }
   fgd_key_seal (&buf, 0, &exact);
   if (buf.failed) {
      fg_buf_free (&buf);
      return fgd_store_no_memory (err);
   }
   scan->index = search->index;
   fgd_put_u64be (scan->key, search->index->id);
   memcpy (scan->key + 8, buf.data, buf.len);
   scan->prefix = 8 + buf.len;
   fg_buf_free (&buf);
   return true;
}

/* --- walking -------------------------------------------------------------------------------------------------------- */

fgd_scan *
fgd_scan_new (fgd_txn *txn, const fgd_coll *coll, const fg_matcher *matcher, uint64_t after, fg_error *err)
{
   if (!fgd_txn_usable (txn, err)) {
      return NULL;
   }
   fgd_scan *scan = calloc (1, sizeof *scan);
   equality_search *search = matcher ? malloc (sizeof *search) : NULL;
   bool ok = scan && (search || !matcher);

   if (!ok) {
      fgd_store_no_memory (err);
   } else {
      scan->txn = txn;
      scan->coll = coll;
      scan->last = after;
      scan->given = after;
      fgd_put_u64be (scan->key, coll->id);
      scan->prefix = 8;
      for (size_t i = 0; search && i < coll->n_indexes; i++) {
         if (usable_index (coll->indexes[i], matcher, search)) {
            ok = use_index (scan, search, err);
            break;
         }
      }
   }
   free (search);
   if (ok) {
      int rc = mdb_cursor_open (txn->mdb, scan->index ? txn->store->entries : txn->store->records, &scan->cursor);
      ok = rc == 0 || fgd_store_error (err, rc, "opening a cursor");
   }
   if (!ok) {
      free (scan);
      return NULL;
   }
   return scan;
}

void
fgd_scan_free (fgd_scan *scan)
{
   if (scan) {
      mdb_cursor_close (scan->cursor);
      free (scan);
   }
}

const char *
fgd_scan_index (const fgd_scan *scan)
{
   return scan->index ? scan->index->name : NULL;
}

/* The next key behind last that has the prefix. */
static int
step (fgd_scan *scan, MDB_val *key, MDB_val *value)
{
   int rc;

   if (scan->positioned && !scan->txn->write) {
      rc = mdb_cursor_get (scan->cursor, key, value, MDB_NEXT);
   } else {
      if (scan->last == UINT64_MAX) {
         return MDB_NOTFOUND;
      }
      fgd_put_u64be (scan->key + scan->prefix, scan->last + 1);
      *key = (MDB_val){scan->prefix + 8, scan->key};
      rc = mdb_cursor_get (scan->cursor, key, value, MDB_SET_RANGE);
      scan->positioned = true;
   }
   if (rc == 0 && (key->mv_size != scan->prefix + 8 || memcmp (key->mv_data, scan->key, scan->prefix) != 0)) {
      return MDB_NOTFOUND;
   }
   return rc;
}

static fgd_step
stored_next (fgd_scan *scan, fgd_record *record, fg_error *err)
{
   MDB_val key;
   MDB_val value;
   bool found = true;

   do {
      if (fgd_txn_expired (scan->txn, err)) {
         return FGD_STEP_ERROR;
      }
      int rc = step (scan, &key, &value);
      if (rc == MDB_NOTFOUND) {
         return FGD_STEP_END;
      }
      if (rc != 0) {
         fgd_store_error (err, rc, "reading records");
         return FGD_STEP_ERROR;
      }
      scan->last = fgd_get_u64be ((const uint8_t *)key.mv_data + scan->prefix);
      *record = (fgd_record){scan->last, value.mv_data, value.mv_size};
      if (scan->index && !fgd_record_get (scan->txn, scan->coll, scan->last, record, &found, err)) {
         return FGD_STEP_ERROR;
      }
   } while (!found);
   return FGD_STEP_RECORD;
}

/* Two streams in the order of ids: the stored records (or an index's candidates), and all changes of the collection, which take their place. */
static fgd_step
merged_next (fgd_scan *scan, fgd_record *record, fg_error *err)
{
   if (!fgd_transaction_pause (scan->txn, err)) {
      return FGD_STEP_ERROR;
   }
   for (;;) {
      if (!scan->has_stored && !scan->stored_over) {
         fgd_step step = stored_next (scan, &scan->stored, err);
         if (step == FGD_STEP_ERROR) {
            return step;
         }
         scan->has_stored = step == FGD_STEP_RECORD;
         scan->stored_over = !scan->has_stored;
      }
      const fgd_change *change = fgd_overlay_next (scan->txn->overlay, scan->coll->id, scan->given);
      if (!change && !scan->has_stored) {
         return FGD_STEP_END;
      }
      if (!change || (scan->has_stored && scan->stored.id < change->id)) {
         *record = scan->stored;
         scan->has_stored = false;
         scan->given = record->id;
         return FGD_STEP_RECORD;
      }
      if (scan->has_stored && scan->stored.id == change->id) {
         scan->has_stored = false;
      }
      scan->given = change->id;
      if (change->doc) {
         *record = (fgd_record){change->id, change->doc, change->len};
         return FGD_STEP_RECORD;
      }
   }
}

fgd_step
fgd_scan_next (fgd_scan *scan, fgd_record *record, fg_error *err)
{
   return scan->txn->overlay ? merged_next (scan, record, err) : stored_next (scan, record, err);
}
