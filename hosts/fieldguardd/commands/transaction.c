/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/transaction.h"

#include "hosts/fieldguardd/store/store.h"

#include <string.h>

#define CODE_INVALID_LENGTH 16
#define CODE_INVALID_OPTIONS 72
#define CODE_WRITE_CONFLICT 112
#define CODE_COMMAND_FAILED 125
#define CODE_NOT_IMPLEMENTED 238
#define CODE_SNAPSHOT_UNAVAILABLE 246
#define CODE_NO_SUCH_TRANSACTION 251
#define CODE_NOT_IN_TRANSACTION 263
#define CODE_TXN_NUMBER_ILLEGAL 50768

/* --- which commands may say what --------------------------------------------------------------------------------------- */

static bool
is_one_of (const char *name, const char *const *names)
{
   for (; *names; names++) {
      if (strcmp (name, *names) == 0) {
         return true;
      }
   }
   return false;
}

static bool
ends_transaction (const char *name)
{
   static const char *const names[] = {"commitTransaction", "abortTransaction", NULL};
   return is_one_of (name, names);
}

static bool
is_retryable (const char *name)
{
   static const char *const names[] = {"insert",        "update",    "delete", "findAndModify",
                                       "findandmodify", "bulkWrite", NULL};
   return is_one_of (name, names);
}

/* A pipeline that writes somewhere. */
static bool
has_target (const fgd_request *request)
{
   bson_iter_t iter, stage, name;

   if (strcmp (request->name, "aggregate") != 0 || !bson_iter_init_find (&iter, &request->body, "pipeline") ||
       !BSON_ITER_HOLDS_ARRAY (&iter) || !bson_iter_recurse (&iter, &stage)) {
      return false;
   }
   while (bson_iter_next (&stage)) {
      if (BSON_ITER_HOLDS_DOCUMENT (&stage) && bson_iter_recurse (&stage, &name) && bson_iter_next (&name) &&
          (strcmp (bson_iter_key (&name), "$out") == 0 || strcmp (bson_iter_key (&name), "$merge") == 0)) {
         return true;
      }
   }
   return false;
}

static bool
check_command (const fgd_command *command, const fgd_request *request, fg_error *err)
{
   const char *name = command->name;

   if (strcmp (name, "count") == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_NOT_IN_TRANSACTION, NULL,
                           "Cannot run 'count' in a multi-document transaction. Use an aggregate with $count instead.");
   }
   if (!(command->flags & FGD_TXN_ALLOWED) && strcmp (name, "killCursors") != 0) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_NOT_IN_TRANSACTION, NULL,
                           "Cannot run '%.64s' in a multi-document transaction.", name);
   }
   if (has_target (request)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_NOT_IN_TRANSACTION, NULL,
                           "$out and $merge cannot be used in a transaction");
   }
   bool system = strcmp (request->db, "config") == 0 || strcmp (request->db, "local") == 0 ||
                 (strcmp (request->db, "admin") == 0 && !(command->flags & FGD_ADMIN_ONLY));
   if (system) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_NOT_IN_TRANSACTION, NULL,
                           "Cannot run command against the '%.64s' database in a transaction.", request->db);
   }
   return true;
}

static bool
check_concerns (const fgd_command *command, const fgd_request *request, fg_error *err)
{
   const fgd_logical *logical = &request->logical;
   bool ends = ends_transaction (command->name);

   if (logical->write_concern && !ends) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                           "writeConcern is not allowed within a multi-statement transaction");
   }
   if (logical->read_concern && !logical->starts) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                           "Only the first command in a transaction may specify a readConcern");
   }
   if (logical->starts && ends) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_NOT_IN_TRANSACTION, NULL,
                           "Cannot run '%.64s' as the first command of a transaction.", command->name);
   }
   return true;
}

/* What a standalone mongod refuses and a replica set's member does: rewriting Queryable Encryption's payloads. */
static bool
check_encryption_information (const fgd_request *request, fg_error *err)
{
   return !request->server->config.repl_set || !bson_has_field (&request->body, "encryptionInformation") ||
          fg_error_set (err, FG_ERROR_SERVER, CODE_NOT_IMPLEMENTED, NULL,
                        "'encryptionInformation' is not supported by this server");
}

bool
fgd_transaction_check (const fgd_command *command, const fgd_request *request, fg_error *err)
{
   const fgd_logical *logical = &request->logical;

   if (!check_encryption_information (request, err)) {
      return false;
   }
   if (logical->in_transaction) {
      return check_command (command, request, err) && check_concerns (command, request, err);
   }
   if (logical->has_number && !is_retryable (command->name)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_TXN_NUMBER_ILLEGAL, NULL,
                           "txnNumber may only be provided for multi-document transactions and retryable write "
                           "commands. autocommit:false was not provided, and %.64s is not a retryable write command.",
                           command->name);
   }
   if (ends_transaction (command->name)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_COMMAND_FAILED, NULL, "%s must be run within a transaction",
                           command->name);
   }
   return true;
}

/* --- a statement of a transaction -------------------------------------------------------------------------------------- */

static void
reset (fgd_reply *reply)
{
   bson_reinit (&reply->body);
}

static void
append_label (fgd_reply *reply, const char *label)
{
   bson_t labels;

   bson_append_array_begin (&reply->body, "errorLabels", -1, &labels);
   bson_append_utf8 (&labels, "0", -1, label, -1);
   bson_append_array_end (&reply->body, &labels);
}

/* Whoever sees this label starts the whole transaction again. */
static void
label_transient (fgd_reply *reply)
{
   int32_t code = reply->error.domain == FG_ERROR_SERVER ? reply->error.code : 0;

   if (code == CODE_WRITE_CONFLICT || code == CODE_SNAPSHOT_UNAVAILABLE || code == CODE_NO_SUCH_TRANSACTION) {
      append_label (reply, "TransientTransactionError");
   }
}

void
fgd_label_shutdown (const fgd_request *request, fgd_reply *reply)
{
   if (request->logical.in_transaction && !ends_transaction (request->name)) {
      append_label (reply, "TransientTransactionError");
   } else if (request->logical.has_number) {
      append_label (reply, "RetryableWriteError");
   }
}

/* A write error is no error of the command, but ends the transaction as well. */
static bool
statement_failed (const fgd_reply *reply)
{
   bson_iter_t iter;

   return reply->error.domain != FG_ERROR_NONE || bson_iter_init_find (&iter, &reply->body, "writeErrors") ||
          (bson_iter_init_find (&iter, &reply->body, "nErrors") && bson_iter_as_int64 (&iter) > 0);
}

static void
run_statement (const fgd_command *command, fgd_request *request, fgd_reply *reply)
{
   fgd_txn *writer = request->txn;
   const fgd_logical *logical = &request->logical;

   if (!fgd_transaction_enter (writer, logical, request->client, &request->txn, &reply->error)) {
      label_transient (reply);
      return;
   }
   fgd_txn_set_deadline (request->txn, request->deadline_us);
   if (command->flags & FGD_RUN_READ) {
      fgd_transaction_share (request->txn);
   }
   if (!fgd_request_expired (request, &reply->error)) {
      command->run (request, reply);
   }
   fgd_txn_set_deadline (request->txn, INT64_MAX);
   fg_error why;
   bool ok = fgd_transaction_leave (request->txn, &why);
   request->txn = writer;
   if (!ok) {
      reset (reply);
      reply->error = why;
   }
   if (statement_failed (reply)) {
      fgd_transaction_drop (fgd_txn_store (writer), logical->lsid, logical->number);
   }
   label_transient (reply);
}

/* --- a retryable write ------------------------------------------------------------------------------------------------- */

static size_t
count_statements (const fgd_request *request)
{
   static const char *const names[] = {"documents", "updates", "deletes", "ops", NULL};
   bson_iter_t iter, child;
   size_t n = 0;

   for (size_t i = 0; i < request->n_sequences; i++) {
      if (is_one_of (request->sequences[i].id, names)) {
         return request->sequences[i].n_docs;
      }
   }
   for (size_t i = 0; names[i]; i++) {
      if (bson_iter_init_find (&iter, &request->body, names[i]) && BSON_ITER_HOLDS_ARRAY (&iter) &&
          bson_iter_recurse (&iter, &child)) {
         while (bson_iter_next (&child)) {
            n++;
         }
         return n;
      }
   }
   return 1; /* findAndModify */
}

static bool
wrong_ids (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_LENGTH, NULL,
                        "Number of statement ids must match the number of batch entries");
}

static bool
read_list (const fgd_request *request, const bson_iter_t *list, fgd_retry *retry, fg_error *err)
{
   bson_iter_t one;
   fg_buf ids = {0};

   bool ok = BSON_ITER_HOLDS_ARRAY (list) && bson_iter_recurse (list, &one);
   while (ok && bson_iter_next (&one)) {
      int32_t id = BSON_ITER_HOLDS_INT32 (&one) ? bson_iter_int32 (&one) : -1;
      ok = id >= 0;
      fg_buf_append (&ids, &id, sizeof id);
   }
   size_t n = ids.len / sizeof (int32_t);
   ok = (ok && n == count_statements (request)) || wrong_ids (err);
   ok = ok && fgd_retry_set_ids (retry, 0, (const int32_t *)(const void *)ids.data, n, err);
   fg_buf_free (&ids);
   return ok;
}

/* stmtId: the first statement's; stmtIds: every one's. */
static bool
read_ids (const fgd_request *request, fgd_retry *retry, fg_error *err)
{
   bson_iter_t first, list;
   bool has_first = bson_iter_init_find (&first, &request->body, "stmtId");
   bool has_list = bson_iter_init_find (&list, &request->body, "stmtIds");

   if (has_first && has_list) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                           "May not specify both stmtId and stmtIds in write command");
   }
   if (has_first) {
      return (BSON_ITER_HOLDS_INT32 (&first) && bson_iter_int32 (&first) >= 0)
                ? fgd_retry_set_ids (retry, bson_iter_int32 (&first), NULL, 0, err)
                : wrong_ids (err);
   }
   return !has_list || read_list (request, &list, retry, err);
}

static void
append_retried (const fgd_retry *retry, bson_t *body)
{
   size_t n = 0;
   const int32_t *ids = fgd_retry_found (retry, &n);
   bson_t list;
   char buf[16];
   const char *key;

   if (n == 0) {
      return;
   }
   bson_append_array_begin (body, "retriedStmtIds", -1, &list);
   for (size_t i = 0; i < n; i++) {
      size_t len = bson_uint32_to_string ((uint32_t)i, &key, buf, sizeof buf);
      bson_append_int32 (&list, key, (int)len, ids[i]);
   }
   bson_append_array_end (body, &list);
}

static void
run_retryable (const fgd_command *command, fgd_request *request, fgd_reply *reply)
{
   fg_error err;

   fgd_retry *retry = fgd_retry_open (request->txn, &request->logical, &reply->error);
   if (retry && read_ids (request, retry, &reply->error)) {
      request->retry = retry;
      command->run (request, reply);
      request->retry = NULL;
      fg_error_clear (&err);
      if (!fgd_retry_save (retry, &err)) {
         reset (reply);
         reply->error = err;
      } else if (reply->error.domain == FG_ERROR_NONE) {
         append_retried (retry, &reply->body);
      }
   }
   fgd_retry_free (retry);
}

bool
fgd_statement_find (fgd_request *request, size_t index, fgd_statement_result *result)
{
   return request->retry && fgd_retry_find (request->retry, index, result);
}

bool
fgd_statement_note (fgd_request *request, size_t index, const fgd_statement_result *result, fg_error *err)
{
   return !request->retry || fgd_retry_note (request->retry, index, result, err);
}

bool
fgd_statement_check_multi (const fgd_request *request, bool multi, const char *what, fg_error *err)
{
   return !request->retry || !multi ||
          fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_OPTIONS, NULL,
                        "Cannot use (or request) retryable writes with %s", what);
}

/* --- running ------------------------------------------------------------------------------------------------------------ */

void
fgd_command_run (const fgd_command *command, fgd_request *request, fgd_reply *reply)
{
   if (request->logical.in_transaction && !ends_transaction (command->name)) {
      run_statement (command, request, reply);
   } else if (fgd_request_expired (request, &reply->error)) {
      return;
   } else if (request->logical.has_number && !request->logical.in_transaction) {
      run_retryable (command, request, reply);
   } else {
      command->run (request, reply);
   }
}

void
fgd_command_batch_failed (const fgd_request *request, fgd_store *store)
{
   if (request->logical.in_transaction) {
      fgd_transaction_drop (store, request->logical.lsid, request->logical.number);
   }
}

/* --- commitTransaction, abortTransaction --------------------------------------------------------------------------------- */

static void
run_commit (fgd_request *request, fgd_reply *reply)
{
   if (!fgd_transaction_commit (request->txn, &request->logical, request->client, &reply->error)) {
      label_transient (reply);
   }
}

static void
run_abort (fgd_request *request, fgd_reply *reply)
{
   if (!fgd_transaction_abort (request->txn, &request->logical, &reply->error)) {
      label_transient (reply);
   }
}

const fgd_command fgd_commands_transaction[] = {
   {"commitTransaction", FGD_RUN_WRITE | FGD_ADMIN_ONLY | FGD_TXN_ALLOWED, run_commit},
   {"abortTransaction", FGD_RUN_WRITE | FGD_ADMIN_ONLY | FGD_TXN_ALLOWED, run_abort},
   {NULL, 0, NULL},
};
