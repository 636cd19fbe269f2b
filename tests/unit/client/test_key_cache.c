/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_cache.h"
#include "client/secret/secret.h"
#include "tests/unit/runner.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const fg_suite_name = "client.key_cache";

static void
id_of (size_t n, uint8_t id[16])
{
   memset (id, 0, 16);
   memcpy (id, &n, sizeof n);
}

static bool
put (fg_key_cache *cache, size_t n, const char *const *names, size_t n_names)
{
   uint8_t bytes[FG_DATA_KEY_LEN] = {0};
   uint8_t id[16];

   id_of (n, id);
   memcpy (bytes, &n, sizeof n);
   fg_data_key *key = fg_data_key_new (bytes, NULL);
   return key && fg_key_cache_insert (cache, fg_key_cache_generation (cache), id, names, n_names, key, NULL);
}

static bool
has (fg_key_cache *cache, size_t n)
{
   uint8_t id[16];

   id_of (n, id);
   unsigned section = fg_key_cache_enter (cache);
   fg_data_key *key = fg_key_cache_by_id (cache, id);
   bool right = key && memcmp (fg_data_key_bytes (key), &n, sizeof n) == 0;
   fg_key_cache_leave (cache, section);
   return right;
}

/* The key that a name leads to, SIZE_MAX for none. */
static size_t
named (fg_key_cache *cache, const char *name)
{
   uint8_t id[16];
   size_t n = SIZE_MAX;

   unsigned section = fg_key_cache_enter (cache);
   if (fg_key_cache_by_name (cache, name, id)) {
      memcpy (&n, id, sizeof n);
   }
   fg_key_cache_leave (cache, section);
   return n;
}

static void
sleep_ms (long ms)
{
   const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

   nanosleep (&t, NULL);
}

static void
test_find (void)
{
   fg_key_cache *cache = fg_key_cache_new (0, 100, NULL);
   const char *const names[] = {"alpha", "a name longer than eight bytes"};
   size_t before = fg_secret_in_use ();

   CU_ASSERT_PTR_NOT_NULL_FATAL (cache);
   CU_ASSERT_FALSE (has (cache, 1));
   CU_ASSERT_TRUE (put (cache, 1, names, 2));
   CU_ASSERT_TRUE (put (cache, 2, NULL, 0));
   CU_ASSERT_TRUE (has (cache, 1));
   CU_ASSERT_TRUE (has (cache, 2));
   CU_ASSERT_EQUAL (named (cache, "alpha"), 1);
   CU_ASSERT_EQUAL (named (cache, names[1]), 1);
   CU_ASSERT_EQUAL (named (cache, "alph"), SIZE_MAX);
   fg_key_cache_free (cache);
   CU_ASSERT_EQUAL (fg_secret_in_use (), before);
}

/* The rules of the driver specification: a new key replaces every entry that shares its id or a name. */
static void
test_conflicts (void)
{
   fg_key_cache *cache = fg_key_cache_new (0, 100, NULL);
   const char *const a[] = {"alt0"};
   const char *const b[] = {"alt1"};
   const char *const all[] = {"alt0", "alt1", "alt2"};

   CU_ASSERT_PTR_NOT_NULL_FATAL (cache);
   CU_ASSERT_TRUE (put (cache, 0, a, 1) && put (cache, 1, b, 1) && fg_key_cache_count (cache) == 2);
   CU_ASSERT_TRUE (put (cache, 2, all, 3));
   CU_ASSERT_EQUAL (fg_key_cache_count (cache), 1);
   CU_ASSERT_EQUAL (named (cache, "alt1"), 2);
   CU_ASSERT_FALSE (has (cache, 0));
   CU_ASSERT_TRUE (put (cache, 2, NULL, 0)); /* the same id without names */
   CU_ASSERT_EQUAL (fg_key_cache_count (cache), 1);
   CU_ASSERT_EQUAL (named (cache, "alt0"), SIZE_MAX);
   fg_key_cache_free (cache);
}

static void
test_bound_and_expiry (void)
{
   fg_key_cache *cache = fg_key_cache_new (80, 5, NULL);
   size_t before = fg_secret_in_use ();

   CU_ASSERT_PTR_NOT_NULL_FATAL (cache);
   for (size_t i = 0; i < 20; i++) {
      CU_ASSERT_TRUE (put (cache, i, NULL, 0));
   }
   CU_ASSERT_EQUAL (fg_key_cache_count (cache), 5);
   CU_ASSERT_FALSE (has (cache, 14));
   CU_ASSERT_TRUE (has (cache, 15));
   sleep_ms (120);
   CU_ASSERT_FALSE (has (cache, 19));
   CU_ASSERT_EQUAL (fg_key_cache_count (cache), 0); /* the look-up above wiped them all */
   CU_ASSERT_EQUAL (fg_secret_in_use (), before);
   fg_key_cache_free (cache);
}

/* What was read before a revocation is not cached after it. */
static void
test_revocation (void)
{
   fg_key_cache *cache = fg_key_cache_new (0, 5, NULL);
   const uint8_t bytes[FG_DATA_KEY_LEN] = {0};
   uint8_t id[16];

   CU_ASSERT_PTR_NOT_NULL_FATAL (cache);
   id_of (0, id);
   uint64_t then = fg_key_cache_generation (cache);
   CU_ASSERT_TRUE (put (cache, 0, NULL, 0) && put (cache, 1, NULL, 0));
   fg_key_cache_forget (cache, id);
   CU_ASSERT_FALSE (has (cache, 0));
   CU_ASSERT_TRUE (has (cache, 1));
   CU_ASSERT_TRUE (fg_key_cache_insert (cache, then, id, NULL, 0, fg_data_key_new (bytes, NULL), NULL));
   CU_ASSERT_FALSE (has (cache, 0));
   fg_key_cache_forget (cache, NULL);
   CU_ASSERT_EQUAL (fg_key_cache_count (cache), 0);
   fg_key_cache_free (cache);
}

/* Readers use keys while a writer replaces them all the time: a key that a reader holds never changes under it. */
static fg_key_cache *busy;
static atomic_bool stop;
static atomic_size_t wrong;
static atomic_size_t used;

static void *
read_all_the_time (void *arg)
{
   (void)arg;
   while (!atomic_load (&stop)) {
      for (size_t n = 0; n < 8; n++) {
         uint8_t id[16], sealed[128], out[128];
         size_t len = 0;
         const uint8_t iv[16] = {1};
         id_of (n, id);
         unsigned section = fg_key_cache_enter (busy);
         fg_data_key *key = fg_key_cache_by_id (busy, id);
         if (key) {
            bool ok = memcmp (fg_data_key_bytes (key), &n, sizeof n) == 0 &&
                      fg_aead_seal (key, NULL, 0, iv, id, 16, sealed, NULL) &&
                      fg_aead_open (key, NULL, 0, sealed, fg_aead_sealed_len (16), out, &len, NULL) && len == 16;
            atomic_fetch_add (ok ? &used : &wrong, 1);
         }
         fg_key_cache_leave (busy, section);
      }
   }
   return NULL;
}

static void
test_readers_and_writers (void)
{
   pthread_t threads[3];
   const char *const names[] = {"n"};

   busy = fg_key_cache_new (0, 6, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (busy);
   atomic_store (&stop, false);
   for (size_t i = 0; i < 3; i++) {
      CU_ASSERT_EQUAL_FATAL (pthread_create (&threads[i], NULL, read_all_the_time, NULL), 0);
   }
   /* Under Valgrind, which runs one thread at a time, every wait for readers is long: three seconds are enough then. */
   time_t end = time (NULL) + 3;
   for (size_t i = 0; i < 1500 && (i < 8 || time (NULL) < end); i++) {
      CU_ASSERT_TRUE (put (busy, i % 8, names, i % 3 == 0));
   }
   while (atomic_load (&used) == 0) {
      sleep_ms (1); /* a loaded machine: let a reader have its turn */
   }
   atomic_store (&stop, true);
   for (size_t i = 0; i < 3; i++) {
      pthread_join (threads[i], NULL);
   }
   CU_ASSERT_EQUAL (atomic_load (&wrong), 0);
   fg_key_cache_free (busy);
}

const fg_test fg_tests[] = {
   {"find", test_find},
   {"conflicts", test_conflicts},
   {"bound_and_expiry", test_bound_and_expiry},
   {"revocation", test_revocation},
   {"readers_and_writers", test_readers_and_writers},
   {NULL, NULL},
};
