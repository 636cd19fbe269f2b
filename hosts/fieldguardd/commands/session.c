/* SPDX-License-Identifier: Apache-2.0 */
/* Logical sessions. What they hold (a transaction, the answers of retryable writes) is the store's (store/transaction.h, store/retry.h). */
#include "hosts/fieldguardd/server.h"

#include "hosts/fieldguardd/commands/replica_set.h"
#include "hosts/fieldguardd/store/retry.h"

#include <errno.h>
#include <sys/random.h>

#define CODE_TYPE_MISMATCH 14

static void
run_start_session (fgd_request *request, fgd_reply *reply)
{
   bson_t child;
   uint8_t id[16];

   (void)request;
   if (getrandom (id, sizeof id, 0) != (ssize_t)sizeof id) {
      fg_error_set_errno (&reply->error, errno, NULL, "no random bytes for a session id");
      return;
   }
   id[6] = (uint8_t)((id[6] & 0x0F) | 0x40);
   id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
   bson_append_document_begin (&reply->body, "id", -1, &child);
   bson_append_binary (&child, "id", -1, BSON_SUBTYPE_UUID, id, sizeof id);
   bson_append_document_end (&reply->body, &child);
   bson_append_int32 (&reply->body, "timeoutMinutes", -1, 30);
}

/* {id: UUID, ...}; NULL for anything else. */
static const uint8_t *
read_lsid (const bson_iter_t *item)
{
   bson_iter_t id;
   bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
   uint32_t len = 0;
   const uint8_t *data = NULL;

   if (!bson_iter_recurse (item, &id) || !bson_iter_find (&id, "id") || !BSON_ITER_HOLDS_BINARY (&id)) {
      return NULL;
   }
   bson_iter_binary (&id, &subtype, &len, &data);
   return len == FGD_LSID ? data : NULL;
}

/* {endSessions: [{id: UUID}, ...]} and its relatives */
static void
run_with_list (fgd_request *request, fgd_reply *reply)
{
   bson_iter_t iter, item;
   bool ends = strcmp (request->name, "endSessions") == 0;
   bool kills = strcmp (request->name, "killSessions") == 0;
   size_t n = 0;

   if (!bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter) || !BSON_ITER_HOLDS_ARRAY (&iter) ||
       !bson_iter_recurse (&iter, &item)) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_TYPE_MISMATCH, NULL,
                    "BSON field '%s' is the wrong type, expected type 'array'", request->name);
      return;
   }
   for (; bson_iter_next (&item); n++) {
      const uint8_t *lsid = BSON_ITER_HOLDS_DOCUMENT (&item) ? read_lsid (&item) : NULL;
      if (!BSON_ITER_HOLDS_DOCUMENT (&item)) {
         fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_TYPE_MISMATCH, NULL, "BSON field '%s' must hold objects",
                       request->name);
         return;
      }
      if (lsid && (ends || kills) && !fgd_session_end (request->txn, lsid, ends, &reply->error)) {
         return;
      }
   }
   /* An empty list of killSessions means all of them. */
   if (kills && n == 0 && !fgd_session_end (request->txn, NULL, false, &reply->error)) {
      return;
   }
}

static void
run_kill_all (fgd_request *request, fgd_reply *reply)
{
   if (!fgd_session_end (request->txn, NULL, false, &reply->error)) {
      return;
   }
}

/* The lists run on the writer thread, which owns the sessions. */
const fgd_command fgd_commands_session[] = {
   {"startSession", FGD_RUN_INLINE, run_start_session},
   {"endSessions", FGD_RUN_WRITE, run_with_list},
   {"refreshSessions", FGD_RUN_WRITE, run_with_list},
   {"killSessions", FGD_RUN_WRITE, run_with_list},
   {"killAllSessions", FGD_RUN_WRITE | FGD_ADMIN_ONLY, run_kill_all},
   {"replSetGetStatus", FGD_RUN_INLINE | FGD_ADMIN_ONLY, fgd_run_repl_set_get_status},
   {"replSetGetConfig", FGD_RUN_INLINE | FGD_ADMIN_ONLY, fgd_run_repl_set_get_config},
   {"replSetInitiate", FGD_RUN_INLINE | FGD_ADMIN_ONLY, fgd_run_repl_set_initiate},
   {NULL, 0, NULL},
};
