/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MIN 32u
#define KEY_FILE_MAX 4096u

static const char label_first[] = "fieldguard audit: first file key, version 1";
static const char label_next[] = "fieldguard audit: next file key, version 1";
static const char label_id[] = "fieldguard audit: key id, version 1";

static bool
hmac (const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[32])
{
   unsigned n = 0;
   return HMAC (EVP_sha256 (), key, (int)key_len, data, len, out, &n) != NULL && n == 32;
}

static bool
crypto_failed (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INTERNAL, NULL, "OpenSSL cannot compute HMAC-SHA-256");
}

bool
fg_audit_sha256 (const void *data, size_t len, uint8_t out[32])
{
   return SHA256 (data, len, out) != NULL;
}

static bool
check_key_file (int fd, const char *key_file, fg_error *err)
{
   struct stat st;

   if (fstat (fd, &st) != 0) {
      return fg_error_set_errno (err, errno, key_file, "cannot read the audit key file");
   }
   if (!S_ISREG (st.st_mode)) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_INVALID, key_file, "the audit key file is not a regular file");
   }
   if (st.st_mode & (S_IRWXG | S_IRWXO)) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_DENIED, key_file,
                           "the audit key file is accessible by group or others: chmod 600 it");
   }
   if (st.st_size < KEY_FILE_MIN || st.st_size > KEY_FILE_MAX) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_INVALID, key_file, "the audit key file must hold %u to %u bytes",
                           KEY_FILE_MIN, KEY_FILE_MAX);
   }
   return true;
}

static bool
derive_first (const uint8_t *bytes, size_t n, fg_audit_key *key)
{
   uint8_t id[32];

   if (!hmac (bytes, n, label_first, sizeof label_first - 1, key->key) ||
       !hmac (key->key, sizeof key->key, label_id, sizeof label_id - 1, id)) {
      return false;
   }
   memcpy (key->id, id, sizeof key->id);
   key->keyed = true;
   return true;
}

bool
fg_audit_key_read (const char *key_file, fg_audit_key *key, fg_error *err)
{
   uint8_t bytes[KEY_FILE_MAX];
   bool ok = false;

   memset (key, 0, sizeof *key);
   int fd = open (key_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
   if (fd < 0) {
      return fg_error_set_errno (err, errno, key_file, "cannot open the audit key file");
   }
   if (!check_key_file (fd, key_file, err)) {
      goto done;
   }
   ssize_t n = read (fd, bytes, sizeof bytes);
   if (n < (ssize_t)KEY_FILE_MIN) {
      fg_error_set (err, FG_ERROR_AUDIT, FG_E_IO, key_file, "cannot read the audit key file as a whole");
      goto done;
   }
   ok = derive_first (bytes, (size_t)n, key) || crypto_failed (err);

done:
   fg_memzero (bytes, sizeof bytes);
   close (fd);
   return ok;
}

bool
fg_audit_key_next (fg_audit_key *key, fg_error *err)
{
   uint8_t next[FG_AUDIT_KEY_LEN];

   if (!key->keyed) {
      return true;
   }
   bool ok = hmac (key->key, sizeof key->key, label_next, sizeof label_next - 1, next);
   if (ok) {
      memcpy (key->key, next, sizeof next);
   }
   fg_memzero (next, sizeof next);
   return ok || crypto_failed (err);
}

bool
fg_audit_mac (const fg_audit_key *key, const uint8_t previous[FG_AUDIT_MAC_LEN], const char *text, size_t len,
              uint8_t mac[FG_AUDIT_MAC_LEN], fg_buf *scratch, fg_error *err)
{
   scratch->len = 0;
   fg_buf_append (scratch, previous, FG_AUDIT_MAC_LEN);
   fg_buf_append (scratch, text, len);
   if (scratch->failed) {
      fg_buf_free (scratch);
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   bool ok = key->keyed ? hmac (key->key, sizeof key->key, scratch->data, scratch->len, mac)
                        : fg_audit_sha256 (scratch->data, scratch->len, mac);
   return ok || crypto_failed (err);
}

void
fg_audit_hex (const uint8_t *bytes, size_t n, char *out)
{
   static const char digits[] = "0123456789abcdef";

   for (size_t i = 0; i < n; i++) {
      *out++ = digits[bytes[i] >> 4];
      *out++ = digits[bytes[i] & 15];
   }
   *out = '\0';
}

static int
hex_digit (char c)
{
   if (c >= '0' && c <= '9') {
      return c - '0';
   }
   return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
fg_audit_unhex (const char *text, uint8_t *bytes, size_t n)
{
   for (size_t i = 0; i < n; i++) {
      int high = hex_digit (text[2 * i]);
      int low = high < 0 ? -1 : hex_digit (text[2 * i + 1]);
      if (low < 0) {
         return false;
      }
      bytes[i] = (uint8_t)(high << 4 | low);
   }
   return true;
}
