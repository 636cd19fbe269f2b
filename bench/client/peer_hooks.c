/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/client/peer_hooks.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static peer_api in_use;
static EVP_CIPHER *aes;
static EVP_MAC *hmac;

static bool
cipher (bool encrypt, mongocrypt_binary_t *key, mongocrypt_binary_t *iv, mongocrypt_binary_t *in,
        mongocrypt_binary_t *out, uint32_t *written)
{
   EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new ();
   int n = 0;
   bool ok =
      ctx && EVP_CipherInit_ex2 (ctx, aes, in_use.binary_data (key), in_use.binary_data (iv), encrypt, NULL) == 1 &&
      EVP_CIPHER_CTX_set_padding (ctx, 0) == 1 &&
      EVP_CipherUpdate (ctx, in_use.binary_data (out), &n, in_use.binary_data (in), (int)in_use.binary_len (in)) == 1;

   *written = (uint32_t)n;
   EVP_CIPHER_CTX_free (ctx);
   return ok;
}

static bool
encrypt (void *ctx, mongocrypt_binary_t *key, mongocrypt_binary_t *iv, mongocrypt_binary_t *in,
         mongocrypt_binary_t *out, uint32_t *written, mongocrypt_status_t *status)
{
   (void)ctx;
   (void)status;
   return cipher (true, key, iv, in, out, written);
}

static bool
decrypt (void *ctx, mongocrypt_binary_t *key, mongocrypt_binary_t *iv, mongocrypt_binary_t *in,
         mongocrypt_binary_t *out, uint32_t *written, mongocrypt_status_t *status)
{
   (void)ctx;
   (void)status;
   return cipher (false, key, iv, in, out, written);
}

static bool
randomise (void *ctx, mongocrypt_binary_t *out, uint32_t count, mongocrypt_status_t *status)
{
   (void)ctx;
   (void)status;
   return RAND_bytes (in_use.binary_data (out), (int)count) == 1;
}

static bool
mac (const char *digest, mongocrypt_binary_t *key, mongocrypt_binary_t *in, mongocrypt_binary_t *out)
{
   EVP_MAC_CTX *ctx = EVP_MAC_CTX_new (hmac);
   char name[16];
   size_t n = 0;

   snprintf (name, sizeof name, "%s", digest);
   OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string (OSSL_MAC_PARAM_DIGEST, name, 0),
                          OSSL_PARAM_construct_end ()};
   bool ok = ctx && EVP_MAC_init (ctx, in_use.binary_data (key), in_use.binary_len (key), params) == 1 &&
             EVP_MAC_update (ctx, in_use.binary_data (in), in_use.binary_len (in)) == 1 &&
             EVP_MAC_final (ctx, in_use.binary_data (out), &n, in_use.binary_len (out)) == 1;
   EVP_MAC_CTX_free (ctx);
   return ok;
}

static bool
hmac_512 (void *ctx, mongocrypt_binary_t *key, mongocrypt_binary_t *in, mongocrypt_binary_t *out,
          mongocrypt_status_t *status)
{
   (void)ctx;
   (void)status;
   return mac ("SHA512", key, in, out);
}

static bool
hmac_256 (void *ctx, mongocrypt_binary_t *key, mongocrypt_binary_t *in, mongocrypt_binary_t *out,
          mongocrypt_status_t *status)
{
   (void)ctx;
   (void)status;
   return mac ("SHA256", key, in, out);
}

static bool
sha_256 (void *ctx, mongocrypt_binary_t *in, mongocrypt_binary_t *out, mongocrypt_status_t *status)
{
   (void)ctx;
   (void)status;
   return EVP_Digest (in_use.binary_data (in), in_use.binary_len (in), in_use.binary_data (out), NULL, EVP_sha256 (),
                      NULL) == 1;
}

void
peer_use_openssl (const peer_api *api, mongocrypt_t *crypt)
{
   in_use = *api;
   aes = EVP_CIPHER_fetch (NULL, "AES-256-CBC", NULL);
   hmac = EVP_MAC_fetch (NULL, "HMAC", NULL);
   if (!aes || !hmac ||
       !api->setopt_crypto_hooks (crypt, encrypt, decrypt, randomise, hmac_512, hmac_256, sha_256, NULL)) {
      peer_die ("hooks", "refused");
   }
}
