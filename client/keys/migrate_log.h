/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_MIGRATE_LOG_H
#define FG_CLIENT_MIGRATE_LOG_H

/* What the journal of a migration says, kept up to date as it is written. */

#include "client/keys/backup.h"
#include "client/keys/journal.h"
#include "client/keys/rewrap.h"

#include <fieldguard/migrate.h>

/* A wrapping that was made and put on record. */
typedef struct fg_logged {
   uint8_t id[FG_KEY_ID_LEN];
   uint8_t sha256[FG_SHA256_LEN]; /* of the new keyMaterial */
   bson_t *record; /* state "wrapped" */
   bool stored;
   struct fg_logged *next;
} fg_logged;

typedef struct fg_migrate_log {
   fg_journal *journal;
   bson_t *head; /* the record "begun" */
   bool has_backup; /* the record "backup" stands there */
   fg_key_backup_info backup;
   bool rolling_back;
   fg_logged **buckets;
   size_t n_buckets;
   size_t n;
   size_t stored;
} fg_migrate_log;

/* head: what this run is about; a journal that is there must be about the same. Zero-initialised before. *existed: it had been begun. */
bool fg_migrate_log_open (fg_migrate_log *log, const char *path, const bson_t *head, bool *existed,
                          fg_error *err) FG_WARN_UNUSED;
void fg_migrate_log_close (fg_migrate_log *log);

/* An fg_journal_visit; ctx is the log. */
bool fg_migrate_log_read (void *log, const bson_t *record, fg_error *err) FG_WARN_UNUSED;

/* Adds a record; extra (may be NULL): its fields after "state". Synced when it returns. */
bool fg_migrate_log_state (fg_migrate_log *log, const char *state, const bson_t *extra, fg_error *err) FG_WARN_UNUSED;
/* The first two records at once: head and backup. */
bool fg_migrate_log_begin (fg_migrate_log *log, const bson_t *head, const fg_key_backup_info *info,
                           fg_error *err) FG_WARN_UNUSED;
bool fg_migrate_log_backup (fg_migrate_log *log, const fg_key_backup_info *info, fg_error *err) FG_WARN_UNUSED;
/* READY keys, synced. */
bool fg_migrate_log_wrapped (fg_migrate_log *log, fg_rewrap_key *const *keys, size_t n, fg_error *err) FG_WARN_UNUSED;
/* A line a key: what became of it. Not synced: the vault knows better. */
bool fg_migrate_log_outcome (fg_migrate_log *log, const char *state, fg_rewrap_key *const *keys, size_t n,
                             fg_error *err) FG_WARN_UNUSED;

/* The record that made the wrapping that this document has, or NULL. */
fg_logged *fg_migrate_log_find (const fg_migrate_log *log, const fg_key_document *doc);
/* Marks it. */
void fg_migrate_log_note_stored (fg_migrate_log *log, fg_logged *logged);
/* The old wrapping of a record: views into it. */
bool fg_logged_old (const fg_logged *logged, bson_t *master_key, const uint8_t **material, size_t *len);

/* A text of the head. NULL when it has none. */
const char *fg_migrate_log_text (const fg_migrate_log *log, const char *name);

#endif /* FG_CLIENT_MIGRATE_LOG_H */
