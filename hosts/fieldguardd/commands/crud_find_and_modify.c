/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/transaction.h"
#include "hosts/fieldguardd/commands/write_update.h"
#include "hosts/fieldguardd/query/projection.h"

enum {
   A_QUERY,
   A_SORT,
   A_REMOVE,
   A_UPDATE,
   A_NEW,
   A_FIELDS,
   A_UPSERT,
   A_BYPASS,
   A_COLLATION,
   A_ARRAY_FILTERS,
   A_HINT,
   A_LET,
   A_ENCRYPTION,
   A_SAMPLE,
   A_N
};

static const fgd_arg args[] = {[A_QUERY] = {"query", FGD_ARG_OBJECT},
                               [A_SORT] = {"sort", FGD_ARG_OBJECT},
                               [A_REMOVE] = {"remove", FGD_ARG_BOOL},
                               [A_UPDATE] = {"update", FGD_ARG_OBJECT | FGD_ARG_ARRAY},
                               [A_NEW] = {"new", FGD_ARG_BOOL},
                               [A_FIELDS] = {"fields", FGD_ARG_OBJECT},
                               [A_UPSERT] = {"upsert", FGD_ARG_BOOL},
                               [A_BYPASS] = {"bypassDocumentValidation", FGD_ARG_BOOL},
                               [A_COLLATION] = {"collation", FGD_ARG_OBJECT},
                               [A_ARRAY_FILTERS] = {"arrayFilters", FGD_ARG_ARRAY},
                               [A_HINT] = {"hint", FGD_ARG_OBJECT | FGD_ARG_STRING},
                               [A_LET] = {"let", FGD_ARG_OBJECT},
                               [A_ENCRYPTION] = {"encryptionInformation", FGD_ARG_OBJECT},
                               [A_SAMPLE] = {"sampleId", FGD_ARG_ANY},
                               [A_N] = {NULL, 0}};

static bool
check_combination (const fg_value *v, fg_error *err)
{
   bool remove = fgd_value_bool (&v[A_REMOVE]);
   const char *text = NULL;

   if (!remove && !fgd_value_present (&v[A_UPDATE])) {
      text = "Either an update or remove=true must be specified";
   } else if (remove && fgd_value_present (&v[A_UPDATE])) {
      text = "Cannot specify both an update and remove=true";
   } else if (remove && fgd_value_bool (&v[A_UPSERT])) {
      text = "Cannot specify both upsert=true and remove=true";
   } else if (remove && fgd_value_bool (&v[A_NEW])) {
      text = "Cannot specify both new=true and remove=true; 'remove' always returns the deleted document";
   } else if (remove && fgd_value_present (&v[A_ARRAY_FILTERS])) {
      text = "Cannot specify arrayFilters and remove=true";
   } else {
      return true;
   }
   return fg_error_set (err, FG_ERROR_SERVER, 9, NULL, "%s", text);
}

static void
append_last_error (bson_t *body, const fgd_outcome *outcome, bool remove)
{
   bson_t last;
   bson_t id;
   bson_iter_t iter;

   bson_append_document_begin (body, "lastErrorObject", -1, &last);
   bson_append_int32 (&last, "n", -1, (int32_t)(outcome->matched + (outcome->upserted ? 1 : 0)));
   if (!remove) {
      bson_append_bool (&last, "updatedExisting", -1, outcome->matched > 0);
   }
   if (outcome->upserted && bson_init_static (&id, outcome->upserted_id.data, outcome->upserted_id.len) &&
       bson_iter_init_find (&iter, &id, "_id")) {
      bson_append_iter (&last, "upserted", -1, &iter);
   }
   bson_append_document_end (body, &last);
}

static void
append_document (bson_t *body, const fg_buf *doc)
{
   bson_t view;

   if (doc->len && bson_init_static (&view, doc->data, doc->len)) {
      bson_append_document (body, "value", -1, &view);
   } else {
      bson_append_null (body, "value", -1);
   }
}

static void
answer (fgd_reply *reply, const fgd_outcome *outcome, const fgd_projection *projection, bool remove)
{
   fg_buf projected = {0};
   bool project = projection && outcome->image.len;

   if (!project || fgd_projection_apply (projection, outcome->image.data, outcome->image.len, outcome->positional,
                                         fgd_wall_ms (), &projected, &reply->error)) {
      append_last_error (&reply->body, outcome, remove);
      append_document (&reply->body, project ? &projected : &outcome->image);
   }
   fg_buf_free (&projected);
}

static void
fail (fgd_reply *reply, const fgd_failure *failure)
{
   reply->error = failure->error;
   bson_concat (&reply->body, &failure->extra);
}

/* A retry gets the first answer, image and all. When the write is done and its image cannot be projected, there is none to give again. */
static void
note_answer (fgd_request *request, fgd_reply *reply)
{
   fgd_statement_result result = {.n = 1, .extra = bson_get_data (&reply->body), .extra_len = reply->body.len};
   fg_error err;

   if (reply->error.domain != FG_ERROR_NONE) {
      result.extra = NULL;
      result.extra_len = 0;
   }
   if (!fgd_statement_note (request, 0, &result, &err)) {
      reply->error = err;
   }
}

static bool
answer_again (fgd_request *request, fgd_reply *reply)
{
   fgd_statement_result result;
   bson_t before;

   if (!fgd_statement_find (request, 0, &result)) {
      return false;
   }
   if (result.extra_len == 0) {
      fgd_reply_fail (reply, 1, "this write has been done, but its first answer was an error");
   } else if (!bson_init_static (&before, result.extra, result.extra_len) || !bson_concat (&reply->body, &before)) {
      fgd_reply_fail (reply, 1, "the first answer to this write cannot be read");
   }
   return true;
}

static void
run (fgd_write *write, const fg_value *v, const fgd_projection *projection, fgd_reply *reply)
{
   fgd_outcome outcome = {0};
   fgd_failure failure;
   bool remove = fgd_value_bool (&v[A_REMOVE]);
   bool new_image = fgd_value_bool (&v[A_NEW]);
   fgd_statement statement = {.filter = v[A_QUERY],
                              .update = v[A_UPDATE],
                              .array_filters = v[A_ARRAY_FILTERS],
                              .collation = v[A_COLLATION],
                              .hint = v[A_HINT],
                              .sort = v[A_SORT],
                              .upsert = fgd_value_bool (&v[A_UPSERT]),
                              .want_pre = !new_image,
                              .want_post = new_image};

   fgd_failure_init (&failure);
   bool ok = remove ? fgd_write_delete (write, &statement, &outcome, &failure)
                    : fgd_write_update (write, &statement, &outcome, &failure);
   if (ok) {
      answer (reply, &outcome, projection, remove);
      note_answer (write->request, reply);
   } else {
      fail (reply, &failure);
   }
   fgd_failure_destroy (&failure);
   fgd_outcome_free (&outcome);
}

void
fgd_run_find_and_modify (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   const char *name = NULL;
   fgd_write write;

   if (!fgd_arg_collection (request, &name, &reply->error) ||
       !fgd_args_read (&request->body, "findAndModify", true, args, v, &reply->error) ||
       !fgd_refuse_encryption_information (&v[A_ENCRYPTION], FGD_NO_ENCRYPTED_FIND_AND_MODIFY, &reply->error) ||
       !check_combination (v, &reply->error) || !fgd_write_open (&write, request, request->db, name, &reply->error)) {
      return;
   }
   if (answer_again (request, reply)) {
      return;
   }
   write.flags = fgd_write_flags (&v[A_BYPASS]);
   fgd_value_document (&v[A_LET], &write.let);
   bson_t fields;
   fgd_value_document (&v[A_FIELDS], &fields);
   fgd_projection *projection = NULL;
   if (!bson_empty (&fields)) {
      projection =
         fgd_projection_compile (bson_get_data (&fields), fields.len, v[A_LET].data, v[A_LET].len, &reply->error);
      if (!projection) {
         return;
      }
   }
   run (&write, v, projection, reply);
   fgd_projection_free (projection);
}
