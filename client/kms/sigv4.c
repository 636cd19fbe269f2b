/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/sigv4.h"
#include "client/public_equal.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

void
fg_sigv4_date (int64_t seconds, char out[FG_SIGV4_DATE_LEN])
{
   time_t t = (time_t)seconds;
   struct tm utc;

   if (!gmtime_r (&t, &utc) || strftime (out, FG_SIGV4_DATE_LEN, "%Y%m%dT%H%M%SZ", &utc) == 0) {
      memset (out, '0', FG_SIGV4_DATE_LEN - 1); /* no clock reads a year of five digits */
      out[FG_SIGV4_DATE_LEN - 1] = '\0';
   }
}

static void
append_sha256_hex (fg_buf *out, const uint8_t *data, size_t len)
{
   uint8_t digest[32];
   unsigned n = 0;

   if (EVP_Digest (data, len, digest, &n, EVP_sha256 (), NULL) != 1) {
      out->failed = true;
      return;
   }
   for (size_t i = 0; i < sizeof digest; i++) {
      fg_buf_printf (out, "%02x", digest[i]);
   }
}

/* --- path and query --------------------------------------------------------------------------------------------------- */

/* keep: characters that stay beside the unreserved ones. */
static void
append_encoded (fg_buf *out, const char *text, size_t len, const char *keep)
{
   for (size_t i = 0; i < len; i++) {
      unsigned char c = (unsigned char)text[i];
      if (isalnum (c) || (c && (strchr ("-._~", c) || strchr (keep, c)))) {
         fg_buf_append (out, &text[i], 1);
      } else {
         fg_buf_printf (out, "%%%02X", c);
      }
   }
}

/* RFC 3986's dot segments go, and empty segments too; a slash at the end stays. */
static void
append_path (fg_buf *out, const char *path)
{
   fg_buf parts = {0};
   size_t n = strlen (path);
   bool slash_last = n == 0 || path[n - 1] == '/' || (n >= 2 && strcmp (path + n - 2, "/.") == 0) ||
                     (n >= 3 && strcmp (path + n - 3, "/..") == 0);

   for (const char *p = path; *p;) {
      size_t len = strcspn (p, "/");
      if (len == 2 && fg_public_equal (p, "..", 2)) {
         while (parts.len && parts.data[parts.len - 1] != '/') {
            parts.len--;
         }
         parts.len -= parts.len ? 1 : 0;
      } else if (len && !(len == 1 && *p == '.')) {
         fg_buf_append (&parts, "/", 1);
         fg_buf_append (&parts, p, len);
      }
      p += len + (p[len] == '/' ? 1 : 0);
   }
   if (slash_last || parts.len == 0) {
      fg_buf_append (&parts, "/", 1);
   }
   out->failed = out->failed || parts.failed;
   append_encoded (out, (const char *)parts.data, parts.len, "/");
   fg_buf_free (&parts);
}

typedef struct piece {
   const char *text;
   size_t len;
} piece;

static int
compare_bytes (const piece *x, const piece *y)
{
   int order = memcmp (x->text, y->text, x->len < y->len ? x->len : y->len); /* lint: allow, of a URL */

   return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* By name, then by value: not by the whole, in which '=' would count. */
static int
by_parameter (const void *a, const void *b)
{
   const piece *x = a;
   const piece *y = b;
   const char *x_equals = memchr (x->text, '=', x->len);
   const char *y_equals = memchr (y->text, '=', y->len);
   const piece x_name = {x->text, x_equals ? (size_t)(x_equals - x->text) : x->len};
   const piece y_name = {y->text, y_equals ? (size_t)(y_equals - y->text) : y->len};
   int order = compare_bytes (&x_name, &y_name);

   return order ? order : compare_bytes (x, y);
}

static void
append_parameter (fg_buf *out, const piece *p)
{
   const char *equals = memchr (p->text, '=', p->len);
   size_t name_len = equals ? (size_t)(equals - p->text) : p->len;

   append_encoded (out, p->text, name_len, "%");
   fg_buf_append (out, "=", 1);
   if (equals) {
      append_encoded (out, equals + 1, p->len - name_len - 1, "%");
   }
}

#define PARAMETERS_MAX 64u

static void
append_query (fg_buf *out, const char *query)
{
   piece pieces[PARAMETERS_MAX] = {{0}};
   size_t n = 0;

   for (const char *p = query; p && *p;) {
      size_t len = strcspn (p, "&");
      if (n == PARAMETERS_MAX) {
         out->failed = true;
         return;
      }
      pieces[n++] = (piece){p, len};
      p += len + (p[len] == '&' ? 1 : 0);
   }
   qsort (pieces, n, sizeof pieces[0], by_parameter);
   for (size_t i = 0; i < n; i++) {
      if (i) {
         fg_buf_append (out, "&", 1);
      }
      append_parameter (out, &pieces[i]);
   }
}

/* --- headers ---------------------------------------------------------------------------------------------------------- */

#define HEADERS_MAX 64u

/* Indices in the order of the lower-cased names; headers of one name stay in the order of the request. */
static size_t
sort_headers (const fg_sigv4_request *request, const fg_http_header *sorted[HEADERS_MAX])
{
   size_t n = request->n_headers < HEADERS_MAX ? request->n_headers : HEADERS_MAX;

   for (size_t i = 0; i < n; i++) {
      size_t at = i;
      for (; at > 0 && strcasecmp (sorted[at - 1]->name, request->headers[i].name) > 0; at--) {
         sorted[at] = sorted[at - 1];
      }
      sorted[at] = &request->headers[i];
   }
   return n;
}

static void
append_lower (fg_buf *out, const char *text)
{
   for (; *text; text++) {
      char c = (char)tolower ((unsigned char)*text);
      fg_buf_append (out, &c, 1);
   }
}

/* Blanks at either end go, runs of them inside become one. A value over several lines is a list. */
static void
append_value (fg_buf *out, const char *value)
{
   bool pending = false;
   bool begun = false;

   for (; *value; value++) {
      if (*value == '\n') {
         fg_buf_append (out, ",", 1);
         begun = pending = false;
      } else if (*value == ' ' || *value == '\t') {
         pending = begun;
      } else {
         if (pending) {
            fg_buf_append (out, " ", 1);
         }
         fg_buf_append (out, value, 1);
         begun = true;
         pending = false;
      }
   }
}

static void
append_headers (fg_buf *out, const fg_http_header *const *sorted, size_t n)
{
   for (size_t i = 0; i < n; i++) {
      bool again = i > 0 && strcasecmp (sorted[i]->name, sorted[i - 1]->name) == 0;
      if (!again) {
         append_lower (out, sorted[i]->name);
         fg_buf_append (out, ":", 1);
      } else {
         fg_buf_append (out, ",", 1);
      }
      append_value (out, sorted[i]->value);
      if (i + 1 == n || strcasecmp (sorted[i]->name, sorted[i + 1]->name) != 0) {
         fg_buf_append (out, "\n", 1);
      }
   }
}

static void
append_signed_names (fg_buf *out, const fg_sigv4_request *request)
{
   const fg_http_header *sorted[HEADERS_MAX];
   size_t n = sort_headers (request, sorted);

   for (size_t i = 0; i < n; i++) {
      if (i > 0 && strcasecmp (sorted[i]->name, sorted[i - 1]->name) == 0) {
         continue;
      }
      if (i) {
         fg_buf_append (out, ";", 1);
      }
      append_lower (out, sorted[i]->name);
   }
}

void
fg_sigv4_canonical_request (const fg_sigv4_request *request, fg_buf *out)
{
   const fg_http_header *sorted[HEADERS_MAX];
   size_t n = sort_headers (request, sorted);

   out->failed = out->failed || request->n_headers > HEADERS_MAX;
   fg_buf_printf (out, "%s\n", request->method);
   append_path (out, request->path);
   fg_buf_append (out, "\n", 1);
   append_query (out, request->query);
   fg_buf_append (out, "\n", 1);
   append_headers (out, sorted, n);
   fg_buf_append (out, "\n", 1);
   append_signed_names (out, request);
   fg_buf_append (out, "\n", 1);
   append_sha256_hex (out, request->body, request->body_len);
}

/* --- signing ---------------------------------------------------------------------------------------------------------- */

static void
append_scope (fg_buf *out, const fg_sigv4_credentials *c, const char *date)
{
   fg_buf_printf (out, "%.8s/%s/%s/aws4_request", date, c->region, c->service);
}

void
fg_sigv4_string_to_sign (const fg_sigv4_request *request, const fg_sigv4_credentials *credentials,
                         const char date[FG_SIGV4_DATE_LEN], fg_buf *out)
{
   fg_buf canonical = {0};

   fg_sigv4_canonical_request (request, &canonical);
   fg_buf_printf (out, "AWS4-HMAC-SHA256\n%s\n", date);
   append_scope (out, credentials, date);
   fg_buf_append (out, "\n", 1);
   append_sha256_hex (out, canonical.data, canonical.len);
   out->failed = out->failed || canonical.failed;
   fg_buf_free (&canonical);
}

/* key is replaced by the HMAC of text under it. */
static bool
chain (uint8_t key[32], const void *text, size_t len)
{
   uint8_t next[32];
   unsigned n = 0;
   bool ok = HMAC (EVP_sha256 (), key, 32, text, len, next, &n) != NULL;

   memcpy (key, next, 32);
   fg_memzero (next, sizeof next);
   return ok;
}

static bool
signing_key (const fg_sigv4_credentials *c, const char *date, uint8_t key[32], fg_error *err)
{
   size_t len = strlen (c->secret_access_key);
   fg_secret *seed = fg_secret_new (4 + len, err);
   unsigned n = 0;

   if (!seed) {
      return false;
   }
   memcpy (seed->bytes, "AWS4", 4);
   memcpy (seed->bytes + 4, c->secret_access_key, len);
   bool ok = HMAC (EVP_sha256 (), seed->bytes, (int)seed->len, (const uint8_t *)date, 8, key, &n) != NULL &&
             chain (key, c->region, strlen (c->region)) && chain (key, c->service, strlen (c->service)) &&
             chain (key, "aws4_request", 12);
   fg_secret_free (seed);
   return ok || fg_error_set (err, FG_ERROR_CRYPTO, FG_E_INTERNAL, NULL, "OpenSSL's HMAC-SHA-256 failed");
}

bool
fg_sigv4_authorization (const fg_sigv4_request *request, const fg_sigv4_credentials *credentials,
                        const char date[FG_SIGV4_DATE_LEN], fg_buf *out, fg_error *err)
{
   fg_buf to_sign = {0};
   uint8_t key[32];

   if (!signing_key (credentials, date, key, err)) {
      return false;
   }
   fg_sigv4_string_to_sign (request, credentials, date, &to_sign);
   bool ok = !to_sign.failed && chain (key, to_sign.data, to_sign.len); /* key is the signature now */
   fg_buf_free (&to_sign);
   fg_buf_printf (out, "AWS4-HMAC-SHA256 Credential=%s/", credentials->access_key_id);
   append_scope (out, credentials, date);
   fg_buf_append_str (out, ", SignedHeaders=");
   append_signed_names (out, request);
   fg_buf_append_str (out, ", Signature=");
   for (size_t i = 0; i < 32; i++) {
      fg_buf_printf (out, "%02x", key[i]);
   }
   fg_memzero (key, sizeof key);
   return (ok && !out->failed) || fg_error_set (err, FG_ERROR_KMS, FG_E_NOMEM, NULL, "cannot sign the request");
}
