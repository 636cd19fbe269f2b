/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/cursor.h"
#include "hosts/fieldguardd/store/store.h"
#include "tests/unit/runner.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const fg_suite_name = "store.store";

/* --- a store in a temporary folder ------------------------------------------------------------------------------------ */

typedef struct fixture {
   char folder[64];
   fg_loader *loader;
   fgd_store *store;
   uint64_t map_size;
} fixture;

static void
log_nothing (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json)
{
   (void)ctx;
   (void)severity;
   (void)id;
   (void)message;
   (void)attr_json;
}

static fgd_store *
open_store (fixture *f, fg_error *err)
{
   fgd_store_options options = {
      .path = f->folder, .map_size = f->map_size, .max_map_size = f->map_size, .loader = f->loader, .log = log_nothing};

   return fgd_store_open (&options, err);
}

static void
setup (fixture *f, uint64_t map_size)
{
   fg_error err;
   fg_loader_options options = {.size = sizeof options, .host_name = "test", .host_version = "1", .log = log_nothing};

   memset (f, 0, sizeof *f);
   snprintf (f->folder, sizeof f->folder, "/tmp/fieldguard-store-XXXXXX");
   CU_ASSERT_FATAL (mkdtemp (f->folder) != NULL);
   f->map_size = map_size;
   f->loader = fg_loader_new (&options, &err);
   CU_ASSERT_FATAL (f->loader != NULL);
   CU_ASSERT_FATAL (fg_loader_start (f->loader, &err));
   f->store = open_store (f, &err);
   CU_ASSERT_FATAL (f->store != NULL);
}

static void
reopen (fixture *f)
{
   fg_error err;

   fgd_store_close (f->store);
   f->store = open_store (f, &err);
   CU_ASSERT_FATAL (f->store != NULL);
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

/* --- jobs that are waited for ----------------------------------------------------------------------------------------- */

typedef bool (*step_fn) (fgd_txn *txn, const void *arg, bson_t *detail, fg_error *err);

typedef struct job {
   fgd_job base;
   step_fn step;
   const void *arg;
   bool ok;
   fg_error err; /* the step's */
   bson_t detail;
   fg_error failure; /* the batch's */
   bool failed;
   pthread_mutex_t mutex;
   pthread_cond_t over;
   bool is_over;
} job;

static void
job_run (fgd_job *base, fgd_txn *txn)
{
   job *j = (job *)base;

   j->ok = j->step (txn, j->arg, &j->detail, &j->err);
}

static void
job_done (fgd_job *base, const fg_error *failure)
{
   job *j = (job *)base;

   pthread_mutex_lock (&j->mutex);
   j->failed = failure != NULL;
   if (failure) {
      j->failure = *failure;
   }
   j->is_over = true;
   pthread_cond_signal (&j->over);
   pthread_mutex_unlock (&j->mutex);
}

static void
submit (fixture *f, job *j, step_fn step, const void *arg)
{
   memset (j, 0, sizeof *j);
   j->base.run = job_run;
   j->base.done = job_done;
   j->step = step;
   j->arg = arg;
   bson_init (&j->detail);
   pthread_mutex_init (&j->mutex, NULL);
   pthread_cond_init (&j->over, NULL);
   fgd_store_submit (f->store, &j->base);
}

/* Whether both the step and its batch succeeded. */
static bool
wait_for (job *j)
{
   pthread_mutex_lock (&j->mutex);
   while (!j->is_over) {
      pthread_cond_wait (&j->over, &j->mutex);
   }
   pthread_mutex_unlock (&j->mutex);
   pthread_mutex_destroy (&j->mutex);
   pthread_cond_destroy (&j->over);
   bson_destroy (&j->detail);
   return j->ok && !j->failed;
}

static bool
run_step (fixture *f, step_fn step, const void *arg, fg_error *err)
{
   job j;

   submit (f, &j, step, arg);
   bool ok = wait_for (&j);
   *err = j.failed ? j.failure : j.err;
   return ok;
}

/* --- steps ------------------------------------------------------------------------------------------------------------ */

static bool
create_step (fgd_txn *txn, const void *arg, bson_t *detail, fg_error *err)
{
   bson_t options = BSON_INITIALIZER;

   (void)detail;
   return fgd_ddl_create (txn, NULL, "db", arg, &options, err);
}

static bool
insert_doc (fgd_txn *txn, const bson_t *doc, bson_t *detail, fg_error *err)
{
   const fgd_coll *coll = fgd_txn_collection (txn, "db", "c");

   return coll && fgd_check_indexes (txn, coll, bson_get_data (doc), doc->len, 0, detail, err) &&
          fgd_put_insert (txn, coll, bson_get_data (doc), doc->len, err);
}

static bool
insert_step (fgd_txn *txn, const void *arg, bson_t *detail, fg_error *err)
{
   return insert_doc (txn, arg, detail, err);
}

static bool
insert_json (fixture *f, const char *json, fg_error *err)
{
   bson_error_t parse;
   bson_t *doc = bson_new_from_json ((const uint8_t *)json, -1, &parse);

   CU_ASSERT_FATAL (doc != NULL);
   bool ok = run_step (f, insert_step, doc, err);
   bson_destroy (doc);
   return ok;
}

static bool
index_step (fgd_txn *txn, const void *arg, bson_t *detail, fg_error *err)
{
   const bson_t *specs[1] = {arg};

   return fgd_ddl_create_indexes (txn, fgd_txn_collection (txn, "db", "c"), specs, 1, detail, err);
}

static bool
unique_index (fixture *f, const char *field, fg_error *err)
{
   bson_t *spec = BCON_NEW ("v", BCON_INT32 (2), "key", "{", field, BCON_INT32 (1), "}", "name", BCON_UTF8 (field),
                            "unique", BCON_BOOL (true));
   bool ok = run_step (f, index_step, spec, err);

   bson_destroy (spec);
   return ok;
}

static bool
drop_step (fgd_txn *txn, const void *arg, bson_t *detail, fg_error *err)
{
   (void)arg;
   (void)detail;
   return fgd_ddl_drop (txn, NULL, fgd_txn_collection (txn, "db", "c"), err);
}

static bool
delete_first_step (fgd_txn *txn, const void *arg, bson_t *detail, fg_error *err)
{
   const fgd_coll *coll = fgd_txn_collection (txn, "db", "c");
   fgd_record record;
   fgd_scan *scan = fgd_scan_new (txn, coll, NULL, 0, err);

   (void)arg;
   (void)detail;
   bool ok =
      scan && fgd_scan_next (scan, &record, err) == FGD_STEP_RECORD && fgd_put_delete (txn, coll, record.id, err);
   fgd_scan_free (scan);
   return ok;
}

/* --- reading ---------------------------------------------------------------------------------------------------------- */

/* Documents that a filter's candidates hold; *index: the index that was used. */
static size_t
count_with (fixture *f, const char *filter, bool *indexed)
{
   fg_error err;
   bson_error_t parse;
   size_t n = 0;
   fgd_record record;
   bson_t *doc = filter ? bson_new_from_json ((const uint8_t *)filter, -1, &parse) : NULL;
   fg_matcher *matcher = doc ? fg_matcher_compile (bson_get_data (doc), doc->len, NULL, &err) : NULL;
   fgd_txn *txn = fgd_read_begin (f->store, &err);

   CU_ASSERT_FATAL (txn != NULL);
   CU_ASSERT (!filter || matcher);
   const fgd_coll *coll = fgd_txn_collection (txn, "db", "c");
   fgd_scan *scan = coll ? fgd_scan_new (txn, coll, matcher, 0, &err) : NULL;
   while (scan && fgd_scan_next (scan, &record, &err) == FGD_STEP_RECORD) {
      n += !matcher || fg_matcher_check (matcher, record.data, record.len, &err) == FG_MATCH_YES;
   }
   if (indexed) {
      *indexed = scan && fgd_scan_index (scan);
   }
   fgd_scan_free (scan);
   fgd_read_end (txn);
   fg_matcher_free (matcher);
   if (doc) {
      bson_destroy (doc);
   }
   return n;
}

/* --- tests ------------------------------------------------------------------------------------------------------------ */

static void
test_catalog_survives_reopening (void)
{
   fixture f;
   fg_error err;
   uint8_t uuid[16];

   setup (&f, 0);
   CU_ASSERT (run_step (&f, create_step, "c", &err));
   CU_ASSERT (run_step (&f, create_step, "other", &err));
   CU_ASSERT (unique_index (&f, "name", &err));
   CU_ASSERT (insert_json (&f, "{\"_id\":1,\"name\":\"x\"}", &err));
   fgd_txn *txn = fgd_read_begin (f.store, &err);
   memcpy (uuid, fgd_txn_collection (txn, "db", "c")->uuid, 16);
   CU_ASSERT (uuid[6] >> 4 == 4 && uuid[8] >> 6 == 2);
   fgd_read_end (txn);
   reopen (&f);
   txn = fgd_read_begin (f.store, &err);
   const fgd_coll *coll = fgd_txn_collection (txn, "db", "c");
   CU_ASSERT_FATAL (coll != NULL);
   CU_ASSERT (memcmp (coll->uuid, uuid, 16) == 0);
   CU_ASSERT (coll->n_indexes == 2 && coll->indexes[0]->is_id && coll->indexes[1]->unique);
   CU_ASSERT (fgd_txn_collection (txn, "db", "none") == NULL);
   CU_ASSERT (fgd_count_records (txn, coll) == 1);
   fgd_read_end (txn);
   CU_ASSERT (!insert_json (&f, "{\"_id\":2,\"name\":\"x\"}", &err));
   CU_ASSERT (err.code == 11000);
   CU_ASSERT (insert_json (&f, "{\"_id\":2,\"name\":\"y\"}", &err));
   CU_ASSERT (count_with (&f, NULL, NULL) == 2);
   teardown (&f);
}

static void
test_one_server_a_folder (void)
{
   fixture f;
   fg_error err;

   setup (&f, 0);
   CU_ASSERT (open_store (&f, &err) == NULL);
   CU_ASSERT (err.domain == FG_ERROR_STORE && err.code == FG_E_EXISTS);
   fixture missing = f;
   snprintf (missing.folder, sizeof missing.folder, "/nonexistent/folder");
   CU_ASSERT (open_store (&missing, &err) == NULL);
   CU_ASSERT (err.code == FG_E_NOT_FOUND);
   teardown (&f);
}

static void
test_unreadable_files_are_refused (void)
{
   fixture f;
   fg_error err;
   char path[128];

   setup (&f, 0);
   fgd_store_close (f.store);
   snprintf (path, sizeof path, "%s/data.mdb", f.folder);
   FILE *file = fopen (path, "w");
   CU_ASSERT_FATAL (file != NULL);
   for (int i = 0; i < 8192; i++) {
      fputc ('x', file);
   }
   fclose (file);
   f.store = open_store (&f, &err);
   CU_ASSERT (f.store == NULL);
   CU_ASSERT (err.domain == FG_ERROR_STORE && err.code == FG_E_CORRUPT);
   teardown (&f);
}

static void
test_indexes_find (void)
{
   fixture f;
   fg_error err;
   bool indexed = false;

   setup (&f, 0);
   CU_ASSERT (run_step (&f, create_step, "c", &err));
   CU_ASSERT (unique_index (&f, "k", &err));
   for (int i = 0; i < 50; i++) {
      char json[64];
      snprintf (json, sizeof json, "{\"_id\":%d,\"k\":[%d,%d]}", i, i, 1000 + i);
      CU_ASSERT (insert_json (&f, json, &err));
   }
   CU_ASSERT (count_with (&f, "{\"_id\":{\"$numberDouble\":\"7.0\"}}", &indexed) == 1 && indexed);
   CU_ASSERT (count_with (&f, "{\"k\":1007}", &indexed) == 1 && indexed);
   CU_ASSERT (count_with (&f, "{\"k\":99}", &indexed) == 0 && indexed);
   CU_ASSERT (count_with (&f, "{\"k\":{\"$lt\":10}}", &indexed) == 10 && !indexed);
   CU_ASSERT (count_with (&f, "{\"k\":null}", &indexed) == 0 && !indexed);
   CU_ASSERT (!insert_json (&f, "{\"_id\":100,\"k\":[5000,1007]}", &err));
   CU_ASSERT (err.code == 11000);
   CU_ASSERT (insert_json (&f, "{\"_id\":101,\"k\":[2000,2000.0]}", &err));
   CU_ASSERT (run_step (&f, delete_first_step, NULL, &err));
   CU_ASSERT (count_with (&f, "{\"k\":0}", &indexed) == 0 && indexed);
   CU_ASSERT (insert_json (&f, "{\"_id\":102,\"k\":0}", &err));
   teardown (&f);
}

/* Keys that are shortened or not exact conflict only when the values are the same. */
static void
test_lossy_keys_in_unique_indexes (void)
{
   fixture f;
   fg_error err;
   char text[1500];
   char json[1600];

   setup (&f, 0);
   CU_ASSERT (run_step (&f, create_step, "c", &err));
   CU_ASSERT (insert_json (&f, "{\"_id\":{\"$numberDecimal\":\"0.1\"}}", &err));
   CU_ASSERT (insert_json (&f, "{\"_id\":{\"$numberDouble\":\"0.09999999999999999\"}}", &err));
   CU_ASSERT (!insert_json (&f, "{\"_id\":{\"$numberDecimal\":\"0.10\"}}", &err));
   CU_ASSERT (err.code == 11000);
   CU_ASSERT (insert_json (&f, "{\"_id\":{\"$numberDecimal\":\"0.10000000000000001\"}}", &err));
   memset (text, 'x', sizeof text);
   text[sizeof text - 1] = '\0';
   snprintf (json, sizeof json, "{\"_id\":\"%s\"}", text);
   CU_ASSERT (insert_json (&f, json, &err));
   CU_ASSERT (!insert_json (&f, json, &err));
   CU_ASSERT (err.code == 11000);
   text[sizeof text - 2] = 'y';
   snprintf (json, sizeof json, "{\"_id\":\"%s\"}", text);
   CU_ASSERT (insert_json (&f, json, &err));
   teardown (&f);
}

static void
test_failed_index_build_leaves_nothing (void)
{
   fixture f;
   fg_error err;

   setup (&f, 0);
   CU_ASSERT (run_step (&f, create_step, "c", &err));
   CU_ASSERT (insert_json (&f, "{\"_id\":1,\"k\":1}", &err));
   CU_ASSERT (insert_json (&f, "{\"_id\":2,\"k\":1}", &err));
   CU_ASSERT (!unique_index (&f, "k", &err));
   CU_ASSERT (err.code == 11000);
   CU_ASSERT (insert_json (&f, "{\"_id\":3,\"k\":1}", &err));
   fgd_txn *txn = fgd_read_begin (f.store, &err);
   CU_ASSERT (fgd_txn_collection (txn, "db", "c")->n_indexes == 1);
   fgd_read_end (txn);
   CU_ASSERT (count_with (&f, NULL, NULL) == 3);
   teardown (&f);
}

/* A snapshot keeps its documents and its catalog while both change behind it. */
static void
test_snapshots_stand_still (void)
{
   fixture f;
   fg_error err;
   fgd_record record;

   setup (&f, 0);
   CU_ASSERT (run_step (&f, create_step, "c", &err));
   CU_ASSERT (insert_json (&f, "{\"_id\":1,\"k\":1}", &err));
   fgd_txn *txn = fgd_read_begin (f.store, &err);
   const fgd_coll *coll = fgd_txn_collection (txn, "db", "c");
   CU_ASSERT (insert_json (&f, "{\"_id\":2,\"k\":2}", &err));
   CU_ASSERT (unique_index (&f, "k", &err));
   CU_ASSERT (run_step (&f, drop_step, NULL, &err));
   CU_ASSERT (coll->n_indexes == 1);
   CU_ASSERT (fgd_count_records (txn, coll) == 1);
   fgd_scan *scan = fgd_scan_new (txn, coll, NULL, 0, &err);
   CU_ASSERT_FATAL (scan != NULL);
   CU_ASSERT (fgd_scan_next (scan, &record, &err) == FGD_STEP_RECORD);
   CU_ASSERT (fgd_scan_next (scan, &record, &err) == FGD_STEP_END);
   fgd_scan_free (scan);
   fgd_read_end (txn);
   txn = fgd_read_begin (f.store, &err);
   CU_ASSERT (fgd_txn_collection (txn, "db", "c") == NULL);
   fgd_read_end (txn);
   teardown (&f);
}

/* A full map fails the whole batch, keeps what was there, and the store works again once there is room. */
static void
test_full_map (void)
{
   fixture f;
   fg_error err;
   fgd_store_stats stats;
   char *big = malloc (40001);
   int stored = 0;

   setup (&f, 1 << 20);
   CU_ASSERT_FATAL (big != NULL);
   memset (big, 'x', 40000);
   big[40000] = '\0';
   CU_ASSERT (run_step (&f, create_step, "c", &err));
   bool ok = true;
   for (int i = 0; ok && i < 100; i++) {
      bson_t *doc = BCON_NEW ("_id", BCON_INT32 (i), "s", BCON_UTF8 (big));
      ok = run_step (&f, insert_step, doc, &err);
      stored += ok;
      bson_destroy (doc);
   }
   CU_ASSERT (!ok);
   CU_ASSERT (err.domain == FG_ERROR_SERVER && err.code == 14031);
   CU_ASSERT (stored > 5);
   CU_ASSERT (count_with (&f, NULL, NULL) == (size_t)stored);
   fgd_store_get_stats (f.store, &stats);
   CU_ASSERT (stats.failed_batches >= 1);
   /* A DDL that finds no room leaves the catalog as it was. */
   bool made = true;
   for (int i = 0; made && i < 200; i++) {
      char name[16];
      snprintf (name, sizeof name, "more%d", i);
      made = run_step (&f, create_step, name, &err);
   }
   CU_ASSERT (!made && err.code == 14031);
   CU_ASSERT (count_with (&f, NULL, NULL) == (size_t)stored);
   CU_ASSERT (run_step (&f, delete_first_step, NULL, &err));
   CU_ASSERT (run_step (&f, delete_first_step, NULL, &err));
   CU_ASSERT (insert_json (&f, "{\"_id\":\"after\"}", &err));
   reopen (&f);
   CU_ASSERT (count_with (&f, NULL, NULL) == (size_t)stored - 1);
   free (big);
   teardown (&f);
}

/* Every job of a failed batch hears of it, also those that had written well. */
static void
test_batch_fails_as_one (void)
{
   fixture f;
   fg_error err;
   job jobs[20];
   bson_t *docs[20];
   char *big = malloc (100001);
   size_t acknowledged = 0;

   setup (&f, 1 << 20);
   CU_ASSERT_FATAL (big != NULL);
   memset (big, 'x', 100000);
   big[100000] = '\0';
   CU_ASSERT (run_step (&f, create_step, "c", &err));
   for (int i = 0; i < 20; i++) {
      docs[i] = BCON_NEW ("_id", BCON_INT32 (i), "s", BCON_UTF8 (big));
      submit (&f, &jobs[i], insert_step, docs[i]);
   }
   for (int i = 0; i < 20; i++) {
      acknowledged += wait_for (&jobs[i]);
      bson_destroy (docs[i]);
   }
   CU_ASSERT (acknowledged < 20);
   CU_ASSERT (count_with (&f, NULL, NULL) == acknowledged);
   free (big);
   teardown (&f);
}

/* --- cursors ---------------------------------------------------------------------------------------------------------- */

static int freed;

static void
count_free (fgd_cursor *cursor)
{
   freed++;
   free (cursor);
}

static fgd_cursor *
add_cursor (fgd_cursors *cursors)
{
   fg_error err;
   fgd_cursor *cursor = calloc (1, sizeof *cursor);

   CU_ASSERT_FATAL (cursor != NULL);
   snprintf (cursor->ns, sizeof cursor->ns, "db.c");
   cursor->free = count_free;
   int64_t id = 0;
   CU_ASSERT_FATAL (fgd_cursors_add (cursors, cursor, &id, &err));
   CU_ASSERT (id == cursor->id);
   return cursor;
}

static void
test_cursors (void)
{
   fg_error err;
   uint64_t open = 0;
   uint64_t timed_out = 0;
   fgd_cursors *cursors = fgd_cursors_new (&err);

   freed = 0;
   int64_t id = add_cursor (cursors)->id;
   CU_ASSERT (id > 0);
   CU_ASSERT (fgd_cursors_kill (cursors, id, "db.other") == FGD_KILL_NOT_FOUND);
   fgd_cursor *pinned = fgd_cursors_pin (cursors, id, &err);
   CU_ASSERT_FATAL (pinned != NULL);
   CU_ASSERT (fgd_cursors_pin (cursors, id, &err) == NULL && err.code == 143);
   CU_ASSERT (fgd_cursors_kill (cursors, id, "db.c") == FGD_KILL_DONE);
   CU_ASSERT (freed == 0);
   fgd_cursors_unpin (cursors, pinned, false);
   CU_ASSERT (freed == 1);
   CU_ASSERT (fgd_cursors_pin (cursors, id, &err) == NULL && err.code == 43);
   int64_t held = add_cursor (cursors)->id;
   add_cursor (cursors)->no_timeout = true;
   (void)add_cursor (cursors);
   pinned = fgd_cursors_pin (cursors, held, &err);
   fgd_cursors_set_timeout (cursors, -1000);
   fgd_cursors_expire (cursors);
   CU_ASSERT (freed == 2);
   fgd_cursors_count (cursors, &open, &timed_out);
   CU_ASSERT (open == 2 && timed_out == 1);
   fgd_cursors_unpin (cursors, pinned, true);
   fgd_cursors_free (cursors);
   CU_ASSERT (freed == 4);
}

static void
test_memory_of_cursors (void)
{
   fg_error err;
   uint64_t no_timeout = 0;
   uint64_t held = 0;
   int64_t id = 0;
   fgd_cursors *cursors = fgd_cursors_new (&err);

   freed = 0;
   fgd_cursors_set_memory (cursors, 1000);
   fgd_cursor *first = add_cursor (cursors);
   fgd_cursor *second = add_cursor (cursors);
   second->no_timeout = true;
   CU_ASSERT (fgd_cursors_resize (cursors, first, 600, &err));
   CU_ASSERT_FALSE (fgd_cursors_resize (cursors, second, 401, &err));
   CU_ASSERT (err.code == 146 && second->held == 0);
   CU_ASSERT (fgd_cursors_resize (cursors, second, 400, &err));
   CU_ASSERT_FALSE (fgd_cursors_resize (cursors, first, 601, &err));
   CU_ASSERT (fgd_cursors_resize (cursors, first, 500, &err));
   fgd_cursor large = {.held = 101};
   CU_ASSERT_FALSE (fgd_cursors_add (cursors, &large, &id, &err));
   fgd_cursors_held (cursors, &no_timeout, &held);
   CU_ASSERT (no_timeout == 1 && held == 900);
   fgd_cursors_set_memory (cursors, 800); /* below what is held: nothing more, but less is always possible */
   CU_ASSERT_FALSE (fgd_cursors_resize (cursors, second, 401, &err));
   CU_ASSERT (fgd_cursors_resize (cursors, second, 399, &err));
   CU_ASSERT (fgd_cursors_kill (cursors, first->id, "db.c") == FGD_KILL_DONE);
   fgd_cursors_held (cursors, &no_timeout, &held);
   CU_ASSERT (held == 399);
   fgd_cursors_free (cursors);
   CU_ASSERT (freed == 2);
}

static void
test_cursors_end_with_their_transaction (void)
{
   fg_error err;
   static const uint8_t lsid[16] = {7};
   fgd_cursors *cursors = fgd_cursors_new (&err);

   freed = 0;
   (void)add_cursor (cursors); /* of no session */
   for (int64_t number = 1; number <= 3; number++) {
      fgd_cursor *cursor = add_cursor (cursors);
      cursor->in_session = true;
      memcpy (cursor->lsid, lsid, sizeof lsid);
      cursor->txn_number = number;
      if (number == 3) {
         CU_ASSERT (fgd_cursors_pin (cursors, cursor->id, &err) == cursor);
         fgd_cursors_kill_transaction (cursors, lsid, 3);
         CU_ASSERT (freed == 0);
         fgd_cursors_unpin (cursors, cursor, false);
         CU_ASSERT (freed == 1);
      }
   }
   fgd_cursors_kill_transaction (cursors, lsid, 2);
   CU_ASSERT (freed == 2);
   fgd_cursors_free (cursors);
   CU_ASSERT (freed == 4);
}

const fg_test fg_tests[] = {{"catalog_survives_reopening", test_catalog_survives_reopening},
                            {"one_server_a_folder", test_one_server_a_folder},
                            {"unreadable_files_are_refused", test_unreadable_files_are_refused},
                            {"indexes_find", test_indexes_find},
                            {"lossy_keys_in_unique_indexes", test_lossy_keys_in_unique_indexes},
                            {"failed_index_build_leaves_nothing", test_failed_index_build_leaves_nothing},
                            {"snapshots_stand_still", test_snapshots_stand_still},
                            {"full_map", test_full_map},
                            {"batch_fails_as_one", test_batch_fails_as_one},
                            {"cursors", test_cursors},
                            {"memory_of_cursors", test_memory_of_cursors},
                            {"cursors_end_with_their_transaction", test_cursors_end_with_their_transaction},
                            {NULL, NULL}};
