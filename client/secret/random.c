/* SPDX-License-Identifier: Apache-2.0 */
#include "client/secret/secret.h"

#include "base/base.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

/*
 * One call of RAND_bytes costs about a microsecond, more than the encryption of a short value; a block of 4 KiB pays it once for 255 IVs.
 *
 * The pool is a few slots in pages that a fork leaves zeroed in the child: a zeroed slot is an empty, unowned one. Where the kernel cannot do that there
 * is no pool. A slot also carries the generation that the fork handler raises, and one of another generation counts as empty. A slot is owned by the thread that set its flag; nobody waits: with all slots taken the bytes come from OpenSSL directly.
 */
#define N_SLOTS 8u
#define SLOT_BYTES 4096u

typedef struct slot {
   atomic_uint owned;
   uint32_t available; /* unread bytes, at the end of data */
   uint64_t generation;
   uint8_t data[SLOT_BYTES - 16];
} slot;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static slot *pool; /* NULL: could not be set up; RAND_bytes serves every call */
static _Atomic uint64_t generation = 1;
static atomic_uint next_thread;
static _Thread_local unsigned home_slot; /* 0: not chosen yet, else index + 1 */

static void
after_fork (void)
{
   atomic_fetch_add (&generation, 1);
}

static void
set_up (void)
{
   size_t len = N_SLOTS * sizeof (slot);
   void *map = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

   if (map == MAP_FAILED) {
      return;
   }
   if (pthread_atfork (NULL, NULL, after_fork) != 0 || madvise (map, len, MADV_WIPEONFORK) != 0 ||
       madvise (map, len, MADV_DONTDUMP) != 0) {
      munmap (map, len);
      return;
   }
   (void)mlock (map, len); /* IVs become public with their ciphertext; a full lock budget is for keys */
   pool = map;
}

static slot *
own_slot (void)
{
   pthread_once (&once, set_up);
   if (!pool) {
      return NULL;
   }
   if (home_slot == 0) {
      home_slot = atomic_fetch_add (&next_thread, 1) % N_SLOTS + 1;
   }
   for (unsigned i = 0; i < N_SLOTS; i++) {
      slot *s = &pool[(home_slot - 1 + i) % N_SLOTS];
      if (atomic_exchange_explicit (&s->owned, 1, memory_order_acquire) == 0) {
         return s;
      }
   }
   return NULL;
}

static bool
fill (uint8_t *out, size_t len, fg_error *err)
{
   if (len > INT32_MAX || RAND_bytes (out, (int)len) != 1) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INTERNAL, NULL, "OpenSSL's random generator failed");
   }
   return true;
}

static bool
read_slot (slot *s, uint8_t *out, size_t len, fg_error *err)
{
   uint64_t now = atomic_load (&generation);

   if (s->generation != now || s->available < len) {
      s->available = 0;
      if (!fill (s->data, sizeof s->data, err)) {
         return false;
      }
      s->generation = now;
      s->available = sizeof s->data;
   }
   uint8_t *from = s->data + (sizeof s->data - s->available);
   memcpy (out, from, len);
   fg_memzero (from, len);
   s->available -= (uint32_t)len;
   return true;
}

bool
fg_random_public (uint8_t *out, size_t len, fg_error *err)
{
   slot *s = len <= 64 ? own_slot () : NULL;

   if (!s) {
      return fill (out, len, err);
   }
   bool ok = read_slot (s, out, len, err);
   atomic_store_explicit (&s->owned, 0, memory_order_release);
   return ok;
}

bool
fg_random_private (uint8_t *out, size_t len, fg_error *err)
{
   if (len > INT32_MAX || RAND_priv_bytes (out, (int)len) != 1) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INTERNAL, NULL, "OpenSSL's private random generator failed");
   }
   return true;
}
