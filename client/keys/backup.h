/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_BACKUP_H
#define FG_CLIENT_BACKUP_H

/*
 * A backup of a whole key vault, of any kind, in a file: canonical Extended JSON, one document a line, or, when the name ends in .bson, BSON documents end to end as mongodump
 * writes them. Either can be opened as a key vault (fg_key_vault_file_new), or be loaded by mongoimport or mongorestore.
 *
 * It is written under PATH.partial with mode 0600, synced, read back from there and compared byte for byte with the documents that the vault showed; only then does it get its
 * name. A file that has this name already is never replaced. A backup holds wrapped keys: whoever has it and the master key can open them, so it counts among the backups of the
 * vault that a shredding cannot reach.
 *
 * The two halves are apart for callers that must put the digest on record before the file has its name: prepare, record, publish.
 */

#include "client/crypto/sha256.h"
#include "client/keys/key_list.h"

typedef struct fg_key_backup_info {
   size_t documents;
   uint64_t bytes;
   uint8_t sha256[FG_SHA256_LEN]; /* of the file */
} fg_key_backup_info;

/* Both halves in one. FG_E_EXISTS: there is such a file. info may be NULL; documents, too, else it receives what was backed up (empty before). */
bool fg_key_backup_write (fg_key_vault *vault, const char *path, fg_key_backup_info *info, fg_key_list *documents,
                          fg_error *err) FG_WARN_UNUSED;

/* Writes PATH.partial anew from the vault and verifies it. */
bool fg_key_backup_prepare (fg_key_vault *vault, const char *path, fg_key_backup_info *info, fg_key_list *documents,
                            fg_error *err) FG_WARN_UNUSED;
/* Gives PATH.partial its name. */
bool fg_key_backup_publish (const char *path, fg_error *err) FG_WARN_UNUSED;

/* Reads a backup. info may be NULL. documents: empty before. */
bool fg_key_backup_read (const char *path, fg_key_backup_info *info, fg_key_list *documents,
                         fg_error *err) FG_WARN_UNUSED;
/* Reads a backup, which must be the one that info describes. */
bool fg_key_backup_check (const char *path, const fg_key_backup_info *info, fg_key_list *documents,
                          fg_error *err) FG_WARN_UNUSED;
/* path-with-.partial has the digest that info says. */
bool fg_key_backup_is_prepared (const char *path, const fg_key_backup_info *info);

#endif /* FG_CLIENT_BACKUP_H */
