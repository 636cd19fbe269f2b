/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_H
#define FG_CLI_H

/*
 * The `fieldguard` command. A verb is one file, cli/cmd_<verb>.c, with its options, its help and one entry; main.c's table lists them.
 * Results go to stdout, complaints to stderr.
 */

#include "base/base.h"

#define FG_EXIT_OK 0
#define FG_EXIT_FINDING 1 /* the answer is "no": a violation, a broken chain */
#define FG_EXIT_CANNOT 2 /* no answer: usage, unreadable input */

typedef struct fg_verb {
   const char *name;
   const char *summary; /* one line */
   int (*run) (int argc, char **argv); /* argv[0] is the verb */
} fg_verb;

int fg_cmd_audit (int argc, char **argv);
int fg_cmd_check (int argc, char **argv);
int fg_cmd_decrypt (int argc, char **argv);
int fg_cmd_encrypt (int argc, char **argv);
int fg_cmd_keys (int argc, char **argv);
int fg_cmd_lint (int argc, char **argv);

/* "fieldguard: " and err's message on stderr; returns FG_EXIT_CANNOT. */
int fg_cli_fail (const fg_error *err);
/* As above with a text of one's own, and where to find help. */
int fg_cli_usage (const char *verb, const char *format, ...) FG_PRINTF (2, 3);

#endif /* FG_CLI_H */
