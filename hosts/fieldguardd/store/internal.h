/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_INTERNAL_H
#define FGD_STORE_INTERNAL_H

/*
 * What the store's files share. Four LMDB databases: `catalog` (collection id -> BSON), `records` (collection id, record id -> document),
 * `entries` (index id, encoded key, record id -> one byte: whether the key's encoding is exact) and `sessions` (session id -> what it did last). Ids are big-endian, so that byte order is number order.
 */

#include "base/base.h"
#include "hosts/fieldguardd/store/key.h"
#include "hosts/fieldguardd/store/store.h"
#include "hosts/fieldguardd/store/transaction.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

/* The collections at one moment, sorted by namespace. Immutable; shared by reference count. */
typedef struct fgd_catalog {
   atomic_int refs;
   size_t n;
   fgd_coll *colls[];
} fgd_catalog;

typedef struct fgd_overlay fgd_overlay; /* overlay.h */

/* A session's multi-document transaction. */
typedef struct fgd_transaction {
   struct fgd_transaction *next; /* in its bucket */
   uint8_t lsid[FGD_LSID];
   int64_t number;
   int64_t expires_ms;
   fgd_txn *txn; /* the snapshot with its overlay; NULL: aborted */
} fgd_transaction;

#define FGD_TRANSACTION_BUCKETS 1024u

struct fgd_store {
   MDB_env *env;
   MDB_dbi catalog_dbi;
   MDB_dbi records;
   MDB_dbi entries;
   MDB_dbi sessions;
   int lock_fd;
   fg_loader *loader;
   void *log_ctx;
   void (*log) (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json);
   fgd_cursors *cursors;

   pthread_mutex_t door; /* map.c: guards the next three */
   pthread_cond_t door_moved;
   size_t inside; /* read snapshots, and whoever else looks into the map */
   bool growing;
   uint64_t max_map_size; /* writer thread only, from here on */
   int64_t next_growth_us;

   pthread_rwlock_t publish; /* a snapshot and its catalog are taken together under it, and change together */
   fgd_catalog *catalog;

   uint64_t next_record; /* writer thread only */
   uint64_t next_id; /* of collections and indexes; writer thread only */

   /* writer thread only */
   fgd_transaction *transactions[FGD_TRANSACTION_BUCKETS];
   size_t n_open;
   size_t n_aborted;
   uint64_t overlay_bytes;
   int64_t swept_ms; /* when old sessions were last forgotten */
   atomic_int_fast64_t transaction_lifetime_s;

   pthread_mutex_t mutex; /* guards the queue */
   pthread_cond_t wake;
   fgd_job *head;
   fgd_job **tail;
   bool stop;
   bool running;
   pthread_t thread;

   atomic_uint_fast64_t jobs, batches, failed_batches, inserted, updated, deleted, returned;
   atomic_uint_fast64_t started, committed, aborted, retried; /* transactions; statements of retryable writes */
};

/* Units of one batch, in chunks, because modules keep pointers to them. */
#define FGD_UNIT_CHUNK 32
typedef struct fgd_unit_chunk {
   struct fgd_unit_chunk *next;
   size_t n;
   fg_unit units[FGD_UNIT_CHUNK];
} fgd_unit_chunk;

struct fgd_txn {
   fgd_store *store;
   MDB_txn *mdb;
   fgd_catalog *catalog;
   bool write;
   bool dirty; /* something was put */
   bool broken; /* LMDB refused something: this transaction can only be rolled back */
   fg_error failure; /* why */
   size_t bytes; /* put so far */
   int64_t deadline_us; /* of what runs in it now */
   bool may_yield; /* the running job */
   unsigned depth; /* jobs that have yielded to the running one */
   int64_t slice_us; /* since when the running job has had the thread */
   fgd_job *jobs; /* that ran in this transaction, oldest first */
   fgd_job **jobs_tail;
   fgd_unit_chunk *units; /* newest first */
   fg_unit *open_unit; /* of the running job: may take further documents */
   fgd_keys keys; /* scratch */
   fgd_keys other_keys;
   fgd_overlay *overlay; /* of a multi-document transaction: what it has written; NULL otherwise */
   fgd_txn *writer; /* while a statement of it runs: the writer's transaction */
   const fgd_overlay
      *hidden; /* a writer's: records that this overlay changes are passed over in looks for duplicates */
};

/* --- error.c ------------------------------------------------------------------------------------------------------- */

/* Turns an LMDB or errno code into the server error that a client gets. Returns false. */
bool fgd_store_error (fg_error *err, int rc, const char *what);
/* As fgd_store_error, and marks the write transaction as broken. */
bool fgd_txn_break (fgd_txn *txn, int rc, const char *what, fg_error *err);
bool fgd_store_no_memory (fg_error *err);
int64_t fgd_store_now_us (void); /* monotonic */
/* False with the error when the transaction is lost already: nothing may be asked of LMDB then. */
bool fgd_txn_usable (const fgd_txn *txn, fg_error *err);

/* --- catalog.c ----------------------------------------------------------------------------------------------------- */

fgd_catalog *fgd_catalog_new (size_t n);
void fgd_catalog_ref (fgd_catalog *catalog);
void fgd_catalog_unref (fgd_catalog *catalog);
/* A copy without `gone` (by pointer, may be NULL) and `gone2`, and with `added` (may be NULL); takes over the caller's reference of added. */
fgd_catalog *fgd_catalog_with (const fgd_catalog *catalog, const fgd_coll *gone, const fgd_coll *gone2,
                               fgd_coll *added);
fgd_coll *fgd_catalog_get (const fgd_catalog *catalog, const char *db, const char *name);
const fgd_coll *fgd_catalog_find (const fgd_catalog *catalog, const char *db, const char *name);

/* --- coll.c -------------------------------------------------------------------------------------------------------- */

fgd_coll *fgd_coll_new (const char *db, const char *name, uint64_t id, const uint8_t uuid[16], const bson_t *options,
                        fg_error *err);
/* A copy that may be changed before it is published. options NULL: the same. */
fgd_coll *fgd_coll_copy (const fgd_coll *coll, const char *db, const char *name, const bson_t *options, fg_error *err);
bool fgd_coll_add_index (fgd_coll *coll, uint64_t id, const bson_t *spec, fg_error *err);
bool fgd_coll_add_id_index (fgd_txn *txn, fgd_coll *coll, fg_error *err); /* ddl.c */
void fgd_coll_unref (fgd_coll *coll);
bool fgd_catalog_load (fgd_store *store, fg_error *err); /* load.c */
bool fgd_catalog_put (fgd_txn *txn, const fgd_coll *coll, fg_error *err);
bool fgd_catalog_del (fgd_txn *txn, const fgd_coll *coll, fg_error *err);

/* --- index.c ------------------------------------------------------------------------------------------------------- */

fgd_index *fgd_index_new (uint64_t id, const bson_t *spec, fg_error *err);
void fgd_index_free (fgd_index *index);
/* Whether the document belongs in the index at all (partial filter). */
fg_match fgd_index_covers (const fgd_index *index, const uint8_t *doc, size_t len, fg_error *err);
bool fgd_index_check (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, const uint8_t *doc, size_t len,
                      uint64_t replaces, bson_t *detail, fg_error *err);
/* Whether a record of the overlay, but `replaces`, holds the key `which` of txn->keys. */
bool fgd_index_overlay_conflict (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, const fgd_overlay *overlay,
                                 size_t which, uint64_t replaces, bool *conflict, fg_error *err);
bool fgd_index_put (fgd_txn *txn, const fgd_index *index, const uint8_t *doc, size_t len, uint64_t record,
                    fg_error *err);
bool fgd_index_del (fgd_txn *txn, const fgd_index *index, const uint8_t *doc, size_t len, uint64_t record,
                    fg_error *err);

/* --- record.c ------------------------------------------------------------------------------------------------------ */

#define FGD_RECORD_KEY 16
void fgd_put_u64be (uint8_t *out, uint64_t value);
uint64_t fgd_get_u64be (const uint8_t *in);
bool fgd_record_get (fgd_txn *txn, const fgd_coll *coll, uint64_t id, fgd_record *record, bool *found, fg_error *err);
/* As it is in LMDB, without an overlay. */
bool fgd_record_stored (fgd_txn *txn, const fgd_coll *coll, uint64_t id, fgd_record *record, bool *found,
                        fg_error *err);
/* An insert under an id that was given out before. */
bool fgd_put_insert_as (fgd_txn *txn, const fgd_coll *coll, uint64_t id, const uint8_t *doc, size_t len, fg_error *err);
/* Deletes every key that starts with the 8 bytes of id. */
bool fgd_delete_prefix (fgd_txn *txn, MDB_dbi dbi, uint64_t id, fg_error *err);

/* --- ddl.c, for what else changes the catalog ----------------------------------------------------------------------- */

bool fgd_new_uuid (uint8_t uuid[16], fg_error *err);
fg_ddl_request fgd_ddl_request_for (fg_ddl ddl, const fg_client_info *client, fg_collection *module,
                                    const bson_t *old_options, const bson_t *new_options);
bool fgd_ddl_prepare (fgd_txn *txn, fg_ddl_request *request, fg_error *err);
/* Its records, its index entries, its catalog entry. */
bool fgd_delete_collection (fgd_txn *txn, const fgd_coll *coll, fg_error *err);

/* --- copy.c, fill.c ------------------------------------------------------------------------------------------------- */

typedef struct fgd_copy fgd_copy;
/* The last chance to fail before the documents are in place. NULL is legal. */
bool fgd_copy_prepare (fgd_copy *copy, fg_error *err);
/* At start-up, before the catalog is read. */
bool fgd_fill_clean_up (fgd_store *store, fg_error *err);

/* --- transaction_table.c -------------------------------------------------------------------------------------------- */

/* The link that points to a session's transaction, or to NULL. */
fgd_transaction **fgd_transactions_find (fgd_store *store, const uint8_t lsid[FGD_LSID]);
/* The open ones; true when visit said true of all. */
bool fgd_transactions_visit (fgd_store *store, bool (*visit) (void *ctx, fgd_transaction *t), void *ctx);
/* Aborts it when it is open (while a statement of it runs: when that is over); its number stays known. */
void fgd_transaction_close (fgd_store *store, fgd_transaction *t);
/* Closes one that is not busy and takes it out of the table. */
void fgd_transaction_forget (fgd_store *store, fgd_transaction **link);
void fgd_transactions_forget_committed (fgd_store *store, fgd_transaction *t);
/* Forgets the session's transaction, if any, for what follows it. 117 while a statement of it runs. */
bool fgd_transactions_make_room (fgd_store *store, fgd_transaction **link, fg_error *err);
/* Forgets aborted ones, when there are many. */
void fgd_transactions_trim (fgd_store *store);
/* When one that starts now is over. */
int64_t fgd_transaction_expiry (fgd_store *store);
/* Aborts those whose time is over. */
void fgd_transactions_expire (fgd_store *store);
void fgd_transactions_free (fgd_store *store);

/* --- commit.c ------------------------------------------------------------------------------------------------------- */

/* A statement is about to change a record of the snapshot. 112 when somebody else has changed it. */
bool fgd_overlay_claim (fgd_txn *txn, const fgd_coll *coll, uint64_t record, fg_error *err);
/* Beside the snapshot's own duplicates: 112 when somebody else has taken one of the document's keys. */
bool fgd_overlay_check_keys (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, const uint8_t *doc, size_t len,
                             uint64_t replaces, fg_error *err);
bool fgd_overlay_commit (fgd_txn *writer, fgd_txn *txn, const fg_client_info *client, fg_error *err);

/* --- map.c ---------------------------------------------------------------------------------------------------------- */

/* Around every use of the map outside the writer's transactions. */
void fgd_map_enter (fgd_store *store);
void fgd_map_leave (fgd_store *store);
/* On the writer thread, with no write transaction open: makes the map larger when the data come close to its end. */
void fgd_map_grow (fgd_store *store);

/* --- writer.c ------------------------------------------------------------------------------------------------------ */

bool fgd_writer_start (fgd_store *store, fg_error *err);
void fgd_writer_stop (fgd_store *store);
/* Commits what the batch has written and tells every job before the running one. A fresh transaction follows. */
bool fgd_txn_flush (fgd_txn *txn, fg_error *err);
/* Gives the running job's unit up: refusals go on record, acceptances do not. */
void fgd_txn_drop_unit (fgd_txn *txn);
/* Commits this transaction together with the catalog that belongs to it, and begins a new one. next is taken over. */
bool fgd_txn_publish (fgd_txn *txn, fgd_catalog *next, fg_error *err);

#endif /* FGD_STORE_INTERNAL_H */
