/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_internal.h"

#include "client/keys/epoch.h"
#include "client/keys/key_document.h"

#include <stdlib.h>

/*
 * Two passes. The first makes every new wrapping and proves that it opens to the same key; the second replaces documents. A KMS that fails half-way through has so
 * changed nothing, and a document changed by somebody else in between is left alone.
 */
typedef struct plan_item {
   bson_t *old;
   bson_t master_key;
   uint8_t *material;
   size_t material_len;
   bool planned;
} plan_item;

typedef struct plan {
   plan_item *items;
   size_t n;
   size_t cap;
   bool out_of_memory;
   fg_epochs epochs; /* as the vault's marker names them when the plan is made */
} plan;

static bool
collect (void *ctx, const bson_t *doc)
{
   plan *p = ctx;

   if (p->n == p->cap) {
      size_t cap = p->cap ? p->cap * 2 : 16;
      plan_item *items = realloc (p->items, cap * sizeof *items);
      if (!items) {
         p->out_of_memory = true;
         return false;
      }
      p->items = items;
      p->cap = cap;
   }
   memset (&p->items[p->n], 0, sizeof p->items[p->n]);
   p->items[p->n++].old = bson_copy (doc);
   return true;
}

static void
plan_clear (plan *p)
{
   for (size_t i = 0; i < p->n; i++) {
      bson_destroy (p->items[i].old);
      if (p->items[i].planned) {
         bson_destroy (&p->items[i].master_key);
      }
      free (p->items[i].material);
   }
   free (p->items);
   fg_epochs_clear (&p->epochs);
}

/* Nothing is wrapped under a master key whose epoch the vault's marker says is closed. */
static bool
may_wrap_under (const fg_epochs *epochs, const char *provider, const bson_t *master_key, fg_error *err)
{
   char id[FG_EPOCH_ID_LEN];

   return fg_epoch_id (provider, master_key, id, err) &&
          (fg_epochs_state (epochs, id) == FG_EPOCH_OPEN ||
           fg_error_set (err, FG_ERROR_KEY, FG_E_DENIED, provider,
                         "this master key of `%s` is a closed epoch of the key vault: nothing is wrapped under it any "
                         "more; name the new epoch's master key",
                         provider));
}

/* What the new wrapping holds must be what the old one held. */
static bool
proves_equal (fg_client *client, const bson_t *master_key, const fg_wrapped *wrapped, const fg_secret *dek,
              fg_error *err)
{
   fg_secret *again = NULL;

   if (!fg_kms_unwrap (client->kms, master_key, wrapped->bytes, wrapped->len, &again, err)) {
      return false;
   }
   bool same = fg_ct_equal (again->bytes, dek->bytes, FG_DATA_KEY_LEN);
   fg_secret_free (again);
   return same || fg_error_set (err, FG_ERROR_KMS, FG_E_CORRUPT, NULL,
                                "the new wrapping opens to another key: nothing is replaced");
}

static bool
wrap_anew (fg_client *client, const fg_epochs *epochs, const fg_rewrap_options *options, const fg_key_document *doc,
           const fg_secret *dek, plan_item *item, fg_error *err)
{
   const char *provider = options->provider ? options->provider : doc->provider;
   const bson_t *master_key = options->provider ? options->master_key : &doc->master_key;
   fg_wrapped wrapped;

   if (!may_wrap_under (epochs, provider, master_key, err) ||
       !fg_kms_wrap (client->kms, provider, master_key, dek->bytes, &wrapped, &item->master_key, err)) {
      return false;
   }
   item->planned = true;
   if (!proves_equal (client, &item->master_key, &wrapped, dek, err)) {
      return false;
   }
   item->material = malloc (wrapped.len);
   if (!item->material) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   memcpy (item->material, wrapped.bytes, wrapped.len);
   item->material_len = wrapped.len;
   return true;
}

static bool
plan_one (fg_client *client, const fg_epochs *epochs, const fg_rewrap_options *options, plan_item *item, fg_error *err)
{
   fg_key_document doc;
   fg_secret *dek = NULL;
   char id[FG_UUID_TEXT_LEN];
   fg_error inner = {0};

   if (!fg_key_document_parse (item->old, &doc, err)) {
      return false;
   }
   bool ok = fg_kms_unwrap (client->kms, &doc.master_key, doc.material, doc.material_len, &dek, &inner) &&
             wrap_anew (client, epochs, options, &doc, dek, item, &inner);
   fg_secret_free (dek);
   if (!ok) {
      fg_uuid_text (doc.id, id);
      fg_error_set (err, inner.domain, inner.code, id, "key %s: %s", id, inner.message);
   }
   return ok;
}

static bool
replace_one (fg_client *client, const plan_item *item, fg_rewrap_result *result, fg_error *err)
{
   fg_key_document doc;
   bool changed = false;

   if (!fg_key_document_parse (item->old, &doc, err) ||
       !client->vault->ops->rewrap (client->vault->self, doc.id, doc.material, doc.material_len, doc.update_ms,
                                    &item->master_key, item->material, item->material_len, &changed, err)) {
      return false;
   }
   result->rewrapped += changed ? 1 : 0;
   result->changed_meanwhile += changed ? 0 : 1;
   return true;
}

bool
fg_client_rewrap_many_data_key (fg_client *client, const bson_t *filter, const fg_rewrap_options *options,
                                fg_rewrap_result *result, fg_error *err)
{
   plan p = {0};

   memset (result, 0, sizeof *result);
   if (!fg_options_size (options->size, sizeof *options, "fg_rewrap_options", err)) {
      return false;
   }
   if (options->master_key && !options->provider) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "a master key needs its provider's name");
   }
   bool ok = fg_epochs_load (client->vault, &p.epochs, err) && fg_client_visit_keys (client, filter, collect, &p, err);
   if (ok && p.out_of_memory) {
      ok = fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   result->matched = p.n;
   for (size_t i = 0; ok && i < p.n; i++) {
      ok = plan_one (client, &p.epochs, options, &p.items[i], err);
   }
   if (ok && p.n && options->provider) {
      ok = fg_epoch_must_be_open (client->vault, options->provider, options->master_key, err);
   }
   for (size_t i = 0; ok && i < p.n; i++) {
      ok = replace_one (client, &p.items[i], result, err);
   }
   plan_clear (&p);
   return ok;
}
