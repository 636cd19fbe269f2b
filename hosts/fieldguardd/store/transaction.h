/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_TRANSACTION_H
#define FGD_STORE_TRANSACTION_H

/*
 * Multi-document transactions. A transaction opens a read snapshot at its first statement and keeps what it writes in memory over it (overlay.h). Every statement
 * runs on the writer thread, so a transaction's state needs no lock and sees, beside its snapshot, what has been written since.
 *
 * A statement judges what it writes (modules, validator, unique indexes over snapshot and overlay), and meets conflicts at once: a record or unique key that
 * another has written since the snapshot, or that another open transaction holds, and rules that have changed, answer 112 or 246. The commit is one job of
 * the writer: it looks for conflicts once more, has the modules judge every document again in the unit of work that is about to commit, puts everything and
 * remembers the transaction as committed, all in one LMDB transaction. So what is stored has passed the rules in force at that moment, and is on
 * record once; what was accepted at a statement and never committed is on no record.
 *
 * Numbers and states follow mongod: a session's transaction number only grows, and belongs either to one transaction or to one round of retryable writes
 * (retry.h). That a transaction was committed is durable; an open one is lost with the process, as it is when its time is over.
 */

#include "hosts/fieldguardd/store/store.h"

#define FGD_TRANSACTION_LIFETIME_S 60
#define FGD_TRANSACTIONS_MAX 256u /* open at once: each holds a snapshot */
#define FGD_LSID 16u /* bytes of a session's id */

/* What a client says about its session with a command. */
typedef struct fgd_logical {
   bool has_lsid;
   bool has_number;
   bool in_transaction; /* autocommit: false */
   bool starts; /* startTransaction: true */
   bool read_concern, write_concern; /* given */
   bool snapshot; /* readConcern level snapshot */
   uint8_t lsid[FGD_LSID];
   int64_t number; /* txnNumber */
} fgd_logical;

/* Enters the transaction that the session names, opening it when logical starts one: *txn is what its statement runs in, until fgd_transaction_leave. 225
 * TransactionTooOld, 251 NoSuchTransaction, 256 TransactionCommitted, 50911: the transaction, if there is one, goes on. */
bool fgd_transaction_enter (fgd_txn *writer, const fgd_logical *logical, const fg_client_info *client, fgd_txn **txn,
                            fg_error *err) FG_WARN_UNUSED;
/* The statement only reads: other jobs may run between two steps of its scans (fgd_transaction_pause). A command that finds its session's transaction busy then
 * ends it. */
void fgd_transaction_share (fgd_txn *txn);
/* Between two steps. False when the transaction has been ended meanwhile. True outside transactions. */
bool fgd_transaction_pause (fgd_txn *txn, fg_error *err) FG_WARN_UNUSED;
/* The statement is over. False with err when it met another's write, or its transaction's end: then, and after any other failure, the caller aborts. */
bool fgd_transaction_leave (fgd_txn *txn, fg_error *err) FG_WARN_UNUSED;

/* True also for a transaction that is committed already. On false nothing of it is stored; it is aborted, unless err is of fgd_transaction_enter's. */
bool fgd_transaction_commit (fgd_txn *writer, const fgd_logical *logical, const fg_client_info *client,
                             fg_error *err) FG_WARN_UNUSED;
bool fgd_transaction_abort (fgd_txn *writer, const fgd_logical *logical, fg_error *err) FG_WARN_UNUSED;

/* A retryable write with this number begins: an open transaction with a smaller one is aborted. 225, 50911. */
bool fgd_transaction_supersede (fgd_txn *writer, const fgd_logical *logical, fg_error *err) FG_WARN_UNUSED;
/* For whatever ends a transaction but its own client's word: aborts it when it is open. Writer thread. */
void fgd_transaction_drop (fgd_store *store, const uint8_t lsid[FGD_LSID], int64_t number);
/* Of endSessions and killSessions: aborts what is open; forget: also forgets what retries would ask for. lsid NULL: every session. */
bool fgd_session_end (fgd_txn *writer, const uint8_t *lsid, bool forget, fg_error *err) FG_WARN_UNUSED;

/* Whether the transaction may write by this collection's rules: they are the same now as in its snapshot. 246 SnapshotUnavailable. True outside transactions. */
bool fgd_txn_check_rules (const fgd_txn *txn, const char *db, const char *name, fg_error *err) FG_WARN_UNUSED;
bool fgd_txn_in_transaction (const fgd_txn *txn);

/* Any thread. */
void fgd_store_set_transaction_lifetime (fgd_store *store, int64_t seconds);

#endif /* FGD_STORE_TRANSACTION_H */
