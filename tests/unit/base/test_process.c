/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/runner.h"

#include <sys/prctl.h>
#include <sys/resource.h>

const char *const fg_suite_name = "base.process";

static void
harden_disables_core_dumps (void)
{
   fg_error err = {0};
   struct rlimit limit = {1, 1};
   CU_ASSERT_TRUE (fg_process_harden (&err));
   CU_ASSERT_EQUAL (getrlimit (RLIMIT_CORE, &limit), 0);
   CU_ASSERT_EQUAL (limit.rlim_cur, 0);
   CU_ASSERT_EQUAL (limit.rlim_max, 0);
   CU_ASSERT_EQUAL (prctl (PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
}

const fg_test fg_tests[] = {{"harden_disables_core_dumps", harden_disables_core_dumps}, {NULL, NULL}};
