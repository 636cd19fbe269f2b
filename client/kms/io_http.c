/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/io.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * HTTPS by libcurl: certificate and host name verified, TLS 1.2 at least, no redirect followed, the reply bounded, one time limit for everything. Plain HTTP for metadata services
 * alone, and then through no proxy.
 */

#define HEADERS_MAX 65536u

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool curl_ready;

static void
set_up_curl (void)
{
   curl_ready = curl_global_init (CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

typedef struct exchange {
   fg_http_reply *reply;
   size_t header_bytes;
   bool too_large;
} exchange;

static size_t
take_body (char *data, size_t size, size_t n, void *ctx)
{
   exchange *x = ctx;
   size_t len = size * n;

   if (len > x->reply->body->len - x->reply->len) {
      x->too_large = true;
      return 0;
   }
   memcpy (x->reply->body->bytes + x->reply->len, data, len);
   x->reply->len += len;
   return len;
}

static size_t
take_header (char *data, size_t size, size_t n, void *ctx)
{
   exchange *x = ctx;

   (void)data;
   x->header_bytes += size * n;
   if (x->header_bytes > HEADERS_MAX) {
      x->too_large = true;
      return 0;
   }
   return size * n;
}

/* Header lines hold tokens: curl's copies are wiped. */
static void
free_headers (struct curl_slist *list)
{
   for (struct curl_slist *h = list; h; h = h->next) {
      fg_memzero (h->data, strlen (h->data));
   }
   curl_slist_free_all (list);
}

static bool
is_one_line (const char *text)
{
   for (; *text; text++) {
      if ((unsigned char)*text < 0x20 || *text == 0x7F) {
         return false;
      }
   }
   return true;
}

static bool
append_header (struct curl_slist **list, const char *name, const char *value, fg_error *err)
{
   size_t n = strlen (name) + strlen (value) + 3;
   fg_secret *line = is_one_line (value) ? fg_secret_new (n, err) : NULL;
   struct curl_slist *longer = NULL;

   if (!is_one_line (value)) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_INVALID, name, "header %s would have control characters", name);
   }
   if (line) {
      snprintf ((char *)line->bytes, n, "%s: %s", name, value);
      longer = curl_slist_append (*list, (const char *)line->bytes);
      fg_secret_free (line);
   }
   if (!longer) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_NOMEM, NULL, "out of memory");
   }
   *list = longer;
   return true;
}

static bool
make_headers (const fg_http_request *request, struct curl_slist **list, fg_error *err)
{
   *list = NULL;
   for (size_t i = 0; i < request->n_headers; i++) {
      if (!append_header (list, request->headers[i].name, request->headers[i].value, err)) {
         return false;
      }
   }
   struct curl_slist *longer = curl_slist_append (*list, "Expect:"); /* none, please */
   if (!longer) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_NOMEM, NULL, "out of memory");
   }
   *list = longer;
   return true;
}

static CURLcode
set_tls (CURL *curl, const fg_tls_options *tls)
{
   CURLcode rc = curl_easy_setopt (curl, CURLOPT_SSL_VERIFYPEER, 1L);

   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_SSL_VERIFYHOST, 2L);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
   if (tls->ca_file) {
      rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_CAINFO, tls->ca_file);
   }
   if (tls->cert_key_file) {
      rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_SSLCERT, tls->cert_key_file);
      rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_SSLKEY, tls->cert_key_file);
   }
   if (tls->password) {
      rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_KEYPASSWD, fg_secret_text (tls->password));
   }
   return rc;
}

/* GET and DELETE come without a body here; everything else has one, and the method's own name. */
static CURLcode
set_method (CURL *curl, const fg_http_request *request)
{
   if (strcmp (request->method, "GET") == 0) {
      return curl_easy_setopt (curl, CURLOPT_HTTPGET, 1L);
   }
   if (strcmp (request->method, "DELETE") == 0) {
      return curl_easy_setopt (curl, CURLOPT_CUSTOMREQUEST, "DELETE");
   }
   CURLcode rc = curl_easy_setopt (curl, CURLOPT_POST, 1L);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_POSTFIELDSIZE, (long)request->body_len);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_POSTFIELDS, request->body ? (const char *)request->body : "");
   if (strcmp (request->method, "POST") != 0) {
      rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_CUSTOMREQUEST, request->method);
   }
   return rc;
}

static CURLcode
set_options (CURL *curl, const fg_tls_options *tls, int64_t timeout_ms, const char *url, const fg_http_request *request,
             struct curl_slist *headers, exchange *x)
{
   CURLcode rc = set_tls (curl, tls);

   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_URL, url);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_PROTOCOLS_STR, request->plain ? "http" : "https");
   if (request->plain) {
      rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_NOPROXY, "*");
   }
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_FOLLOWLOCATION, 0L);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_PATH_AS_IS, 1L);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_HTTP09_ALLOWED, 0L);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
   rc = rc ? rc : set_method (curl, request);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_HTTPHEADER, headers);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, take_body);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_WRITEDATA, x);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_HEADERFUNCTION, take_header);
   rc = rc ? rc : curl_easy_setopt (curl, CURLOPT_HEADERDATA, x);
   return rc;
}

/* What another attempt may mend. A certificate that does not verify will not do better next time. */
static bool
is_network (CURLcode rc)
{
   static const CURLcode codes[] = {
      CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT,
      CURLE_SSL_CONNECT_ERROR,     CURLE_SEND_ERROR,           CURLE_RECV_ERROR,      CURLE_GOT_NOTHING,
      CURLE_PARTIAL_FILE};

   for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
      if (codes[i] == rc) {
         return true;
      }
   }
   return false;
}

static bool
failed (CURLcode rc, const exchange *x, const char *detail, fg_io_failure *failure, fg_error *err)
{
   *failure = is_network (rc) ? FG_IO_NETWORK : FG_IO_FATAL;
   if (x->too_large) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_TOO_LARGE, NULL, "the reply is larger than %u bytes",
                           FG_KMS_REPLY_MAX);
   }
   return fg_error_set (err, FG_ERROR_KMS, rc == CURLE_OPERATION_TIMEDOUT ? FG_E_INTERRUPTED : FG_E_IO, NULL, "%s%s%s",
                        curl_easy_strerror (rc), detail[0] ? ": " : "", detail);
}

bool
fg_io_http (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request,
            fg_http_reply *reply, fg_io_failure *failure, fg_error *err)
{
   exchange x = {.reply = reply};
   char detail[CURL_ERROR_SIZE] = "";
   struct curl_slist *headers = NULL;
   char *url = NULL;
   fg_sigpipe sigpipe;
   bool ok = false;

   (void)ctx;
   *failure = FG_IO_FATAL;
   fg_sigpipe_block (&sigpipe);
   pthread_once (&once, set_up_curl);
   CURL *curl = curl_ready ? curl_easy_init () : NULL;
   if (!curl || asprintf (&url, "%s://%s%s", request->plain ? "http" : "https", request->endpoint, request->path) < 0) {
      url = NULL;
      fg_error_set (err, FG_ERROR_KMS, FG_E_NOMEM, NULL, "libcurl cannot be set up");
      goto done;
   }
   if (!make_headers (request, &headers, err)) {
      goto done;
   }
   curl_easy_setopt (curl, CURLOPT_ERRORBUFFER, detail);
   CURLcode rc = set_options (curl, tls, timeout_ms, url, request, headers, &x);
   rc = rc ? rc : curl_easy_perform (curl);
   rc = rc ? rc : curl_easy_getinfo (curl, CURLINFO_RESPONSE_CODE, &reply->status);
   ok = rc == CURLE_OK || failed (rc, &x, detail, failure, err);
done:
   curl_easy_cleanup (curl);
   free_headers (headers);
   free (url);
   fg_sigpipe_restore (&sigpipe);
   return ok;
}
