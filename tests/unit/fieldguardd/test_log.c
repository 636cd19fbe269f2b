/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/log.h"
#include "tests/unit/runner.h"

#include <bson/bson.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const fg_suite_name = "fieldguardd.log";

static char folder[] = "/tmp/fieldguardd-log-XXXXXX";
static char path[64];

static void
set_up (void)
{
   CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (folder));
   snprintf (path, sizeof path, "%s/log", folder);
}

static size_t
tear_down (void)
{
   char pattern[80];
   glob_t found;
   size_t n = 0;

   snprintf (pattern, sizeof pattern, "%s/*", folder);
   if (glob (pattern, 0, NULL, &found) == 0) {
      n = found.gl_pathc;
      for (size_t i = 0; i < n; i++) {
         unlink (found.gl_pathv[i]);
      }
      globfree (&found);
   }
   rmdir (folder);
   memcpy (folder + sizeof folder - 7, "XXXXXX", 6);
   return n;
}

/* Reads the first line as JSON. libbson reads no time zone with a colon, as mongod's log and ours have it: the date stays a string here. */
static bson_t *
first_line (void)
{
   char line[4096];
   bson_error_t error;
   bson_t *doc = NULL;
   FILE *file = fopen (path, "r");

   if (file && fgets (line, sizeof line, file)) {
      char *date = strstr (line, "$date");
      if (date) {
         *date = '_';
      }
      doc = bson_new_from_json ((const uint8_t *)line, -1, &error);
   }
   if (file) {
      fclose (file);
   }
   return doc;
}

static const char *
text_at (const bson_t *doc, const char *dotted)
{
   bson_iter_t iter, found;
   return bson_iter_init (&iter, doc) && bson_iter_find_descendant (&iter, dotted, &found)
             ? bson_iter_utf8 (&found, NULL)
             : "";
}

/* Whatever stands in a name, a line stays one line of JSON. */
static void
test_escaping (void)
{
   fg_error err;
   fgd_attr attr = {0};

   set_up ();
   fgd_log *log = fgd_log_open (path, true, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (log);
   fgd_log_set_context ("conn\"1\n");
   fgd_attr_str (&attr, "quote\"", "a\"b\\c\nd\x01 \xC3\xA9 \xFF");
   fgd_attr_int (&attr, "n", -5);
   fgd_attr_str (&attr, "none", NULL);
   fgd_log_line (log, FG_LOG_WARNING, "NETWORK", 42, "A \"message\"", fgd_attr_json (&attr));
   fgd_attr_free (&attr);
   fgd_log_close (log);
   bson_t *doc = first_line ();
   CU_ASSERT_PTR_NOT_NULL_FATAL (doc);
   CU_ASSERT_STRING_EQUAL (text_at (doc, "s"), "W");
   CU_ASSERT_STRING_EQUAL (text_at (doc, "c"), "NETWORK");
   CU_ASSERT_STRING_EQUAL (text_at (doc, "ctx"), "conn\"1\n");
   CU_ASSERT_STRING_EQUAL (text_at (doc, "msg"), "A \"message\"");
   CU_ASSERT_STRING_EQUAL (text_at (doc, "attr.quote\""), "a\"b\\c\nd\x01 \xC3\xA9 \xEF\xBF\xBD");
   CU_ASSERT_EQUAL (strlen (text_at (doc, "t._date")), strlen ("2026-01-31T12:00:00.000+00:00"));
   bson_destroy (doc);
   fgd_log_set_context ("main");
   CU_ASSERT_EQUAL (tear_down (), 1);
}

static void
test_attr (void)
{
   fgd_attr attr = {0};
   fg_error err;

   CU_ASSERT_STRING_EQUAL (fgd_attr_json (&attr), "{}");
   fg_error_set (&err, FG_ERROR_SERVER, 9, "p", "m\"");
   fgd_attr_error (&attr, &err);
   CU_ASSERT_STRING_EQUAL (fgd_attr_json (&attr),
                           "{\"error\":{\"domain\":1,\"code\":9,\"path\":\"p\",\"errmsg\":\"m\\\"\"}}");
   CU_ASSERT_STRING_EQUAL (fgd_attr_json (&attr), fgd_attr_json (&attr));
   fgd_attr_free (&attr);
}

/* Two rotations in one second get two names; nothing is overwritten. */
static void
test_rotate (void)
{
   fg_error err;

   set_up ();
   fgd_log *log = fgd_log_open (path, true, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (log);
   for (int32_t i = 0; i < 3; i++) {
      fgd_log_line (log, FG_LOG_INFO, "CONTROL", i, "line", NULL);
      CU_ASSERT_TRUE (fgd_log_rotate (log, &err));
   }
   fgd_log_line (log, FG_LOG_INFO, "CONTROL", 3, "line", NULL);
   fgd_log_close (log);
   log = fgd_log_open (path, false, &err); /* not appending: the old file is kept beside */
   CU_ASSERT_PTR_NOT_NULL_FATAL (log);
   fgd_log_close (log);
   CU_ASSERT_EQUAL (tear_down (), 5);
}

static void
test_open_failure (void)
{
   fg_error err;

   fg_error_clear (&err);
   CU_ASSERT_PTR_NULL (fgd_log_open ("/nonexistent/folder/log", true, &err));
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_SYSTEM);
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
}

static void
count_line (void *ctx, const char *line, size_t len)
{
   size_t *n = ctx;
   CU_ASSERT (len > 0 && line[len - 1] == '}');
   (*n)++;
}

static void
test_recent (void)
{
   fg_error err;
   size_t n = 0;

   set_up ();
   fgd_log *log = fgd_log_open (path, true, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (log);
   for (int32_t i = 0; i < 1500; i++) {
      fgd_log_line (log, i % 100 == 0 ? FG_LOG_WARNING : FG_LOG_INFO, "CONTROL", i, "line", NULL);
   }
   CU_ASSERT_EQUAL (fgd_log_visit_recent (log, false, count_line, &n), 1500);
   CU_ASSERT_EQUAL (n, 1024);
   fgd_log_startup_over (log);
   fgd_log_line (log, FG_LOG_WARNING, "CONTROL", 1, "later", NULL);
   n = 0;
   CU_ASSERT_EQUAL (fgd_log_visit_recent (log, true, count_line, &n), 15);
   CU_ASSERT_EQUAL (n, 15);
   fgd_log_close (log);
   tear_down ();
}

const fg_test fg_tests[] = {
   {"escaping", test_escaping},         {"attr", test_attr},     {"rotate", test_rotate},
   {"open_failure", test_open_failure}, {"recent", test_recent}, {NULL, NULL},
};
