/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/call.h"
#include "client/kms/lifecycle.h"
#include "client/public_equal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The Transit engine of HashiCorp Vault or OpenBao, under the provider name "vault". Drivers have no such provider: they cannot open keys that are wrapped so.
 *
 * kmsProviders: {vault: {endpoint, token, namespace?}}. masterKey: {provider, key, mount?, endpoint?}; mount is "transit" when it is not given. keyMaterial is the text that
 * Transit answers, "vault:v1:<base64>".
 */

typedef struct vault_state {
   char host[256];
   fg_secret *token;
   fg_secret *namespace;
} vault_state;

static void
vault_clear (fg_kms_provider *provider)
{
   vault_state *s = provider->state;

   fg_secret_free (s->token);
   fg_secret_free (s->namespace);
   free (s);
}

static bool
vault_configure (fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   static const char *const names[] = {"endpoint", "token", "namespace", NULL};
   const char *endpoint = fg_bson_text (config, "endpoint");
   vault_state *s = calloc (1, sizeof *s);

   provider->state = s;
   if (!s) {
      return fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
   }
   if (!fg_config_only (provider, config, names, err)) {
      return false;
   }
   if (!endpoint || !fg_endpoint_check (endpoint, true) || !fg_endpoint_copy (endpoint, s->host, sizeof s->host)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "configuration field `endpoint`: missing or invalid endpoint");
   }
   return fg_config_text (provider, config, "token", true, &s->token, err) &&
          fg_config_text (provider, config, "namespace", false, &s->namespace, err);
}

/* --- one request ------------------------------------------------------------------------------------------------------- */

typedef struct vault_request {
   fg_kms_provider *provider;
   const bson_t *master_key;
   const char *operation; /* "encrypt", or "keys" */
   const fg_kms_admin *admin; /* NULL: wrap or unwrap */
   fg_secret *body;
   char host[256];
   char path[1024];
   fg_http_header headers[4];
} vault_request;

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
   const vault_state *s = r->provider->state;
   const char *endpoint = fg_bson_text (r->master_key, "endpoint");
   const char *mount = fg_bson_text (r->master_key, "mount");
   const char *key = fg_bson_text (r->master_key, "key");
   size_t n = 0;

   mount = mount ? mount : "transit";
   if (!fg_endpoint_copy (endpoint ? endpoint : s->host, r->host, sizeof r->host) || !is_path (mount, true) ||
       !is_path (key, false)) {
      return fg_kms_error (err, FG_E_INVALID, r->provider,
                           "masterKey's endpoint, mount or key has characters that do not belong there");
   }
   int len =
      snprintf (r->path, sizeof r->path, "/v1/%s/%s/%s%s", mount, r->operation, key, r->admin ? r->admin->path : "");
   if (len < 0 || (size_t)len >= sizeof r->path) {
      return fg_kms_error (err, FG_E_TOO_LARGE, r->provider, "masterKey is too long");
   }
   r->headers[n++] = (fg_http_header){"Content-Type", "application/json"};
   if (s->namespace) {
      r->headers[n++] = (fg_http_header){"X-Vault-Namespace", fg_secret_text (s->namespace)};
   }
   r->headers[n++] = (fg_http_header){"X-Vault-Request", "true"};
   r->headers[n++] = (fg_http_header){"X-Vault-Token", fg_secret_text (s->token)};
   *request = (fg_http_request){
      r->admin ? r->admin->method : "POST", r->host, r->path, r->headers, n, r->body->bytes, r->body->len};
   return true;
}

/* 412 and 429 are what a standby or a rate limit answers, 503 a sealed or starting server. */
static bool
vault_retry (long status)
{
   return status == 408 || status == 412 || status == 429 || status == 500 || status == 502 || status == 503 ||
          status == 504;
}

/* --- the provider ------------------------------------------------------------------------------------------------------ */

static bool
vault_wrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN],
            fg_wrapped *wrapped, fg_error *err)
{
   vault_request r = {.provider = provider, .master_key = master_key, .operation = "encrypt"};
   const fg_kms_call call = {provider, "wrap a key", vault_retry, vault_build, &r};
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
   fg_secret_free (r.body);
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
   const fg_kms_call call = {provider, "unwrap a key", vault_retry, vault_build, &r};
   fg_http_reply reply = {0};

   if (!is_transit_text (wrapped, len)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "keyMaterial is no ciphertext of Transit");
   }
   r.body = ciphertext_body (wrapped, len, err);
   bool ok = r.body && fg_kms_call_run (&call, &reply, err) &&
             fg_kms_reply_base64 (&call, &reply, "data.plaintext", FG_BASE64, dek, err);
   fg_http_reply_clear (&reply);
   fg_secret_free (r.body);
   return ok;
}

/* admin's path is what follows the key's own: "" or "/rotate". */
bool
fg_kms_vault_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin, fg_http_reply *reply,
                   fg_error *err)
{
   const char *text = admin->body ? admin->body : "";
   vault_request r = {.provider = provider, .master_key = master_key, .operation = "keys", .admin = admin};
   const fg_kms_call call = {provider, admin->what, vault_retry, vault_build, &r};

   r.body = fg_secret_copy ((const uint8_t *)text, strlen (text) + 1, err);
   if (r.body) {
      fg_secret_truncate (r.body, strlen (text));
   }
   /* 204: done, and nothing to say. */
   bool ok = r.body && (fg_kms_call_run (&call, reply, err) || reply->status == 204);
   fg_secret_free (r.body);
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
   .configure = vault_configure,
   .wrap = vault_wrap,
   .unwrap = vault_unwrap,
   .clear = vault_clear,
   .lifecycle = &fg_kms_vault_lifecycle,
};
