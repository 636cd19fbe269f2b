/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/journal.h"

#include "client/keys/file.h"
#include "tests/unit/runner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const fg_suite_name = "client.journal";

static char folder[] = "/tmp/fieldguard-journal-XXXXXX";
static char path[128];

static void
new_path (const char *name)
{
   if (strstr (folder, "XXXXXX")) {
      CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (folder));
   }
   snprintf (path, sizeof path, "%s/%s", folder, name);
}

typedef struct seen {
   size_t n;
   int64_t sum;
   size_t refuse_at;
} seen;

static bool
visit (void *ctx, const bson_t *record, fg_error *err)
{
   seen *s = ctx;
   bson_iter_t iter;

   CU_ASSERT_FATAL (bson_iter_init_find (&iter, record, "v"));
   s->sum += bson_iter_as_int64 (&iter);
   s->n++;
   return s->n != s->refuse_at || fg_error_set (err, FG_ERROR_KEY, FG_E_DENIED, NULL, "refused");
}

static void
add (fg_journal *j, int32_t v)
{
   bson_t record = BSON_INITIALIZER;

   BSON_APPEND_INT32 (&record, "v", v);
   BSON_APPEND_UTF8 (&record, "text", "line\nfeed, \"quotes\" }");
   CU_ASSERT (fg_journal_add (j, &record, NULL));
   bson_destroy (&record);
}

static void
write_journal (int32_t from, int32_t to)
{
   seen s = {0};
   bool existed = true;
   fg_error err = {0};
   fg_journal *j = fg_journal_open (path, "{ \"v\" : ", visit, &s, &existed, &err);

   CU_ASSERT_STRING_EQUAL (err.message, "");
   CU_ASSERT_PTR_NOT_NULL_FATAL (j);
   for (int32_t i = from; i <= to; i++) {
      add (j, i);
      if (i % 3 == 0) {
         CU_ASSERT (fg_journal_flush (j, i % 2, NULL));
      }
   }
   CU_ASSERT (fg_journal_flush (j, true, NULL));
   fg_journal_close (j);
}

static bool
read_journal (seen *s, size_t *torn, fg_error *err)
{
   bool existed = false;

   memset (s, 0, sizeof *s);
   fg_journal *j = fg_journal_open (path, "{ \"v\" : ", visit, s, &existed, err);
   if (!j) {
      return false;
   }
   *torn = fg_journal_torn (j);
   CU_ASSERT (existed == (s->n > 0));
   fg_journal_close (j);
   return true;
}

static void
test_append_and_read (void)
{
   seen s;
   size_t torn = 1;
   struct stat st;

   new_path ("a");
   write_journal (1, 10);
   write_journal (11, 20);
   CU_ASSERT (read_journal (&s, &torn, NULL));
   CU_ASSERT (s.n == 20 && s.sum == 210 && torn == 0);
   CU_ASSERT (stat (path, &st) == 0 && (st.st_mode & 07777) == 0600);
}

/* Cut anywhere it is whole lines and a torn one, and goes on from there. */
static void
test_cut_anywhere (void)
{
   uint8_t *data;
   size_t len;
   fg_error err = {0};

   new_path ("cut");
   write_journal (1, 3);
   CU_ASSERT_FATAL (fg_file_read (path, 1 << 20, "it", &data, &len, NULL));
   for (size_t keep = 0; keep < len; keep += keep % 40 == 0 ? 13 : 1) {
      seen s;
      size_t torn = 0;
      FILE *f = fopen (path, "w");
      CU_ASSERT_FATAL (f && fwrite (data, 1, keep, f) == keep && fclose (f) == 0);
      CU_ASSERT (read_journal (&s, &torn, &err));
      CU_ASSERT (s.n <= 3 && torn <= keep);
      CU_ASSERT (read_journal (&s, &torn, &err));
      CU_ASSERT_EQUAL (torn, 0);
      size_t before = s.n;
      write_journal (7, 7);
      CU_ASSERT (read_journal (&s, &torn, &err));
      CU_ASSERT (s.n == before + 1 && torn == 0);
   }
   free (data);
}

/* Any bit changed in a whole line is noticed, and the file left alone. */
static void
test_changed_anywhere (void)
{
   uint8_t *data;
   size_t len;

   new_path ("changed");
   write_journal (1, 3);
   CU_ASSERT_FATAL (fg_file_read (path, 1 << 20, "it", &data, &len, NULL));
   for (size_t i = 0; i + 1 < len; i++) {
      seen s = {0};
      size_t valid;
      uint8_t chain[FG_SHA256_LEN];
      fg_error err = {0};
      data[i] ^= 0x04;
      bool ok = fg_journal_scan (data, len, visit, &s, &valid, chain, &err);
      CU_ASSERT_FALSE (ok);
      CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
      data[i] ^= 0x04;
   }
   free (data);
}

/* Lines taken out or swapped. */
static void
test_order (void)
{
   char *lines[8] = {NULL};
   size_t n = 0;
   uint8_t *data;
   size_t len;
   char text[8192];
   seen s = {0};
   size_t valid;
   uint8_t chain[FG_SHA256_LEN];

   new_path ("order");
   write_journal (1, 5);
   CU_ASSERT_FATAL (fg_file_read (path, 1 << 20, "it", &data, &len, NULL));
   data[len] = '\0';
   for (char *p = (char *)data, *end; (end = strchr (p, '\n')); p = end + 1) {
      *end = '\0';
      lines[n++] = p;
   }
   CU_ASSERT_EQUAL_FATAL (n, 5);
   int m = snprintf (text, sizeof text, "%s\n%s\n%s\n", lines[0], lines[2], lines[3]);
   CU_ASSERT_FALSE (fg_journal_scan ((uint8_t *)text, (size_t)m, visit, &s, &valid, chain, NULL));
   m = snprintf (text, sizeof text, "%s\n%s\n%s\n", lines[0], lines[2], lines[1]);
   CU_ASSERT_FALSE (fg_journal_scan ((uint8_t *)text, (size_t)m, visit, &s, &valid, chain, NULL));
   m = snprintf (text, sizeof text, "%s\n\n%s\n", lines[0], lines[1]);
   CU_ASSERT_FALSE (fg_journal_scan ((uint8_t *)text, (size_t)m, visit, &s, &valid, chain, NULL));
   m = snprintf (text, sizeof text, "%s\n%s\n", lines[0], lines[1]);
   CU_ASSERT (fg_journal_scan ((uint8_t *)text, (size_t)m, visit, &s, &valid, chain, NULL));
   free (data);
}

static void
test_visitor_refuses (void)
{
   seen s = {.refuse_at = 2};
   bool existed;
   fg_error err = {0};

   new_path ("refuses");
   write_journal (1, 3);
   CU_ASSERT_PTR_NULL (fg_journal_open (path, "{ \"v\" : ", visit, &s, &existed, &err));
   CU_ASSERT (err.code == FG_E_DENIED && s.n == 2);
}

/* A file that is no journal keeps its bytes, whether it has a line or not. */
static void
test_somebody_elses (void)
{
   static const char *const texts[] = {"my notes", "my notes\n", "{\"v\": 1}", "{ \"w\" : 1 }", "[", " "};

   new_path ("notes");
   for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
      seen s;
      size_t torn;
      fg_error err = {0};
      uint8_t *data;
      size_t len;
      FILE *f = fopen (path, "w");
      CU_ASSERT_FATAL (f && fputs (texts[i], f) >= 0 && fclose (f) == 0);
      CU_ASSERT_FALSE (read_journal (&s, &torn, &err));
      CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
      CU_ASSERT_FATAL (fg_file_read (path, 1 << 20, "it", &data, &len, NULL));
      CU_ASSERT (len == strlen (texts[i]) && memcmp (data, texts[i], len) == 0);
      free (data);
   }
}

static void
test_one_process (void)
{
   seen s = {0};
   bool existed;
   fg_error err = {0};

   new_path ("locked");
   fg_journal *j = fg_journal_open (path, "{ \"v\" : ", visit, &s, &existed, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (j);
   CU_ASSERT_PTR_NULL (fg_journal_open (path, "{ \"v\" : ", visit, &s, &existed, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_BUSY);
   fg_journal_close (j);
   j = fg_journal_open (path, "{ \"v\" : ", visit, &s, &existed, &err);
   CU_ASSERT_PTR_NOT_NULL (j);
   fg_journal_close (j);
}

static void
test_no_file (void)
{
   seen s = {0};
   bool existed;
   fg_error err = {0};

   new_path ("target");
   write_journal (1, 1);
   char link[160];
   snprintf (link, sizeof link, "%s/link", folder);
   CU_ASSERT (symlink (path, link) == 0);
   CU_ASSERT_PTR_NULL (fg_journal_open (link, "{ \"v\" : ", visit, &s, &existed, &err));
   CU_ASSERT_PTR_NULL (fg_journal_open (folder, "{ \"v\" : ", visit, &s, &existed, &err));
   snprintf (link, sizeof link, "%s/none/x", folder);
   CU_ASSERT_PTR_NULL (fg_journal_open (link, "{ \"v\" : ", visit, &s, &existed, &err));
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_SYSTEM);
   CU_ASSERT_PTR_NULL (fg_journal_open ("/dev/null", "{ \"v\" : ", visit, &s, &existed, &err));
}

/* A disk that is full in the middle of a batch: nothing of it stays, and the journal takes no more. */
static void
test_full_disk (void)
{
   seen s = {0};
   bool existed;
   size_t torn = 0;
   fg_error err = {0};
   struct rlimit before;

   new_path ("full");
   write_journal (1, 3);
   fg_journal *j = fg_journal_open (path, "{ \"v\" : ", visit, &s, &existed, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (j);
   struct stat st;
   CU_ASSERT_FATAL (stat (path, &st) == 0 && getrlimit (RLIMIT_FSIZE, &before) == 0);
   struct rlimit tight = {(rlim_t)st.st_size + 100, before.rlim_max};
   signal (SIGXFSZ, SIG_IGN);
   CU_ASSERT_FATAL (setrlimit (RLIMIT_FSIZE, &tight) == 0);
   add (j, 4);
   CU_ASSERT_FALSE (fg_journal_flush (j, true, &err));
   CU_ASSERT_FATAL (setrlimit (RLIMIT_FSIZE, &before) == 0);
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_SYSTEM);
   CU_ASSERT_FALSE (fg_journal_flush (j, true, &err));
   fg_journal_close (j);
   CU_ASSERT (read_journal (&s, &torn, NULL));
   CU_ASSERT (s.n == 3 && torn == 0);
}

static void
test_too_large (void)
{
   seen s = {0};
   bool existed;
   fg_error err = {0};
   char *text = malloc (FG_JOURNAL_LINE_MAX + 1);
   bson_t record = BSON_INITIALIZER;

   new_path ("large");
   fg_journal *j = fg_journal_open (path, "{ \"v\" : ", visit, &s, &existed, NULL);
   CU_ASSERT_FATAL (text && j);
   memset (text, 'x', FG_JOURNAL_LINE_MAX);
   text[FG_JOURNAL_LINE_MAX] = '\0';
   BSON_APPEND_UTF8 (&record, "v", text);
   CU_ASSERT_FALSE (fg_journal_add (j, &record, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_TOO_LARGE);
   bson_destroy (&record);
   free (text);
   fg_journal_close (j);
}

static void
test_remove_folder (void)
{
   char command[64];

   snprintf (command, sizeof command, "rm -r %s", folder);
   CU_ASSERT (system (command) == 0);
}

const fg_test fg_tests[] = {
   {"append_and_read", test_append_and_read},
   {"cut_anywhere", test_cut_anywhere},
   {"changed_anywhere", test_changed_anywhere},
   {"order", test_order},
   {"visitor_refuses", test_visitor_refuses},
   {"somebody_elses", test_somebody_elses},
   {"one_process", test_one_process},
   {"no_file", test_no_file},
   {"full_disk", test_full_disk},
   {"too_large", test_too_large},
   {"remove_folder", test_remove_folder},
   {NULL, NULL},
};
