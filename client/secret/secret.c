/* SPDX-License-Identifier: Apache-2.0 */
#include "client/secret/secret.h"

#include "base/base.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Chunks of pages, each cut into slots of one size. A page a secret would run into RLIMIT_MEMLOCK with a few hundred cached keys; slots of
 * 128 bytes and up keep a thousand of them in a few hundred KiB. What is larger than the largest slot gets a chunk of its own.
 */
#define SLOT_MIN 128u
#define SLOT_MAX 4096u
#define SLOT_CLASSES 6u /* 128, 256, 512, 1024, 2048, 4096 */
#define CHUNK_BYTES 16384u
#define CHUNK_SLOTS_MAX (CHUNK_BYTES / SLOT_MIN)

typedef struct chunk {
   struct chunk *next;
   uint8_t *map; /* guard page, data, guard page */
   size_t map_len;
   uint8_t *data;
   size_t slot_size;
   size_t n_slots;
   size_t n_used;
   uint8_t used[CHUNK_SLOTS_MAX];
} chunk;

typedef struct holder { /* what fg_secret_new hands out; secret is the first member */
   fg_secret secret;
   chunk *home;
   size_t slot;
} holder;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static chunk *classes[SLOT_CLASSES];
static size_t bytes_in_use;

/* Another thread may hold the lock when this one forks: the child must not inherit it so. */
static void
before_fork (void)
{
   pthread_mutex_lock (&lock);
}

static void
after_fork (void)
{
   pthread_mutex_unlock (&lock);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int fork_handlers; /* what pthread_atfork returned */

static void
set_up (void)
{
   fork_handlers = pthread_atfork (before_fork, after_fork, after_fork);
}

static size_t
class_of (size_t len)
{
   size_t index = 0;

   for (size_t size = SLOT_MIN; size < len; size *= 2) {
      index++;
   }
   return index;
}

static void
chunk_free (chunk *c)
{
   fg_memzero (c->data, c->slot_size * c->n_slots);
   munmap (c->map, c->map_len);
   free (c);
}

static chunk *
chunk_new (size_t slot_size, size_t data_len, fg_error *err)
{
   size_t page = (size_t)sysconf (_SC_PAGESIZE);
   size_t rounded = (data_len + page - 1) / page * page;
   chunk *c = calloc (1, sizeof *c);

   if (!c) {
      fg_error_set (err, FG_ERROR_CRYPTO, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   c->map_len = rounded + 2 * page;
   c->map = mmap (NULL, c->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
   if (c->map == MAP_FAILED) {
      fg_error_set_errno (err, errno, NULL, "cannot map memory for secrets");
      free (c);
      return NULL;
   }
   c->data = c->map + page;
   if (mprotect (c->data, rounded, PROT_READ | PROT_WRITE) != 0 || mlock (c->data, rounded) != 0) {
      fg_error_set_errno (err, errno, NULL, "cannot lock memory for secrets (raise RLIMIT_MEMLOCK, `ulimit -l`)");
      munmap (c->map, c->map_len);
      free (c);
      return NULL;
   }
   if (madvise (c->data, rounded, MADV_DONTDUMP) != 0) {
      fg_error_set_errno (err, errno, NULL, "cannot keep secrets out of core dumps");
      munmap (c->map, c->map_len);
      free (c);
      return NULL;
   }
   c->slot_size = slot_size;
   c->n_slots = data_len / slot_size;
   return c;
}

/* The lock is held. */
static chunk *
chunk_with_room (size_t len, fg_error *err)
{
   if (len > SLOT_MAX) {
      return chunk_new (len, len, err);
   }
   size_t class = class_of (len);
   for (chunk *c = classes[class]; c; c = c->next) {
      if (c->n_used < c->n_slots) {
         return c;
      }
   }
   chunk *c = chunk_new ((size_t)SLOT_MIN << class, CHUNK_BYTES, err);
   if (c) {
      c->next = classes[class];
      classes[class] = c;
   }
   return c;
}

static size_t
take_slot (chunk *c)
{
   size_t i = 0;

   while (c->used[i]) {
      i++;
   }
   c->used[i] = 1;
   c->n_used++;
   return i;
}

fg_secret *
fg_secret_new (size_t len, fg_error *err)
{
   if (len == 0 || len > FG_SECRET_MAX) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_TOO_LARGE, NULL, "a secret has 1 to %u bytes", FG_SECRET_MAX);
      return NULL;
   }
   pthread_once (&once, set_up);
   holder *h = fork_handlers == 0 ? calloc (1, sizeof *h) : NULL;
   if (!h) {
      fg_error_set (err, FG_ERROR_CRYPTO, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   pthread_mutex_lock (&lock);
   h->home = chunk_with_room (len, err);
   if (h->home) {
      h->slot = take_slot (h->home);
      bytes_in_use += h->home->slot_size;
   }
   pthread_mutex_unlock (&lock);
   if (!h->home) {
      free (h);
      return NULL;
   }
   h->secret.bytes = h->home->data + h->slot * h->home->slot_size;
   h->secret.len = len;
   return &h->secret;
}

fg_secret *
fg_secret_copy (const void *bytes, size_t len, fg_error *err)
{
   fg_secret *secret = fg_secret_new (len, err);

   if (secret) {
      memcpy (secret->bytes, bytes, len);
   }
   return secret;
}

void
fg_secret_truncate (fg_secret *secret, size_t len)
{
   if (len < secret->len) {
      fg_memzero (secret->bytes + len, secret->len - len);
      secret->len = len;
   }
}

static void
unlink_chunk (chunk *c)
{
   for (chunk **p = &classes[class_of (c->slot_size)]; *p; p = &(*p)->next) {
      if (*p == c) {
         *p = c->next;
         return;
      }
   }
}

void
fg_secret_free (fg_secret *secret)
{
   if (!secret) {
      return;
   }
   holder *h = (holder *)(void *)secret;
   chunk *c = h->home;

   pthread_mutex_lock (&lock);
   fg_memzero (c->data + h->slot * c->slot_size, c->slot_size);
   c->used[h->slot] = 0;
   c->n_used--;
   bytes_in_use -= c->slot_size;
   if (c->n_used == 0) {
      if (c->slot_size <= SLOT_MAX) {
         unlink_chunk (c);
      }
      chunk_free (c);
   }
   pthread_mutex_unlock (&lock);
   fg_memzero (h, sizeof *h);
   free (h);
}

size_t
fg_secret_in_use (void)
{
   pthread_mutex_lock (&lock);
   size_t n = bytes_in_use;
   pthread_mutex_unlock (&lock);
   return n;
}
