/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_internal.h"

#include "client/keys/key_document.h"
#include "client/public_equal.h"

#include <stdlib.h>

#define DEFAULT_CACHE_KEYS 10000u
#define DEFAULT_KMS_TIMEOUT_MS 10000

bool
fg_options_size (size_t size, size_t needed, const char *what, fg_error *err)
{
   return size >= needed ||
          fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, what,
                        "%s: size is %zu, at least %zu is needed: use its initialiser", what, size, needed);
}

fg_client *
fg_client_new_with_io (const fg_client_options *options, const fg_kms_io *io, fg_error *err)
{
   if (!fg_options_size (options->size, sizeof *options, "fg_client_options", err)) {
      return NULL;
   }
   if (!options->key_vault || options->key_expiration_ms < 0 || options->kms_timeout_ms < 0) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                    "a client needs a key vault, and times that are not negative");
      return NULL;
   }
   fg_client *client = calloc (1, sizeof *client);
   if (!client) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   client->vault = options->key_vault;
   client->cache = fg_key_cache_new (options->key_expiration_ms,
                                     options->cache_max_keys ? options->cache_max_keys : DEFAULT_CACHE_KEYS, err);
   client->flights_ready = client->cache && fg_flights_init (&client->flights, err);
   if (client->flights_ready) {
      client->kms = fg_kms_new (options->kms_providers, options->tls_options,
                                options->kms_timeout_ms ? options->kms_timeout_ms : DEFAULT_KMS_TIMEOUT_MS, io, err);
   }
   if (!client->kms) {
      fg_client_free (client);
      return NULL;
   }
   return client;
}

fg_client *
fg_client_new (const fg_client_options *options, fg_error *err)
{
   return fg_client_new_with_io (options, &fg_kms_real_io, err);
}

void
fg_client_free (fg_client *client)
{
   if (client) {
      if (client->flights_ready) {
         fg_flights_clear (&client->flights);
      }
      fg_key_cache_free (client->cache);
      fg_kms_free (client->kms);
      free (client);
   }
}

void
fg_client_forget_key (fg_client *client, const uint8_t *id)
{
   fg_key_cache_forget (client->cache, id);
}

/* --- fetching ------------------------------------------------------------------------------------------------------- */

typedef struct fetch {
   fg_client *client;
   const uint8_t *ids;
   size_t n_ids;
   const char *name;
   bson_t **docs; /* room for n_ids + 1 */
   size_t n_docs;
   bool ok;
   fg_error *err;
} fetch;

static bool
asked_for (const fetch *f, const fg_key_document *doc)
{
   for (size_t i = 0; i < f->n_ids; i++) {
      if (fg_public_equal (f->ids + i * FG_KEY_ID_LEN, doc->id, FG_KEY_ID_LEN)) {
         return true;
      }
   }
   return f->name && fg_key_document_has_name (doc, f->name);
}

static bool
shares_a_name (const fg_key_document *a, const fg_key_document *b)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, &a->alt_names)) {
      return true;
   }
   while (bson_iter_next (&iter)) {
      if (fg_key_document_has_name (b, bson_iter_utf8 (&iter, NULL))) {
         return true;
      }
   }
   return false;
}

static bool
is_duplicate (const fetch *f, const fg_key_document *doc)
{
   fg_key_document other;

   for (size_t i = 0; i < f->n_docs; i++) {
      if (!fg_key_document_parse (f->docs[i], &other, NULL) || fg_public_equal (other.id, doc->id, FG_KEY_ID_LEN) ||
          shares_a_name (&other, doc)) {
         return true;
      }
   }
   return false;
}

/* A vault that answers with something else than it was asked for is not believed. */
static bool
collect (void *ctx, const bson_t *bson)
{
   fetch *f = ctx;
   fg_key_document doc;

   f->ok = fg_key_document_parse (bson, &doc, f->err);
   if (f->ok && !asked_for (f, &doc)) {
      f->ok = fg_error_set (f->err, FG_ERROR_KEY, FG_E_MISMATCH, NULL,
                            "the key vault returned a key that was not asked for");
   }
   if (f->ok && (is_duplicate (f, &doc) || f->n_docs > f->n_ids)) {
      f->ok = fg_error_set (f->err, FG_ERROR_KEY, FG_E_EXISTS, NULL,
                            "the key vault returned two keys with the same _id or alt name: create its unique index");
   }
   if (f->ok) {
      f->docs[f->n_docs++] = bson_copy (bson);
   }
   return f->ok;
}

/* With the key's id as the error's path, which the provider cannot know. */
static bool
name_the_key (const fg_key_document *doc, fg_error *err)
{
   char id[FG_UUID_TEXT_LEN];

   if (err) {
      fg_error inner = *err;
      fg_uuid_text (doc->id, id);
      fg_error_set (err, inner.domain, inner.code, id, "key %s: %s", id, inner.message);
   }
   return false;
}

static bool
cache_key (fg_client *client, uint64_t generation, const fg_key_document *doc, fg_data_key *key, fg_error *err)
{
   const char **names = calloc (doc->n_alt_names + 1, sizeof *names);
   bson_iter_t iter;
   size_t n = 0;

   if (!names || !bson_iter_init (&iter, &doc->alt_names)) {
      free (names);
      fg_data_key_free (key);
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   while (n < doc->n_alt_names && bson_iter_next (&iter)) {
      names[n++] = bson_iter_utf8 (&iter, NULL);
   }
   bool ok = fg_key_cache_insert (client->cache, generation, doc->id, names, n, key, err);
   free (names);
   return ok;
}

static bool
unwrap_one (fg_client *client, uint64_t generation, const bson_t *bson, fg_error *err)
{
   fg_key_document doc;
   fg_secret *dek = NULL;

   if (!fg_key_document_parse (bson, &doc, err)) {
      return false;
   }
   if (!fg_kms_unwrap (client->kms, &doc.master_key, doc.material, doc.material_len, &dek, err)) {
      return name_the_key (&doc, err);
   }
   fg_data_key *key = fg_data_key_new (dek->bytes, err);
   fg_secret_free (dek);
   return key && cache_key (client, generation, &doc, key, err);
}

static bool
has_id (const fetch *f, const uint8_t id[FG_KEY_ID_LEN])
{
   fg_key_document doc;

   for (size_t i = 0; i < f->n_docs; i++) {
      if (fg_key_document_parse (f->docs[i], &doc, NULL) && fg_public_equal (doc.id, id, FG_KEY_ID_LEN)) {
         return true;
      }
   }
   return false;
}

static bool
all_there (const fetch *f)
{
   char id[FG_UUID_TEXT_LEN];

   for (size_t i = 0; i < f->n_ids; i++) {
      if (!has_id (f, f->ids + i * FG_KEY_ID_LEN)) {
         fg_uuid_text (f->ids + i * FG_KEY_ID_LEN, id);
         return fg_error_set (f->err, FG_ERROR_KEY, FG_E_NOT_FOUND, id, "the key vault has no key %s", id);
      }
   }
   if (f->name && f->n_docs == 0) {
      return fg_error_set (f->err, FG_ERROR_KEY, FG_E_NOT_FOUND, f->name,
                           "the key vault has no key with the alt name `%s`", f->name);
   }
   return true;
}

static bool
fetch_now (void *ctx, const uint8_t *ids, size_t n_ids, const char *name, fg_error *err)
{
   fg_client *client = ctx;
   fetch f = {.client = client, .ids = ids, .n_ids = n_ids, .name = name, .ok = true, .err = err};
   uint64_t generation = fg_key_cache_generation (client->cache);

   f.docs = calloc (n_ids + 1, sizeof *f.docs);
   if (!f.docs) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   bool ok = client->vault->ops->find (client->vault->self, ids, n_ids, &f.name, name ? 1 : 0, collect, &f, err) &&
             f.ok && all_there (&f);
   for (size_t i = 0; ok && i < f.n_docs; i++) {
      ok = unwrap_one (client, generation, f.docs[i], err);
   }
   for (size_t i = 0; i < f.n_docs; i++) {
      bson_destroy (f.docs[i]);
   }
   free (f.docs);
   return ok;
}

bool
fg_client_fetch (fg_client *client, const uint8_t *ids, size_t n_ids, const char *name, fg_error *err)
{
   return fg_flights_run (&client->flights, ids, n_ids, name, fetch_now, client, err);
}

bool
fg_client_fetch_gave_up (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_KEY, FG_E_INTERRUPTED, NULL,
                        "the key expired or was revoked again and again before it could be used");
}
