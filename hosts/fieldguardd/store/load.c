/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"

#include <stdlib.h>

/* What is on disk becomes the first catalog, and the modules hear of every collection in it. */

/* --- loading -------------------------------------------------------------------------------------------------------- */

static bool
corrupt (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_STORE, FG_E_CORRUPT, NULL,
                        "the catalog holds an entry that cannot be read; restore the data folder from a copy");
}

static bool
load_indexes (fgd_store *store, fgd_coll *coll, const bson_iter_t *list, fg_error *err)
{
   bson_iter_t one;

   if (!bson_iter_recurse (list, &one)) {
      return corrupt (err);
   }
   while (bson_iter_next (&one)) {
      bson_iter_t member;
      bson_t spec;
      const uint8_t *data = NULL;
      uint32_t len = 0;
      if (!bson_iter_recurse (&one, &member) || !bson_iter_find (&member, "id")) {
         return corrupt (err);
      }
      uint64_t id = (uint64_t)bson_iter_as_int64 (&member);
      if (!bson_iter_find (&member, "spec") || !BSON_ITER_HOLDS_DOCUMENT (&member)) {
         return corrupt (err);
      }
      bson_iter_document (&member, &len, &data);
      if (!bson_init_static (&spec, data, len) || !fgd_coll_add_index (coll, id, &spec, err)) {
         return corrupt (err);
      }
      store->next_id = id > store->next_id ? id : store->next_id;
   }
   return coll->n_indexes > 0 || corrupt (err);
}

static fgd_coll *
load_entry (fgd_store *store, uint64_t id, const MDB_val *value, fg_error *err)
{
   bson_t entry;
   bson_t options;
   bson_iter_t db;
   bson_iter_t name;
   bson_iter_t uuid;
   bson_iter_t iter;
   bson_subtype_t subtype;
   const uint8_t *data = NULL;
   const uint8_t *uuid_bytes = NULL;
   uint32_t len = 0;
   uint32_t uuid_len = 0;

   if (!bson_init_static (&entry, value->mv_data, value->mv_size) ||
       !bson_validate (&entry, BSON_VALIDATE_NONE, NULL) || !bson_iter_init_find (&db, &entry, "db") ||
       !BSON_ITER_HOLDS_UTF8 (&db) || !bson_iter_init_find (&name, &entry, "name") || !BSON_ITER_HOLDS_UTF8 (&name) ||
       !bson_iter_init_find (&uuid, &entry, "uuid") || !BSON_ITER_HOLDS_BINARY (&uuid) ||
       !bson_iter_init_find (&iter, &entry, "options") || !BSON_ITER_HOLDS_DOCUMENT (&iter)) {
      corrupt (err);
      return NULL;
   }
   bson_iter_binary (&uuid, &subtype, &uuid_len, &uuid_bytes);
   bson_iter_document (&iter, &len, &data);
   if (uuid_len != 16 || !bson_init_static (&options, data, len) || !bson_iter_init_find (&iter, &entry, "indexes")) {
      corrupt (err);
      return NULL;
   }
   fgd_coll *coll =
      fgd_coll_new (bson_iter_utf8 (&db, NULL), bson_iter_utf8 (&name, NULL), id, uuid_bytes, &options, err);
   if (coll && !load_indexes (store, coll, &iter, err)) {
      fgd_coll_unref (coll);
      return NULL;
   }
   return coll;
}

static bool
load_entries (fgd_store *store, MDB_txn *mdb, fg_error *err)
{
   MDB_cursor *cursor;
   MDB_val key;
   MDB_val value;
   fgd_catalog *catalog = fgd_catalog_new (0);
   bool ok = catalog != NULL;

   int rc = mdb_cursor_open (mdb, store->catalog_dbi, &cursor);
   if (rc != 0 || !ok) {
      fgd_catalog_unref (catalog);
      return fgd_store_error (err, rc, "reading the catalog");
   }
   for (rc = mdb_cursor_get (cursor, &key, &value, MDB_FIRST); ok && rc == 0;
        rc = mdb_cursor_get (cursor, &key, &value, MDB_NEXT)) {
      uint64_t id = key.mv_size == 8 ? fgd_get_u64be (key.mv_data) : 0;
      fgd_coll *coll = load_entry (store, id, &value, err);
      fgd_catalog *next = coll ? fgd_catalog_with (catalog, NULL, NULL, coll) : NULL;
      ok = next != NULL;
      store->next_id = id > store->next_id ? id : store->next_id;
      fgd_catalog_unref (catalog);
      catalog = next;
   }
   mdb_cursor_close (cursor);
   store->catalog = catalog;
   /* Half a catalog would be collections without their rules. */
   return ok && (rc == MDB_NOTFOUND || fgd_store_error (err, rc, "reading the catalog"));
}

/* Record ids only grow; the highest in use anywhere is where this run goes on. */
static bool
find_last_record (fgd_store *store, MDB_txn *mdb, const fgd_coll *coll, fg_error *err)
{
   uint8_t bytes[FGD_RECORD_KEY];
   MDB_cursor *cursor;
   MDB_val key = {sizeof bytes, bytes};

   fgd_put_u64be (bytes, coll->id + 1);
   fgd_put_u64be (bytes + 8, 0);
   int rc = mdb_cursor_open (mdb, store->records, &cursor);
   if (rc != 0) {
      return fgd_store_error (err, rc, "reading records");
   }
   rc = mdb_cursor_get (cursor, &key, NULL, MDB_SET_RANGE);
   if (rc == 0 || rc == MDB_NOTFOUND) {
      rc = mdb_cursor_get (cursor, &key, NULL, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
   }
   if (rc == 0 && key.mv_size == FGD_RECORD_KEY && fgd_get_u64be (key.mv_data) == coll->id) {
      uint64_t last = fgd_get_u64be ((const uint8_t *)key.mv_data + 8);
      store->next_record = last > store->next_record ? last : store->next_record;
   }
   mdb_cursor_close (cursor);
   return rc == 0 || rc == MDB_NOTFOUND || fgd_store_error (err, rc, "reading records");
}

static bool
load_module (fgd_store *store, fgd_coll *coll, fg_error *err)
{
   fg_ddl_request request = {.size = sizeof request,
                             .ddl = FG_DDL_LOAD,
                             .new_options = bson_get_data (coll->options),
                             .new_options_len = coll->options->len};

   coll->module = fg_collection_new (coll->ns, coll->uuid, err);
   if (!coll->module) {
      return false;
   }
   request.collection = coll->module;
   fg_loader_ddl_apply (store->loader, &request);
   return true;
}

bool
fgd_catalog_load (fgd_store *store, fg_error *err)
{
   MDB_txn *mdb;

   if (!fgd_fill_clean_up (store, err)) {
      return false;
   }
   int rc = mdb_txn_begin (store->env, NULL, MDB_RDONLY, &mdb);
   if (rc != 0) {
      return fgd_store_error (err, rc, "reading the catalog");
   }
   bool ok = load_entries (store, mdb, err);
   for (size_t i = 0; ok && i < store->catalog->n; i++) {
      ok = find_last_record (store, mdb, store->catalog->colls[i], err);
   }
   mdb_txn_abort (mdb);
   for (size_t i = 0; ok && i < store->catalog->n; i++) {
      ok = load_module (store, store->catalog->colls[i], err);
   }
   return ok;
}
