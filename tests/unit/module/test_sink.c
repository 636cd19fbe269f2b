/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/module/fixture.h"

#include <signal.h>
#include <sys/resource.h>

static struct rlimit unlimited;

/* The audit file may not grow any more: for the module a full disk. */
static void
fill_disk (const world *w)
{
   struct rlimit tight;
   struct stat st;

   signal (SIGXFSZ, SIG_IGN);
   CU_ASSERT_FATAL (getrlimit (RLIMIT_FSIZE, &unlimited) == 0);
   CU_ASSERT_FATAL (stat (w->audit, &st) == 0);
   tight = unlimited;
   tight.rlim_cur = (rlim_t)st.st_size + 10;
   CU_ASSERT_FATAL (setrlimit (RLIMIT_FSIZE, &tight) == 0);
}

static void
make_room (void)
{
   CU_ASSERT_FATAL (setrlimit (RLIMIT_FSIZE, &unlimited) == 0);
}

static void
expect_chain (const world *w)
{
   const char *path = w->audit;
   fg_audit_report report = {.size = sizeof report};

   CU_ASSERT (fg_audit_verify (&path, 1, NULL, true, &report, NULL));
   CU_ASSERT_EQUAL (report.finding, FG_AUDIT_OK);
}

static void
full_disk_closed (void)
{
   world w;
   fg_collection *free_one = fg_collection_new ("hr.free", NULL, NULL);

   begin (&w, NO_SETTINGS);
   fill_disk (&w);
   CU_ASSERT_NOT_EQUAL (write_doc (&w, json (PLAIN), 0), 0);
   CU_ASSERT_NOT_EQUAL (write_doc (&w, encrypted (2), 0), 0); /* every write to a protected collection now */
   CU_ASSERT_PTR_NOT_NULL (strstr (w.refusal.message, "audit log"));
   bson_t *doc = json (PLAIN);
   CU_ASSERT_EQUAL (write_raw (&w, free_one, bson_get_data (doc), doc->len, 0, true), 0);
   bson_destroy (doc);
   CU_ASSERT (stat_of (&w, "fieldguard.blocked") >= 1);
   CU_ASSERT (stat_of (&w, "fieldguard.auditFailures") >= 1);
   CU_ASSERT_NOT_EQUAL (ddl (&w, FG_DDL_DROP, w.people, NULL, NULL), 0);
   CU_ASSERT_FALSE (fg_loader_set_setting (w.loader, "fieldguard.bypass", "refuse", false, NULL, NULL));
   make_room ();
   CU_ASSERT_NOT_EQUAL (write_doc (&w, encrypted (2), 0), 0); /* this one's record shows that the log works again */
   CU_ASSERT_EQUAL (write_doc (&w, encrypted (2), 0), 0);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.blocked", ""), 1);
   CU_ASSERT_PTR_NOT_NULL (strstr (w.logged, "can be written again"));
   expect_chain (&w);
   fg_collection_free (free_one);
   end (&w);
}

/* No room for the record of a write that audit mode would accept: it is not accepted. */
static void
full_disk_in_audit_mode (void)
{
   world w;

   begin (&w, SETTINGS ("fieldguard.mode=audit"));
   fill_disk (&w);
   CU_ASSERT_NOT_EQUAL (write_doc (&w, json (PLAIN), 0), 0);
   make_room ();
   (void)write_doc (&w, json (PLAIN), 0);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 0);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", "\"result\":0"), 1);
   expect_chain (&w);
   end (&w);
}

static void
full_disk_open (void)
{
   world w;

   begin (&w, SETTINGS ("fieldguard.mode=audit", "fieldguard.auditFailure=open"));
   fill_disk (&w);
   for (int i = 0; i < 3; i++) {
      CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 0);
      CU_ASSERT_EQUAL (write_doc (&w, encrypted (2), 0), 0);
   }
   const char *first = strstr (w.logged, "are lost until they can");
   CU_ASSERT_PTR_NOT_NULL_FATAL (first);
   CU_ASSERT_PTR_NULL (strstr (first + 1, "are lost until they can")); /* logged once */
   CU_ASSERT (stat_of (&w, "fieldguard.auditFailures") >= 3);
   CU_ASSERT (fg_loader_set_setting (w.loader, "fieldguard.mode", "enforce", false, NULL, NULL));
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   make_room ();
   expect_chain (&w);
   end (&w);
}

static void
rotate_hook (void)
{
   world w;

   begin (&w, NO_SETTINGS);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   fg_loader_rotate (w.loader);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", ""), 0);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.auditOpen", "\"closed\":true"), 1);
   CU_ASSERT_EQUAL (write_doc (&w, json (PLAIN), 0), 121);
   CU_ASSERT_EQUAL (records (&w, "fieldguard.violation", ""), 1);
   expect_chain (&w);
   end (&w);
}

static void
expect_no_start (const char *const *settings, const char *piece)
{
   world w;
   fg_error err = {0};

   CU_ASSERT_FALSE (begin_with (&w, settings, &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, piece));
   end (&w);
}

static void
starts_that_fail (void)
{
   expect_no_start (SETTINGS ("", "fieldguard.auditDestination=file"), "fieldguard.auditPath");
   expect_no_start (SETTINGS ("fieldguard.auditKeyFile=/nonexistent/key"), "cannot open the audit key file");
   expect_no_start (SETTINGS ("fieldguard.auditPath=/nonexistent/audit.log"), "audit");
   expect_no_start (SETTINGS ("", "fieldguard.auditKeyFile=/nonexistent/key"), "no audit file");
}

static void
startup_record (void)
{
   world w;

   begin (&w, SETTINGS ("fieldguard.bypass=audit"));
   CU_ASSERT_EQUAL (records (&w, "fieldguard.startup",
                             "\"mode\":\"enforce\",\"strict\":true,\"bypass\":\"audit\",\"ruleRemoval\":\"refuse\""),
                    1);
   end (&w);
}

const char *const fg_suite_name = "module_sink";
const fg_test fg_tests[] = {{"full_disk_closed", full_disk_closed},
                            {"full_disk_in_audit_mode", full_disk_in_audit_mode},
                            {"full_disk_open", full_disk_open},
                            {"rotate_hook", rotate_hook},
                            {"starts_that_fail", starts_that_fail},
                            {"startup_record", startup_record},
                            {NULL, NULL}};
