/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KEYSET_H
#define FG_CLIENT_KEYSET_H

/*
 * A list of key documents with the operations of a key vault: what the memory vault is, and what the file vault reads a file into. _id and alt names are unique.
 * Not thread-safe. Every function leaves the list as it was when it returns false.
 */

#include "client/keys/key_index.h"

#include <bson/bson.h>
#include <fieldguard/client.h>

typedef struct fg_keyset { /* zero-initialise */
   bson_t **docs;
   size_t n;
   size_t cap;
   fg_key_index by_id;
   fg_key_index by_name;
   bool unindexed; /* no memory for the indexes: everything is looked at */
} fg_keyset;

void fg_keyset_clear (fg_keyset *set);
/* Checks the document and its uniqueness; takes a copy. */
bool fg_keyset_insert (fg_keyset *set, const bson_t *bson, fg_error *err) FG_WARN_UNUSED;
bool fg_keyset_find (const fg_keyset *set, const uint8_t *ids, size_t n_ids, const char *const *names, size_t n_names,
                     fg_key_visit visit, void *ctx, fg_error *err) FG_WARN_UNUSED;
/* Equality and $in on _id, keyAltNames, status, masterKey and masterKey.<field>; any other filter is refused. */
bool fg_keyset_find_matching (const fg_keyset *set, const bson_t *filter, fg_key_visit visit, void *ctx,
                              fg_error *err) FG_WARN_UNUSED;
bool fg_keyset_rewrap (fg_keyset *set, const uint8_t id[FG_KEY_ID_LEN], const uint8_t *old_material, size_t old_len,
                       int64_t old_update_ms, const bson_t *master_key, const uint8_t *material, size_t len,
                       bool *changed, fg_error *err) FG_WARN_UNUSED;
/* All of them or, on an error, none. */
bool fg_keyset_rewrap_many (fg_keyset *set, fg_rewrap_item *items, size_t n, fg_error *err) FG_WARN_UNUSED;
bool fg_keyset_remove (fg_keyset *set, const uint8_t id[FG_KEY_ID_LEN]);
bool fg_keyset_add_alt_name (fg_keyset *set, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous,
                             fg_error *err) FG_WARN_UNUSED;
bool fg_keyset_remove_alt_name (fg_keyset *set, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous,
                                fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_KEYSET_H */
