/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory map grows with the data. LMDB can only be given a larger one while no transaction is open, so the writer does it between two of its own, long
 * before the map is full, when no reader is inside: new ones wait at the door for at most a moment. A snapshot that stays open (a multi-document transaction, an
 * aggregate that waits for the writer) puts it off; it is tried again a second later.
 */
#include "hosts/fieldguardd/store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define HEADROOM                                                                                                       \
   (UINT64_C (256)                                                                                                     \
    << 20) /* the least that is kept free, in maps that are large enough: a batch and its copies of pages fit */
#define DOOR_NS 200000000
#define TRY_AGAIN_US 1000000

/* --- the door ------------------------------------------------------------------------------------------------------- */

void
fgd_map_enter (fgd_store *store)
{
   pthread_mutex_lock (&store->door);
   while (store->growing) {
      pthread_cond_wait (&store->door_moved, &store->door);
   }
   store->inside++;
   pthread_mutex_unlock (&store->door);
}

void
fgd_map_leave (fgd_store *store)
{
   pthread_mutex_lock (&store->door);
   store->inside--;
   if (store->inside == 0 && store->growing) {
      pthread_cond_broadcast (&store->door_moved);
   }
   pthread_mutex_unlock (&store->door);
}

/* True: everybody has left, and nobody enters until open_door. */
static bool
close_door (fgd_store *store)
{
   struct timespec until;

   clock_gettime (CLOCK_REALTIME, &until);
   until.tv_nsec += DOOR_NS;
   until.tv_sec += until.tv_nsec / 1000000000;
   until.tv_nsec %= 1000000000;
   pthread_mutex_lock (&store->door);
   store->growing = true;
   while (store->inside > 0 && pthread_cond_timedwait (&store->door_moved, &store->door, &until) == 0) {
   }
   bool empty = store->inside == 0;
   pthread_mutex_unlock (&store->door);
   return empty;
}

static void
open_door (fgd_store *store)
{
   pthread_mutex_lock (&store->door);
   store->growing = false;
   pthread_cond_broadcast (&store->door_moved);
   pthread_mutex_unlock (&store->door);
}

/* --- growing -------------------------------------------------------------------------------------------------------- */

static void
say (const fgd_store *store, fg_severity severity, int32_t id, const char *message, uint64_t size)
{
   char attr[64];

   snprintf (attr, sizeof attr, "{\"bytes\":%" PRIu64 "}", size);
   store->log (store->log_ctx, severity, id, message, attr);
}

static uint64_t
used_bytes (MDB_env *env, uint64_t *map_size)
{
   MDB_envinfo info;
   MDB_stat stat;

   if (mdb_env_info (env, &info) != 0 || mdb_env_stat (env, &stat) != 0) {
      *map_size = 0;
      return 0;
   }
   *map_size = info.me_mapsize;
   return (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

static uint64_t
wanted (uint64_t used, uint64_t size, uint64_t most)
{
   uint64_t next = size;

   while (next < most && used + (next / 2 < HEADROOM ? next / 2 : HEADROOM) > next) {
      next = next > most / 2 ? most : next * 2;
   }
   return next;
}

/* LMDB gives up its old map before it asks for the new one: when that fails there is none. */
static bool
has_address_space (uint64_t size)
{
   void *probe = mmap (NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

   return probe != MAP_FAILED && munmap (probe, size) == 0;
}

static void
grow_to (fgd_store *store, uint64_t size)
{
   if (!has_address_space (size)) {
      say (store, FG_LOG_WARNING, 9200011, "The address space has no room for a larger map: the store cannot grow",
           size);
      store->max_map_size = 0;
      return;
   }
   int rc = mdb_env_set_mapsize (store->env, size);
   if (rc != 0) {
      say (store, FG_LOG_FATAL, 9200012, "The store's map is lost; what was acknowledged is on disk", size);
      abort ();
   }
   say (store, FG_LOG_INFO, 9200010, "The store's map was made larger", size);
}

void
fgd_map_grow (fgd_store *store)
{
   uint64_t size;
   uint64_t used = used_bytes (store->env, &size);
   uint64_t next = wanted (used, size, store->max_map_size);

   if (next <= size || fgd_store_now_us () < store->next_growth_us) {
      return;
   }
   if (close_door (store)) {
      grow_to (store, next);
   } else {
      store->next_growth_us = fgd_store_now_us () + TRY_AGAIN_US;
   }
   open_door (store);
}
