/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/cursor.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define BUCKETS 1024u

struct fgd_cursors {
   pthread_mutex_t mutex;
   fgd_cursor *buckets[BUCKETS];
   size_t n;
   uint64_t held;
   uint64_t memory; /* most that held may be */
   int64_t timeout_ms;
   uint64_t timed_out;
};

static int64_t
now_ms (void)
{
   struct timespec t;

   clock_gettime (CLOCK_MONOTONIC, &t);
   return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

fgd_cursors *
fgd_cursors_new (fg_error *err)
{
   fgd_cursors *cursors = calloc (1, sizeof *cursors);

   if (!cursors) {
      fg_error_set (err, FG_ERROR_SERVER, 146, NULL, "out of memory");
      return NULL;
   }
   cursors->timeout_ms = FGD_CURSOR_TIMEOUT_MS;
   cursors->memory = FGD_CURSORS_MEMORY;
   pthread_mutex_init (&cursors->mutex, NULL);
   return cursors;
}

void
fgd_cursors_free (fgd_cursors *cursors)
{
   if (!cursors) {
      return;
   }
   for (size_t i = 0; i < BUCKETS; i++) {
      while (cursors->buckets[i]) {
         fgd_cursor *cursor = cursors->buckets[i];
         cursors->buckets[i] = cursor->next;
         cursor->free (cursor);
      }
   }
   pthread_mutex_destroy (&cursors->mutex);
   free (cursors);
}

/* The link that points to the cursor, or to the end of its bucket. */
static fgd_cursor **
find (fgd_cursors *cursors, int64_t id)
{
   fgd_cursor **link = &cursors->buckets[(uint64_t)id % BUCKETS];

   while (*link && (*link)->id != id) {
      link = &(*link)->next;
   }
   return link;
}

/* Unguessable, so that one client does not read on in another's results. */
static int64_t
new_id (void)
{
   uint64_t id = 0;

   while (id == 0) {
      if (getrandom (&id, sizeof id, 0) != (ssize_t)sizeof id) {
         id = (uint64_t)now_ms () * UINT64_C (0x9E3779B97F4A7C15);
      }
      id &= INT64_MAX;
   }
   return (int64_t)id;
}

/* The bound may have been lowered below what is held. */
static bool
fits (const fgd_cursors *cursors, uint64_t more)
{
   return cursors->held <= cursors->memory && more <= cursors->memory - cursors->held;
}

bool
fgd_cursors_add (fgd_cursors *cursors, fgd_cursor *cursor, int64_t *id, fg_error *err)
{
   fgd_cursors_expire (cursors);
   pthread_mutex_lock (&cursors->mutex);
   bool room = cursors->n < FGD_CURSORS_MAX && fits (cursors, cursor->held);
   if (room) {
      do {
         cursor->id = new_id ();
      } while (*find (cursors, cursor->id));
      *id = cursor->id;
      cursor->pinned = false;
      cursor->killed = false;
      cursor->last_used_ms = now_ms ();
      fgd_cursor **bucket = &cursors->buckets[(uint64_t)cursor->id % BUCKETS];
      cursor->next = *bucket;
      *bucket = cursor;
      cursors->n++;
      cursors->held += cursor->held;
   }
   pthread_mutex_unlock (&cursors->mutex);
   return room || fg_error_set (err, FG_ERROR_SERVER, 146, NULL,
                                "too many open cursors, or too much memory in them; close some first");
}

fgd_cursor *
fgd_cursors_pin (fgd_cursors *cursors, int64_t id, fg_error *err)
{
   pthread_mutex_lock (&cursors->mutex);
   fgd_cursor *cursor = *find (cursors, id);
   if (!cursor || cursor->killed) {
      fg_error_set (err, FG_ERROR_SERVER, 43, NULL, "cursor id %" PRId64 " not found", id);
      cursor = NULL;
   } else if (cursor->pinned) {
      fg_error_set (err, FG_ERROR_SERVER, 143, NULL, "cursor id %" PRId64 " is already in use", id);
      cursor = NULL;
   } else {
      cursor->pinned = true;
   }
   pthread_mutex_unlock (&cursors->mutex);
   return cursor;
}

static void
remove_link (fgd_cursors *cursors, fgd_cursor **link)
{
   if (*link) {
      cursors->held -= (*link)->held;
      *link = (*link)->next;
      cursors->n--;
   }
}

void
fgd_cursors_unpin (fgd_cursors *cursors, fgd_cursor *cursor, bool finished)
{
   pthread_mutex_lock (&cursors->mutex);
   bool gone = finished || cursor->killed;
   cursor->pinned = false;
   cursor->last_used_ms = now_ms ();
   if (gone) {
      remove_link (cursors, find (cursors, cursor->id));
   }
   pthread_mutex_unlock (&cursors->mutex);
   if (gone) {
      cursor->free (cursor);
   }
}

fgd_kill
fgd_cursors_kill (fgd_cursors *cursors, int64_t id, const char *ns)
{
   fgd_cursor *dead = NULL;

   pthread_mutex_lock (&cursors->mutex);
   fgd_cursor **link = find (cursors, id);
   bool found = *link && !(*link)->killed && strcmp ((*link)->ns, ns) == 0;
   if (found && (*link)->pinned) {
      (*link)->killed = true; /* freed when its getMore ends */
   } else if (found) {
      dead = *link;
      remove_link (cursors, link);
   }
   pthread_mutex_unlock (&cursors->mutex);
   if (dead) {
      dead->free (dead);
   }
   return found ? FGD_KILL_DONE : FGD_KILL_NOT_FOUND;
}

bool
fgd_cursors_resize (fgd_cursors *cursors, fgd_cursor *cursor, uint64_t held, fg_error *err)
{
   pthread_mutex_lock (&cursors->mutex);
   bool room = held <= cursor->held || fits (cursors, held - cursor->held);
   if (room) {
      cursors->held = cursors->held - cursor->held + held;
      cursor->held = held;
   }
   pthread_mutex_unlock (&cursors->mutex);
   return room || fg_error_set (err, FG_ERROR_SERVER, 146, NULL, "too much memory in open cursors; close some first");
}

void
fgd_cursors_set_memory (fgd_cursors *cursors, uint64_t bytes)
{
   pthread_mutex_lock (&cursors->mutex);
   cursors->memory = bytes;
   pthread_mutex_unlock (&cursors->mutex);
}

void
fgd_cursors_held (fgd_cursors *cursors, uint64_t *no_timeout, uint64_t *held)
{
   pthread_mutex_lock (&cursors->mutex);
   *held = cursors->held;
   *no_timeout = 0;
   for (size_t i = 0; i < BUCKETS; i++) {
      for (const fgd_cursor *cursor = cursors->buckets[i]; cursor; cursor = cursor->next) {
         *no_timeout += cursor->no_timeout;
      }
   }
   pthread_mutex_unlock (&cursors->mutex);
}

void
fgd_cursors_kill_transaction (fgd_cursors *cursors, const uint8_t lsid[16], int64_t txn_number)
{
   fgd_cursor *dead = NULL;

   pthread_mutex_lock (&cursors->mutex);
   for (size_t i = 0; cursors->n > 0 && i < BUCKETS; i++) {
      fgd_cursor **link = &cursors->buckets[i];
      while (*link) {
         fgd_cursor *cursor = *link;
         bool own = cursor->in_session && cursor->txn_number == txn_number && memcmp (cursor->lsid, lsid, 16) == 0;
         if (!own || cursor->pinned) {
            cursor->killed = cursor->killed || own;
            link = &cursor->next;
            continue;
         }
         remove_link (cursors, link);
         cursor->next = dead;
         dead = cursor;
      }
   }
   pthread_mutex_unlock (&cursors->mutex);
   while (dead) {
      fgd_cursor *cursor = dead;
      dead = cursor->next;
      cursor->free (cursor);
   }
}

void
fgd_cursors_set_timeout (fgd_cursors *cursors, int64_t ms)
{
   pthread_mutex_lock (&cursors->mutex);
   cursors->timeout_ms = ms;
   pthread_mutex_unlock (&cursors->mutex);
}

void
fgd_cursors_expire (fgd_cursors *cursors)
{
   fgd_cursor *dead = NULL;

   pthread_mutex_lock (&cursors->mutex);
   int64_t oldest = now_ms () - cursors->timeout_ms;
   for (size_t i = 0; i < BUCKETS; i++) {
      fgd_cursor **link = &cursors->buckets[i];
      while (*link) {
         fgd_cursor *cursor = *link;
         if (cursor->pinned || cursor->no_timeout || cursor->last_used_ms > oldest) {
            link = &cursor->next;
            continue;
         }
         remove_link (cursors, link);
         cursors->timed_out++;
         cursor->next = dead;
         dead = cursor;
      }
   }
   pthread_mutex_unlock (&cursors->mutex);
   while (dead) {
      fgd_cursor *cursor = dead;
      dead = cursor->next;
      cursor->free (cursor);
   }
}

void
fgd_cursors_count (fgd_cursors *cursors, uint64_t *open, uint64_t *timed_out)
{
   pthread_mutex_lock (&cursors->mutex);
   *open = cursors->n;
   *timed_out = cursors->timed_out;
   pthread_mutex_unlock (&cursors->mutex);
}
