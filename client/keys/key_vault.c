/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_vault.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Where the functions that were added later begin. */
#define FIRST_SIZE offsetof (fg_key_vault_ops, rewrap_many)

static bool
has (const fg_key_vault *vault, size_t offset)
{
   return vault->ops->size >= offset + sizeof (void (*) (void));
}

fg_key_vault *
fg_key_vault_new (const fg_key_vault_ops *ops, void *self, fg_error *err)
{
   if (!ops || ops->size < FIRST_SIZE) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "fg_key_vault_ops: size is %zu, at least %zu is needed",
                    ops ? ops->size : (size_t)0, FIRST_SIZE);
      return NULL;
   }
   fg_key_vault *vault = calloc (1, sizeof *vault);
   if (!vault) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   vault->ops = ops;
   vault->self = self;
   return vault;
}

void
fg_key_vault_free (fg_key_vault *vault)
{
   if (vault) {
      vault->ops->free (vault->self);
      free (vault);
   }
}

bool
fg_key_vault_rewrap_many (fg_key_vault *vault, fg_rewrap_item *items, size_t n, fg_error *err)
{
   bool ok = true;

   for (size_t i = 0; i < n; i++) {
      items[i].changed = false;
   }
   if (has (vault, offsetof (fg_key_vault_ops, rewrap_many)) && vault->ops->rewrap_many) {
      return vault->ops->rewrap_many (vault->self, items, n, err);
   }
   for (size_t i = 0; ok && i < n; i++) {
      fg_rewrap_item *x = &items[i];
      ok = vault->ops->rewrap (vault->self, x->id, x->old_material, x->old_len, x->old_update_ms, x->master_key,
                               x->material, x->len, &x->changed, err);
   }
   return ok;
}

char *
fg_key_vault_identity (const fg_key_vault *vault)
{
   bool own = has (vault, offsetof (fg_key_vault_ops, identity)) && vault->ops->identity;

   return own ? vault->ops->identity (vault->self) : strdup (vault->ops->name);
}
