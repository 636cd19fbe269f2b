/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/flights.h"

#include "client/public_equal.h"

#include <stdlib.h>
#include <string.h>

typedef struct trip trip;

/* One key that is being fetched. Freed by whoever looks at it last. */
struct fg_flight {
   fg_flight *next;
   uint8_t id[FG_FLIGHT_ID_LEN];
   char *name; /* NULL: by id */
   const trip *owner; /* whose call fetches it; compared, never followed */
   unsigned waiting;
   bool landed;
   bool alone; /* nothing else was fetched with it: a failure is this key's */
   bool ok;
   fg_error err;
};

/* What one call flies itself and what it waits for. */
struct trip {
   fg_flight **own;
   size_t n_own;
   uint8_t *own_ids;
   size_t n_own_ids;
   const char *own_name;
   fg_flight **others;
   size_t n_others;
};

bool
fg_flights_init (fg_flights *flights, fg_error *err)
{
   memset (flights, 0, sizeof *flights);
   if (pthread_mutex_init (&flights->mutex, NULL) != 0) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   if (pthread_cond_init (&flights->landed, NULL) != 0) {
      pthread_mutex_destroy (&flights->mutex);
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   return true;
}

void
fg_flights_clear (fg_flights *flights)
{
   pthread_cond_destroy (&flights->landed);
   pthread_mutex_destroy (&flights->mutex);
}

static void
flight_free (fg_flight *f)
{
   free (f->name);
   free (f);
}

/* --- taking off; the mutex is held ---------------------------------------------------------------------------------- */

static fg_flight *
find (const fg_flights *flights, const uint8_t *id, const char *name)
{
   for (fg_flight *f = flights->first; f; f = f->next) {
      bool same =
         name ? f->name && strcmp (f->name, name) == 0 : !f->name && fg_public_equal (f->id, id, FG_FLIGHT_ID_LEN);
      if (same) {
         return f;
      }
   }
   return NULL;
}

static bool
take (fg_flights *flights, trip *t, const uint8_t *id, const char *name)
{
   fg_flight *f = find (flights, id, name);

   if (f && f->owner == t) {
      return true; /* asked for twice */
   }
   if (f) {
      f->waiting++;
      t->others[t->n_others++] = f;
      return true;
   }
   f = calloc (1, sizeof *f);
   if (!f || (name && !(f->name = strdup (name)))) {
      free (f);
      return false;
   }
   if (name) {
      t->own_name = name;
   } else {
      memcpy (f->id, id, FG_FLIGHT_ID_LEN);
      memcpy (t->own_ids + t->n_own_ids++ * FG_FLIGHT_ID_LEN, id, FG_FLIGHT_ID_LEN);
   }
   f->owner = t;
   f->next = flights->first;
   flights->first = f;
   t->own[t->n_own++] = f;
   return true;
}

static void
leave_list (fg_flights *flights, const fg_flight *f)
{
   fg_flight **at = &flights->first;

   while (*at != f) {
      at = &(*at)->next;
   }
   *at = f->next;
}

/* --- landing -------------------------------------------------------------------------------------------------------- */

static void
land (fg_flights *flights, const trip *t, bool ok, const fg_error *err)
{
   pthread_mutex_lock (&flights->mutex);
   for (size_t i = 0; i < t->n_own; i++) {
      fg_flight *f = t->own[i];
      leave_list (flights, f);
      if (f->waiting == 0) {
         flight_free (f);
         continue;
      }
      f->landed = true;
      f->alone = t->n_own == 1;
      f->ok = ok;
      f->err = *err;
   }
   pthread_cond_broadcast (&flights->landed);
   pthread_mutex_unlock (&flights->mutex);
}

/* Waits, and asks alone if others' keys may be why it failed. */
static bool
join (fg_flights *flights, fg_flight *f, fg_flight_fetch fetch, void *ctx, fg_error *err)
{
   pthread_mutex_lock (&flights->mutex);
   while (!f->landed) {
      pthread_cond_wait (&flights->landed, &flights->mutex);
   }
   pthread_mutex_unlock (&flights->mutex);
   bool ok = f->ok;
   if (!ok && f->alone) {
      *err = f->err;
   } else if (!ok) {
      ok = fetch (ctx, f->id, f->name ? 0 : 1, f->name, err);
   }
   pthread_mutex_lock (&flights->mutex);
   bool last = --f->waiting == 0;
   pthread_mutex_unlock (&flights->mutex);
   if (last) {
      flight_free (f);
   }
   return ok;
}

/* --- all of it ------------------------------------------------------------------------------------------------------ */

static bool
trip_new (trip *t, size_t n)
{
   memset (t, 0, sizeof *t);
   t->own = calloc (n, sizeof (fg_flight *));
   t->others = calloc (n, sizeof (fg_flight *));
   t->own_ids = calloc (n, FG_FLIGHT_ID_LEN);
   return t->own && t->others && t->own_ids;
}

static void
trip_clear (trip *t)
{
   free (t->own);
   free (t->others);
   free (t->own_ids);
}

static bool
take_off (fg_flights *flights, trip *t, const uint8_t *ids, size_t n_ids, const char *name)
{
   bool ok = true;

   pthread_mutex_lock (&flights->mutex);
   for (size_t i = 0; ok && i < n_ids; i++) {
      ok = take (flights, t, ids + i * FG_FLIGHT_ID_LEN, NULL);
   }
   ok = ok && (!name || take (flights, t, NULL, name));
   pthread_mutex_unlock (&flights->mutex);
   return ok;
}

bool
fg_flights_run (fg_flights *flights, const uint8_t *ids, size_t n_ids, const char *name, fg_flight_fetch fetch,
                void *ctx, fg_error *err)
{
   trip t;
   fg_error why = {0};
   bool ok = trip_new (&t, n_ids + 1);
   bool started = ok && take_off (flights, &t, ids, n_ids, name);

   if (!started) {
      ok = fg_error_set (&why, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   } else if (t.n_own) {
      ok = fetch (ctx, t.own_ids, t.n_own_ids, t.own_name, &why);
   }
   /* Also after a failure: whoever waits for a flight of ours must not wait for ever, and whom we have announced ourselves to counts on us. */
   land (flights, &t, ok, &why);
   for (size_t i = 0; i < t.n_others; i++) {
      fg_error other = {0};
      if (!join (flights, t.others[i], fetch, ctx, &other) && ok) {
         ok = false;
         why = other;
      }
   }
   trip_clear (&t);
   if (!ok && err) {
      *err = why;
   }
   return ok;
}
