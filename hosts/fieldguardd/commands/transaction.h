/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_TRANSACTION_H
#define FGD_TRANSACTION_H

/*
 * Commands inside multi-document transactions and as retryable writes: what surrounds a command's own function. A statement of a transaction gets that
 * transaction as request->txn and otherwise does not know; when it fails, the transaction is aborted, as in mongod. A retryable write gets request->retry, in
 * which each of its statements looks itself up first.
 */

#include "hosts/fieldguardd/server.h"
#include "hosts/fieldguardd/store/retry.h"

/* Whether the command may come with these session arguments; before it goes to any thread. */
bool fgd_transaction_check (const fgd_command *command, const fgd_request *request, fg_error *err) FG_WARN_UNUSED;

/* Runs a command on the writer thread: request->txn is the writer's transaction. */
void fgd_command_run (const fgd_command *command, fgd_request *request, fgd_reply *reply);
/* The batch in which the command ran was lost: a transaction whose statement it was is aborted. Writer thread. */
void fgd_command_batch_failed (const fgd_request *request, fgd_store *store);

/* The server ends before the command could run: tells a driver that the transaction, or this retryable command, may be tried again elsewhere. */
void fgd_label_shutdown (const fgd_request *request, fgd_reply *reply);

/* The answer of the index-th statement, when it was executed before. False for what is no retryable write. */
bool fgd_statement_find (fgd_request *request, size_t index, fgd_statement_result *result);
/* Remembers it. True for what is no retryable write. */
bool fgd_statement_note (fgd_request *request, size_t index, const fgd_statement_result *result,
                         fg_error *err) FG_WARN_UNUSED;
/* 72 for a statement that may touch many documents, when it would have to be retryable. */
bool fgd_statement_check_multi (const fgd_request *request, bool multi, const char *what, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_TRANSACTION_H */
