/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/policy_test.h"

/* What becomes a rule, what refuses to compile, and how rules in alternatives combine. */

typedef struct grammar_case {
   const char *options;
   fg_error_domain domain;
   int32_t code;
} grammar_case;

#define SERVER FG_ERROR_SERVER

static void
grammar_errors (void)
{
   static const grammar_case cases[] = {
      {"{'validator':5}", SERVER, 14},
      {"{'encryptedFields':5}", SERVER, 14},
      {"{'validator':{'$jsonSchema':5}}", SERVER, 14},
      {"{'validator':{'$and':5}}", SERVER, 2},
      {"{'validator':{'$or':[]}}", SERVER, 2},
      {"{'validator':{'$nor':[5]}}", SERVER, 2},
      {"{'validator':{'a':{'$elemMatch':{'$jsonSchema':{}}}}}", SERVER, 224},
      {"{'validator':{'a':{'$not':{'$elemMatch':{'$jsonSchema':{}}}}}}", SERVER, 224},
      {SCHEMA ("{'encypt':{}}"), SERVER, 9},
      {SCHEMA ("{'$ref':'#'}"), SERVER, 9},
      {SCHEMA ("{'properties':{},'properties':{}}"), SERVER, 9},
      {SCHEMA ("{'type':'object','bsonType':'object'}"), SERVER, 9},
      {SCHEMA ("{'properties':5}"), SERVER, 14},
      {SCHEMA ("{'properties':{'a':5}}"), SERVER, 14},
      {SCHEMA ("{'patternProperties':{'(':{}}}"), SERVER, 2},
      {SCHEMA ("{'patternProperties':5}"), SERVER, 14},
      {SCHEMA ("{'additionalProperties':5}"), SERVER, 14},
      {SCHEMA ("{'items':5}"), SERVER, 14},
      {SCHEMA ("{'items':[5]}"), SERVER, 14},
      {SCHEMA ("{'additionalItems':5}"), SERVER, 14},
      {SCHEMA ("{'allOf':5}"), SERVER, 14},
      {SCHEMA ("{'anyOf':[]}"), SERVER, 2},
      {SCHEMA ("{'oneOf':[5]}"), SERVER, 14},
      {SCHEMA ("{'not':5}"), SERVER, 14},
      {SCHEMA ("{'dependencies':5}"), SERVER, 14},
      {PROPERTY ("a", "{'encrypt':5}"), SERVER, 14},
      {PROPERTY ("a", "{'encrypt':{},'type':'string'}"), SERVER, 9},
      {PROPERTY ("a", "{'encrypt':{},'bsonType':'binData'}"), SERVER, 9},
      {PROPERTY ("a", "{'encrypt':{},'encryptMetadata':{'keyId':'/k'}}"), SERVER, 9},
      {PROPERTY ("a", "{'encrypt':{'bsonType':'strin'}}"), SERVER, 2},
      {PROPERTY ("a", "{'encrypt':{'bsonType':5}}"), SERVER, 14},
      {PROPERTY ("a", "{'encrypt':{'bsonType':['string','string']}}"), SERVER, 9},
      {PROPERTY ("a", "{'encrypt':{'algorithm':'rot13'}}"), SERVER, 2},
      {PROPERTY ("a", "{'encrypt':{'algorithm':5}}"), SERVER, 14},
      {PROPERTY ("a", "{'encrypt':{'keyId':5}}"), SERVER, 51085},
      {PROPERTY ("a", "{'encrypt':{'keyId':''}}"), SERVER, 51064},
      {PROPERTY ("a", "{'encrypt':{'keyId':'k'}}"), SERVER, 51065},
      {PROPERTY ("a", "{'encrypt':{'keyId':'/a~2'}}"), SERVER, 51063},
      {PROPERTY ("a", "{'encrypt':{'keyId':[5]}}"), SERVER, 51088},
      {PROPERTY ("a", "{'encrypt':{'keyId':[{'$binary':{'base64':'AA==','subType':'00'}}]}}"), SERVER, 51084},
      {PROPERTY ("a", "{'encrypt':{'x':1}}"), SERVER, 40415},
      {PROPERTY ("a", "{'encrypt':{'keyId':'/a','keyId':'/a'}}"), SERVER, 40413},
      {PROPERTY ("a", "{'encryptMetadata':{}}"), SERVER, 9},
      {PROPERTY ("a", "{'encryptMetadata':5}"), SERVER, 14},
      {PROPERTY ("a", "{'encryptMetadata':{'bsonType':'int'}}"), SERVER, 40415},
      {PROPERTY ("a", "{'not':{'encrypt':5}}"), SERVER, 14}, /* read below a negation, too */
      {"{'encryptedFields':{}}", SERVER, 40414},
      {"{'encryptedFields':{'fields':5}}", SERVER, 14},
      {"{'encryptedFields':{'fields':[5]}}", SERVER, 14},
      {"{'encryptedFields':{'fields':[{'path':'a'}]}}", SERVER, 40414},
      {"{'encryptedFields':{'fields':[{'keyId':" K1 "}]}}", SERVER, 40414},
      {"{'encryptedFields':{'fields':[{'path':'a','keyId':null}]}}", SERVER, 14},
      {"{'encryptedFields':{'fields':[{'path':'','keyId':" K1 "}]}}", SERVER, 2},
      {"{'encryptedFields':{'fields':[{'path':5,'keyId':" K1 "}]}}", SERVER, 14},
      {"{'encryptedFields':{'fields':[{'path':'a','keyId':" K1 ",'bsonType':'x'}]}}", SERVER, 2},
      {"{'encryptedFields':{'fields':[{'path':'a','keyId':" K1 ",'queries':5}]}}", SERVER, 14},
      {"{'encryptedFields':{'fields':[{'path':'a','keyId':" K1 ",'queries':{}}]}}", SERVER, 40414},
      {"{'encryptedFields':{'fields':[{'path':'a','keyId':" K1 ",'queries':{'queryType':'x'}}]}}", SERVER, 2}};

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      fg_error err = {0};
      fg_policy *policy = compile_with (cases[i].options, NULL, &err);
      if (policy || err.domain != cases[i].domain || err.code != cases[i].code) {
         fprintf (stderr, "%s: %s %d %s\n", cases[i].options, policy ? "compiled" : "refused", err.code, err.message);
      }
      CU_ASSERT_PTR_NULL (policy);
      CU_ASSERT_EQUAL (err.domain, cases[i].domain);
      CU_ASSERT_EQUAL (err.code, cases[i].code);
      CU_ASSERT_TRUE (err.message[0] != '\0');
      fg_policy_free (policy);
   }
}

static void
documents_without_rules_give_an_empty_policy (void)
{
   static const char *const cases[] = {"{}",
                                       "{'capped':true}",
                                       "{'validator':{}}",
                                       "{'validator':{'a':{'$gt':5}}}",
                                       "{'validator':{'a':{'$jsonSchemas':1},'$expr':{'$eq':['$a','$b']}}}",
                                       SCHEMA ("{'properties':{'a':{'bsonType':'int'}},'additionalProperties':false}"),
                                       SCHEMA ("{'not':{'properties':{'a':{'encrypt':{}}}}}"),
                                       SCHEMA ("{'additionalItems':{'encrypt':{}}}"),
                                       "{'validator':{'a':{'b':{'$jsonSchema':1}}}}",
                                       "{'encryptedFields':{'fields':[]}}"};

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      fg_policy *policy = compile (cases[i]);
      CU_ASSERT_TRUE (fg_policy_is_empty (policy));
      CU_ASSERT_EQUAL (fg_policy_rule_count (policy), 0);
      CU_ASSERT_EQUAL (reason_in (policy, "{'a':{'b':'plain'}}", FG_PHASE_STORED), FG_REASON_NONE);
      fg_policy_free (policy);
   }
}

/* Wherever $jsonSchema and encrypt may stand. */
static void
rules_are_found_everywhere (void)
{
   static const char *const cases[] = {
      "{'validator':{'x':1,'$and':[{'y':2},{'$and':[{'$jsonSchema':{'properties':{'s':{'encrypt':{}}}}}]}]}}",
      "{'validator':{'$or':[{'$or':[{'$jsonSchema':{'properties':{'s':{'encrypt':{}}}}}]}]}}",
      "{'validator':{'$expr':true,'$jsonSchema':{'allOf':[{'properties':{'s':{'encrypt':{}}}}]}}}",
      SCHEMA ("{'oneOf':[{'required':['t']},{'properties':{'s':{'encrypt':{}}}}]}"),
      SCHEMA ("{'dependencies':{'t':{'properties':{'s':{'encrypt':{}}}},'u':['v']}}"),
      SCHEMA ("{'patternProperties':{'^s$':{'encrypt':{}}}}"),
      SCHEMA ("{'properties':{'t':{}},'additionalProperties':{'encrypt':{}}}"),
      SCHEMA ("{'properties':{'s':{'anyOf':[{'encrypt':{}},{'encrypt':{}}]}}}"),
      "{'encryptedFields':{'fields':[{'path':'s','keyId':" K1 "}]}}"};

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      ASSERT_REFUSED (cases[i], "{'s':'plain'}", "notEncrypted");
   }
}

static void
metadata_is_inherited (void)
{
   const char *rule =
      SCHEMA ("{'encryptMetadata':{'algorithm':'" RANDOM "','keyId':[" K1 "]},'properties':{'a':{'encrypt':{}},"
              "'b':{'encryptMetadata':{'keyId':[" K2 "]},'properties':{'c':{'encrypt':{}},"
              "'d':{'encrypt':{'algorithm':'" DETERMINISTIC "','keyId':[" K3 "]}}}}}}");

   ASSERT_ACCEPTED (rule, "{'a':'@2 1 2 82'}");
   ASSERT_REFUSED (rule, "{'a':'@1 1 2 82'}", "wrongAlgorithm");
   ASSERT_REFUSED (rule, "{'a':'@2 2 2 82'}", "wrongKey");
   ASSERT_ACCEPTED (rule, "{'b':{'c':'@2 2 2 82'}}");
   ASSERT_REFUSED (rule, "{'b':{'c':'@2 1 2 82'}}", "wrongKey");
   ASSERT_REFUSED (rule, "{'b':{'c':'@1 2 2 82'}}", "wrongAlgorithm");
   ASSERT_ACCEPTED (rule, "{'b':{'d':'@1 3 2 82'}}");
   ASSERT_REFUSED (rule, "{'b':{'d':'@1 2 2 82'}}", "wrongKey");
}

#define R(key) "{'properties':{'s':{'encrypt':{'keyId':[" key "]}}}}"
#define OPEN "{'properties':{'kind':{'enum':['open']}}}"

/* docs/policy.md, "Alternatives". */
static void
alternatives_combine (void)
{
   /* unconditional and alternative: both */
   const char *both =
      SCHEMA ("{'properties':{'s':{'encrypt':{'algorithm':'" RANDOM "'}}},'anyOf':[" R (K1) "," R (K2) "]}");
   /* if-then, twice: either rule may be the one that applies */
   const char *cases = SCHEMA ("{'allOf':[{'anyOf':[" OPEN "," R (K1) "]},{'anyOf':[" OPEN "," R (K2) "]}]}");
   /* two exhaustive choices: one of each */
   const char *choices = SCHEMA ("{'allOf':[{'anyOf':[" R (K1) "," R (K2) "]},{'oneOf':[" R (K2) "," R (K3) "]}]}");
   /* (K1 and K2) or K3 */
   const char *grouped = SCHEMA ("{'anyOf':[{'allOf':[" R (K1) "," R (K2) "]}," R (K3) "]}");
   /* a document here, a ciphertext there */
   const char *shapes = SCHEMA ("{'anyOf':[{'properties':{'s':{'encrypt':{}}}},{'properties':{'s':{'properties':{'t':"
                                "{'encrypt':{}}}}}}]}");

   ASSERT_ACCEPTED (both, "{'s':'@2 2 2 82'}");
   ASSERT_REFUSED (both, "{'s':'@1 2 2 82'}", "wrongAlgorithm");
   ASSERT_REFUSED (both, "{'s':'@2 3 2 82'}", "wrongKey");
   ASSERT_ACCEPTED (cases, "{'s':'@2 1 2 82'}");
   ASSERT_ACCEPTED (cases, "{'s':'@2 2 2 82'}");
   ASSERT_REFUSED (cases, "{'s':'@2 3 2 82'}", "wrongKey");
   ASSERT_REFUSED (cases, "{'kind':'open','s':'plain'}", "notEncrypted");
   ASSERT_ACCEPTED (choices, "{'s':'@2 2 2 82'}");
   ASSERT_REFUSED (choices, "{'s':'@2 1 2 82'}", "wrongKey");
   ASSERT_REFUSED (choices, "{'s':'@2 3 2 82'}", "wrongKey");
   ASSERT_ACCEPTED (grouped, "{'s':'@2 3 2 82'}");
   ASSERT_REFUSED (grouped, "{'s':'@2 1 2 82'}", "wrongKey");
   ASSERT_ACCEPTED (shapes, "{'s':'@2 1 2 82'}");
   ASSERT_ACCEPTED (shapes, "{'s':{'t':'@2 1 2 82'}}");
   ASSERT_REFUSED (shapes, "{'s':{'t':'plain'}}", "notEncrypted");
   ASSERT_REFUSED (shapes, "{'s':'plain'}", "notEncrypted");
}

static void
rules_of_several_documents_add_up (void)
{
   bson_t *collection = doc_of (PROPERTY ("a", "{'encrypt':{}}")), *local = doc_of (PROPERTY ("b", "{'encrypt':{}}"));
   const uint8_t *bytes[] = {bson_get_data (collection), bson_get_data (local)};
   const size_t lengths[] = {collection->len, local->len};
   fg_policy *policy = fg_policy_compile (bytes, lengths, 2, NULL, NULL);

   CU_ASSERT_PTR_NOT_NULL_FATAL (policy);
   CU_ASSERT_EQUAL (fg_policy_rule_count (policy), 2);
   CU_ASSERT_EQUAL (reason_in (policy, "{'a':1}", FG_PHASE_STORED), FG_REASON_NOT_ENCRYPTED);
   CU_ASSERT_EQUAL (reason_in (policy, "{'b':1}", FG_PHASE_STORED), FG_REASON_NOT_ENCRYPTED);
   CU_ASSERT_EQUAL (reason_in (policy, "{'a':'@2 1 2 82','b':'@2 1 2 82','c':1}", FG_PHASE_STORED), FG_REASON_NONE);
   fg_policy_free (policy);
   bson_destroy (collection);
   bson_destroy (local);
}

static void
a_rule_at_the_root_admits_nothing (void)
{
   ASSERT_REFUSED (SCHEMA ("{'encrypt':{}}"), "{}", "notEncrypted");
}

static void
hostile_options (void)
{
   bson_t *doc = doc_of (PROPERTY ("a", "{'encrypt':{'keyId':[" K1 "],'bsonType':['string','int']},'title':'t'}"));
   size_t len = doc->len;

   for (size_t cut = 0; cut <= len; cut++) {
      uint8_t *copy = malloc (len);
      const uint8_t *bytes = copy;
      fg_error err = {0};
      memcpy (copy, bson_get_data (doc), len);
      if (cut < len) {
         copy[cut] = (uint8_t)~copy[cut];
      }
      fg_policy *policy = fg_policy_compile (&bytes, &len, 1, NULL, &err);
      CU_ASSERT_TRUE (cut < len || policy);
      fg_policy_free (policy);
      free (copy);
   }
   for (size_t cut = 0; cut < len; cut++) {
      uint8_t *copy = malloc (cut ? cut : 1);
      const uint8_t *bytes = copy;
      memcpy (copy, bson_get_data (doc), cut);
      CU_ASSERT_PTR_NULL (fg_policy_compile (&bytes, &cut, 1, NULL, NULL));
      free (copy);
   }
   bson_destroy (doc);
}

static void
lax_reads_as_mongod_does (void)
{
   fg_policy_options options = FG_POLICY_OPTIONS_INIT;
   options.strict = false;
   fg_policy *policy = compile_with (
      PROPERTY ("s", "{'encrypt':{'bsonType':'string','algorithm':'" RANDOM "','keyId':[" K1 "]}}"), &options, NULL);

   CU_ASSERT_EQUAL (reason_in (policy, "{'s':'plain'}", FG_PHASE_STORED), FG_REASON_NOT_ENCRYPTED);
   CU_ASSERT_EQUAL (reason_in (policy, "{'s':'@2 1 16 82'}", FG_PHASE_STORED), FG_REASON_WRONG_TYPE);
   CU_ASSERT_EQUAL (reason_in (policy, "{'s':'@1 2 2 18'}", FG_PHASE_STORED), FG_REASON_NONE);
   CU_ASSERT_EQUAL (reason_in (policy, "{'s.t':1}", FG_PHASE_STORED), FG_REASON_NONE);
   fg_policy_free (policy);
}

const char *const fg_suite_name = "policy.extract";
const fg_test fg_tests[] = {
   {"grammar_errors", grammar_errors},
   {"documents_without_rules_give_an_empty_policy", documents_without_rules_give_an_empty_policy},
   {"rules_are_found_everywhere", rules_are_found_everywhere},
   {"metadata_is_inherited", metadata_is_inherited},
   {"alternatives_combine", alternatives_combine},
   {"rules_of_several_documents_add_up", rules_of_several_documents_add_up},
   {"a_rule_at_the_root_admits_nothing", a_rule_at_the_root_admits_nothing},
   {"hostile_options", hostile_options},
   {"lax_reads_as_mongod_does", lax_reads_as_mongod_does},
   {NULL, NULL}};
