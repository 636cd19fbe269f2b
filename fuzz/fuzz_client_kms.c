/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/*
 * A KMS's reply over HTTP. The first byte chooses provider, status, whether a key is wrapped or unwrapped, and whether the credentials are given or asked for first (of a
 * metadata service, say, whose reply is then hostile too); the rest is the body of every reply.
 */

#include "client/kms/kms.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const uint8_t *body;
static size_t body_len;
static long status;

static bool
answer (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request, fg_http_reply *reply,
        fg_io_failure *failure, fg_error *err)
{
   (void)ctx;
   (void)tls;
   (void)timeout_ms;
   (void)request;
   (void)failure;
   (void)err;
   reply->status = status;
   reply->len = body_len < reply->body->len ? body_len : reply->body->len;
   if (reply->len) {
      memcpy (reply->body->bytes, body, reply->len);
   }
   return true;
}

static int64_t
now (void *ctx)
{
   (void)ctx;
   return 1440938160;
}

static void
no_pause (void *ctx, int64_t ms)
{
   (void)ctx;
   (void)ms;
}

static const fg_kms_io io = {.http = answer, .now = now, .pause_ms = no_pause};

static const char providers_json[] = "{\"aws\": {\"accessKeyId\": \"a\", \"secretAccessKey\": \"b\"}, \"azure\": "
                                     "{\"tenantId\": \"t\", \"clientId\": \"c\", \"clientSecret\": \"s\"},"
                                     "\"azure:given\": {\"accessToken\": \"T\"}, \"gcp\": {\"accessToken\": \"T\"}, "
                                     "\"vault\": {\"endpoint\": \"v:8200\", \"token\": \"t\"}}";

static const char on_demand_json[] =
   "{\"aws\": {}, \"azure\": {}, \"azure:given\": {\"accessToken\": \"T\"}, \"gcp\": {}, "
   "\"vault\": {\"endpoint\": \"v:8200\", \"roleId\": \"r\", \"secretId\": \"s\"}}";

static const char *const master_keys[] = {
   "{\"provider\": \"aws\", \"region\": \"r\", \"key\": \"k\"}",
   "{\"provider\": \"azure\", \"keyVaultEndpoint\": \"v.vault.azure.net\", \"keyName\": \"k\"}",
   "{\"provider\": \"azure:given\", \"keyVaultEndpoint\": \"v.vault.azure.net\", \"keyName\": \"k\"}",
   "{\"provider\": \"gcp\", \"projectId\": \"p\", \"location\": \"l\", \"keyRing\": \"r\", \"keyName\": \"k\"}",
   "{\"provider\": \"vault\", \"key\": \"k\"}",
};

static bson_t *
from_json (const char *text)
{
   return bson_new_from_json ((const uint8_t *)text, -1, NULL);
}

static void
unwrap (fg_kms *kms, const bson_t *master_key)
{
   static const uint8_t wrapped[] = "vault:v1:AAAA";
   fg_secret *dek = NULL;
   fg_error err = {0};

   if (fg_kms_unwrap (kms, master_key, wrapped, sizeof wrapped - 1, &dek, &err)) {
      if (dek->len != FG_DATA_KEY_LEN) {
         abort ();
      }
      fg_secret_free (dek);
   }
}

static void
wrap (fg_kms *kms, const bson_t *master_key)
{
   static const uint8_t dek[FG_DATA_KEY_LEN];
   static fg_wrapped wrapped;
   bson_t stored;
   fg_error err = {0};
   bson_iter_t iter;

   if (bson_iter_init_find (&iter, master_key, "provider") &&
       fg_kms_wrap (kms, bson_iter_utf8 (&iter, NULL), master_key, dek, &wrapped, &stored, &err)) {
      bson_destroy (&stored);
   }
}

static fg_kms *
kms_of (const char *json)
{
   bson_t *providers = from_json (json);
   fg_kms *kms = fg_kms_new (providers, NULL, 1000, &io, NULL);

   bson_destroy (providers);
   return kms;
}

/* What the machine that fuzzes has in its environment is no part of this. */
static void
clear_environment (void)
{
   static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                       "AWS_SECRET_ACCESS_KEY",
                                       "AWS_WEB_IDENTITY_TOKEN_FILE",
                                       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                       "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                       "GOOGLE_APPLICATION_CREDENTIALS"};

   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      unsetenv (names[i]);
   }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   static fg_kms *given;
   static bson_t *keys[5];

   if (!given) {
      clear_environment ();
      given = kms_of (providers_json);
      for (size_t i = 0; i < 5; i++) {
         keys[i] = from_json (master_keys[i]);
      }
   }
   /* Those that are asked for are cached: a handle of its own for every input. */
   bool on_demand = size && data[0] & 0x20;
   fg_kms *kms = on_demand ? kms_of (on_demand_json) : given;
   if (!kms || size == 0) {
      return 0;
   }
   status = data[0] & 0x40 ? 400 : 200;
   body = data + 1;
   body_len = size - 1;
   if (data[0] & 0x80) {
      wrap (kms, keys[data[0] % 5]);
   } else {
      unwrap (kms, keys[data[0] % 5]);
   }
   if (on_demand) {
      fg_kms_free (kms);
   }
   return 0;
}
