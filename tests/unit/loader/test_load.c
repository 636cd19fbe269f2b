/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/loader/fixture.h"

#include <unistd.h>

/* Loading fails, the message holds each of the given pieces and the module's path, and the loader is as before. */
static void
expect_refused (const char *module, fg_error_code code, const char *piece, const char *another)
{
   fg_loader *loader = new_loader ();
   fg_error err = {0};
   fg_refusal refusal;
   fg_unit unit;

   CU_ASSERT_FALSE (fg_loader_load (loader, module_path (module), &err));
   CU_ASSERT_EQUAL (err.code, (int32_t)code);
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, module));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, piece));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, another));
   if (!strstr (err.message, piece) || !strstr (err.message, another)) {
      printf ("# %s\n", err.message);
   }
   CU_ASSERT_EQUAL (fg_loader_module_count (loader), 0);
   CU_ASSERT_FALSE (fg_loader_has_setting (loader, "bad.flag"));
   fg_collection *collection = fg_collection_new ("a.b", NULL, NULL);
   fg_unit_begin (&unit, NULL);
   CU_ASSERT_EQUAL (fg_loader_validate (loader, &unit, collection, FG_OP_INSERT, FG_PHASE_STORED, 0,
                                        (const uint8_t *)"\5\0\0\0", 5, NULL, 0, &refusal),
                    FG_VERDICT_ALLOW);
   fg_collection_free (collection);
   fg_loader_free (loader);
}

static void
not_an_object (void)
{
   expect_refused ("bad_not_an_object", FG_E_INVALID, "not a loadable shared object", "");
}

static void
no_symbol (void)
{
   expect_refused ("bad_no_symbol", FG_E_NOT_FOUND, "fieldguard_module_magic", "not a fieldguard module");
   expect_refused ("bad_no_init", FG_E_NOT_FOUND, "fieldguard_module_init", "not a fieldguard module");
}

static void
magic_fields (void)
{
   char has[48], needs[48];

   snprintf (has, sizeof has, "size is %zu", sizeof (fg_module_magic) + 8);
   snprintf (needs, sizeof needs, "needs %zu", sizeof (fg_module_magic));
   expect_refused ("bad_size", FG_E_MISMATCH, has, needs);
   snprintf (has, sizeof has, "abi_major is %d", FG_ABI_MAJOR + 1);
   snprintf (needs, sizeof needs, "needs %d", FG_ABI_MAJOR);
   expect_refused ("bad_abi_major", FG_E_MISMATCH, has, needs);
   snprintf (has, sizeof has, "abi_minor is %d", FG_ABI_MINOR + 1);
   snprintf (needs, sizeof needs, "needs at most %d", FG_ABI_MINOR);
   expect_refused ("bad_abi_minor", FG_E_MISMATCH, has, needs);
   expect_refused ("bad_flags", FG_E_MISMATCH, "flags is 4", "needs 0");
   expect_refused ("bad_name", FG_E_MISMATCH, "name is \"Bad Name\"", "needs [a-z]");
   expect_refused ("bad_long_name", FG_E_MISMATCH, "name is \"a2345", "needs [a-z]");
   expect_refused ("bad_no_version", FG_E_MISMATCH, "version is NULL", "needs a string");
   expect_refused ("bad_null_magic", FG_E_MISMATCH, "returned NULL", "");
}

static void
failing_init (void)
{
   expect_refused ("bad_init", FG_E_UNSUPPORTED, "init failed", "it does not want to");
   expect_refused ("bad_setting_twice", FG_E_EXISTS, "init failed", "bad.flag: defined twice");
   expect_refused ("bad_setting_prefix", FG_E_INVALID, "init failed", "must start with the module's name");
   char has[64];
   snprintf (has, sizeof has, "size is %zu", sizeof (fg_hooks) + sizeof (void *));
   expect_refused ("bad_hooks_size", FG_E_MISMATCH, "init failed", has);
}

static void
missing_file (void)
{
   fg_loader *loader = new_loader ();
   fg_error err = {0};

   CU_ASSERT_FALSE (fg_loader_load (loader, "/nonexistent/module.so", &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "/nonexistent/module.so"));
   CU_ASSERT_FALSE (fg_loader_load (loader, "/", &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "not a regular file"));
   fg_loader_free (loader);
}

/* A bare name is a file here, never something on the library search path. */
static void
bare_name (void)
{
   fg_loader *loader = new_loader ();
   fg_error err = {0};
   char here[512], there[512];

   CU_ASSERT_FALSE (fg_loader_load (loader, "libc.so.6", &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   CU_ASSERT_FATAL (getcwd (here, sizeof here) != NULL);
   snprintf (there, sizeof there, "%s/tests/modules", fg_test_build_dir ());
   CU_ASSERT_FATAL (chdir (there) == 0);
   CU_ASSERT (fg_loader_load (loader, "probe_a.so", &err));
   CU_ASSERT_FATAL (chdir (here) == 0);
   CU_ASSERT_STRING_EQUAL (fg_loader_module_path (loader, 0), "probe_a.so");
   fg_loader_free (loader);
}

static void
two_modules (void)
{
   fg_loader *loader = new_loader ();
   fg_error err = {0};

   load_probe (loader, "probe_a");
   load_probe (loader, "probe_b");
   CU_ASSERT_EQUAL (fg_loader_module_count (loader), 2);
   CU_ASSERT_STRING_EQUAL (fg_loader_module_at (loader, 0)->name, "probeA");
   CU_ASSERT_STRING_EQUAL (fg_loader_module_at (loader, 1)->name, "probeB");
   CU_ASSERT_PTR_NULL (fg_loader_module_at (loader, 2));
   CU_ASSERT_PTR_NULL (fg_loader_module_path (loader, 2));
   CU_ASSERT_FALSE (fg_loader_load (loader, module_path ("probe_a"), &err));
   CU_ASSERT_EQUAL (err.code, FG_E_EXISTS);
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "\"probeA\" is already loaded"));
   CU_ASSERT_FATAL (fg_loader_start (loader, &err));
   CU_ASSERT_FALSE (fg_loader_load (loader, module_path ("probe_b"), &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
   fg_loader_free (loader);
}

static void
options_are_required (void)
{
   fg_loader_options options = {.size = sizeof options, .host_name = "x", .host_version = "1"};
   fg_error err = {0};

   CU_ASSERT_PTR_NULL (fg_loader_new (&options, &err));
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_USAGE);
   fg_loader_free (NULL);
}

const char *const fg_suite_name = "loader_load";
const fg_test fg_tests[] = {{"not_an_object", not_an_object},
                            {"no_symbol", no_symbol},
                            {"magic_fields", magic_fields},
                            {"failing_init", failing_init},
                            {"missing_file", missing_file},
                            {"bare_name", bare_name},
                            {"two_modules", two_modules},
                            {"options_are_required", options_are_required},
                            {NULL, NULL}};
