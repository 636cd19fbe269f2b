/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_cache.h"

#include "base/base.h"
#include "client/keys/readers.h"
#include "client/secret/secret.h"
#include "client/public_equal.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

typedef struct entry entry;

/* A place in a bucket's chain. Once unlinked its next stays as it was, so that a reader standing on it goes on. */
typedef struct link {
   _Atomic (struct link *) next;
   entry *owner;
   const char *name; /* NULL in the id table */
} link;

/* What a look-up by id reads stands in one cache line: with a thousand keys it is in nobody's first caches. */
struct entry {
   _Alignas(64) link by_id;
   fg_data_key *key;
   uint8_t id[16];
   int64_t expires_ms; /* INT64_MAX: never */
   size_t n_names;
   entry *older; /* the writers' list, in order of insertion and so of expiry */
   entry *newer;
   link by_name[];
};

typedef struct table {
   _Atomic (link *) *buckets;
   size_t mask;
} table;

struct fg_key_cache {
   fg_readers readers;
   table ids;
   table names;
   uint64_t seed[2]; /* who writes a key vault chooses ids and names, but not where they land */
   int64_t ttl_ms;
   size_t max_keys;
   _Atomic int64_t first_expiry_ms;
   pthread_mutex_t mutex; /* what follows is the writers' */
   uint64_t generation;
   size_t n;
   entry *oldest;
   entry *newest;
};

/* --- hashing and time ----------------------------------------------------------------------------------------------- */

static uint64_t
mix (uint64_t a, uint64_t b)
{
   __extension__ unsigned __int128 product = (unsigned __int128)a * b;

   return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t
hash_id (const fg_key_cache *cache, const uint8_t id[16])
{
   return mix (fg_read_u64le (id) ^ cache->seed[0], fg_read_u64le (id + 8) ^ cache->seed[1]);
}

static uint64_t
hash_name (const fg_key_cache *cache, const char *name)
{
   uint64_t h = cache->seed[0];
   size_t n = strlen (name);
   const uint8_t *p = (const uint8_t *)name;

   for (; n >= 8; n -= 8, p += 8) {
      h = mix (h ^ fg_read_u64le (p), cache->seed[1]);
   }
   uint64_t last = n + 1;
   for (size_t i = 0; i < n; i++) {
      last = last << 8 | p[i];
   }
   return mix (h ^ last, cache->seed[1]);
}

static int64_t
monotonic_ms (void)
{
   struct timespec now;

   clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
   return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- life ----------------------------------------------------------------------------------------------------------- */

static bool
table_new (table *t, size_t max_keys)
{
   size_t n = 64;

   while (n < max_keys && n < 65536) {
      n *= 2;
   }
   t->buckets = calloc (n, sizeof *t->buckets);
   t->mask = n - 1;
   return t->buckets != NULL;
}

fg_key_cache *
fg_key_cache_new (int64_t ttl_ms, size_t max_keys, fg_error *err)
{
   fg_key_cache *cache = aligned_alloc (_Alignof(fg_key_cache), sizeof *cache);

   if (!cache) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   memset (cache, 0, sizeof *cache);
   cache->ttl_ms = ttl_ms;
   cache->max_keys = max_keys;
   cache->generation = 1;
   atomic_init (&cache->first_expiry_ms, INT64_MAX);
   pthread_mutex_init (&cache->mutex, NULL);
   if (!table_new (&cache->ids, max_keys) || !table_new (&cache->names, max_keys)) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      fg_key_cache_free (cache);
      return NULL;
   }
   if (!fg_random_private ((uint8_t *)cache->seed, sizeof cache->seed, err)) {
      fg_key_cache_free (cache);
      return NULL;
   }
   cache->seed[1] |= 1;
   return cache;
}

static void
entry_free (entry *e)
{
   fg_data_key_free (e->key);
   for (size_t i = 0; i < e->n_names; i++) {
      free ((void *)(uintptr_t)e->by_name[i].name);
   }
   free (e);
}

void
fg_key_cache_free (fg_key_cache *cache)
{
   if (!cache) {
      return;
   }
   for (entry *e = cache->oldest; e;) {
      entry *next = e->newer;
      entry_free (e);
      e = next;
   }
   free (cache->ids.buckets);
   free (cache->names.buckets);
   pthread_mutex_destroy (&cache->mutex);
   free (cache);
}

/* --- writers; the mutex is held ------------------------------------------------------------------------------------- */

static void
push (table *t, uint64_t hash, link *l)
{
   _Atomic (link *) *bucket = &t->buckets[hash & t->mask];

   atomic_store_explicit (&l->next, atomic_load (bucket), memory_order_relaxed);
   atomic_store (bucket, l); /* publishes the entry */
}

static void
unlink_from (table *t, uint64_t hash, link *l)
{
   _Atomic (link *) *at = &t->buckets[hash & t->mask];

   for (link *here = atomic_load (at); here; here = atomic_load (at)) {
      if (here == l) {
         atomic_store (at, atomic_load (&l->next));
         return;
      }
      at = &here->next;
   }
}

/* Out of sight of new readers; onto the chain of those to be freed, through `older`. */
static void
retire (fg_key_cache *cache, entry *e, entry **retired)
{
   unlink_from (&cache->ids, hash_id (cache, e->id), &e->by_id);
   for (size_t i = 0; i < e->n_names; i++) {
      unlink_from (&cache->names, hash_name (cache, e->by_name[i].name), &e->by_name[i]);
   }
   *(e->older ? &e->older->newer : &cache->oldest) = e->newer;
   *(e->newer ? &e->newer->older : &cache->newest) = e->older;
   cache->n--;
   e->older = *retired;
   *retired = e;
   atomic_store (&cache->first_expiry_ms, cache->oldest ? cache->oldest->expires_ms : INT64_MAX);
}

static void
retire_expired (fg_key_cache *cache, entry **retired)
{
   int64_t now = monotonic_ms ();

   while (cache->oldest && cache->oldest->expires_ms <= now) {
      retire (cache, cache->oldest, retired);
   }
}

static void
free_retired (fg_key_cache *cache, entry *retired)
{
   if (retired) {
      fg_readers_wait (&cache->readers);
   }
   while (retired) {
      entry *next = retired->older;
      entry_free (retired);
      retired = next;
   }
}

static bool
conflicts (const entry *e, const uint8_t id[16], const char *const *names, size_t n_names)
{
   if (fg_public_equal (e->id, id, 16)) {
      return true;
   }
   for (size_t i = 0; i < e->n_names; i++) {
      for (size_t j = 0; j < n_names; j++) {
         if (strcmp (e->by_name[i].name, names[j]) == 0) {
            return true;
         }
      }
   }
   return false;
}

/* Only entries that share a bucket with the id or a name can conflict. */
static entry *
find_conflict (fg_key_cache *cache, const uint8_t id[16], const char *const *names, size_t n_names)
{
   link *l = atomic_load (&cache->ids.buckets[hash_id (cache, id) & cache->ids.mask]);

   for (; l; l = atomic_load (&l->next)) {
      if (conflicts (l->owner, id, names, n_names)) {
         return l->owner;
      }
   }
   for (size_t i = 0; i < n_names; i++) {
      l = atomic_load (&cache->names.buckets[hash_name (cache, names[i]) & cache->names.mask]);
      for (; l; l = atomic_load (&l->next)) {
         if (conflicts (l->owner, id, names, n_names)) {
            return l->owner;
         }
      }
   }
   return NULL;
}

static entry *
entry_new (const uint8_t id[16], const char *const *names, size_t n_names, fg_data_key *key)
{
   size_t size = (sizeof (entry) + n_names * sizeof (link) + 63) / 64 * 64;
   entry *e = aligned_alloc (64, size);

   if (!e) {
      return NULL;
   }
   memset (e, 0, size);
   memcpy (e->id, id, 16);
   e->by_id.owner = e;
   for (size_t i = 0; i < n_names; i++) {
      e->by_name[i].owner = e;
      e->by_name[i].name = strdup (names[i]);
      e->n_names++;
      if (!e->by_name[i].name) {
         entry_free (e);
         return NULL;
      }
   }
   e->key = key;
   return e;
}

static void
publish (fg_key_cache *cache, entry *e)
{
   e->expires_ms = cache->ttl_ms ? monotonic_ms () + cache->ttl_ms : INT64_MAX;
   e->older = cache->newest;
   *(cache->newest ? &cache->newest->newer : &cache->oldest) = e;
   cache->newest = e;
   cache->n++;
   push (&cache->ids, hash_id (cache, e->id), &e->by_id);
   for (size_t i = 0; i < e->n_names; i++) {
      push (&cache->names, hash_name (cache, e->by_name[i].name), &e->by_name[i]);
   }
   atomic_store (&cache->first_expiry_ms, cache->oldest->expires_ms);
}

bool
fg_key_cache_insert (fg_key_cache *cache, uint64_t generation, const uint8_t id[16], const char *const *names,
                     size_t n_names, fg_data_key *key, fg_error *err)
{
   entry *fresh = entry_new (id, names, n_names, key);
   entry *retired = NULL;

   if (!fresh) {
      fg_data_key_free (key);
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   pthread_mutex_lock (&cache->mutex);
   retire_expired (cache, &retired);
   if (generation == cache->generation) {
      for (entry *e; (e = find_conflict (cache, id, names, n_names));) {
         retire (cache, e, &retired);
      }
      if (cache->n >= cache->max_keys) {
         retire (cache, cache->oldest, &retired);
      }
      publish (cache, fresh);
      fresh = NULL;
   }
   free_retired (cache, retired);
   pthread_mutex_unlock (&cache->mutex);
   if (fresh) {
      entry_free (fresh);
   }
   return true;
}

void
fg_key_cache_forget (fg_key_cache *cache, const uint8_t *id)
{
   entry *retired = NULL;

   pthread_mutex_lock (&cache->mutex);
   cache->generation++;
   for (entry *e = cache->oldest; e;) {
      entry *next = e->newer;
      if (!id || fg_public_equal (e->id, id, 16)) {
         retire (cache, e, &retired);
      }
      e = next;
   }
   free_retired (cache, retired);
   pthread_mutex_unlock (&cache->mutex);
}

uint64_t
fg_key_cache_generation (fg_key_cache *cache)
{
   pthread_mutex_lock (&cache->mutex);
   uint64_t generation = cache->generation;
   pthread_mutex_unlock (&cache->mutex);
   return generation;
}

size_t
fg_key_cache_count (fg_key_cache *cache)
{
   pthread_mutex_lock (&cache->mutex);
   size_t n = cache->n;
   pthread_mutex_unlock (&cache->mutex);
   return n;
}

/* --- readers -------------------------------------------------------------------------------------------------------- */

/* Whoever first notices that something has expired wipes it, unless a writer is at work already. */
static void
sweep (fg_key_cache *cache)
{
   entry *retired = NULL;

   if (pthread_mutex_trylock (&cache->mutex) == 0) {
      retire_expired (cache, &retired);
      free_retired (cache, retired);
      pthread_mutex_unlock (&cache->mutex);
   }
}

unsigned
fg_key_cache_enter (fg_key_cache *cache)
{
   int64_t first = atomic_load_explicit (&cache->first_expiry_ms, memory_order_relaxed);

   if (first != INT64_MAX && monotonic_ms () >= first) {
      sweep (cache);
   }
   return fg_readers_enter (&cache->readers);
}

void
fg_key_cache_leave (fg_key_cache *cache, unsigned section)
{
   fg_readers_leave (&cache->readers, section);
}

static fg_data_key *
unless_expired (const entry *e)
{
   return e->expires_ms == INT64_MAX || monotonic_ms () < e->expires_ms ? e->key : NULL;
}

fg_data_key *
fg_key_cache_by_id (fg_key_cache *cache, const uint8_t id[16])
{
   link *l = atomic_load (&cache->ids.buckets[hash_id (cache, id) & cache->ids.mask]);

   for (; l; l = atomic_load (&l->next)) {
      if (fg_public_equal (l->owner->id, id, 16)) {
         return unless_expired (l->owner);
      }
   }
   return NULL;
}

fg_data_key *
fg_key_cache_by_name (fg_key_cache *cache, const char *name, uint8_t id[16])
{
   link *l = atomic_load (&cache->names.buckets[hash_name (cache, name) & cache->names.mask]);

   for (; l; l = atomic_load (&l->next)) {
      if (strcmp (l->name, name) == 0) {
         memcpy (id, l->owner->id, 16);
         return unless_expired (l->owner);
      }
   }
   return NULL;
}
