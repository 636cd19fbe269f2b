/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KEY_VAULT_H
#define FG_CLIENT_KEY_VAULT_H

/* What an fg_key_vault is inside. */

#include <fieldguard/client.h>

struct fg_key_vault {
   const fg_key_vault_ops *ops;
   void *self;
};

#endif /* FG_CLIENT_KEY_VAULT_H */
