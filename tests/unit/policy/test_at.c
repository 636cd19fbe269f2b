/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/policy_test.h"

/* The answer by path. value: a document whose only member `v` is what is written. */

static const char *
at (const char *options, const char *path, const char *value)
{
   static char out[64];
   fg_policy *policy = compile (options);
   bson_t *doc = doc_of (value);
   fg_reason reason = FG_REASON_NONE;
   fg_error err = {0};
   const uint8_t *bytes = bson_get_data (doc);

   fg_check verdict =
      fg_policy_check_at (policy, path, bytes[4], bytes + 7, doc->len - 8, FG_PHASE_STORED, &reason, &err);
   CU_ASSERT_EQUAL (verdict == FG_CHECK_OK, reason == FG_REASON_NONE);
   snprintf (out, sizeof out, "%s", verdict == FG_CHECK_ERROR ? "error" : fg_reason_name (reason));
   bson_destroy (doc);
   fg_policy_free (policy);
   return out;
}

#define ASSERT_AT(options, path, value, why) CU_ASSERT_STRING_EQUAL (at (options, path, value), why)
#define CIPHER "{'v':'@2 1 2 82'}"

static void
at_above_and_below_a_rule (void)
{
   const char *rule = PROPERTY ("a", "{'properties':{'ssn':" ENCRYPT_K1 "}}");

   ASSERT_AT (rule, "a.ssn", "{'v':'plain'}", "notEncrypted");
   ASSERT_AT (rule, "a.ssn", CIPHER, "none");
   ASSERT_AT (rule, "a.ssn", "{'v':'@2 2 2 82'}", "wrongKey");
   ASSERT_AT (rule, "a", "{'v':{'ssn':'plain'}}", "notEncrypted");
   ASSERT_AT (rule, "a", "{'v':{'ssn':'@2 1 2 82'}}", "none");
   ASSERT_AT (rule, "a", "{'v':5}", "scalarOnPath");
   ASSERT_AT (rule, "a", "{'v':null}", "none");
   ASSERT_AT (rule, "a", "{'v':[{'ssn':'@2 1 2 82'}]}", "arrayOnPath");
   ASSERT_AT (rule, "a.ssn.x", "{'v':'plain'}", "notEncrypted");
   ASSERT_AT (rule, "a.ssn.0", "{'v':'plain'}", "notEncrypted");
   ASSERT_AT (rule, "b", "{'v':'plain'}", "none");
   ASSERT_AT (rule, "a.other.deep", "{'v':'plain'}", "none");
}

static void
at_array_positions (void)
{
   const char *items = PROPERTY ("a", "{'items':{'properties':{'ssn':" ENCRYPT_K1 "}}}");
   const char *plain = PROPERTY ("a", "{'properties':{'ssn':" ENCRYPT_K1 "}}");

   ASSERT_AT (items, "a.0.ssn", "{'v':'plain'}", "notEncrypted");
   ASSERT_AT (items, "a.0.ssn", CIPHER, "none");
   ASSERT_AT (items, "a.$.ssn", "{'v':'plain'}", "notEncrypted");
   ASSERT_AT (items, "a.$[].ssn", "{'v':'plain'}", "notEncrypted");
   ASSERT_AT (items, "a.$[x].ssn", CIPHER, "none");
   ASSERT_AT (items, "a.3", "{'v':{'ssn':'plain'}}", "notEncrypted");
   ASSERT_AT (items, "a.3", "{'v':{'ssn':'@2 1 2 82'}}", "none");
   ASSERT_AT (items, "a.99999999999999999999.ssn", "{'v':'plain'}", "notEncrypted");
   /* No array belongs here: nothing of the rule may be written through one. */
   ASSERT_AT (plain, "a.0.ssn", CIPHER, "arrayOnPath");
   ASSERT_AT (plain, "a.0", "{'v':{'ssn':'plain'}}", "arrayOnPath");
   ASSERT_AT (plain, "a.2023", "{'v':5}", "none"); /* a name that happens to be a number */
}

static void
at_names_of_the_document (void)
{
   const char *rule = SCHEMA ("{'patternProperties':{'^enc_':{'encrypt':{}}}}");

   ASSERT_AT (rule, "enc_x", "{'v':'plain'}", "notEncrypted");
   ASSERT_AT (rule, "enc_x", CIPHER, "none");
   ASSERT_AT (rule, "x", "{'v':'plain'}", "none");
}

static void
at_malformed (void)
{
   const char *rule = PROPERTY ("a", "{'encrypt':{}}");
   fg_policy *policy = compile (rule);
   fg_reason reason;

   ASSERT_AT (rule, "", CIPHER, "error");
   ASSERT_AT (rule, "a..b", CIPHER, "error");
   ASSERT_AT (rule, ".a", CIPHER, "error");
   ASSERT_AT (rule, "a.", CIPHER, "error");
   CU_ASSERT_EQUAL (
      fg_policy_check_at (policy, "a", 5, (const uint8_t *)"\377\0\0\0\6", 5, FG_PHASE_STORED, &reason, NULL),
      FG_CHECK_ERROR);
   CU_ASSERT_EQUAL (fg_policy_check_at (policy, "a", 99, (const uint8_t *)"", 0, FG_PHASE_STORED, NULL, NULL),
                    FG_CHECK_ERROR);
   fg_policy_free (policy);
}

static void
at_without_rules (void)
{
   ASSERT_AT ("{}", "a.b", "{'v':'plain'}", "none");
}

const char *const fg_suite_name = "policy.at";
const fg_test fg_tests[] = {{"at_above_and_below_a_rule", at_above_and_below_a_rule},
                            {"at_array_positions", at_array_positions},
                            {"at_names_of_the_document", at_names_of_the_document},
                            {"at_malformed", at_malformed},
                            {"at_without_rules", at_without_rules},
                            {NULL, NULL}};
