/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/commands/transaction.h"
#include "hosts/fieldguardd/commands/write_reply.h"
#include "hosts/fieldguardd/commands/write_update.h"

#include <stdlib.h>

/*
 * bulkWrite, as of 8.0: inserts, updates and deletes over several collections in one command. The reply is a cursor with one document an operation.
 */

enum { A_OPS, A_NS_INFO, A_ORDERED, A_BYPASS, A_LET, A_ERRORS_ONLY, A_CURSOR, A_N };

static const fgd_arg args[] = {
   [A_OPS] = {"ops", FGD_ARG_ARRAY},        [A_NS_INFO] = {"nsInfo", FGD_ARG_ARRAY},
   [A_ORDERED] = {"ordered", FGD_ARG_BOOL}, [A_BYPASS] = {"bypassDocumentValidation", FGD_ARG_BOOL},
   [A_LET] = {"let", FGD_ARG_OBJECT},       [A_ERRORS_ONLY] = {"errorsOnly", FGD_ARG_BOOL},
   [A_CURSOR] = {"cursor", FGD_ARG_OBJECT}, [A_N] = {NULL, 0}};

enum { I_INSERT, I_DOCUMENT, I_N };
static const fgd_arg insert_args[] = {[I_INSERT] = {"insert", FGD_ARG_NUMBER | FGD_ARG_REQUIRED},
                                      [I_DOCUMENT] = {"document", FGD_ARG_OBJECT | FGD_ARG_REQUIRED},
                                      [I_N] = {NULL, 0}};

enum { U_UPDATE, U_FILTER, U_MODS, U_MULTI, U_UPSERT, U_FILTERS, U_HINT, U_COLLATION, U_CONSTANTS, U_SORT, U_N };
static const fgd_arg update_args[] = {[U_UPDATE] = {"update", FGD_ARG_NUMBER | FGD_ARG_REQUIRED},
                                      [U_FILTER] = {"filter", FGD_ARG_OBJECT | FGD_ARG_REQUIRED},
                                      [U_MODS] = {"updateMods", FGD_ARG_OBJECT | FGD_ARG_ARRAY | FGD_ARG_REQUIRED},
                                      [U_MULTI] = {"multi", FGD_ARG_BOOL},
                                      [U_UPSERT] = {"upsert", FGD_ARG_BOOL},
                                      [U_FILTERS] = {"arrayFilters", FGD_ARG_ARRAY},
                                      [U_HINT] = {"hint", FGD_ARG_OBJECT | FGD_ARG_STRING},
                                      [U_COLLATION] = {"collation", FGD_ARG_OBJECT},
                                      [U_CONSTANTS] = {"constants", FGD_ARG_OBJECT},
                                      [U_SORT] = {"sort", FGD_ARG_OBJECT},
                                      [U_N] = {NULL, 0}};

enum { D_DELETE, D_FILTER, D_MULTI, D_HINT, D_COLLATION, D_N };
static const fgd_arg delete_args[] = {[D_DELETE] = {"delete", FGD_ARG_NUMBER | FGD_ARG_REQUIRED},
                                      [D_FILTER] = {"filter", FGD_ARG_OBJECT | FGD_ARG_REQUIRED},
                                      [D_MULTI] = {"multi", FGD_ARG_BOOL},
                                      [D_HINT] = {"hint", FGD_ARG_OBJECT | FGD_ARG_STRING},
                                      [D_COLLATION] = {"collation", FGD_ARG_OBJECT},
                                      [D_N] = {NULL, 0}};

enum { N_NS, N_ENCRYPTION, N_UUID, N_N };
static const fgd_arg ns_args[] = {[N_NS] = {"ns", FGD_ARG_STRING | FGD_ARG_REQUIRED},
                                  [N_ENCRYPTION] = {"encryptionInformation", FGD_ARG_OBJECT},
                                  [N_UUID] = {"collectionUUID", FGD_ARG_ANY},
                                  [N_N] = {NULL, 0}};

typedef struct bulk {
   fgd_request *request;
   fgd_doc_list ops;
   fgd_doc_list namespaces;
   bool ordered;
   bool errors_only;
   uint32_t flags;
   fg_value let;
   fg_buf results; /* documents end to end */
   int64_t n_errors, n_inserted, n_matched, n_modified, n_upserted, n_deleted;
   fg_error end; /* what ends the command before its last operation */
} bulk;

/* One operation, read. */
typedef struct operation {
   char kind; /* 'i', 'u', 'd' */
   int64_t ns;
   fg_value document;
   fgd_statement statement;
} operation;

static bool
read_operation (const fgd_doc_view *view, operation *op, fg_error *err)
{
   bson_t doc;
   bson_iter_t iter;
   fg_value v[U_N];

   memset (op, 0, sizeof *op);
   if (!bson_init_static (&doc, view->data, view->len) || !bson_iter_init (&iter, &doc) || !bson_iter_next (&iter)) {
      return fg_error_set (err, FG_ERROR_SERVER, 9, NULL, "BulkWrite operation is empty");
   }
   const char *first = bson_iter_key (&iter);
   if (strcmp (first, "insert") == 0) {
      if (!fgd_args_read (&doc, "insert", false, insert_args, v, err)) {
         return false;
      }
      op->kind = 'i';
      op->ns = fgd_value_int64 (&v[I_INSERT]);
      op->document = v[I_DOCUMENT];
      return true;
   }
   if (strcmp (first, "update") == 0) {
      if (!fgd_args_read (&doc, "update", false, update_args, v, err)) {
         return false;
      }
      op->kind = 'u';
      op->ns = fgd_value_int64 (&v[U_UPDATE]);
      op->statement = (fgd_statement){.filter = v[U_FILTER],
                                      .update = v[U_MODS],
                                      .array_filters = v[U_FILTERS],
                                      .constants = v[U_CONSTANTS],
                                      .collation = v[U_COLLATION],
                                      .hint = v[U_HINT],
                                      .sort = v[U_SORT],
                                      .multi = fgd_value_bool (&v[U_MULTI]),
                                      .upsert = fgd_value_bool (&v[U_UPSERT])};
      return true;
   }
   if (strcmp (first, "delete") == 0) {
      if (!fgd_args_read (&doc, "delete", false, delete_args, v, err)) {
         return false;
      }
      op->kind = 'd';
      op->ns = fgd_value_int64 (&v[D_DELETE]);
      op->statement = (fgd_statement){
         .filter = v[D_FILTER], .collation = v[D_COLLATION], .hint = v[D_HINT], .multi = fgd_value_bool (&v[D_MULTI])};
      return true;
   }
   return fg_error_set (err, FG_ERROR_SERVER, 9, NULL, "Unrecognized bulkWrite operation '%s'", first);
}

static bool
check_operations (const bulk *b, fg_error *err)
{
   operation op;

   for (size_t i = 0; i < b->ops.n; i++) {
      if (!read_operation (&b->ops.docs[i], &op, err)) {
         return false;
      }
      if (op.ns < 0 || (uint64_t)op.ns >= b->namespaces.n) {
         return fg_error_set (err, FG_ERROR_SERVER, 2, NULL, "BulkWrite ops entry %zu has an invalid nsInfo index.", i);
      }
   }
   return true;
}

static bool
open_namespace (const bulk *b, int64_t index, char db[64], fgd_write *write, fg_error *err)
{
   fg_value v[N_N];
   bson_t doc;
   const fgd_doc_view *view = &b->namespaces.docs[index];
   const char *name = NULL;

   if (!bson_init_static (&doc, view->data, view->len) || !fgd_args_read (&doc, "nsInfo", false, ns_args, v, err) ||
       !fgd_refuse_encryption_information (&v[N_ENCRYPTION], FGD_NO_ENCRYPTED_INSERT, err) ||
       !fgd_namespace_split (fgd_value_string (&v[N_NS]), db, 64, &name, err) ||
       !fgd_write_open (write, b->request, db, name, err)) {
      return false;
   }
   write->flags = b->flags;
   fgd_value_document (&b->let, &write->let);
   return true;
}

static bool
check_namespaces (const bulk *b, fg_error *err)
{
   char db[64];
   fgd_write write;

   for (size_t i = 0; i < b->namespaces.n; i++) {
      if (!open_namespace (b, (int64_t)i, db, &write, err)) {
         return false;
      }
   }
   return true;
}

/* --- results -------------------------------------------------------------------------------------------------------- */

static void
add_result (bulk *b, size_t index, const operation *op, bool ok, const fgd_outcome *outcome, const fgd_failure *failure)
{
   bson_t result = BSON_INITIALIZER;
   bson_t id;
   int64_t n = op->kind == 'i' ? (ok ? 1 : 0) : outcome->matched + (outcome->upserted ? 1 : 0);

   bson_append_double (&result, "ok", -1, ok ? 1.0 : 0.0);
   bson_append_int32 (&result, "idx", -1, (int32_t)index);
   if (!ok) {
      fgd_failure_append (failure, &result, false);
   }
   bson_append_int32 (&result, "n", -1, (int32_t)n);
   if (op->kind == 'u') {
      bson_append_int32 (&result, "nModified", -1, (int32_t)outcome->modified);
   }
   if (outcome->upserted && bson_init_static (&id, outcome->upserted_id.data, outcome->upserted_id.len)) {
      bson_append_document (&result, "upserted", -1, &id);
   }
   fg_buf_append (&b->results, bson_get_data (&result), result.len);
   bson_destroy (&result);
}

static void
count_outcome (bulk *b, const operation *op, bool ok, const fgd_outcome *outcome)
{
   if (!ok) {
      b->n_errors++;
   }
   if (op->kind == 'i') {
      b->n_inserted += ok;
   } else if (op->kind == 'd') {
      b->n_deleted += outcome->matched;
   } else {
      b->n_matched += outcome->matched;
      b->n_modified += outcome->modified;
      b->n_upserted += outcome->upserted;
   }
}

static bool
execute (bulk *b, const operation *op, fgd_write *write, fgd_outcome *outcome, fgd_failure *failure)
{
   if (!fgd_statement_check_multi (b->request, op->statement.multi, "multi=true", &failure->error)) {
      return false;
   }
   if (op->kind == 'i') {
      return fgd_write_create_collection (write, &failure->error) &&
             fgd_write_insert (write, op->document.data, op->document.len, failure);
   }
   return op->kind == 'u' ? fgd_write_update (write, &op->statement, outcome, failure)
                          : fgd_write_delete (write, &op->statement, outcome, failure);
}

/* Once, however often the client asks. */
static bool
execute_once (bulk *b, size_t index, const operation *op, fgd_write *write, fgd_outcome *outcome, fgd_failure *failure)
{
   fgd_statement_result result;

   if (fgd_statement_find (b->request, index, &result)) {
      return fgd_outcome_recall (outcome, &result, failure);
   }
   if (!execute (b, op, write, outcome, failure)) {
      return false;
   }
   result = fgd_outcome_result (outcome);
   return fgd_statement_note (b->request, index, &result, &failure->error);
}

static bool
run_operation (bulk *b, size_t index)
{
   operation op;
   char db[64];
   fgd_write write;
   fgd_outcome outcome = {0};
   fgd_failure failure;

   fgd_failure_init (&failure);
   bool ok = read_operation (&b->ops.docs[index], &op, &failure.error) &&
             open_namespace (b, op.ns, db, &write, &failure.error) &&
             execute_once (b, index, &op, &write, &outcome, &failure);
   count_outcome (b, &op, ok, &outcome);
   if (!ok && fgd_failure_ends_command (&failure)) {
      b->end = failure.error;
   } else if (!ok || !b->errors_only) {
      add_result (b, index, &op, ok, &outcome, &failure);
   }
   fgd_failure_destroy (&failure);
   fgd_outcome_free (&outcome);
   return ok;
}

static void
answer (bulk *b, fgd_reply *reply, int64_t batch_size)
{
   fgd_list_reply (b->request, reply, "admin", "$cmd.bulkWrite", &b->results, batch_size);
   bson_append_int32 (&reply->body, "nErrors", -1, (int32_t)b->n_errors);
   bson_append_int32 (&reply->body, "nInserted", -1, (int32_t)b->n_inserted);
   bson_append_int32 (&reply->body, "nMatched", -1, (int32_t)b->n_matched);
   bson_append_int32 (&reply->body, "nModified", -1, (int32_t)b->n_modified);
   bson_append_int32 (&reply->body, "nUpserted", -1, (int32_t)b->n_upserted);
   bson_append_int32 (&reply->body, "nDeleted", -1, (int32_t)b->n_deleted);
}

static void
run_all (bulk *b, fgd_reply *reply, int64_t batch_size)
{
   for (size_t i = 0; i < b->ops.n && b->end.domain == FG_ERROR_NONE; i++) {
      if (i > 0 && !fgd_request_pause (b->request, &b->end)) {
         break;
      }
      if ((!run_operation (b, i) && (b->ordered || fgd_txn_in_transaction (b->request->txn))) ||
          (i % 128 == 127 && fgd_request_expired (b->request, &reply->error))) {
         break;
      }
   }
   if (b->end.domain != FG_ERROR_NONE) {
      reply->error = b->end;
   }
   if (reply->error.domain == FG_ERROR_NONE) {
      answer (b, reply, batch_size);
   }
}

void
fgd_run_bulk_write (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   bulk b = {.request = request};
   int64_t batch_size = -1;

   if (fgd_args_read (&request->body, "bulkWrite", true, args, v, &reply->error) &&
       fgd_arg_cursor (&v[A_CURSOR], "bulkWrite", &batch_size, &reply->error) &&
       fgd_doc_list_read (request, "ops", &v[A_OPS], &b.ops, &reply->error) &&
       fgd_doc_list_read (request, "nsInfo", &v[A_NS_INFO], &b.namespaces, &reply->error) &&
       fgd_check_batch_size (b.ops.n, &reply->error) && check_namespaces (&b, &reply->error) &&
       check_operations (&b, &reply->error)) {
      b.flags = fgd_write_flags (&v[A_BYPASS]);
      b.let = v[A_LET];
      b.ordered = !v[A_ORDERED].type || fgd_value_bool (&v[A_ORDERED]);
      b.errors_only = fgd_value_bool (&v[A_ERRORS_ONLY]);
      run_all (&b, reply, batch_size);
   }
   fg_buf_free (&b.results);
   fgd_doc_list_free (&b.ops);
   fgd_doc_list_free (&b.namespaces);
}

/* --- the table of the writing commands --------------------------------------------------------------------------------- */

const fgd_command fgd_commands_crud[] = {
   {"insert", FGD_RUN_WRITE | FGD_TXN_ALLOWED, fgd_run_insert},
   {"update", FGD_RUN_WRITE | FGD_TXN_ALLOWED, fgd_run_update},
   {"delete", FGD_RUN_WRITE | FGD_TXN_ALLOWED, fgd_run_delete},
   {"findAndModify", FGD_RUN_WRITE | FGD_TXN_ALLOWED, fgd_run_find_and_modify},
   {"findandmodify", FGD_RUN_WRITE | FGD_TXN_ALLOWED, fgd_run_find_and_modify},
   {"bulkWrite", FGD_RUN_WRITE | FGD_ADMIN_ONLY | FGD_TXN_ALLOWED, fgd_run_bulk_write},
   {NULL, 0, NULL}};
