/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/loader/fixture.h"

/* The example module, beside fieldguard.so, does what its README says. */

static fg_verdict
validate (fg_loader *loader, const fg_collection *collection, size_t len, fg_refusal *refusal)
{
   static const uint8_t zeros[2000];
   fg_unit unit;

   fg_unit_begin (&unit, NULL);
   fg_verdict verdict =
      fg_loader_validate (loader, &unit, collection, FG_OP_INSERT, FG_PHASE_STORED, 0, zeros, len, NULL, 0, refusal);
   fg_refusal_release (refusal);
   fg_loader_rolled_back (loader, &unit);
   return verdict;
}

static int64_t greeted;

static void
keep (const fg_stat_sink *sink, const char *name, int64_t value)
{
   (void)sink;
   if (strcmp (name, "hello.greeted") == 0) {
      greeted = value;
   }
}

static void
ignore (const fg_stat_sink *sink, const char *name, const char *value)
{
   (void)sink;
   (void)name;
   (void)value;
}

static void
beside_fieldguard (void)
{
   fg_loader *loader = new_loader ();
   fg_collection *collection = fg_collection_new ("a.b", NULL, NULL);
   const fg_stat_sink sink = {.size = sizeof sink, .int64 = keep, .text = ignore};
   fg_refusal refusal;
   char path[512];

   snprintf (path, sizeof path, "%s/lib/fieldguard.so", fg_test_build_dir ());
   CU_ASSERT_FATAL (fg_loader_load (loader, path, NULL));
   snprintf (path, sizeof path, "%s/examples/hello.so", fg_test_build_dir ());
   CU_ASSERT_FATAL (fg_loader_load (loader, path, NULL));
   CU_ASSERT (fg_loader_set_setting (loader, "hello.maxBytes", "1000", true, NULL, NULL));
   CU_ASSERT_FATAL (fg_loader_start (loader, NULL));
   CU_ASSERT_EQUAL (validate (loader, collection, 1000, &refusal), FG_VERDICT_ALLOW);
   CU_ASSERT_EQUAL (validate (loader, collection, 1001, &refusal), FG_VERDICT_REJECT);
   CU_ASSERT_EQUAL (refusal.code, 121);
   CU_ASSERT_STRING_EQUAL (refusal.message, "hello: the document has more than 1000 bytes");
   set (loader, "hello.maxBytes", "2000");
   CU_ASSERT_EQUAL (validate (loader, collection, 1001, &refusal), FG_VERDICT_ALLOW);
   fg_loader_stats (loader, &sink);
   CU_ASSERT_EQUAL (greeted, 2);
   fg_collection_free (collection);
   fg_loader_free (loader);
}

const char *const fg_suite_name = "hello_module";
const fg_test fg_tests[] = {{"beside_fieldguard", beside_fieldguard}, {NULL, NULL}};
