/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/call.h"

#include <stdio.h>

#define ATTEMPTS 3
#define PAUSE_BASE_MS 200
#define WORDS_MAX 300u

void
fg_http_reply_clear (fg_http_reply *reply)
{
   fg_secret_free (reply->body);
   memset (reply, 0, sizeof *reply);
}

/* --- what the KMS says ------------------------------------------------------------------------------------------------- */

static bool
member_at (const fg_json *root, const char *path, fg_json *out)
{
   fg_json here = *root;

   for (;;) {
      char name[64];
      size_t n = strcspn (path, ".");
      if (n >= sizeof name) {
         return false;
      }
      memcpy (name, path, n);
      name[n] = '\0';
      if (!fg_json_member (&here, name, out)) {
         return false;
      }
      if (!path[n]) {
         return true;
      }
      here = *out;
      path += n + 1;
   }
}

/* Where the providers put their error's text. "errors" is Vault's list of strings, shown as it stands. */
static bool
find_words (const fg_http_reply *reply, fg_json *out)
{
   static const char *const paths[] = {"message", "Message", "error.message", "error_description",
                                       "errors",  "error",   "__type"};
   fg_json root;

   if (!fg_json_parse ((const char *)reply->body->bytes, reply->len, &root)) {
      return false;
   }
   for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
      if (member_at (&root, paths[i], out) && out->kind != FG_JSON_OBJECT) {
         return true;
      }
   }
   return false;
}

/* Printable ASCII, cut. A reply that succeeded may hold a key, so words are only taken from one that did not. */
static void
copy_words (const fg_http_reply *reply, char words[WORDS_MAX])
{
   fg_json found;
   size_t n = 0;

   if (find_words (reply, &found)) {
      for (size_t i = 0; i < found.len && n + 1 < WORDS_MAX; i++) {
         char c = found.text[i];
         words[n++] = c >= 0x20 && c < 0x7F ? c : '?';
      }
   }
   words[n] = '\0';
}

/* Too many requests, or too much to do: 429 and 503 say so, AWS says it with 400 and the exception's name. */
static bool
throttled (const fg_http_reply *reply)
{
   static const char *const names[] = {"Throttling", "LimitExceeded", "TooManyRequests"};
   fg_json root;
   fg_json type;

   if (reply->status == 429 || reply->status == 503) {
      return true;
   }
   if (reply->status != 400 || !fg_json_parse ((const char *)reply->body->bytes, reply->len, &root) ||
       !member_at (&root, "__type", &type) || type.kind != FG_JSON_STRING) {
      return false;
   }
   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (memmem (type.text, type.len, names[i], strlen (names[i]))) {
         return true;
      }
   }
   return false;
}

static bool
refused (const fg_kms_call *call, const fg_http_request *request, const fg_http_reply *reply, fg_error *err)
{
   char words[WORDS_MAX];
   bool redirect = reply->status >= 300 && reply->status < 400;
   int32_t code = reply->status == 401 || reply->status == 403 ? FG_E_DENIED
                  : reply->status == 404                       ? FG_E_NOT_FOUND
                  : throttled (reply)                          ? FG_E_BUSY
                                                               : FG_E_IO;

   copy_words (reply, words);
   return fg_kms_error (err, code, call->provider, "cannot %s: %s answered HTTP status %ld%s%s%s", call->what,
                        request->endpoint, reply->status, redirect ? " (redirects are not followed)" : "",
                        words[0] ? ": " : "", words);
}

/* --- attempts ---------------------------------------------------------------------------------------------------------- */

/* Full jitter: anything up to the whole pause. */
static void
pause_before (const fg_kms_call *call, int attempt)
{
   uint16_t random = 0;
   int64_t longest = (int64_t)PAUSE_BASE_MS << (attempt - 1);

   if (fg_random_public ((uint8_t *)&random, sizeof random, NULL)) {
      longest = longest * random / UINT16_MAX;
   }
   call->provider->io->pause_ms (call->provider->io->ctx, longest);
}

/* One attempt. *again: it failed in a way that another attempt may mend. */
static bool
attempt_once (const fg_kms_call *call, fg_http_reply *reply, bool *again, fg_error *err)
{
   fg_kms_provider *p = call->provider;
   fg_http_request request = {0};
   fg_io_failure failure = FG_IO_FATAL;
   fg_error inner = {0};

   *again = false;
   reply->status = 0;
   reply->len = 0;
   fg_memzero (reply->body->bytes, reply->body->len);
   if (!call->build (call->ctx, &request, err)) {
      return false;
   }
   if (!p->io->http (p->io->ctx, &p->tls, call->timeout_ms ? call->timeout_ms : p->timeout_ms, &request, reply,
                     &failure, &inner)) {
      *again = failure == FG_IO_NETWORK;
      return fg_kms_error (err, inner.code, p, "cannot %s: %s: %s", call->what, request.endpoint, inner.message);
   }
   if (reply->status == 200) {
      return true;
   }
   bool denied = reply->status == 401 || reply->status == 403;
   *again = call->retry_status (reply->status) || (denied && call->refused && call->refused (call->ctx));
   return refused (call, &request, reply, err);
}

bool
fg_kms_call_run (const fg_kms_call *call, fg_http_reply *reply, fg_error *err)
{
   bool again = true;

   memset (reply, 0, sizeof *reply);
   reply->body = fg_secret_new (FG_KMS_REPLY_MAX, err);
   if (!reply->body) {
      return false;
   }
   for (int attempt = 0; attempt < ATTEMPTS && again; attempt++) {
      if (attempt) {
         pause_before (call, attempt);
      }
      if (attempt_once (call, reply, &again, err)) {
         return true;
      }
   }
   return false;
}

/* --- replies ----------------------------------------------------------------------------------------------------------- */

bool
fg_kms_reply_text (const fg_kms_call *call, const fg_http_reply *reply, const char *path, fg_secret **out,
                   fg_error *err)
{
   fg_json root;
   fg_json value;
   size_t n = 0;

   *out = NULL;
   if (!fg_json_parse ((const char *)reply->body->bytes, reply->len, &root)) {
      return fg_kms_error (err, FG_E_INVALID, call->provider, "cannot %s: the reply (HTTP status 200) is no JSON",
                           call->what);
   }
   if (!member_at (&root, path, &value) || value.kind != FG_JSON_STRING || value.len == 0) {
      return fg_kms_error (err, FG_E_INVALID, call->provider, "cannot %s: the reply (HTTP status 200) has no text `%s`",
                           call->what, path);
   }
   *out = fg_secret_new (value.len + 1, err);
   if (!*out) {
      return false;
   }
   if (!fg_json_plain_string (&value, (char *)(*out)->bytes, (*out)->len, &n)) {
      fg_secret_free (*out);
      *out = NULL;
      return fg_kms_error (err, FG_E_INVALID, call->provider,
                           "cannot %s: the reply's `%s` has characters that do not belong there", call->what, path);
   }
   fg_secret_truncate (*out, n + 1);
   return true;
}

bool
fg_kms_reply_seconds (const fg_http_reply *reply, const char *path, int64_t *out)
{
   fg_json root;
   fg_json value;

   return fg_json_parse ((const char *)reply->body->bytes, reply->len, &root) && member_at (&root, path, &value) &&
          fg_json_seconds (&value, out);
}

bool
fg_kms_reply_base64 (const fg_kms_call *call, const fg_http_reply *reply, const char *path, fg_base64 alphabet,
                     fg_secret **out, fg_error *err)
{
   fg_secret *text = NULL;
   size_t n = 0;

   *out = NULL;
   if (!fg_kms_reply_text (call, reply, path, &text, err) || !text) {
      return false;
   }
   *out = fg_secret_new (text->len, err);
   if (*out && (!fg_base64_decode (alphabet, fg_secret_text (text), text->len - 1, (*out)->bytes, &n) || n == 0)) {
      fg_secret_free (*out);
      *out = NULL;
      fg_kms_error (err, FG_E_INVALID, call->provider, "cannot %s: the reply's `%s` is no base64", call->what, path);
   }
   if (*out) {
      fg_secret_truncate (*out, n);
   }
   fg_secret_free (text);
   return *out != NULL;
}

fg_secret *
fg_kms_body (const char *before, fg_base64 alphabet, const uint8_t *data, size_t len, const char *after, fg_error *err)
{
   size_t a = strlen (before);
   size_t b = strlen (after);
   fg_secret *body = fg_secret_new (a + FG_BASE64_SIZE (len) + b, err);

   if (body) {
      memcpy (body->bytes, before, a);
      size_t n = fg_base64_encode (alphabet, data, len, (char *)body->bytes + a);
      memcpy (body->bytes + a + n, after, b);
      fg_secret_truncate (body, a + n + b);
   }
   return body;
}

bool
fg_wrapped_set (fg_wrapped *wrapped, const fg_kms_provider *provider, const uint8_t *data, size_t len, fg_error *err)
{
   if (len > sizeof wrapped->bytes) {
      return fg_kms_error (err, FG_E_TOO_LARGE, provider, "the wrapped key has %zu bytes, more than %u", len,
                           FG_WRAPPED_MAX);
   }
   memcpy (wrapped->bytes, data, len);
   wrapped->len = len;
   return true;
}
