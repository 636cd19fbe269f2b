/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/kms.h"
#include "client/kms/lifecycle.h"

/*
 * A master key of 96 bytes that the application brings itself: the data key is sealed like a value, with random IV and no associated data.
 */

static bool
local_configure (fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   static const char *const names[] = {"key", NULL};
   fg_secret *bytes = NULL;

   if (!fg_config_only (provider, config, names, err) || !fg_config_bytes (provider, config, "key", &bytes, err)) {
      return false;
   }
   if (bytes->len != FG_DATA_KEY_LEN) {
      fg_kms_error (err, FG_E_INVALID, provider, "the key has %zu bytes, not 96", bytes->len);
   } else {
      provider->state = fg_data_key_new (bytes->bytes, err);
   }
   fg_secret_free (bytes);
   return provider->state != NULL;
}

bool
fg_kms_seal_with (fg_data_key *master, const uint8_t dek[FG_DATA_KEY_LEN], fg_wrapped *wrapped, fg_error *err)
{
   uint8_t iv[FG_AEAD_IV_LEN];

   wrapped->len = fg_aead_sealed_len (FG_DATA_KEY_LEN);
   return fg_random_public (iv, sizeof iv, err) &&
          fg_aead_seal (master, NULL, 0, iv, dek, FG_DATA_KEY_LEN, wrapped->bytes, err);
}

bool
fg_kms_open_with (const fg_kms_provider *provider, fg_data_key *master, const uint8_t *wrapped, size_t len,
                  fg_secret **dek, fg_error *err)
{
   size_t n = 0;

   if (len != fg_aead_sealed_len (FG_DATA_KEY_LEN)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "keyMaterial has %zu bytes, not 160", len);
   }
   *dek = fg_secret_new (FG_DATA_KEY_LEN + 16, err);
   if (!*dek) {
      return false;
   }
   if (!fg_aead_open (master, NULL, 0, wrapped, len, (*dek)->bytes, &n, NULL) || n != FG_DATA_KEY_LEN) {
      fg_secret_free (*dek);
      *dek = NULL;
      return fg_kms_error (err, FG_E_CORRUPT, provider,
                           "keyMaterial does not verify under this master key: another master key's, or altered");
   }
   fg_secret_truncate (*dek, n);
   return true;
}

static bool
local_wrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN],
            fg_wrapped *wrapped, fg_error *err)
{
   (void)master_key;
   return fg_kms_seal_with (provider->state, dek, wrapped, err);
}

static bool
local_unwrap (fg_kms_provider *provider, const bson_t *master_key, const uint8_t *wrapped, size_t len, fg_secret **dek,
              fg_error *err)
{
   (void)master_key;
   return fg_kms_open_with (provider, provider->state, wrapped, len, dek, err);
}

static void
local_clear (fg_kms_provider *provider)
{
   fg_data_key_free (provider->state);
}

static const fg_master_key_field local_fields[] = {{.name = NULL}};

const fg_kms_ops fg_kms_local = {
   .type = "local",
   .fields = local_fields,
   .configure = local_configure,
   .wrap = local_wrap,
   .unwrap = local_unwrap,
   .clear = local_clear,
   .lifecycle = &fg_kms_local_lifecycle,
};
