/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/loader/fixture.h"

static void
expect_value (const fg_loader *loader, const char *name, const char *value)
{
   char text[64] = "";

   CU_ASSERT (fg_loader_get_setting (loader, name, text, sizeof text));
   CU_ASSERT_STRING_EQUAL (text, value);
}

static void
expect_refused (fg_loader *loader, const char *name, const char *value, bool at_startup, fg_error_code code)
{
   fg_error err = {0};

   CU_ASSERT_FALSE (fg_loader_set_setting (loader, name, value, at_startup, NULL, &err));
   CU_ASSERT_EQUAL (err.code, (int32_t)code);
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, name));
}

static void
canonical_text (void)
{
   static const char *const yes[] = {"true", "1", "on", "yes"};
   fg_loader *loader = new_loader ();

   load_probe (loader, "probe_a");
   expect_value (loader, "probeA.flag", "false");
   for (size_t i = 0; i < 4; i++) {
      CU_ASSERT (fg_loader_set_setting (loader, "probeA.flag", "off", true, NULL, NULL));
      CU_ASSERT (fg_loader_set_setting (loader, "probeA.flag", yes[i], true, NULL, NULL));
      expect_value (loader, "probeA.flag", "true");
   }
   CU_ASSERT (fg_loader_set_setting (loader, "probeA.number", "+004", true, NULL, NULL));
   expect_value (loader, "probeA.number", "4");
   CU_ASSERT (fg_loader_set_setting (loader, "probeA.text", "a b\xC3\xA4", true, NULL, NULL));
   expect_value (loader, "probeA.text", "a b\xC3\xA4");
   fg_loader_free (loader);
}

static void
bad_values (void)
{
   fg_loader *loader = new_loader ();
   fg_error err = {0};

   load_probe (loader, "probe_a");
   expect_refused (loader, "probeA.flag", "perhaps", true, FG_E_INVALID);
   expect_refused (loader, "probeA.flag", "", true, FG_E_INVALID);
   expect_refused (loader, "probeA.level", "Middle", true, FG_E_INVALID);
   expect_refused (loader, "probeA.number", "6", true, FG_E_INVALID);
   expect_refused (loader, "probeA.number", "1x", true, FG_E_INVALID);
   expect_refused (loader, "probeA.number", "", true, FG_E_INVALID);
   expect_refused (loader, "probeA.number", "99999999999999999999", true, FG_E_INVALID);
   expect_refused (loader, "probeA.text", "line\nbreak", true, FG_E_INVALID);
   expect_refused (loader, "probeA.nosuch", "1", true, FG_E_NOT_FOUND);
   CU_ASSERT_FALSE (fg_loader_set_setting (loader, "probeA.level", "x", true, NULL, &err));
   CU_ASSERT_STRING_EQUAL (err.message, "setting probeA.level: the value must be one of low, middle, high");
   expect_value (loader, "probeA.level", "middle");
   char *huge = malloc (5000);
   CU_ASSERT_FATAL (huge != NULL);
   memset (huge, 'x', 4999);
   huge[4999] = '\0';
   expect_refused (loader, "probeA.text", huge, true, FG_E_INVALID);
   free (huge);
   fg_loader_free (loader);
}

static void
contexts (void)
{
   fg_loader *loader = started_probes ();

   expect_refused (loader, "probeA.path", "/x", false, FG_E_DENIED);
   expect_refused (loader, "probeA.allowLoosening", "true", false, FG_E_DENIED);
   expect_refused (loader, "probeA.number", "1", true, FG_E_DENIED); /* the start-up is over */
   set (loader, "probeA.number", "1");
   set (loader, "probeA.number", "-1");
   expect_refused (loader, "probeA.level", "low", false, FG_E_DENIED);
   set (loader, "probeA.level", "middle");
   set (loader, "probeA.level", "high");
   expect_refused (loader, "probeA.level", "middle", false, FG_E_DENIED);
   set (loader, "probeA.flag", "true");
   expect_refused (loader, "probeA.flag", "false", false, FG_E_DENIED);
   expect_value (loader, "probeA.level", "high");
   fg_loader_free (loader);
}

/* Each module's own allowLoosening, and nobody else's. */
static void
allow_loosening (void)
{
   fg_loader *loader = new_loader ();

   load_probe (loader, "probe_a");
   load_probe (loader, "probe_b");
   CU_ASSERT (fg_loader_set_setting (loader, "probeA.allowLoosening", "true", true, NULL, NULL));
   CU_ASSERT_FATAL (fg_loader_start (loader, NULL));
   set (loader, "probeA.level", "low");
   expect_refused (loader, "probeB.level", "low", false, FG_E_DENIED);
   fg_loader_free (loader);
}

static void
module_has_a_say (void)
{
   fg_loader *loader = started_probes ();

   set (loader, "probeA.number", "1");
   CU_ASSERT_STRING_EQUAL (said, "probeA probeA.number\n"); /* only the module whose setting it is */
   set (loader, "probeA.refuse", "setting");
   expect_refused (loader, "probeA.number", "2", false, FG_E_INVALID);
   expect_value (loader, "probeA.number", "1");
   set (loader, "probeB.number", "2");
   fg_loader_free (loader);
}

static bool
collect (void *ctx, const fg_setting_def *def, const char *value)
{
   size_t *n = ctx;

   CU_ASSERT_PTR_NOT_NULL (def->help);
   CU_ASSERT_PTR_NOT_NULL (value);
   return ++*n != 8;
}

static void
visiting (void)
{
   fg_loader *loader = started_probes ();
   size_t n = 0;
   char small[3];

   fg_loader_visit_settings (loader, collect, &n);
   CU_ASSERT_EQUAL (n, 8);
   CU_ASSERT_FALSE (fg_loader_get_setting (loader, "probeA.level", small, sizeof small));
   CU_ASSERT_FALSE (fg_loader_get_setting (loader, "nosuch", small, sizeof small));
   CU_ASSERT_TRUE (fg_loader_has_setting (loader, "probeB.level"));
   fg_loader_free (loader);
}

const char *const fg_suite_name = "loader_settings";
const fg_test fg_tests[] = {{"canonical_text", canonical_text},
                            {"bad_values", bad_values},
                            {"contexts", contexts},
                            {"allow_loosening", allow_loosening},
                            {"module_has_a_say", module_has_a_say},
                            {"visiting", visiting},
                            {NULL, NULL}};
