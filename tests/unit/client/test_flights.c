/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/flights.h"

#include "tests/unit/runner.h"

#include <string.h>
#include <unistd.h>

const char *const fg_suite_name = "client.flights";

#define THREADS 8

typedef struct world {
   fg_flights flights;
   pthread_mutex_t mutex;
   unsigned fetches;
   unsigned keys; /* that were asked for, all fetches together */
   unsigned arrived; /* threads about to run */
   unsigned wait_for; /* a fetch takes until so many have arrived, and a little longer */
   uint8_t missing; /* first byte of a key that no vault has; 0: none */
} world;

static bool
fetch (void *ctx, const uint8_t *ids, size_t n_ids, const char *name, fg_error *err)
{
   world *w = ctx;
   bool arrived = false;

   pthread_mutex_lock (&w->mutex);
   w->fetches++;
   w->keys += (unsigned)n_ids + (name ? 1 : 0);
   pthread_mutex_unlock (&w->mutex);
   while (!arrived) {
      pthread_mutex_lock (&w->mutex);
      arrived = w->arrived >= w->wait_for;
      pthread_mutex_unlock (&w->mutex);
      usleep (20000);
   }
   usleep (100000);
   for (size_t i = 0; i < n_ids; i++) {
      if (w->missing && ids[i * FG_FLIGHT_ID_LEN] == w->missing) {
         return fg_error_set (err, FG_ERROR_KEY, FG_E_NOT_FOUND, NULL, "no key %u", w->missing);
      }
   }
   return true;
}

typedef struct caller {
   world *w;
   uint8_t ids[2 * FG_FLIGHT_ID_LEN];
   size_t n_ids;
   const char *name;
   bool ok;
   fg_error err;
} caller;

static void *
call (void *arg)
{
   caller *c = arg;

   pthread_mutex_lock (&c->w->mutex);
   c->w->arrived++;
   pthread_mutex_unlock (&c->w->mutex);
   c->ok = fg_flights_run (&c->w->flights, c->ids, c->n_ids, c->name, fetch, c->w, &c->err);
   return NULL;
}

static void
run (world *w, caller *callers, size_t n)
{
   pthread_t threads[THREADS];

   CU_ASSERT_TRUE_FATAL (fg_flights_init (&w->flights, NULL));
   pthread_mutex_init (&w->mutex, NULL);
   w->wait_for = (unsigned)n;
   for (size_t i = 0; i < n; i++) {
      callers[i].w = w;
      CU_ASSERT_EQUAL_FATAL (pthread_create (&threads[i], NULL, call, &callers[i]), 0);
   }
   for (size_t i = 0; i < n; i++) {
      pthread_join (threads[i], NULL);
   }
   CU_ASSERT_PTR_NULL (w->flights.first);
   fg_flights_clear (&w->flights);
   pthread_mutex_destroy (&w->mutex);
}

static void
test_one_request (void)
{
   world w = {0};
   caller callers[THREADS] = {0};

   for (size_t i = 0; i < THREADS; i++) {
      callers[i].ids[0] = 7;
      callers[i].n_ids = 1;
   }
   run (&w, callers, THREADS);
   CU_ASSERT_EQUAL (w.fetches, 1);
   for (size_t i = 0; i < THREADS; i++) {
      CU_ASSERT_TRUE (callers[i].ok);
   }
}

static void
test_one_failure (void)
{
   world w = {.missing = 7};
   caller callers[THREADS] = {0};

   for (size_t i = 0; i < THREADS; i++) {
      callers[i].ids[0] = 7;
      callers[i].n_ids = 1;
   }
   run (&w, callers, THREADS);
   CU_ASSERT_EQUAL (w.fetches, 1);
   for (size_t i = 0; i < THREADS; i++) {
      CU_ASSERT_FALSE (callers[i].ok);
      CU_ASSERT_STRING_EQUAL (callers[i].err.message, "no key 7");
   }
}

/* By name and by id are keys of their own; names are compared, not pointers. */
static void
test_names (void)
{
   world w = {0};
   char one[] = "ssn";
   char two[] = "ssn";
   caller callers[3] = {{.name = one}, {.name = two}, {.ids = {1}, .n_ids = 1}};

   run (&w, callers, 3);
   CU_ASSERT_EQUAL (w.fetches, 2);
   CU_ASSERT_EQUAL (w.keys, 2);
   CU_ASSERT_TRUE (callers[0].ok && callers[1].ok && callers[2].ok);
}

/* A document's keys fail because of one of them: who wanted another one of them has it all the same. */
static void
test_not_their_failure (void)
{
   world w = {.missing = 9};
   caller callers[2] = {{.n_ids = 2}, {.n_ids = 1}};

   callers[0].ids[0] = 5;
   callers[0].ids[FG_FLIGHT_ID_LEN] = 9;
   callers[1].ids[0] = 5;
   run (&w, callers, 2);
   CU_ASSERT_FALSE (callers[0].ok);
   CU_ASSERT_TRUE (callers[1].ok);
}

/* The same key twice in one call. */
static void
test_twice (void)
{
   world w = {0};
   caller callers[1] = {{.n_ids = 2}};

   run (&w, callers, 1);
   CU_ASSERT_TRUE (callers[0].ok);
   CU_ASSERT_EQUAL (w.keys, 1);
}

const fg_test fg_tests[] = {
   {"one_request", test_one_request},
   {"one_failure", test_one_failure},
   {"names", test_names},
   {"not_their_failure", test_not_their_failure},
   {"twice", test_twice},
   {NULL, NULL},
};
