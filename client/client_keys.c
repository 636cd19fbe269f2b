/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_internal.h"

#include "client/keys/epoch.h"
#include "client/keys/key_document.h"

/* --- making --------------------------------------------------------------------------------------------------------- */

static bool
check_options (const fg_data_key_options *options, fg_error *err)
{
   if (!fg_options_size (options->size, sizeof *options, "fg_data_key_options", err)) {
      return false;
   }
   for (size_t i = 0; i < options->n_key_alt_names; i++) {
      for (size_t j = 0; j < i; j++) {
         if (strcmp (options->key_alt_names[i], options->key_alt_names[j]) == 0) {
            return fg_error_set (err, FG_ERROR_USAGE, FG_E_EXISTS, "keyAltNames", "an alt name is given twice");
         }
      }
   }
   return true;
}

/* RFC 9562, version 4. */
static bool
new_id (uint8_t id[FG_KEY_ID_LEN], fg_error *err)
{
   if (!fg_random_public (id, FG_KEY_ID_LEN, err)) {
      return false;
   }
   id[6] = (uint8_t)((id[6] & 0x0F) | 0x40);
   id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
   return true;
}

static fg_secret *
new_dek (const uint8_t *material, fg_error *err)
{
   fg_secret *dek = fg_secret_new (FG_DATA_KEY_LEN, err);

   if (dek && material) {
      memcpy (dek->bytes, material, FG_DATA_KEY_LEN);
   } else if (dek && !fg_random_private (dek->bytes, FG_DATA_KEY_LEN, err)) {
      fg_secret_free (dek);
      return NULL;
   }
   return dek;
}

static bool
insert_wrapped (fg_client *client, const fg_data_key_options *options, const uint8_t id[FG_KEY_ID_LEN],
                const fg_wrapped *wrapped, const bson_t *master_key, fg_error *err)
{
   const fg_key_document_parts parts = {
      .id = id,
      .alt_names = options->key_alt_names,
      .n_alt_names = options->n_key_alt_names,
      .material = wrapped->bytes,
      .material_len = wrapped->len,
      .now_ms = fg_now_ms (),
      .master_key = master_key,
   };
   bson_t *doc = fg_key_document_build (&parts, err);
   bool ok = doc && client->vault->ops->insert (client->vault->self, doc, err);

   bson_destroy (doc);
   return ok;
}

/* The epoch may have been closed between the look at its marker and the insert. Whoever closes it writes the marker first and reads the vault after, so that a key is either seen by the reader
 * or taken back here. */
static bool
stays_open (fg_client *client, const char *provider, const bson_t *master_key, const uint8_t id[FG_KEY_ID_LEN],
            fg_error *err)
{
   bool removed = false;

   if (fg_epoch_must_be_open (client->vault, provider, master_key, err)) {
      return true;
   }
   (void)client->vault->ops->remove (client->vault->self, id, &removed, NULL);
   return false;
}

bool
fg_client_create_data_key (fg_client *client, const char *provider, const fg_data_key_options *options,
                           uint8_t id[FG_KEY_ID_LEN], fg_error *err)
{
   fg_wrapped wrapped;
   bson_t master_key;

   if (!check_options (options, err) || !new_id (id, err) ||
       !fg_epoch_must_be_open (client->vault, provider, options->master_key, err)) {
      return false;
   }
   fg_secret *dek = new_dek (options->key_material, err);
   if (!dek) {
      return false;
   }
   bool ok = fg_kms_wrap (client->kms, provider, options->master_key, dek->bytes, &wrapped, &master_key, err);
   fg_secret_free (dek);
   if (ok) {
      ok = insert_wrapped (client, options, id, &wrapped, &master_key, err) &&
           stays_open (client, provider, &master_key, id, err);
      bson_destroy (&master_key);
   }
   return ok;
}

/* --- reading and changing ------------------------------------------------------------------------------------------- */

static bool
keep_first (void *ctx, const bson_t *doc)
{
   bson_t **out = ctx;

   *out = bson_copy (doc);
   return false;
}

bool
fg_client_get_key (fg_client *client, const uint8_t id[FG_KEY_ID_LEN], bson_t **document, fg_error *err)
{
   *document = NULL;
   return client->vault->ops->find (client->vault->self, id, 1, NULL, 0, keep_first, document, err);
}

bool
fg_client_get_key_by_alt_name (fg_client *client, const char *name, bson_t **document, fg_error *err)
{
   *document = NULL;
   return client->vault->ops->find (client->vault->self, NULL, 0, &name, 1, keep_first, document, err);
}

bool
fg_client_visit_keys (fg_client *client, const bson_t *filter, fg_key_visit visit, void *ctx, fg_error *err)
{
   bson_t all = BSON_INITIALIZER;
   bool ok = client->vault->ops->find_matching (client->vault->self, filter ? filter : &all, visit, ctx, err);

   bson_destroy (&all);
   return ok;
}

/* A cached key keeps the names that it had: whatever changes a key drops it. */
bool
fg_client_add_key_alt_name (fg_client *client, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous,
                            fg_error *err)
{
   bool ok = client->vault->ops->add_alt_name (client->vault->self, id, name, previous, err);

   fg_key_cache_forget (client->cache, id);
   return ok;
}

bool
fg_client_remove_key_alt_name (fg_client *client, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous,
                               fg_error *err)
{
   bool ok = client->vault->ops->remove_alt_name (client->vault->self, id, name, previous, err);

   fg_key_cache_forget (client->cache, id);
   return ok;
}

bool
fg_client_delete_key (fg_client *client, const uint8_t id[FG_KEY_ID_LEN], bool *deleted, fg_error *err)
{
   *deleted = false;
   bool ok = client->vault->ops->remove (client->vault->self, id, deleted, err);

   fg_key_cache_forget (client->cache, id);
   return ok;
}

bool
fg_client_create_index (fg_client *client, fg_error *err)
{
   return client->vault->ops->create_index (client->vault->self, err);
}
