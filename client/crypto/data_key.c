/* SPDX-License-Identifier: Apache-2.0 */
#include "client/crypto/data_key.h"

#include "base/base.h"
#include "client/crypto/cipher_pool.h"
#include "client/crypto/hmac512.h"
#include "client/secret/secret.h"

#include <stdlib.h>

/* Lives in an fg_secret. */
typedef struct key_state {
   uint8_t bytes[FG_DATA_KEY_LEN];
   fg_hmac512_key mac;
   fg_hmac512_key iv;
} key_state;

struct fg_data_key {
   key_state *state; /* first: what every use reads first */
   fg_secret *secret;
   fg_cipher_pool ciphers;
};

#define MAC_KEY(state) ((state)->bytes)
#define ENCRYPTION_KEY(state) ((state)->bytes + 32)
#define IV_KEY(state) ((state)->bytes + 64)

fg_data_key *
fg_data_key_new (const uint8_t bytes[FG_DATA_KEY_LEN], fg_error *err)
{
   fg_data_key *key = aligned_alloc (_Alignof(fg_data_key), sizeof *key);

   if (!key) {
      fg_error_set (err, FG_ERROR_CRYPTO, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   memset (key, 0, sizeof *key);
   key->secret = fg_secret_new (sizeof (key_state), err);
   if (!key->secret) {
      free (key);
      return NULL;
   }
   key->state = (key_state *)(void *)key->secret->bytes;
   memcpy (key->state->bytes, bytes, FG_DATA_KEY_LEN);
   fg_hmac512_prepare (&key->state->mac, MAC_KEY (key->state));
   fg_hmac512_prepare (&key->state->iv, IV_KEY (key->state));
   return key;
}

void
fg_data_key_free (fg_data_key *key)
{
   if (key) {
      fg_cipher_pool_drain (&key->ciphers);
      fg_secret_free (key->secret);
      free (key);
   }
}

const uint8_t *
fg_data_key_bytes (const fg_data_key *key)
{
   return key->state->bytes;
}

/* The length of the associated data in bits, 8 bytes big endian. */
static void
put_aad_bits (uint8_t out[8], size_t aad_len)
{
   uint64_t bits = (uint64_t)aad_len * 8;

   for (int i = 7; i >= 0; i--) {
      out[i] = (uint8_t)bits;
      bits >>= 8;
   }
}

/* Among a thousand keys hardly any is in the processor's first caches: what the tag and the cipher need comes while the IV is being worked out. */
static void
prefetch (const fg_data_key *key)
{
   const char *state = (const char *)key->state;

   for (size_t at = 0; at < sizeof *key->state; at += 64) {
      __builtin_prefetch (state + at);
   }
   fg_cipher_pool_prefetch (&key->ciphers, FG_CIPHER_ENCRYPT);
}

void
fg_aead_deterministic_iv (const fg_data_key *key, const uint8_t *aad, size_t aad_len, const uint8_t *plain, size_t len,
                          uint8_t iv[FG_AEAD_IV_LEN])
{
   uint8_t bits[8];
   uint8_t mac[64];

   prefetch (key);
   /* The bit length stands between the two here, but last in the tag. */
   put_aad_bits (bits, aad_len);
   const fg_bytes parts[] = {{aad, aad_len}, {bits, sizeof bits}, {plain, len}};
   fg_hmac512 (&key->state->iv, parts, 3, mac);
   memcpy (iv, mac, FG_AEAD_IV_LEN);
}

/* body: IV and ciphertext. */
static void
compute_tag (const fg_data_key *key, const uint8_t *aad, size_t aad_len, const uint8_t *body, size_t body_len,
             uint8_t mac[64])
{
   uint8_t bits[8];

   put_aad_bits (bits, aad_len);
   const fg_bytes parts[] = {{aad, aad_len}, {body, body_len}, {bits, sizeof bits}};
   fg_hmac512 (&key->state->mac, parts, 3, mac);
}

/* Whole blocks straight from plain, then the last one with its padding (PKCS #7). */
static bool
encrypt_blocks (EVP_CIPHER_CTX *ctx, const uint8_t *plain, size_t len, uint8_t *out)
{
   uint8_t last[16];
   size_t whole = len / 16 * 16;
   size_t rest = len - whole;
   int n = 0;

   if (rest) {
      memcpy (last, plain + whole, rest);
   }
   memset (last + rest, (int)(16 - rest), 16 - rest);
   bool ok = whole == 0 || EVP_EncryptUpdate (ctx, out, &n, plain, (int)whole) == 1;
   ok = ok && EVP_EncryptUpdate (ctx, out + whole, &n, last, 16) == 1;
   fg_memzero (last, sizeof last);
   return ok;
}

bool
fg_aead_seal (fg_data_key *key, const uint8_t *aad, size_t aad_len, const uint8_t iv[FG_AEAD_IV_LEN],
              const uint8_t *plain, size_t len, uint8_t *out, fg_error *err)
{
   if (len > FG_AEAD_PLAINTEXT_MAX) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_TOO_LARGE, NULL,
                           "a value of more than 64 MiB cannot be encrypted");
   }
   size_t body_len = fg_aead_sealed_len (len) - FG_AEAD_TAG_LEN;
   EVP_CIPHER_CTX *ctx = fg_cipher_pool_take (&key->ciphers, FG_CIPHER_ENCRYPT, ENCRYPTION_KEY (key->state), err);

   if (!ctx) {
      return false;
   }
   memcpy (out, iv, FG_AEAD_IV_LEN);
   bool ok =
      EVP_EncryptInit_ex (ctx, NULL, NULL, NULL, iv) == 1 && encrypt_blocks (ctx, plain, len, out + FG_AEAD_IV_LEN);
   fg_cipher_pool_put (&key->ciphers, FG_CIPHER_ENCRYPT, ctx, ok);
   if (!ok) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INTERNAL, NULL, "OpenSSL's AES-256-CBC failed");
   }
   uint8_t mac[64];
   compute_tag (key, aad, aad_len, out, body_len, mac);
   memcpy (out + body_len, mac, FG_AEAD_TAG_LEN);
   return true;
}

static bool
padding_len (const uint8_t *plain, size_t len, size_t *out)
{
   size_t pad = plain[len - 1];

   if (pad == 0 || pad > 16) {
      return false;
   }
   for (size_t i = len - pad; i < len; i++) {
      if (plain[i] != pad) {
         return false;
      }
   }
   *out = pad;
   return true;
}

bool
fg_aead_open (fg_data_key *key, const uint8_t *aad, size_t aad_len, const uint8_t *sealed, size_t sealed_len,
              uint8_t *out, size_t *len, fg_error *err)
{
   if (sealed_len < FG_AEAD_LEAST || sealed_len % 16 != 0 || sealed_len > fg_aead_sealed_len (FG_AEAD_PLAINTEXT_MAX)) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_TRUNCATED, NULL,
                           "malformed ciphertext: %zu bytes are too few or no whole number of blocks", sealed_len);
   }
   size_t body_len = sealed_len - FG_AEAD_TAG_LEN;
   size_t cipher_len = body_len - FG_AEAD_IV_LEN;
   uint8_t mac[64];

   compute_tag (key, aad, aad_len, sealed, body_len, mac);
   if (!fg_ct_equal (mac, sealed + body_len, FG_AEAD_TAG_LEN)) {
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_CORRUPT, NULL,
                           "authentication tag does not verify: altered ciphertext, or another key's");
   }
   EVP_CIPHER_CTX *ctx = fg_cipher_pool_take (&key->ciphers, FG_CIPHER_DECRYPT, ENCRYPTION_KEY (key->state), err);
   if (!ctx) {
      return false;
   }
   int n = 0;
   bool ok = EVP_DecryptInit_ex (ctx, NULL, NULL, NULL, sealed) == 1 &&
             EVP_DecryptUpdate (ctx, out, &n, sealed + FG_AEAD_IV_LEN, (int)cipher_len) == 1;
   fg_cipher_pool_put (&key->ciphers, FG_CIPHER_DECRYPT, ctx, ok);
   if (!ok) {
      fg_memzero (out, cipher_len);
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INTERNAL, NULL, "OpenSSL's AES-256-CBC failed");
   }
   size_t pad = 0;
   if (!padding_len (out, cipher_len, &pad)) {
      fg_memzero (out, cipher_len);
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_CORRUPT, NULL, "malformed padding under a tag that verifies");
   }
   *len = cipher_len - pad;
   return true;
}
