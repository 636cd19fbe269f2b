/* SPDX-License-Identifier: Apache-2.0 */
/* Logical sessions: fieldguardd keeps no state by session (a standalone has no transactions and no retryable writes), so these only check their arguments. */
#include "hosts/fieldguardd/server.h"

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

/* {endSessions: [{id: UUID}, ...]} and its relatives */
static void
run_with_list (fgd_request *request, fgd_reply *reply)
{
   bson_iter_t iter, item;

   if (!bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter) || !BSON_ITER_HOLDS_ARRAY (&iter) ||
       !bson_iter_recurse (&iter, &item)) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_TYPE_MISMATCH, NULL,
                    "BSON field '%s' is the wrong type, expected type 'array'", request->name);
      return;
   }
   while (bson_iter_next (&item)) {
      if (!BSON_ITER_HOLDS_DOCUMENT (&item)) {
         fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_TYPE_MISMATCH, NULL, "BSON field '%s' must hold objects",
                       request->name);
         return;
      }
   }
}

const fgd_command fgd_commands_session[] = {
   {"startSession", FGD_RUN_INLINE, run_start_session},
   {"endSessions", FGD_RUN_INLINE, run_with_list},
   {"refreshSessions", FGD_RUN_INLINE, run_with_list},
   {"killSessions", FGD_RUN_INLINE, run_with_list},
   {NULL, 0, NULL},
};
