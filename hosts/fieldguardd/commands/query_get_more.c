/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/commands/write_reply.h"
#include "hosts/fieldguardd/store/key.h"

#include <stdio.h>

/* --- getMore -------------------------------------------------------------------------------------------------------- */

enum { A_COLLECTION, A_BATCH_SIZE, A_TERM, A_LAST, A_N };

static const fgd_arg args[] = {[A_COLLECTION] = {"collection", FGD_ARG_STRING | FGD_ARG_REQUIRED},
                               [A_BATCH_SIZE] = {"batchSize", FGD_ARG_NUMBER},
                               [A_TERM] = {"term", FGD_ARG_NUMBER},
                               [A_LAST] = {"lastKnownCommittedOpTime", FGD_ARG_ANY},
                               [A_N] = {NULL, 0}};

static bool
cursor_id (const fgd_request *request, int64_t *id, fg_error *err)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter)) {
      return fg_error_set (err, FG_ERROR_SERVER, 22, NULL, "malformed command");
   }
   fg_value value = fgd_iter_value (&iter);
   *id = fgd_value_int64 (&value);
   return value.type == 0x12 || fg_error_set (err, FG_ERROR_SERVER, 14, NULL,
                                              "BSON field 'getMore.getMore' is the wrong type '%s', expected type "
                                              "'long'",
                                              fgd_arg_type_name (value.type));
}

/* A cursor belongs to the session and the transaction in which it was opened. */
static bool
check_session (const fgd_cursor *cursor, const fgd_logical *logical, fg_error *err)
{
   int64_t number = logical->in_transaction ? logical->number : -1;
   int32_t code = 0;

   if (cursor->in_session != logical->has_lsid) {
      code = logical->has_lsid ? 50736 : 50737;
   } else if (memcmp (cursor->lsid, logical->lsid, sizeof cursor->lsid) != 0) {
      code = 50738;
   } else if (cursor->txn_number != number) {
      code = cursor->txn_number < 0 ? 50739 : number < 0 ? 50740 : 50741;
   }
   return !code || fg_error_set (err, FG_ERROR_SERVER, code, NULL,
                                 "Cannot run getMore on a cursor that was created in another session or transaction");
}

static void
more (fgd_request *request, fgd_reply *reply, int64_t id, const char *ns, int64_t batch_size)
{
   fgd_cursors *cursors = fgd_store_cursors (fgd_txn_store (request->txn));
   fgd_cursor *cursor = fgd_cursors_pin (cursors, id, &reply->error);

   if (!cursor) {
      return;
   }
   bool finished = false;
   if (strcmp (cursor->ns, ns) != 0) {
      fgd_reply_fail (reply, 13, "Requested getMore on namespace '%s', but cursor belongs to a different namespace %s",
                      ns, cursor->ns);
   } else if (check_session (cursor, &request->logical, &reply->error)) {
      finished = fgd_query_more ((fgd_query *)cursor, request, reply, batch_size);
   }
   fgd_cursors_unpin (cursors, cursor, finished);
}

void
fgd_run_get_more (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   int64_t id = 0;
   int64_t batch_size = 0;
   char ns[256];

   if (!cursor_id (request, &id, &reply->error) ||
       !fgd_args_read (&request->body, "getMore", true, args, v, &reply->error) ||
       !fgd_arg_count (&v[A_BATCH_SIZE], "getMore", "batchSize", &batch_size, &reply->error)) {
      return;
   }
   if (request->deadline_us != INT64_MAX) {
      fgd_reply_fail (reply, 2, "cannot set maxTimeMS on getMore command for a non-awaitData cursor");
      return;
   }
   const char *name = fgd_value_string (&v[A_COLLECTION]);
   if (!name || !*name) {
      fgd_reply_fail (reply, 73, "Collection names cannot be empty");
      return;
   }
   snprintf (ns, sizeof ns, "%s.%s", request->db, name);
   more (request, reply, id, ns, batch_size > 0 ? batch_size : -1);
}

/* --- killCursors ---------------------------------------------------------------------------------------------------- */

static const fgd_arg kill_args[] = {{"cursors", FGD_ARG_ARRAY | FGD_ARG_REQUIRED}, {NULL, 0}};

static void
kill_each (fgd_request *request, fgd_reply *reply, const char *ns, const bson_t *ids)
{
   fgd_cursors *cursors = fgd_store_cursors (fgd_txn_store (request->txn));
   bson_t lists[2] = {BSON_INITIALIZER, BSON_INITIALIZER}; /* not found, killed */
   size_t counts[2] = {0, 0};
   bson_t none = BSON_INITIALIZER;
   bson_iter_t iter;

   bool ok = bson_iter_init (&iter, ids);
   while (ok && bson_iter_next (&iter)) {
      char key[24];
      fg_value value = fgd_iter_value (&iter);
      if (value.type != 0x12) {
         fgd_reply_fail (reply, 14, "BSON field 'killCursors.cursors' is the wrong type '%s', expected type 'long'",
                         fgd_arg_type_name (value.type));
         ok = false;
         break;
      }
      int64_t id = fgd_value_int64 (&value);
      fgd_kill kill = fgd_cursors_kill (cursors, id, ns);
      bson_append_int64 (&lists[kill], fgd_array_key (key, counts[kill]++), -1, id);
   }
   if (ok) {
      bson_append_array (&reply->body, "cursorsKilled", -1, &lists[FGD_KILL_DONE]);
      bson_append_array (&reply->body, "cursorsNotFound", -1, &lists[FGD_KILL_NOT_FOUND]);
      bson_append_array (&reply->body, "cursorsAlive", -1, &none);
      bson_append_array (&reply->body, "cursorsUnknown", -1, &none);
   }
   bson_destroy (&lists[0]);
   bson_destroy (&lists[1]);
   bson_destroy (&none);
}

void
fgd_run_kill_cursors (fgd_request *request, fgd_reply *reply)
{
   fg_value v[2];
   char ns[256];
   bson_iter_t iter;

   if (!fgd_args_read (&request->body, "killCursors", true, kill_args, v, &reply->error)) {
      return;
   }
   if (!bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter) || !BSON_ITER_HOLDS_UTF8 (&iter)) {
      fgd_reply_fail (reply, 73, "collection name has an invalid type");
      return;
   }
   snprintf (ns, sizeof ns, "%s.%s", request->db, bson_iter_utf8 (&iter, NULL));
   bson_t ids;
   fgd_value_document (&v[0], &ids);
   kill_each (request, reply, ns, &ids);
}
