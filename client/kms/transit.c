/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/identity.h"
#include "client/kms/lifecycle.h"
#include "client/public_equal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The Transit engine of HashiCorp Vault or OpenBao, under the provider name "vault". Drivers have no such provider: they cannot open keys that are wrapped so.
 *
 * kmsProviders: {vault: {endpoint, namespace?, and a token or where to find one}}. masterKey: {provider, key, mount?, endpoint?}; mount is "transit" when it is not given, and endpoint
 * must be the configured one: whoever writes key documents must not choose where the token is sent. keyMaterial is the text that Transit answers, "vault:v1:<base64>".
 */

typedef struct vault_state {
   char host[256];
   fg_secret *namespace;
   fg_identity identity;
} vault_state;

static void
vault_clear (fg_kms_provider *provider)
{
   vault_state *s = provider->state;

   fg_identity_clear (&s->identity);
   fg_secret_free (s->namespace);
   free (s);
}

/* Of the environment on demand, as Vault's own tools have it. */
static bool
read_endpoint (fg_kms_provider *provider, vault_state *s, const bson_t *config, fg_error *err)
{
   const char *endpoint = fg_bson_text (config, "endpoint");
   fg_url url;

   if (!bson_has_field (config, "endpoint") && (endpoint = fg_environment ("VAULT_ADDR"))) {
      if (!fg_url_read (provider, "VAULT_ADDR", endpoint, &url, err) ||
          (url.plain && !fg_kms_error (err, FG_E_DENIED, provider, "VAULT_ADDR has http: TLS is required"))) {
         return false;
      }
   }
   return (endpoint && fg_endpoint_check (endpoint, true) && fg_endpoint_copy (endpoint, s->host, sizeof s->host)) ||
          fg_kms_error (err, FG_E_INVALID, provider, "configuration field `endpoint`: missing or invalid endpoint");
}

static bool
vault_configure (fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   vault_state *s = calloc (1, sizeof *s);

   provider->state = s;
   if (!s) {
      return fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
   }
   return fg_vault_identity_configure (&s->identity, provider, config, err) &&
          read_endpoint (provider, s, config, err) &&
          fg_config_text (provider, config, "namespace", false, &s->namespace, err);
}

/* --- one request ------------------------------------------------------------------------------------------------------- */

typedef struct vault_request {
   fg_kms_provider *provider;
   const bson_t *master_key;
   const char *operation; /* "encrypt", or "keys" */
   const fg_kms_admin *admin; /* NULL: wrap or unwrap */
   fg_secret *body;
   fg_secret *token;
   bool refused; /* the token was, once */
   char path[1024];
   fg_http_header headers[4];
} vault_request;

static void
vault_request_clear (vault_request *r)
{
   fg_secret_free (r->body);
   fg_secret_free (r->token);
}

/* A mount may have slashes inside, a key's name none. */
static bool
is_path (const char *text, bool slashes)
{
   if (!*text || *text == '/' || strstr (text, "..") || strstr (text, "//")) {
      return false;
   }
   for (; *text; text++) {
      if (!isalnum ((unsigned char)*text) && !strchr ("-._", *text) && !(slashes && *text == '/' && text[1])) {
         return false;
      }
   }
   return true;
}

static bool
vault_build (void *ctx, fg_http_request *request, fg_error *err)
{
   vault_request *r = ctx;
   vault_state *s = r->provider->state;
   const char *name_space = fg_secret_text (s->namespace);
   char host[256];
   const char *endpoint = fg_bson_text (r->master_key, "endpoint");
   const char *mount = fg_bson_text (r->master_key, "mount");
   const char *key = fg_bson_text (r->master_key, "key");
   size_t n = 0;

   mount = mount ? mount : "transit";
   if (!is_path (mount, true) || !is_path (key, false)) {
      return fg_kms_error (err, FG_E_INVALID, r->provider,
                           "masterKey's mount or key has characters that do not belong there");
   }
   if (endpoint && (!fg_endpoint_copy (endpoint, host, sizeof host) || strcmp (host, s->host) != 0)) {
      return fg_kms_error (err, FG_E_DENIED, r->provider,
                           "masterKey's endpoint is not the one of kmsProviders: the token is not sent there");
   }
   int len =
      snprintf (r->path, sizeof r->path, "/v1/%s/%s/%s%s", mount, r->operation, key, r->admin ? r->admin->path : "");
   if (len < 0 || (size_t)len >= sizeof r->path) {
      return fg_kms_error (err, FG_E_TOO_LARGE, r->provider, "masterKey is too long");
   }
   fg_secret_free (r->token);
   if (!fg_vault_identity_token (&s->identity, r->provider, s->host, name_space, &r->token, err)) {
      return false;
   }
   r->headers[n++] = (fg_http_header){"Content-Type", "application/json"};
   if (name_space) {
      r->headers[n++] = (fg_http_header){"X-Vault-Namespace", name_space};
   }
   r->headers[n++] = (fg_http_header){"X-Vault-Request", "true"};
   r->headers[n++] = (fg_http_header){"X-Vault-Token", fg_secret_text (r->token)};
   *request = (fg_http_request){
      r->admin ? r->admin->method : "POST", s->host, r->path, r->headers, n, r->body->bytes, r->body->len, false};
   return true;
}

/* 412 and 429 are what a standby or a rate limit answers, 503 a sealed or starting server. */
static bool
vault_retry (long status)
{
   return status == 408 || status == 412 || status == 429 || status == 500 || status == 502 || status == 503 ||
          status == 504;
}

static bool
vault_refused (void *ctx)
{
   vault_request *r = ctx;
   vault_state *s = r->provider->state;

   return fg_identity_refused (&s->identity, &r->refused);
}

/* --- the provider ------------------------------------------------------------------------------------------------------ */

static bool
vault_wrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN],
            fg_wrapped *wrapped, fg_error *err)
{
   vault_request r = {.provider = provider, .master_key = master_key, .operation = "encrypt"};
   const fg_kms_call call = {provider, "wrap a key", vault_retry, vault_build, &r, 0, vault_refused};
   fg_http_reply reply = {0};
   fg_secret *text = NULL;

   r.body = fg_kms_body ("{\"plaintext\":\"", FG_BASE64, dek, FG_DATA_KEY_LEN, "\"}", err);
   bool ok = r.body && fg_kms_call_run (&call, &reply, err) &&
             fg_kms_reply_text (&call, &reply, "data.ciphertext", &text, err);
   if (ok && strncmp (fg_secret_text (text), "vault:v", 7) != 0) {
      ok = fg_kms_error (err, FG_E_INVALID, provider, "cannot wrap a key: the reply's ciphertext is not Transit's");
   }
   ok = ok && fg_wrapped_set (wrapped, provider, text->bytes, text->len - 1, err);
   fg_secret_free (text);
   fg_http_reply_clear (&reply);
   vault_request_clear (&r);
   return ok;
}

static bool
is_transit_text (const uint8_t *wrapped, size_t len)
{
   if (len < 9 || !fg_public_equal (wrapped, "vault:v", 7)) {
      return false;
   }
   for (size_t i = 7; i < len; i++) {
      if (!isalnum (wrapped[i]) && !(wrapped[i] && strchr (":+/=", wrapped[i]))) {
         return false;
      }
   }
   return true;
}

static fg_secret *
ciphertext_body (const uint8_t *wrapped, size_t len, fg_error *err)
{
   static const char before[] = "{\"ciphertext\":\"";
   fg_secret *body = fg_secret_new (sizeof before - 1 + len + 2, err);

   if (body) {
      memcpy (body->bytes, before, sizeof before - 1);
      memcpy (body->bytes + sizeof before - 1, wrapped, len);
      memcpy (body->bytes + sizeof before - 1 + len, "\"}", 2);
   }
   return body;
}

static bool
vault_unwrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t *wrapped, size_t len, fg_secret **dek,
              fg_error *err)
{
   vault_request r = {.provider = provider, .master_key = master_key, .operation = "decrypt"};
   const fg_kms_call call = {provider, "unwrap a key", vault_retry, vault_build, &r, 0, vault_refused};
   fg_http_reply reply = {0};

   if (!is_transit_text (wrapped, len)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "keyMaterial is no ciphertext of Transit");
   }
   r.body = ciphertext_body (wrapped, len, err);
   bool ok = r.body && fg_kms_call_run (&call, &reply, err) &&
             fg_kms_reply_base64 (&call, &reply, "data.plaintext", FG_BASE64, dek, err);
   fg_http_reply_clear (&reply);
   vault_request_clear (&r);
   return ok;
}

/* admin's path is what follows the key's own: "" or "/rotate". */
bool
fg_kms_vault_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin, fg_http_reply *reply,
                   fg_error *err)
{
   const char *text = admin->body ? admin->body : "";
   vault_request r = {.provider = provider, .master_key = master_key, .operation = "keys", .admin = admin};
   const fg_kms_call call = {provider, admin->what, vault_retry, vault_build, &r, 0, vault_refused};

   r.body = fg_secret_copy ((const uint8_t *)text, strlen (text) + 1, err);
   if (r.body) {
      fg_secret_truncate (r.body, strlen (text));
   }
   /* 204: done, and nothing to say. */
   bool ok = r.body && (fg_kms_call_run (&call, reply, err) || reply->status == 204);
   vault_request_clear (&r);
   return ok;
}

static const fg_master_key_field vault_fields[] = {
   {.name = "endpoint", .kind = FG_FIELD_ENDPOINT_ANY_HOST},
   {.name = "mount", .kind = FG_FIELD_TEXT},
   {.name = "key", .kind = FG_FIELD_TEXT, .required = true},
   {.name = NULL},
};

const fg_kms_ops fg_kms_vault = {
   .type = "vault",
   .fields = vault_fields,
   .on_demand = true,
   .configure = vault_configure,
   .wrap = vault_wrap,
   .unwrap = vault_unwrap,
   .clear = vault_clear,
   .lifecycle = &fg_kms_vault_lifecycle,
};
