/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_H
#define FGD_STORE_H

/*
 * The store: collections of BSON documents in one LMDB environment below --dbpath.
 *
 * Reads run on any thread, each inside a snapshot (an LMDB read transaction and the catalog that belongs to it). Writes run on the store's one
 * writer thread: it takes the jobs that wait (a bounded batch), runs them inside one LMDB write transaction, commits it (fdatasync), ends their units of work in
 * the modules, calls the modules' sync hook, and only then calls each job's done. So an acknowledged write is on disk, many writes share one
 * fdatasync, and no two writes overlap.
 *
 * A statement checks everything that can refuse it before its first put, so nothing has to be undone. When LMDB itself fails (map full, disk full, I/O),
 * the whole batch is rolled back and every job of it gets the error in done; the store goes on with the next batch.
 *
 * A DDL first commits what the batch has written so far (its jobs are done), announces itself to the modules (PREPARE), writes the catalog, commits, and
 * only then is APPLYed; the catalog that readers see changes together with their snapshots.
 *
 * Threads: fgd_store_submit, fgd_read_begin/end from any thread; everything that takes an fgd_txn on the thread that runs it.
 */

#include <fieldguard/host.h>
#include <fieldguard/match.h>

#include <bson/bson.h>

typedef struct fgd_store fgd_store;
typedef struct fgd_txn fgd_txn;
typedef struct fgd_cursors fgd_cursors; /* store/cursor.h */

/* --- open and close ----------------------------------------------------------------------------------------------- */

typedef struct fgd_store_options {
   const char *path; /* --dbpath: an existing folder; fieldguardd.lock in it is held while the store is open */
   uint64_t
      map_size; /* bytes; 0: 64 GiB (sparse), or the largest power of two below it that the address space has room for */
   uint64_t max_map_size; /* bytes that the map may grow to; 0: no bound but disk and address space */
   fg_loader *loader; /* started; outlives the store */
   void *log_ctx;
   void (*log) (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json); /* required */
} fgd_store_options;

/* Opens or creates the store, loads the catalog (FG_DDL_LOAD for every collection) and starts the writer thread. */
fgd_store *fgd_store_open (const fgd_store_options *options, fg_error *err) FG_WARN_UNUSED;
/* Runs the jobs already submitted, stops the writer, FG_DDL_UNLOAD for every collection, closes. All read snapshots have ended. NULL is legal. */
void fgd_store_close (fgd_store *store);

fg_loader *fgd_store_loader (const fgd_store *store);
fgd_cursors *fgd_store_cursors (fgd_store *store);
/* Now and then, from any thread: closes cursors that were idle for too long. */
void fgd_store_tick (fgd_store *store);

typedef struct fgd_store_stats {
   uint64_t map_size;
   uint64_t used_bytes;
   uint64_t jobs; /* since start */
   uint64_t batches; /* committed LMDB transactions */
   uint64_t failed_batches;
   uint64_t open_cursors;
   uint64_t timed_out_cursors;
   uint64_t inserted, updated, deleted, returned; /* documents */
   uint64_t started, committed, aborted; /* multi-document transactions */
   uint64_t retried; /* statements of retryable writes that had been executed before */
} fgd_store_stats;
void fgd_store_get_stats (fgd_store *store, fgd_store_stats *stats);

/* --- read snapshots ------------------------------------------------------------------------------------------------ */

fgd_txn *fgd_read_begin (fgd_store *store, fg_error *err) FG_WARN_UNUSED; /* may be used by one thread at a time */
void fgd_read_end (fgd_txn *txn); /* NULL is legal */

/* --- the writer ---------------------------------------------------------------------------------------------------- */

/* Intrusive: embed it. The store keeps only the pointer, from submit until done is called. */
typedef struct fgd_job {
   /* On the writer thread, inside the write transaction. */
   void (*run) (struct fgd_job *job, fgd_txn *txn);
   /* On the writer thread, when everything that run wrote is on disk and the modules' sync hook has returned. failure is NULL then; otherwise nothing (or, when sync failed,
    * nothing acknowledgeable) was written: answer with failure (FG_ERROR_SERVER) instead of what run prepared. */
   void (*done) (struct fgd_job *job, const fg_error *failure);
   struct fgd_job *next; /* the store's */
   fg_error failure; /* the store's */
} fgd_job;

void fgd_store_submit (fgd_store *store, fgd_job *job);

/* --- what commands see ---------------------------------------------------------------------------------------------- */

fgd_store *fgd_txn_store (const fgd_txn *txn);
bool fgd_txn_is_write (const fgd_txn *txn);

typedef struct fgd_index_field {
   char *path;
   bool descending;
} fgd_index_field;

/* Immutable. */
typedef struct fgd_index {
   uint64_t id;
   const char *name;
   bson_t *spec; /* as listIndexes returns it: {v: 2, key: ..., name: ..., ...} */
   fgd_index_field *fields;
   size_t n_fields;
   bool is_id;
   bool unique;
   bool sparse;
   fg_matcher *partial; /* NULL: every document */
} fgd_index;

/* A collection in a catalog. Immutable: a DDL publishes a new one. */
typedef struct fgd_coll {
   char *ns; /* "db.name" */
   char *db;
   const char *name; /* inside ns */
   uint64_t id; /* prefix of its records; never used again after drop */
   uint8_t uuid[16];
   bson_t *options; /* as listCollections returns `options` */
   fgd_index **indexes; /* [0] is _id_ */
   size_t n_indexes;
   fg_validator *validator; /* NULL: options could not be read, validator_error says why and every write is refused */
   fg_error validator_error;
   fg_collection *module; /* the modules' slots; writer thread only */
   int refs; /* the catalog's (atomic) */
   bool hidden; /* being filled (store/copy.h): in no catalog */
} fgd_coll;

/* From here on this transaction's scans and counts fail with 50 MaxTimeMSExpired once monotonic time has reached deadline_us (INT64_MAX: never). For a
 * write transaction until the job that runs in it ends. */
void fgd_txn_set_deadline (fgd_txn *txn, int64_t deadline_us);
bool fgd_txn_expired (const fgd_txn *txn, fg_error *err); /* true: the deadline is over, and err says so */

/* A long write lets others in between two of its documents. Only a job that says so (with fgd_txn_allow_yield, before its first write) yields at all: each of its
 * documents then stands for itself. fgd_txn_wants_yield is true when others have waited for a while, or the transaction has grown large. fgd_txn_yield commits
 * what the batch has written, this job's part too, and runs jobs that wait, DDL among them: afterwards no scan may be open, and
 * fgd_coll pointers are stale. False: the batch or the next one failed, and so must this job. */
void fgd_txn_allow_yield (fgd_txn *txn);
bool fgd_txn_wants_yield (fgd_txn *txn);
bool fgd_txn_yield (fgd_txn *txn, fg_error *err) FG_WARN_UNUSED;
/* The id of the youngest record: what is inserted later gets a higher one. Write transactions only. */
uint64_t fgd_txn_last_record (const fgd_txn *txn);

/* NULL: no such collection. Valid until the transaction ends or (in a write) the next fgd_ddl_ or fgd_txn_yield call. */
const fgd_coll *fgd_txn_collection (const fgd_txn *txn, const char *db, const char *name);
const fgd_coll *fgd_txn_collection_by_id (const fgd_txn *txn, uint64_t id);
const fgd_coll *fgd_txn_collection_by_uuid (const fgd_txn *txn, const uint8_t uuid[16]);
/* In order of namespace; db NULL: all. visit returns false to stop. */
void fgd_txn_visit_collections (const fgd_txn *txn, const char *db, bool (*visit) (void *ctx, const fgd_coll *coll),
                                void *ctx);

/* --- documents ------------------------------------------------------------------------------------------------------ */

typedef struct fgd_record {
   uint64_t id;
   const uint8_t *data; /* valid until the next write in this transaction, or its end */
   size_t len;
} fgd_record;

typedef enum fgd_step { FGD_STEP_ERROR = -1, FGD_STEP_END = 0, FGD_STEP_RECORD = 1 } fgd_step;

/* Walks records in natural order. With a matcher that states equalities on an index's fields, only that index's candidates are visited: the
 * caller still has to apply the matcher. after: 0 or the id of the last record already seen, so that a scan can go on in a later snapshot. */
typedef struct fgd_scan fgd_scan;
fgd_scan *fgd_scan_new (fgd_txn *txn, const fgd_coll *coll, const fg_matcher *matcher, uint64_t after,
                        fg_error *err) FG_WARN_UNUSED;
fgd_step fgd_scan_next (fgd_scan *scan, fgd_record *record,
                        fg_error *err) FG_WARN_UNUSED; /* writes between steps are legal */
void fgd_scan_free (fgd_scan *scan);
/* The name of the index that is used, NULL for a collection scan. */
const char *fgd_scan_index (const fgd_scan *scan);

/* Stops early when the transaction's deadline is over: then fgd_txn_expired says so. */
uint64_t fgd_count_records (fgd_txn *txn, const fgd_coll *coll);

/* The checks of a put without the put: 11000 (with keyPattern and keyValue appended to detail when not NULL), 171, key generation failures. replaces: the
 * record id whose own keys do not conflict, or 0. */
bool fgd_check_indexes (fgd_txn *txn, const fgd_coll *coll, const uint8_t *doc, size_t len, uint64_t replaces,
                        bson_t *detail, fg_error *err) FG_WARN_UNUSED;
/* Whether the document has a place in the index: a sparse or partial one leaves some out. */
bool fgd_index_holds (fgd_txn *txn, const fgd_index *index, const uint8_t *doc, size_t len, bool *holds,
                      fg_error *err) FG_WARN_UNUSED;
/* These fail only when LMDB or memory does: the transaction is then broken and the batch will be rolled back. */
bool fgd_put_insert (fgd_txn *txn, const fgd_coll *coll, const uint8_t *doc, size_t len, fg_error *err) FG_WARN_UNUSED;
bool fgd_put_update (fgd_txn *txn, const fgd_coll *coll, uint64_t id, const uint8_t *doc, size_t len,
                     fg_error *err) FG_WARN_UNUSED;
bool fgd_put_delete (fgd_txn *txn, const fgd_coll *coll, uint64_t id, fg_error *err) FG_WARN_UNUSED;
void fgd_store_count_returned (fgd_store *store, uint64_t n);

/* --- the modules' say in a write ------------------------------------------------------------------------------------- */

/* Runs the modules' validate chain for one document within this job's unit of work. REJECT: refusal is filled; release it with fg_refusal_release. Otherwise the other
 * checks follow, and then exactly one of accept (the document is about to be put) and decline (something else refused it: what modules had on record for
 * it is dropped). */
fg_verdict fgd_txn_validate (fgd_txn *txn, const fgd_coll *coll, const fg_client_info *client, fg_op op, uint32_t flags,
                             const uint8_t *post, size_t post_len, const uint8_t *pre, size_t pre_len,
                             fg_refusal *refusal);
/* False: a module cannot commit what it recorded; refusal is filled, and the document must not be put. */
bool fgd_txn_accept (fgd_txn *txn, fg_refusal *refusal) FG_WARN_UNUSED;
void fgd_txn_decline (fgd_txn *txn);

/* --- DDL (write transactions only) ------------------------------------------------------------------------------------ */

/* Every one commits on its own; after it, fgd_coll pointers obtained before are stale. err: FG_ERROR_SERVER. */
bool fgd_ddl_create (fgd_txn *txn, const fg_client_info *client, const char *db, const char *name,
                     const bson_t *options, fg_error *err) FG_WARN_UNUSED;
bool fgd_ddl_coll_mod (fgd_txn *txn, const fg_client_info *client, const fgd_coll *coll, const bson_t *options,
                       fg_error *err) FG_WARN_UNUSED;
bool fgd_ddl_drop (fgd_txn *txn, const fg_client_info *client, const fgd_coll *coll, fg_error *err) FG_WARN_UNUSED;
/* Renames: copy.h. */
/* specs: complete and checked ({v, key, name, ...}); builds over what is there: 11000 (detail as above) leaves nothing behind. */
bool fgd_ddl_create_indexes (fgd_txn *txn, const fgd_coll *coll, const bson_t *const *specs, size_t n_specs,
                             bson_t *detail, fg_error *err) FG_WARN_UNUSED;
/* which[i]: index i of coll goes; never [0]. */
bool fgd_ddl_drop_indexes (fgd_txn *txn, const fgd_coll *coll, const bool *which, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_STORE_H */
