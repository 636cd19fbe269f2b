/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/jwt.h"

#include "client/kms/encoding.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#define RSA_MAX 1024u /* bytes of a signature: keys of up to 8192 bits */

static EVP_PKEY *
read_key (const uint8_t *pkcs8, size_t len)
{
   const uint8_t *p = pkcs8;
   PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO (NULL, &p, (long)len);
   EVP_PKEY *key = info ? EVP_PKCS82PKEY (info) : NULL;

   PKCS8_PRIV_KEY_INFO_free (info);
   if (key && (EVP_PKEY_get_base_id (key) != EVP_PKEY_RSA || (size_t)EVP_PKEY_get_size (key) > RSA_MAX)) {
      EVP_PKEY_free (key);
      return NULL;
   }
   return key;
}

static bool
sign (EVP_PKEY *key, const uint8_t *data, size_t len, uint8_t *signature, size_t *signature_len)
{
   EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
   bool ok = ctx && EVP_DigestSignInit (ctx, NULL, EVP_sha256 (), NULL, key) == 1 &&
             EVP_DigestSign (ctx, signature, signature_len, data, len) == 1;

   EVP_MD_CTX_free (ctx);
   return ok;
}

fg_secret *
fg_jwt_sign_rs256 (const char *claims_json, const uint8_t *pkcs8, size_t len, fg_error *err)
{
   static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
   uint8_t signature[RSA_MAX];
   size_t signature_len = sizeof signature;
   size_t claims_len = strlen (claims_json);
   EVP_PKEY *key = read_key (pkcs8, len);
   fg_secret *jwt = NULL;

   if (!key) {
      fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INVALID, NULL, "the private key is no RSA key in PKCS #8 DER");
      return NULL;
   }
   jwt = fg_secret_new (FG_BASE64_SIZE (sizeof header) + FG_BASE64_SIZE (claims_len) + FG_BASE64_SIZE (RSA_MAX), err);
   if (jwt) {
      char *text = (char *)jwt->bytes;
      size_t n = fg_base64_encode (FG_BASE64_URL, (const uint8_t *)header, sizeof header - 1, text);
      text[n++] = '.';
      n += fg_base64_encode (FG_BASE64_URL, (const uint8_t *)claims_json, claims_len, text + n);
      if (!sign (key, jwt->bytes, n, signature, &signature_len)) {
         fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INTERNAL, NULL, "OpenSSL cannot sign with the private key");
         fg_secret_free (jwt);
         jwt = NULL;
      } else {
         text[n++] = '.';
         n += fg_base64_encode (FG_BASE64_URL, signature, signature_len, text + n);
         fg_secret_truncate (jwt, n + 1);
      }
   }
   EVP_PKEY_free (key);
   return jwt;
}
