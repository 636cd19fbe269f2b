/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/copy.h"
#include "hosts/fieldguardd/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * A collection that is filled out of sight. Its catalog entry is on disk from the first batch on, marked as hidden, so that a start-up after a crash finds and
 * deletes it; the catalog in memory never has it, so no command can reach it. Modules see it created, renamed over its target, or dropped, under the name that
 * mongod gives such collections.
 */

struct fgd_fill {
   fgd_coll *hidden;
   fgd_copy *copy;
   char *db;
   char *name;
   uint64_t settings; /* fg_loader_setting_changes, at the beginning */
   bool announced; /* the modules know of it */
   bool done;
};

static bool
name_hidden (char out[64], const uint8_t uuid[16])
{
   int n = snprintf (out, 64, "tmp.agg_out.%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                     uuid[0], uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7], uuid[8], uuid[9], uuid[10],
                     uuid[11], uuid[12], uuid[13], uuid[14], uuid[15]);
   return n > 0 && n < 64;
}

static bool
copy_indexes (fgd_txn *txn, fgd_coll *hidden, const fgd_coll *target, fg_error *err)
{
   for (size_t i = 0; i < target->n_indexes; i++) {
      if (!fgd_coll_add_index (hidden, ++txn->store->next_id, target->indexes[i]->spec, err)) {
         return false;
      }
   }
   return true;
}

static fgd_coll *
make_hidden (fgd_txn *txn, const char *db, const fgd_coll *target, const bson_t *options, fg_error *err)
{
   uint8_t uuid[16];
   char name[64];

   if (!fgd_new_uuid (uuid, err) || !name_hidden (name, uuid)) {
      return NULL;
   }
   fgd_coll *hidden = fgd_coll_new (db, name, ++txn->store->next_id, uuid, options, err);
   if (!hidden) {
      return NULL;
   }
   hidden->hidden = true;
   if (!(target ? copy_indexes (txn, hidden, target, err) : fgd_coll_add_id_index (txn, hidden, err))) {
      fgd_coll_unref (hidden);
      return NULL;
   }
   return hidden;
}

/* Tells the modules; a veto ends the fill before it has begun. */
static bool
announce (fgd_txn *txn, const fg_client_info *client, fgd_fill *fill, fg_error *err)
{
   fgd_coll *hidden = fill->hidden;

   hidden->module = fg_collection_new (hidden->ns, hidden->uuid, err);
   if (!hidden->module) {
      return false;
   }
   fg_ddl_request request = fgd_ddl_request_for (FG_DDL_CREATE, client, hidden->module, NULL, hidden->options);
   if (!fgd_ddl_prepare (txn, &request, err)) {
      return false;
   }
   if (!fgd_catalog_put (txn, hidden, err)) {
      fg_loader_ddl_abandon (txn->store->loader, &request);
      return false;
   }
   fg_loader_ddl_apply (txn->store->loader, &request);
   fill->announced = true;
   return true;
}

fgd_fill *
fgd_fill_begin (fgd_txn *txn, const fg_client_info *client, const char *db, const char *name, fg_error *err)
{
   bson_t none = BSON_INITIALIZER;
   const fgd_coll *target = fgd_txn_collection (txn, db, name);
   const bson_t *options = target ? target->options : &none;
   fgd_fill *fill = calloc (1, sizeof *fill);
   bool ok = fill != NULL;

   if (ok) {
      fill->settings = fg_loader_setting_changes (txn->store->loader);
      fill->db = strdup (db);
      fill->name = strdup (name);
      ok = fill->db && fill->name;
   }
   if (!ok) {
      fgd_store_no_memory (err);
   }
   if (ok) {
      fill->hidden = make_hidden (txn, db, target, options, err);
      ok = fill->hidden != NULL;
   }
   if (ok) {
      fg_buf ns = {0};
      fg_buf_printf (&ns, "%s.%s", db, name);
      fg_buf_append (&ns, "", 1);
      fill->copy = ns.failed ? NULL : fgd_copy_new (txn->store, client, (const char *)ns.data, options, err);
      ok = fill->copy != NULL && announce (txn, client, fill, err);
      fg_buf_free (&ns);
   }
   if (!ok) {
      fgd_fill_end (txn, client, fill);
      fill = NULL;
   }
   bson_destroy (&none);
   return fill;
}

const fgd_coll *
fgd_fill_collection (const fgd_fill *fill)
{
   return fill->hidden;
}

fgd_copy *
fgd_fill_copy (const fgd_fill *fill)
{
   return fill->copy;
}

/* --- into its place --------------------------------------------------------------------------------------------------- */

static bool
same_indexes (const fgd_coll *a, const fgd_coll *b)
{
   bool same = a->n_indexes == b->n_indexes;

   for (size_t i = 0; same && i < a->n_indexes; i++) {
      same = bson_equal (a->indexes[i]->spec, b->indexes[i]->spec);
   }
   return same;
}

/* Nor may documents come in that the modules took under a looser setting (mode audit, say) than the one now in force. */
static bool
check_settings (const fgd_txn *txn, const fgd_fill *fill, fg_error *err)
{
   return fg_loader_setting_changes (txn->store->loader) == fill->settings ||
          fg_error_set (err, FG_ERROR_SERVER, 125, NULL,
                        "a module's settings changed while target collection %s.%s was processed.", fill->db,
                        fill->name);
}

/* Whoever changes the target's rules meanwhile must not find them gone: the documents were judged by the old ones. */
static bool
check_unchanged (const fgd_fill *fill, const fgd_coll *target, fg_error *err)
{
   bson_t none = BSON_INITIALIZER;
   const char *what = NULL;

   if (!bson_equal (fill->hidden->options, target ? target->options : &none)) {
      what = "collection options";
   } else if (target ? !same_indexes (fill->hidden, target) : fill->hidden->n_indexes != 1) {
      what = "indexes";
   }
   bson_destroy (&none);
   return !what ||
          fg_error_set (err, FG_ERROR_SERVER, 125, NULL, "%s of target collection %s.%s changed during processing.",
                        what, fill->db, fill->name);
}

bool
fgd_fill_replace (fgd_txn *txn, const fg_client_info *client, fgd_fill *fill, fg_error *err)
{
   const fgd_coll *target = fgd_txn_collection (txn, fill->db, fill->name);

   fill->done = check_settings (txn, fill, err) && check_unchanged (fill, target, err) &&
                fgd_ddl_rename_copied (txn, client, fill->hidden, fill->db, fill->name, target, fill->copy, err);
   if (fill->done) {
      fgd_copy_end (fill->copy, true);
      fill->copy = NULL;
   }
   return fill->done;
}

/* --- or away ---------------------------------------------------------------------------------------------------------- */

/* As far as it is there at all: the batch that began it may have been rolled back. */
static bool
delete_hidden (fgd_txn *txn, const fgd_coll *hidden, fg_error *err)
{
   bool ok = fgd_delete_prefix (txn, txn->store->records, hidden->id, err) &&
             fgd_delete_prefix (txn, txn->store->catalog_dbi, hidden->id, err);

   for (size_t i = 0; ok && i < hidden->n_indexes; i++) {
      ok = fgd_delete_prefix (txn, txn->store->entries, hidden->indexes[i]->id, err);
   }
   return ok;
}

/* Modules forget it whatever they think of it: it is on its way out already. */
static void
forget (fgd_txn *txn, const fg_client_info *client, fgd_coll *hidden)
{
   fg_error ignored;
   fg_ddl_request request = fgd_ddl_request_for (FG_DDL_DROP, client, hidden->module, hidden->options, NULL);

   if (!fgd_ddl_prepare (txn, &request, &ignored)) {
      request = fgd_ddl_request_for (FG_DDL_UNLOAD, client, hidden->module, NULL, NULL);
   }
   fg_loader_ddl_apply (txn->store->loader, &request);
}

void
fgd_fill_end (fgd_txn *txn, const fg_client_info *client, fgd_fill *fill)
{
   fg_error err;

   if (!fill) {
      return;
   }
   if (fill->announced && !fill->done) {
      if (!delete_hidden (txn, fill->hidden, &err)) {
         txn->store->log (txn->store->log_ctx, FG_LOG_WARNING, 9200003,
                          "What an unfinished $out had written could not be deleted; the next start does it", NULL);
      }
      forget (txn, client, fill->hidden);
   }
   if (fill->hidden && !fill->done) {
      fg_collection_free (fill->hidden->module);
   }
   fgd_copy_end (fill->copy, false);
   fgd_coll_unref (fill->hidden);
   free (fill->db);
   free (fill->name);
   free (fill);
}

/* --- after a crash ---------------------------------------------------------------------------------------------------- */

static bool
is_hidden (const MDB_val *value)
{
   bson_t entry;
   bson_iter_t iter;

   return bson_init_static (&entry, value->mv_data, value->mv_size) && bson_iter_init_find (&iter, &entry, "hidden") &&
          bson_iter_as_bool (&iter);
}

static bool
delete_leftover (fgd_txn *txn, uint64_t id, const MDB_val *value, fg_error *err)
{
   bson_t *entry = bson_new_from_data (value->mv_data, value->mv_size); /* the page goes with the entry */
   bson_iter_t iter;
   bson_iter_t list;
   bool ok = entry && fgd_delete_prefix (txn, txn->store->records, id, err) &&
             fgd_delete_prefix (txn, txn->store->catalog_dbi, id, err);

   if (ok && bson_iter_init_find (&iter, entry, "indexes") && bson_iter_recurse (&iter, &list)) {
      while (ok && bson_iter_next (&list)) {
         bson_iter_t member;
         ok = !bson_iter_recurse (&list, &member) || !bson_iter_find (&member, "id") ||
              fgd_delete_prefix (txn, txn->store->entries, (uint64_t)bson_iter_as_int64 (&member), err);
      }
   }
   if (entry) {
      bson_destroy (entry);
   }
   return ok;
}

/* *found: one more may follow. */
static bool
delete_first_leftover (fgd_txn *txn, bool *found, fg_error *err)
{
   MDB_cursor *cursor;
   MDB_val key;
   MDB_val value;
   uint64_t id = 0;

   *found = false;
   int rc = mdb_cursor_open (txn->mdb, txn->store->catalog_dbi, &cursor);
   if (rc != 0) {
      return fgd_store_error (err, rc, "reading the catalog");
   }
   for (rc = mdb_cursor_get (cursor, &key, &value, MDB_FIRST); rc == 0 && !*found;
        rc = *found ? 0 : mdb_cursor_get (cursor, &key, &value, MDB_NEXT)) {
      *found = key.mv_size == 8 && is_hidden (&value);
      id = *found ? fgd_get_u64be (key.mv_data) : 0;
   }
   mdb_cursor_close (cursor);
   if (!*found && rc != MDB_NOTFOUND) {
      return fgd_store_error (err, rc, "reading the catalog");
   }
   return !*found || delete_leftover (txn, id, &value, err);
}

bool
fgd_fill_clean_up (fgd_store *store, fg_error *err)
{
   fgd_txn txn = {.store = store, .write = true};
   bool found = true;
   bool any = false;
   bool ok = true;

   int rc = mdb_txn_begin (store->env, NULL, 0, &txn.mdb);
   if (rc != 0) {
      return fgd_store_error (err, rc, "reading the catalog");
   }
   while (ok && found) {
      ok = delete_first_leftover (&txn, &found, err);
      any = any || found;
   }
   if (!ok || !any) {
      mdb_txn_abort (txn.mdb);
      return ok;
   }
   rc = mdb_txn_commit (txn.mdb);
   store->log (store->log_ctx, FG_LOG_INFO, 9200004, "Deleted what an unfinished $out had left", NULL);
   return rc == 0 || fgd_store_error (err, rc, "deleting what an unfinished $out had left");
}
