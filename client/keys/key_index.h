/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KEY_INDEX_H
#define FG_CLIENT_KEY_INDEX_H

/*
 * Where things may be: places by hash. A candidate is to be looked at; one that no longer has what it was added for is passed over, so nothing need be taken out when it changes, only
 * when places move.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fg_key_index { /* zero-initialise */
   struct fg_key_index_slot {
      uint64_t hash;
      size_t place; /* and one more; 0: empty */
   } * slots;
   size_t n;
   size_t cap; /* a power of two, or 0 */
} fg_key_index;

/* False: out of memory; nothing was added. */
bool fg_key_index_add (fg_key_index *index, uint64_t hash, size_t place) __attribute__ ((warn_unused_result));
/* Each candidate in turn; *cursor begins as 0. False: no more. */
bool fg_key_index_next (const fg_key_index *index, uint64_t hash, size_t *cursor, size_t *place);
void fg_key_index_clear (fg_key_index *index);

uint64_t fg_key_index_hash (const void *data, size_t len);

#endif /* FG_CLIENT_KEY_INDEX_H */
