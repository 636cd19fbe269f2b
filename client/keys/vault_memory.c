/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/keyset.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct memory_vault {
   pthread_mutex_t mutex;
   fg_keyset set;
} memory_vault;

static bool
memory_find (void *self, const uint8_t *ids, size_t n_ids, const char *const *names, size_t n_names, fg_key_visit visit,
             void *ctx, fg_error *err)
{
   memory_vault *v = self;

   pthread_mutex_lock (&v->mutex);
   bool ok = fg_keyset_find (&v->set, ids, n_ids, names, n_names, visit, ctx, err);
   pthread_mutex_unlock (&v->mutex);
   return ok;
}

static bool
memory_find_matching (void *self, const bson_t *filter, fg_key_visit visit, void *ctx, fg_error *err)
{
   memory_vault *v = self;

   pthread_mutex_lock (&v->mutex);
   bool ok = fg_keyset_find_matching (&v->set, filter, visit, ctx, err);
   pthread_mutex_unlock (&v->mutex);
   return ok;
}

static bool
memory_insert (void *self, const bson_t *key_document, fg_error *err)
{
   memory_vault *v = self;

   pthread_mutex_lock (&v->mutex);
   bool ok = fg_keyset_insert (&v->set, key_document, err);
   pthread_mutex_unlock (&v->mutex);
   return ok;
}

static bool
memory_rewrap (void *self, const uint8_t id[FG_KEY_ID_LEN], const uint8_t *old_material, size_t old_len,
               int64_t old_update_ms, const bson_t *master_key, const uint8_t *material, size_t len, bool *changed,
               fg_error *err)
{
   memory_vault *v = self;

   pthread_mutex_lock (&v->mutex);
   bool ok =
      fg_keyset_rewrap (&v->set, id, old_material, old_len, old_update_ms, master_key, material, len, changed, err);
   pthread_mutex_unlock (&v->mutex);
   return ok;
}

static bool
memory_rewrap_many (void *self, fg_rewrap_item *items, size_t n, fg_error *err)
{
   memory_vault *v = self;

   pthread_mutex_lock (&v->mutex);
   bool ok = fg_keyset_rewrap_many (&v->set, items, n, err);
   pthread_mutex_unlock (&v->mutex);
   return ok;
}

static bool
memory_remove (void *self, const uint8_t id[FG_KEY_ID_LEN], bool *removed, fg_error *err)
{
   memory_vault *v = self;

   (void)err;
   pthread_mutex_lock (&v->mutex);
   *removed = fg_keyset_remove (&v->set, id);
   pthread_mutex_unlock (&v->mutex);
   return true;
}

static bool
memory_add_alt_name (void *self, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous, fg_error *err)
{
   memory_vault *v = self;

   pthread_mutex_lock (&v->mutex);
   bool ok = fg_keyset_add_alt_name (&v->set, id, name, previous, err);
   pthread_mutex_unlock (&v->mutex);
   return ok;
}

static bool
memory_remove_alt_name (void *self, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous, fg_error *err)
{
   memory_vault *v = self;

   pthread_mutex_lock (&v->mutex);
   bool ok = fg_keyset_remove_alt_name (&v->set, id, name, previous, err);
   pthread_mutex_unlock (&v->mutex);
   return ok;
}

/* Names are unique as it is. */
static bool
memory_create_index (void *self, fg_error *err)
{
   (void)self;
   (void)err;
   return true;
}

static void
memory_free (void *self)
{
   memory_vault *v = self;

   fg_keyset_clear (&v->set);
   pthread_mutex_destroy (&v->mutex);
   free (v);
}

static const fg_key_vault_ops memory_ops = {
   .size = sizeof (fg_key_vault_ops),
   .name = "memory",
   .find = memory_find,
   .find_matching = memory_find_matching,
   .insert = memory_insert,
   .rewrap = memory_rewrap,
   .remove = memory_remove,
   .add_alt_name = memory_add_alt_name,
   .remove_alt_name = memory_remove_alt_name,
   .create_index = memory_create_index,
   .free = memory_free,
   .rewrap_many = memory_rewrap_many,
};

fg_key_vault *
fg_key_vault_memory_new (fg_error *err)
{
   memory_vault *v = calloc (1, sizeof *v);

   if (!v || pthread_mutex_init (&v->mutex, NULL) != 0) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      free (v);
      return NULL;
   }
   fg_key_vault *vault = fg_key_vault_new (&memory_ops, v, err);
   if (!vault) {
      memory_free (v);
   }
   return vault;
}
