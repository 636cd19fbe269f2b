/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_internal.h"

#include "client/value/value.h"
#include "client/public_equal.h"

#include <stdlib.h>

/* --- one value ------------------------------------------------------------------------------------------------------ */

static fg_data_key *
find_cached (fg_client *client, const fg_encrypt_options *options, uint8_t id[FG_KEY_ID_LEN])
{
   if (!options->key_id) {
      return fg_key_cache_by_name (client->cache, options->key_alt_name, id);
   }
   memcpy (id, options->key_id, FG_KEY_ID_LEN);
   return fg_key_cache_by_id (client->cache, id);
}

bool
fg_client_encrypt (fg_client *client, const bson_value_t *value, const fg_encrypt_options *options, bson_value_t *out,
                   fg_error *err)
{
   if (!fg_options_size (options->size, sizeof *options, "fg_encrypt_options", err)) {
      return false;
   }
   if (!options->key_id == !options->key_alt_name) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                           "name the key by its id or by an alt name, not both");
   }
   for (int round = 0; round < FG_FETCH_ROUNDS; round++) {
      uint8_t id[FG_KEY_ID_LEN];
      unsigned section = fg_key_cache_enter (client->cache);
      fg_data_key *key = find_cached (client, options, id);
      bool ok = key && fg_value_encrypt (key, id, options->algorithm, value, out, err);
      fg_key_cache_leave (client->cache, section);
      if (key) {
         return ok;
      }
      if (!fg_client_fetch (client, options->key_id, options->key_id ? 1 : 0, options->key_alt_name, err)) {
         return false;
      }
   }
   return fg_client_fetch_gave_up (err);
}

static bool
decrypt_blob (fg_client *client, const uint8_t *blob, size_t len, bson_value_t *out, fg_error *err)
{
   if (!fg_blob_check (blob, len, err)) {
      return false;
   }
   for (int round = 0; round < FG_FETCH_ROUNDS; round++) {
      unsigned section = fg_key_cache_enter (client->cache);
      fg_data_key *key = fg_key_cache_by_id (client->cache, blob + 1);
      bool ok = key && fg_value_decrypt (key, blob, len, out, err);
      fg_key_cache_leave (client->cache, section);
      if (key) {
         return ok;
      }
      if (!fg_client_fetch (client, blob + 1, 1, NULL, err)) {
         return false;
      }
   }
   return fg_client_fetch_gave_up (err);
}

/* Markings and query payloads: what they hold is no ciphertext of a stored value. */
static bool
is_no_ciphertext (uint8_t first_byte)
{
   static const uint8_t kinds[] = {0, 3, 5, 10, 12, 13, 18};

   return memchr (kinds, first_byte, sizeof kinds) != NULL;
}

bool
fg_client_decrypt (fg_client *client, const bson_value_t *value, bson_value_t *out, fg_error *err)
{
   if (value->value_type != BSON_TYPE_BINARY || value->value.v_binary.subtype != BSON_SUBTYPE_ENCRYPTED) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "only a binary of subtype 6 can be decrypted");
   }
   const uint8_t *blob = value->value.v_binary.data;
   size_t len = value->value.v_binary.data_len;
   if (len && is_no_ciphertext (blob[0])) {
      bson_value_copy (value, out);
      return true;
   }
   return decrypt_blob (client, blob, len, out, err);
}

/* --- a document ----------------------------------------------------------------------------------------------------- */

typedef struct document_keys {
   fg_client *client;
   const bson_t *document;
   unsigned section;
   bool fetched_all;
   uint8_t last_id[FG_KEY_ID_LEN];
   fg_data_key *last; /* good until the section is left */
   uint8_t *missing; /* ids */
   size_t n_missing;
   size_t cap_missing;
   bool out_of_memory;
} document_keys;

static bool
note_missing (void *ctx, const uint8_t id[FG_KEY_ID_LEN])
{
   document_keys *d = ctx;

   if (fg_key_cache_by_id (d->client->cache, id)) {
      return true;
   }
   for (size_t i = 0; i < d->n_missing; i++) {
      if (fg_public_equal (d->missing + i * FG_KEY_ID_LEN, id, FG_KEY_ID_LEN)) {
         return true;
      }
   }
   if (d->n_missing == d->cap_missing) {
      size_t cap = d->cap_missing ? d->cap_missing * 2 : 8;
      uint8_t *missing = realloc (d->missing, cap * FG_KEY_ID_LEN);
      if (!missing) {
         d->out_of_memory = true;
         return false;
      }
      d->missing = missing;
      d->cap_missing = cap;
   }
   memcpy (d->missing + d->n_missing++ * FG_KEY_ID_LEN, id, FG_KEY_ID_LEN);
   return true;
}

/* The first key that is missing has all missing ones fetched at once; later ones (more keys than the cache holds) come one by one. The section
 * is left for the time of the fetch. */
static bool
fetch_for_document (document_keys *d, const uint8_t id[FG_KEY_ID_LEN], fg_error *err)
{
   const uint8_t *ids = id;
   size_t n_ids = 1;
   bool ok = true;

   if (!d->fetched_all) {
      d->fetched_all = true;
      ok = fg_document_visit_key_ids (bson_get_data (d->document), d->document->len, note_missing, d, err);
      if (d->out_of_memory) {
         ok = fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      }
      if (d->n_missing) {
         ids = d->missing;
         n_ids = d->n_missing;
      }
   }
   fg_key_cache_leave (d->client->cache, d->section);
   ok = ok && fg_client_fetch (d->client, ids, n_ids, NULL, err);
   d->section = fg_key_cache_enter (d->client->cache);
   return ok;
}

static fg_data_key *
key_for_document (void *ctx, const uint8_t id[FG_KEY_ID_LEN], fg_error *err)
{
   document_keys *d = ctx;

   if (d->last && fg_public_equal (d->last_id, id, FG_KEY_ID_LEN)) {
      return d->last;
   }
   d->last = fg_key_cache_by_id (d->client->cache, id);
   for (int round = 0; !d->last && round < FG_FETCH_ROUNDS; round++) {
      if (!fetch_for_document (d, id, err)) {
         return NULL;
      }
      d->last = fg_key_cache_by_id (d->client->cache, id);
   }
   if (!d->last) {
      fg_client_fetch_gave_up (err);
      return NULL;
   }
   memcpy (d->last_id, id, FG_KEY_ID_LEN);
   return d->last;
}

/* Decrypts into the document's own buffer, which is never moved: no copy of a value is left behind. */
bson_t *
fg_client_decrypt_document (fg_client *client, const bson_t *document, fg_error *err)
{
   document_keys d = {.client = client, .document = document};
   bson_t *out = bson_new ();
   uint8_t *bytes = bson_reserve_buffer (out, document->len);
   size_t len = 0;

   if (!bytes) {
      bson_destroy (out);
      fg_error_set (err, FG_ERROR_BSON, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   d.section = fg_key_cache_enter (client->cache);
   bool ok = fg_document_decrypt (bson_get_data (document), document->len, key_for_document, &d, bytes, &len, err);
   fg_key_cache_leave (client->cache, d.section);
   free (d.missing);
   if (!ok) {
      bson_destroy (out);
      return NULL;
   }
   out->len = (uint32_t)len;
   return out;
}
