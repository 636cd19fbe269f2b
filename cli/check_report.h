/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_CHECK_REPORT_H
#define FG_CLI_CHECK_REPORT_H

/*
 * The verdict on one document, and how it is printed: mongod's own reading first (compat), with --strict the module's policy as well. The line of a refused document has the shape of
 * mongod's write error.
 */

#include "cli/documents.h"

#include <fieldguard/match.h>
#include <fieldguard/policy.h>

typedef struct fg_checker {
   fg_validator *validator;
   fg_policy *policy; /* NULL: not strict */
} fg_checker;

typedef struct fg_finding {
   bool refused;
   bool by_policy; /* else by the validator */
   bool undecided; /* a limit: refused because unknown; */
   const char *why; /* then this is the reason, static */
} fg_finding;

typedef struct fg_check_summary {
   uint64_t documents, violations, bytes;
   uint64_t undecided;
   uint64_t by_validator, by_policy;
   uint64_t reasons[FG_REASON_CANNOT_DECIDE + 1]; /* with --strict: values, not documents */
} fg_check_summary;

/* Errors in FG_ERROR_SERVER: the options are what `create` refuses. */
bool fg_checker_open (fg_checker *checker, const fg_buf *options, bool strict, fg_error *err) FG_WARN_UNUSED;
void fg_checker_close (fg_checker *checker);

/* False: the document is not well-formed BSON. */
bool fg_checker_judge (const fg_checker *checker, const fg_document *document, fg_finding *finding,
                       fg_error *err) FG_WARN_UNUSED;

/* {"index":0,"_id":1,"code":121,"errInfo":{"failingDocumentId":1,"details":{...}}} on stdout; relaxed Extended JSON. */
bool fg_check_report_line (const fg_checker *checker, uint64_t index, const fg_document *document,
                           const fg_finding *finding, fg_error *err) FG_WARN_UNUSED;

void fg_check_summary_add (fg_check_summary *counts, const fg_checker *checker, const fg_document *document,
                           const fg_finding *finding);
void fg_check_summary_print (const fg_check_summary *counts, bool strict);

#endif /* FG_CLI_CHECK_REPORT_H */
