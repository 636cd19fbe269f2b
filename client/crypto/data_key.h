/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_DATA_KEY_H
#define FG_CLIENT_DATA_KEY_H

/*
 * A prepared key: 96 bytes (MAC key, encryption key, IV key, in this order) with everything derived from them once: HMAC states and AES key schedules.
 *
 * The authenticated encryption is AEAD_AES_256_CBC_HMAC_SHA_512 as MongoDB's client-side field level encryption uses it (McGrew's draft 05, section 5.4, with its own way of making
 * a deterministic IV): IV, ciphertext, 32-byte tag.
 *
 * Threads: a prepared key is used by any number of threads at once and takes no lock; a cipher context is owned by one caller at a time, and a few
 * are kept with the key.
 */

#include <fieldguard/error.h>

#define FG_DATA_KEY_LEN 96u
#define FG_AEAD_IV_LEN 16u
#define FG_AEAD_TAG_LEN 32u
#define FG_AEAD_LEAST 64u /* IV, one block, tag */

typedef struct fg_data_key fg_data_key;

fg_data_key *fg_data_key_new (const uint8_t bytes[FG_DATA_KEY_LEN], fg_error *err) FG_WARN_UNUSED;
void fg_data_key_free (fg_data_key *key); /* wipes; NULL is legal */
/* The 96 bytes, for wrapping. */
const uint8_t *fg_data_key_bytes (const fg_data_key *key);

/* Bytes that encryption makes of n. n is at most FG_AEAD_PLAINTEXT_MAX. */
#define FG_AEAD_PLAINTEXT_MAX ((size_t)64 * 1024 * 1024)
static inline size_t
fg_aead_sealed_len (size_t n)
{
   return FG_AEAD_IV_LEN + (n / 16 + 1) * 16 + FG_AEAD_TAG_LEN;
}

/* The IV of deterministic encryption. */
void fg_aead_deterministic_iv (const fg_data_key *key, const uint8_t *aad, size_t aad_len, const uint8_t *plain,
                               size_t len, uint8_t iv[FG_AEAD_IV_LEN]);
/* out holds fg_aead_sealed_len (len) bytes and overlaps nothing; its first 16 receive iv. */
bool fg_aead_seal (fg_data_key *key, const uint8_t *aad, size_t aad_len, const uint8_t iv[FG_AEAD_IV_LEN],
                   const uint8_t *plain, size_t len, uint8_t *out, fg_error *err) FG_WARN_UNUSED;
/* Verifies, then decrypts. out holds sealed_len - 48 bytes and is written only once the tag has verified; *len receives what the plaintext has.
 * FG_E_TRUNCATED: too short or no whole number of blocks. FG_E_CORRUPT: forged, damaged or sealed under another key. */
bool fg_aead_open (fg_data_key *key, const uint8_t *aad, size_t aad_len, const uint8_t *sealed, size_t sealed_len,
                   uint8_t *out, size_t *len, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_DATA_KEY_H */
