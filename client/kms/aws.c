/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/call.h"
#include "client/kms/identity.h"
#include "client/kms/lifecycle.h"
#include "client/kms/sigv4.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * AWS KMS: Encrypt and Decrypt, signed with Signature Version 4. An empty configuration finds credentials by itself.
 */

static void
aws_clear (fg_kms_provider *provider)
{
   fg_identity_clear (provider->state);
   free (provider->state);
}

static bool
aws_configure (fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   provider->state = calloc (1, sizeof (fg_identity));
   return provider->state ? fg_aws_identity_configure (provider->state, provider, config, err)
                          : fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
}

/* --- one request ------------------------------------------------------------------------------------------------------- */

typedef struct aws_request {
   fg_kms_provider *provider;
   const bson_t *master_key;
   const char *target;
   fg_secret *body;
   char host[256];
   char length[24];
   char date[FG_SIGV4_DATE_LEN];
   fg_buf authorization;
   fg_credential credential;
   fg_http_header headers[8];
} aws_request;

/* The region becomes part of a host name and of the signature: what could end a host name early has no place in it. */
static bool
is_region (const char *text)
{
   for (; *text; text++) {
      if (!isalnum ((unsigned char)*text) && *text != '-') {
         return false;
      }
   }
   return true;
}

static bool
find_host (aws_request *r, fg_error *err)
{
   const char *endpoint = fg_bson_text (r->master_key, "endpoint");
   const char *region = fg_bson_text (r->master_key, "region");

   if (!is_region (region)) {
      return fg_kms_error (err, FG_E_INVALID, r->provider, "masterKey field `region` is no region");
   }
   if (endpoint) {
      size_t n;
      if (!fg_endpoint_copy (endpoint, r->host, sizeof r->host)) {
         return fg_kms_error (err, FG_E_INVALID, r->provider, "invalid endpoint");
      }
      n = strlen (r->host);
      if (n > 4 && strcmp (r->host + n - 4, ":443") == 0) {
         r->host[n - 4] = '\0'; /* no client names the default port in Host, and Host is signed */
      }
      return true;
   }
   int n = snprintf (r->host, sizeof r->host, "kms.%s.amazonaws.com", region);
   return (n > 0 && (size_t)n < sizeof r->host && fg_endpoint_check (r->host, false)) ||
          fg_kms_error (err, FG_E_INVALID, r->provider, "masterKey field `region` is no region");
}

static bool
aws_build (void *ctx, fg_http_request *request, fg_error *err)
{
   aws_request *r = ctx;
   size_t n = 0;

   fg_credential_clear (&r->credential);
   if (!find_host (r, err) || !fg_aws_identity_get (r->provider->state, r->provider, &r->credential, err)) {
      return false;
   }
   const char *id = fg_secret_text (r->credential.part[0]);
   const char *secret = fg_secret_text (r->credential.part[1]);
   const char *token = fg_secret_text (r->credential.part[2]);
   fg_sigv4_date (r->provider->io->now (r->provider->io->ctx), r->date);
   snprintf (r->length, sizeof r->length, "%zu", r->body->len);
   r->headers[n++] = (fg_http_header){"Content-Length", r->length};
   r->headers[n++] = (fg_http_header){"Host", r->host};
   size_t own = n; /* the transport writes the two above itself */
   r->headers[n++] = (fg_http_header){"Content-Type", "application/x-amz-json-1.1"};
   r->headers[n++] = (fg_http_header){"X-Amz-Date", r->date};
   if (token && *token) {
      r->headers[n++] = (fg_http_header){"X-Amz-Security-Token", token};
   }
   r->headers[n++] = (fg_http_header){"X-Amz-Target", r->target};
   const fg_sigv4_request to_sign = {.method = "POST",
                                     .path = "/",
                                     .headers = r->headers,
                                     .n_headers = n,
                                     .body = r->body->bytes,
                                     .body_len = r->body->len};
   const fg_sigv4_credentials signer = {id, secret, fg_bson_text (r->master_key, "region"), "kms"};
   fg_buf_free (&r->authorization);
   if (!fg_sigv4_authorization (&to_sign, &signer, r->date, &r->authorization, err)) {
      return false;
   }
   fg_buf_append (&r->authorization, "", 1);
   if (r->authorization.failed) {
      return fg_kms_error (err, FG_E_NOMEM, r->provider, "out of memory");
   }
   r->headers[n++] = (fg_http_header){"Authorization", (const char *)r->authorization.data};
   *request = (fg_http_request){.method = "POST",
                                .endpoint = r->host,
                                .path = "/",
                                .headers = r->headers + own,
                                .n_headers = n - own,
                                .body = r->body->bytes,
                                .body_len = r->body->len};
   return true;
}

static void
aws_request_clear (aws_request *r)
{
   fg_buf_free (&r->authorization);
   fg_credential_clear (&r->credential);
}

static bool
aws_retry (long status)
{
   return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 509;
}

/* Takes body over. *out: the reply's field, decoded. */
static bool
aws_call (fg_kms_provider *provider, const bson_t *master_key, const char *target, const char *what, fg_secret *body,
          const char *field, fg_secret **out, fg_error *err)
{
   aws_request r = {.provider = provider, .master_key = master_key, .target = target, .body = body};
   const fg_kms_call call = {provider, what, aws_retry, aws_build, &r, 0, NULL};
   fg_http_reply reply = {0};

   bool ok =
      body && fg_kms_call_run (&call, &reply, err) && fg_kms_reply_base64 (&call, &reply, field, FG_BASE64, out, err);
   fg_http_reply_clear (&reply);
   aws_request_clear (&r);
   fg_secret_free (body);
   return ok;
}

/* --- the provider ------------------------------------------------------------------------------------------------------ */

static bool
aws_wrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN], fg_wrapped *wrapped,
          fg_error *err)
{
   const char *key = fg_bson_text (master_key, "key");
   fg_buf after = {0};
   fg_secret *blob = NULL;

   fg_buf_append_str (&after, "\", \"KeyId\": ");
   fg_buf_append_json_string (&after, key, strlen (key));
   fg_buf_append (&after, "}", 2); /* with its NUL */
   if (after.failed) {
      fg_buf_free (&after);
      return fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
   }
   fg_secret *body = fg_kms_body ("{\"Plaintext\": \"", FG_BASE64, dek, FG_DATA_KEY_LEN, (const char *)after.data, err);
   fg_buf_free (&after);
   bool ok =
      aws_call (provider, master_key, "TrentService.Encrypt", "wrap a key", body, "CiphertextBlob", &blob, err) &&
      fg_wrapped_set (wrapped, provider, blob->bytes, blob->len, err);
   fg_secret_free (blob);
   return ok;
}

static bool
aws_unwrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t *wrapped, size_t len, fg_secret **dek,
            fg_error *err)
{
   fg_secret *body = fg_kms_body ("{\"CiphertextBlob\": \"", FG_BASE64, wrapped, len, "\"}", err);

   return aws_call (provider, master_key, "TrentService.Decrypt", "unwrap a key", body, "Plaintext", dek, err);
}

bool
fg_kms_aws_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin, fg_http_reply *reply,
                 fg_error *err)
{
   fg_secret *body = fg_secret_copy ((const uint8_t *)admin->body, strlen (admin->body), err);
   aws_request r = {.provider = provider, .master_key = master_key, .target = admin->path, .body = body};
   const fg_kms_call call = {provider, admin->what, aws_retry, aws_build, &r, 0, NULL};
   bool ok = body && fg_kms_call_run (&call, reply, err);

   aws_request_clear (&r);
   fg_secret_free (body);
   return ok;
}

static const fg_master_key_field aws_fields[] = {
   {.name = "region", .kind = FG_FIELD_TEXT, .required = true},
   {.name = "key", .kind = FG_FIELD_TEXT, .required = true},
   {.name = "endpoint", .kind = FG_FIELD_ENDPOINT},
   {.name = NULL},
};

const fg_kms_ops fg_kms_aws = {
   .type = "aws",
   .fields = aws_fields,
   .on_demand = true,
   .configure = aws_configure,
   .wrap = aws_wrap,
   .unwrap = aws_unwrap,
   .clear = aws_clear,
   .lifecycle = &fg_kms_aws_lifecycle,
};
