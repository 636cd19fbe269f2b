/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check_report.h"

#include "cli/options_file.h"

#include <bson/bson.h>
#include <inttypes.h>
#include <stdio.h>

#define DOCUMENT_VALIDATION_FAILURE 121

bool
fg_checker_open (fg_checker *checker, const fg_buf *options, bool strict, fg_error *err)
{
   fg_policy_options policy_options = FG_POLICY_OPTIONS_INIT;
   const uint8_t *document = options->data;

   if (!fg_options_file_check (options, err)) {
      return false;
   }
   checker->validator = fg_validator_compile (options->data, options->len, 0, err);
   if (checker->validator && strict) {
      checker->policy = fg_policy_compile (&document, &options->len, 1, &policy_options, err);
   }
   return checker->validator && (checker->policy || !strict);
}

void
fg_checker_close (fg_checker *checker)
{
   fg_validator_free (checker->validator);
   fg_policy_free (checker->policy);
}

/* --- the verdict ------------------------------------------------------------------------------------------------------ */

/* What could not be decided: a malformed document is no verdict at all, a limit is a refusal. */
static bool
undecided (fg_finding *finding, const fg_error *err)
{
   if (err->domain != FG_ERROR_LIMIT) {
      return false;
   }
   finding->refused = finding->undecided = true;
   finding->why =
      err->code == FG_E_TOO_DEEP ? "nested too deeply to be checked" : "a limit was exceeded while checking";
   return true;
}

static bool
judge_empty (const fg_document *document, fg_error *err)
{
   bson_t bson;
   size_t offset = 0;

   return (bson_init_static (&bson, document->data, document->len) &&
           bson_validate (&bson, BSON_VALIDATE_NONE, &offset)) ||
          fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "malformed BSON, %zu bytes into the document", offset);
}

bool
fg_checker_judge (const fg_checker *checker, const fg_document *document, fg_finding *finding, fg_error *err)
{
   *finding = (fg_finding){0};
   if (fg_validator_is_empty (checker->validator)) {
      if (!judge_empty (document, err)) {
         return false;
      }
   } else {
      fg_match match = fg_validator_check (checker->validator, document->data, document->len, err);
      if (match == FG_MATCH_ERROR) {
         return undecided (finding, err);
      }
      finding->refused = match == FG_MATCH_NO;
   }
   if (finding->refused || !checker->policy) {
      return true;
   }
   fg_check check = fg_policy_check (checker->policy, document->data, document->len, FG_PHASE_STORED, err);
   finding->by_policy = true;
   if (check == FG_CHECK_ERROR) {
      return undecided (finding, err);
   }
   finding->refused = check == FG_CHECK_VIOLATION;
   return true;
}

/* --- the line ----------------------------------------------------------------------------------------------------------- */

/* Deeper than this libbson's JSON writer gives up, and writes what is no JSON. */
#define JSON_DEPTH 180

static bool
deeper_than (const bson_t *document, unsigned levels)
{
   bson_iter_t iter;
   bson_t kid;
   const uint8_t *data;
   uint32_t len;

   if (levels == 0) {
      return true;
   }
   if (!bson_iter_init (&iter, document)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      if (BSON_ITER_HOLDS_DOCUMENT (&iter)) {
         bson_iter_document (&iter, &len, &data);
      } else if (BSON_ITER_HOLDS_ARRAY (&iter)) {
         bson_iter_array (&iter, &len, &data);
      } else {
         continue;
      }
      if (bson_init_static (&kid, data, len) && deeper_than (&kid, levels - 1)) {
         return true;
      }
   }
   return false;
}

static bool
explain (const fg_checker *checker, const fg_document *document, const fg_finding *finding, bool redact,
         bson_t *details, fg_error *err)
{
   fg_explain_options options = FG_EXPLAIN_OPTIONS_INIT;

   if (finding->undecided) {
      bson_append_utf8 (details, "reason", -1, finding->why, -1);
      return true;
   }
   if (finding->by_policy) {
      return fg_policy_explain (checker->policy, document->data, document->len, FG_PHASE_STORED, details, err);
   }
   options.redact = redact;
   return fg_validator_explain (checker->validator, document->data, document->len, &options, details, err);
}

/* libbson puts spaces between its tokens; a line has none. In place. */
static void
squeeze (char *text)
{
   char *to = text;
   bool quoted = false;

   for (const char *from = text; *from; from++) {
      if (*from == '"') {
         quoted = !quoted;
      } else if (*from == '\\' && quoted) {
         *to++ = *from++;
      } else if (*from == ' ' && !quoted) {
         continue;
      }
      *to++ = *from;
   }
   *to = '\0';
}

static char *
line_text (const fg_document *document, const bson_t *details, const char *note)
{
   bson_t doc;
   bson_t line = BSON_INITIALIZER;
   bson_t info;
   bson_iter_t id;

   bool has_id = bson_init_static (&doc, document->data, document->len) && bson_iter_init_find (&id, &doc, "_id") &&
                 !(note && note[0] == '!');
   if (has_id) {
      bson_append_iter (&line, "_id", 3, &id);
   }
   bson_append_int32 (&line, "code", 4, DOCUMENT_VALIDATION_FAILURE);
   bson_append_document_begin (&line, "errInfo", 7, &info);
   if (has_id) {
      bson_append_iter (&info, "failingDocumentId", -1, &id);
   }
   if (note) {
      bson_append_utf8 (&info, "note", 4, note + (note[0] == '!'), -1);
   } else {
      bson_append_document (&info, "details", 7, details);
   }
   bson_append_document_end (&line, &info);
   char *text = deeper_than (&line, JSON_DEPTH) ? NULL : bson_as_relaxed_extended_json (&line, NULL);
   bson_destroy (&line);
   return text;
}

/* The details; without the values in them where those cannot be written as JSON (not UTF-8, too deep); without the details; without the _id. */
static char *
best_text (const fg_checker *checker, const fg_document *document, const fg_finding *finding, fg_error *err)
{
   char *text = NULL;
   bool explained = true;

   for (int redact = 0; redact < 2 && explained && !text; redact++) {
      bson_t details = BSON_INITIALIZER;
      explained = explain (checker, document, finding, redact, &details, err);
      text = explained ? line_text (document, &details, NULL) : NULL;
      bson_destroy (&details);
   }
   if (!text && !explained && err->domain == FG_ERROR_BSON) {
      return NULL;
   }
   if (!text) {
      text = line_text (document, NULL, "failed to generate document validation error");
   }
   return text ? text : line_text (document, NULL, "!_id cannot be written as JSON");
}

bool
fg_check_report_line (const fg_checker *checker, uint64_t index, const fg_document *document, const fg_finding *finding,
                      fg_error *err)
{
   fg_error inner = {0};
   char *text = best_text (checker, document, finding, &inner);

   if (!text) {
      return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "document %" PRIu64 " at offset %" PRIu64 ": %s",
                           index, document->offset, inner.message[0] ? inner.message : "out of memory");
   }
   squeeze (text);
   bool ok = printf ("{\"index\":%" PRIu64 ",%s\n", index, text + 1) >= 0;
   bson_free (text);
   return ok || fg_error_set (err, FG_ERROR_SYSTEM, FG_E_IO, NULL, "cannot write to stdout");
}

/* --- the summary --------------------------------------------------------------------------------------------------------- */

static bool
count_reason (void *ctx, const fg_violation *violation)
{
   fg_check_summary *counts = ctx;

   if ((unsigned)violation->reason <= FG_REASON_CANNOT_DECIDE) {
      counts->reasons[violation->reason]++;
   }
   return true;
}

void
fg_check_summary_add (fg_check_summary *counts, const fg_checker *checker, const fg_document *document,
                      const fg_finding *finding)
{
   counts->violations++;
   counts->undecided += finding->undecided;
   counts->by_validator += !finding->by_policy;
   counts->by_policy += finding->by_policy;
   if (checker->policy) {
      fg_policy_visit_violations (checker->policy, document->data, document->len, FG_PHASE_STORED, count_reason,
                                  counts);
   }
}

void
fg_check_summary_print (const fg_check_summary *counts, bool strict)
{
   const char *comma = "";

   printf ("{\"documents\":%" PRIu64 ",\"violations\":%" PRIu64 ",\"undecided\":%" PRIu64, counts->documents,
           counts->violations, counts->undecided);
   if (strict) {
      printf (",\"byValidator\":%" PRIu64 ",\"byPolicy\":%" PRIu64 ",\"reasons\":{", counts->by_validator,
              counts->by_policy);
      for (int r = FG_REASON_NONE + 1; r <= FG_REASON_CANNOT_DECIDE; r++) {
         if (counts->reasons[r]) {
            printf ("%s\"%s\":%" PRIu64, comma, fg_reason_name ((fg_reason)r), counts->reasons[r]);
            comma = ",";
         }
      }
      printf ("}");
   }
   printf ("}\n");
}
