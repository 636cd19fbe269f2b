/* SPDX-License-Identifier: Apache-2.0 */
#include "client/crypto/data_key.h"
#include "client/crypto/hmac512.h"
#include "tests/unit/client/vectors.h"

#include <openssl/hmac.h>
#include <pthread.h>

const char *const fg_suite_name = "client.data_key";

/* draft-mcgrew-aead-aes-cbc-hmac-sha2-05, section 5.4. */
static void
test_mcgrew (void)
{
   static const char *const sealed_hex =
      "1af38c2dc2b96ffdd86694092341bc044affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd822c301dd67c373b"
      "ccb584ad3e9279c2e6d12a1374b77f077553df829410446b36ebd97066296ae6427ea75c2e0846a11a09ccf5370dc80bfecbad28c73f09b3"
      "a3b75e662a2594410ae496b2e2e6609e31e6e02cc837f053d21f37ff4f51950bbe2638d09dd7a4930930806d0703b1f64dd3b4c088a7f45c"
      "216839645b2012bf2e6269a8c56a816dbc1b267761955bc5";
   static const char aad[] = "The second principle of Auguste Kerckhoffs";
   static const char plain[] =
      "A cipher system must not be required to be secret, and it must be able to fall into the "
      "hands of the enemy without inconvenience";
   uint8_t bytes[FG_DATA_KEY_LEN] = {0};
   uint8_t want[256], out[256], back[256];
   size_t len = unhex (sealed_hex, want, sizeof want);
   size_t n = 0;

   for (size_t i = 0; i < 64; i++) {
      bytes[i] = (uint8_t)i;
   }
   fg_data_key *key = fg_data_key_new (bytes, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (key);
   CU_ASSERT_EQUAL_FATAL (fg_aead_sealed_len (sizeof plain - 1), len);
   CU_ASSERT_TRUE (fg_aead_seal (key, (const uint8_t *)aad, sizeof aad - 1, want, (const uint8_t *)plain,
                                 sizeof plain - 1, out, NULL));
   CU_ASSERT_EQUAL (memcmp (out, want, len), 0);
   CU_ASSERT_TRUE (fg_aead_open (key, (const uint8_t *)aad, sizeof aad - 1, out, len, back, &n, NULL));
   CU_ASSERT_EQUAL (n, sizeof plain - 1);
   CU_ASSERT_EQUAL (memcmp (back, plain, n), 0);
   fg_data_key_free (key);
}

static void
test_every_length (void)
{
   uint8_t bytes[FG_DATA_KEY_LEN], plain[300], sealed[400], back[400], iv[16] = {9};
   fg_data_key *key;

   for (size_t i = 0; i < sizeof bytes; i++) {
      bytes[i] = (uint8_t)(i * 7 + 1);
   }
   for (size_t i = 0; i < sizeof plain; i++) {
      plain[i] = (uint8_t)(i * 13);
   }
   key = fg_data_key_new (bytes, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (key);
   for (size_t len = 0; len <= sizeof plain; len++) {
      size_t n = SIZE_MAX;
      CU_ASSERT_TRUE (fg_aead_seal (key, NULL, 0, iv, plain, len, sealed, NULL));
      CU_ASSERT_TRUE (fg_aead_open (key, NULL, 0, sealed, fg_aead_sealed_len (len), back, &n, NULL));
      CU_ASSERT_TRUE (n == len && memcmp (back, plain, len) == 0);
   }
   fg_data_key_free (key);
}

/* Every single bit of a blob, and every shorter length. */
static void
test_forged_and_truncated (void)
{
   const uint8_t bytes[FG_DATA_KEY_LEN] = {1, 2, 3};
   const uint8_t other_bytes[FG_DATA_KEY_LEN] = {3, 2, 1};
   uint8_t aad[18] = {1}, iv[16] = {0}, sealed[96], out[96], untouched[96];
   fg_data_key *key = fg_data_key_new (bytes, NULL);
   fg_data_key *other = fg_data_key_new (other_bytes, NULL);
   fg_error err = {0};
   size_t n = 0;
   size_t len = fg_aead_sealed_len (20);

   CU_ASSERT_TRUE_FATAL (key && other && len <= sizeof sealed);
   CU_ASSERT_TRUE_FATAL (
      fg_aead_seal (key, aad, sizeof aad, iv, (const uint8_t *)"12345678901234567890", 20, sealed, NULL));
   memset (out, 0x5A, sizeof out);
   memset (untouched, 0x5A, sizeof untouched);
   for (size_t bit = 0; bit < len * 8; bit++) {
      sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
      CU_ASSERT_FALSE (fg_aead_open (key, aad, sizeof aad, sealed, len, out, &n, &err));
      CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
      sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
   }
   for (size_t bit = 0; bit < sizeof aad * 8; bit++) {
      aad[bit / 8] ^= (uint8_t)(1u << bit % 8);
      CU_ASSERT_FALSE (fg_aead_open (key, aad, sizeof aad, sealed, len, out, &n, &err));
      aad[bit / 8] ^= (uint8_t)(1u << bit % 8);
   }
   for (size_t cut = 0; cut < len; cut++) {
      CU_ASSERT_FALSE (fg_aead_open (key, aad, sizeof aad, sealed, cut, out, &n, &err));
      CU_ASSERT_TRUE (err.code == FG_E_TRUNCATED || err.code == FG_E_CORRUPT);
   }
   CU_ASSERT_FALSE (fg_aead_open (other, aad, sizeof aad, sealed, len, out, &n, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
   CU_ASSERT_EQUAL (memcmp (out, untouched, sizeof out), 0);
   CU_ASSERT_TRUE (fg_aead_open (key, aad, sizeof aad, sealed, len, out, &n, &err));
   fg_data_key_free (other);
   fg_data_key_free (key);
}

/* Our resumed states against OpenSSL's HMAC, over lengths that cross the block size. */
static void
test_hmac_agrees (void)
{
   uint8_t key[32], data[400], want[64], got[64];
   fg_hmac512_key prepared;
   unsigned want_len = 0;

   for (size_t i = 0; i < sizeof data; i++) {
      data[i] = (uint8_t)(i * 31 + 5);
   }
   memcpy (key, data + 100, sizeof key);
   fg_hmac512_prepare (&prepared, key);
   for (size_t len = 0; len <= sizeof data; len++) {
      const fg_bytes parts[] = {{data, len / 3}, {data + len / 3, len - len / 3}};
      CU_ASSERT_PTR_NOT_NULL (HMAC (EVP_sha512 (), key, sizeof key, data, len, want, &want_len));
      fg_hmac512 (&prepared, parts, 2, got);
      CU_ASSERT_EQUAL (memcmp (want, got, 64), 0);
   }
}

static fg_data_key *shared;

static void *
hammer (void *arg)
{
   uint8_t sealed[128], back[128], iv[16] = {0};
   size_t *failures = arg;

   for (uint32_t i = 0; i < 3000; i++) {
      size_t n = 0;
      memcpy (iv, &i, sizeof i);
      if (!fg_aead_seal (shared, NULL, 0, iv, (const uint8_t *)&i, sizeof i, sealed, NULL) ||
          !fg_aead_open (shared, NULL, 0, sealed, fg_aead_sealed_len (sizeof i), back, &n, NULL) || n != sizeof i ||
          memcmp (back, &i, n) != 0) {
         (*failures)++;
      }
   }
   return NULL;
}

/* More threads than the key keeps contexts. */
static void
test_threads (void)
{
   const uint8_t bytes[FG_DATA_KEY_LEN] = {42};
   pthread_t threads[8];
   size_t failures[8] = {0};

   shared = fg_data_key_new (bytes, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (shared);
   for (size_t i = 0; i < 8; i++) {
      CU_ASSERT_EQUAL_FATAL (pthread_create (&threads[i], NULL, hammer, &failures[i]), 0);
   }
   for (size_t i = 0; i < 8; i++) {
      pthread_join (threads[i], NULL);
      CU_ASSERT_EQUAL (failures[i], 0);
   }
   fg_data_key_free (shared);
}

const fg_test fg_tests[] = {
   {"mcgrew", test_mcgrew},
   {"every_length", test_every_length},
   {"forged_and_truncated", test_forged_and_truncated},
   {"hmac_agrees", test_hmac_agrees},
   {"threads", test_threads},
   {NULL, NULL},
};
