/* SPDX-License-Identifier: Apache-2.0 */

/* The libraries' answers beside the oracle's. */

#include "tests/oracle/differential.h"
#include "tests/oracle/generate.h"
#include "tests/oracle/oracle.h"

#include <fieldguard/match.h>
#include <fieldguard/policy.h>
#include <stdio.h>
#include <string.h>

differential_counts differential_total;

static void
print (const char *what, const bson_t *doc)
{
   size_t len;
   char *json = bson_as_canonical_extended_json (doc, &len);
   fprintf (stderr, "%s: %s\n", what, json ? json : "(not representable)");
   bson_free (json);
}

static bool
differ (const bson_t *options, const bson_t *doc, const char *what, long library, long oracle, const char *detail)
{
   fprintf (stderr, "difference in %s: library %ld, oracle %ld %s\n", what, library, oracle, detail);
   print ("options", options);
   print ("document", doc);
   return false;
}

static bool
compare_match (const bson_t *options, const bson_t *doc, bool *parsed)
{
   fg_error err;
   fg_error_clear (&err);
   fg_validator *validator = fg_validator_compile (bson_get_data (options), options->len, 0, &err);
   int code = validator ? 0 : err.domain == FG_ERROR_SERVER ? err.code : -1, expected = oracle_compat_parse (options);
   *parsed = expected == 0;
   if (code != expected) {
      fg_validator_free (validator);
      return differ (options, doc, "parse", code, expected, err.message);
   }
   if (!validator) {
      return true;
   }
   fg_match match = fg_validator_check (validator, bson_get_data (doc), doc->len, &err);
   oracle_verdict verdict = oracle_compat_check (options, doc);
   fg_validator_free (validator);
   differential_total.parsed++;
   differential_total.matched += match == FG_MATCH_YES;
   differential_total.refused += verdict == ORACLE_REFUSED;
   if (verdict == ORACLE_REFUSED) {
      /* mongod refuses such a write; where it is met below an alternative that another branch settles first, the order of evaluation decides. */
      return true;
   }
   return (long)match == (long)verdict || differ (options, doc, "match", match, verdict, "");
}

static bool
first_violation (void *ctx, const fg_violation *violation)
{
   char *detail = ctx;
   snprintf (detail, 128, "(%s at %.80s)", fg_reason_name (violation->reason), violation->rule_path);
   return false;
}

static bool
compare_policy (const bson_t *options, const bson_t *doc, fg_phase phase, bool strict)
{
   fg_policy_options how = FG_POLICY_OPTIONS_INIT;
   const uint8_t *bytes = bson_get_data (options);
   size_t len = options->len;
   fg_error err;

   fg_error_clear (&err);
   how.strict = strict;
   fg_policy *policy = fg_policy_compile (&bytes, &len, 1, &how, &err);
   if (!policy) {
      return differ (options, doc, "policy compile", err.code, 0, err.message);
   }
   oracle_policy *oracle = oracle_policy_new (options);
   fg_check check = fg_policy_check (policy, bson_get_data (doc), doc->len, phase, &err);
   fg_check expected = oracle_policy_check (oracle, doc, phase, strict);
   differential_total.rules += !fg_policy_is_empty (policy);
   differential_total.permitted += !fg_policy_is_empty (policy) && check == FG_CHECK_OK;
   differential_total.forbidden += check == FG_CHECK_VIOLATION;
   char detail[128] = "";
   if (check == FG_CHECK_ERROR &&
       err.domain == FG_ERROR_LIMIT) { /* more patterns at one place than it can tell apart: refused */
      differential_total.undecided++;
      expected = check;
   }
   if (check != expected) {
      fg_policy_visit_violations (policy, bson_get_data (doc), doc->len, phase, first_violation, detail);
      fprintf (stderr, "%s, phase %d\n", strict ? "strict" : "not strict", (int)phase);
   }
   fg_policy_free (policy);
   oracle_policy_free (oracle);
   return check == expected || differ (options, doc, "policy", check, expected, detail);
}

bool
differential_run (const uint8_t *data, size_t len)
{
   gen g = {.data = data, .len = len, .budget = 22};
   bson_t options = BSON_INITIALIZER, doc = BSON_INITIALIZER;
   fg_phase phase = gen_chance (&g, 250) ? FG_PHASE_WIRE : FG_PHASE_STORED;
   bool strict = !gen_chance (&g, 150), parsed;

   gen_options (&g, &options);
   gen_document (&g, &options, &doc);
   differential_total.cases++;
   bool same = compare_match (&options, &doc, &parsed);
   if (parsed) {
      same = compare_policy (&options, &doc, phase, strict) && same;
      same = (!gen_chance (&g, 250) || differential_covers (&g, &options, &doc)) && same;
   }
   bson_destroy (&options);
   bson_destroy (&doc);
   return same;
}
