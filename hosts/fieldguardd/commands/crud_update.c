/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/transaction.h"
#include "hosts/fieldguardd/commands/write_reply.h"
#include "hosts/fieldguardd/commands/write_update.h"

/* --- one entry of `updates` or `deletes` ------------------------------------------------------------------------------ */

enum { U_Q, U_U, U_MULTI, U_UPSERT, U_ARRAY_FILTERS, U_C, U_COLLATION, U_HINT, U_SORT, U_SAMPLE, U_N };

static const fgd_arg update_entry[] = {[U_Q] = {"q", FGD_ARG_OBJECT | FGD_ARG_REQUIRED},
                                       [U_U] = {"u", FGD_ARG_OBJECT | FGD_ARG_ARRAY | FGD_ARG_REQUIRED},
                                       [U_MULTI] = {"multi", FGD_ARG_BOOL},
                                       [U_UPSERT] = {"upsert", FGD_ARG_BOOL},
                                       [U_ARRAY_FILTERS] = {"arrayFilters", FGD_ARG_ARRAY},
                                       [U_C] = {"c", FGD_ARG_OBJECT},
                                       [U_COLLATION] = {"collation", FGD_ARG_OBJECT},
                                       [U_HINT] = {"hint", FGD_ARG_OBJECT | FGD_ARG_STRING},
                                       [U_SORT] = {"sort", FGD_ARG_OBJECT},
                                       [U_SAMPLE] = {"sampleId", FGD_ARG_ANY},
                                       [U_N] = {NULL, 0}};

static bool
read_update (const fgd_doc_view *view, fgd_statement *out, fg_error *err)
{
   fg_value v[U_N];
   bson_t doc;

   if (!bson_init_static (&doc, view->data, view->len) ||
       !fgd_args_read (&doc, "update.updates", false, update_entry, v, err)) {
      return false;
   }
   *out = (fgd_statement){.filter = v[U_Q],
                          .update = v[U_U],
                          .array_filters = v[U_ARRAY_FILTERS],
                          .constants = v[U_C],
                          .collation = v[U_COLLATION],
                          .hint = v[U_HINT],
                          .sort = v[U_SORT],
                          .multi = fgd_value_bool (&v[U_MULTI]),
                          .upsert = fgd_value_bool (&v[U_UPSERT])};
   if (out->multi && fgd_value_present (&out->sort)) {
      return fg_error_set (err, FG_ERROR_SERVER, 9, NULL, "Cannot specify sort with multi=true");
   }
   return true;
}

enum { D_Q, D_LIMIT, D_COLLATION, D_HINT, D_SAMPLE, D_N };

static const fgd_arg delete_entry[] = {
   [D_Q] = {"q", FGD_ARG_OBJECT | FGD_ARG_REQUIRED}, [D_LIMIT] = {"limit", FGD_ARG_NUMBER | FGD_ARG_REQUIRED},
   [D_COLLATION] = {"collation", FGD_ARG_OBJECT},    [D_HINT] = {"hint", FGD_ARG_OBJECT | FGD_ARG_STRING},
   [D_SAMPLE] = {"sampleId", FGD_ARG_ANY},           [D_N] = {NULL, 0}};

static bool
read_delete (const fgd_doc_view *view, fgd_statement *out, fg_error *err)
{
   fg_value v[D_N];
   bson_t doc;

   if (!bson_init_static (&doc, view->data, view->len) ||
       !fgd_args_read (&doc, "delete.deletes", false, delete_entry, v, err)) {
      return false;
   }
   double limit = fgd_value_double (&v[D_LIMIT]);
   if (limit != 0 && limit != 1) {
      return fg_error_set (err, FG_ERROR_SERVER, 9, NULL, "The limit field in delete objects must be 0 or 1. Got %lld",
                           (long long)fgd_value_int64 (&v[D_LIMIT]));
   }
   *out = (fgd_statement){.filter = v[D_Q], .collation = v[D_COLLATION], .hint = v[D_HINT], .multi = limit == 0};
   return true;
}

/* --- the commands ------------------------------------------------------------------------------------------------------ */

enum { A_LIST, A_ORDERED, A_BYPASS, A_LET, A_ENCRYPTION, A_N };

static const fgd_arg update_args[] = {[A_LIST] = {"updates", FGD_ARG_ARRAY},
                                      [A_ORDERED] = {"ordered", FGD_ARG_BOOL},
                                      [A_BYPASS] = {"bypassDocumentValidation", FGD_ARG_BOOL},
                                      [A_LET] = {"let", FGD_ARG_OBJECT},
                                      [A_ENCRYPTION] = {"encryptionInformation", FGD_ARG_OBJECT},
                                      [A_N] = {NULL, 0}};

static const fgd_arg delete_args[] = {[A_LIST] = {"deletes", FGD_ARG_ARRAY},
                                      [A_ORDERED] = {"ordered", FGD_ARG_BOOL},
                                      [A_BYPASS] = {"bypassDocumentValidation", FGD_ARG_BOOL},
                                      [A_LET] = {"let", FGD_ARG_OBJECT},
                                      [A_ENCRYPTION] = {"encryptionInformation", FGD_ARG_OBJECT},
                                      [A_N] = {NULL, 0}};

typedef struct batch {
   fgd_write write;
   bool deletes;
   bool ordered;
   fgd_write_errors errors;
   fg_error end; /* what ends the command before its last entry */
   int64_t n;
   int64_t modified;
   bson_t upserted;
   size_t n_upserted;
} batch;

static void
note_upsert (batch *b, size_t index, const fgd_outcome *outcome)
{
   char key[24];
   bson_t one;
   bson_t id;
   bson_iter_t iter;

   bson_append_document_begin (&b->upserted, fgd_array_key (key, b->n_upserted++), -1, &one);
   bson_append_int32 (&one, "index", -1, (int32_t)index);
   if (bson_init_static (&id, outcome->upserted_id.data, outcome->upserted_id.len) &&
       bson_iter_init_find (&iter, &id, "_id")) {
      bson_append_iter (&one, "_id", -1, &iter);
   }
   bson_append_document_end (&b->upserted, &one);
}

/* Once, however often the client asks. */
static bool
run_statement (batch *b, size_t index, const fgd_statement *statement, fgd_outcome *outcome, fgd_failure *failure)
{
   fgd_request *request = b->write.request;
   fgd_statement_result result;

   if (fgd_statement_find (request, index, &result)) {
      return fgd_outcome_recall (outcome, &result, failure);
   }
   if (!fgd_statement_check_multi (request, statement->multi, b->deletes ? "limit=0" : "multi=true", &failure->error) ||
       !(b->deletes ? fgd_write_delete (&b->write, statement, outcome, failure)
                    : fgd_write_update (&b->write, statement, outcome, failure))) {
      return false;
   }
   result = fgd_outcome_result (outcome);
   return fgd_statement_note (request, index, &result, &failure->error);
}

static bool
run_one (batch *b, size_t index, const fgd_statement *statement)
{
   fgd_outcome outcome = {0};
   fgd_failure failure;

   fgd_failure_init (&failure);
   bool ok = run_statement (b, index, statement, &outcome, &failure);
   b->n += outcome.matched + (outcome.upserted ? 1 : 0);
   b->modified += outcome.modified;
   if (outcome.upserted) {
      note_upsert (b, index, &outcome);
   }
   if (!ok && fgd_failure_ends_command (&failure)) {
      b->end = failure.error;
   } else if (!ok) {
      fgd_write_errors_add (&b->errors, index, &failure);
   }
   fgd_failure_destroy (&failure);
   fgd_outcome_free (&outcome);
   return ok;
}

/* All entries are read before the first is run: a malformed one fails the whole command, as in mongod. */
static bool
check_entries (const batch *b, const fgd_doc_list *list, fg_error *err)
{
   fgd_statement statement;

   for (size_t i = 0; i < list->n; i++) {
      if (!(b->deletes ? read_delete (&list->docs[i], &statement, err)
                       : read_update (&list->docs[i], &statement, err))) {
         return false;
      }
   }
   return true;
}

static void
run_entries (batch *b, const fgd_doc_list *list, fgd_reply *reply)
{
   fgd_statement statement;

   if (!check_entries (b, list, &reply->error)) {
      return;
   }
   for (size_t i = 0; i < list->n && b->end.domain == FG_ERROR_NONE; i++) {
      if ((i > 0 && !fgd_write_pause (&b->write, &reply->error)) ||
          !(b->deletes ? read_delete (&list->docs[i], &statement, &reply->error)
                       : read_update (&list->docs[i], &statement, &reply->error))) {
         return;
      }
      if (!run_one (b, i, &statement) && (b->ordered || fgd_txn_in_transaction (b->write.txn))) {
         break;
      }
      if (i % 128 == 127 && fgd_request_expired (b->write.request, &reply->error)) {
         break;
      }
   }
}

static void
append_number (bson_t *body, const char *name, int64_t n)
{
   if (n <= INT32_MAX) {
      bson_append_int32 (body, name, -1, (int32_t)n);
   } else {
      bson_append_int64 (body, name, -1, n);
   }
}

static void
run_batch (fgd_request *request, fgd_reply *reply, const char *name, const fg_value *v, bool deletes)
{
   batch b = {.deletes = deletes, .ordered = !v[A_ORDERED].type || fgd_value_bool (&v[A_ORDERED])};
   fgd_doc_list list = {NULL, 0};

   fgd_write_errors_init (&b.errors);
   bson_init (&b.upserted);
   if (fgd_doc_list_read (request, deletes ? "deletes" : "updates", &v[A_LIST], &list, &reply->error) &&
       fgd_check_batch_size (list.n, &reply->error) &&
       fgd_write_open (&b.write, request, request->db, name, &reply->error)) {
      b.write.flags = fgd_write_flags (&v[A_BYPASS]);
      fgd_value_document (&v[A_LET], &b.write.let);
      run_entries (&b, &list, reply);
      if (b.end.domain != FG_ERROR_NONE) {
         reply->error = b.end;
      }
      append_number (&reply->body, "n", b.n);
      if (!deletes) {
         append_number (&reply->body, "nModified", b.modified);
      }
      if (b.n_upserted) {
         bson_append_array (&reply->body, "upserted", -1, &b.upserted);
      }
   }
   fgd_write_errors_finish (&b.errors, &reply->body);
   bson_destroy (&b.upserted);
   fgd_doc_list_free (&list);
}

void
fgd_run_update (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   const char *name = NULL;

   if (fgd_arg_collection (request, &name, &reply->error) &&
       fgd_args_read (&request->body, "update", true, update_args, v, &reply->error) &&
       fgd_refuse_encryption_information (&v[A_ENCRYPTION], FGD_NO_ENCRYPTED_UPDATE, &reply->error)) {
      run_batch (request, reply, name, v, false);
   }
}

void
fgd_run_delete (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   const char *name = NULL;

   if (fgd_arg_collection (request, &name, &reply->error) &&
       fgd_args_read (&request->body, "delete", true, delete_args, v, &reply->error) &&
       fgd_refuse_encryption_information (&v[A_ENCRYPTION], FGD_NO_ENCRYPTED_DELETE, &reply->error)) {
      run_batch (request, reply, name, v, true);
   }
}
