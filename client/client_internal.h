/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_INTERNAL_H
#define FG_CLIENT_INTERNAL_H

/* The handle, and fetching keys into its cache. */

#include "client/keys/flights.h"
#include "client/keys/key_cache.h"
#include "client/keys/key_vault.h"
#include "client/kms/kms.h"

#include <fieldguard/client.h>

struct fg_client {
   fg_key_vault *vault;
   fg_kms *kms;
   fg_key_cache *cache;
   fg_flights flights;
   bool flights_ready;
};

/* As fg_client_new, with another way to the world. */
fg_client *fg_client_new_with_io (const fg_client_options *options, const fg_kms_io *io, fg_error *err) FG_WARN_UNUSED;

/* Reads the keys with these ids (n_ids times 16 bytes) and this name (may be NULL) from the vault, has them unwrapped, and caches them. False when any is missing. Threads
 * that want the same key share one request. */
bool fg_client_fetch (fg_client *client, const uint8_t *ids, size_t n_ids, const char *name,
                      fg_error *err) FG_WARN_UNUSED;

/* Between finding a key missing, fetching it and using it, it can expire or be revoked again: so many rounds are tried. */
#define FG_FETCH_ROUNDS 8

bool fg_client_fetch_gave_up (fg_error *err);

/* options has a size that this library knows. */
bool fg_options_size (size_t size, size_t needed, const char *what, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_INTERNAL_H */
