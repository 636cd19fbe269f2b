/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Kept free beside what was asked for, so that a full disk does not leave the file without its closing record. */
#define CLOSING_ROOM 1024u

/* --- the handle ------------------------------------------------------------------------------------------------------ */

static size_t
page_size (void)
{
   long n = sysconf (_SC_PAGESIZE);
   return n > 0 ? (size_t)n : 4096;
}

/* The current key lives in a page of its own: not dumped, and not swapped where the limit on locked memory allows that. */
static fg_audit_state *
new_state (void)
{
   void *page = mmap (NULL, page_size (), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

   if (page == MAP_FAILED) {
      return NULL;
   }
   (void)mlock (page, page_size ());
   (void)madvise (page, page_size (), MADV_DONTDUMP);
   return page;
}

static void
free_state (fg_audit_state *state)
{
   if (state) {
      fg_memzero (state, sizeof *state);
      munmap (state, page_size ());
   }
}

static void
free_log (fg_audit_log *log)
{
   if (log->fd >= 0) {
      close (log->fd);
   }
   free_state (log->state);
   fg_buf_free (&log->line);
   fg_buf_free (&log->scratch);
   pthread_mutex_destroy (&log->lock);
   pthread_mutex_destroy (&log->sync_lock);
   free (log->path);
   free (log->state_path);
   free (log);
}

static fg_audit_log *
new_log (const char *path)
{
   fg_audit_log *log = calloc (1, sizeof *log);

   if (!log) {
      return NULL;
   }
   pthread_mutex_init (&log->lock, NULL);
   pthread_mutex_init (&log->sync_lock, NULL);
   log->fd = -1;
   log->path = strdup (path);
   log->state_path = malloc (strlen (path) + sizeof "-state");
   log->state = new_state ();
   if (!log->path || !log->state_path || !log->state) {
      free_log (log);
      return NULL;
   }
   memcpy (log->state_path, path, strlen (path));
   memcpy (log->state_path + strlen (path), "-state", sizeof "-state");
   return log;
}

fg_audit_log *
fg_audit_log_open (const fg_audit_log_options *options, fg_error *err)
{
   if (!options || options->size < sizeof *options || !options->path || !options->path[0]) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "fg_audit_log_open: size and path are required");
      return NULL;
   }
   fg_audit_log *log = new_log (options->path);
   if (!log) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, options->path, "out of memory");
      return NULL;
   }
   if (!fg_audit_recover (log, options->key_file, err) || !fg_audit_begin_file (log, err)) {
      free_log (log);
      return NULL;
   }
   return log;
}

/* --- writing --------------------------------------------------------------------------------------------------------- */

/* Puts the file back to its last whole line. When even that fails nobody knows what it holds, and nothing more goes in. */
static void
cut_back (fg_audit_log *log)
{
   log->room = 0; /* what is cut off takes the reserved blocks along */
   if (ftruncate (log->fd, (off_t)log->size) != 0) {
      log->broken = true;
   }
}

static bool
write_all (fg_audit_log *log, const uint8_t *data, size_t len, fg_error *err)
{
   size_t done = 0;

   while (done < len) {
      ssize_t n = pwrite (log->fd, data + done, len - done, (off_t)(log->size + done));
      if (n < 0 && errno == EINTR) {
         continue;
      }
      if (n <= 0) {
         int errnum = n == 0 ? ENOSPC : errno;
         cut_back (log);
         fg_error_set_errno (err, errnum, log->path, "cannot write the audit file");
         if (err && errnum == EFBIG) {
            err->code = FG_E_NO_SPACE;
         }
         return false;
      }
      done += (size_t)n;
   }
   return true;
}

/* A buffer that could not grow says so for good: the next record gets a new one. */
static bool
no_memory (fg_audit_log *log, fg_error *err)
{
   fg_buf_free (&log->line);
   return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, log->path, "out of memory");
}

bool
fg_audit_write_line (fg_audit_log *log, const char *fields, size_t len, fg_error *err)
{
   uint8_t mac[FG_AUDIT_MAC_LEN];
   char hex[2 * FG_AUDIT_MAC_LEN + 1];
   fg_buf *line = &log->line;

   line->len = 0;
   fg_buf_append (line, "{", 1);
   fg_buf_append (line, fields, len);
   fg_buf_printf (line, ",\"seq\":%llu", (unsigned long long)(log->seq + 1));
   if (line->failed) {
      return no_memory (log, err);
   }
   if (!fg_audit_mac (&log->state->key, log->mac, (const char *)line->data, line->len, mac, &log->scratch, err)) {
      return false;
   }
   fg_audit_hex (mac, sizeof mac, hex);
   fg_buf_printf (line, ",\"mac\":\"%s\"}\n", hex);
   if (line->failed) {
      return no_memory (log, err);
   }
   if (line->len > FG_AUDIT_LINE_MAX) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_TOO_LARGE, log->path, "an audit record is too long");
   }
   if (!write_all (log, line->data, line->len, err)) {
      return false;
   }
   log->size += line->len;
   log->seq++;
   log->records++;
   memcpy (log->mac, mac, sizeof mac);
   return true;
}

static bool
starts_with (const char *text, size_t len, const char *prefix)
{
   size_t n = strlen (prefix);
   return len >= n && memcmp (text, prefix, n) == 0;
}

/* A control byte would break the line; the two records that frame a file are the log's own. */
static bool
fields_are_legal (const char *fields, size_t len)
{
   for (size_t i = 0; i < len; i++) {
      if ((unsigned char)fields[i] < 0x20) {
         return false;
      }
   }
   return len > 0 && !starts_with (fields, len, FG_AUDIT_OPEN_PREFIX) &&
          !starts_with (fields, len, FG_AUDIT_CLOSE_PREFIX);
}

/* A rotation that failed half-way left no file: the next caller tries to begin it again. */
static bool
ready (fg_audit_log *log, fg_error *err)
{
   if (log->broken) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_IO, log->path,
                           "the audit file could not be synced or cut back earlier: rotate it or restart");
   }
   return log->fd >= 0 || fg_audit_next_file (log, err);
}

static void
note_appender (fg_audit_log *log)
{
   pthread_t self = pthread_self ();

   if (!log->pending) {
      log->appender = self;
      log->several = false;
   } else if (!pthread_equal (log->appender, self)) {
      log->several = true;
   }
   log->pending = true;
   log->told = false;
}

bool
fg_audit_log_append (fg_audit_log *log, const char *fields_json, size_t len, fg_error *err)
{
   if (!fields_are_legal (fields_json, len)) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, log->path, "not the members of an audit record");
   }
   pthread_mutex_lock (&log->lock);
   bool ok = ready (log, err) && fg_audit_write_line (log, fields_json, len, err);
   if (ok) {
      note_appender (log);
   }
   pthread_mutex_unlock (&log->lock);
   return ok;
}

/* For file systems without fallocate: what is free now, which is the best that can be known. */
static bool
enough_free (const fg_audit_log *log, uint64_t need, fg_error *err)
{
   struct statvfs fs;

   if (fstatvfs (log->fd, &fs) != 0) {
      return fg_error_set_errno (err, errno, log->path, "cannot see how much room the audit file has");
   }
   return (uint64_t)fs.f_bavail * fs.f_frsize >= need ||
          fg_error_set (err, FG_ERROR_AUDIT, FG_E_NO_SPACE, log->path, "no room left for audit records");
}

/* A limit on file size does not stop fallocate beyond the end, but it will stop the write. */
static bool
within_limit (const fg_audit_log *log, uint64_t need, fg_error *err)
{
   struct rlimit limit;

   if (getrlimit (RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || log->size + need <= limit.rlim_cur) {
      return true;
   }
   return fg_error_set (err, FG_ERROR_AUDIT, FG_E_NO_SPACE, log->path,
                        "the audit file has reached the limit on file size");
}

static bool
reserve_locked (fg_audit_log *log, size_t n, fg_error *err)
{
   uint64_t need = (uint64_t)n + CLOSING_ROOM;

   if (!ready (log, err) || !within_limit (log, need, err)) {
      return false;
   }
   if (log->size + need <= log->room) {
      return true;
   }
   if (fallocate (log->fd, FALLOC_FL_KEEP_SIZE, (off_t)log->size, (off_t)need) == 0) {
      log->room = log->size + need;
      return true;
   }
   if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR) {
      return enough_free (log, need, err);
   }
   int errnum = errno;
   fg_error_set_errno (err, errnum, log->path, "no room left for audit records");
   if (err && errnum == EFBIG) {
      err->code = FG_E_NO_SPACE;
   }
   return false;
}

bool
fg_audit_log_reserve (fg_audit_log *log, size_t n, fg_error *err)
{
   pthread_mutex_lock (&log->lock);
   bool ok = reserve_locked (log, n, err);
   pthread_mutex_unlock (&log->lock);
   return ok;
}

/* asked: how many records there were when the caller asked. False: some of them, perhaps its own, went into a file that could not be synced and has been left
 * since. Those who asked before that hear of it each; of all later ones the first, which may be their appender. */
static bool
none_lost (fg_audit_log *log, uint64_t asked, fg_error *err)
{
   bool waited = asked > log->lost_from && asked <= log->lost_upto;

   if (!log->lost && !waited) {
      return true;
   }
   log->lost = false;
   return fg_error_set (err, FG_ERROR_AUDIT, FG_E_IO, log->path,
                        "records went into an audit file that could not be synced before it was rotated");
}

/* After a failed fdatasync the kernel may have dropped the pages and will not say so again: the file is given up. */
static bool
sync_file (fg_audit_log *log, int fd, uint64_t upto, fg_error *err)
{
   bool ok = fdatasync (fd) == 0 || fg_error_set_errno (err, errno, log->path, "cannot sync the audit file");

   pthread_mutex_lock (&log->lock);
   if (ok) {
      log->synced = upto;
      log->pending = log->records > upto;
      log->several = true; /* who has appended meanwhile is not known */
   } else {
      log->broken = true;
      log->told = log->records == upto && !log->several && pthread_equal (log->appender, pthread_self ());
   }
   pthread_mutex_unlock (&log->lock);
   return ok;
}

bool
fg_audit_log_sync (fg_audit_log *log, fg_error *err)
{
   pthread_mutex_lock (&log->lock);
   uint64_t asked = log->records;
   pthread_mutex_unlock (&log->lock);
   pthread_mutex_lock (&log->sync_lock);
   pthread_mutex_lock (&log->lock);
   uint64_t upto = log->records;
   int fd = log->fd;
   bool ok = !log->broken || fg_error_set (err, FG_ERROR_AUDIT, FG_E_IO, log->path, "the audit file cannot be synced");
   ok = ok && none_lost (log, asked, err);
   bool needed = ok && upto > log->synced && fd >= 0;
   pthread_mutex_unlock (&log->lock);
   if (needed) {
      ok = sync_file (log, fd, upto, err);
   }
   pthread_mutex_unlock (&log->sync_lock);
   return ok;
}

bool
fg_audit_log_close (fg_audit_log *log, fg_error *err)
{
   if (!log) {
      return true;
   }
   bool ok = fg_audit_seal (log, err);
   free_log (log);
   return ok;
}
