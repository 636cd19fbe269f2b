/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"
#include "hosts/fieldguardd/store/overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * The writer thread and its transactions. A batch ends when no job waits, or when it has grown to a bound; then: commit, end the units, sync, done.
 */

#define BATCH_JOBS_MAX 1000
#define BATCH_BYTES_MAX (32u * 1024 * 1024)
#define EXPIRY_STEP_NS 250000000

/* A long job lets others in when it has had the thread for a slice, and gets it back when they have had one. Each job that yields stays on the stack. */
#define SLICE_US 10000
#define YIELD_DEPTH_MAX 8u

/* --- units ---------------------------------------------------------------------------------------------------------- */

static fg_unit *
unit_for_write (fgd_txn *txn, const fg_client_info *client)
{
   if (txn->open_unit) {
      return txn->open_unit;
   }
   if (!txn->units || txn->units->n == FGD_UNIT_CHUNK) {
      fgd_unit_chunk *chunk = calloc (1, sizeof *chunk);
      if (!chunk) {
         return NULL;
      }
      chunk->next = txn->units;
      txn->units = chunk;
   }
   txn->open_unit = &txn->units->units[txn->units->n++];
   fg_unit_begin (txn->open_unit, client);
   return txn->open_unit;
}

static void
end_units (fgd_txn *txn, bool committed)
{
   while (txn->units) {
      fgd_unit_chunk *chunk = txn->units;
      for (size_t i = 0; i < chunk->n; i++) {
         if (committed) {
            fg_loader_committed (txn->store->loader, &chunk->units[i]);
         } else {
            fg_loader_rolled_back (txn->store->loader, &chunk->units[i]);
         }
      }
      txn->units = chunk->next;
      free (chunk);
   }
   txn->open_unit = NULL;
}

/* The unit's only recorded document is refused after all: it leaves the batch. */
static void
drop_unit (fgd_txn *txn, fg_unit *unit)
{
   fg_loader_rolled_back (txn->store->loader, unit);
   txn->units->n--;
   txn->open_unit = NULL;
}

fg_verdict
fgd_txn_validate (fgd_txn *txn, const fgd_coll *coll, const fg_client_info *client, fg_op op, uint32_t flags,
                  const uint8_t *post, size_t post_len, const uint8_t *pre, size_t pre_len, fg_refusal *refusal)
{
   fg_loader *loader = txn->store->loader;
   fg_unit *unit = txn->overlay ? &txn->overlay->unit : unit_for_write (txn, client);

   memset (refusal, 0, sizeof *refusal);
   refusal->size = sizeof *refusal;
   if (!unit) {
      refusal->code = 146;
      snprintf (refusal->message, sizeof refusal->message, "out of memory");
      return FG_VERDICT_REJECT;
   }
   if (txn->overlay) {
      txn->overlay->op = op;
      txn->overlay->flags = flags;
   }
   return fg_loader_validate (loader, unit, coll->module, op, FG_PHASE_STORED, flags, post, post_len, pre, pre_len,
                              refusal);
}

bool
fgd_txn_accept (fgd_txn *txn, fg_refusal *refusal)
{
   fg_unit *unit = txn->open_unit;

   memset (refusal, 0, sizeof *refusal);
   refusal->size = sizeof *refusal;
   if (txn->overlay) {
      return fg_loader_prepare_commit (txn->store->loader, &txn->overlay->unit, refusal);
   }
   if (!unit || !unit->recorded) {
      return true;
   }
   if (!fg_loader_prepare_commit (txn->store->loader, unit, refusal)) {
      drop_unit (txn, unit);
      return false;
   }
   /* A document on record closes its unit, so that declining a later one leaves this one alone. */
   txn->open_unit = NULL;
   return true;
}

void
fgd_txn_decline (fgd_txn *txn)
{
   /* A transaction's statement gives its unit up in any case (transaction.c): open_unit is NULL there. */
   if (txn->open_unit && txn->open_unit->recorded) {
      drop_unit (txn, txn->open_unit);
   }
}

void
fgd_txn_drop_unit (fgd_txn *txn)
{
   if (txn->open_unit) {
      drop_unit (txn, txn->open_unit);
   }
}

/* --- transactions --------------------------------------------------------------------------------------------------- */

static bool
begin_write (fgd_store *store, fgd_txn *txn, fg_error *err)
{
   txn->store = store;
   txn->write = true;
   txn->dirty = false;
   txn->broken = false;
   txn->bytes = 0;
   txn->open_unit = NULL;
   txn->catalog = store->catalog;
   fg_error_clear (&txn->failure);
   fgd_map_grow (store);
   int rc = mdb_txn_begin (store->env, NULL, 0, &txn->mdb);
   if (rc != 0) {
      txn->mdb = NULL;
      return fgd_store_error (err, rc, "beginning a write transaction");
   }
   return true;
}

static bool
commit (fgd_txn *txn, fg_error *err)
{
   if (!txn->mdb || txn->broken) {
      if (txn->mdb) {
         mdb_txn_abort (txn->mdb);
      }
      txn->mdb = NULL;
      if (err) {
         *err = txn->failure;
      }
      return false;
   }
   if (!txn->dirty) {
      mdb_txn_abort (txn->mdb);
      txn->mdb = NULL;
      return true;
   }
   int rc = mdb_txn_commit (txn->mdb);
   txn->mdb = NULL;
   if (rc != 0) {
      fgd_store_error (&txn->failure, rc, "the write could not be made durable");
      txn->broken = true;
      if (err) {
         *err = txn->failure;
      }
      return false;
   }
   atomic_fetch_add_explicit (&txn->store->batches, 1, memory_order_relaxed);
   return true;
}

static void
log_failure (fgd_store *store, const fg_error *failure)
{
   fg_buf attr = {0};

   fg_buf_append_str (&attr, "{\"error\":");
   fg_buf_append_json_string (&attr, failure->message, strlen (failure->message));
   fg_buf_append (&attr, "}", 2);
   store->log (store->log_ctx, FG_LOG_ERROR, 9200001, "A batch of writes failed and was rolled back",
               attr.failed ? NULL : (const char *)attr.data);
   fg_buf_free (&attr);
}

static void
sync_modules (fgd_store *store, bool *ok, fg_error *failure)
{
   fg_refusal refusal = {.size = sizeof refusal};

   if (!fg_loader_sync (store->loader, &refusal)) {
      *ok = false;
      fg_error_set (failure, FG_ERROR_SERVER, refusal.code ? refusal.code : 1, NULL, "%s",
                    refusal.message[0] ? refusal.message : "a module could not make its records durable");
   }
   fg_refusal_release (&refusal);
}

/* Tells the jobs of the batch, in their order, how it ended. */
static void
finish_jobs (fgd_txn *txn, bool committed)
{
   fg_error failure = txn->failure;
   bool ok = committed;

   end_units (txn, committed);
   if (!committed) {
      atomic_fetch_add_explicit (&txn->store->failed_batches, 1, memory_order_relaxed);
      log_failure (txn->store, &failure);
   }
   /* Also after a roll-back: what was refused on its way is on record, and its clients are about to hear of it. */
   sync_modules (txn->store, &ok, &failure);
   while (txn->jobs) {
      fgd_job *job = txn->jobs;
      txn->jobs = job->next;
      job->next = NULL;
      bool own_failure = job->failure.domain != FG_ERROR_NONE;
      job->done (job, !ok ? &failure : own_failure ? &job->failure : NULL);
   }
   txn->jobs_tail = &txn->jobs;
}

bool
fgd_txn_flush (fgd_txn *txn, fg_error *err)
{
   bool clean = !txn->dirty && !txn->broken && txn->mdb;

   if (clean && !txn->jobs && !txn->units) {
      return true;
   }
   bool committed = commit (txn, err);
   finish_jobs (txn, committed);
   bool began = begin_write (txn->store, txn, committed ? err : NULL);
   if (!began) {
      txn->broken = true;
      fg_error_set (&txn->failure, FG_ERROR_SERVER, 1, NULL, "no write transaction could be begun");
   } else if (!committed) {
      /* The running job has lost what it wrote before: the rest of it must not be acknowledged either. */
      txn->broken = true;
      fg_error_set (&txn->failure, FG_ERROR_SERVER, 1, NULL, "the batch before failed");
   }
   return committed && began;
}

bool
fgd_txn_publish (fgd_txn *txn, fgd_catalog *next, fg_error *err)
{
   fgd_store *store = txn->store;
   fgd_catalog *old = store->catalog;

   pthread_rwlock_wrlock (&store->publish);
   bool committed = commit (txn, err);
   if (committed) {
      store->catalog = next;
   }
   pthread_rwlock_unlock (&store->publish);
   fgd_catalog_unref (committed ? old : next);
   fg_error failure = txn->failure;
   bool began = begin_write (store, txn, NULL);
   if (!committed) {
      log_failure (store, &failure);
   }
   if (!began) {
      txn->broken = true;
      fg_error_set (&txn->failure, FG_ERROR_SERVER, 1, NULL, "no write transaction could be begun");
   }
   return committed;
}

/* --- the thread ----------------------------------------------------------------------------------------------------- */

/* While transactions are open, the thread looks at the clock now and then. */
static void
wait_for_job (fgd_store *store)
{
   struct timespec until;

   while (!store->head && !store->stop) {
      if (store->n_open == 0) {
         pthread_cond_wait (&store->wake, &store->mutex);
         continue;
      }
      clock_gettime (CLOCK_REALTIME, &until);
      until.tv_nsec += EXPIRY_STEP_NS;
      until.tv_sec += until.tv_nsec / 1000000000;
      until.tv_nsec %= 1000000000;
      if (pthread_cond_timedwait (&store->wake, &store->mutex, &until) != 0) {
         pthread_mutex_unlock (&store->mutex);
         fgd_transactions_expire (store);
         pthread_mutex_lock (&store->mutex);
      }
   }
}

static fgd_job *
take_job (fgd_store *store, bool wait)
{
   pthread_mutex_lock (&store->mutex);
   if (wait) {
      wait_for_job (store);
   }
   fgd_job *job = store->head;
   if (job) {
      store->head = job->next;
      if (!store->head) {
         store->tail = &store->head;
      }
      job->next = NULL;
   }
   pthread_mutex_unlock (&store->mutex);
   return job;
}

static void
run_job (fgd_txn *txn, fgd_job *job)
{
   fg_error_clear (&job->failure);
   txn->open_unit = NULL;
   txn->deadline_us = INT64_MAX;
   txn->may_yield = false;
   txn->slice_us = fgd_store_now_us ();
   job->run (job, txn);
   txn->open_unit = NULL;
   *txn->jobs_tail = job;
   txn->jobs_tail = &job->next;
   atomic_fetch_add_explicit (&txn->store->jobs, 1, memory_order_relaxed);
}

static void
run_batch (fgd_store *store, fgd_txn *txn, fgd_job *job)
{
   size_t n = 0;

   if (!begin_write (store, txn, &job->failure)) {
      fg_error failure = job->failure;
      atomic_fetch_add_explicit (&store->failed_batches, 1, memory_order_relaxed);
      job->done (job, &failure);
      return;
   }
   while (job) {
      run_job (txn, job);
      n++;
      if (txn->broken || n >= BATCH_JOBS_MAX || txn->bytes >= BATCH_BYTES_MAX) {
         break;
      }
      job = take_job (store, false);
   }
   finish_jobs (txn, commit (txn, NULL));
}

/* --- yielding ------------------------------------------------------------------------------------------------------- */

void
fgd_txn_allow_yield (fgd_txn *txn)
{
   txn->may_yield = true;
}

bool
fgd_txn_wants_yield (fgd_txn *txn)
{
   if (!txn->may_yield || txn->depth >= YIELD_DEPTH_MAX) {
      return false;
   }
   if (txn->bytes >= BATCH_BYTES_MAX) {
      return true;
   }
   int64_t now = fgd_store_now_us ();
   if (now - txn->slice_us < SLICE_US) {
      return false;
   }
   pthread_mutex_lock (&txn->store->mutex);
   bool waited_for = txn->store->head || txn->jobs; /* those of this batch wait for their replies */
   pthread_mutex_unlock (&txn->store->mutex);
   if (!waited_for) {
      txn->slice_us = now;
   }
   return waited_for;
}

static void
run_others (fgd_txn *txn)
{
   int64_t end = fgd_store_now_us () + SLICE_US;
   fgd_job *job;

   while (!txn->broken && txn->bytes < BATCH_BYTES_MAX && fgd_store_now_us () < end &&
          (job = take_job (txn->store, false)) != NULL) {
      run_job (txn, job);
   }
}

bool
fgd_txn_yield (fgd_txn *txn, fg_error *err)
{
   const int64_t deadline_us = txn->deadline_us;

   if (!fgd_txn_flush (txn, err)) {
      return false;
   }
   txn->depth++;
   run_others (txn);
   bool ok = fgd_txn_flush (txn, err);
   txn->depth--;
   txn->deadline_us = deadline_us;
   txn->may_yield = true;
   txn->slice_us = fgd_store_now_us ();
   return ok;
}

uint64_t
fgd_txn_last_record (const fgd_txn *txn)
{
   return txn->store->next_record;
}

/* --- the thread's life ---------------------------------------------------------------------------------------------- */

static void *
writer_main (void *arg)
{
   fgd_store *store = arg;
   fgd_txn txn = {0};
   fgd_job *job;

   txn.jobs_tail = &txn.jobs;
   while ((job = take_job (store, true)) != NULL) {
      run_batch (store, &txn, job);
   }
   fgd_keys_free (&txn.keys);
   fgd_keys_free (&txn.other_keys);
   return NULL;
}

void
fgd_store_submit (fgd_store *store, fgd_job *job)
{
   pthread_mutex_lock (&store->mutex);
   job->next = NULL;
   *store->tail = job;
   store->tail = &job->next;
   pthread_cond_signal (&store->wake);
   pthread_mutex_unlock (&store->mutex);
}

bool
fgd_writer_start (fgd_store *store, fg_error *err)
{
   int rc = pthread_create (&store->thread, NULL, writer_main, store);

   if (rc != 0) {
      return fg_error_set_errno (err, rc, NULL, "starting the writer thread");
   }
   store->running = true;
   return true;
}

void
fgd_writer_stop (fgd_store *store)
{
   if (!store->running) {
      return;
   }
   pthread_mutex_lock (&store->mutex);
   store->stop = true;
   pthread_cond_signal (&store->wake);
   pthread_mutex_unlock (&store->mutex);
   pthread_join (store->thread, NULL);
   store->running = false;
}
