/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_STORE_JOBS_H
#define FG_TEST_STORE_JOBS_H

/*
 * A store in a temporary folder, and steps that run on its writer thread, each as one job that is waited for. Everything is static: one test program
 * includes it once.
 */

#include "hosts/fieldguardd/store/store.h"
#include "tests/unit/runner.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct fixture {
   char folder[64];
   fg_loader *loader;
   fgd_store *store;
   uint64_t map_size;
} fixture;

typedef bool (*step_fn) (fgd_txn *txn, void *arg, fg_error *err);

typedef struct job {
   fgd_job base;
   step_fn step;
   void *arg;
   bool ok;
   fg_error err;
   bool is_over;
   pthread_mutex_t mutex;
   pthread_cond_t over;
} job;

static void
log_nothing (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json)
{
   (void)ctx;
   (void)severity;
   (void)id;
   (void)message;
   (void)attr_json;
}

static void
open_store (fixture *f)
{
   fg_error err;
   fgd_store_options options = {
      .path = f->folder, .map_size = f->map_size, .max_map_size = f->map_size, .loader = f->loader, .log = log_nothing};

   f->store = fgd_store_open (&options, &err);
   CU_ASSERT_FATAL (f->store != NULL);
}

static void
reopen (fixture *f)
{
   fgd_store_close (f->store);
   open_store (f);
}

static void
job_run (fgd_job *base, fgd_txn *txn)
{
   job *j = (job *)base;

   j->ok = j->step (txn, j->arg, &j->err);
}

static void
job_done (fgd_job *base, const fg_error *failure)
{
   job *j = (job *)base;

   pthread_mutex_lock (&j->mutex);
   if (failure) {
      j->ok = false;
      j->err = *failure;
   }
   j->is_over = true;
   pthread_cond_signal (&j->over);
   pthread_mutex_unlock (&j->mutex);
}

/* Whether the step and its batch succeeded; err says why not. */
static bool
run_step (fixture *f, step_fn step, void *arg, fg_error *err)
{
   job j = {.base = {.run = job_run, .done = job_done}, .step = step, .arg = arg};

   pthread_mutex_init (&j.mutex, NULL);
   pthread_cond_init (&j.over, NULL);
   fgd_store_submit (f->store, &j.base);
   pthread_mutex_lock (&j.mutex);
   while (!j.is_over) {
      pthread_cond_wait (&j.over, &j.mutex);
   }
   pthread_mutex_unlock (&j.mutex);
   pthread_mutex_destroy (&j.mutex);
   pthread_cond_destroy (&j.over);
   *err = j.err;
   return j.ok;
}

static bool
create_step (fgd_txn *txn, void *arg, fg_error *err)
{
   bson_t options = BSON_INITIALIZER;

   return fgd_ddl_create (txn, NULL, "db", arg, &options, err);
}

/* A store with the collection db.c. */
static void
setup (fixture *f, uint64_t map_size)
{
   fg_error err;
   char name[] = "c";
   fg_loader_options options = {.size = sizeof options, .host_name = "test", .host_version = "1", .log = log_nothing};

   memset (f, 0, sizeof *f);
   snprintf (f->folder, sizeof f->folder, "/tmp/fieldguard-store-XXXXXX");
   CU_ASSERT_FATAL (mkdtemp (f->folder) != NULL);
   f->map_size = map_size;
   f->loader = fg_loader_new (&options, &err);
   CU_ASSERT_FATAL (f->loader && fg_loader_start (f->loader, &err));
   open_store (f);
   CU_ASSERT_FATAL (run_step (f, create_step, name, &err));
}

static void
teardown (fixture *f)
{
   static const char *const files[] = {"data.mdb", "lock.mdb", "fieldguardd.lock"};
   char path[128];

   fgd_store_close (f->store);
   fg_loader_stop (f->loader);
   fg_loader_free (f->loader);
   for (size_t i = 0; i < 3; i++) {
      snprintf (path, sizeof path, "%s/%s", f->folder, files[i]);
      unlink (path);
   }
   rmdir (f->folder);
}

/* What a reader counts in db.c. */
static uint64_t
count_documents (fixture *f)
{
   fg_error err;
   fgd_txn *txn = fgd_read_begin (f->store, &err);

   CU_ASSERT_FATAL (txn != NULL);
   uint64_t n = fgd_count_records (txn, fgd_txn_collection (txn, "db", "c"));
   fgd_read_end (txn);
   return n;
}

#endif /* FG_TEST_STORE_JOBS_H */
