/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/kms.h"

#include "client/kms/master_key.h"
#include "client/kms/tls_options.h"
#include "client/public_equal.h"

#include <ctype.h>
#include <stdlib.h>

struct fg_kms {
   fg_kms_provider *providers;
   size_t n;
};

static const fg_kms_ops *const types[] = {&fg_kms_local, &fg_kms_aws,  &fg_kms_azure,
                                          &fg_kms_gcp,   &fg_kms_kmip, &fg_kms_vault};

/* "aws" or "aws:name", the name made of letters, digits and underscores. */
static const fg_kms_ops *
type_of (const char *name)
{
   size_t len = strcspn (name, ":");

   if (name[len] == ':') {
      const char *p = name + len + 1;
      if (!*p) {
         return NULL;
      }
      for (; *p; p++) {
         if (!isalnum ((unsigned char)*p) && *p != '_') {
            return NULL;
         }
      }
   }
   for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
      if (strlen (types[i]->type) == len && fg_public_equal (types[i]->type, name, len)) {
         return types[i];
      }
   }
   return NULL;
}

static bool
configure (fg_kms_provider *provider, const bson_iter_t *iter, const bson_t *tls_options, fg_error *err)
{
   const uint8_t *data;
   uint32_t len;
   bson_t config;

   if (!BSON_ITER_HOLDS_DOCUMENT (iter)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "its configuration is no document");
   }
   bson_iter_document (iter, &len, &data);
   if (!bson_init_static (&config, data, len)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "malformed configuration");
   }
   if (bson_empty (&config) && (!provider->ops->on_demand || strchr (provider->name, ':'))) {
      return fg_kms_error (err, FG_E_UNSUPPORTED, provider,
                           "its configuration is empty, and it cannot find credentials by itself");
   }
   return fg_tls_options_read (provider, tls_options, err) && provider->ops->configure (provider, &config, err);
}

static bool
add_provider (fg_kms *kms, const bson_iter_t *iter, const bson_t *tls_options, int64_t timeout_ms, const fg_kms_io *io,
              fg_error *err)
{
   const char *name = bson_iter_key (iter);
   const fg_kms_ops *ops = type_of (name);

   if (!ops) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_UNSUPPORTED, name, "no KMS provider is called `%s`", name);
   }
   for (size_t i = 0; i < kms->n; i++) {
      if (strcmp (kms->providers[i].name, name) == 0) {
         return fg_error_set (err, FG_ERROR_KMS, FG_E_EXISTS, name, "KMS provider `%s` is configured twice", name);
      }
   }
   fg_kms_provider *provider = &kms->providers[kms->n];
   provider->ops = ops;
   provider->timeout_ms = timeout_ms;
   provider->io = io;
   provider->name = strdup (name);
   if (!provider->name) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_NOMEM, NULL, "out of memory");
   }
   kms->n++;
   return configure (provider, iter, tls_options, err);
}

fg_kms *
fg_kms_new (const bson_t *providers, const bson_t *tls_options, int64_t timeout_ms, const fg_kms_io *io, fg_error *err)
{
   fg_kms *kms = calloc (1, sizeof *kms);
   uint32_t n = providers ? bson_count_keys (providers) : 0;
   bson_iter_t iter;

   if (kms) {
      kms->providers = calloc (n ? n : 1, sizeof *kms->providers);
   }
   if (!kms || !kms->providers) {
      fg_error_set (err, FG_ERROR_KMS, FG_E_NOMEM, NULL, "out of memory");
      fg_kms_free (kms);
      return NULL;
   }
   if (!providers) {
      return kms;
   }
   if (!bson_validate (providers, BSON_VALIDATE_NONE, NULL) || !bson_iter_init (&iter, providers)) {
      fg_error_set (err, FG_ERROR_KMS, FG_E_INVALID, NULL, "malformed kmsProviders");
      fg_kms_free (kms);
      return NULL;
   }
   while (bson_iter_next (&iter)) {
      if (!add_provider (kms, &iter, tls_options, timeout_ms, io, err)) {
         fg_kms_free (kms);
         return NULL;
      }
   }
   return kms;
}

void
fg_kms_free (fg_kms *kms)
{
   if (!kms) {
      return;
   }
   for (size_t i = 0; i < kms->n; i++) {
      fg_kms_provider *provider = &kms->providers[i];
      if (provider->state) {
         provider->ops->clear (provider);
      }
      fg_tls_options_clear (&provider->tls);
      free (provider->name);
   }
   free (kms->providers);
   free (kms);
}

fg_kms_provider *
fg_kms_provider_named (fg_kms *kms, const char *name, fg_error *err)
{
   for (size_t i = 0; i < kms->n; i++) {
      if (strcmp (kms->providers[i].name, name) == 0) {
         return &kms->providers[i];
      }
   }
   fg_error_set (err, FG_ERROR_KMS, FG_E_NOT_FOUND, name, "KMS provider `%s` is not configured: add it to kmsProviders",
                 name);
   return NULL;
}

bool
fg_kms_wrap (fg_kms *kms, const char *provider_name, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN],
             fg_wrapped *wrapped, bson_t *stored, fg_error *err)
{
   fg_kms_provider *provider = fg_kms_provider_named (kms, provider_name, err);
   bson_t none = BSON_INITIALIZER;

   master_key = master_key ? master_key : &none;
   memset (wrapped, 0, sizeof *wrapped);
   bool ok = provider && fg_master_key_check (provider, master_key, false, err) &&
             provider->ops->wrap (provider, master_key, dek, wrapped, err);
   if (ok && wrapped->len < FG_DATA_KEY_LEN) {
      /* Drivers refuse such a document too: no cipher makes 96 bytes shorter. */
      ok = fg_kms_error (err, FG_E_INVALID, provider, "the wrapped key has only %zu bytes", wrapped->len);
   }
   if (ok) {
      bson_init (stored);
      ok = fg_master_key_append (provider, master_key, wrapped->key_id, stored, err);
      if (!ok) {
         bson_destroy (stored);
      }
   }
   bson_destroy (&none);
   return ok;
}

bool
fg_kms_unwrap (fg_kms *kms, const bson_t *stored, const uint8_t *wrapped, size_t len, fg_secret **dek, fg_error *err)
{
   const char *name = fg_bson_text (stored, "provider");

   *dek = NULL;
   if (!name) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, "masterKey", "masterKey names no provider");
   }
   if (!type_of (name)) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_UNSUPPORTED, name, "no KMS provider is called `%s`", name);
   }
   fg_kms_provider *provider = fg_kms_provider_named (kms, name, err);
   if (!provider || !fg_master_key_check (provider, stored, true, err) ||
       !provider->ops->unwrap (provider, stored, wrapped, len, dek, err)) {
      return false;
   }
   if ((*dek)->len != FG_DATA_KEY_LEN) {
      size_t got = (*dek)->len;
      fg_secret_free (*dek);
      *dek = NULL;
      return fg_kms_error (err, FG_E_INVALID, provider, "the unwrapped key has %zu bytes, not 96", got);
   }
   return true;
}
