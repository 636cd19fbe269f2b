/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "cli/arguments.h"
#include "cli/check_report.h"
#include "cli/documents.h"
#include "cli/options_file.h"
#include "cli/progress.h"

#include <bson/bson.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const char help[] =
   "usage: fieldguard check --options FILE [--strict] [--format json|bson] [--summary] [DOCS|-]\n"
   "\n"
   "Says which documents a collection's validator and encryptedFields refuse, one JSON line each: "
   "{\"index\", \"_id\", \"code\", \"errInfo\"}.\n"
   "DOCS (or standard input) is newline-delimited Extended JSON or BSON as mongodump writes it. validationLevel and "
   "validationAction decide what a\n"
   "server does with such a document, not whether it is one: they are not looked at.\n"
   "\n"
   "  --options FILE       what `create` takes or listCollections returns under `options`, in Extended JSON\n"
   "  --strict             judge by the encryption rules as fieldguard's module does, too\n"
   "  --format json|bson   what DOCS holds; without it, its first bytes tell\n"
   "  --summary            instead of the lines, one JSON object with counts\n"
   "\n"
   "Exit status: 0 no document is refused, 1 some are, 2 the input cannot be read or the validator does not parse.\n";

typedef struct job {
   const char *options_path, *docs_path;
   bool strict, summary;
   fg_documents_format format;
   fg_checker checker;
   fg_check_summary counts;
} job;

static bool
set_format (job *j, const char *name)
{
   j->format = strcmp (name, "json") == 0   ? FG_DOCUMENTS_JSON
               : strcmp (name, "bson") == 0 ? FG_DOCUMENTS_BSON
                                            : FG_DOCUMENTS_DETECT;
   return j->format != FG_DOCUMENTS_DETECT;
}

/* -1: go on; else the exit status. */
static int
parse_arguments (job *j, int argc, char **argv)
{
   const char *format = NULL;
   const fg_argument arguments[] = {{"options", &j->options_path, NULL},
                                    {"strict", NULL, &j->strict},
                                    {"format", &format, NULL},
                                    {"summary", NULL, &j->summary}};
   int status = fg_arguments_read ("check", help, arguments, sizeof arguments / sizeof *arguments, argc, argv);

   if (status >= 0) {
      return status;
   }
   if (format && !set_format (j, format)) {
      return fg_cli_usage ("check", "check: --format is json or bson");
   }
   if (!j->options_path || argc - optind > 1) {
      return fg_cli_usage ("check", "check: --options is needed, and one DOCS at most");
   }
   j->docs_path = optind < argc && strcmp (argv[optind], "-") != 0 ? argv[optind] : NULL;
   if (!j->docs_path && strcmp (j->options_path, "-") == 0) {
      return fg_cli_usage ("check", "check: options and documents cannot both come from standard input");
   }
   return -1;
}

/* --- one document after another -------------------------------------------------------------------------------------- */

/* A document that is no BSON inside is unreadable input; one that a limit leaves undecided is refused, as a server refuses it. */
static bool
check_one (job *j, const fg_document *document, const char *name, fg_error *err)
{
   fg_error inner = {0};
   fg_finding finding;

   j->counts.documents++;
   j->counts.bytes += document->len;
   if (!fg_checker_judge (&j->checker, document, &finding, &inner)) {
      return fg_error_set (err, inner.domain, inner.code, name, "%s: document %" PRIu64 " at offset %" PRIu64 ": %s",
                           name, j->counts.documents - 1, document->offset, inner.message);
   }
   if (!finding.refused) {
      return true;
   }
   fg_check_summary_add (&j->counts, &j->checker, document, &finding);
   return j->summary || fg_check_report_line (&j->checker, j->counts.documents - 1, document, &finding, err);
}

static bool
check_all (job *j, int fd, fg_error *err)
{
   const char *name = j->docs_path ? j->docs_path : "standard input";
   fg_documents *documents = fg_documents_new_file (fd, name, j->format, err);
   fg_progress progress = fg_progress_start (fd);
   fg_documents_result result = FG_DOCUMENTS_ERROR;
   fg_document document;

   if (!documents) {
      return false;
   }
   while ((result = fg_documents_next (documents, &document, err)) == FG_DOCUMENTS_ONE) {
      if (!check_one (j, &document, name, err)) {
         result = FG_DOCUMENTS_ERROR;
         break;
      }
      fg_progress_at (&progress, fg_documents_position (documents));
   }
   fg_progress_end (&progress);
   fg_documents_free (documents);
   return result == FG_DOCUMENTS_END;
}

static bool
check_file (job *j, fg_error *err)
{
   int fd = j->docs_path ? open (j->docs_path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

   if (fd < 0) {
      return fg_error_set_errno (err, errno, j->docs_path, "cannot open %s", j->docs_path);
   }
   bool ok = check_all (j, fd, err);
   if (j->docs_path) {
      close (fd);
   }
   return ok;
}

static bool
run (job *j, fg_error *err)
{
   fg_buf options = {0};
   fg_error inner = {0};
   char code[24];

   bool ok = fg_options_file_read (j->options_path, &options, err);
   if (ok && !fg_checker_open (&j->checker, &options, j->strict, &inner)) {
      ok = inner.domain == FG_ERROR_SERVER
              ? fg_error_set (err, inner.domain, inner.code, inner.path, "%s: does not parse: %s (%d): %s",
                              j->options_path, fg_server_code_name (inner.code, code, sizeof code), inner.code,
                              inner.message)
              : fg_error_set (err, inner.domain, inner.code, inner.path, "%s: %s", j->options_path, inner.message);
   }
   fg_buf_free (&options);
   ok = ok && check_file (j, err);
   if (ok && j->summary) {
      fg_check_summary_print (&j->counts, j->strict);
   }
   fg_checker_close (&j->checker);
   return ok;
}

int
fg_cmd_check (int argc, char **argv)
{
   job j = {0};
   fg_error err = {0};
   int status = parse_arguments (&j, argc, argv);

   if (status >= 0) {
      return status;
   }
   if (!run (&j, &err)) {
      fflush (stdout); /* the findings before the complaint, where both go to one place */
      return fg_cli_fail (&err);
   }
   return j.counts.violations ? FG_EXIT_FINDING : FG_EXIT_OK;
}
