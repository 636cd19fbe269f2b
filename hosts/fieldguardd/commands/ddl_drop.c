/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/store/key.h"

#include <stdio.h>

/* --- drop ----------------------------------------------------------------------------------------------------------- */

static const fgd_arg drop_args[] = {{"collectionUUID", FGD_ARG_REFUSED}, {NULL, 0}};

void
fgd_run_drop (fgd_request *request, fgd_reply *reply)
{
   fg_value v[1];
   const char *name = NULL;

   if (!fgd_arg_collection (request, &name, &reply->error) ||
       !fgd_args_read (&request->body, "drop", true, drop_args, v, &reply->error)) {
      return;
   }
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
   if (!coll) {
      return; /* as mongod from 7.0 on: dropping what is not there succeeds */
   }
   char ns[256];
   int32_t n = (int32_t)coll->n_indexes;
   snprintf (ns, sizeof ns, "%s", coll->ns);
   if (fgd_ddl_drop (request->txn, request->client, coll, &reply->error)) {
      bson_append_int32 (&reply->body, "nIndexesWas", -1, n);
      bson_append_utf8 (&reply->body, "ns", -1, ns, -1);
   }
}

/* --- dropDatabase --------------------------------------------------------------------------------------------------- */

static const fgd_arg drop_database_args[] = {{NULL, 0}};

static bool
first_only (void *ctx, const fgd_coll *coll)
{
   const fgd_coll **first = ctx;

   *first = coll;
   return false;
}

void
fgd_run_drop_database (fgd_request *request, fgd_reply *reply)
{
   bool any = false;

   if (!fgd_args_read (&request->body, "dropDatabase", true, drop_database_args, NULL, &reply->error)) {
      return;
   }
   if (strcmp (request->db, "admin") == 0 || strcmp (request->db, "config") == 0) {
      fgd_reply_fail (reply, 20, "Dropping the '%s' database is prohibited.", request->db);
      return;
   }
   for (;;) {
      const fgd_coll *coll = NULL;
      fgd_txn_visit_collections (request->txn, request->db, first_only, &coll);
      if (!coll) {
         break;
      }
      any = true;
      if (!fgd_ddl_drop (request->txn, request->client, coll, &reply->error)) {
         return;
      }
   }
   if (any) {
      bson_append_utf8 (&reply->body, "dropped", -1, request->db, -1);
   }
}

/* --- renameCollection ------------------------------------------------------------------------------------------------- */

enum { R_TO, R_DROP_TARGET, R_STAY_TEMP, R_UUID, R_N };

static const fgd_arg rename_args[] = {[R_TO] = {"to", FGD_ARG_STRING | FGD_ARG_REQUIRED},
                                      [R_DROP_TARGET] = {"dropTarget", FGD_ARG_BOOL},
                                      [R_STAY_TEMP] = {"stayTemp", FGD_ARG_BOOL},
                                      [R_UUID] = {"collectionUUID", FGD_ARG_REFUSED},
                                      [R_N] = {NULL, 0}};

static void
rename_to (fgd_request *request, fgd_reply *reply, const char *from, const char *to, bool drop_target)
{
   char from_db[64];
   char to_db[64];
   const char *from_name = NULL;
   const char *to_name = NULL;

   if (!fgd_namespace_split (from, from_db, sizeof from_db, &from_name, &reply->error) ||
       !fgd_namespace_split (to, to_db, sizeof to_db, &to_name, &reply->error)) {
      return;
   }
   const fgd_coll *coll = fgd_txn_collection (request->txn, from_db, from_name);
   const fgd_coll *target = fgd_txn_collection (request->txn, to_db, to_name);
   if (strcmp (from, to) == 0) {
      fgd_reply_fail (reply, 20, "Can't rename a collection to itself");
   } else if (strncmp (from_name, "system.", 7) == 0 || strncmp (to_name, "system.", 7) == 0) {
      fgd_reply_fail (reply, 20, "renaming system collections is not allowed");
   } else if (!coll) {
      fgd_reply_fail (reply, 26, "Source collection %s does not exist", from);
   } else if (target && !drop_target) {
      fgd_reply_fail (reply, 48, "target namespace exists");
   } else if (strcmp (from_db, to_db) != 0) {
      /* Across databases the documents are copied, each past the target's rules. */
      fgd_reply_fail (reply, 238, "renaming across databases is not supported by this server");
   } else {
      (void)!fgd_ddl_rename (request->txn, request->client, coll, to_db, to_name, target, &reply->error);
   }
}

void
fgd_run_rename_collection (fgd_request *request, fgd_reply *reply)
{
   fg_value v[R_N];
   bson_iter_t iter;

   if (!fgd_args_read (&request->body, "renameCollection", true, rename_args, v, &reply->error)) {
      return;
   }
   if (!bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter)) {
      return;
   }
   fg_value first = fgd_iter_value (&iter);
   const char *from = fgd_value_string (&first);
   const char *to = fgd_value_string (&v[R_TO]);
   if (!from || !to) {
      fgd_reply_fail (reply, 14, "renameCollection and 'to' must be namespaces without null characters");
      return;
   }
   rename_to (request, reply, from, to, fgd_value_bool (&v[R_DROP_TARGET]));
}
