/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/net/internal.h"

#define CODE_INTERNAL_ERROR 1
#define CODE_INVALID_BSON 22
#define CODE_MAX_TIME_EXPIRED 50
#define CODE_EXCEEDED_MEMORY 146
#define CODE_TOO_LARGE 10334
#define CODE_OUT_OF_DISK 14031

/* The server code for an error that a room below reported in a domain of its own. */
static int32_t
server_code (const fg_error *error)
{
   if (error->domain == FG_ERROR_SERVER) {
      return error->code;
   }
   switch (error->code) {
   case FG_E_NOMEM:
      return CODE_EXCEEDED_MEMORY;
   case FG_E_NO_SPACE:
      return CODE_OUT_OF_DISK;
   case FG_E_INTERRUPTED:
      return CODE_MAX_TIME_EXPIRED;
   default:
      return error->domain == FG_ERROR_BSON ? CODE_INVALID_BSON : CODE_INTERNAL_ERROR;
   }
}

static bool
append_error (bson_t *out, const fg_error *error)
{
   char name[32];
   int32_t code = server_code (error);
   const char *code_name = fg_server_code_name (code, name, sizeof name);

   return bson_append_double (out, "ok", -1, 0.0) && bson_append_utf8 (out, "errmsg", -1, error->message, -1) &&
          bson_append_int32 (out, "code", -1, code) && bson_append_utf8 (out, "codeName", -1, code_name, -1);
}

/* ok and the error first, then what the command had to add (errInfo, keyPattern). */
static bool
complete_error (fgd_reply *reply)
{
   bson_t whole = BSON_INITIALIZER;

   if (!append_error (&whole, &reply->error) || !bson_concat (&whole, &reply->body)) {
      bson_destroy (&whole);
      return false;
   }
   bson_destroy (&reply->body);
   bson_steal (&reply->body, &whole);
   return true;
}

void
fgd_reply_complete (fgd_reply *reply)
{
   bool ok =
      reply->error.domain == FG_ERROR_NONE ? bson_append_double (&reply->body, "ok", -1, 1.0) : complete_error (reply);

   if (ok && reply->body.len <= FGD_MAX_BSON_INTERNAL_SIZE) {
      return;
   }
   bson_destroy (&reply->body);
   bson_init (&reply->body);
   fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_TOO_LARGE, NULL, "the reply would be larger than 16 MiB");
   (void)append_error (&reply->body, &reply->error); /* a few hundred bytes in an empty document */
}
