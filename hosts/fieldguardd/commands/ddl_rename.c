/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/ddl.h"
#include "hosts/fieldguardd/commands/write_doc.h"
#include "hosts/fieldguardd/store/key.h"

/*
 * renameCollection. Within a database and across databases the documents stay where they are and only the catalog changes; modules hear of one RENAME, so the
 * rules of both names have their say. mongod copies across databases, past its modules one document at a time: so here each document is shown to them as a copy
 * under the new name before anything changes. Within a database that is done where a module has rules for the new name: those that stay with the name (a policy
 * file's) would otherwise take in whatever was written under another.
 */

enum { R_TO, R_DROP_TARGET, R_STAY_TEMP, R_UUID, R_N };

static const fgd_arg rename_args[] = {[R_TO] = {"to", FGD_ARG_STRING | FGD_ARG_REQUIRED},
                                      [R_DROP_TARGET] = {"dropTarget", FGD_ARG_BOOL},
                                      [R_STAY_TEMP] = {"stayTemp", FGD_ARG_BOOL},
                                      [R_UUID] = {"collectionUUID", FGD_ARG_REFUSED},
                                      [R_N] = {NULL, 0}};

typedef struct renaming {
   const char *from;
   const char *to;
   char from_db[64];
   char to_db[64];
   const char *from_name;
   const char *to_name;
   const fgd_coll *coll;
   const fgd_coll *target;
   bool drop_target;
} renaming;

/* --- the documents under their new name -------------------------------------------------------------------------------- */

static bool
judge_all (fgd_write *write, const fgd_coll *coll, fgd_failure *failure)
{
   fgd_record record;
   fgd_step step;
   fgd_scan *scan = fgd_scan_new (write->txn, coll, NULL, 0, &failure->error);

   if (!scan) {
      return false;
   }
   while ((step = fgd_scan_next (scan, &record, &failure->error)) == FGD_STEP_RECORD) {
      if (!fgd_copy_relieve (write->copy, &failure->error) ||
          !fgd_write_judge_copy (write, record.data, record.len, failure)) {
         break;
      }
   }
   fgd_scan_free (scan);
   return step == FGD_STEP_END;
}

/* What no module looks at stays unread, unless it goes where other modules' rules may hold. */
static bool
must_judge (const fg_loader *loader, const renaming *r, const fgd_copy *copy)
{
   return fgd_copy_is_watched (copy) || (strcmp (r->from_db, r->to_db) != 0 && fg_loader_module_count (loader) > 0);
}

static bool
rename_judged (fgd_request *request, const renaming *r, fgd_failure *failure)
{
   fgd_write write;
   fgd_store *store = fgd_txn_store (request->txn);

   if (!fgd_check_validator_place (r->to_db, r->to_name, r->coll->options, &failure->error) ||
       !fgd_write_open (&write, request, r->to_db, r->to_name, &failure->error)) {
      return false;
   }
   write.copy = fgd_copy_new (store, request->client, r->to, r->coll->options, &failure->error);
   if (!write.copy) {
      return false;
   }
   bool ok = (!must_judge (fgd_store_loader (store), r, write.copy) || judge_all (&write, r->coll, failure)) &&
             fgd_ddl_rename_copied (request->txn, request->client, r->coll, r->to_db, r->to_name, r->target, write.copy,
                                    &failure->error);
   fgd_copy_end (write.copy, ok);
   return ok;
}

/* --- the command ------------------------------------------------------------------------------------------------------ */

static bool
check (const renaming *r, fg_error *err)
{
   if (strcmp (r->from, r->to) == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 20, NULL, "Can't rename a collection to itself");
   }
   if (strncmp (r->from_name, "system.", 7) == 0 || strncmp (r->to_name, "system.", 7) == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 20, NULL, "renaming system collections is not allowed");
   }
   if (!r->coll) {
      return fg_error_set (err, FG_ERROR_SERVER, 26, NULL, "Source collection %s does not exist", r->from);
   }
   return !r->target || r->drop_target || fg_error_set (err, FG_ERROR_SERVER, 48, NULL, "target namespace exists");
}

static void
rename_to (fgd_request *request, fgd_reply *reply, renaming *r)
{
   fgd_failure failure;

   if (!fgd_namespace_split (r->from, r->from_db, sizeof r->from_db, &r->from_name, &reply->error) ||
       !fgd_namespace_split (r->to, r->to_db, sizeof r->to_db, &r->to_name, &reply->error)) {
      return;
   }
   r->coll = fgd_txn_collection (request->txn, r->from_db, r->from_name);
   r->target = fgd_txn_collection (request->txn, r->to_db, r->to_name);
   fgd_failure_init (&failure);
   bool ok = check (r, &failure.error) && rename_judged (request, r, &failure);
   if (!ok) {
      reply->error = failure.error;
      bson_concat (&reply->body, &failure.extra);
   }
   fgd_failure_destroy (&failure);
}

void
fgd_run_rename_collection (fgd_request *request, fgd_reply *reply)
{
   fg_value v[R_N];
   bson_iter_t iter;

   if (!fgd_args_read (&request->body, "renameCollection", true, rename_args, v, &reply->error) ||
       !bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter)) {
      return;
   }
   fg_value first = fgd_iter_value (&iter);
   renaming r = {.from = fgd_value_string (&first),
                 .to = fgd_value_string (&v[R_TO]),
                 .drop_target = fgd_value_bool (&v[R_DROP_TARGET])};
   if (!r.from || !r.to) {
      fgd_reply_fail (reply, 14, "renameCollection and 'to' must be namespaces without null characters");
      return;
   }
   rename_to (request, reply, &r);
}
