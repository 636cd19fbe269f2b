/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/identity.h"
#include "client/kms/lifecycle.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Google Cloud KMS: encrypt and decrypt, with an OAuth token for the KMS's domain.
 */

#define TOKEN_SECONDS 300

static void
gcp_clear (fg_kms_provider *provider)
{
   fg_identity_clear (provider->state);
   free (provider->state);
}

static bool
gcp_configure (fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   provider->state = calloc (1, sizeof (fg_identity));
   return provider->state ? fg_gcp_identity_configure (provider->state, provider, config, err)
                          : fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
}

static bool
gcp_retry (long status)
{
   return status == 408 || status == 429 || status >= 500;
}

/* --- keys -------------------------------------------------------------------------------------------------------------- */

typedef struct key_request {
   fg_kms_provider *provider;
   const bson_t *master_key;
   const fg_kms_admin *admin; /* NULL: wrap or unwrap */
   bool encrypt;
   fg_secret *body;
   fg_secret *bearer;
   bool refused; /* the token was, once */
   char host[256];
   char path[2048];
   fg_http_header headers[3];
} key_request;

static bool
is_path_part (const char *text)
{
   if (!text || !*text || strcmp (text, ".") == 0 || strcmp (text, "..") == 0) {
      return false;
   }
   for (; *text; text++) {
      if (!isalnum ((unsigned char)*text) && !strchr ("-._~", *text)) {
         return false;
      }
   }
   return true;
}

/* Decryption names no version: the ciphertext knows its own. */
static bool
key_path (key_request *r, fg_error *err)
{
   static const char *const names[] = {"projectId", "location", "keyRing", "keyName"};
   const char *parts[4];
   const char *version = r->encrypt ? fg_bson_text (r->master_key, "keyVersion") : NULL;
   int n;

   for (size_t i = 0; i < 4; i++) {
      parts[i] = fg_bson_text (r->master_key, names[i]);
      if (!is_path_part (parts[i])) {
         return fg_kms_error (err, FG_E_INVALID, r->provider,
                              "masterKey field `%s` has characters that do not belong there", names[i]);
      }
   }
   if (version && !is_path_part (version)) {
      return fg_kms_error (err, FG_E_INVALID, r->provider,
                           "masterKey field `keyVersion` has characters that do not belong there");
   }
   n = snprintf (r->path, sizeof r->path, "/v1/projects/%s/locations/%s/keyRings/%s/cryptoKeys/%s%s%s:%s", parts[0],
                 parts[1], parts[2], parts[3], version ? "/cryptoKeyVersions/" : "", version ? version : "",
                 r->encrypt ? "encrypt" : "decrypt");
   return (n > 0 && (size_t)n < sizeof r->path) ||
          fg_kms_error (err, FG_E_TOO_LARGE, r->provider, "masterKey is too long");
}

static bool
key_build (void *ctx, fg_http_request *request, fg_error *err)
{
   key_request *r = ctx;
   const char *endpoint = fg_bson_text (r->master_key, "endpoint");

   fg_secret_free (r->bearer);
   r->bearer = NULL;
   if (!fg_endpoint_copy (endpoint ? endpoint : "cloudkms.googleapis.com", r->host, sizeof r->host)) {
      return fg_kms_error (err, FG_E_INVALID, r->provider, "invalid endpoint");
   }
   if ((!r->admin && !key_path (r, err)) ||
       !fg_gcp_identity_bearer (r->provider->state, r->provider, r->host, &r->bearer, err)) {
      return false;
   }
   r->headers[0] = (fg_http_header){"Accept", "application/json"};
   r->headers[1] = (fg_http_header){"Authorization", fg_secret_text (r->bearer)};
   r->headers[2] = (fg_http_header){"Content-Type", "application/json"};
   *request = (fg_http_request){"POST", r->host, r->path, r->headers, 3, r->body->bytes, r->body->len, false};
   if (r->admin) {
      request->method = r->admin->method;
      request->path = r->admin->path;
   }
   return true;
}

static bool
key_refused (void *ctx)
{
   key_request *r = ctx;

   return fg_identity_refused (r->provider->state, &r->refused);
}

/* Takes body over. */
static bool
gcp_call (fg_kms_provider *provider, const bson_t *master_key, bool encrypt, fg_secret *body, fg_secret **out,
          fg_error *err)
{
   key_request r = {.provider = provider, .master_key = master_key, .encrypt = encrypt, .body = body};
   const fg_kms_call call = {provider,   encrypt ? "wrap a key" : "unwrap a key", gcp_retry, key_build, &r, 0,
                             key_refused};
   fg_http_reply reply = {0};

   bool ok = body && fg_kms_call_run (&call, &reply, err) &&
             fg_kms_reply_base64 (&call, &reply, encrypt ? "ciphertext" : "plaintext", FG_BASE64, out, err);
   fg_http_reply_clear (&reply);
   fg_secret_free (r.bearer);
   fg_secret_free (body);
   return ok;
}

static bool
gcp_wrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN], fg_wrapped *wrapped,
          fg_error *err)
{
   fg_secret *body = fg_kms_body ("{\"plaintext\": \"", FG_BASE64, dek, FG_DATA_KEY_LEN, "\"}", err);
   fg_secret *out = NULL;
   bool ok = gcp_call (provider, master_key, true, body, &out, err) &&
             fg_wrapped_set (wrapped, provider, out->bytes, out->len, err);

   fg_secret_free (out);
   return ok;
}

static bool
gcp_unwrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t *wrapped, size_t len, fg_secret **dek,
            fg_error *err)
{
   return gcp_call (provider, master_key, false,
                    fg_kms_body ("{\"ciphertext\": \"", FG_BASE64, wrapped, len, "\"}", err), dek, err);
}

bool
fg_kms_gcp_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin, fg_http_reply *reply,
                 fg_error *err)
{
   const char *text = admin->body ? admin->body : "";
   key_request r = {.provider = provider, .master_key = master_key, .admin = admin};
   const fg_kms_call call = {provider, admin->what, gcp_retry, key_build, &r, 0, key_refused};

   r.body = fg_secret_copy ((const uint8_t *)text, strlen (text) + 1, err);
   if (r.body) {
      fg_secret_truncate (r.body, strlen (text));
   }
   bool ok = r.body && fg_kms_call_run (&call, reply, err);
   fg_secret_free (r.bearer);
   fg_secret_free (r.body);
   return ok;
}

static const fg_master_key_field gcp_fields[] = {
   {.name = "projectId", .kind = FG_FIELD_TEXT, .required = true},
   {.name = "location", .kind = FG_FIELD_TEXT, .required = true},
   {.name = "keyRing", .kind = FG_FIELD_TEXT, .required = true},
   {.name = "keyName", .kind = FG_FIELD_TEXT, .required = true},
   {.name = "keyVersion", .kind = FG_FIELD_TEXT},
   {.name = "endpoint", .kind = FG_FIELD_ENDPOINT},
   {.name = NULL},
};

const fg_kms_ops fg_kms_gcp = {
   .type = "gcp",
   .fields = gcp_fields,
   .on_demand = true,
   .configure = gcp_configure,
   .wrap = gcp_wrap,
   .unwrap = gcp_unwrap,
   .clear = gcp_clear,
   .lifecycle = &fg_kms_gcp_lifecycle,
};
