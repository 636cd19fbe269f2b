/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/transaction.h"
#include "hosts/fieldguardd/commands/write_reply.h"

enum { A_DOCUMENTS, A_ORDERED, A_BYPASS, A_ENCRYPTION, A_N };

static const fgd_arg args[] = {[A_DOCUMENTS] = {"documents", FGD_ARG_ARRAY},
                               [A_ORDERED] = {"ordered", FGD_ARG_BOOL},
                               [A_BYPASS] = {"bypassDocumentValidation", FGD_ARG_BOOL},
                               [A_ENCRYPTION] = {"encryptionInformation", FGD_ARG_OBJECT},
                               [A_N] = {NULL, 0}};

bool
fgd_check_batch_size (size_t n, fg_error *err)
{
   if (n == 0 || n > FGD_MAX_WRITE_BATCH) {
      return fg_error_set (err, FG_ERROR_SERVER, 16, NULL,
                           "Write batch sizes must be between 1 and %d. Got %zu operations.", FGD_MAX_WRITE_BATCH, n);
   }
   return true;
}

/* Once, however often the client asks. */
static bool
insert_one (fgd_write *write, const fgd_doc_list *list, size_t i, fgd_failure *failure)
{
   fgd_statement_result result = {.n = 1};

   return fgd_statement_find (write->request, i, &result) ||
          (fgd_write_insert (write, list->docs[i].data, list->docs[i].len, failure) &&
           fgd_statement_note (write->request, i, &result, &failure->error));
}

static void
insert_all (fgd_write *write, const fgd_doc_list *list, bool ordered, fgd_reply *reply)
{
   fgd_write_errors errors;
   int32_t n = 0;

   fgd_write_errors_init (&errors);
   for (size_t i = 0; i < list->n && reply->error.domain == FG_ERROR_NONE; i++) {
      if (i > 0 && (!fgd_write_pause (write, &reply->error) || !fgd_write_create_collection (write, &reply->error))) {
         break;
      }
      fgd_failure failure;
      fgd_failure_init (&failure);
      bool ok = insert_one (write, list, i, &failure);
      if (ok) {
         n++;
      } else {
         fgd_write_errors_add (&errors, i, &failure);
      }
      fgd_failure_destroy (&failure);
      if ((!ok && (ordered || fgd_txn_in_transaction (write->txn))) ||
          (i % 128 == 127 && fgd_request_expired (write->request, &reply->error))) {
         break;
      }
   }
   bson_append_int32 (&reply->body, "n", -1, n);
   fgd_write_errors_finish (&errors, &reply->body);
}

void
fgd_run_insert (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   fgd_doc_list list = {NULL, 0};
   fgd_write write;
   const char *name = NULL;

   if (fgd_arg_collection (request, &name, &reply->error) &&
       fgd_args_read (&request->body, "insert", true, args, v, &reply->error) &&
       fgd_refuse_encryption_information (&v[A_ENCRYPTION], FGD_NO_ENCRYPTED_INSERT, &reply->error) &&
       fgd_doc_list_read (request, "documents", &v[A_DOCUMENTS], &list, &reply->error) &&
       fgd_check_batch_size (list.n, &reply->error) &&
       fgd_write_open (&write, request, request->db, name, &reply->error)) {
      write.flags = fgd_write_flags (&v[A_BYPASS]);
      if (fgd_write_create_collection (&write, &reply->error)) {
         insert_all (&write, &list, !v[A_ORDERED].type || fgd_value_bool (&v[A_ORDERED]), reply);
      }
   }
   fgd_doc_list_free (&list);
}
