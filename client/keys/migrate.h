/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_MIGRATE_H
#define FG_CLIENT_MIGRATE_H

/* What moving keys and moving them back share: a pass is one look at the vault and one run of the engine over what was found. */

#include "client/keys/migrate_log.h"

typedef struct fg_migration {
   fg_client *client;
   const fg_migrate_options *options;
   fg_migrate_report *report;
   fg_pace *pace;
   fg_migrate_log log;
   fg_key_list documents; /* of this pass */
   fg_rewrap_key *keys; /* those of them that are to be moved */
   fg_given_wrapping *given; /* a rollback's, one a key */
   bson_t *given_master_keys; /* what given points to */
   size_t n;
   fg_key_list failed; /* documents that are not tried again */
   fg_key_list saved; /* a rollback: the backup */
   fg_key_list first; /* what the first pass found, to tell what was made meanwhile */
} fg_migration;

/* Finds what is to be done among m->documents: fills m->keys (room for all of them) and m->n. */
typedef bool (*fg_migrate_choose) (fg_migration *m, fg_error *err);

/* Passes until one finds nothing. */
bool fg_migrate_passes (fg_migration *m, fg_migrate_choose choose, const bson_t *filter, const char *done_state,
                        fg_error *err) FG_WARN_UNUSED;
bool fg_migrate_has_failed (const fg_migration *m, const bson_t *document);

bool fg_migrate_forward (fg_migration *m, const bson_t *head, const char *backup, fg_error *err) FG_WARN_UNUSED;
bool fg_migrate_back (fg_migration *m, const bson_t *head, const char *backup, fg_error *err) FG_WARN_UNUSED;
bool fg_migrate_dry (fg_migration *m, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_MIGRATE_H */
