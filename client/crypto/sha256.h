/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_SHA256_H
#define FG_CLIENT_SHA256_H

/* SHA-256 of public bytes, and its 64 hex digits. */

#include <fieldguard/error.h>

#include <openssl/evp.h>

#define FG_SHA256_LEN 32u
#define FG_SHA256_HEX_LEN 65u

static inline bool
fg_sha256 (const void *data, size_t len, uint8_t out[FG_SHA256_LEN], fg_error *err)
{
   return EVP_Digest (data, len, out, NULL, EVP_sha256 (), NULL) == 1 ||
          fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INTERNAL, NULL, "OpenSSL cannot compute SHA-256");
}

static inline void
fg_sha256_hex (const uint8_t digest[FG_SHA256_LEN], char text[FG_SHA256_HEX_LEN])
{
   static const char digits[] = "0123456789abcdef";

   for (size_t i = 0; i < FG_SHA256_LEN; i++) {
      text[2 * i] = digits[digest[i] >> 4];
      text[2 * i + 1] = digits[digest[i] & 15];
   }
   text[2 * FG_SHA256_LEN] = '\0';
}

#endif /* FG_CLIENT_SHA256_H */
