/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_EPOCH_H
#define FG_CLIENT_EPOCH_H

/*
 * Epochs. An epoch is a master key that belongs to one key vault alone; closing it means that nothing new is wrapped under it, destroying it means that no backup of the vault opens
 * what was wrapped under it.
 *
 * Which epochs are closed stands in the vault itself, in the *marker*: an ordinary key document, of a data key that encrypts nothing, whose alt names say it:
 *
 *    fieldguard.epochs                          the marker
 *    fieldguard.epoch.closed:<32 hex digits>    no new wrapping under this master key
 *    fieldguard.epoch.destroyed:<32 hex digits> the KMS has been told to destroy it
 *
 * The digits are the first 16 bytes of the SHA-256 of the master key's name (below). Being a key document like any other, the marker is found, listed, rewrapped and backed up by every
 * driver without surprise, and alt names are unique, so that two clients that close epochs at once end with one marker. Drivers do not honour it; this library does: it creates no key and
 * rewraps none under a closed epoch.
 *
 * What names a master key, independent of who wrote the key document: aws: its ARN, or region and key; azure: vault host and key name; gcp: project, location, key ring and key;
 * kmip: provider name and keyId; vault: provider name, mount and key; local: the provider's name. Versions are no part of it: an epoch is a whole key.
 */

#include <bson/bson.h>
#include <fieldguard/client.h>

#define FG_EPOCH_MARKER "fieldguard.epochs"
#define FG_EPOCH_CLOSED_PREFIX "fieldguard.epoch.closed:"
#define FG_EPOCH_DESTROYED_PREFIX "fieldguard.epoch.destroyed:"

/* 32 digits and a NUL. */
#define FG_EPOCH_ID_LEN 33u

/* provider: its full name; master_key: a stored masterKey, or what an application gives (NULL: nothing). "" when there is no name yet: KMIP before it has made the key. */
bool fg_epoch_id (const char *provider, const bson_t *master_key, char id[FG_EPOCH_ID_LEN],
                  fg_error *err) FG_WARN_UNUSED;
/* As above, of a stored masterKey, which has `provider`. */
bool fg_epoch_id_of_stored (const bson_t *master_key, char id[FG_EPOCH_ID_LEN], fg_error *err) FG_WARN_UNUSED;

typedef enum fg_epoch_state { FG_EPOCH_OPEN, FG_EPOCH_CLOSED, FG_EPOCH_DESTROYED } fg_epoch_state;

/* What a vault's marker says. Zero-initialise. */
typedef struct fg_epochs {
   bool found;
   uint8_t marker[FG_KEY_ID_LEN];
   bson_t *names; /* every marker's alt names */
} fg_epochs;

bool fg_epochs_load (fg_key_vault *vault, fg_epochs *epochs, fg_error *err) FG_WARN_UNUSED;
void fg_epochs_clear (fg_epochs *epochs);
fg_epoch_state fg_epochs_state (const fg_epochs *epochs, const char *id);

/* False with FG_E_DENIED when the vault's marker says that this master key's epoch is closed. */
bool fg_epoch_must_be_open (fg_key_vault *vault, const char *provider, const bson_t *master_key,
                            fg_error *err) FG_WARN_UNUSED;

/* Whether a key document is a marker. */
bool fg_epoch_is_marker (const bson_t *key_document);

/* Writes into the marker that the epoch is closed or destroyed. Without a marker one is made: a data key under provider and master_key, which must be open. Done twice it is done once. */
bool fg_epoch_mark (fg_client *client, const char id[FG_EPOCH_ID_LEN], fg_epoch_state state, const char *provider,
                    const bson_t *master_key, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_EPOCH_H */
