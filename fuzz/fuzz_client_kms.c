/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/*
 * A KMS's reply over HTTP. The first byte chooses provider, status and whether a key is wrapped or unwrapped; the rest is the body of every reply.
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

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   static fg_kms *kms;
   static bson_t *keys[5];

   if (!kms) {
      bson_t *providers = from_json (providers_json);
      kms = fg_kms_new (providers, NULL, 1000, &io, NULL);
      bson_destroy (providers);
      for (size_t i = 0; i < 5; i++) {
         keys[i] = from_json (master_keys[i]);
      }
   }
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
   return 0;
}
