/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fieldguard/audit.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

static const char help[] = "usage: fieldguard audit verify FILE... [--key FILE] [--open]\n"
                           "\n"
                           "Verifies audit files, given oldest first, and names the first line that was changed, "
                           "removed or reordered, a missing tail,\n"
                           "a torn last line, a missing file.\n"
                           "\n"
                           "  --key FILE   the file that fieldguard.auditKeyFile named when the chain began\n"
                           "  --open       the last file is still being written: it needs no closing record\n"
                           "\n"
                           "Exit status: 0 all lines verified, 1 something was found, 2 cannot verify.\n";

enum { OPT_KEY = 256, OPT_OPEN, OPT_HELP };

static int
print_report (const fg_audit_report *report, char **files, size_t n_files)
{
   if (report->finding != FG_AUDIT_OK) {
      printf ("%s:%" PRIu64 ": %s\n", files[report->file], report->line, report->message);
      return FG_EXIT_FINDING;
   }
   printf ("verified %" PRIu64 " record%s in %zu file%s, %s\n", report->records, report->records == 1 ? "" : "s",
           n_files, n_files == 1 ? "" : "s",
           report->keyed ? "under the key" : "by plain SHA-256: this shows accidents, not an attacker's changes");
   return FG_EXIT_OK;
}

static int
verify (int argc, char **argv)
{
   static const struct option options[] = {{"key", required_argument, NULL, OPT_KEY},
                                           {"open", no_argument, NULL, OPT_OPEN},
                                           {"help", no_argument, NULL, OPT_HELP},
                                           {NULL, 0, NULL, 0}};
   fg_audit_report report = {.size = sizeof report};
   fg_error err = {0};
   const char *key = NULL;
   bool still_open = false;
   int option;

   opterr = 0;
   while ((option = getopt_long (argc, argv, "", options, NULL)) != -1) {
      switch (option) {
      case OPT_KEY:
         key = optarg;
         break;
      case OPT_OPEN:
         still_open = true;
         break;
      case OPT_HELP:
         fputs (help, stdout);
         return FG_EXIT_OK;
      default:
         return fg_cli_usage ("audit", "audit verify: unknown option or missing argument: %s", argv[optind - 1]);
      }
   }
   if (optind == argc) {
      return fg_cli_usage ("audit", "audit verify: a file is needed");
   }
   size_t n_files = (size_t)(argc - optind);
   if (!fg_audit_verify ((const char *const *)(argv + optind), n_files, key, still_open, &report, &err)) {
      return fg_cli_fail (&err);
   }
   return print_report (&report, argv + optind, n_files);
}

int
fg_cmd_audit (int argc, char **argv)
{
   if (argc > 1 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)) {
      fputs (help, stdout);
      return FG_EXIT_OK;
   }
   if (argc > 1 && strcmp (argv[1], "verify") == 0) {
      return verify (argc - 1, argv + 1);
   }
   return fg_cli_usage ("audit", "audit: %s", argc > 1 ? "no such verb" : "a verb is needed: verify");
}
