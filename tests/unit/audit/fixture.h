/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_AUDIT_FIXTURE_H
#define FG_TEST_AUDIT_FIXTURE_H

/* A temporary folder with an audit file, its key and helpers to write, crash, damage and verify. */

#include "audit/internal.h"
#include "tests/unit/runner.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES_MAX 16

typedef struct fixture {
   char dir[64];
   char path[128];
   char key[128];
   char other_key[128];
   char *files[FILES_MAX]; /* oldest first, path last */
   size_t n_files;
} fixture;

static inline void
write_file (const char *path, const void *data, size_t len, mode_t mode)
{
   int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC, mode);
   CU_ASSERT_FATAL (fd >= 0);
   CU_ASSERT_FATAL (write (fd, data, len) == (ssize_t)len);
   CU_ASSERT_FATAL (fchmod (fd, mode) == 0);
   close (fd);
}

static inline void
fixture_begin (fixture *f)
{
   uint8_t key[32];

   memset (f, 0, sizeof *f);
   /* In memory where that is to be had: the log syncs often. */
   snprintf (f->dir, sizeof f->dir, "%s/fg-audit-XXXXXX", access ("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
   CU_ASSERT_FATAL (mkdtemp (f->dir) != NULL);
   snprintf (f->path, sizeof f->path, "%s/audit.log", f->dir);
   snprintf (f->key, sizeof f->key, "%s/key", f->dir);
   snprintf (f->other_key, sizeof f->other_key, "%s/other", f->dir);
   memset (key, 7, sizeof key);
   write_file (f->key, key, sizeof key, 0600);
   memset (key, 8, sizeof key);
   write_file (f->other_key, key, sizeof key, 0600);
}

static inline void
forget_files (fixture *f)
{
   for (size_t i = 0; i < f->n_files; i++) {
      free (f->files[i]);
   }
   f->n_files = 0;
}

static inline void
fixture_end (fixture *f)
{
   char command[128];

   forget_files (f);
   snprintf (command, sizeof command, "rm -rf '%s'", f->dir);
   CU_ASSERT (system (command) == 0);
}

static inline int
rotated_only (const struct dirent *entry)
{
   return strncmp (entry->d_name, "audit.log.2", 11) == 0;
}

/* Fills files: the rotated ones by name, which is by time, then the current one. */
static inline void
list_files (fixture *f)
{
   struct dirent **entries = NULL;
   char name[512];

   forget_files (f);
   int n = scandir (f->dir, &entries, rotated_only, alphasort);
   for (int i = 0; i < n; i++) {
      snprintf (name, sizeof name, "%s/%s", f->dir, entries[i]->d_name);
      CU_ASSERT_FATAL (f->n_files < FILES_MAX - 1);
      f->files[f->n_files++] = strdup (name);
      free (entries[i]);
   }
   free (entries);
   if (access (f->path, F_OK) == 0) {
      f->files[f->n_files++] = strdup (f->path);
   }
}

static inline fg_audit_log *
open_log (const fixture *f, const char *key, fg_error *err)
{
   const fg_audit_log_options options = {sizeof options, f->path, key};
   return fg_audit_log_open (&options, err);
}

static inline bool
append (fg_audit_log *log, int i, fg_error *err)
{
   char fields[128];
   int n = snprintf (fields, sizeof fields, "\"atype\":\"fieldguard.test\",\"param\":{\"n\":%d},\"result\":0", i);
   return fg_audit_log_append (log, fields, (size_t)n, err);
}

/* One run that ends in order. */
static inline void
run_log (const fixture *f, const char *key, int records)
{
   fg_error err = {0};
   fg_audit_log *log = open_log (f, key, &err);

   CU_ASSERT_STRING_EQUAL (err.message, "");
   CU_ASSERT_FATAL (log != NULL);
   for (int i = 0; i < records; i++) {
      CU_ASSERT (append (log, i, &err));
   }
   CU_ASSERT (fg_audit_log_close (log, &err));
}

static fg_audit_log *crashing; /* what a crash leaves behind is no leak */

/* One run that ends in a crash: nothing is closed. */
static inline void
crash_log (const fixture *f, const char *key, int records)
{
   int status = 0;
   pid_t child = fork ();

   if (child == 0) {
      crashing = open_log (f, key, NULL);
      for (int i = 0; crashing && i < records; i++) {
         if (!append (crashing, i, NULL)) {
            _exit (2);
         }
      }
      if (crashing) {
         (void)kill (getpid (), SIGKILL);
      }
      _exit (1);
   }
   CU_ASSERT_FATAL (waitpid (child, &status, 0) == child);
   CU_ASSERT_FATAL (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
}

static inline fg_audit_report
verify_files (fixture *f, const char *key, bool still_open)
{
   fg_audit_report report = {.size = sizeof report};
   fg_error err = {0};

   CU_ASSERT (fg_audit_verify ((const char *const *)f->files, f->n_files, key, still_open, &report, &err));
   CU_ASSERT_STRING_EQUAL (err.message, "");
   return report;
}

static inline fg_audit_report
verify_all (fixture *f, const char *key)
{
   list_files (f);
   return verify_files (f, key, false);
}

/* --- a file as lines, to be damaged ------------------------------------------------------------------------------------------ */

typedef struct lines {
   char *text;
   size_t len;
} lines;

static inline lines
load (const char *path)
{
   lines l = {0};
   struct stat st;
   int fd = open (path, O_RDONLY);

   CU_ASSERT_FATAL (fd >= 0 && fstat (fd, &st) == 0);
   l.len = (size_t)st.st_size;
   l.text = malloc (l.len + 1);
   CU_ASSERT_FATAL (l.text != NULL && read (fd, l.text, l.len) == (ssize_t)l.len);
   l.text[l.len] = '\0';
   close (fd);
   return l;
}

static inline void
store (const char *path, lines *l)
{
   write_file (path, l->text, l->len, 0600);
   free (l->text);
}

/* Start and length, newline included, of line n, counted from 1. */
static inline char *
line_at (const lines *l, size_t n, size_t *len)
{
   char *at = l->text;

   for (size_t i = 1; i < n; i++) {
      at = strchr (at, '\n');
      CU_ASSERT_FATAL (at != NULL);
      at++;
   }
   *len = (size_t)(strchr (at, '\n') + 1 - at);
   return at;
}

static inline void
remove_line (const char *path, size_t n)
{
   lines l = load (path);
   size_t len;
   char *at = line_at (&l, n, &len);

   memmove (at, at + len, l.len - (size_t)(at - l.text) - len);
   l.len -= len;
   store (path, &l);
}

/* Line n moves behind the one that follows it. */
static inline void
swap_lines (const char *path, size_t n)
{
   lines l = load (path);
   char copy[1024];
   size_t len, next_len;
   char *at = line_at (&l, n, &len);
   (void)line_at (&l, n + 1, &next_len);

   CU_ASSERT_FATAL (len < sizeof copy);
   memcpy (copy, at, len);
   memmove (at, at + len, next_len);
   memcpy (at + next_len, copy, len);
   store (path, &l);
}

static inline void
change_byte (const char *path, size_t line, const char *find, char by)
{
   lines l = load (path);
   size_t len;
   char *at = strstr (line_at (&l, line, &len), find);

   CU_ASSERT_FATAL (at != NULL);
   *at = by;
   store (path, &l);
}

static inline void
cut (const char *path, size_t bytes)
{
   struct stat st;

   CU_ASSERT_FATAL (stat (path, &st) == 0);
   CU_ASSERT_FATAL (truncate (path, st.st_size - (off_t)bytes) == 0);
}

#endif /* FG_TEST_AUDIT_FIXTURE_H */
