/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/jwt.h"
#include "client/kms/lifecycle.h"
#include "client/kms/oauth.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Google Cloud KMS: encrypt and decrypt, after an OAuth token for a JWT that the service account signs, unless a token is given.
 */

#define TOKEN_SECONDS 300

typedef struct gcp_state {
   fg_secret *email;
   fg_secret *private_key; /* PKCS #8 DER */
   char token_host[256];
   fg_oauth oauth;
   bool oauth_ready;
} gcp_state;

static void
gcp_clear (fg_kms_provider *provider)
{
   gcp_state *s = provider->state;

   fg_secret_free (s->email);
   fg_secret_free (s->private_key);
   if (s->oauth_ready) {
      fg_oauth_clear (&s->oauth);
   }
   free (s);
}

static bool
read_token_host (fg_kms_provider *provider, gcp_state *s, const bson_t *config, fg_error *err)
{
   const char *endpoint = fg_bson_text (config, "endpoint");

   if (!bson_has_field (config, "endpoint")) {
      endpoint = "oauth2.googleapis.com";
   }
   return (endpoint && fg_endpoint_check (endpoint, false) &&
           fg_endpoint_copy (endpoint, s->token_host, sizeof s->token_host)) ||
          fg_kms_error (err, FG_E_INVALID, provider, "configuration field `endpoint`: invalid endpoint");
}

static bool
gcp_configure (fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   static const char *const with_token[] = {"accessToken", NULL};
   static const char *const names[] = {"email", "privateKey", "endpoint", NULL};
   gcp_state *s = calloc (1, sizeof *s);

   provider->state = s;
   if (!s || !fg_oauth_init (&s->oauth)) {
      return fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
   }
   s->oauth_ready = true;
   if (bson_has_field (config, "accessToken")) {
      s->oauth.expires = INT64_MAX;
      return fg_config_only (provider, config, with_token, err) &&
             fg_config_text (provider, config, "accessToken", true, &s->oauth.token, err);
   }
   return fg_config_only (provider, config, names, err) &&
          fg_config_text (provider, config, "email", true, &s->email, err) &&
          fg_config_bytes (provider, config, "privateKey", &s->private_key, err) &&
          read_token_host (provider, s, config, err);
}

static bool
gcp_retry (long status)
{
   return status == 408 || status == 429 || status >= 500;
}

/* --- the token --------------------------------------------------------------------------------------------------------- */

typedef struct token_request {
   fg_kms_provider *provider;
   const char *kms_host;
   fg_secret *form;
} token_request;

static const fg_http_header token_headers[] = {{"Accept", "application/json"},
                                               {"Content-Type", "application/x-www-form-urlencoded"}};

/* The scope's domain is that of the KMS: googleapis.com unless masterKey names an endpoint of its own. */
static bool
append_claims (const token_request *r, fg_buf *claims)
{
   const gcp_state *s = r->provider->state;
   const char *email = fg_secret_text (s->email);
   const char *dot = strchr (r->kms_host, '.');
   int64_t now = r->provider->io->now (r->provider->io->ctx);

   fg_buf_append_str (claims, "{\"iss\": ");
   fg_buf_append_json_string (claims, email, strlen (email));
   fg_buf_printf (claims, ", \"aud\": \"https://%s/token\", \"scope\": \"https://www.%.*s/auth/cloudkms\"",
                  s->token_host, (int)strcspn (dot ? dot + 1 : "", ":"), dot ? dot + 1 : "");
   fg_buf_printf (claims, ", \"iat\": %" PRId64 ", \"exp\": %" PRId64 "}", now, now + TOKEN_SECONDS);
   fg_buf_append (claims, "", 1);
   return !claims->failed;
}

static bool
token_build (void *ctx, fg_http_request *request, fg_error *err)
{
   static const char before[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
   token_request *r = ctx;
   gcp_state *s = r->provider->state;
   fg_buf claims = {0};
   fg_secret *jwt = NULL;

   fg_secret_free (r->form);
   r->form = NULL;
   if (!append_claims (r, &claims)) {
      fg_buf_free (&claims);
      return fg_kms_error (err, FG_E_NOMEM, r->provider, "out of memory");
   }
   jwt = fg_jwt_sign_rs256 ((const char *)claims.data, s->private_key->bytes, s->private_key->len, err);
   fg_buf_free (&claims);
   if (jwt) {
      r->form = fg_secret_new (sizeof before + jwt->len, err);
   }
   if (r->form) {
      memcpy (r->form->bytes, before, sizeof before - 1);
      memcpy (r->form->bytes + sizeof before - 1, jwt->bytes, jwt->len - 1);
      *request = (fg_http_request){
         "POST", s->token_host, "/token", token_headers, 2, r->form->bytes, sizeof before - 1 + jwt->len - 1};
   }
   fg_secret_free (jwt);
   return r->form != NULL;
}

static bool
get_bearer (fg_kms_provider *provider, const char *kms_host, fg_secret **bearer, fg_error *err)
{
   gcp_state *s = provider->state;
   token_request r = {.provider = provider, .kms_host = kms_host};
   const fg_kms_call call = {provider, "get an access token", gcp_retry, token_build, &r};
   bool ok = fg_oauth_bearer (&s->oauth, &call, bearer, err);

   fg_secret_free (r.form);
   return ok;
}

/* --- keys -------------------------------------------------------------------------------------------------------------- */

typedef struct key_request {
   fg_kms_provider *provider;
   const bson_t *master_key;
   const fg_kms_admin *admin; /* NULL: wrap or unwrap */
   bool encrypt;
   fg_secret *body;
   fg_secret *bearer;
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
   if ((!r->admin && !key_path (r, err)) || !get_bearer (r->provider, r->host, &r->bearer, err)) {
      return false;
   }
   r->headers[0] = (fg_http_header){"Accept", "application/json"};
   r->headers[1] = (fg_http_header){"Authorization", fg_secret_text (r->bearer)};
   r->headers[2] = (fg_http_header){"Content-Type", "application/json"};
   *request = (fg_http_request){"POST", r->host, r->path, r->headers, 3, r->body->bytes, r->body->len};
   if (r->admin) {
      request->method = r->admin->method;
      request->path = r->admin->path;
   }
   return true;
}

/* Takes body over. */
static bool
gcp_call (fg_kms_provider *provider, const bson_t *master_key, bool encrypt, fg_secret *body, fg_secret **out,
          fg_error *err)
{
   key_request r = {.provider = provider, .master_key = master_key, .encrypt = encrypt, .body = body};
   const fg_kms_call call = {provider, encrypt ? "wrap a key" : "unwrap a key", gcp_retry, key_build, &r};
   gcp_state *s = provider->state;
   fg_http_reply reply = {0};

   bool ok = body && fg_kms_call_run (&call, &reply, err) &&
             fg_kms_reply_base64 (&call, &reply, encrypt ? "ciphertext" : "plaintext", FG_BASE64, out, err);
   if (reply.status == 401) {
      fg_oauth_drop (&s->oauth);
   }
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
   const fg_kms_call call = {provider, admin->what, gcp_retry, key_build, &r};
   gcp_state *s = provider->state;

   r.body = fg_secret_copy ((const uint8_t *)text, strlen (text) + 1, err);
   if (r.body) {
      fg_secret_truncate (r.body, strlen (text));
   }
   bool ok = r.body && fg_kms_call_run (&call, reply, err);
   if (reply->status == 401) {
      fg_oauth_drop (&s->oauth);
   }
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
   .configure = gcp_configure,
   .wrap = gcp_wrap,
   .unwrap = gcp_unwrap,
   .clear = gcp_clear,
   .lifecycle = &fg_kms_gcp_lifecycle,
};
