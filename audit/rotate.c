/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RENAME_TRIES 100

static void
name_with_time (const char *path, char *out, size_t size)
{
   struct timespec now;
   struct tm utc;
   char seconds[32];

   clock_gettime (CLOCK_REALTIME, &now);
   gmtime_r (&now.tv_sec, &utc);
   strftime (seconds, sizeof seconds, "%Y-%m-%dT%H-%M-%S", &utc);
   snprintf (out, size, "%s.%s.%03ldZ", path, seconds, now.tv_nsec / 1000000);
}

/* File systems that do not know RENAME_NOREPLACE get a look first; nobody else writes into an audit folder. */
static int
rename_no_replace (const char *from, const char *to)
{
   struct stat st;

   if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
      return 0;
   }
   if (errno != EINVAL && errno != ENOSYS) {
      return -1;
   }
   if (lstat (to, &st) == 0) {
      errno = EEXIST;
      return -1;
   }
   return rename (from, to);
}

bool
fg_audit_move_away (const char *path, fg_error *err)
{
   char to[PATH_MAX];
   const struct timespec pause = {0, 2000000};

   if (strlen (path) + 40 > sizeof to) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_TOO_LARGE, path, "path of the audit file is too long");
   }
   for (int i = 0; i < RENAME_TRIES; i++) {
      name_with_time (path, to, sizeof to);
      if (rename_no_replace (path, to) == 0) {
         return fg_audit_sync_dir (path, err);
      }
      if (errno != EEXIST) {
         return fg_error_set_errno (err, errno, path, "cannot rename the audit file");
      }
      nanosleep (&pause, NULL);
   }
   return fg_error_set (err, FG_ERROR_AUDIT, FG_E_EXISTS, path, "cannot find a free name for the old audit file");
}

/* The key first: when that fails nothing has changed. */
bool
fg_audit_state_advance (fg_audit_state *state, const fg_audit_end *end, fg_error *err)
{
   if (!fg_audit_key_next (&state->key, err)) {
      return false;
   }
   state->previous = *end;
   state->file++;
   return true;
}

bool
fg_audit_begin_file (fg_audit_log *log, fg_error *err)
{
   fg_buf fields = {0};
   bool ok = false;

   log->fd = open (log->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
   if (log->fd < 0) {
      return fg_error_set_errno (err, errno, log->path, "cannot create the audit file");
   }
   if (flock (log->fd, LOCK_EX | LOCK_NB) != 0) {
      fg_error_set_errno (err, errno, log->path, "cannot lock the audit file");
      goto done;
   }
   log->size = 0;
   log->room = 0;
   log->broken = false;
   log->seq = log->state->previous.seq;
   memcpy (log->mac, log->state->previous.mac, sizeof log->mac);
   fg_audit_opening_format (log->state, &fields);
   if (fields.failed) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, log->path, "out of memory");
      goto done;
   }
   ok = fg_audit_write_line (log, (const char *)fields.data, fields.len, err) && fg_audit_sync_dir (log->path, err);

done:
   fg_buf_free (&fields);
   if (!ok) {
      close (log->fd);
      log->fd = -1;
      unlink (log->path);
   }
   return ok;
}

/* What was appended and not synced may be on no disk. Whoever asks for its sync, now waiting or later, has to hear of it. */
static void
note_loss (fg_audit_log *log)
{
   if (log->pending) {
      log->lost_from = log->synced;
      log->lost_upto = log->records;
      log->lost = log->lost || !log->told;
      log->pending = false;
   }
}

/* Closing record, durable; then the key of this file is gone for good: memory and state hold the next one's. */
static bool
seal_locked (fg_audit_log *log, fg_error *err)
{
   fg_buf fields = {0};

   if (log->fd < 0) {
      return true;
   }
   fg_audit_end end = {.closed = true};
   if (log->broken) {
      end.closed = false; /* nothing more can go into it: the next file tells how it ended */
      note_loss (log);
   } else {
      fg_audit_closing_format (&fields);
      bool ok = fields.failed ? fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, log->path, "out of memory")
                              : fg_audit_write_line (log, (const char *)fields.data, fields.len, err);
      fg_buf_free (&fields);
      if (!ok) {
         return false;
      }
      if (fdatasync (log->fd) != 0) {
         log->broken = true;
         return fg_error_set_errno (err, errno, log->path, "cannot sync the audit file");
      }
   }
   end.seq = log->seq;
   memcpy (end.mac, log->mac, sizeof end.mac);
   if (!fg_audit_state_advance (log->state, &end, err)) {
      log->broken = true; /* it holds its closing record already */
      return false;
   }
   if (log->room > log->size) {
      (void)!ftruncate (log->fd, (off_t)log->size); /* gives the unused blocks back */
   }
   close (log->fd);
   log->fd = -1;
   log->synced = log->records;
   log->pending = false;
   return fg_audit_state_write (log->state_path, log->state, err);
}

/* From a sealed file to the next one. May be repeated after a failure: each step leaves what the next attempt, or fg_audit_recover, goes on from. */
bool
fg_audit_next_file (fg_audit_log *log, fg_error *err)
{
   return fg_audit_state_write (log->state_path, log->state, err) &&
          (access (log->path, F_OK) != 0 || fg_audit_move_away (log->path, err)) && fg_audit_begin_file (log, err);
}

bool
fg_audit_seal (fg_audit_log *log, fg_error *err)
{
   pthread_mutex_lock (&log->sync_lock);
   pthread_mutex_lock (&log->lock);
   bool ok = seal_locked (log, err);
   pthread_mutex_unlock (&log->lock);
   pthread_mutex_unlock (&log->sync_lock);
   return ok;
}

bool
fg_audit_log_rotate (fg_audit_log *log, fg_error *err)
{
   pthread_mutex_lock (&log->sync_lock);
   pthread_mutex_lock (&log->lock);
   bool ok = seal_locked (log, err) && fg_audit_next_file (log, err);
   pthread_mutex_unlock (&log->lock);
   pthread_mutex_unlock (&log->sync_lock);
   return ok;
}
