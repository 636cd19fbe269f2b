/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
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
