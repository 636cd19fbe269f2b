/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KEY_CACHE_H
#define FG_CLIENT_KEY_CACHE_H

/*
 * Unwrapped keys by id and by alt name, for a while.
 *
 * Readers take no lock: between fg_key_cache_enter and fg_key_cache_leave what they found stays alive. Writers take a mutex, unlink an entry, wait until every
 * reader that might still see it has left, and only then wipe and free it. A section is therefore short: it never spans a call to a vault or a KMS, and
 * a thread inside one calls no writer.
 *
 * An entry expires ttl after it was inserted; nobody finds it from then on, and the first call that notices wipes it. At the bound, the entry that would
 * expire first makes room.
 */

#include "client/crypto/data_key.h"

typedef struct fg_key_cache fg_key_cache;

/* ttl_ms 0: for ever. */
fg_key_cache *fg_key_cache_new (int64_t ttl_ms, size_t max_keys, fg_error *err) FG_WARN_UNUSED;
void fg_key_cache_free (fg_key_cache *cache); /* NULL is legal; nobody is inside */

unsigned fg_key_cache_enter (fg_key_cache *cache);
void fg_key_cache_leave (fg_key_cache *cache, unsigned section);
/* Inside a section. NULL when absent or expired. */
fg_data_key *fg_key_cache_by_id (fg_key_cache *cache, const uint8_t id[16]);
/* id receives the key's. */
fg_data_key *fg_key_cache_by_name (fg_key_cache *cache, const char *name, uint8_t id[16]);

/* Changes with every fg_key_cache_forget. */
uint64_t fg_key_cache_generation (fg_key_cache *cache);
/* Takes key over, also on failure. An entry with the same id or one of the names goes. A generation that is no longer current: nothing is inserted, so that
 * a key read before a revocation does not come back after it. */
bool fg_key_cache_insert (fg_key_cache *cache, uint64_t generation, const uint8_t id[16], const char *const *names,
                          size_t n_names, fg_data_key *key, fg_error *err) FG_WARN_UNUSED;
/* NULL: all. */
void fg_key_cache_forget (fg_key_cache *cache, const uint8_t *id);
size_t fg_key_cache_count (fg_key_cache *cache);

#endif /* FG_CLIENT_KEY_CACHE_H */
