/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KEY_VAULT_H
#define FG_CLIENT_KEY_VAULT_H

/* What an fg_key_vault is inside. */

#include <fieldguard/client.h>

struct fg_key_vault {
   const fg_key_vault_ops *ops;
   void *self;
};

/* One by one where the store has nothing better. False: `changed` says as far as is known which documents were changed all the same. */
bool fg_key_vault_rewrap_many (fg_key_vault *vault, fg_rewrap_item *items, size_t n, fg_error *err) FG_WARN_UNUSED;
/* "file /srv/keys.json", "mongodb host:27017/db.coll", ...; free it. NULL: out of memory. */
char *fg_key_vault_identity (const fg_key_vault *vault);

#endif /* FG_CLIENT_KEY_VAULT_H */
