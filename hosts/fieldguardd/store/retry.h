/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_RETRY_H
#define FGD_STORE_RETRY_H

/*
 * What a session has done last, kept in the store: the number of its last transaction and that it is committed, or of its last retryable write and what each
 * statement of it answered. It is written in the LMDB transaction that holds the writes themselves, so that a retry after a lost reply or a crash
 * finds either both or neither. Writer thread only. A session that has written nothing for half an hour is forgotten.
 */

#include "hosts/fieldguardd/store/transaction.h"

#define FGD_SESSION_LIFETIME_MS (INT64_C (30) * 60 * 1000)
#define FGD_SESSIONS_MAX 100000u

typedef enum fgd_session_kind {
   FGD_SESSION_NONE = 0,
   FGD_SESSION_RETRYABLE = 1,
   FGD_SESSION_COMMITTED = 2
} fgd_session_kind;

/* What is kept of a session; number is -1 for NONE. False: LMDB failed. */
bool fgd_session_read (fgd_txn *writer, const uint8_t lsid[FGD_LSID], fgd_session_kind *kind, int64_t *number,
                       fg_error *err) FG_WARN_UNUSED;
bool fgd_session_put_committed (fgd_txn *writer, const uint8_t lsid[FGD_LSID], int64_t number,
                                fg_error *err) FG_WARN_UNUSED;
/* For a session that is not kept yet. 261 TooManyLogicalSessions. */
bool fgd_session_check_room (fgd_txn *writer, fg_error *err) FG_WARN_UNUSED;
bool fgd_session_forget (fgd_txn *writer, const uint8_t lsid[FGD_LSID], fg_error *err) FG_WARN_UNUSED;

/* One statement's answer. extra is a document of the caller's: an upserted _id, or a whole reply; NULL: none. */
typedef struct fgd_statement_result {
   int32_t n;
   int32_t modified;
   const uint8_t *extra;
   size_t extra_len;
} fgd_statement_result;

/* The statements of one retryable command. */
typedef struct fgd_retry fgd_retry;

/* 225 TransactionTooOld; 50911 when the number belongs to a transaction; 261 TooManyLogicalSessions. A greater number than the session's aborts its transaction. */
fgd_retry *fgd_retry_open (fgd_txn *writer, const fgd_logical *logical, fg_error *err) FG_WARN_UNUSED;
void fgd_retry_free (fgd_retry *retry); /* NULL is legal */
/* The ids of the command's statements; without a call they are 0, 1, 2, ... ids are copied; NULL: first, first + 1, ... */
bool fgd_retry_set_ids (fgd_retry *retry, int32_t first, const int32_t *ids, size_t n, fg_error *err) FG_WARN_UNUSED;
/* index: the statement's place in the command. True: it has been executed; *result is valid until the next call. */
bool fgd_retry_find (fgd_retry *retry, size_t index, fgd_statement_result *result);
bool fgd_retry_note (fgd_retry *retry, size_t index, const fgd_statement_result *result, fg_error *err) FG_WARN_UNUSED;
/* The ids that were found. */
const int32_t *fgd_retry_found (const fgd_retry *retry, size_t *n);
/* Writes what was noted since. Before anything that commits the batch (a DDL), and at the end. NULL is legal. */
bool fgd_retry_save (fgd_retry *retry, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_STORE_RETRY_H */
