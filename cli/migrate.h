/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_MIGRATE_H
#define FG_CLI_MIGRATE_H

/* What `keys migrate` was asked for, and how it tells what it did. */

#include "cli/keys.h"
#include "cli/progress.h"

#include <fieldguard/migrate.h>

typedef struct fg_cli_migration {
   fg_cli_client c;
   fg_migrate_options options;
   fg_migrate_report report;
   bool rewrap; /* `keys rewrap --journal`: whatever provider a key has, and by default to the same one */
   bson_t *filter;
   bson_t *master_key;
   char *journal; /* the default name, when there was none */
   fg_progress progress;
} fg_cli_migration;

/* As fg_migrate_options has them; ctx: the migration. */
void fg_cli_migrate_progress (void *ctx, size_t done, size_t total);
void fg_cli_migrate_failed (void *ctx, const uint8_t id[FG_KEY_ID_LEN], const char *what, const char *why);

fg_progress fg_cli_migrate_progress_start (void);
/* went_through: the run did not end early. */
void fg_cli_migrate_print (const fg_cli_migration *m, bool went_through);

#endif /* FG_CLI_MIGRATE_H */
