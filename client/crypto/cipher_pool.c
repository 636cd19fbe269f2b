/* SPDX-License-Identifier: Apache-2.0 */
#include "client/crypto/cipher_pool.h"

static _Atomic (EVP_CIPHER *)
   aes_256_cbc; /* fetched once: a fetch per call costs more than the encryption of a short value */
static atomic_uint next_thread;
static _Thread_local unsigned home; /* 0: not chosen yet, else slot + 1 */

/* A fetch that fails (no memory) is tried again by the next caller. */
static EVP_CIPHER *
fetch (void)
{
   EVP_CIPHER *known = atomic_load (&aes_256_cbc);

   if (known) {
      return known;
   }
   EVP_CIPHER *fetched = EVP_CIPHER_fetch (NULL, "AES-256-CBC", NULL);
   if (fetched && !atomic_compare_exchange_strong (&aes_256_cbc, &known, fetched)) {
      EVP_CIPHER_free (fetched); /* another thread was faster */
      return known;
   }
   return fetched;
}

static unsigned
home_slot (void)
{
   if (home == 0) {
      home = atomic_fetch_add (&next_thread, 1) % FG_CIPHER_SLOTS + 1;
   }
   return home - 1;
}

static EVP_CIPHER_CTX *
make (fg_cipher_direction direction, const uint8_t key[32], fg_error *err)
{
   EVP_CIPHER *cipher = fetch ();
   EVP_CIPHER_CTX *ctx = cipher ? EVP_CIPHER_CTX_new () : NULL;

   if (ctx && EVP_CipherInit_ex2 (ctx, cipher, key, NULL, direction == FG_CIPHER_ENCRYPT, NULL) == 1 &&
       EVP_CIPHER_CTX_set_padding (ctx, 0) == 1) {
      return ctx;
   }
   EVP_CIPHER_CTX_free (ctx);
   fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INTERNAL, NULL, "OpenSSL offers no AES-256-CBC");
   return NULL;
}

EVP_CIPHER_CTX *
fg_cipher_pool_take (fg_cipher_pool *pool, fg_cipher_direction direction, const uint8_t key[32], fg_error *err)
{
   unsigned start = home_slot ();

   for (unsigned i = 0; i < FG_CIPHER_SLOTS; i++) {
      fg_cipher_slot *slot = &pool->slots[(start + i) % FG_CIPHER_SLOTS];
      EVP_CIPHER_CTX *ctx = atomic_exchange_explicit (&slot->ctx[direction], NULL, memory_order_acquire);
      if (ctx) {
         return ctx;
      }
   }
   return make (direction, key, err);
}

void
fg_cipher_pool_put (fg_cipher_pool *pool, fg_cipher_direction direction, EVP_CIPHER_CTX *ctx, bool good)
{
   unsigned start = home_slot ();

   for (unsigned i = 0; good && i < FG_CIPHER_SLOTS; i++) {
      fg_cipher_slot *slot = &pool->slots[(start + i) % FG_CIPHER_SLOTS];
      EVP_CIPHER_CTX *expected = NULL;
      if (atomic_compare_exchange_strong_explicit (&slot->ctx[direction], &expected, ctx, memory_order_release,
                                                   memory_order_relaxed)) {
         return;
      }
   }
   EVP_CIPHER_CTX_free (ctx);
}

/* A context and the provider's part of it, with the key schedule, are allocated one after the other and mostly lie so. */
#define CONTEXT_BYTES 1024u

void
fg_cipher_pool_prefetch (const fg_cipher_pool *pool, fg_cipher_direction direction)
{
   const char *ctx =
      (const char *)atomic_load_explicit (&pool->slots[home_slot ()].ctx[direction], memory_order_relaxed);

   for (size_t at = 0; ctx && at < CONTEXT_BYTES; at += 64) {
      __builtin_prefetch (ctx + at);
   }
}

void
fg_cipher_pool_drain (fg_cipher_pool *pool)
{
   for (unsigned i = 0; i < FG_CIPHER_SLOTS; i++) {
      for (unsigned d = 0; d < 2; d++) {
         EVP_CIPHER_CTX_free (atomic_exchange (&pool->slots[i].ctx[d], NULL));
      }
   }
}
