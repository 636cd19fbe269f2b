/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/*
 * A kmsProviders document, a tlsOptions document and a masterKey, as JSON texts one behind the other with a NUL between them.
 */

#include "client/kms/kms.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static bool
no_http (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request, fg_http_reply *reply,
         fg_io_failure *failure, fg_error *err)
{
   (void)ctx;
   (void)tls;
   (void)timeout_ms;
   (void)request;
   (void)reply;
   *failure = FG_IO_FATAL;
   return fg_error_set (err, FG_ERROR_KMS, FG_E_IO, NULL, "no network");
}

static bool
no_kmip (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const char *endpoint, const uint8_t *message,
         size_t len, fg_secret **reply, fg_error *err)
{
   (void)ctx;
   (void)tls;
   (void)timeout_ms;
   (void)endpoint;
   (void)message;
   (void)len;
   *reply = NULL;
   return fg_error_set (err, FG_ERROR_KMS, FG_E_IO, NULL, "no network");
}

static int64_t
now (void *ctx)
{
   (void)ctx;
   return 1440938160;
}

static const fg_kms_io io = {.http = no_http, .kmip = no_kmip, .now = now};

/* The text up to the next NUL; *data moves behind it. */
static bson_t *
next (const uint8_t **data, size_t *size)
{
   const uint8_t *nul = *size ? memchr (*data, 0, *size) : NULL;
   size_t len = nul ? (size_t)(nul - *data) : *size;
   bson_t *bson = len ? bson_new_from_json (*data, (ssize_t)len, NULL) : NULL;

   *data += nul ? len + 1 : len;
   *size -= nul ? len + 1 : len;
   return bson;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   bson_t *providers = next (&data, &size);
   bson_t *tls = next (&data, &size);
   bson_t *master_key = next (&data, &size);
   fg_error err = {0};
   fg_secret *dek = NULL;
   fg_kms *kms = providers ? fg_kms_new (providers, tls, 1000, &io, &err) : NULL;

   if (kms && master_key && fg_kms_unwrap (kms, master_key, (const uint8_t *)"vault:v1:AAAA", 13, &dek, &err)) {
      fg_secret_free (dek);
   }
   fg_kms_free (kms);
   bson_destroy (master_key);
   bson_destroy (tls);
   bson_destroy (providers);
   return 0;
}
