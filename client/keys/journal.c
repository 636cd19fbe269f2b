/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/journal.h"

#include "base/base.h"
#include "client/keys/file.h"
#include "client/public_equal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_MAX ((size_t)1024 * 1024 * 1024)

#define BEFORE_CHAIN ", \"chain\" : \""
#define AFTER_CHAIN "\" }"
#define TAIL_LEN (sizeof BEFORE_CHAIN - 1 + 2 * FG_SHA256_LEN + sizeof AFTER_CHAIN - 1)

static bool
next_chain (uint8_t chain[FG_SHA256_LEN], const void *body, size_t len, fg_error *err)
{
   fg_buf buf = {0};

   fg_buf_append (&buf, chain, FG_SHA256_LEN);
   fg_buf_append (&buf, body, len);
   bool ok = buf.failed ? fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory")
                        : fg_sha256 (buf.data, buf.len, chain, err);
   fg_buf_free (&buf);
   return ok;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static bool
damaged (size_t n, const char *what, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, NULL, "the journal is damaged: line %zu %s", n, what);
}

/* line: without its newline. The body is what stands before the tail, and " }" in its place. */
static bool
check_tail (const uint8_t *line, size_t len, const uint8_t chain[FG_SHA256_LEN])
{
   char hex[FG_SHA256_HEX_LEN];
   const uint8_t *tail = line + len - TAIL_LEN;
   const size_t before = sizeof BEFORE_CHAIN - 1;

   fg_sha256_hex (chain, hex);
   return fg_public_equal (tail, BEFORE_CHAIN, before) && fg_public_equal (tail + before, hex, 2 * FG_SHA256_LEN) &&
          fg_public_equal (tail + before + 2 * FG_SHA256_LEN, AFTER_CHAIN, sizeof AFTER_CHAIN - 1);
}

static bool
scan_line (const uint8_t *line, size_t len, size_t n, uint8_t chain[FG_SHA256_LEN], fg_journal_visit visit, void *ctx,
           fg_error *err)
{
   if (len <= TAIL_LEN || len > FG_JOURNAL_LINE_MAX) {
      return damaged (n, "is no line of a journal", err);
   }
   if (!next_chain (chain, line, len - TAIL_LEN, err)) {
      return false;
   }
   if (!check_tail (line, len, chain)) {
      return damaged (n, "does not follow the line before it, or was changed", err);
   }
   bson_t *record = bson_new_from_json (line, (ssize_t)len, NULL);
   if (!record) {
      return damaged (n, "is no JSON", err);
   }
   bool ok = visit (ctx, record, err);
   bson_destroy (record);
   return ok;
}

bool
fg_journal_scan (const uint8_t *data, size_t len, fg_journal_visit visit, void *ctx, size_t *valid,
                 uint8_t chain[FG_SHA256_LEN], fg_error *err)
{
   *valid = 0;
   memset (chain, 0, FG_SHA256_LEN);
   for (size_t n = 1; *valid < len; n++) {
      const uint8_t *line = data + *valid;
      const uint8_t *end = memchr (line, '\n', len - *valid);
      if (!end) {
         return true;
      }
      size_t line_len = (size_t)(end - line);
      if (!scan_line (line, line_len, n, chain, visit, ctx, err)) {
         return false;
      }
      *valid += line_len + 1;
   }
   return true;
}

/* --- the file ------------------------------------------------------------------------------------------------------- */

struct fg_journal {
   char *path;
   int fd;
   size_t size; /* of the whole lines that were written */
   size_t torn;
   bool broken;
   uint8_t chain[FG_SHA256_LEN];
   fg_buf lines; /* added, not yet written */
};

/* The lock goes with the process, however it ends. */
static bool
open_and_lock (fg_journal *j, fg_error *err)
{
   struct stat st;

   j->fd = open (j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
   if (j->fd < 0) {
      return fg_error_set_errno (err, errno, j->path, "cannot open the journal %s", j->path);
   }
   if (fstat (j->fd, &st) != 0 || !S_ISREG (st.st_mode)) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_INVALID, j->path, "the journal %s is no regular file", j->path);
   }
   if (flock (j->fd, LOCK_EX | LOCK_NB) != 0) {
      return errno == EWOULDBLOCK
                ? fg_error_set (err, FG_ERROR_SYSTEM, FG_E_BUSY, j->path, "another process has the journal %s", j->path)
                : fg_error_set_errno (err, errno, j->path, "cannot lock the journal %s", j->path);
   }
   return fg_file_sync_folder (j->path) ||
          fg_error_set_errno (err, errno, j->path, "cannot sync the folder of the journal %s", j->path);
}

/* Half a first line, of a journal that was just begun. */
static bool
is_begun (const char *first, const uint8_t *data, size_t len)
{
   size_t n = strlen (first);

   return fg_public_equal (data, first, len < n ? len : n);
}

static bool
load (fg_journal *j, const char *first, fg_journal_visit visit, void *ctx, fg_error *err)
{
   uint8_t *data = NULL;
   size_t len = 0;
   bool ok = fg_file_read (j->path, JOURNAL_MAX, "the journal", &data, &len, err) &&
             fg_journal_scan (data, len, visit, ctx, &j->size, j->chain, err);

   if (ok && j->size == 0 && !is_begun (first, data, len)) {
      ok = fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, j->path, "the file %s is no journal", j->path);
   }
   free (data);
   if (!ok || j->size == len) {
      return ok;
   }
   j->torn = len - j->size;
   return (ftruncate (j->fd, (off_t)j->size) == 0 && fsync (j->fd) == 0) ||
          fg_error_set_errno (err, errno, j->path, "cannot cut the torn line off the journal %s", j->path);
}

fg_journal *
fg_journal_open (const char *path, const char *first, fg_journal_visit visit, void *ctx, bool *existed, fg_error *err)
{
   fg_journal *j = calloc (1, sizeof *j);

   if (!j || !(j->path = strdup (path))) {
      free (j);
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, path, "out of memory");
      return NULL;
   }
   j->fd = -1;
   if (!open_and_lock (j, err) || !load (j, first, visit, ctx, err)) {
      fg_journal_close (j);
      return NULL;
   }
   *existed = j->size > 0;
   return j;
}

void
fg_journal_close (fg_journal *j)
{
   if (j) {
      if (j->fd >= 0) {
         close (j->fd);
      }
      fg_buf_free (&j->lines);
      free (j->path);
      free (j);
   }
}

bool
fg_journal_add (fg_journal *j, const bson_t *record, fg_error *err)
{
   size_t len = 0;
   char *json = bson_as_canonical_extended_json (record, &len);
   char hex[FG_SHA256_HEX_LEN];
   bool ok = false;

   if (!json || len < 4 || len + TAIL_LEN > FG_JOURNAL_LINE_MAX) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_TOO_LARGE, j->path, "a record is too large for the journal");
   } else if (next_chain (j->chain, json, len - 2, err)) {
      fg_sha256_hex (j->chain, hex);
      fg_buf_append (&j->lines, json, len - 2); /* without its " }" */
      fg_buf_append_str (&j->lines, BEFORE_CHAIN);
      fg_buf_append_str (&j->lines, hex);
      fg_buf_append_str (&j->lines, AFTER_CHAIN "\n");
      ok = !j->lines.failed || fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   bson_free (json);
   return ok;
}

/* Half a line on a full disk; where this does not work, it is known as a torn one. */
static void
take_back (const fg_journal *j)
{
   if (ftruncate (j->fd, (off_t)j->size) == 0) {
      (void)fsync (j->fd);
   }
}

bool
fg_journal_flush (fg_journal *j, bool sync, fg_error *err)
{
   if (j->broken || j->lines.failed) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_IO, j->path, "the journal %s could not be written before",
                           j->path);
   }
   if (!fg_file_write_all (j->fd, j->lines.data, j->lines.len) || (sync && fsync (j->fd) != 0)) {
      fg_error_set_errno (err, errno, j->path, "cannot write the journal %s", j->path);
      j->broken = true;
      take_back (j);
      return false;
   }
   j->size += j->lines.len;
   j->lines.len = 0;
   return true;
}

size_t
fg_journal_torn (const fg_journal *j)
{
   return j->torn;
}
