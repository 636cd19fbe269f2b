/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_vault.h"

#include <stdlib.h>

fg_key_vault *
fg_key_vault_new (const fg_key_vault_ops *ops, void *self, fg_error *err)
{
   if (!ops || ops->size < sizeof *ops) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "fg_key_vault_ops: size is %zu, at least %zu is needed",
                    ops ? ops->size : (size_t)0, sizeof *ops);
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
