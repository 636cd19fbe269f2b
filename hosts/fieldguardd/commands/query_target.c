/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/query_target.h"

/* --- may it be written to ----------------------------------------------------------------------------------------------- */

const char *
fgd_target_db (const fgd_request *request, const fgd_target *target)
{
   return target->db ? target->db : request->db;
}

static const char *
stage_name (const fgd_target *target)
{
   return target->kind == FGD_TARGET_OUT ? "$out" : "$merge";
}

static bool
check_name (const char *stage, const char *db, const fgd_target *target, fg_error *err)
{
   bool out = target->kind == FGD_TARGET_OUT;
   fg_error ignored;

   if (!fgd_namespace_check (db, target->collection, &ignored)) {
      return fg_error_set (err, FG_ERROR_SERVER, 73, NULL,
                           out ? "Invalid %s target namespace, %s.%s" : "Invalid %s target namespace: '%s.%s'", stage,
                           db, target->collection);
   }
   if (strncmp (target->collection, "system.", 7) == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, out ? 17385 : 31319, NULL, "%s %s to special collection: %s",
                           out ? "Can't" : "Cannot", stage, target->collection);
   }
   if (strcmp (db, "admin") == 0 || strcmp (db, "config") == 0 || strcmp (db, "local") == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, out ? 31321 : 31320, NULL, "%s %s to internal database: %s",
                           out ? "Can't" : "Cannot", stage, db);
   }
   return true;
}

/* The index's fields are the target's, in whatever order. */
static bool
covers (const fgd_index *index, const fgd_target *target)
{
   if (index->n_fields != target->n_on) {
      return false;
   }
   for (size_t i = 0; i < index->n_fields; i++) {
      size_t k = 0;
      while (k < target->n_on && strcmp (index->fields[i].path, target->on[k]) != 0) {
         k++;
      }
      if (k == target->n_on) {
         return false;
      }
   }
   return true;
}

static bool
check_unique (const fgd_request *request, const char *db, const fgd_target *target, fg_error *err)
{
   const fgd_coll *coll = fgd_txn_collection (request->txn, db, target->collection);
   bool found = !coll && target->n_on == 1 && strcmp (target->on[0], "_id") == 0;

   for (size_t i = 0; coll && !found && i < coll->n_indexes; i++) {
      const fgd_index *index = coll->indexes[i];
      found = index->unique && !index->partial && covers (index, target);
   }
   return found || fg_error_set (err, FG_ERROR_SERVER, 51183, NULL,
                                 "Cannot find index to verify that join fields will be unique");
}

bool
fgd_target_check (const fgd_request *request, const fgd_target *target, fg_error *err)
{
   const char *stage = stage_name (target);
   const char *db = fgd_target_db (request, target);

   if (bson_has_field (&request->body, "autocommit") || fgd_txn_is_write (request->txn)) {
      return fg_error_set (err, FG_ERROR_SERVER, 263, NULL, "%s cannot be used in a transaction", stage);
   }
   return check_name (stage, db, target, err) &&
          (target->kind == FGD_TARGET_OUT || !target->on_given || check_unique (request, db, target, err));
}

/* --- batches ------------------------------------------------------------------------------------------------------------ */

bool
fgd_target_next_batch (fgd_query *query, fgd_target_batch *batch, bool *last, fg_error *err)
{
   fgd_next next = FGD_NEXT_DOCUMENT;
   const uint8_t *doc = NULL;
   size_t len = 0;

   batch->docs.len = 0;
   batch->n = 0;
   while (batch->n < FGD_TARGET_BATCH_DOCS && batch->docs.len < FGD_TARGET_BATCH_BYTES &&
          (next = fgd_run_next (query->run, &doc, &len, err)) == FGD_NEXT_DOCUMENT) {
      fg_buf_append (&batch->docs, doc, len);
      batch->n++;
   }
   *last = next == FGD_NEXT_END;
   if (batch->docs.failed) {
      return fg_error_set (err, FG_ERROR_SERVER, 146, NULL, "out of memory");
   }
   return next != FGD_NEXT_ERROR && !fgd_request_expired (query->request, err);
}

bool
fgd_target_batch_next (const fgd_target_batch *batch, size_t *at, fgd_doc_view *doc)
{
   if (*at >= batch->docs.len) {
      return false;
   }
   doc->data = batch->docs.data + *at;
   doc->len = fg_read_u32le (doc->data);
   *at += doc->len;
   return true;
}
