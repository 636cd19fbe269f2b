/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/fixture.h"

/* Every test below damages what this wrote: file 1 (six lines), file 2 (six lines), both closed, keyed. */
static void
two_runs (fixture *f)
{
   fixture_begin (f);
   run_log (f, f->key, 4);
   run_log (f, f->key, 4);
   list_files (f);
   CU_ASSERT_EQUAL_FATAL (f->n_files, 2);
}

static void
expect (fixture *f, fg_audit_finding finding, size_t file, uint64_t line)
{
   fg_audit_report report = verify_files (f, f->key, false);

   CU_ASSERT_EQUAL (report.finding, finding);
   CU_ASSERT_EQUAL (report.file, file);
   CU_ASSERT_EQUAL (report.line, line);
   if (report.finding != finding || report.file != file || report.line != line) {
      printf ("# got finding %d, file %zu, line %llu: %s\n", (int)report.finding, report.file,
              (unsigned long long)report.line, report.message);
   }
   fixture_end (f);
}

static void
intact (void)
{
   fixture f;

   two_runs (&f);
   fg_audit_report report = verify_files (&f, f.key, false);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_EQUAL (report.records, 12);
   CU_ASSERT_TRUE (report.keyed);
   fixture_end (&f);
}

static void
one_file_alone (void)
{
   fixture f;

   two_runs (&f);
   const char *second = f.files[1];
   fg_audit_report report = {.size = sizeof report};
   CU_ASSERT (fg_audit_verify (&second, 1, f.key, false, &report, NULL));
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_EQUAL (report.records, 6);
   fixture_end (&f);
}

static void
changed_content (void)
{
   fixture f;
   two_runs (&f);
   change_byte (f.files[0], 3, "\"n\":1", '"' + 1);
   expect (&f, FG_AUDIT_CHANGED, 0, 3);
}

static void
changed_mac (void)
{
   fixture f;
   two_runs (&f);
   lines l = load (f.files[1]);
   size_t len;
   char *at = line_at (&l, 2, &len) + len - 4;
   *at = *at == '0' ? '1' : '0';
   store (f.files[1], &l);
   expect (&f, FG_AUDIT_CHANGED, 1, 2);
}

static void
changed_seq (void)
{
   fixture f;
   two_runs (&f);
   change_byte (f.files[0], 3, "3,\"mac\"", '9');
   expect (&f, FG_AUDIT_CHANGED, 0, 3);
}

static void
changed_to_garbage (void)
{
   fixture f;
   two_runs (&f);
   change_byte (f.files[0], 4, "{", 'x');
   expect (&f, FG_AUDIT_CHANGED, 0, 4);
}

static void
changed_opening (void)
{
   fixture f;
   two_runs (&f);
   change_byte (f.files[0], 1, "20", '3');
   expect (&f, FG_AUDIT_CHANGED, 0, 1);
}

static void
removed_line (void)
{
   fixture f;
   two_runs (&f);
   remove_line (f.files[0], 3);
   expect (&f, FG_AUDIT_REMOVED, 0, 3);
}

static void
removed_opening (void)
{
   fixture f;
   two_runs (&f);
   remove_line (f.files[0], 1);
   expect (&f, FG_AUDIT_NOT_AUDIT, 0, 1);
}

static void
removed_closing (void)
{
   fixture f;
   two_runs (&f);
   remove_line (f.files[1], 6);
   expect (&f, FG_AUDIT_TAIL_MISSING, 1, 5);
}

static void
removed_closing_of_an_earlier_file (void)
{
   fixture f;
   two_runs (&f);
   remove_line (f.files[0], 6);
   expect (&f, FG_AUDIT_TAIL_MISSING, 0, 5);
}

static void
removed_tail (void)
{
   fixture f;
   two_runs (&f);
   remove_line (f.files[1], 6);
   remove_line (f.files[1], 5);
   expect (&f, FG_AUDIT_TAIL_MISSING, 1, 4);
}

static void
reordered (void)
{
   fixture f;
   two_runs (&f);
   swap_lines (f.files[0], 3);
   expect (&f, FG_AUDIT_REORDERED, 0, 3);
}

static void
repeated (void)
{
   fixture f;
   two_runs (&f);
   lines l = load (f.files[0]);
   lines twice = {malloc (2 * l.len + 1), 0};
   size_t len;
   CU_ASSERT_FATAL (twice.text != NULL);
   char *third = line_at (&l, 3, &len);
   twice.len = (size_t)(third - l.text) + len;
   memcpy (twice.text, l.text, twice.len);
   memcpy (twice.text + twice.len, third, l.len - (size_t)(third - l.text));
   twice.len += l.len - (size_t)(third - l.text);
   free (l.text);
   store (f.files[0], &twice);
   expect (&f, FG_AUDIT_REORDERED, 0, 4);
}

static void
appended_after_the_closing (void)
{
   fixture f;
   two_runs (&f);
   lines first = load (f.files[0]);
   lines l = load (f.files[1]);
   size_t len;
   const char *line = line_at (&first, 2, &len);
   l.text = realloc (l.text, l.len + len + 1);
   CU_ASSERT_FATAL (l.text != NULL);
   memcpy (l.text + l.len, line, len);
   l.len += len;
   free (first.text);
   store (f.files[1], &l);
   expect (&f, FG_AUDIT_CHANGED, 1, 7);
}

static void
torn (void)
{
   fixture f;
   two_runs (&f);
   cut (f.files[1], 10);
   expect (&f, FG_AUDIT_TORN, 1, 6);
}

static void
files_in_the_wrong_order (void)
{
   fixture f;
   two_runs (&f);
   char *first = f.files[0];
   f.files[0] = f.files[1];
   f.files[1] = first;
   expect (&f, FG_AUDIT_FILE_MISSING, 1, 1);
}

static void
file_in_the_middle_missing (void)
{
   fixture f;
   two_runs (&f);
   run_log (&f, f.key, 1);
   list_files (&f);
   CU_ASSERT_EQUAL_FATAL (f.n_files, 3);
   free (f.files[1]);
   f.files[1] = f.files[2];
   f.n_files = 2;
   expect (&f, FG_AUDIT_FILE_MISSING, 1, 1);
}

/* A forger without the key, who recomputes plain hashes, does not get past the key id; nor does a holder of another key. */
static void
wrong_keys_cannot_verify (void)
{
   fixture f;
   fg_audit_report report = {.size = sizeof report};
   fg_error err = {0};

   two_runs (&f);
   const char *const *paths = (const char *const *)f.files;
   CU_ASSERT_FALSE (fg_audit_verify (paths, 2, f.other_key, false, &report, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_MISMATCH);
   CU_ASSERT_FALSE (fg_audit_verify (paths, 2, NULL, false, &report, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_MISMATCH);
   CU_ASSERT_FALSE (fg_audit_verify (paths, 2, "/nonexistent", false, &report, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   fixture_end (&f);
}

static void
plain_hashes (void)
{
   fixture f;
   fg_audit_report report = {.size = sizeof report};

   fixture_begin (&f);
   run_log (&f, NULL, 3);
   run_log (&f, NULL, 3);
   report = verify_all (&f, NULL);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
   CU_ASSERT_FALSE (report.keyed);
   CU_ASSERT_FALSE (fg_audit_verify ((const char *const *)f.files, 2, f.key, false, &report, NULL));
   change_byte (f.files[0], 2, "\"n\":0", '1');
   report = verify_files (&f, NULL, false);
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_CHANGED);
   CU_ASSERT_EQUAL (report.line, 2);
   fixture_end (&f);
}

static void
not_audit_files (void)
{
   static const char *const texts[] = {"", "x", "\n", "{}\n", "{\"atype\":\"fieldguard.auditOpen\",\n"};
   fixture f;

   fixture_begin (&f);
   for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
      write_file (f.path, texts[i], strlen (texts[i]), 0600);
      fg_audit_report report = verify_all (&f, NULL);
      CU_ASSERT_EQUAL (report.finding, FG_AUDIT_NOT_AUDIT);
   }
   fg_audit_report report = {.size = sizeof report};
   const char *missing = "/nonexistent/audit.log";
   CU_ASSERT_FALSE (fg_audit_verify (&missing, 1, NULL, false, &report, NULL));
   CU_ASSERT_FALSE (fg_audit_verify (&missing, 0, NULL, false, &report, NULL));
   fixture_end (&f);
}

/* Every single byte of a file, flipped in turn: never "in order". */
static void
every_byte_counts (void)
{
   fixture f;

   fixture_begin (&f);
   run_log (&f, f.key, 1);
   list_files (&f);
   lines original = load (f.path);
   for (size_t i = 0; i < original.len; i++) {
      lines l = {malloc (original.len), original.len};
      fg_audit_report report = {.size = sizeof report};
      CU_ASSERT_FATAL (l.text != NULL);
      memcpy (l.text, original.text, l.len);
      l.text[i] = (char)(l.text[i] ^ 1);
      store (f.path, &l);
      bool answered = fg_audit_verify ((const char *const *)f.files, f.n_files, f.key, false, &report, NULL);
      CU_ASSERT (!answered || report.finding != FG_AUDIT_OK);
   }
   free (original.text);
   fixture_end (&f);
}

const char *const fg_suite_name = "audit_verify";
const fg_test fg_tests[] = {{"intact", intact},
                            {"one_file_alone", one_file_alone},
                            {"changed_content", changed_content},
                            {"changed_mac", changed_mac},
                            {"changed_seq", changed_seq},
                            {"changed_to_garbage", changed_to_garbage},
                            {"changed_opening", changed_opening},
                            {"removed_line", removed_line},
                            {"removed_opening", removed_opening},
                            {"removed_closing", removed_closing},
                            {"removed_closing_of_an_earlier_file", removed_closing_of_an_earlier_file},
                            {"removed_tail", removed_tail},
                            {"reordered", reordered},
                            {"repeated", repeated},
                            {"appended_after_the_closing", appended_after_the_closing},
                            {"torn", torn},
                            {"files_in_the_wrong_order", files_in_the_wrong_order},
                            {"file_in_the_middle_missing", file_in_the_middle_missing},
                            {"wrong_keys_cannot_verify", wrong_keys_cannot_verify},
                            {"plain_hashes", plain_hashes},
                            {"not_audit_files", not_audit_files},
                            {"every_byte_counts", every_byte_counts},
                            {NULL, NULL}};
