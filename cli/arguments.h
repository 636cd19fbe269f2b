/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_ARGUMENTS_H
#define FG_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

/* One option of a verb: --name TEXT where `text` is given, else --name, which sets `flag`. Borrowed: text points into argv. */
typedef struct fg_argument {
   const char *name;
   const char **text;
   bool *flag;
} fg_argument;

#define FG_ARGUMENTS_MAX 15u

/* Reads the options in the table (up to FG_ARGUMENTS_MAX, and --help, which prints help) from argv[1] on; optind is then that of the first operand. -1: go on; else the exit
 * status. */
int fg_arguments_read (const char *verb, const char *help, const fg_argument *arguments, size_t n, int argc,
                       char **argv);

#endif /* FG_CLI_ARGUMENTS_H */
