/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_HMAC512_H
#define FG_CLIENT_HMAC512_H

/*
 * HMAC-SHA-512 under a 32-byte key whose two padded blocks are hashed once.
 *
 * What remains of the key are the chaining states after the inner and the outer pad: 128 bytes, as secret as the key. A MAC starts from a copy of them.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct fg_hmac512_key {
   uint64_t inner[8];
   uint64_t outer[8];
} fg_hmac512_key;

typedef struct fg_bytes {
   const uint8_t *data;
   size_t len;
} fg_bytes;

void fg_hmac512_prepare (fg_hmac512_key *key, const uint8_t bytes[32]);
/* The MAC of the parts, end to end. */
void fg_hmac512 (const fg_hmac512_key *key, const fg_bytes *parts, size_t n_parts, uint8_t mac[64]);

#endif /* FG_CLIENT_HMAC512_H */
