/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_MASTER_KEY_H
#define FG_CLIENT_MASTER_KEY_H

#include "client/kms/kms.h"

/* Which of the provider's fields masterKey has, each of the right kind, and no other. stored: it comes from a key document, which has `provider` and what the provider fills in. */
bool fg_master_key_check (const fg_kms_provider *provider, const bson_t *master_key, bool stored,
                          fg_error *err) FG_WARN_UNUSED;
/* Appends what is stored: provider, then the fields in their order; filled is the value of the field that wrap fills in. */
bool fg_master_key_append (const fg_kms_provider *provider, const bson_t *master_key, const char *filled,
                           bson_t *stored, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_MASTER_KEY_H */
