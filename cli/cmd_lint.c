/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "cli/arguments.h"
#include "cli/lint.h"
#include "cli/options_file.h"

#include <fieldguard/match.h>
#include <fieldguard/policy.h>

#include <getopt.h>
#include <stdio.h>

static const char help[] =
   "usage: fieldguard lint --options FILE [--json]\n"
   "\n"
   "Reads a collection's options as mongod would, and advises on encryption rules that enforce nothing or less than "
   "they "
   "seem to.\n"
   "\n"
   "  --options FILE   what `create` takes or listCollections returns under `options`, in Extended JSON; - is standard "
   "input\n"
   "  --json           one JSON object: {\"parse\": {\"ok\", ...}, \"advice\": [{\"id\", \"severity\", \"path\", "
   "\"reason\", \"remedy\"}]}\n"
   "\n"
   "Exit status: 0 nothing, or only what is informational; 1 advice; 2 it does not parse, or cannot be read.\n";

typedef struct job {
   const char *path;
   bool json;
   fg_lint lint;
   fg_error parse; /* domain FG_ERROR_NONE: it parses */
} job;

/* -1: go on; else the exit status. */
static int
parse_arguments (job *j, int argc, char **argv)
{
   const fg_argument arguments[] = {{"options", &j->path, NULL}, {"json", NULL, &j->json}};
   int status = fg_arguments_read ("lint", help, arguments, sizeof arguments / sizeof *arguments, argc, argv);

   if (status >= 0) {
      return status;
   }
   return j->path && optind == argc ? -1 : fg_cli_usage ("lint", "lint: --options is needed, and nothing beside it");
}

static bool
compiles (const fg_buf *options, uint32_t flags, fg_error *err)
{
   fg_validator *validator = fg_validator_compile (options->data, options->len, flags, err);
   fg_validator_free (validator);
   return validator != NULL;
}

/* Whether the module would take what a server takes. */
static void
try_policy (job *j, const fg_buf *options)
{
   fg_policy_options policy_options = FG_POLICY_OPTIONS_INIT;
   const uint8_t *document = options->data;
   fg_error err = {0};

   fg_policy *policy = fg_policy_compile (&document, &options->len, 1, &policy_options, &err);
   if (!policy) {
      fg_lint_advise_at (&j->lint, err.path, FG_ADVICE_POLICY_REFUSES, "fieldguard's module refuses these rules: %s",
                         err.message);
   }
   fg_policy_free (policy);
}

static void
lint_options (job *j, const fg_buf *options)
{
   bson_t document;

   if (!fg_options_file_check (options, &j->parse)) {
      return;
   }
   if (!compiles (options, 0, &j->parse)) {
      if (compiles (options, FG_MATCHER_IGNORE_UNKNOWN_KEYWORDS, NULL)) {
         fg_lint_advise_at (&j->lint, j->parse.path, FG_ADVICE_LAX_KEYWORD, NULL);
      }
      return;
   }
   fg_error_clear (&j->parse);
   if (bson_init_static (&document, options->data, options->len)) {
      fg_lint_options (&j->lint, &document);
   }
   try_policy (j, options);
}

/* --- output ------------------------------------------------------------------------------------------------------------ */

/* What is no server's error is one to a client that sends it: it does not parse. */
static int
server_code (const fg_error *err)
{
   return err->domain == FG_ERROR_SERVER ? err->code : 9;
}

static void
print_json (const job *j)
{
   fg_buf out = {0};
   char buf[24];

   if (j->parse.domain == FG_ERROR_NONE) {
      fg_buf_append_str (&out, "{\"parse\":{\"ok\":true},\"advice\":[");
   } else {
      int code = server_code (&j->parse);
      const char *name = fg_server_code_name (code, buf, sizeof buf);
      fg_buf_printf (&out, "{\"parse\":{\"ok\":false,\"code\":%d,\"codeName\":\"%s\",\"errmsg\":", code, name);
      fg_buf_append_json_string (&out, j->parse.message, strlen (j->parse.message));
      fg_buf_append_str (&out, ",\"path\":");
      fg_buf_append_json_string (&out, j->parse.path, strlen (j->parse.path));
      fg_buf_append_str (&out, "},\"advice\":[");
   }
   fg_buf_append (&out, j->lint.json.data, j->lint.json.len);
   fg_buf_append_str (&out, "]}\n");
   fwrite (out.data, 1, out.len, stdout);
   fg_buf_free (&out);
}

static void
print_text (const job *j)
{
   char buf[24];

   if (j->parse.domain == FG_ERROR_NONE) {
      printf ("parses\n");
   } else {
      int code = server_code (&j->parse);
      printf ("does not parse%s%s: %s (%d): %s\n", j->parse.path[0] ? " at " : "", j->parse.path,
              fg_server_code_name (code, buf, sizeof buf), code, j->parse.message);
   }
   if (j->lint.text.len > 0) {
      fwrite (j->lint.text.data, 1, j->lint.text.len, stdout);
   }
}

int
fg_cmd_lint (int argc, char **argv)
{
   job j = {0};
   fg_buf options = {0};
   fg_error err = {0};
   int status = parse_arguments (&j, argc, argv);

   if (status >= 0) {
      return status;
   }
   if (fg_options_file_read (j.path, &options, &err)) {
      lint_options (&j, &options);
   } else if (err.domain == FG_ERROR_BSON && j.json) {
      j.parse = err; /* there is an answer: it does not parse */
   } else {
      fg_buf_free (&options);
      return fg_cli_fail (&err);
   }
   if (j.lint.json.failed || j.lint.text.failed) {
      fg_error_set (&err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      status = fg_cli_fail (&err);
   } else {
      (j.json ? print_json : print_text) (&j);
      status = j.parse.domain != FG_ERROR_NONE ? FG_EXIT_CANNOT : j.lint.warnings ? FG_EXIT_FINDING : FG_EXIT_OK;
   }
   fg_lint_free (&j.lint);
   fg_buf_free (&options);
   return status;
}
