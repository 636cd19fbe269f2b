/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/lifecycle.h"
#include "client/kms/oauth.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Azure Key Vault: wrapkey and unwrapkey with RSA-OAEP-256, after an OAuth client-credentials token of the tenant, unless a token is given.
 */

typedef struct azure_state {
   fg_secret *tenant_id;
   fg_secret *client_id;
   fg_secret *client_secret;
   char identity_host[256];
   fg_oauth oauth;
   bool oauth_ready;
} azure_state;

static void
azure_clear (fg_kms_provider *provider)
{
   azure_state *s = provider->state;

   fg_secret_free (s->tenant_id);
   fg_secret_free (s->client_id);
   fg_secret_free (s->client_secret);
   if (s->oauth_ready) {
      fg_oauth_clear (&s->oauth);
   }
   free (s);
}

static bool
read_identity_host (fg_kms_provider *provider, azure_state *s, const bson_t *config, fg_error *err)
{
   const char *endpoint = fg_bson_text (config, "identityPlatformEndpoint");

   if (!bson_has_field (config, "identityPlatformEndpoint")) {
      endpoint = "login.microsoftonline.com";
   }
   return (endpoint && fg_endpoint_check (endpoint, false) &&
           fg_endpoint_copy (endpoint, s->identity_host, sizeof s->identity_host)) ||
          fg_kms_error (err, FG_E_INVALID, provider,
                        "configuration field `identityPlatformEndpoint`: invalid endpoint");
}

/* The tenant becomes part of a path. */
static bool
tenant_is_plain (fg_kms_provider *provider, const azure_state *s, fg_error *err)
{
   for (const char *p = (const char *)s->tenant_id->bytes; *p; p++) {
      if (!isalnum ((unsigned char)*p) && !strchr ("-._", *p)) {
         return fg_kms_error (err, FG_E_INVALID, provider, "configuration field `tenantId` is no tenant");
      }
   }
   return true;
}

static bool
azure_configure (fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   static const char *const with_token[] = {"accessToken", NULL};
   static const char *const names[] = {"tenantId", "clientId", "clientSecret", "identityPlatformEndpoint", NULL};
   azure_state *s = calloc (1, sizeof *s);

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
          fg_config_text (provider, config, "tenantId", true, &s->tenant_id, err) &&
          tenant_is_plain (provider, s, err) &&
          fg_config_text (provider, config, "clientId", true, &s->client_id, err) &&
          fg_config_text (provider, config, "clientSecret", true, &s->client_secret, err) &&
          read_identity_host (provider, s, config, err);
}

static bool
azure_retry (long status)
{
   return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/* --- the token --------------------------------------------------------------------------------------------------------- */

typedef struct token_request {
   azure_state *state;
   const char *scope; /* https://vault.azure.net/.default */
   char path[512];
   fg_secret *form;
} token_request;

static const fg_http_header token_headers[] = {{"Accept", "application/json"},
                                               {"Content-Type", "application/x-www-form-urlencoded"}};

static bool
token_build (void *ctx, fg_http_request *request, fg_error *err)
{
   token_request *r = ctx;
   const azure_state *s = r->state;
   size_t n = 0;

   fg_secret_free (r->form);
   r->form = fg_secret_new (128 + FG_FORM_SIZE (s->client_id->len + s->client_secret->len + strlen (r->scope)), err);
   if (!r->form) {
      return false;
   }
   snprintf (r->path, sizeof r->path, "/%s/oauth2/v2.0/token", fg_secret_text (s->tenant_id));
   fg_form_append (r->form, &n, "client_id=", false);
   fg_form_append (r->form, &n, fg_secret_text (s->client_id), true);
   fg_form_append (r->form, &n, "&scope=", false);
   fg_form_append (r->form, &n, r->scope, true);
   fg_form_append (r->form, &n, "&client_secret=", false);
   fg_form_append (r->form, &n, fg_secret_text (s->client_secret), true);
   fg_form_append (r->form, &n, "&grant_type=client_credentials", false);
   *request = (fg_http_request){"POST", s->identity_host, r->path, token_headers, 2, r->form->bytes, n};
   return true;
}

/* The vault's domain is its host without the first label. */
static bool
get_bearer (fg_kms_provider *provider, const char *vault_host, fg_secret **bearer, fg_error *err)
{
   char scope[320];
   const char *dot = strchr (vault_host, '.');
   int n = snprintf (scope, sizeof scope, "https://%.*s/.default", (int)strcspn (dot ? dot + 1 : "", ":"),
                     dot ? dot + 1 : "");
   token_request r = {.state = provider->state, .scope = scope};
   const fg_kms_call call = {provider, "get an access token", azure_retry, token_build, &r};
   bool ok = n > 0 && (size_t)n < sizeof scope && fg_oauth_bearer (&r.state->oauth, &call, bearer, err);

   fg_secret_free (r.form);
   return ok;
}

/* --- keys -------------------------------------------------------------------------------------------------------------- */

typedef struct key_request {
   fg_kms_provider *provider;
   const bson_t *master_key;
   const fg_kms_admin *admin; /* NULL: wrap or unwrap */
   const char *operation; /* "wrapkey" */
   fg_secret *body;
   fg_secret *bearer;
   char host[256];
   char path[1024];
   fg_http_header headers[3];
} key_request;

static bool
is_plain_part (const char *text)
{
   for (; *text; text++) {
      if (!isalnum ((unsigned char)*text) && *text != '-') {
         return false;
      }
   }
   return true;
}

/* Without a version the path has two slashes in a row, as Azure wants it. */
static bool
key_path (key_request *r, fg_error *err)
{
   const char *name = fg_bson_text (r->master_key, "keyName");
   const char *version = fg_bson_text (r->master_key, "keyVersion");
   int n;

   version = version ? version : "";
   n = snprintf (r->path, sizeof r->path, "/keys/%s/%s/%s?api-version=7.1", name, version, r->operation);
   return (n > 0 && (size_t)n < sizeof r->path && is_plain_part (name) && is_plain_part (version)) ||
          fg_kms_error (err, FG_E_INVALID, r->provider,
                        "masterKey's keyName and keyVersion have characters that Azure keys do not have");
}

static bool
key_build (void *ctx, fg_http_request *request, fg_error *err)
{
   key_request *r = ctx;

   fg_secret_free (r->bearer);
   r->bearer = NULL;
   if (!fg_endpoint_copy (fg_bson_text (r->master_key, "keyVaultEndpoint"), r->host, sizeof r->host)) {
      return fg_kms_error (err, FG_E_INVALID, r->provider, "invalid keyVaultEndpoint");
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

static bool
azure_call (fg_kms_provider *provider, const bson_t *master_key, const char *operation, const char *what,
            const uint8_t *data, size_t len, fg_secret **out, fg_error *err)
{
   key_request r = {.provider = provider, .master_key = master_key, .operation = operation};
   const fg_kms_call call = {provider, what, azure_retry, key_build, &r};
   azure_state *s = provider->state;
   fg_http_reply reply = {0};

   r.body = fg_kms_body ("{\"alg\": \"RSA-OAEP-256\", \"value\": \"", FG_BASE64_URL, data, len, "\"}", err);
   bool ok = r.body && fg_kms_call_run (&call, &reply, err) &&
             fg_kms_reply_base64 (&call, &reply, "value", FG_BASE64_URL, out, err);
   if (reply.status == 401) {
      fg_oauth_drop (&s->oauth);
   }
   fg_http_reply_clear (&reply);
   fg_secret_free (r.bearer);
   fg_secret_free (r.body);
   return ok;
}

static bool
azure_wrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN],
            fg_wrapped *wrapped, fg_error *err)
{
   fg_secret *value = NULL;
   bool ok = azure_call (provider, master_key, "wrapkey", "wrap a key", dek, FG_DATA_KEY_LEN, &value, err) &&
             fg_wrapped_set (wrapped, provider, value->bytes, value->len, err);

   fg_secret_free (value);
   return ok;
}

static bool
azure_unwrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t *wrapped, size_t len, fg_secret **dek,
              fg_error *err)
{
   return azure_call (provider, master_key, "unwrapkey", "unwrap a key", wrapped, len, dek, err);
}

bool
fg_kms_azure_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin, fg_http_reply *reply,
                   fg_error *err)
{
   const char *text = admin->body ? admin->body : "";
   key_request r = {.provider = provider, .master_key = master_key, .admin = admin};
   const fg_kms_call call = {provider, admin->what, azure_retry, key_build, &r};
   azure_state *s = provider->state;

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

static const fg_master_key_field azure_fields[] = {
   {.name = "keyVaultEndpoint", .kind = FG_FIELD_ENDPOINT, .required = true},
   {.name = "keyName", .kind = FG_FIELD_TEXT, .required = true},
   {.name = "keyVersion", .kind = FG_FIELD_TEXT},
   {.name = NULL},
};

const fg_kms_ops fg_kms_azure = {
   .type = "azure",
   .fields = azure_fields,
   .configure = azure_configure,
   .wrap = azure_wrap,
   .unwrap = azure_unwrap,
   .clear = azure_clear,
   .lifecycle = &fg_kms_azure_lifecycle,
};
