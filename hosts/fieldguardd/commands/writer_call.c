/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/writer_call.h"

#include <pthread.h>
#include <stdio.h>

typedef struct call {
   fgd_job job; /* first */
   fgd_request request;
   void (*work) (void *ctx, fgd_request *inner);
   void *ctx;
   pthread_mutex_t mutex;
   pthread_cond_t over;
   bool is_over;
   bool failed;
   fg_error failure;
} call;

/* On the writer thread. */
static void
run (fgd_job *job, fgd_txn *txn)
{
   call *c = (call *)job;
   char context[32];

   snprintf (context, sizeof context, "conn%lld", (long long)c->request.client->connection_id);
   fgd_log_set_context (context);
   c->request.txn = txn;
   c->work (c->ctx, &c->request);
   c->request.txn = NULL;
   fgd_log_set_context ("writer");
}

/* On the writer thread, which has no more use for the job once the mutex is free. */
static void
done (fgd_job *job, const fg_error *failure)
{
   call *c = (call *)job;

   pthread_mutex_lock (&c->mutex);
   c->failed = failure != NULL;
   if (failure) {
      c->failure = *failure;
   }
   c->is_over = true;
   pthread_cond_signal (&c->over);
   pthread_mutex_unlock (&c->mutex);
}

bool
fgd_call_writer (const fgd_request *request, void (*work) (void *ctx, fgd_request *inner), void *ctx, fg_error *err)
{
   call c = {.job = {.run = run, .done = done}, .work = work, .ctx = ctx};

   c.request.server = request->server;
   c.request.session = request->session;
   c.request.client = request->client;
   c.request.name = request->name;
   c.request.db = request->db;
   c.request.deadline_us = request->deadline_us;
   bson_init (&c.request.body);
   pthread_mutex_init (&c.mutex, NULL);
   pthread_cond_init (&c.over, NULL);
   fgd_store_submit (request->server->store, &c.job);
   pthread_mutex_lock (&c.mutex);
   while (!c.is_over) {
      pthread_cond_wait (&c.over, &c.mutex);
   }
   pthread_mutex_unlock (&c.mutex);
   pthread_cond_destroy (&c.over);
   pthread_mutex_destroy (&c.mutex);
   bson_destroy (&c.request.body);
   if (c.failed && err) {
      *err = c.failure;
   }
   return !c.failed;
}
