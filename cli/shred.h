/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_SHRED_H
#define FG_CLI_SHRED_H

/* What the files of `fieldguard keys shred` share. */

#include "cli/client_options.h"
#include "client/keys/shred.h"

#define FG_SHRED_KEYS_MAX 100000u

typedef struct fg_cli_shred {
   fg_cli_client client;
   const char **alt_names;
   size_t n_alt_names;
   const char **ids;
   size_t n_ids;
   const char **others; /* --other-vault */
   fg_key_vault **other_vaults;
   size_t n_others;
   const char *to;
   const char *dir;
   const char *certificate_key;
   const char *backup;
   int64_t grace_ms;
   int64_t retention_ms; /* -1: not stated */
   int64_t destroy_days;
   bool plan;
   bool finish;
   bool hold;
   bool shown; /* --help has been printed */

   fg_shred shred;
   fg_rolls rolls;
   int lock;
} fg_cli_shred;

/* shred_options.c: -1 to go on, else the exit status. */
int fg_cli_shred_parse (fg_cli_shred *s, int argc, char **argv);
void fg_cli_shred_clear (fg_cli_shred *s);

/* shred_report.c */
void fg_cli_shred_say (void *ctx, const char *text);
bool fg_cli_shred_print_plan (const fg_cli_shred *s, const fg_roll *roll, fg_error *err) FG_WARN_UNUSED;
void fg_cli_shred_print_roll (const fg_cli_shred *s, const fg_roll *roll);

#endif /* FG_CLI_SHRED_H */
