/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/policy_test.h"

/* errInfo.details and the list of violations. Nothing that only the document knows may appear in either. */

static void
assert_details (const char *options, const char *text, const char *expected)
{
   fg_policy *policy = compile (options);
   bson_t *doc = doc_of (text), *wanted = doc_of (expected), details = BSON_INITIALIZER;
   fg_error err = {0};

   CU_ASSERT_TRUE (fg_policy_explain (policy, bson_get_data (doc), doc->len, FG_PHASE_STORED, &details, &err));
   if (!bson_equal (&details, wanted)) {
      char *json = bson_as_relaxed_extended_json (&details, NULL);
      fprintf (stderr, "details: %s\n", json);
      bson_free (json);
   }
   CU_ASSERT_TRUE (bson_equal (&details, wanted));
   bson_destroy (&details);
   bson_destroy (wanted);
   bson_destroy (doc);
   fg_policy_free (policy);
}

#define NOT_ENCRYPTED "{'operatorName':'encrypt','reason':'value was not encrypted'}"

static void
one_field (void)
{
   assert_details (PROPERTY ("ssn", ENCRYPT_K1), "{'ssn':'plain'}",
                   "{'operatorName':'$jsonSchema','schemaRulesNotSatisfied':[{'operatorName':'properties',"
                   "'propertiesNotSatisfied':[{'propertyName':'ssn','details':[" NOT_ENCRYPTED "]}]}]}");
   assert_details (PROPERTY ("ssn", ENCRYPT_K1), "{'ssn':'@2 1 16 82'}",
                   "{'operatorName':'$jsonSchema','schemaRulesNotSatisfied':[{'operatorName':'properties',"
                   "'propertiesNotSatisfied':[{'propertyName':'ssn','details':[{'operatorName':'encrypt','reason':"
                   "'encrypted value has wrong type'}]}]}]}");
}

static void
nested_fields_and_items (void)
{
   assert_details (SCHEMA ("{'properties':{'a':{'properties':{'b':{'encrypt':{}},'c':{'encrypt':{}}}},"
                           "'l':{'items':{'encrypt':{}}}}}"),
                   "{'a':{'b':1,'c':2},'l':['@2 1 2 82',5]}",
                   "{'operatorName':'$jsonSchema','schemaRulesNotSatisfied':[{'operatorName':'properties',"
                   "'propertiesNotSatisfied':[{'propertyName':'a','details':[{'operatorName':'properties',"
                   "'propertiesNotSatisfied':[{'propertyName':'b','details':[" NOT_ENCRYPTED "]},{'propertyName':'c',"
                   "'details':[" NOT_ENCRYPTED "]}]}]},{'propertyName':'l','details':[{'operatorName':'items','reason':"
                   "'At least one item did not match the sub-schema','itemIndex':1,'details':[" NOT_ENCRYPTED
                   "]}]}]}]}");
}

static void
encrypted_fields (void)
{
   assert_details ("{'encryptedFields':{'fields':[{'path':'a.b','keyId':" K1 "}]}}", "{'a':{'b':1}}",
                   "{'operatorName':'implicitFLESchema','schemaRulesNotSatisfied':[{'operatorName':'properties',"
                   "'propertiesNotSatisfied':[{'propertyName':'a','details':[{'operatorName':'properties',"
                   "'propertiesNotSatisfied':[{'propertyName':'b','details':[{'operatorName':'fle2Encrypt','reason':"
                   "'value was not encrypted'}]}]}]}]}]}");
}

static void
both_kinds (void)
{
   assert_details (
      "{'validator':{'$jsonSchema':{'properties':{'s':{'encrypt':{}}}}},'encryptedFields':{'fields':[{"
      "'path':'q','keyId':" K1 "}]}}",
      "{'q':1,'s':1}",
      "{'operatorName':'$and','clausesNotSatisfied':[{'index':0,'details':{'operatorName':'$jsonSchema',"
      "'schemaRulesNotSatisfied':[{'operatorName':'properties','propertiesNotSatisfied':[{'propertyName':'s',"
      "'details':[" NOT_ENCRYPTED "]}]}]}},{'index':1,'details':{'operatorName':'implicitFLESchema',"
      "'schemaRulesNotSatisfied':[{'operatorName':'properties','propertiesNotSatisfied':[{'propertyName':'q',"
      "'details':[{'operatorName':'fle2Encrypt','reason':'value was not encrypted'}]}]}]}}]}");
}

static void
names_of_the_document_are_withheld (void)
{
   assert_details (SCHEMA ("{'patternProperties':{'^p_':{'encrypt':{}}}}"), "{'p_maria_fernandez':1}",
                   "{'operatorName':'$jsonSchema','schemaRulesNotSatisfied':[{'operatorName':'patternProperties',"
                   "'details':[{'propertyName':'*','details':[" NOT_ENCRYPTED "]}]}]}");
}

static void
very_many_violations_are_cut (void)
{
   fg_policy *policy = compile (PROPERTY ("l", "{'items':{'encrypt':{}}}"));
   bson_t doc = BSON_INITIALIZER, list, details = BSON_INITIALIZER;
   bson_iter_t iter;
   char key[16];

   BSON_APPEND_ARRAY_BEGIN (&doc, "l", &list);
   for (unsigned i = 0; i < 1000; i++) {
      snprintf (key, sizeof key, "%u", i);
      BSON_APPEND_INT32 (&list, key, 1);
   }
   bson_append_array_end (&doc, &list);
   CU_ASSERT_TRUE (fg_policy_explain (policy, bson_get_data (&doc), doc.len, FG_PHASE_STORED, &details, NULL));
   CU_ASSERT_TRUE (bson_iter_init_find (&iter, &details, "truncated"));
   CU_ASSERT_TRUE (details.len < 64 * 1024);
   bson_destroy (&details);
   bson_destroy (&doc);
   fg_policy_free (policy);
}

static bool
append_violation (void *ctx, const fg_violation *violation)
{
   char *out = ctx;
   size_t n = strlen (out);
   snprintf (out + n, 1024 - n, "%s %s %d %u %d/%d; ", violation->rule_path, fg_reason_name (violation->reason),
             violation->bson_type, violation->length, violation->has_first_byte, violation->first_byte);
   return true;
}

static void
violations_are_visited_in_order (void)
{
   fg_policy *policy =
      compile (SCHEMA ("{'properties':{'a':{'properties':{'b':{'encrypt':{}}}},'l':{'items':{'properties':{"
                       "'n':{'encrypt':{}}}}}},'patternProperties':{'^p_':{'encrypt':{}}}}"));
   bson_t *doc = doc_of ("{'p_maria':'x','l':[{},{'n':5}],'a':{'b':'@7 1 2 100'},'a.b':1}");
   char out[1024] = "";

   size_t n =
      fg_policy_visit_violations (policy, bson_get_data (doc), doc->len, FG_PHASE_STORED, append_violation, out);
   CU_ASSERT_EQUAL (n, 4);
   CU_ASSERT_STRING_EQUAL (out, "* notEncrypted 2 6 0/0; l[].n notEncrypted 16 4 0/0; a.b wrongAlgorithm 5 100 1/7; "
                                "a.b literalDotted 16 4 0/0; ");
   bson_destroy (doc);
   fg_policy_free (policy);
}

static void
a_document_that_cannot_be_read_says_so (void)
{
   fg_policy *policy = compile (PROPERTY ("ssn", "{'encrypt':{}}"));
   static const uint8_t broken[] = {9, 0, 0, 0, 2, 'x', 0, 9, 0};
   char out[1024] = "";
   fg_error err = {0};

   CU_ASSERT_EQUAL (fg_policy_check (policy, broken, sizeof broken, FG_PHASE_STORED, &err), FG_CHECK_ERROR);
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_BSON);
   CU_ASSERT_EQUAL (fg_policy_visit_violations (policy, broken, sizeof broken, FG_PHASE_STORED, append_violation, out),
                    1);
   CU_ASSERT_STRING_EQUAL (out, " cannotDecide 0 0 0/0; ");
   fg_policy_free (policy);
}

static void
reasons_have_names_and_texts (void)
{
   for (int reason = FG_REASON_NONE; reason <= FG_REASON_CANNOT_DECIDE; reason++) {
      CU_ASSERT_STRING_NOT_EQUAL (fg_reason_name ((fg_reason)reason), "unknown");
      CU_ASSERT_STRING_NOT_EQUAL (fg_reason_text ((fg_reason)reason), "unknown");
   }
   CU_ASSERT_STRING_EQUAL (fg_reason_name ((fg_reason)99), "unknown");
   CU_ASSERT_STRING_EQUAL (fg_reason_text (FG_REASON_NOT_ENCRYPTED), "value was not encrypted");
}

const char *const fg_suite_name = "policy.explain";
const fg_test fg_tests[] = {{"one_field", one_field},
                            {"nested_fields_and_items", nested_fields_and_items},
                            {"encrypted_fields", encrypted_fields},
                            {"both_kinds", both_kinds},
                            {"names_of_the_document_are_withheld", names_of_the_document_are_withheld},
                            {"very_many_violations_are_cut", very_many_violations_are_cut},
                            {"violations_are_visited_in_order", violations_are_visited_in_order},
                            {"a_document_that_cannot_be_read_says_so", a_document_that_cannot_be_read_says_so},
                            {"reasons_have_names_and_texts", reasons_have_names_and_texts},
                            {NULL, NULL}};
