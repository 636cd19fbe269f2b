/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/retry.h"

#include "hosts/fieldguardd/store/internal.h"

#include <stdlib.h>
#include <time.h>

/*
 * A session's entry: kind (1 byte), number (8), time of the last write (8), then for each run of statements with one answer: first id (4), how many (4), n (4),
 * modified (4), length of extra (4), extra. All little-endian, the statements in the order in which they were executed.
 */

#define HEAD 17u
#define RUN 20u
#define SWEEP_MS 60000

#define CODE_TOO_OLD 225
#define CODE_TOO_MANY_SESSIONS 261
#define CODE_NUMBER_IN_USE 50911

struct fgd_retry {
   fgd_txn *txn;
   uint8_t lsid[FGD_LSID];
   int64_t number;
   fg_buf entry;
   size_t loaded; /* bytes of entry that were there when the command came: what can be found */
   size_t at; /* where the next statement's answer is looked for first */
   size_t last_run; /* offset of the last run; 0: none */
   bool dirty;
   int32_t first; /* the first statement's id, when there are no ids */
   fg_buf ids; /* int32_t */
   fg_buf found; /* int32_t */
};

/* --- entries -------------------------------------------------------------------------------------------------------- */

static int64_t
wall_ms (void)
{
   struct timespec now;

   clock_gettime (CLOCK_REALTIME, &now);
   return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
put_u32 (uint8_t *out, uint32_t value)
{
   for (size_t i = 0; i < 4; i++) {
      out[i] = (uint8_t)(value >> (8 * i));
   }
}

static void
put_u64 (uint8_t *out, uint64_t value)
{
   put_u32 (out, (uint32_t)value);
   put_u32 (out + 4, (uint32_t)(value >> 32));
}

static void
put_head (uint8_t out[HEAD], fgd_session_kind kind, int64_t number)
{
   out[0] = (uint8_t)kind;
   put_u64 (out + 1, (uint64_t)number);
   put_u64 (out + 9, (uint64_t)wall_ms ());
}

static MDB_val
key_of (const uint8_t lsid[FGD_LSID], uint8_t copy[FGD_LSID])
{
   memcpy (copy, lsid, FGD_LSID);
   return (MDB_val){FGD_LSID, copy};
}

/* *found false: no such session. */
static bool
get (fgd_txn *txn, const uint8_t lsid[FGD_LSID], MDB_val *value, bool *found, fg_error *err)
{
   uint8_t bytes[FGD_LSID];
   MDB_val key = key_of (lsid, bytes);

   *found = false;
   if (!fgd_txn_usable (txn, err)) {
      return false;
   }
   int rc = mdb_get (txn->mdb, txn->store->sessions, &key, value);
   if (rc == 0 && value->mv_size < HEAD) {
      rc = MDB_CORRUPTED;
   }
   *found = rc == 0;
   return rc == 0 || rc == MDB_NOTFOUND || fgd_store_error (err, rc, "reading a session");
}

bool
fgd_session_read (fgd_txn *writer, const uint8_t lsid[FGD_LSID], fgd_session_kind *kind, int64_t *number, fg_error *err)
{
   MDB_val value;
   bool found;

   *kind = FGD_SESSION_NONE;
   *number = -1;
   if (!get (writer, lsid, &value, &found, err)) {
      return false;
   }
   if (found) {
      const uint8_t *head = value.mv_data;
      *kind = head[0] == FGD_SESSION_COMMITTED ? FGD_SESSION_COMMITTED : FGD_SESSION_RETRYABLE;
      *number = (int64_t)fg_read_u64le (head + 1);
   }
   return true;
}

/* --- old ones ------------------------------------------------------------------------------------------------------- */

/* Deletes what has not been written to for half an hour; a session keeps its transaction's number as long as somebody may ask. */
static bool
sweep (fgd_txn *txn, fg_error *err)
{
   MDB_cursor *cursor;
   MDB_val key;
   MDB_val value;
   int64_t oldest = wall_ms () - FGD_SESSION_LIFETIME_MS;

   int rc = mdb_cursor_open (txn->mdb, txn->store->sessions, &cursor);
   if (rc != 0) {
      return fgd_txn_break (txn, rc, "opening a cursor", err);
   }
   rc = mdb_cursor_get (cursor, &key, &value, MDB_FIRST);
   while (rc == 0) {
      if (value.mv_size >= HEAD && (int64_t)fg_read_u64le ((const uint8_t *)value.mv_data + 9) < oldest) {
         txn->dirty = true;
         rc = mdb_cursor_del (cursor, 0);
      }
      if (rc == 0) {
         rc = mdb_cursor_get (cursor, &key, &value, MDB_NEXT);
      }
   }
   mdb_cursor_close (cursor);
   return rc == MDB_NOTFOUND || fgd_txn_break (txn, rc, "forgetting old sessions", err);
}

static bool
sweep_sometimes (fgd_txn *txn, fg_error *err)
{
   int64_t now = wall_ms ();

   if (now - txn->store->swept_ms < SWEEP_MS) {
      return true;
   }
   txn->store->swept_ms = now;
   return sweep (txn, err);
}

static bool
count_sessions (fgd_txn *txn, size_t *n, fg_error *err)
{
   MDB_stat stat;

   int rc = mdb_stat (txn->mdb, txn->store->sessions, &stat);
   *n = rc == 0 ? stat.ms_entries : 0;
   return rc == 0 || fgd_store_error (err, rc, "counting sessions");
}

/* When there are too many, nobody may ever write again who would have the old ones forgotten. */
bool
fgd_session_check_room (fgd_txn *txn, fg_error *err)
{
   size_t n;

   if (!fgd_txn_usable (txn, err) || !count_sessions (txn, &n, err) ||
       (n >= FGD_SESSIONS_MAX && (!sweep_sometimes (txn, err) || !count_sessions (txn, &n, err)))) {
      return false;
   }
   return n < FGD_SESSIONS_MAX || fg_error_set (err, FG_ERROR_SERVER, CODE_TOO_MANY_SESSIONS, NULL,
                                                "Unable to add session into the cache because the "
                                                "number of active sessions is too high");
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static bool
put (fgd_txn *txn, const uint8_t lsid[FGD_LSID], const uint8_t *entry, size_t len, fg_error *err)
{
   uint8_t bytes[FGD_LSID];
   MDB_val key = key_of (lsid, bytes);
   MDB_val value = {len, NULL};

   if (!fgd_txn_usable (txn, err) || !sweep_sometimes (txn, err)) {
      return false;
   }
   txn->dirty = true;
   txn->bytes += len;
   int rc = mdb_put (txn->mdb, txn->store->sessions, &key, &value, MDB_RESERVE);
   if (rc != 0) {
      return fgd_txn_break (txn, rc, "writing a session", err);
   }
   memcpy (value.mv_data, entry, len);
   return true;
}

bool
fgd_session_put_committed (fgd_txn *writer, const uint8_t lsid[FGD_LSID], int64_t number, fg_error *err)
{
   uint8_t head[HEAD];

   put_head (head, FGD_SESSION_COMMITTED, number);
   return put (writer, lsid, head, sizeof head, err);
}

bool
fgd_session_forget (fgd_txn *writer, const uint8_t lsid[FGD_LSID], fg_error *err)
{
   uint8_t bytes[FGD_LSID];
   MDB_val key = key_of (lsid, bytes);

   if (!fgd_txn_usable (writer, err)) {
      return false;
   }
   int rc = mdb_del (writer->mdb, writer->store->sessions, &key, NULL);
   if (rc == 0) {
      writer->dirty = true;
   }
   return rc == 0 || rc == MDB_NOTFOUND || fgd_txn_break (writer, rc, "forgetting a session", err);
}

/* --- the statements of a command ------------------------------------------------------------------------------------ */

static bool
too_old (int64_t number, int64_t active, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_SERVER, CODE_TOO_OLD, NULL,
                        "Retryable write with txnNumber %lld is prohibited on this session because a newer "
                        "retryable write or transaction with txnNumber %lld has already started.",
                        (long long)number, (long long)active);
}

/* What the session has kept, when it is of this number; nothing for a greater one. */
static bool
load_kept (fgd_retry *retry, const uint8_t *kept, size_t len, fg_error *err)
{
   int64_t number = (int64_t)fg_read_u64le (kept + 1);

   if (retry->number < number) {
      return too_old (retry->number, number, err);
   }
   if (retry->number == number && kept[0] == FGD_SESSION_COMMITTED) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_NUMBER_IN_USE, NULL,
                           "Cannot start a retryable write at given transaction number %lld: a transaction has it",
                           (long long)number);
   }
   if (retry->number == number) {
      fg_buf_append (&retry->entry, kept, len);
   }
   return true;
}

static bool
load (fgd_retry *retry, fg_error *err)
{
   MDB_val value;
   bool found;
   uint8_t head[HEAD];

   if (!get (retry->txn, retry->lsid, &value, &found, err) ||
       !(found ? load_kept (retry, value.mv_data, value.mv_size, err) : fgd_session_check_room (retry->txn, err))) {
      return false;
   }
   if (retry->entry.len == 0) {
      put_head (head, FGD_SESSION_RETRYABLE, retry->number);
      fg_buf_append (&retry->entry, head, sizeof head);
   }
   retry->loaded = retry->entry.len;
   retry->at = HEAD;
   return !retry->entry.failed || fgd_store_no_memory (err);
}

fgd_retry *
fgd_retry_open (fgd_txn *writer, const fgd_logical *logical, fg_error *err)
{
   if (!fgd_transaction_supersede (writer, logical, err)) {
      return NULL;
   }
   fgd_retry *retry = calloc (1, sizeof *retry);
   if (!retry) {
      fgd_store_no_memory (err);
      return NULL;
   }
   retry->txn = writer;
   retry->number = logical->number;
   memcpy (retry->lsid, logical->lsid, FGD_LSID);
   if (!load (retry, err)) {
      fgd_retry_free (retry);
      return NULL;
   }
   return retry;
}

void
fgd_retry_free (fgd_retry *retry)
{
   if (retry) {
      fg_buf_free (&retry->entry);
      fg_buf_free (&retry->ids);
      fg_buf_free (&retry->found);
      free (retry);
   }
}

bool
fgd_retry_set_ids (fgd_retry *retry, int32_t first, const int32_t *ids, size_t n, fg_error *err)
{
   retry->first = first;
   if (ids) {
      fg_buf_append (&retry->ids, ids, n * sizeof *ids);
   }
   return !retry->ids.failed || fgd_store_no_memory (err);
}

static int32_t
statement_id (const fgd_retry *retry, size_t index)
{
   int32_t id = (int32_t)((uint32_t)retry->first + (uint32_t)index);

   if (index < retry->ids.len / sizeof id) {
      memcpy (&id, retry->ids.data + index * sizeof id, sizeof id);
   }
   return id;
}

const int32_t *
fgd_retry_found (const fgd_retry *retry, size_t *n)
{
   *n = retry->found.failed ? 0 : retry->found.len / sizeof (int32_t);
   return (const int32_t *)(const void *)retry->found.data;
}

/* The length of the run at an offset; 0: there is none. */
static size_t
run_len (const fgd_retry *retry, size_t at)
{
   if (at > retry->loaded || retry->loaded - at < RUN) {
      return 0;
   }
   size_t extra = fg_read_u32le (retry->entry.data + at + 16);
   return extra <= retry->loaded - at - RUN ? RUN + extra : 0;
}

static bool
run_holds (const fgd_retry *retry, size_t at, int32_t statement)
{
   int64_t first = (int32_t)fg_read_u32le (retry->entry.data + at);
   int64_t count = fg_read_u32le (retry->entry.data + at + 4);

   return statement >= first && statement < first + count;
}

/* Statements come in the order in which they came the first time: the search goes on where it ended, and starts again once. */
bool
fgd_retry_find (fgd_retry *retry, size_t index, fgd_statement_result *result)
{
   int32_t statement = statement_id (retry, index);

   for (int round = 0; round < 2; round++) {
      size_t at = round == 0 ? retry->at : HEAD;
      for (size_t len; (len = run_len (retry, at)) > 0; at += len) {
         if (!run_holds (retry, at, statement)) {
            continue;
         }
         const uint8_t *run = retry->entry.data + at;
         retry->at = at;
         *result = (fgd_statement_result){.n = (int32_t)fg_read_u32le (run + 8),
                                          .modified = (int32_t)fg_read_u32le (run + 12),
                                          .extra = len > RUN ? run + RUN : NULL,
                                          .extra_len = len - RUN};
         fg_buf_append (&retry->found, &statement, sizeof statement);
         atomic_fetch_add_explicit (&retry->txn->store->retried, 1, memory_order_relaxed);
         return true;
      }
   }
   return false;
}

/* One more statement of the last run. */
static bool
extend (fgd_retry *retry, int32_t statement, const fgd_statement_result *result)
{
   if (!retry->last_run || result->extra_len) {
      return false;
   }
   uint8_t *run = retry->entry.data + retry->last_run;
   int64_t first = (int32_t)fg_read_u32le (run);
   int64_t count = fg_read_u32le (run + 4);
   if (first + count != statement || (int32_t)fg_read_u32le (run + 8) != result->n ||
       (int32_t)fg_read_u32le (run + 12) != result->modified || fg_read_u32le (run + 16) != 0) {
      return false;
   }
   put_u32 (run + 4, (uint32_t)(count + 1));
   return true;
}

bool
fgd_retry_note (fgd_retry *retry, size_t index, const fgd_statement_result *result, fg_error *err)
{
   uint8_t run[RUN];
   int32_t statement = statement_id (retry, index);

   retry->dirty = true;
   if (extend (retry, statement, result)) {
      return true;
   }
   put_u32 (run, (uint32_t)statement);
   put_u32 (run + 4, 1);
   put_u32 (run + 8, (uint32_t)result->n);
   put_u32 (run + 12, (uint32_t)result->modified);
   put_u32 (run + 16, (uint32_t)result->extra_len);
   retry->last_run = retry->entry.len;
   fg_buf_append (&retry->entry, run, sizeof run);
   fg_buf_append (&retry->entry, result->extra, result->extra_len);
   if (retry->entry.failed) {
      /* The write stands in the batch and its answer does not: neither may stay. */
      return fgd_txn_break (retry->txn, ENOMEM, "remembering a retryable write", err);
   }
   return true;
}

bool
fgd_retry_save (fgd_retry *retry, fg_error *err)
{
   if (!retry || !retry->dirty) {
      return true;
   }
   put_head (retry->entry.data, FGD_SESSION_RETRYABLE, retry->number);
   retry->dirty = false;
   return put (retry->txn, retry->lsid, retry->entry.data, retry->entry.len, err);
}
