/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"
#include "hosts/fieldguardd/store/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define DEFAULT_MAP_SIZE (UINT64_C (64) << 30)
#define PAGE_ROUND (UINT64_C (1) << 16) /* a map is a whole number of pages, whatever their size */
#define SMALLEST_DEFAULT_MAP_SIZE (UINT64_C (1) << 28)
#define MAX_READERS 1024
#define FORMAT 1

/* --- the folder ----------------------------------------------------------------------------------------------------- */

/* One server a folder. The lock goes with the process, so a crash leaves nothing to clear away. */
static bool
lock_folder (fgd_store *store, const char *path, fg_error *err)
{
   char file[4096];
   char pid[32];

   int n = snprintf (file, sizeof file, "%s/fieldguardd.lock", path);
   if (n < 0 || (size_t)n >= sizeof file) {
      return fg_error_set (err, FG_ERROR_STORE, FG_E_TOO_LARGE, path, "the path is too long");
   }
   store->lock_fd = open (file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
   if (store->lock_fd < 0) {
      return fg_error_set_errno (err, errno, file, "opening the lock file of the data folder");
   }
   if (flock (store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
      return fg_error_set (err, FG_ERROR_STORE, FG_E_EXISTS, path,
                           "another server has this data folder open; stop it, or choose another --dbpath");
   }
   int len = snprintf (pid, sizeof pid, "%ld\n", (long)getpid ());
   if (ftruncate (store->lock_fd, 0) != 0 || write (store->lock_fd, pid, (size_t)len) != len) {
      return fg_error_set_errno (err, errno, file, "writing the lock file of the data folder");
   }
   return true;
}

static bool
open_failed (fg_error *err, const char *path, int rc)
{
   if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND) {
      return fg_error_set (err, FG_ERROR_STORE, FG_E_CORRUPT, path, "the data files cannot be read: %s",
                           mdb_strerror (rc));
   }
   if (rc < 0) {
      return fg_error_set (err, FG_ERROR_STORE, FG_E_IO, path, "opening the data files: %s", mdb_strerror (rc));
   }
   return fg_error_set_errno (err, rc, path, "opening the data files");
}

static int
try_env (fgd_store *store, const char *path, uint64_t map_size)
{
   int rc = mdb_env_create (&store->env);

   if (rc == 0) {
      rc = mdb_env_set_maxdbs (store->env, 8);
   }
   if (rc == 0) {
      rc = mdb_env_set_maxreaders (store->env, MAX_READERS);
   }
   if (rc == 0) {
      rc = mdb_env_set_mapsize (store->env, map_size);
   }
   if (rc == 0) {
      rc = mdb_env_open (store->env, path, MDB_NOTLS | MDB_NORDAHEAD, 0600);
   }
   if (rc != 0 && store->env) {
      mdb_env_close (store->env);
      store->env = NULL;
   }
   return rc;
}

/* Without a size given, the largest the address space has room for: tools that watch memory leave less of it (valgrind says EINVAL then). */
static bool
open_env (fgd_store *store, const fgd_store_options *options, fg_error *err)
{
   uint64_t size = options->map_size ? options->map_size : DEFAULT_MAP_SIZE;

   if (options->max_map_size && size > options->max_map_size) {
      size = options->max_map_size;
   }
   size = (size + PAGE_ROUND - 1) / PAGE_ROUND * PAGE_ROUND;
   int rc = try_env (store, options->path, size);

   while ((rc == ENOMEM || rc == EINVAL) && !options->map_size && size > SMALLEST_DEFAULT_MAP_SIZE) {
      size /= 2;
      rc = try_env (store, options->path, size);
   }
   return rc == 0 || open_failed (err, options->path, rc);
}

/* --- the databases -------------------------------------------------------------------------------------------------- */

static int
check_format (MDB_txn *mdb, MDB_dbi meta, fg_error *err)
{
   char name[] = "format";
   uint8_t format = FORMAT;
   MDB_val key = {sizeof name - 1, name};
   MDB_val value;

   int rc = mdb_get (mdb, meta, &key, &value);
   if (rc == MDB_NOTFOUND) {
      value = (MDB_val){1, &format};
      return mdb_put (mdb, meta, &key, &value, 0);
   }
   if (rc == 0 && (value.mv_size != 1 || *(const uint8_t *)value.mv_data != FORMAT)) {
      fg_error_set (err, FG_ERROR_STORE, FG_E_MISMATCH, NULL,
                    "the data folder has another format than the one this server reads (%d)", FORMAT);
      return MDB_VERSION_MISMATCH;
   }
   return rc;
}

static bool
open_databases (fgd_store *store, const char *path, fg_error *err)
{
   MDB_txn *mdb = NULL;
   MDB_dbi meta;

   fg_error_clear (err);
   int rc = mdb_txn_begin (store->env, NULL, 0, &mdb);
   if (rc == 0) {
      rc = mdb_dbi_open (mdb, "meta", MDB_CREATE, &meta);
   }
   if (rc == 0) {
      rc = check_format (mdb, meta, err);
   }
   if (rc == 0) {
      rc = mdb_dbi_open (mdb, "catalog", MDB_CREATE, &store->catalog_dbi);
   }
   if (rc == 0) {
      rc = mdb_dbi_open (mdb, "records", MDB_CREATE, &store->records);
   }
   if (rc == 0) {
      rc = mdb_dbi_open (mdb, "entries", MDB_CREATE, &store->entries);
   }
   if (rc == 0) {
      rc = mdb_dbi_open (mdb, "sessions", MDB_CREATE, &store->sessions);
   }
   if (rc == 0) {
      rc = mdb_txn_commit (mdb);
   } else if (mdb) {
      mdb_txn_abort (mdb);
   }
   if (rc == MDB_VERSION_MISMATCH && err && err->domain != FG_ERROR_NONE) {
      return false;
   }
   return rc == 0 || open_failed (err, path, rc);
}

/* A first write is only durable once the folder names the file that it is in. */
static bool
sync_folder (const char *path, fg_error *err)
{
   int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

   if (fd < 0) {
      return fg_error_set_errno (err, errno, path, "opening the data folder");
   }
   bool ok = fsync (fd) == 0 || errno == EINVAL || fg_error_set_errno (err, errno, path, "syncing the data folder");
   close (fd);
   return ok;
}

/* --- open and close ------------------------------------------------------------------------------------------------- */

fgd_store *
fgd_store_open (const fgd_store_options *options, fg_error *err)
{
   fgd_store *store = calloc (1, sizeof *store);
   fg_error local = {0};
   fg_error *e = err ? err : &local;

   if (!store) {
      fgd_store_no_memory (err);
      return NULL;
   }
   store->lock_fd = -1;
   /* A file size limit then fails the write that meets it (EFBIG), and not the process. */
   signal (SIGXFSZ, SIG_IGN);
   store->loader = options->loader;
   store->log = options->log;
   store->log_ctx = options->log_ctx;
   store->tail = &store->head;
   atomic_init (&store->transaction_lifetime_s, FGD_TRANSACTION_LIFETIME_S);
   pthread_mutex_init (&store->mutex, NULL);
   pthread_cond_init (&store->wake, NULL);
   pthread_rwlock_init (&store->publish, NULL);
   pthread_mutex_init (&store->door, NULL);
   pthread_cond_init (&store->door_moved, NULL);
   store->max_map_size = options->max_map_size ? options->max_map_size : UINT64_MAX;
   store->cursors = fgd_cursors_new (e);
   if (!store->cursors || !lock_folder (store, options->path, e) || !open_env (store, options, e) ||
       !open_databases (store, options->path, e) || !sync_folder (options->path, e) || !fgd_catalog_load (store, e) ||
       !fgd_writer_start (store, e)) {
      fgd_store_close (store);
      return NULL;
   }
   return store;
}

static void
unload_modules (fgd_store *store)
{
   for (size_t i = 0; store->catalog && i < store->catalog->n; i++) {
      fgd_coll *coll = store->catalog->colls[i];
      if (!coll->module) {
         continue;
      }
      fg_ddl_request request = {.size = sizeof request, .ddl = FG_DDL_UNLOAD, .collection = coll->module};
      fg_loader_ddl_apply (store->loader, &request);
      fg_collection_free (coll->module);
      coll->module = NULL;
   }
}

void
fgd_store_close (fgd_store *store)
{
   if (!store) {
      return;
   }
   fgd_writer_stop (store);
   fgd_transactions_free (store);
   fgd_cursors_free (store->cursors);
   unload_modules (store);
   fgd_catalog_unref (store->catalog);
   if (store->env) {
      mdb_env_close (store->env);
   }
   if (store->lock_fd >= 0) {
      close (store->lock_fd);
   }
   pthread_cond_destroy (&store->door_moved);
   pthread_mutex_destroy (&store->door);
   pthread_rwlock_destroy (&store->publish);
   pthread_cond_destroy (&store->wake);
   pthread_mutex_destroy (&store->mutex);
   free (store);
}

fg_loader *
fgd_store_loader (const fgd_store *store)
{
   return store->loader;
}

fgd_cursors *
fgd_store_cursors (fgd_store *store)
{
   return store->cursors;
}

void
fgd_store_tick (fgd_store *store)
{
   fgd_cursors_expire (store->cursors);
}

void
fgd_store_count_returned (fgd_store *store, uint64_t n)
{
   atomic_fetch_add_explicit (&store->returned, n, memory_order_relaxed);
}

void
fgd_store_get_stats (fgd_store *store, fgd_store_stats *stats)
{
   MDB_envinfo info;
   MDB_stat stat;

   memset (stats, 0, sizeof *stats);
   fgd_map_enter (store);
   if (mdb_env_info (store->env, &info) == 0 && mdb_env_stat (store->env, &stat) == 0) {
      stats->map_size = info.me_mapsize;
      stats->used_bytes = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
   }
   fgd_map_leave (store);
   stats->jobs = atomic_load (&store->jobs);
   stats->batches = atomic_load (&store->batches);
   stats->failed_batches = atomic_load (&store->failed_batches);
   stats->inserted = atomic_load (&store->inserted);
   stats->updated = atomic_load (&store->updated);
   stats->deleted = atomic_load (&store->deleted);
   stats->returned = atomic_load (&store->returned);
   stats->committed = atomic_load (&store->committed); /* before started: what is open is never counted below zero */
   stats->aborted = atomic_load (&store->aborted);
   stats->started = atomic_load (&store->started);
   stats->retried = atomic_load (&store->retried);
   fgd_cursors_count (store->cursors, &stats->open_cursors, &stats->timed_out_cursors);
}

/* --- snapshots ------------------------------------------------------------------------------------------------------ */

fgd_txn *
fgd_read_begin (fgd_store *store, fg_error *err)
{
   fgd_txn *txn = calloc (1, sizeof *txn);

   if (!txn) {
      fgd_store_no_memory (err);
      return NULL;
   }
   txn->store = store;
   txn->deadline_us = INT64_MAX;
   fgd_map_enter (store);
   /* The catalog and the snapshot must belong together: a DDL changes both under the same lock. */
   pthread_rwlock_rdlock (&store->publish);
   int rc = mdb_txn_begin (store->env, NULL, MDB_RDONLY, &txn->mdb);
   if (rc == 0) {
      txn->catalog = store->catalog;
      fgd_catalog_ref (txn->catalog);
   }
   pthread_rwlock_unlock (&store->publish);
   if (rc != 0) {
      fgd_map_leave (store);
      fgd_store_error (err, rc, "beginning a read snapshot");
      free (txn);
      return NULL;
   }
   return txn;
}

void
fgd_read_end (fgd_txn *txn)
{
   if (!txn) {
      return;
   }
   mdb_txn_abort (txn->mdb);
   fgd_map_leave (txn->store);
   fgd_catalog_unref (txn->catalog);
   fgd_keys_free (&txn->keys);
   fgd_keys_free (&txn->other_keys);
   free (txn);
}

fgd_store *
fgd_txn_store (const fgd_txn *txn)
{
   return txn->store;
}

bool
fgd_txn_is_write (const fgd_txn *txn)
{
   return txn->write;
}
