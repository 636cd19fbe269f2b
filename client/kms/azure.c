/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/identity.h"
#include "client/kms/lifecycle.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Azure Key Vault: wrapkey and unwrapkey with RSA-OAEP-256, with an OAuth token for the vault's cloud.
 */

static void
azure_clear (fg_kms_provider *provider)
{
   fg_identity_clear (provider->state);
   free (provider->state);
}

static bool
azure_configure (fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   provider->state = calloc (1, sizeof (fg_identity));
   return provider->state ? fg_azure_identity_configure (provider->state, provider, config, err)
                          : fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
}

static bool
azure_retry (long status)
{
   return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/* --- keys -------------------------------------------------------------------------------------------------------------- */

typedef struct key_request {
   fg_kms_provider *provider;
   const bson_t *master_key;
   const fg_kms_admin *admin; /* NULL: wrap or unwrap */
   const char *operation; /* "wrapkey" */
   fg_secret *body;
   fg_secret *bearer;
   bool refused; /* the token was, once */
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
   if ((!r->admin && !key_path (r, err)) ||
       !fg_azure_identity_bearer (r->provider->state, r->provider, r->host, &r->bearer, err)) {
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

static bool
azure_call (fg_kms_provider *provider, const bson_t *master_key, const char *operation, const char *what,
            const uint8_t *data, size_t len, fg_secret **out, fg_error *err)
{
   key_request r = {.provider = provider, .master_key = master_key, .operation = operation};
   const fg_kms_call call = {provider, what, azure_retry, key_build, &r, 0, key_refused};
   fg_http_reply reply = {0};

   r.body = fg_kms_body ("{\"alg\": \"RSA-OAEP-256\", \"value\": \"", FG_BASE64_URL, data, len, "\"}", err);
   bool ok = r.body && fg_kms_call_run (&call, &reply, err) &&
             fg_kms_reply_base64 (&call, &reply, "value", FG_BASE64_URL, out, err);
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
   const fg_kms_call call = {provider, admin->what, azure_retry, key_build, &r, 0, key_refused};

   r.body = fg_secret_copy ((const uint8_t *)text, strlen (text) + 1, err);
   if (r.body) {
      fg_secret_truncate (r.body, strlen (text));
   }
   bool ok = r.body && fg_kms_call_run (&call, reply, err);
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
   .on_demand = true,
   .configure = azure_configure,
   .wrap = azure_wrap,
   .unwrap = azure_unwrap,
   .clear = azure_clear,
   .lifecycle = &fg_kms_azure_lifecycle,
};
