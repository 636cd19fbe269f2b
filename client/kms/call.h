/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KMS_CALL_H
#define FG_CLIENT_KMS_CALL_H

/*
 * A request to a KMS over HTTPS, attempted at most three times, and reading what comes back. Attempts pause 0.2 s, 0.4 s, ... with full jitter. A request is built anew for
 * every attempt, because signatures carry the time.
 */

#include "client/kms/encoding.h"
#include "client/kms/kms.h"

typedef struct fg_kms_call {
   fg_kms_provider *provider;
   const char *what; /* "wrap a key", in messages */
   bool (*retry_status) (long status);
   /* Fills request, for the endpoint given; what it points to lives until the next call. */
   bool (*build) (void *ctx, fg_http_request *request, fg_error *err);
   void *ctx;
   int64_t timeout_ms; /* 0: the provider's */
   bool (*refused) (
      void *ctx); /* NULL, or called after 401 and 403: true for another attempt, with other credentials */
} fg_kms_call;

/* True: reply has status 200. Free it with fg_http_reply_clear either way. */
bool fg_kms_call_run (const fg_kms_call *call, fg_http_reply *reply, fg_error *err) FG_WARN_UNUSED;
void fg_http_reply_clear (fg_http_reply *reply);

/* The string at a path of member names ("data.ciphertext") of the reply, as a secret with a final NUL. */
bool fg_kms_reply_text (const fg_kms_call *call, const fg_http_reply *reply, const char *path, fg_secret **out,
                        fg_error *err) FG_WARN_UNUSED;
/* A number, or a string of digits, at a path. */
bool fg_kms_reply_seconds (const fg_http_reply *reply, const char *path, int64_t *out) FG_WARN_UNUSED;
/* As fg_kms_reply_text, decoded. */
bool fg_kms_reply_base64 (const fg_kms_call *call, const fg_http_reply *reply, const char *path, fg_base64 alphabet,
                          fg_secret **out, fg_error *err) FG_WARN_UNUSED;

/* A request body with the data key in it: text before, base64, text after. */
fg_secret *fg_kms_body (const char *before, fg_base64 alphabet, const uint8_t *data, size_t len, const char *after,
                        fg_error *err) FG_WARN_UNUSED;
/* wrapped gets the bytes of text or binary, at most FG_WRAPPED_MAX. */
bool fg_wrapped_set (fg_wrapped *wrapped, const fg_kms_provider *provider, const uint8_t *data, size_t len,
                     fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_KMS_CALL_H */
