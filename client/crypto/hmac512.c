/* SPDX-License-Identifier: Apache-2.0 */

/*
 * OpenSSL 3's EVP interface can duplicate a digest or MAC context only by allocating one, which costs more than the hashing of a short value. The
 * SHA512_* functions, deprecated in its favour, keep their state in a struct of ours; this file alone uses them.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "client/crypto/hmac512.h"

#include "base/base.h"

#include <openssl/sha.h>

static void
hash_pad (uint64_t state[8], const uint8_t key[32], uint8_t pad)
{
   uint8_t block[SHA512_CBLOCK];
   SHA512_CTX ctx;

   memset (block, pad, sizeof block);
   for (size_t i = 0; i < 32; i++) {
      block[i] ^= key[i];
   }
   SHA512_Init (&ctx);
   SHA512_Update (&ctx, block, sizeof block);
   memcpy (state, ctx.h, sizeof ctx.h);
   fg_memzero (block, sizeof block);
   fg_memzero (&ctx, sizeof ctx);
}

void
fg_hmac512_prepare (fg_hmac512_key *key, const uint8_t bytes[32])
{
   hash_pad (key->inner, bytes, 0x36);
   hash_pad (key->outer, bytes, 0x5c);
}

/* As after SHA512_Init and one block. */
static void
resume (SHA512_CTX *ctx, const uint64_t state[8])
{
   memcpy (ctx->h, state, sizeof ctx->h);
   ctx->Nl = SHA512_CBLOCK * 8u;
   ctx->Nh = 0;
   ctx->num = 0;
   ctx->md_len = SHA512_DIGEST_LENGTH;
}

void
fg_hmac512 (const fg_hmac512_key *key, const fg_bytes *parts, size_t n_parts, uint8_t mac[64])
{
   uint8_t digest[SHA512_DIGEST_LENGTH];
   SHA512_CTX ctx;

   resume (&ctx, key->inner);
   for (size_t i = 0; i < n_parts; i++) {
      SHA512_Update (&ctx, parts[i].data, parts[i].len);
   }
   SHA512_Final (digest, &ctx);
   resume (&ctx, key->outer);
   SHA512_Update (&ctx, digest, sizeof digest);
   SHA512_Final (mac, &ctx);
   fg_memzero (&ctx, sizeof ctx);
}
