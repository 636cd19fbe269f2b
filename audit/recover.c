/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What a start finds: path-state says which file comes next and under which key; at path lies, usually, the file of the run before.
 *
 *    no file                           nothing to do
 *    file number state->file - 1       that run closed it in order: it only has to be moved away
 *    file number state->file           a crash: it ends somewhere. Its last record is verified, the end goes into the next opening record
 *    no state                          the first start, or state was lost: with the key file, or without keys, the chain can be taken up
 */

/* The first line and the last two of a file: all that a restart looks at. */
typedef struct tail {
   fg_buf first;
   fg_buf last;
   fg_audit_line line; /* of last */
   uint8_t before[FG_AUDIT_MAC_LEN]; /* mac of the line before the last */
   bool has_before;
   uint64_t torn;
   bool empty; /* no whole line */
} tail;

static bool
read_at (int fd, const char *path, uint64_t offset, size_t n, fg_buf *out, fg_error *err)
{
   uint8_t chunk[8192];

   while (n > 0) {
      ssize_t got = pread (fd, chunk, n < sizeof chunk ? n : sizeof chunk, (off_t)offset);
      if (got <= 0) {
         return fg_error_set_errno (err, got < 0 ? errno : EIO, path, "cannot read the audit file");
      }
      fg_buf_append (out, chunk, (size_t)got);
      offset += (uint64_t)got;
      n -= (size_t)got;
   }
   return !out->failed || fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, path, "out of memory");
}

static bool
not_ours (fg_error *err, const char *path)
{
   return fg_error_set (
      err, FG_ERROR_AUDIT, FG_E_CORRUPT, path,
      "the file at the audit path is not an audit file or its end was changed: keep it as evidence, and move it and "
      "its state file away to begin a new chain");
}

/* Splits the end of the file, at most two longest lines and a torn one, into its last lines. */
static bool
split_tail (const fg_buf *end, tail *t, fg_error *err, const char *path)
{
   const char *text = (const char *)end->data;
   const char *newline = memrchr (text, '\n', end->len);

   if (!newline) {
      t->empty = true;
      return true;
   }
   t->torn = end->len - (size_t)(newline + 1 - text);
   const char *before = memrchr (text, '\n', (size_t)(newline - text));
   const char *start = before ? before + 1 : text;
   fg_buf_append (&t->last, start, (size_t)(newline - start));
   if (t->last.failed || !fg_audit_line_parse ((const char *)t->last.data, t->last.len, &t->line)) {
      return not_ours (err, path);
   }
   if (before) {
      const char *prior = memrchr (text, '\n', (size_t)(before - text));
      fg_audit_line line;
      prior = prior ? prior + 1 : text;
      if (!fg_audit_line_parse (prior, (size_t)(before - prior), &line)) {
         return not_ours (err, path);
      }
      memcpy (t->before, line.mac, sizeof t->before);
      t->has_before = true;
   }
   return true;
}

static bool
read_tail (int fd, const char *path, uint64_t size, tail *t, fg_error *err)
{
   uint64_t n = size < 3 * FG_AUDIT_LINE_MAX ? size : 3 * FG_AUDIT_LINE_MAX;
   fg_buf end = {0};

   if (size == 0) {
      t->empty = true;
      return true;
   }
   bool ok = read_at (fd, path, 0, size < FG_AUDIT_LINE_MAX ? (size_t)size : FG_AUDIT_LINE_MAX, &t->first, err) &&
             read_at (fd, path, size - n, (size_t)n, &end, err) && split_tail (&end, t, err, path);
   if (ok && !t->empty) {
      const uint8_t *newline = memchr (t->first.data, '\n', t->first.len);
      if (newline) {
         t->first.len = (size_t)(newline - t->first.data);
      }
   }
   fg_buf_free (&end);
   return ok;
}

/* A crash before the opening record was whole: no record followed it, so nothing is lost with the file. */
static bool
drop_beginning (const char *path, const tail *t, uint64_t size, fg_error *err)
{
   static const char start[] = "{" FG_AUDIT_OPEN_PREFIX;
   size_t n = t->first.len < sizeof start - 1 ? t->first.len : sizeof start - 1;

   if (size >= FG_AUDIT_LINE_MAX || (n > 0 && memcmp (t->first.data, start, n) != 0)) {
      return not_ours (err, path);
   }
   return unlink (path) == 0 ||
          fg_error_set_errno (err, errno, path, "cannot remove an audit file without a whole line");
}

static bool
keys_agree (const fg_audit_key *key, const fg_audit_opening *opening)
{
   return key->keyed == opening->keyed && fg_ct_equal (key->id, opening->key_id, sizeof key->id);
}

/* The key of file n from the key file's: only when state was lost. */
static bool
advance_key_to (fg_audit_state *state, uint64_t file, const char *path, fg_error *err)
{
   if (file >= FG_AUDIT_FILES_MAX) {
      return not_ours (err, path);
   }
   for (; state->file < file; state->file++) {
      if (!fg_audit_key_next (&state->key, err)) {
         return false;
      }
   }
   return true;
}

static bool
end_of_crashed (fg_audit_log *log, const tail *t, const fg_audit_opening *opening, fg_error *err)
{
   uint8_t mac[FG_AUDIT_MAC_LEN];
   const uint8_t *before = t->has_before ? t->before : opening->previous.mac;

   if (!fg_audit_mac (&log->state->key, before, (const char *)t->last.data, t->line.covered, mac, &log->scratch, err)) {
      return false;
   }
   if (!fg_ct_equal (mac, t->line.mac, sizeof mac)) {
      return not_ours (err, log->path);
   }
   fg_audit_end end = {.seq = t->line.seq, .closed = t->line.closing, .torn = t->torn};
   memcpy (end.mac, mac, sizeof mac);
   return fg_audit_state_advance (log->state, &end, err) && fg_audit_state_write (log->state_path, log->state, err);
}

static bool
take_up (fg_audit_log *log, const tail *t, bool state_found, fg_error *err)
{
   fg_audit_opening opening;

   if (!fg_audit_opening_parse ((const char *)t->first.data, t->first.len, &opening)) {
      return not_ours (err, log->path);
   }
   if (!keys_agree (&log->state->key, &opening)) {
      return fg_error_set (
         err, FG_ERROR_AUDIT, FG_E_MISMATCH, log->path,
         "the audit file was begun with another key, or without one: move it and its state file away to begin a new "
         "chain");
   }
   if (!state_found && !advance_key_to (log->state, opening.file, log->path, err)) {
      return false;
   }
   if (opening.file == log->state->file) {
      if (!end_of_crashed (log, t, &opening, err)) {
         return false;
      }
   } else if (opening.file + 1 != log->state->file) {
      return not_ours (err, log->path);
   }
   return fg_audit_move_away (log->path, err);
}

static bool
recover_file (fg_audit_log *log, int fd, bool state_found, fg_error *err)
{
   struct stat st;
   tail t = {0};
   bool ok = false;

   if (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode)) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_INVALID, log->path, "the audit path is not a regular file");
   }
   if (flock (fd, LOCK_EX | LOCK_NB) != 0) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_EXISTS, log->path, "the audit file is in use by another process");
   }
   if (read_tail (fd, log->path, (uint64_t)st.st_size, &t, err)) {
      ok = t.empty ? drop_beginning (log->path, &t, (uint64_t)st.st_size, err) : take_up (log, &t, state_found, err);
   }
   fg_buf_free (&t.first);
   fg_buf_free (&t.last);
   return ok;
}

/* With state the old key file is not needed any more; when it is there it must be the one that the chain began with. */
static bool
find_key (fg_audit_log *log, const char *key_file, bool state_found, fg_error *err)
{
   fg_audit_key given = {0};
   fg_error why = {0};
   bool have = key_file && fg_audit_key_read (key_file, &given, &why);
   bool ok = true;

   if (key_file && !have && !(state_found && why.code == FG_E_NOT_FOUND)) {
      if (err) {
         *err = why;
      }
      ok = false;
   } else if (!state_found) {
      log->state->key = given;
   } else if (log->state->key.keyed != (key_file != NULL) ||
              (have && !fg_ct_equal (given.id, log->state->key.id, sizeof given.id))) {
      ok = fg_error_set (
         err, FG_ERROR_AUDIT, FG_E_MISMATCH, log->state_path,
         "the audit chain was begun with another key, or without one: move the audit file and its state file away "
         "to begin a new chain");
   }
   fg_memzero (&given, sizeof given);
   return ok;
}

bool
fg_audit_recover (fg_audit_log *log, const char *key_file, fg_error *err)
{
   bool state_found = false;

   if (!fg_audit_state_read (log->state_path, log->state, &state_found, err) ||
       !find_key (log, key_file, state_found, err)) {
      return false;
   }
   int fd = open (log->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
   if (fd >= 0) {
      bool ok = recover_file (log, fd, state_found, err);
      close (fd);
      if (!ok) {
         return false;
      }
   } else if (errno != ENOENT) {
      return fg_error_set_errno (err, errno, log->path, "cannot open the audit file");
   }
   return fg_audit_state_write (log->state_path, log->state, err);
}
