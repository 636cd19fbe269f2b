/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/limits.h"
#include "tests/unit/runner.h"

#include <string.h>

const char *const fg_suite_name = "fieldguardd.limits";

static void
test_defaults (void)
{
   fgd_limits limits;
   fgd_limit limit;

   fgd_limits_init (&limits);
   CU_ASSERT_EQUAL (fgd_limit_get (&limits, FGD_LIMIT_CURSOR_TIMEOUT_MS), 600000);
   CU_ASSERT_EQUAL (fgd_limit_bytes (&limits, FGD_LIMIT_CURSOR_MEMORY_MB), INT64_C (1) << 30);
   for (unsigned i = 0; i < FGD_LIMIT_N; i++) {
      CU_ASSERT (fgd_limit_find (fgd_limit_name ((fgd_limit)i), &limit) && limit == (fgd_limit)i);
   }
   CU_ASSERT_FALSE (fgd_limit_find ("cursortimeoutmillis", &limit));
}

static void
test_set (void)
{
   static const char *const bad[] = {"", " ", "0", "-5", "x", "10x", "1.5", "99999999999999999999", "2147483648"};
   fgd_limits limits;
   fg_error err;

   fgd_limits_init (&limits);
   CU_ASSERT (fgd_limit_set (&limits, FGD_LIMIT_CURSOR_TIMEOUT_MS, "1", &err));
   CU_ASSERT (fgd_limit_set (&limits, FGD_LIMIT_CURSOR_TIMEOUT_MS, "2147483647", &err));
   for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
      fg_error_clear (&err);
      CU_ASSERT_FALSE (fgd_limit_set (&limits, FGD_LIMIT_CURSOR_TIMEOUT_MS, bad[i], &err));
      CU_ASSERT (err.domain == FG_ERROR_SETTING && strcmp (err.path, "cursorTimeoutMillis") == 0);
   }
   CU_ASSERT_EQUAL (fgd_limit_get (&limits, FGD_LIMIT_CURSOR_TIMEOUT_MS), INT32_MAX);
   CU_ASSERT_FALSE (fgd_limit_set (&limits, FGD_LIMIT_REPLY_MEMORY_MB, "63", &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "from 64"));
}

const fg_test fg_tests[] = {{"defaults", test_defaults}, {"set", test_set}, {NULL, NULL}};
