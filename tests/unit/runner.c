/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_reason;

void
fg_test_skip (const char *reason)
{
   skip_reason = reason;
}

const char *
fg_test_build_dir (void)
{
   const char *dir = getenv ("FG_BUILD");
   return dir ? dir : "build";
}

const char *
fg_test_top_dir (void)
{
   const char *dir = getenv ("FG_TOP");
   return dir ? dir : ".";
}

static bool
wanted (int argc, char **argv, const char *name)
{
   if (argc < 2) {
      return true;
   }
   for (int i = 1; i < argc; i++) {
      if (strcmp (argv[i], name) == 0) {
         return true;
      }
   }
   return false;
}

/* Runs one test as a registry of its own, so that one failure list belongs to one name. */
static bool
run_one (const fg_test *test)
{
   bool ok = false;

   skip_reason = NULL;
   if (CU_initialize_registry () != CUE_SUCCESS) {
      printf ("not ok %s.%s - CUnit: %s\n", fg_suite_name, test->name, CU_get_error_msg ());
      return false;
   }
   CU_pSuite suite = CU_add_suite (fg_suite_name, NULL, NULL);
   if (suite && CU_add_test (suite, test->name, test->run) && CU_run_all_tests () == CUE_SUCCESS) {
      ok = CU_get_number_of_failures () == 0;
   }
   if (!ok) {
      printf ("not ok %s.%s", fg_suite_name, test->name);
      for (CU_pFailureRecord f = CU_get_failure_list (); f; f = f->pNext) {
         printf (" - %s:%u: %s", f->strFileName, f->uiLineNumber, f->strCondition);
      }
      printf ("\n");
   } else if (skip_reason) {
      printf ("skip %s.%s - %s\n", fg_suite_name, test->name, skip_reason);
   } else if (CU_get_number_of_asserts () == 0) {
      printf ("not ok %s.%s - asserts nothing\n", fg_suite_name, test->name);
      ok = false;
   } else {
      printf ("ok %s.%s\n", fg_suite_name, test->name);
   }
   fflush (stdout);
   CU_cleanup_registry ();
   return ok;
}

int
main (int argc, char **argv)
{
   int failures = 0;

   for (const fg_test *test = fg_tests; test->name; test++) {
      if (wanted (argc, argv, test->name) && !run_one (test)) {
         failures++;
      }
   }
   return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
