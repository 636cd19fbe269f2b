/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_CIPHER_POOL_H
#define FG_CLIENT_CIPHER_POOL_H

/*
 * AES-256-CBC contexts of one key, scheduled once and handed from call to call without a lock: a context is taken out of its slot by an atomic exchange and
 * put back by one. With every slot empty a new one is made; with every slot full the one put back is freed (and cleansed by OpenSSL).
 * Padding is off: the callers do it.
 */

#include <fieldguard/error.h>

#include <openssl/evp.h>
#include <stdatomic.h>

typedef enum fg_cipher_direction { FG_CIPHER_ENCRYPT = 0, FG_CIPHER_DECRYPT = 1 } fg_cipher_direction;

#define FG_CIPHER_SLOTS 4u

/* A slot's two contexts share a cache line that no other slot touches. */
typedef struct fg_cipher_slot {
   _Alignas(64) _Atomic (EVP_CIPHER_CTX *) ctx[2];
} fg_cipher_slot;

typedef struct fg_cipher_pool { /* zero-initialise */
   fg_cipher_slot slots[FG_CIPHER_SLOTS];
} fg_cipher_pool;

EVP_CIPHER_CTX *fg_cipher_pool_take (fg_cipher_pool *pool, fg_cipher_direction direction, const uint8_t key[32],
                                     fg_error *err) FG_WARN_UNUSED;
/* good: whether the context worked; one that failed is not used again. */
void fg_cipher_pool_put (fg_cipher_pool *pool, fg_cipher_direction direction, EVP_CIPHER_CTX *ctx, bool good);
/* Has the processor fetch what the next take by this thread hands out, without waiting for it. */
void fg_cipher_pool_prefetch (const fg_cipher_pool *pool, fg_cipher_direction direction);
void fg_cipher_pool_drain (fg_cipher_pool *pool);

#endif /* FG_CLIENT_CIPHER_POOL_H */
