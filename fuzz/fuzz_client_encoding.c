/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/*
 * Base64, PEM, the JSON reader and the signing of a JWT. The first byte chooses; the rest is the text, or the private key (PKCS #8 DER or, for the JWT of a file, PEM).
 */

#include "client/kms/encoding.h"
#include "client/kms/jwt.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
must (bool condition)
{
   if (!condition) {
      abort ();
   }
}

/* What decodes encodes to something that decodes to the same. */
static void
base64 (fg_base64 alphabet, const uint8_t *data, size_t len)
{
   uint8_t *out = malloc (len * 3 / 4 + 1);
   uint8_t *again = malloc (len + 4);
   char *text = malloc (FG_BASE64_SIZE (len * 3 / 4 + 1));
   size_t n = 0;
   size_t m = 0;

   if (fg_base64_decode (alphabet, (const char *)data, len, out, &n)) {
      must (n <= len * 3 / 4);
      size_t chars = fg_base64_encode (alphabet, out, n, text);
      must (strlen (text) == chars && chars < FG_BASE64_SIZE (n));
      must (fg_base64_decode (alphabet, text, chars, again, &m) && m == n && memcmp (out, again, n) == 0);
   }
   free (out);
   free (again);
   free (text);
}

static void
json (const char *text, size_t len)
{
   fg_json root;
   fg_json member;
   int64_t seconds;
   char *out = malloc (len + 1);
   size_t n = 0;

   if (fg_json_parse (text, len, &root)) {
      must (root.text >= text && root.text + root.len <= text + len);
      if (fg_json_member (&root, "a", &member)) {
         must (member.text >= root.text && member.text + member.len <= root.text + root.len);
         if (fg_json_plain_string (&member, out, len + 1, &n) || fg_json_unescape (&member, out, len + 1, &n)) {
            must (n <= len && out[n] == '\0');
         }
         must (!fg_json_seconds (&member, &seconds) || (seconds >= 0 && seconds <= INT32_MAX));
      }
   }
   free (out);
}

static void
sign (const uint8_t *key, size_t len)
{
   fg_secret *jwt = fg_jwt_sign_rs256 ("{\"iss\": \"a\"}", key, len, NULL);

   if (jwt) {
      must (jwt->len && jwt->bytes[jwt->len - 1] == '\0');
      must (strspn ((const char *)jwt->bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
            jwt->len - 1);
      fg_secret_free (jwt);
   }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   if (size == 0) {
      return 0;
   }
   char *text = malloc (size);
   uint8_t *out = malloc (size);
   size_t n = 0;

   memcpy (text, data + 1, size - 1);
   text[size - 1] = '\0';
   switch (data[0] % 5) {
   case 0:
      base64 (FG_BASE64, data + 1, size - 1);
      break;
   case 1:
      base64 (FG_BASE64_URL, data + 1, size - 1);
      break;
   case 2:
      json (text, size - 1);
      break;
   case 3:
      sign (data + 1, size - 1);
      break;
   default:
      if (fg_pem_decode (text, "PRIVATE KEY", out, &n)) {
         must (n <= size);
         sign (out, n);
      }
      break;
   }
   free (text);
   free (out);
   return 0;
}
