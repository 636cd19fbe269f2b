/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where the chain stands between two lines, and between two files. */
typedef struct verifier {
   fg_audit_report *report;
   fg_audit_key key; /* of file number `file` */
   uint64_t file;
   fg_audit_end end; /* of what was verified so far */
   bool any; /* a line was verified */
   fg_buf scratch;
   const char *path;
   FILE *in;
   char *line;
   size_t cap;
} verifier;

static bool finding (verifier *v, fg_audit_finding what, uint64_t line, const char *format, ...) FG_PRINTF (4, 5);

/* Always false: the walk ends at the first finding. */
static bool
finding (verifier *v, fg_audit_finding what, uint64_t line, const char *format, ...)
{
   va_list args;

   v->report->finding = what;
   v->report->line = line;
   va_start (args, format);
   vsnprintf (v->report->message, sizeof v->report->message, format, args);
   va_end (args);
   return false;
}

/* --- reading lines --------------------------------------------------------------------------------------------------- */

typedef enum line_kind { LINE_WHOLE, LINE_TORN, LINE_END } line_kind;

/* The length is without the newline. A line that is too long to be ours is handed out cut; it parses as none. */
static line_kind
next_line (verifier *v, size_t *len)
{
   size_t n = 0;
   int c;

   while ((c = getc_unlocked (v->in)) != EOF && c != '\n') {
      if (n < v->cap) {
         v->line[n] = (char)c;
      }
      n++;
   }
   *len = n;
   if (c == '\n') {
      if (n > v->cap) {
         *len = 0;
      }
      return LINE_WHOLE;
   }
   return n > 0 ? LINE_TORN : LINE_END;
}

/* --- telling what happened to a line that does not fit ------------------------------------------------------------------ */

/* Where the record with this seq stands further down; 0 when nowhere. *next_seq: of the very next line, 0 when it has none. */
static uint64_t
look_for (verifier *v, uint64_t seq, uint64_t line, uint64_t *next_seq)
{
   fg_audit_line parsed;
   size_t len;
   bool first = true;

   *next_seq = 0;
   while (next_line (v, &len) == LINE_WHOLE) {
      line++;
      bool ok = fg_audit_line_parse (v->line, len, &parsed);
      if (first && ok) {
         *next_seq = parsed.seq;
      }
      first = false;
      if (ok && parsed.seq == seq) {
         return line;
      }
   }
   return 0;
}

static bool
explain_seq (verifier *v, uint64_t line, uint64_t has)
{
   const uint64_t wanted = v->end.seq + 1;
   uint64_t next = 0;
   uint64_t elsewhere = look_for (v, wanted, line, &next);

   if (elsewhere) {
      return finding (v, FG_AUDIT_REORDERED, line,
                      "reordered: record %llu stands here, record %llu is only at line %llu", (unsigned long long)has,
                      (unsigned long long)wanted, (unsigned long long)elsewhere);
   }
   if (next == wanted + 1) {
      return finding (v, FG_AUDIT_CHANGED, line, "changed: its seq says %llu where %llu belongs",
                      (unsigned long long)has, (unsigned long long)wanted);
   }
   if (has > wanted) {
      return finding (v, FG_AUDIT_REMOVED, line, "removed: %llu record%s missing before this line (seq %llu to %llu)",
                      (unsigned long long)(has - wanted), has - wanted == 1 ? " is" : "s are",
                      (unsigned long long)wanted, (unsigned long long)(has - 1));
   }
   return finding (v, FG_AUDIT_REORDERED, line, "reordered: record %llu stands here where %llu belongs",
                   (unsigned long long)has, (unsigned long long)wanted);
}

/* --- lines ------------------------------------------------------------------------------------------------------------ */

static bool
check_line (verifier *v, size_t len, uint64_t line, fg_error *err)
{
   fg_audit_line parsed;
   uint8_t mac[FG_AUDIT_MAC_LEN];

   if (v->any && v->end.closed && line > 1) {
      return finding (v, FG_AUDIT_CHANGED, line, "changed: a line follows the closing record");
   }
   if (!fg_audit_line_parse (v->line, len, &parsed)) {
      return finding (v, FG_AUDIT_CHANGED, line, "changed: not an audit record any more");
   }
   if (parsed.seq != v->end.seq + 1) {
      return explain_seq (v, line, parsed.seq);
   }
   if (!fg_audit_mac (&v->key, v->end.mac, v->line, parsed.covered, mac, &v->scratch, err)) {
      v->report->line = line;
      return false;
   }
   if (!fg_ct_equal (mac, parsed.mac, sizeof mac)) {
      return finding (v, FG_AUDIT_CHANGED, line, "changed: its mac does not fit its content");
   }
   memcpy (v->end.mac, mac, sizeof mac);
   v->end.seq = parsed.seq;
   v->end.closed = parsed.closing;
   v->any = true;
   v->report->records++;
   return true;
}

/* --- a file's beginning: does it follow the one before? ------------------------------------------------------------------- */

static bool
wrong_key (fg_error *err, const char *path, const char *what)
{
   return fg_error_set (err, FG_ERROR_AUDIT, FG_E_MISMATCH, path, "%s: %s", path, what);
}

static bool
check_key (const verifier *v, const fg_audit_opening *opening, fg_error *err)
{
   if (opening->keyed && !v->key.keyed) {
      return wrong_key (err, v->path, "the file was written with a key: give it with --key");
   }
   if (!opening->keyed && v->key.keyed) {
      return wrong_key (err, v->path, "the file was written without a key: verify it without --key");
   }
   if (!fg_ct_equal (opening->key_id, v->key.id, sizeof v->key.id)) {
      return wrong_key (err, v->path, "the file was written under another key, or its first line was changed");
   }
   return true;
}

/* Findings about the end of the file before carry that file's index and its last line. */
static bool
check_succession (verifier *v, size_t index, uint64_t last_line, const fg_audit_opening *opening)
{
   const fg_audit_end *previous = &opening->previous;

   if (opening->file != v->file + 1) {
      return finding (v, FG_AUDIT_FILE_MISSING, 1,
                      "file missing: this is file %llu of its chain, the one given before it is file %llu",
                      (unsigned long long)opening->file, (unsigned long long)v->file);
   }
   if (previous->seq > v->end.seq) {
      v->report->file = index - 1;
      return finding (v, FG_AUDIT_TAIL_MISSING, last_line,
                      "tail missing: the file ends at seq %llu, the next one says that it ended at %llu",
                      (unsigned long long)v->end.seq, (unsigned long long)previous->seq);
   }
   if (previous->seq != v->end.seq || !fg_ct_equal (previous->mac, v->end.mac, sizeof v->end.mac)) {
      return finding (v, FG_AUDIT_FILE_MISSING, 1, "file missing: this file does not follow the one given before it");
   }
   if (v->end.torn != 0 && previous->torn != v->end.torn) {
      v->report->file = index - 1;
      return finding (v, FG_AUDIT_TORN, last_line + 1,
                      "torn: the last line has no newline, and the next file does not say that it found it so");
   }
   if (!v->end.closed && previous->closed) {
      v->report->file = index - 1;
      return finding (v, FG_AUDIT_TAIL_MISSING, last_line, "tail missing: no closing record");
   }
   return true;
}

static bool
advance_key (verifier *v, uint64_t file, fg_error *err)
{
   if (file >= FG_AUDIT_FILES_MAX || file < v->file) {
      return finding (v, FG_AUDIT_CHANGED, 1, "changed: an impossible file number");
   }
   for (; v->file < file; v->file++) {
      if (!fg_audit_key_next (&v->key, err)) {
         return false;
      }
   }
   return true;
}

static bool
check_opening (verifier *v, size_t index, uint64_t last_line, size_t len, fg_error *err)
{
   fg_audit_opening opening;

   if (!fg_audit_opening_parse (v->line, len, &opening)) {
      return finding (v, FG_AUDIT_NOT_AUDIT, 1, "not an audit file: it does not start with an opening record");
   }
   v->report->keyed = opening.keyed;
   if (!check_key (v, &opening, err) || (index > 0 && !check_succession (v, index, last_line, &opening)) ||
       !advance_key (v, opening.file, err)) {
      return false;
   }
   if (index == 0) {
      v->end = opening.previous;
   }
   v->end.closed = false;
   v->end.torn = 0;
   return check_line (v, len, 1, err);
}

/* --- files ------------------------------------------------------------------------------------------------------------- */

/* *last_line: in, of the file before; out, of this one. False: a finding, or err. */
static bool
check_lines (verifier *v, size_t index, uint64_t *last_line, fg_error *err)
{
   uint64_t line = 0;
   size_t len;
   line_kind kind;

   while ((kind = next_line (v, &len)) == LINE_WHOLE) {
      line++;
      bool ok = line == 1 ? check_opening (v, index, *last_line, len, err) : check_line (v, len, line, err);
      if (!ok) {
         return false;
      }
   }
   if (ferror (v->in)) {
      return fg_error_set_errno (err, errno, v->path, "cannot read %s", v->path);
   }
   if (line == 0) {
      return finding (v, FG_AUDIT_NOT_AUDIT, 1, "not an audit file: it has no whole line");
   }
   v->end.torn = kind == LINE_TORN ? len : 0;
   *last_line = line;
   return true;
}

static bool
check_end (verifier *v, uint64_t last_line, bool still_open)
{
   if (v->end.torn != 0) {
      return finding (v, FG_AUDIT_TORN, last_line + 1,
                      "torn: the last line has no newline, as a crash while writing leaves it");
   }
   if (!v->end.closed && !still_open) {
      return finding (v, FG_AUDIT_TAIL_MISSING, last_line, "tail missing: no closing record");
   }
   return true;
}

static bool
check_files (verifier *v, const char *const *paths, size_t n_paths, bool still_open, fg_error *err)
{
   uint64_t last_line = 0;

   for (size_t i = 0; i < n_paths; i++) {
      v->path = paths[i];
      v->report->file = i;
      v->in = fopen (paths[i], "rbe");
      if (!v->in) {
         return fg_error_set_errno (err, errno, paths[i], "cannot open %s", paths[i]);
      }
      bool ok = check_lines (v, i, &last_line, err);
      fclose (v->in);
      if (!ok) {
         return false;
      }
   }
   return check_end (v, last_line, still_open);
}

bool
fg_audit_verify (const char *const *paths, size_t n_paths, const char *key_file, bool still_open,
                 fg_audit_report *report, fg_error *err)
{
   verifier v = {.report = report, .cap = FG_AUDIT_LINE_MAX};

   if (!report || report->size < sizeof *report || n_paths == 0) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                           "fg_audit_verify: files and a sized report are required");
   }
   *report = (fg_audit_report){.size = sizeof *report};
   if (key_file && !fg_audit_key_read (key_file, &v.key, err)) {
      return false;
   }
   v.line = malloc (v.cap);
   bool ok = v.line ? check_files (&v, paths, n_paths, still_open, err)
                    : fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   free (v.line);
   fg_buf_free (&v.scratch);
   fg_memzero (&v.key, sizeof v.key);
   return ok || report->finding != FG_AUDIT_OK;
}
