/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One line of fixed layout and a SHA-256 of it, so that a half-written or edited state is seen for what it is. */
#define STATE_MAX 512u
#define STATE_FORMAT "fieldguard-audit-state 1 file %llu keyed %d key %s id %s mac %s seq %llu closed %d torn %llu\n"

static bool
corrupt (fg_error *err, const char *path)
{
   return fg_error_set (
      err, FG_ERROR_AUDIT, FG_E_CORRUPT, path,
      "the audit state file is damaged: move it and the audit file away together to begin a new chain");
}

static bool
format_state (const fg_audit_state *state, char *text, size_t size, size_t *len)
{
   char key[2 * FG_AUDIT_KEY_LEN + 1];
   char id[2 * FG_AUDIT_KEY_ID_LEN + 1];
   char mac[2 * FG_AUDIT_MAC_LEN + 1];
   uint8_t sum[32];

   fg_audit_hex (state->key.key, FG_AUDIT_KEY_LEN, key);
   fg_audit_hex (state->key.id, FG_AUDIT_KEY_ID_LEN, id);
   fg_audit_hex (state->previous.mac, FG_AUDIT_MAC_LEN, mac);
   int n = snprintf (text, size, STATE_FORMAT, (unsigned long long)state->file, state->key.keyed, key, id, mac,
                     (unsigned long long)state->previous.seq, state->previous.closed,
                     (unsigned long long)state->previous.torn);
   fg_memzero (key, sizeof key);
   if (n < 0 || (size_t)n + 66 > size || !fg_audit_sha256 (text, (size_t)n, sum)) {
      return false;
   }
   fg_audit_hex (sum, sizeof sum, text + n);
   text[n + 64] = '\n';
   *len = (size_t)n + 65;
   return true;
}

/* sscanf reads what format_state wrote; formatting the result again and comparing leaves no room for another reading. */
static bool
parse_state (const char *text, size_t len, fg_audit_state *state)
{
   char key[65], id[17], mac[65];
   char again[STATE_MAX];
   unsigned long long file, seq, torn;
   int keyed, closed;
   size_t again_len = 0;

   int n = sscanf (text,
                   "fieldguard-audit-state 1 file %llu keyed %d key %64s id %16s mac %64s seq %llu closed %d torn %llu",
                   &file, &keyed, key, id, mac, &seq, &closed, &torn);
   bool ok = n == 8 && strlen (key) == 64 && strlen (id) == 16 && strlen (mac) == 64 &&
             fg_audit_unhex (key, state->key.key, FG_AUDIT_KEY_LEN) &&
             fg_audit_unhex (id, state->key.id, FG_AUDIT_KEY_ID_LEN) &&
             fg_audit_unhex (mac, state->previous.mac, FG_AUDIT_MAC_LEN);
   if (ok) {
      state->file = file;
      state->key.keyed = keyed == 1;
      state->previous.seq = seq;
      state->previous.closed = closed == 1;
      state->previous.torn = torn;
      ok = format_state (state, again, sizeof again, &again_len) && again_len == len && fg_ct_equal (again, text, len);
   }
   fg_memzero (key, sizeof key);
   fg_memzero (again, sizeof again);
   return ok;
}

bool
fg_audit_state_read (const char *path, fg_audit_state *state, bool *found, fg_error *err)
{
   char text[STATE_MAX];
   struct stat st;
   bool ok = false;

   *found = false;
   int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
   if (fd < 0) {
      return errno == ENOENT || fg_error_set_errno (err, errno, path, "cannot open the audit state file");
   }
   if (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO))) {
      fg_error_set (err, FG_ERROR_AUDIT, FG_E_DENIED, path,
                    "the audit state file must be a regular file that only its owner can access");
      goto done;
   }
   ssize_t n = read (fd, text, sizeof text - 1);
   if (n <= 0) {
      corrupt (err, path);
      goto done;
   }
   text[n] = '\0';
   ok = parse_state (text, (size_t)n, state) || corrupt (err, path);
   *found = ok;

done:
   fg_memzero (text, sizeof text);
   close (fd);
   return ok;
}

bool
fg_audit_sync_dir (const char *path, fg_error *err)
{
   char copy[PATH_MAX];

   if (strlen (path) >= sizeof copy) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_TOO_LARGE, path, "path too long");
   }
   memcpy (copy, path, strlen (path) + 1);
   int fd = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
   if (fd < 0) {
      return fg_error_set_errno (err, errno, path, "cannot open the audit folder");
   }
   /* EINVAL: a file system that has nothing to sync for a folder. */
   bool ok =
      fsync (fd) == 0 || errno == EINVAL || fg_error_set_errno (err, errno, path, "cannot sync the audit folder");
   close (fd);
   return ok;
}

static bool
write_whole (const char *path, const char *text, size_t len, fg_error *err)
{
   unlink (path);
   int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
   if (fd < 0) {
      return fg_error_set_errno (err, errno, path, "cannot create the audit state file");
   }
   errno = ENOSPC; /* a short write sets none */
   bool ok = (write (fd, text, len) == (ssize_t)len && fsync (fd) == 0) ||
             fg_error_set_errno (err, errno, path, "cannot write the audit state file");
   close (fd);
   return ok;
}

/* The replaced file's blocks still hold the old key; on file systems that write in place this removes it. */
static void
overwrite (int fd)
{
   static const char zeros[STATE_MAX];

   if (pwrite (fd, zeros, sizeof zeros, 0) == (ssize_t)sizeof zeros) {
      (void)!fdatasync (fd);
   }
}

bool
fg_audit_state_write (const char *path, const fg_audit_state *state, fg_error *err)
{
   char text[STATE_MAX];
   char next[PATH_MAX];
   size_t len = 0;
   int old = -1;
   bool ok = false;

   int n = snprintf (next, sizeof next, "%s.new", path);
   if (n < 0 || (size_t)n >= sizeof next || !format_state (state, text, sizeof text, &len)) {
      fg_error_set (err, FG_ERROR_AUDIT, FG_E_TOO_LARGE, path, "path of the audit state file is too long");
      goto done;
   }
   if (!write_whole (next, text, len, err)) {
      goto done;
   }
   old = open (path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
   if (rename (next, path) != 0) {
      fg_error_set_errno (err, errno, path, "cannot replace the audit state file");
      goto done;
   }
   if (!fg_audit_sync_dir (path, err)) {
      goto done;
   }
   if (old >= 0) {
      overwrite (old);
   }
   ok = true;

done:
   if (!ok) {
      unlink (next);
   }
   if (old >= 0) {
      close (old);
   }
   fg_memzero (text, sizeof text);
   return ok;
}
