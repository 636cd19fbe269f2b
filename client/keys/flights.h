/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_FLIGHTS_H
#define FG_CLIENT_FLIGHTS_H

/*
 * Fetches under way. Threads that miss the same key at the same time (when it expires, say) share one request to the vault and the KMS, and its outcome: the first one
 * flies, the others wait for it to land.
 *
 * A failure that may be another key's, because several were fetched together, is not shared: who waited then asks for its own key alone.
 */

#include <fieldguard/error.h>

#include <pthread.h>

#define FG_FLIGHT_ID_LEN 16u

typedef struct fg_flight fg_flight;

typedef struct fg_flights {
   pthread_mutex_t mutex;
   pthread_cond_t landed;
   fg_flight *first;
} fg_flights;

/* Fetches these keys: n_ids times 16 bytes, and name unless it is NULL. */
typedef bool (*fg_flight_fetch) (void *ctx, const uint8_t *ids, size_t n_ids, const char *name, fg_error *err);

bool fg_flights_init (fg_flights *flights, fg_error *err) FG_WARN_UNUSED;
void fg_flights_clear (fg_flights *flights); /* nothing is under way */

/* True: every key was fetched, by this thread or by another one meanwhile. */
bool fg_flights_run (fg_flights *flights, const uint8_t *ids, size_t n_ids, const char *name, fg_flight_fetch fetch,
                     void *ctx, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_FLIGHTS_H */
