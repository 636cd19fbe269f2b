/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_RUNNER_H
#define FG_TEST_RUNNER_H

/*
 * One CUnit program a test file. A test file defines fg_suite_name and fg_tests[] (ended by {NULL, NULL}); runner.c has main, which runs them all (or
 * those named on the command line) and prints "ok NAME", "not ok NAME - where" or "skip NAME - reason" a line, as every test of ours does.
 */

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <stdbool.h>

typedef struct fg_test {
   const char *name;
   void (*run) (void);
} fg_test;

extern const char *const fg_suite_name;
extern const fg_test fg_tests[];

/* Call and return: the running test is reported as skipped with this reason. */
void fg_test_skip (const char *reason);

/* The build folder that holds bin/ and lib/ ($FG_BUILD), and the top of the source tree ($FG_TOP). */
const char *fg_test_build_dir (void);
const char *fg_test_top_dir (void);

#endif /* FG_TEST_RUNNER_H */
