/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-audit fieldguard-base ; -lcrypto -lpthread */

/*
 * The bytes of an audit file: verified, and found by a start at the audit path. Whatever they are, a start either refuses or begins a file that
 * verifies on its own; and no file that verifies is taken for its own successor.
 */

#include "audit/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char dir[64];
static char path[96], state_path[112], key[96];

static void
must (bool condition)
{
   if (!condition) {
      abort ();
   }
}

static void
write_file (const char *name, const void *data, size_t size)
{
   int fd = open (name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

   must (fd >= 0 && write (fd, data, size) == (ssize_t)size);
   close (fd);
}

static void
remove_dir (void)
{
   char command[128];

   snprintf (command, sizeof command, "rm -rf '%s'", dir);
   (void)!system (command);
}

static void
set_up (void)
{
   static const uint8_t secret[32] = "the key of the committed corpus";

   snprintf (dir, sizeof dir, "%s/fg-fuzz-XXXXXX", access ("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
   must (mkdtemp (dir) != NULL);
   snprintf (path, sizeof path, "%s/audit.log", dir);
   snprintf (state_path, sizeof state_path, "%s-state", path);
   snprintf (key, sizeof key, "%s/key", dir);
   write_file (key, secret, sizeof secret);
   atexit (remove_dir);
}

static void
verify (const char *key_file)
{
   const char *const twice[] = {path, path};
   fg_audit_report report = {.size = sizeof report};
   fg_error err = {0};

   if (fg_audit_verify (twice, 1, key_file, false, &report, &err)) {
      must (report.finding == FG_AUDIT_OK ? report.records > 0 : report.message[0] != '\0');
      if (report.finding == FG_AUDIT_OK) {
         must (!fg_audit_verify (twice, 2, key_file, false, &report, &err) || report.finding != FG_AUDIT_OK);
      }
   } else {
      must (err.message[0] != '\0');
   }
}

static void
start (const char *key_file)
{
   const fg_audit_log_options options = {sizeof options, path, key_file};
   const char *const now = path;
   fg_audit_report report = {.size = sizeof report};
   fg_error err = {0};

   fg_audit_log *log = fg_audit_log_open (&options, &err);
   if (!log) {
      must (err.message[0] != '\0');
      return;
   }
   must (fg_audit_log_append (log, "\"atype\":\"x\"", 11, NULL));
   must (fg_audit_log_close (log, NULL));
   must (fg_audit_verify (&now, 1, key_file, false, &report, NULL) && report.finding == FG_AUDIT_OK);
   must (report.records == 3);
}

static void
empty_dir (void)
{
   char command[160];

   (void)unlink (path);
   (void)unlink (state_path);
   static unsigned runs;
   if (++runs % 256 == 0) { /* the moved-away files */
      snprintf (command, sizeof command, "rm -f '%s'/audit.log.*", dir);
      (void)!system (command);
   }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   if (!dir[0]) {
      set_up ();
   }
   const char *const keys[] = {NULL, key};
   for (size_t i = 0; i < 2; i++) {
      write_file (path, data, size);
      verify (keys[i]);
      start (keys[i]);
      empty_dir ();
   }
   return 0;
}
