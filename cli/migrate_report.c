/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/migrate.h"

#include <stdio.h>
#include <unistd.h>

fg_progress
fg_cli_migrate_progress_start (void)
{
   return (fg_progress){.shown = isatty (STDERR_FILENO)};
}

void
fg_cli_migrate_progress (void *ctx, size_t done, size_t total)
{
   fg_cli_migration *m = ctx;

   m->progress.total = total;
   if (m->progress.shown) {
      fg_progress_draw (&m->progress, done);
   }
}

/* Nothing of a message may end a JSON string or move a cursor. */
static void
print_json_text (const char *text)
{
   fg_buf buf = {0};

   fg_buf_append_json_string (&buf, text, strlen (text));
   fg_buf_append (&buf, "", 1);
   fputs (buf.failed ? "\"\"" : (const char *)buf.data, stdout);
   fg_buf_free (&buf);
}

void
fg_cli_migrate_failed (void *ctx, const uint8_t id[FG_KEY_ID_LEN], const char *what, const char *why)
{
   const fg_cli_migration *m = ctx;
   char text[37];

   fg_cli_uuid_text (id, text);
   if (!m->c.json) {
      fprintf (stderr, "%sfieldguard: key %s: %s: %s\n", m->progress.shown ? "\r\033[K" : "", text, what, why);
      return;
   }
   printf ("{\"keyId\":\"%s\",\"problem\":\"%s\",\"why\":", text, what);
   print_json_text (why);
   printf ("}\n");
}

static void
print_json (const fg_cli_migration *m, bool went_through)
{
   const fg_migrate_report *r = &m->report;

   printf ("{\"complete\":%s,\"%s\":%zu,\"found\":%zu,\"movedBefore\":%zu,\"madeMeanwhile\":%zu,"
           "\"changedMeanwhile\":%zu,\"failed\":%zu,\"left\":%zu,\"backedUp\":%zu,\"passes\":%u,\"throttled\":%u",
           went_through && !r->left ? "true" : "false",
           m->options.dry_run    ? "wouldMove"
           : m->options.rollback ? "movedBack"
                                 : "moved",
           r->moved, r->found, r->moved_before, r->made_meanwhile, r->changed_meanwhile, r->failed, r->left,
           r->backed_up, r->passes, r->throttled);
   if (!m->options.dry_run) {
      printf (",\"journal\":");
      print_json_text (m->options.journal);
   }
   printf ("}\n");
}

static void
line (const char *what, size_t n)
{
   if (n) {
      printf ("   %-34s %8zu\n", what, n);
   }
}

static void
print_files (const fg_cli_migration *m)
{
   const fg_migrate_options *o = &m->options;

   if (o->dry_run) {
      printf ("Nothing was stored: --dry-run.\n");
      return;
   }
   printf ("journal  %s\n", o->journal);
   if (!o->rollback) {
      printf ("backup   %s%s (%zu keys)\n", o->backup ? o->backup : o->journal, o->backup ? "" : ".backup",
              m->report.backed_up);
   }
}

static void
print_table (const fg_cli_migration *m, bool went_through)
{
   const fg_migrate_options *o = &m->options;
   const fg_migrate_report *r = &m->report;

   if (r->torn) {
      printf ("The journal ended in half a line (%zu bytes), which was cut off.\n", r->torn);
   }
   printf ("%s %zu of %zu keys%s%s%s%s%s\n",
           o->dry_run    ? "would move"
           : o->rollback ? "moved back"
                         : "moved",
           r->moved, r->moved + r->left, o->from ? " from " : "",
           o->rollback && o->to ? o->to : (o->from ? o->from : ""), o->to ? " to " : "",
           o->to ? (o->rollback && o->from ? o->from : o->to) : "", went_through ? "" : ", and ended early");
   line ("moved by earlier runs", r->moved_before);
   line (o->rollback ? "made under the new key, left there" : "made by others meanwhile, moved too", r->made_meanwhile);
   line ("changed by others meanwhile", r->changed_meanwhile);
   line ("could not be moved", r->failed);
   line ("left", r->left);
   line ("throttled by the KMS, times", r->throttled);
   print_files (m);
}

void
fg_cli_migrate_print (const fg_cli_migration *m, bool went_through)
{
   if (m->c.json) {
      print_json (m, went_through);
   } else {
      print_table (m, went_through);
   }
}
