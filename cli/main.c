/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const fg_verb verbs[] = {
   {"audit", "verify audit files", fg_cmd_audit},
   {"check", "say which documents a validator refuses", fg_cmd_check},
   {"decrypt", "decrypt documents", fg_cmd_decrypt},
   {"encrypt", "encrypt values", fg_cmd_encrypt},
   {"keys", "make, list, change and rewrap data keys", fg_cmd_keys},
   {"lint", "read a validator as mongod would, and advise", fg_cmd_lint},
};

int
fg_cli_fail (const fg_error *err)
{
   fprintf (stderr, "fieldguard: %s\n", err->message);
   return FG_EXIT_CANNOT;
}

int
fg_cli_usage (const char *verb, const char *format, ...)
{
   va_list args;

   fprintf (stderr, "fieldguard: ");
   va_start (args, format);
   vfprintf (stderr, format, args);
   va_end (args);
   fprintf (stderr, "\nTry: fieldguard %s%s--help\n", verb, verb[0] ? " " : "");
   return FG_EXIT_CANNOT;
}

static int
print_help (void)
{
   printf ("usage: fieldguard VERB [ARGUMENT...]\n"
           "       fieldguard --help | --version\n"
           "\n"
           "Verbs (fieldguard VERB --help says more):\n");
   for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
      printf ("  %-10s %s\n", verbs[i].name, verbs[i].summary);
   }
   printf ("\nExit status: 0 in order, 1 something was found, 2 no answer (usage, unreadable input).\n");
   return FG_EXIT_OK;
}

static int
run (int argc, char **argv)
{
   if (argc < 2) {
      return fg_cli_usage ("", "a verb is needed");
   }
   if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0) {
      return print_help ();
   }
   if (strcmp (argv[1], "--version") == 0) {
      printf ("fieldguard %s\n", FG_VERSION);
      return FG_EXIT_OK;
   }
   for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
      if (strcmp (argv[1], verbs[i].name) == 0) {
         return verbs[i].run (argc - 1, argv + 1);
      }
   }
   return fg_cli_usage ("", "no such verb: %s", argv[1]);
}

/* An answer that could not be written is no answer. */
int
main (int argc, char **argv)
{
   fg_error err = {0};

   if (!fg_process_harden (&err)) {
      return fg_cli_fail (&err);
   }
   int status = run (argc, argv);
   if (fflush (stdout) != 0 || ferror (stdout)) {
      fprintf (stderr, "fieldguard: cannot write to stdout\n");
      return FG_EXIT_CANNOT;
   }
   return status;
}
