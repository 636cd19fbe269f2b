/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/store.h"
#include "tests/unit/runner.h"

#include <dlfcn.h>
#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLLECTIONS 3

const char *const fg_suite_name = "store.load";

/* Stands before LMDB's: the n-th call from now on fails; 0: none does. */
static int fail_at;
static int calls;

int
mdb_cursor_get (MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op)
{
   union {
      void *symbol;
      int (*call) (MDB_cursor *, MDB_val *, MDB_val *, MDB_cursor_op);
   } real = {dlsym (RTLD_NEXT, "mdb_cursor_get")};

   calls++;
   return fail_at && calls == fail_at ? EIO : real.call (cursor, key, data, op);
}

static void
log_nothing (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json)
{
   (void)ctx;
   (void)severity;
   (void)id;
   (void)message;
   (void)attr_json;
}

/* --- one job that makes collections -------------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over = PTHREAD_COND_INITIALIZER;
static bool is_over;
static bool made;

static void
create (fgd_job *job, fgd_txn *txn)
{
   bson_t options = BSON_INITIALIZER;
   char name[16];
   fg_error err;

   (void)job;
   made = true;
   for (int i = 0; i < COLLECTIONS; i++) {
      snprintf (name, sizeof name, "c%d", i);
      made = made && fgd_ddl_create (txn, NULL, "test", name, &options, &err);
   }
   bson_destroy (&options);
}

static void
done (fgd_job *job, const fg_error *failure)
{
   (void)job;
   pthread_mutex_lock (&mutex);
   made = made && !failure;
   is_over = true;
   pthread_cond_signal (&over);
   pthread_mutex_unlock (&mutex);
}

static void
fill (fgd_store *store)
{
   fgd_job job = {.run = create, .done = done};

   fgd_store_submit (store, &job);
   pthread_mutex_lock (&mutex);
   while (!is_over) {
      pthread_cond_wait (&over, &mutex);
   }
   pthread_mutex_unlock (&mutex);
   CU_ASSERT_FATAL (made);
}

static bool
count (void *ctx, const fgd_coll *coll)
{
   (void)coll;
   ++*(int *)ctx;
   return true;
}

static int
collections (fgd_store *store)
{
   fg_error err;
   int n = 0;

   fgd_txn *txn = fgd_read_begin (store, &err);
   CU_ASSERT_FATAL (txn != NULL);
   fgd_txn_visit_collections (txn, NULL, count, &n);
   fgd_read_end (txn);
   return n;
}

/* --- the case ------------------------------------------------------------------------------------------------------------- */

/* A collection that is not seen is one without its rules: an error at any step of loading keeps the store shut. */
static void
an_error_while_loading (void)
{
   static const char *const files[] = {"data.mdb", "lock.mdb", "fieldguardd.lock"};
   char folder[] = "/tmp/fieldguard-load-XXXXXX";
   char path[128];
   fg_error err;
   fg_loader_options loading = {.size = sizeof loading, .host_name = "test", .host_version = "1", .log = log_nothing};

   CU_ASSERT_FATAL (mkdtemp (folder) != NULL);
   fg_loader *loader = fg_loader_new (&loading, &err);
   CU_ASSERT_FATAL (loader && fg_loader_start (loader, &err));
   fgd_store_options options = {.path = folder, .map_size = 1u << 24, .loader = loader, .log = log_nothing};
   fgd_store *store = fgd_store_open (&options, &err);
   CU_ASSERT_FATAL (store != NULL);
   fill (store);
   fgd_store_close (store);

   calls = 0;
   store = fgd_store_open (&options, &err);
   int steps = calls;
   CU_ASSERT_FATAL (store != NULL);
   CU_ASSERT_EQUAL (collections (store), COLLECTIONS);
   fgd_store_close (store);
   CU_ASSERT (steps > COLLECTIONS);
   for (int i = 1; i <= steps; i++) {
      fg_error_clear (&err);
      calls = 0;
      fail_at = i;
      store = fgd_store_open (&options, &err);
      fail_at = 0;
      CU_ASSERT_PTR_NULL (store);
      CU_ASSERT_NOT_EQUAL (err.domain, FG_ERROR_NONE);
      fgd_store_close (store);
   }
   fg_loader_stop (loader);
   fg_loader_free (loader);
   for (size_t i = 0; i < 3; i++) {
      snprintf (path, sizeof path, "%s/%s", folder, files[i]);
      unlink (path);
   }
   rmdir (folder);
}

const fg_test fg_tests[] = {{"an_error_while_loading", an_error_while_loading}, {NULL, NULL}};
