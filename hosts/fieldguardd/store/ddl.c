/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/copy.h"
#include "hosts/fieldguardd/store/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/*
 * DDL. Each function: flush (earlier writes are committed and answered), PREPARE, catalog writes, commit and publish together, APPLY. When anything
 * fails between PREPARE and the commit, the modules hear ABANDON and the write transaction starts anew without what the DDL had put.
 */

/* --- shared steps --------------------------------------------------------------------------------------------------- */

fg_ddl_request
fgd_ddl_request_for (fg_ddl ddl, const fg_client_info *client, fg_collection *module, const bson_t *old_options,
                     const bson_t *new_options)
{
   return (fg_ddl_request){.size = sizeof (fg_ddl_request),
                           .ddl = ddl,
                           .collection = module,
                           .old_options = old_options ? bson_get_data (old_options) : NULL,
                           .old_options_len = old_options ? old_options->len : 0,
                           .new_options = new_options ? bson_get_data (new_options) : NULL,
                           .new_options_len = new_options ? new_options->len : 0,
                           .client = client};
}

bool
fgd_ddl_prepare (fgd_txn *txn, fg_ddl_request *request, fg_error *err)
{
   fg_refusal refusal = {.size = sizeof refusal};

   bool ok = fg_loader_ddl_prepare (txn->store->loader, request, &refusal);
   if (!ok) {
      fg_error_set (err, FG_ERROR_SERVER, refusal.code ? refusal.code : 72, NULL, "%s",
                    refusal.message[0] ? refusal.message : "a module refused this change");
   }
   fg_refusal_release (&refusal);
   return ok;
}

/* Forgets what the DDL has put since the flush. */
static void
discard (fgd_txn *txn)
{
   fg_error err;

   if (txn->mdb) {
      mdb_txn_abort (txn->mdb);
   }
   txn->mdb = NULL;
   txn->dirty = false;
   txn->broken = false;
   int rc = mdb_txn_begin (txn->store->env, NULL, 0, &txn->mdb);
   if (rc != 0) {
      txn->mdb = NULL;
      fgd_txn_break (txn, rc, "beginning a write transaction", &err);
   }
}

/* Takes over next (NULL: out of memory). True: published, to be APPLYed. */
static bool
publish (fgd_txn *txn, bool written, fgd_catalog *next, fg_error *err)
{
   if (written && next) {
      return fgd_txn_publish (txn, next, err);
   }
   if (written) {
      fgd_store_no_memory (err);
   }
   fgd_catalog_unref (next);
   discard (txn);
   return false;
}

static void
settle (fgd_txn *txn, fg_ddl_request *request, bool done)
{
   if (done) {
      fg_loader_ddl_apply (txn->store->loader, request);
   } else {
      fg_loader_ddl_abandon (txn->store->loader, request);
   }
}

bool
fgd_new_uuid (uint8_t uuid[16], fg_error *err)
{
   if (getrandom (uuid, 16, 0) != 16) {
      return fg_error_set (err, FG_ERROR_SERVER, 1, NULL, "no random bytes for a UUID");
   }
   uuid[6] = (uint8_t)((uuid[6] & 0x0F) | 0x40);
   uuid[8] = (uint8_t)((uuid[8] & 0x3F) | 0x80);
   return true;
}

bool
fgd_coll_add_id_index (fgd_txn *txn, fgd_coll *coll, fg_error *err)
{
   bson_t *spec = BCON_NEW ("v", BCON_INT32 (2), "key", "{", "_id", BCON_INT32 (1), "}", "name", BCON_UTF8 ("_id_"));

   bool ok = fgd_coll_add_index (coll, ++txn->store->next_id, spec, err);
   bson_destroy (spec);
   return ok;
}

/* Inside a transaction a collection is made at once, for everybody, and the transaction goes on as if its snapshot had held it, empty. */
static bool
create_beside (fgd_txn *txn, const fg_client_info *client, const char *db, const char *name, const bson_t *options,
               fg_error *err)
{
   if (!fgd_ddl_create (txn->writer, client, db, name, options, err)) {
      return false;
   }
   fgd_coll *coll = fgd_catalog_get (txn->store->catalog, db, name);
   __atomic_add_fetch (&coll->refs, 1, __ATOMIC_ACQ_REL);
   fgd_catalog *next = fgd_catalog_with (txn->catalog, NULL, NULL, coll);
   if (!next) {
      return fgd_store_no_memory (err);
   }
   fgd_catalog_unref (txn->catalog);
   txn->catalog = next;
   return true;
}

/* --- create, collMod -------------------------------------------------------------------------------------------------- */

bool
fgd_ddl_create (fgd_txn *txn, const fg_client_info *client, const char *db, const char *name, const bson_t *options,
                fg_error *err)
{
   uint8_t uuid[16];
   bool done = false;

   if (txn->overlay) {
      return create_beside (txn, client, db, name, options, err);
   }
   if (!fgd_txn_flush (txn, err) || !fgd_new_uuid (uuid, err)) {
      return false;
   }
   fgd_coll *coll = fgd_coll_new (db, name, ++txn->store->next_id, uuid, options, err);
   if (!coll || !fgd_coll_add_id_index (txn, coll, err)) {
      fgd_coll_unref (coll);
      return false;
   }
   fg_collection *module = fg_collection_new (coll->ns, uuid, err);
   coll->module = module;
   if (!module) {
      fgd_coll_unref (coll);
      return false;
   }
   fg_ddl_request request = fgd_ddl_request_for (FG_DDL_CREATE, client, module, NULL, coll->options);
   if (fgd_ddl_prepare (txn, &request, err)) {
      bool written = fgd_catalog_put (txn, coll, err);
      __atomic_add_fetch (&coll->refs, 1,
                          __ATOMIC_ACQ_REL); /* the options stay alive until APPLY or ABANDON has read them */
      done = publish (txn, written, fgd_catalog_with (txn->catalog, NULL, NULL, coll), err);
      settle (txn, &request, done);
   }
   if (!done) {
      fg_collection_free (module);
   }
   fgd_coll_unref (coll);
   return done;
}

bool
fgd_ddl_coll_mod (fgd_txn *txn, const fg_client_info *client, const fgd_coll *coll, const bson_t *options,
                  fg_error *err)
{
   fgd_coll *next = fgd_coll_copy (coll, coll->db, coll->name, options, err);
   bson_t *old_options = bson_copy (coll->options);
   bool done = false;

   if (next && fgd_txn_flush (txn, err)) {
      fg_ddl_request request = fgd_ddl_request_for (FG_DDL_COLL_MOD, client, coll->module, old_options, next->options);
      if (fgd_ddl_prepare (txn, &request, err)) {
         bool written = fgd_catalog_put (txn, next, err);
         __atomic_add_fetch (&next->refs, 1, __ATOMIC_ACQ_REL);
         done = publish (txn, written, fgd_catalog_with (txn->catalog, coll, NULL, next), err);
         settle (txn, &request, done);
      }
   }
   fgd_coll_unref (next);
   bson_destroy (old_options);
   return done;
}

/* --- drop, rename ----------------------------------------------------------------------------------------------------- */

bool
fgd_delete_collection (fgd_txn *txn, const fgd_coll *coll, fg_error *err)
{
   bool ok = fgd_delete_prefix (txn, txn->store->records, coll->id, err) && fgd_catalog_del (txn, coll, err);

   for (size_t i = 0; ok && i < coll->n_indexes; i++) {
      ok = fgd_delete_prefix (txn, txn->store->entries, coll->indexes[i]->id, err);
   }
   return ok;
}

bool
fgd_ddl_drop (fgd_txn *txn, const fg_client_info *client, const fgd_coll *coll, fg_error *err)
{
   bson_t *old_options = bson_copy (coll->options);
   fg_collection *module = coll->module;
   bool done = false;

   if (fgd_txn_flush (txn, err)) {
      fg_ddl_request request = fgd_ddl_request_for (FG_DDL_DROP, client, module, old_options, NULL);
      if (fgd_ddl_prepare (txn, &request, err)) {
         bool written = fgd_delete_collection (txn, coll, err);
         done = publish (txn, written, fgd_catalog_with (txn->catalog, coll, NULL, NULL), err);
         settle (txn, &request, done);
      }
   }
   if (done) {
      fg_collection_free (module);
   }
   bson_destroy (old_options);
   return done;
}

bool
fgd_ddl_rename_copied (fgd_txn *txn, const fg_client_info *client, const fgd_coll *coll, const char *db,
                       const char *name, const fgd_coll *target, fgd_copy *copy, fg_error *err)
{
   fgd_coll *next = fgd_coll_copy (coll, db, name, NULL, err);
   bson_t *options = bson_copy (coll->options);
   bson_t *target_options = target ? bson_copy (target->options) : NULL;
   fg_collection *target_module = target ? target->module : NULL;
   bool done = false;

   if (next && fgd_txn_flush (txn, err)) {
      fg_ddl_request request = fgd_ddl_request_for (FG_DDL_RENAME, client, coll->module, options, options);
      request.target_ns = next->ns;
      request.target = target_module;
      request.target_options = target_options ? bson_get_data (target_options) : NULL;
      request.target_options_len = target_options ? target_options->len : 0;
      if (fgd_ddl_prepare (txn, &request, err)) {
         bool written = fgd_copy_prepare (copy, err) && (!target || fgd_delete_collection (txn, target, err)) &&
                        fgd_catalog_put (txn, next, err);
         __atomic_add_fetch (&next->refs, 1, __ATOMIC_ACQ_REL);
         done = publish (txn, written, fgd_catalog_with (txn->catalog, coll, target, next), err);
         settle (txn, &request, done);
      }
   }
   if (done) {
      fg_collection_free (target_module);
      /* The collection is renamed either way; only what modules call it in records would stay behind. */
      fg_error ignored;
      if (!fg_collection_set_ns (next->module, next->ns, &ignored)) {
         txn->store->log (txn->store->log_ctx, FG_LOG_WARNING, 9200002,
                          "Modules keep a collection's old name after a rename: out of memory", NULL);
      }
   }
   fgd_coll_unref (next);
   bson_destroy (options);
   if (target_options) {
      bson_destroy (target_options);
   }
   return done;
}

/* --- indexes ---------------------------------------------------------------------------------------------------------- */

static bool
index_record (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, const fgd_record *record, bson_t *detail,
              fg_error *err)
{
   uint8_t *copy = malloc (record->len); /* pages move while entries are written */

   if (!copy) {
      return fgd_store_no_memory (err);
   }
   memcpy (copy, record->data, record->len);
   bool ok = fgd_index_check (txn, coll, index, copy, record->len, 0, detail, err) &&
             fgd_index_put (txn, index, copy, record->len, record->id, err);
   free (copy);
   return ok;
}

static bool
build_index (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, bson_t *detail, fg_error *err)
{
   fgd_record record;
   fgd_step step;
   fgd_scan *scan = fgd_scan_new (txn, coll, NULL, 0, err);

   if (!scan) {
      return false;
   }
   while ((step = fgd_scan_next (scan, &record, err)) == FGD_STEP_RECORD) {
      if (!index_record (txn, coll, index, &record, detail, err)) {
         break;
      }
   }
   fgd_scan_free (scan);
   return step == FGD_STEP_END;
}

bool
fgd_ddl_create_indexes (fgd_txn *txn, const fgd_coll *coll, const bson_t *const *specs, size_t n_specs, bson_t *detail,
                        fg_error *err)
{
   fgd_coll *next = fgd_coll_copy (coll, coll->db, coll->name, NULL, err);
   bool ok = next && fgd_txn_flush (txn, err);

   for (size_t i = 0; ok && i < n_specs; i++) {
      ok = fgd_coll_add_index (next, ++txn->store->next_id, specs[i], err) &&
           build_index (txn, coll, next->indexes[next->n_indexes - 1], detail, err);
   }
   ok = ok && fgd_catalog_put (txn, next, err);
   if (!ok) {
      fgd_coll_unref (next);
      discard (txn);
      return false;
   }
   return publish (txn, true, fgd_catalog_with (txn->catalog, coll, NULL, next), err);
}

/* next is not published yet, so its list may be changed. */
static bool
remove_indexes (fgd_txn *txn, fgd_coll *next, const bool *which, fg_error *err)
{
   size_t kept = 0;
   bool ok = true;

   for (size_t i = 0; i < next->n_indexes; i++) {
      if (which[i] && i > 0) {
         ok = ok && fgd_delete_prefix (txn, txn->store->entries, next->indexes[i]->id, err);
         fgd_index_free (next->indexes[i]);
      } else {
         next->indexes[kept++] = next->indexes[i];
      }
   }
   next->n_indexes = kept;
   return ok && fgd_catalog_put (txn, next, err);
}

bool
fgd_ddl_drop_indexes (fgd_txn *txn, const fgd_coll *coll, const bool *which, fg_error *err)
{
   fgd_coll *next = fgd_coll_copy (coll, coll->db, coll->name, NULL, err);

   if (!next || !fgd_txn_flush (txn, err)) {
      fgd_coll_unref (next);
      return false;
   }
   bool written = remove_indexes (txn, next, which, err);
   return publish (txn, written, fgd_catalog_with (txn->catalog, coll, NULL, next), err);
}
