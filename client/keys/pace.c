/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/pace.h"

#include "client/secret/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define SLICE_NS 50000000 /* how late a stop is noticed */

struct fg_pace {
   pthread_mutex_t mutex;
   int64_t interval_ns; /* between two requests; 0: no limit */
   int64_t next_ns; /* when the next one may go */
   int64_t base_ms;
   int64_t backoff_ms; /* what the last throttling cost */
   unsigned throttlings;
   unsigned round; /* one more with every wait */
   unsigned in_vain; /* waits since the last answer */
   const volatile sig_atomic_t *stop;
};

static int64_t
now_ns (void)
{
   struct timespec t = {0, 0};

   clock_gettime (CLOCK_MONOTONIC, &t);
   return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

fg_pace *
fg_pace_new (double rate, int64_t base_ms, const volatile sig_atomic_t *stop, fg_error *err)
{
   fg_pace *pace = calloc (1, sizeof *pace);

   if (!pace || pthread_mutex_init (&pace->mutex, NULL) != 0) {
      free (pace);
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   pace->interval_ns = rate > 0 ? (int64_t)(1e9 / rate) : 0;
   pace->base_ms = base_ms > 0 ? base_ms : FG_PACE_BASE_MS;
   pace->stop = stop;
   return pace;
}

void
fg_pace_free (fg_pace *pace)
{
   if (pace) {
      pthread_mutex_destroy (&pace->mutex);
      free (pace);
   }
}

bool
fg_pace_exhausted (fg_pace *pace)
{
   pthread_mutex_lock (&pace->mutex);
   bool exhausted = pace->in_vain >= FG_PACE_ROUNDS;
   pthread_mutex_unlock (&pace->mutex);
   return exhausted;
}

static bool
over (fg_pace *pace)
{
   return (pace->stop && *pace->stop) || fg_pace_exhausted (pace);
}

static void
sleep_until (fg_pace *pace, int64_t when)
{
   for (int64_t now = now_ns (); now < when && !over (pace); now = now_ns ()) {
      int64_t slice = when - now < SLICE_NS ? when - now : SLICE_NS;
      struct timespec t = {0, (long)slice};
      nanosleep (&t, NULL);
   }
}

/* This thread's turn, in the round that *round says. */
static int64_t
next_turn (fg_pace *pace, unsigned *round)
{
   pthread_mutex_lock (&pace->mutex);
   int64_t now = now_ns ();
   int64_t turn = pace->next_ns > now ? pace->next_ns : now;
   /* A wait after a throttling is for everybody: turns stand in line only where a rate says so. */
   pace->next_ns = turn + pace->interval_ns;
   *round = pace->round;
   pthread_mutex_unlock (&pace->mutex);
   return turn;
}

static unsigned
current_round (fg_pace *pace)
{
   pthread_mutex_lock (&pace->mutex);
   unsigned round = pace->round;
   pthread_mutex_unlock (&pace->mutex);
   return round;
}

/* Who slept while others were throttled waits with them. */
bool
fg_pace_take (fg_pace *pace, unsigned *round)
{
   do {
      sleep_until (pace, next_turn (pace, round));
   } while (!over (pace) && current_round (pace) != *round);
   return !over (pace);
}

/* With the mutex held. */
static void
begin_wait (fg_pace *pace, uint16_t random)
{
   pace->round++;
   pace->in_vain++;
   pace->backoff_ms = pace->backoff_ms ? pace->backoff_ms * 2 : pace->base_ms;
   if (pace->backoff_ms > FG_PACE_LONGEST_MS) {
      pace->backoff_ms = FG_PACE_LONGEST_MS;
   }
   int64_t wait_ns = pace->backoff_ms * 1000000;
   wait_ns += wait_ns / 4 * random / UINT16_MAX;
   int64_t until = now_ns () + wait_ns;
   if (until > pace->next_ns) {
      pace->next_ns = until;
   }
}

void
fg_pace_throttled (fg_pace *pace, unsigned round)
{
   uint16_t random = 0;

   (void)!fg_random_public ((uint8_t *)&random, sizeof random, NULL);
   pthread_mutex_lock (&pace->mutex);
   pace->throttlings++;
   if (round == pace->round) {
      begin_wait (pace, random);
   }
   pthread_mutex_unlock (&pace->mutex);
}

void
fg_pace_answered (fg_pace *pace)
{
   pthread_mutex_lock (&pace->mutex);
   pace->backoff_ms /= 2;
   pace->in_vain = 0;
   pthread_mutex_unlock (&pace->mutex);
}

unsigned
fg_pace_throttlings (fg_pace *pace)
{
   pthread_mutex_lock (&pace->mutex);
   unsigned n = pace->throttlings;
   pthread_mutex_unlock (&pace->mutex);
   return n;
}
