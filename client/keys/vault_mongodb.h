/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_VAULT_MONGODB_H
#define FG_CLIENT_VAULT_MONGODB_H

/* What `keys doctor` asks the server that holds a vault. */

#include <bson/bson.h>
#include <fieldguard/client.h>

/* Whether the vault is a MongoDB collection; its names, borrowed. */
bool fg_key_vault_is_mongodb (const fg_key_vault *vault, const char **db, const char **collection);
/* Runs a command that reads; db NULL: the vault's. reply: the caller's (bson_destroy), on success. The vault is a MongoDB collection. */
bool fg_key_vault_mongodb_command (fg_key_vault *vault, const char *db, const bson_t *command, bson_t *reply,
                                   fg_error *err) FG_WARN_UNUSED;

/* For a program whose stdout is its answer: libmongoc writes its warnings there unless told otherwise. Its errors go to stderr. */
void fg_mongodb_log_to_stderr (void);

#endif /* FG_CLIENT_VAULT_MONGODB_H */
