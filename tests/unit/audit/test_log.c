/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

static void
modes_of_files (void)
{
   fixture f;
   struct stat st;
   char state[160];

   fixture_begin (&f);
   umask (0);
   run_log (&f, f.key, 1);
   umask (022);
   CU_ASSERT_FATAL (stat (f.path, &st) == 0);
   CU_ASSERT_EQUAL (st.st_mode & 0777, 0600);
   snprintf (state, sizeof state, "%s-state", f.path);
   CU_ASSERT_FATAL (stat (state, &st) == 0);
   CU_ASSERT_EQUAL (st.st_mode & 0777, 0600);
   fixture_end (&f);
}

static void
rotation (void)
{
   fixture f;
   fg_error err = {0};

   fixture_begin (&f);
   fg_audit_log *log = open_log (&f, f.key, &err);
   CU_ASSERT_FATAL (log != NULL);
   for (int i = 0; i < 5; i++) {
      CU_ASSERT (append (log, i, &err));
      CU_ASSERT (fg_audit_log_sync (log, &err));
      CU_ASSERT (fg_audit_log_rotate (log, &err));
   }
   CU_ASSERT (fg_audit_log_close (log, &err));
   CU_ASSERT_STRING_EQUAL (err.message, "");
   fg_audit_report report = verify_all (&f, f.key);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_EQUAL (f.n_files, 6);
   CU_ASSERT_EQUAL (report.records, 17);
   fixture_end (&f);
}

/* The key of a past file is nowhere any more: what is on the machine cannot make that file's macs. */
static void
past_keys_are_gone (void)
{
   fixture f;
   fg_error err = {0};
   fg_audit_key first;
   fg_audit_state state;
   char state_path[160];
   bool found = false;

   fixture_begin (&f);
   run_log (&f, f.key, 1);
   snprintf (state_path, sizeof state_path, "%s-state", f.path);
   CU_ASSERT (fg_audit_key_read (f.key, &first, &err));
   CU_ASSERT (fg_audit_state_read (state_path, &state, &found, &err));
   CU_ASSERT_TRUE (found);
   CU_ASSERT_EQUAL (state.file, 1);
   CU_ASSERT_FALSE (fg_ct_equal (first.key, state.key.key, sizeof first.key));
   CU_ASSERT (fg_audit_key_next (&first, &err));
   CU_ASSERT_TRUE (fg_ct_equal (first.key, state.key.key, sizeof first.key));
   fixture_end (&f);
}

static void
restart_without_the_key_file (void)
{
   fixture f;
   char away[160];

   fixture_begin (&f);
   run_log (&f, f.key, 1);
   snprintf (away, sizeof away, "%s.offline", f.key);
   CU_ASSERT_FATAL (rename (f.key, away) == 0);
   run_log (&f, f.key, 1);
   fg_audit_report report = verify_all (&f, away);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_EQUAL (report.records, 6);
   fixture_end (&f);
}

static void
restart_with_another_key (void)
{
   fixture f;
   fg_error err = {0};

   fixture_begin (&f);
   run_log (&f, f.key, 1);
   CU_ASSERT_PTR_NULL (open_log (&f, f.other_key, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_MISMATCH);
   CU_ASSERT_PTR_NULL (open_log (&f, NULL, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_MISMATCH);
   fixture_end (&f);
}

static void
crash_is_explained_by_the_next_file (void)
{
   fixture f;

   fixture_begin (&f);
   crash_log (&f, f.key, 3);
   list_files (&f);
   CU_ASSERT_EQUAL (verify_files (&f, f.key, false).finding, FG_AUDIT_TAIL_MISSING);
   CU_ASSERT_EQUAL (verify_files (&f, f.key, true).finding, FG_AUDIT_OK);
   run_log (&f, f.key, 1);
   fg_audit_report report = verify_all (&f, f.key);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_EQUAL (report.records, 7);
   fixture_end (&f);
}

/* What was there when the server came up again is what must be there later. */
static void
crash_does_not_excuse_a_later_cut (void)
{
   fixture f;

   fixture_begin (&f);
   crash_log (&f, f.key, 3);
   run_log (&f, f.key, 1);
   list_files (&f);
   remove_line (f.files[0], 4);
   fg_audit_report report = verify_files (&f, f.key, false);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_TAIL_MISSING);
   CU_ASSERT_EQUAL (report.file, 0);
   CU_ASSERT_EQUAL (report.line, 3);
   fixture_end (&f);
}

static void
torn_line_after_a_crash (void)
{
   fixture f;

   fixture_begin (&f);
   crash_log (&f, f.key, 3);
   cut (f.path, 30);
   list_files (&f);
   CU_ASSERT_EQUAL (verify_files (&f, f.key, true).finding, FG_AUDIT_TORN);
   run_log (&f, f.key, 1);
   fg_audit_report report = verify_all (&f, f.key);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_EQUAL (report.records, 6);
   fixture_end (&f);
}

/* Crashes while the opening record is being written, at any byte: the next start goes on. */
static void
crash_in_the_opening_record (void)
{
   for (size_t left = 0; left < 400; left += 37) {
      fixture f;
      struct stat st;

      fixture_begin (&f);
      run_log (&f, f.key, 1);
      crash_log (&f, f.key, 0);
      CU_ASSERT_FATAL (stat (f.path, &st) == 0);
      if ((off_t)left < st.st_size) {
         CU_ASSERT_FATAL (truncate (f.path, (off_t)left) == 0);
      }
      run_log (&f, f.key, 1);
      CU_ASSERT_EQUAL (verify_all (&f, f.key).finding, FG_AUDIT_OK);
      fixture_end (&f);
   }
}

static void
restart_with_a_forged_last_record (void)
{
   fixture f;
   fg_error err = {0};

   fixture_begin (&f);
   crash_log (&f, f.key, 3);
   change_byte (f.path, 4, "\"n\":2", '9');
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
   fixture_end (&f);
}

static void
lost_state (void)
{
   fixture f;
   char state[160];

   fixture_begin (&f);
   run_log (&f, f.key, 1);
   run_log (&f, f.key, 1);
   snprintf (state, sizeof state, "%s-state", f.path);
   CU_ASSERT (unlink (state) == 0);
   run_log (&f, f.key, 1);
   fg_audit_report report = verify_all (&f, f.key);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_EQUAL (f.n_files, 3);
   fixture_end (&f);
}

static void
damaged_state (void)
{
   fixture f;
   fg_error err = {0};
   char state[160];

   fixture_begin (&f);
   run_log (&f, f.key, 1);
   snprintf (state, sizeof state, "%s-state", f.path);
   change_byte (state, 1, "seq ", 'x');
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
   write_file (state, "", 0, 0600);
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
   CU_ASSERT (chmod (state, 0644) == 0);
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
   fixture_end (&f);
}

static void
foreign_files_are_left_alone (void)
{
   fixture f;
   fg_error err = {0};

   fixture_begin (&f);
   write_file (f.path, "precious\n", 9, 0644);
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   write_file (f.path, "precious", 8, 0644);
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   lines l = load (f.path);
   CU_ASSERT_STRING_EQUAL (l.text, "precious");
   free (l.text);
   fixture_end (&f);
}

static void
symlinks_are_not_followed (void)
{
   fixture f;
   fg_error err = {0};
   char target[160];

   fixture_begin (&f);
   snprintf (target, sizeof target, "%s/target", f.dir);
   CU_ASSERT_FATAL (symlink (target, f.path) == 0);
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   CU_ASSERT (access (target, F_OK) != 0);
   write_file (target, "x", 1, 0600);
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   fixture_end (&f);
}

static void
key_files_are_checked (void)
{
   fixture f;
   fg_error err = {0};

   fixture_begin (&f);
   CU_ASSERT (chmod (f.key, 0640) == 0);
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
   write_file (f.key, "short", 5, 0600);
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_INVALID);
   CU_ASSERT_PTR_NULL (open_log (&f, f.dir, &err));
   CU_ASSERT_PTR_NULL (open_log (&f, "/nonexistent", &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   CU_ASSERT (access (f.path, F_OK) != 0);
   fixture_end (&f);
}

static void
one_writer (void)
{
   fixture f;
   fg_error err = {0};

   fixture_begin (&f);
   fg_audit_log *log = open_log (&f, f.key, &err);
   CU_ASSERT_FATAL (log != NULL);
   CU_ASSERT_PTR_NULL (open_log (&f, f.key, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_EXISTS);
   CU_ASSERT (append (log, 1, NULL));
   CU_ASSERT (fg_audit_log_close (log, NULL));
   CU_ASSERT_EQUAL (verify_all (&f, f.key).finding, FG_AUDIT_OK);
   fixture_end (&f);
}

static void
fields_that_would_break_a_line (void)
{
   static const char *const bad[] = {"", "\"a\":1\n", "\"atype\":\"fieldguard.auditOpen\",",
                                     "\"atype\":\"fieldguard.auditClose\",\"x\":1"};
   fixture f;
   fg_error err = {0};

   fixture_begin (&f);
   fg_audit_log *log = open_log (&f, NULL, &err);
   CU_ASSERT_FATAL (log != NULL);
   for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      CU_ASSERT_FALSE (fg_audit_log_append (log, bad[i], strlen (bad[i]), &err));
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_USAGE);
   }
   char *huge = malloc (FG_AUDIT_LINE_MAX);
   CU_ASSERT_FATAL (huge != NULL);
   memset (huge, 'x', FG_AUDIT_LINE_MAX);
   CU_ASSERT_FALSE (fg_audit_log_append (log, huge, FG_AUDIT_LINE_MAX, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_TOO_LARGE);
   free (huge);
   CU_ASSERT (fg_audit_log_close (log, &err));
   CU_ASSERT_EQUAL (verify_all (&f, NULL).finding, FG_AUDIT_OK);
   fixture_end (&f);
}

/* A file that may not grow stands for a disk that is full: writes come back short, then fail. */
static void
full_disk (void)
{
   fixture f;
   fg_error err = {0};
   struct rlimit before, tight;
   int written = 0;

   fixture_begin (&f);
   signal (SIGXFSZ, SIG_IGN);
   CU_ASSERT_FATAL (getrlimit (RLIMIT_FSIZE, &before) == 0);
   fg_audit_log *log = open_log (&f, f.key, &err);
   CU_ASSERT_FATAL (log != NULL);
   tight = before;
   tight.rlim_cur = 2000;
   CU_ASSERT_FATAL (setrlimit (RLIMIT_FSIZE, &tight) == 0);
   while (written < 100 && append (log, written, &err)) {
      written++;
   }
   CU_ASSERT (written > 1 && written < 100);
   CU_ASSERT_EQUAL (err.code, FG_E_NO_SPACE);
   CU_ASSERT_FALSE (append (log, 1, &err));
   CU_ASSERT_FALSE (fg_audit_log_reserve (log, 100, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NO_SPACE);
   CU_ASSERT_FALSE (fg_audit_log_rotate (log, &err));
   lines l = load (f.path);
   CU_ASSERT_EQUAL (l.text[l.len - 1], '\n'); /* cut back to the last whole line */
   free (l.text);
   CU_ASSERT_FATAL (setrlimit (RLIMIT_FSIZE, &before) == 0);
   CU_ASSERT (append (log, 1, &err));
   CU_ASSERT (fg_audit_log_reserve (log, 100, &err));
   CU_ASSERT (fg_audit_log_close (log, &err));
   fg_audit_report report = verify_all (&f, f.key);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_EQUAL (report.records, (uint64_t)written + 3);
   fixture_end (&f);
}

/* What was reserved is there afterwards, whatever else happens to the disk; and it is not part of the file. */
static void
reserved_room (void)
{
   fixture f;
   struct stat before, after;

   fixture_begin (&f);
   fg_audit_log *log = open_log (&f, NULL, NULL);
   CU_ASSERT_FATAL (log != NULL && stat (f.path, &before) == 0);
   CU_ASSERT (fg_audit_log_reserve (log, 100000, NULL));
   CU_ASSERT_FATAL (stat (f.path, &after) == 0);
   CU_ASSERT_EQUAL (before.st_size, after.st_size);
   CU_ASSERT (fg_audit_log_close (log, NULL));
   CU_ASSERT_EQUAL (verify_all (&f, NULL).finding, FG_AUDIT_OK);
   fixture_end (&f);
}

static void *
append_many (void *arg)
{
   fg_audit_log *log = arg;

   for (int i = 0; i < 200; i++) {
      if (!append (log, i, NULL) || (i % 20 == 0 && !fg_audit_log_sync (log, NULL))) {
         return arg;
      }
   }
   return NULL;
}

static void
threads (void)
{
   fixture f;
   pthread_t thread[4];

   fixture_begin (&f);
   fg_audit_log *log = open_log (&f, f.key, NULL);
   CU_ASSERT_FATAL (log != NULL);
   for (int i = 0; i < 4; i++) {
      CU_ASSERT_FATAL (pthread_create (&thread[i], NULL, append_many, log) == 0);
   }
   for (int i = 0; i < 5; i++) {
      CU_ASSERT (fg_audit_log_rotate (log, NULL));
   }
   for (int i = 0; i < 4; i++) {
      void *failed = NULL;
      pthread_join (thread[i], &failed);
      CU_ASSERT_PTR_NULL (failed);
   }
   CU_ASSERT (fg_audit_log_close (log, NULL));
   fg_audit_report report = verify_all (&f, f.key);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_EQUAL (report.records, 800 + 12);
   fixture_end (&f);
}

const char *const fg_suite_name = "audit_log";
const fg_test fg_tests[] = {{"modes_of_files", modes_of_files},
                            {"rotation", rotation},
                            {"past_keys_are_gone", past_keys_are_gone},
                            {"restart_without_the_key_file", restart_without_the_key_file},
                            {"restart_with_another_key", restart_with_another_key},
                            {"crash_is_explained_by_the_next_file", crash_is_explained_by_the_next_file},
                            {"crash_does_not_excuse_a_later_cut", crash_does_not_excuse_a_later_cut},
                            {"torn_line_after_a_crash", torn_line_after_a_crash},
                            {"crash_in_the_opening_record", crash_in_the_opening_record},
                            {"restart_with_a_forged_last_record", restart_with_a_forged_last_record},
                            {"lost_state", lost_state},
                            {"damaged_state", damaged_state},
                            {"foreign_files_are_left_alone", foreign_files_are_left_alone},
                            {"symlinks_are_not_followed", symlinks_are_not_followed},
                            {"key_files_are_checked", key_files_are_checked},
                            {"one_writer", one_writer},
                            {"fields_that_would_break_a_line", fields_that_would_break_a_line},
                            {"full_disk", full_disk},
                            {"reserved_room", reserved_room},
                            {"threads", threads},
                            {NULL, NULL}};
