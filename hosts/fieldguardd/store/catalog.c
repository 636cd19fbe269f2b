/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* --- collections ---------------------------------------------------------------------------------------------------- */

void
fgd_coll_unref (fgd_coll *coll)
{
   if (!coll || __atomic_sub_fetch (&coll->refs, 1, __ATOMIC_ACQ_REL) > 0) {
      return;
   }
   for (size_t i = 0; i < coll->n_indexes; i++) {
      fgd_index_free (coll->indexes[i]);
   }
   free (coll->indexes);
   fg_validator_free (coll->validator);
   if (coll->options) {
      bson_destroy (coll->options);
   }
   free (coll->ns);
   free (coll->db);
   free (coll);
}

static bool
set_names (fgd_coll *coll, const char *db, const char *name)
{
   size_t db_len = strlen (db);
   size_t name_len = strlen (name);

   coll->db = strdup (db);
   coll->ns = malloc (db_len + 1 + name_len + 1);
   if (!coll->db || !coll->ns) {
      return false;
   }
   memcpy (coll->ns, db, db_len);
   coll->ns[db_len] = '.';
   memcpy (coll->ns + db_len + 1, name, name_len + 1);
   coll->name = coll->ns + db_len + 1;
   return true;
}

fgd_coll *
fgd_coll_new (const char *db, const char *name, uint64_t id, const uint8_t uuid[16], const bson_t *options,
              fg_error *err)
{
   fgd_coll *coll = calloc (1, sizeof *coll);

   if (!coll || !set_names (coll, db, name)) {
      fgd_store_no_memory (err);
      fgd_coll_unref (coll);
      return NULL;
   }
   coll->refs = 1;
   coll->id = id;
   memcpy (coll->uuid, uuid, 16);
   coll->options = bson_copy (options);
   /* A validator that cannot be read does not disable itself: writes are refused with this error. */
   coll->validator =
      fg_validator_compile (bson_get_data (coll->options), coll->options->len, 0, &coll->validator_error);
   return coll;
}

bool
fgd_coll_add_index (fgd_coll *coll, uint64_t id, const bson_t *spec, fg_error *err)
{
   fgd_index **more = realloc (coll->indexes, (coll->n_indexes + 1) * sizeof *more);

   if (!more) {
      return fgd_store_no_memory (err);
   }
   coll->indexes = more;
   fgd_index *index = fgd_index_new (id, spec, err);
   if (!index) {
      return false;
   }
   coll->indexes[coll->n_indexes++] = index;
   return true;
}

fgd_coll *
fgd_coll_copy (const fgd_coll *coll, const char *db, const char *name, const bson_t *options, fg_error *err)
{
   fgd_coll *copy = fgd_coll_new (db, name, coll->id, coll->uuid, options ? options : coll->options, err);

   if (!copy) {
      return NULL;
   }
   copy->module = coll->module;
   for (size_t i = 0; i < coll->n_indexes; i++) {
      if (!fgd_coll_add_index (copy, coll->indexes[i]->id, coll->indexes[i]->spec, err)) {
         fgd_coll_unref (copy);
         return NULL;
      }
   }
   return copy;
}

/* --- catalogs ------------------------------------------------------------------------------------------------------- */

fgd_catalog *
fgd_catalog_new (size_t n)
{
   fgd_catalog *catalog = calloc (1, sizeof *catalog + n * sizeof catalog->colls[0]);

   if (catalog) {
      atomic_init (&catalog->refs, 1);
   }
   return catalog;
}

void
fgd_catalog_ref (fgd_catalog *catalog)
{
   atomic_fetch_add (&catalog->refs, 1);
}

void
fgd_catalog_unref (fgd_catalog *catalog)
{
   if (!catalog || atomic_fetch_sub (&catalog->refs, 1) > 1) {
      return;
   }
   for (size_t i = 0; i < catalog->n; i++) {
      fgd_coll_unref (catalog->colls[i]);
   }
   free (catalog);
}

/* Databases first, then names: "a.x" and "a-b.x" must not mix. */
static int
compare_names (const fgd_coll *coll, const char *db, const char *name)
{
   int c = strcmp (coll->db, db);

   return c ? c : strcmp (coll->name, name);
}

static int
compare_colls (const void *left, const void *right)
{
   const fgd_coll *const *a = left;
   const fgd_coll *const *b = right;

   return compare_names (*a, (*b)->db, (*b)->name);
}

fgd_catalog *
fgd_catalog_with (const fgd_catalog *catalog, const fgd_coll *gone, const fgd_coll *gone2, fgd_coll *added)
{
   fgd_catalog *next = fgd_catalog_new (catalog->n + 1);

   if (!next) {
      fgd_coll_unref (added);
      return NULL;
   }
   for (size_t i = 0; i < catalog->n; i++) {
      fgd_coll *coll = catalog->colls[i];
      if (coll != gone && coll != gone2) {
         __atomic_add_fetch (&coll->refs, 1, __ATOMIC_ACQ_REL);
         next->colls[next->n++] = coll;
      }
   }
   if (added) {
      next->colls[next->n++] = added;
      qsort (next->colls, next->n, sizeof next->colls[0], compare_colls);
   }
   return next;
}

const fgd_coll *
fgd_catalog_find (const fgd_catalog *catalog, const char *db, const char *name)
{
   size_t low = 0;
   size_t high = catalog->n;

   while (low < high) {
      size_t middle = low + (high - low) / 2;
      int c = compare_names (catalog->colls[middle], db, name);
      if (c == 0) {
         return catalog->colls[middle];
      }
      if (c < 0) {
         low = middle + 1;
      } else {
         high = middle;
      }
   }
   return NULL;
}

const fgd_coll *
fgd_txn_collection (const fgd_txn *txn, const char *db, const char *name)
{
   return fgd_catalog_find (txn->catalog, db, name);
}

const fgd_coll *
fgd_txn_collection_by_id (const fgd_txn *txn, uint64_t id)
{
   for (size_t i = 0; i < txn->catalog->n; i++) {
      if (txn->catalog->colls[i]->id == id) {
         return txn->catalog->colls[i];
      }
   }
   return NULL;
}

const fgd_coll *
fgd_txn_collection_by_uuid (const fgd_txn *txn, const uint8_t uuid[16])
{
   for (size_t i = 0; i < txn->catalog->n; i++) {
      if (memcmp (txn->catalog->colls[i]->uuid, uuid, 16) == 0) {
         return txn->catalog->colls[i];
      }
   }
   return NULL;
}

void
fgd_txn_visit_collections (const fgd_txn *txn, const char *db, bool (*visit) (void *ctx, const fgd_coll *coll),
                           void *ctx)
{
   for (size_t i = 0; i < txn->catalog->n; i++) {
      if ((!db || strcmp (txn->catalog->colls[i]->db, db) == 0) && !visit (ctx, txn->catalog->colls[i])) {
         return;
      }
   }
}

/* --- as stored: {db, name, uuid, options, indexes: [{id, spec}]} ------------------------------------------------------ */

static void
write_entry (bson_t *out, const fgd_coll *coll)
{
   bson_t list;

   bson_append_utf8 (out, "db", -1, coll->db, -1);
   bson_append_utf8 (out, "name", -1, coll->name, -1);
   bson_append_binary (out, "uuid", -1, BSON_SUBTYPE_UUID, coll->uuid, 16);
   bson_append_document (out, "options", -1, coll->options);
   bson_append_array_begin (out, "indexes", -1, &list);
   for (size_t i = 0; i < coll->n_indexes; i++) {
      char name[24];
      bson_t one;
      snprintf (name, sizeof name, "%zu", i);
      bson_append_document_begin (&list, name, -1, &one);
      bson_append_int64 (&one, "id", -1, (int64_t)coll->indexes[i]->id);
      bson_append_document (&one, "spec", -1, coll->indexes[i]->spec);
      bson_append_document_end (&list, &one);
   }
   bson_append_array_end (out, &list);
}

bool
fgd_catalog_put (fgd_txn *txn, const fgd_coll *coll, fg_error *err)
{
   uint8_t id[8];
   MDB_val key = {sizeof id, id};
   bson_t entry = BSON_INITIALIZER;

   if (!fgd_txn_usable (txn, err)) {
      return false;
   }
   fgd_put_u64be (id, coll->id);
   write_entry (&entry, coll);
   MDB_val value = {entry.len, NULL};
   txn->dirty = true;
   int rc = mdb_put (txn->mdb, txn->store->catalog_dbi, &key, &value, MDB_RESERVE);
   if (rc == 0) {
      memcpy (value.mv_data, bson_get_data (&entry), entry.len);
   }
   bson_destroy (&entry);
   return rc == 0 || fgd_txn_break (txn, rc, "writing the catalog", err);
}

bool
fgd_catalog_del (fgd_txn *txn, const fgd_coll *coll, fg_error *err)
{
   uint8_t id[8];
   MDB_val key = {sizeof id, id};

   if (!fgd_txn_usable (txn, err)) {
      return false;
   }
   fgd_put_u64be (id, coll->id);
   txn->dirty = true;
   int rc = mdb_del (txn->mdb, txn->store->catalog_dbi, &key, NULL);
   return rc == 0 || fgd_txn_break (txn, rc, "writing the catalog", err);
}

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
   return ok;
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
   rc = mdb_cursor_get (cursor, &key, NULL, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
   if (rc == 0 && key.mv_size == FGD_RECORD_KEY && fgd_get_u64be (key.mv_data) == coll->id) {
      uint64_t last = fgd_get_u64be ((const uint8_t *)key.mv_data + 8);
      store->next_record = last > store->next_record ? last : store->next_record;
   }
   mdb_cursor_close (cursor);
   return true;
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
