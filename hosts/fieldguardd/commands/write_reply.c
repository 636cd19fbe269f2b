/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/write_reply.h"

#include <stdio.h>

#define ERRORS_MAX (8u * 1024 * 1024)

const char *
fgd_array_key (char buf[24], size_t i)
{
   snprintf (buf, 24, "%zu", i);
   return buf;
}

void
fgd_write_errors_init (fgd_write_errors *errors)
{
   bson_init (&errors->list);
   errors->n = 0;
}

void
fgd_failure_append (const fgd_failure *failure, bson_t *out, bool brief)
{
   bson_iter_t iter;

   bson_append_int32 (out, "code", -1, failure->error.domain == FG_ERROR_SERVER ? failure->error.code : 1);
   if (!brief && bson_iter_init (&iter, &failure->extra)) {
      while (bson_iter_next (&iter)) {
         bson_append_iter (out, bson_iter_key (&iter), -1, &iter);
      }
   }
   bson_append_utf8 (out, "errmsg", -1, brief ? "" : failure->error.message, -1);
}

void
fgd_write_errors_add (fgd_write_errors *errors, size_t index, const fgd_failure *failure)
{
   char key[24];
   bson_t one;
   bool brief = errors->list.len + failure->extra.len > ERRORS_MAX;

   bson_append_document_begin (&errors->list, fgd_array_key (key, errors->n), -1, &one);
   bson_append_int32 (&one, "index", -1, (int32_t)index);
   fgd_failure_append (failure, &one, brief);
   bson_append_document_end (&errors->list, &one);
   errors->n++;
}

void
fgd_write_errors_finish (fgd_write_errors *errors, bson_t *reply)
{
   if (errors->n) {
      bson_append_array (reply, "writeErrors", -1, &errors->list);
   }
   bson_destroy (&errors->list);
}
