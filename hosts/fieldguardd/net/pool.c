/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: each takes an operation, runs its command inside a read snapshot, posts it back to the loop. */
#include "hosts/fieldguardd/net/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS_MIN 4u
#define WORKERS_MAX 64u

struct fgd_pool {
   fgd_net *net;
   pthread_mutex_t mutex;
   pthread_cond_t changed;
   fgd_op *head, *tail;
   bool stopping;
   bool draining; /* the process ends: what was asked is answered */
   atomic_bool starved; /* a worker waits for memory */
   pthread_t threads[WORKERS_MAX];
   unsigned n_threads;
};

/* What the command has done stands: no snapshot and no time left are follow_up's to deal with. */
static void
follow_up (fgd_op *op)
{
   fg_error ignored;

   op->request.txn = fgd_read_begin (op->request.server->store, &ignored);
   op->request.follow_up (&op->request, &op->reply);
   fgd_read_end (op->request.txn);
   op->request.txn = NULL;
}

static void
run (fgd_op *op)
{
   fgd_reply *reply = &op->reply;
   char context[32];

   snprintf (context, sizeof context, "conn%lld", (long long)op->request.client->connection_id);
   fgd_log_set_context (context);
   if (op->request.follow_up) {
      follow_up (op);
      return;
   }
   if (fgd_request_expired (&op->request, &reply->error)) {
      return;
   }
   op->request.txn = fgd_read_begin (op->request.server->store, &reply->error);
   if (!op->request.txn) {
      return;
   }
   fgd_txn_set_deadline (op->request.txn, op->request.deadline_us);
   op->command->run (&op->request, reply);
   fgd_read_end (op->request.txn);
   op->request.txn = NULL;
}

/* While replies hold all the memory that they may, no further ones are made. Looked at again once whoever frees some can know that it is waited for. */
static bool
must_wait (fgd_pool *pool)
{
   const fgd_server *server = pool->net->server;

   if (pool->draining || !fgd_memory_out_full (server)) {
      return false;
   }
   atomic_store (&pool->starved, true);
   return fgd_memory_out_full (server);
}

/* NULL: the pool stops. */
static fgd_op *
take (fgd_pool *pool)
{
   pthread_mutex_lock (&pool->mutex);
   while (!pool->stopping && (!pool->head || must_wait (pool))) {
      pthread_cond_wait (&pool->changed, &pool->mutex);
   }
   fgd_op *op = pool->head;
   if (op) {
      pool->head = op->next;
      if (!pool->head) {
         pool->tail = NULL;
      }
      op->next = NULL;
   }
   pthread_mutex_unlock (&pool->mutex);
   return op;
}

static void *
worker (void *arg)
{
   fgd_pool *pool = arg;
   fgd_op *op;

   while ((op = take (pool)) != NULL) {
      run (op);
      fgd_net_post (pool->net, op);
   }
   return NULL;
}

void
fgd_pool_submit (fgd_pool *pool, fgd_op *op)
{
   pthread_mutex_lock (&pool->mutex);
   op->next = NULL;
   if (pool->tail) {
      pool->tail->next = op;
   } else {
      pool->head = op;
   }
   pool->tail = op;
   pthread_cond_signal (&pool->changed);
   pthread_mutex_unlock (&pool->mutex);
}

bool
fgd_pool_starved (fgd_pool *pool)
{
   return atomic_load (&pool->starved);
}

void
fgd_pool_wake (fgd_pool *pool)
{
   pthread_mutex_lock (&pool->mutex);
   atomic_store (&pool->starved, false);
   pool->draining = pool->draining || pool->net->stopping;
   pthread_cond_broadcast (&pool->changed);
   pthread_mutex_unlock (&pool->mutex);
}

static unsigned
wanted_threads (void)
{
   long cores = sysconf (_SC_NPROCESSORS_ONLN);
   unsigned n = cores > 0 && cores < (long)WORKERS_MAX ? 2u * (unsigned)cores : WORKERS_MAX;

   if (n < WORKERS_MIN) {
      return WORKERS_MIN;
   }
   return n > WORKERS_MAX ? WORKERS_MAX : n;
}

fgd_pool *
fgd_pool_new (fgd_net *net, fg_error *err)
{
   fgd_pool *pool = calloc (1, sizeof *pool);

   if (!pool) {
      fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   pool->net = net;
   pthread_mutex_init (&pool->mutex, NULL);
   pthread_cond_init (&pool->changed, NULL);
   unsigned n = wanted_threads ();
   while (pool->n_threads < n) {
      int rc = pthread_create (&pool->threads[pool->n_threads], NULL, worker, pool);
      if (rc != 0) {
         fg_error_set_errno (err, rc, NULL, "cannot start a worker thread");
         fgd_pool_free (pool);
         return NULL;
      }
      pool->n_threads++;
   }
   return pool;
}

void
fgd_pool_free (fgd_pool *pool)
{
   if (!pool) {
      return;
   }
   pthread_mutex_lock (&pool->mutex);
   pool->stopping = true;
   pthread_cond_broadcast (&pool->changed);
   pthread_mutex_unlock (&pool->mutex);
   for (unsigned i = 0; i < pool->n_threads; i++) {
      pthread_join (pool->threads[i], NULL);
   }
   pthread_cond_destroy (&pool->changed);
   pthread_mutex_destroy (&pool->mutex);
   free (pool);
}
