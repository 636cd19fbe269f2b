/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_QUERY_HELPER_H
#define FG_TEST_QUERY_HELPER_H

/*
 * One call a case. Documents are Extended JSON with ' for ". Each gives 0 where the result is byte for byte the wanted one, SAME where an update gave the wanted document but
 * counted it as not modified, DIFFERENT where it is another, else the server error's code (or minus the domain, for other errors).
 */

#include <fieldguard/error.h>

#define SAME 1000001
#define DIFFERENT 1000002
#define BAD_TEST 1000003

/* wanted may be NULL where an error is expected. */
int try_update (const char *doc, const char *u, const char *wanted);
int try_update_at (const char *doc, const char *u, const char *filters, size_t positional, const char *wanted);
/* new_id is 012345678901234567890123. */
int try_upsert (const char *filter, const char *u, const char *wanted);
int try_project (const char *doc, const char *spec, const char *wanted);
int try_project_at (const char *doc, const char *spec, size_t positional, const char *wanted);
/* docs and wanted: {'': [documents]} */
int try_sort (const char *docs, const char *spec, size_t limit, const char *wanted);
int try_pipeline (const char *docs, const char *stages, const char *wanted);
/* The last error's text. */
const char *last_message (void);

#endif /* FG_TEST_QUERY_HELPER_H */
