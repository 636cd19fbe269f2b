/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/policy_test.h"

/* Hostile bytes, and documents at the limits. Buffers are copied to their exact size, so that a sanitizer sees any read beyond. */

#define RULES                                                                                                          \
   SCHEMA ("{'properties':{'ssn':" ENCRYPT_K1 ",'a':{'properties':{'b':{'encrypt':{}},'c':{'items':{'encrypt':{}}}}}," \
           "'aLongerNameThanSixteenBytes':{'encrypt':{}}},'patternProperties':{'^enc_':{'encrypt':{}}}}")
#define DOC                                                                                                            \
   "{'_id':1,'x':'text','ssn':'@2 1 2 82','a':{'b':'@1 1 2 82','z':[1,2,{'q':1.5}],'c':['@2 1 2 82','@2 2 2 98']},"    \
   "'re':{'$regex':'x','$options':'i'},'enc_1':'@2 1 2 82','aLongerNameThanSixteenBytes':'@2 1 2 82','n':null}"

static fg_check
check_copy (const fg_policy *policy, const uint8_t *bytes, size_t len)
{
   uint8_t *copy = malloc (len ? len : 1);
   fg_error err = {0};

   memcpy (copy, bytes, len);
   fg_check verdict = fg_policy_check (policy, copy, len, FG_PHASE_STORED, &err);
   (void)fg_policy_visit_violations (policy, copy, len, FG_PHASE_STORED, note_reason, &(fg_reason){FG_REASON_NONE});
   free (copy);
   return verdict;
}

static void
every_truncation_is_an_error (void)
{
   fg_policy *policy = compile (RULES);
   bson_t *doc = doc_of (DOC);

   CU_ASSERT_EQUAL (check_copy (policy, bson_get_data (doc), doc->len), FG_CHECK_OK);
   for (size_t len = 0; len < doc->len; len++) {
      CU_ASSERT_EQUAL (check_copy (policy, bson_get_data (doc), len), FG_CHECK_ERROR);
   }
   bson_destroy (doc);
   fg_policy_free (policy);
}

/* Cut, and the outer length made to fit: what is inside lies then. */
static void
every_cut_with_a_fitting_length_is_safe (void)
{
   fg_policy *policy = compile (RULES);
   bson_t *doc = doc_of (DOC);
   uint8_t *copy = malloc (doc->len);
   uint32_t refused = 0;

   for (uint32_t len = 5; len < doc->len; len++) {
      memcpy (copy, bson_get_data (doc), len);
      memcpy (copy, &len, sizeof len);
      copy[len - 1] = 0;
      refused += check_copy (policy, copy, len) != FG_CHECK_OK;
   }
   /* Cuts between two elements of the root leave a well-formed document. */
   CU_ASSERT_TRUE (refused > doc->len - 5 - 12);
   free (copy);
   bson_destroy (doc);
   fg_policy_free (policy);
}

static void
every_changed_byte_is_safe (void)
{
   static const uint8_t values[] = {0, 1, 3, 4, 5, 11, 15, 0x2e, 0x7f, 0x80, 0xff};
   fg_policy *policy = compile (RULES);
   bson_t *doc = doc_of (DOC);
   uint8_t *copy = malloc (doc->len);

   for (size_t at = 0; at < doc->len; at++) {
      for (size_t i = 0; i < sizeof values; i++) {
         memcpy (copy, bson_get_data (doc), doc->len);
         copy[at] = values[i];
         fg_check verdict = check_copy (policy, copy, doc->len);
         CU_ASSERT_TRUE (verdict == FG_CHECK_OK || verdict == FG_CHECK_VIOLATION || verdict == FG_CHECK_ERROR);
      }
   }
   free (copy);
   bson_destroy (doc);
   fg_policy_free (policy);
}

static void
empty_names (void)
{
   const char *rule = PROPERTY ("", "{'encrypt':{}}");

   ASSERT_REFUSED (rule, "{'':'plain'}", "notEncrypted");
   ASSERT_ACCEPTED (rule, "{'':'@2 1 2 82','x':1}");
   ASSERT_ACCEPTED (PROPERTY ("x", "{'encrypt':{}}"), "{'':'plain'}");
}

static void
names_of_every_length (void)
{
   for (size_t len = 1; len < 40; len++) {
      char name[48] = "", options[512], doc[128];
      memset (name, 'n', len);
      snprintf (options, sizeof options, PROPERTY ("%s", "{'encrypt':{}}"), name);
      snprintf (doc, sizeof doc, "{'%s':1}", name);
      ASSERT_REFUSED (options, doc, "notEncrypted");
      name[len / 2] = 'm';
      snprintf (doc, sizeof doc, "{'%s':1,'padding':'to the end of the buffer'}", name);
      ASSERT_ACCEPTED (options, doc);
      snprintf (doc, sizeof doc, "{'%s':null}", name);
      ASSERT_ACCEPTED (options, doc);
   }
}

/* {n: {n: ... {n: 1}}}, levels deep, and the rule at its bottom. */
static bson_t *
nested (uint32_t levels, bool schema)
{
   bson_t *doc = bson_new ();

   if (schema) {
      BSON_APPEND_DOCUMENT (doc, "encrypt", &(bson_t)BSON_INITIALIZER);
   } else {
      BSON_APPEND_INT32 (doc, "n", 1);
   }
   for (uint32_t i = schema ? 0 : 1; i < levels; i++) {
      bson_t *outer = bson_new (), inner = BSON_INITIALIZER;
      if (schema) {
         BSON_APPEND_DOCUMENT (&inner, "n", doc);
         BSON_APPEND_DOCUMENT (outer, "properties", &inner);
      } else {
         BSON_APPEND_DOCUMENT (outer, "n", doc);
      }
      bson_destroy (&inner);
      bson_destroy (doc);
      doc = outer;
   }
   return doc;
}

static fg_policy *
nested_policy (uint32_t levels, fg_error *err)
{
   bson_t *schema = nested (levels, true), options = BSON_INITIALIZER, validator = BSON_INITIALIZER;

   BSON_APPEND_DOCUMENT (&validator, "$jsonSchema", schema);
   BSON_APPEND_DOCUMENT (&options, "validator", &validator);
   const uint8_t *bytes = bson_get_data (&options);
   size_t len = options.len;
   fg_policy *policy = fg_policy_compile (&bytes, &len, 1, NULL, err);
   bson_destroy (&options);
   bson_destroy (&validator);
   bson_destroy (schema);
   return policy;
}

static void
two_hundred_levels (void)
{
   fg_error err = {0};
   fg_policy *policy = nested_policy (200, &err);
   bson_t *doc = nested (200, false), *shallow = nested (199, false);

   CU_ASSERT_PTR_NOT_NULL_FATAL (policy);
   CU_ASSERT_EQUAL (reason_of_bytes (policy, bson_get_data (doc), doc->len, FG_PHASE_STORED), FG_REASON_NOT_ENCRYPTED);
   CU_ASSERT_EQUAL (reason_of_bytes (policy, bson_get_data (shallow), shallow->len, FG_PHASE_STORED),
                    FG_REASON_SCALAR_ON_PATH);
   bson_destroy (doc);
   bson_destroy (shallow);
   fg_policy_free (policy);
}

static void
too_many_levels_do_not_compile (void)
{
   fg_error err = {0};

   CU_ASSERT_PTR_NULL (nested_policy (300, &err));
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_LIMIT);
   CU_ASSERT_EQUAL (err.code, FG_E_TOO_DEEP);
   CU_ASSERT_PTR_NULL (nested_policy (5000, &err));
}

/* Below where rules are, depth is of no interest. */
static void
deep_unprotected_parts_are_hopped_over (void)
{
   bson_t *deep = nested (3000, false);
   fg_policy *policy = compile (PROPERTY ("ssn", "{'encrypt':{}}"));

   CU_ASSERT_EQUAL (reason_of_bytes (policy, bson_get_data (deep), deep->len, FG_PHASE_STORED), FG_REASON_NONE);
   bson_destroy (deep);
   fg_policy_free (policy);
}

static void
sixteen_mebibytes (void)
{
   fg_policy *policy = compile (RULES);
   bson_t *doc = bson_new ();
   char *text = malloc (60001);
   char name[32];

   memset (text, 'x', 60000);
   text[60000] = '\0';
   for (int i = 0; doc->len < 16u * 1024 * 1024 - 70000; i++) {
      snprintf (name, sizeof name, "f%d", i);
      BSON_APPEND_UTF8 (doc, name, text);
   }
   CU_ASSERT_EQUAL (check_copy (policy, bson_get_data (doc), doc->len), FG_CHECK_OK);
   BSON_APPEND_INT32 (doc, "ssn", 1);
   CU_ASSERT_EQUAL (check_copy (policy, bson_get_data (doc), doc->len), FG_CHECK_VIOLATION);
   free (text);
   bson_destroy (doc);
   fg_policy_free (policy);
}

static void
patterns (void)
{
   const char *rule = SCHEMA ("{'properties':{'enc_open':{}},'patternProperties':{'^enc_':{'encrypt':{}},"
                              "'secret':{'encrypt':{'bsonType':'string'}}},'additionalProperties':{'properties':{'in':"
                              "{'encrypt':{}}}}}");

   ASSERT_REFUSED (rule, "{'enc_a':1}", "notEncrypted");
   ASSERT_REFUSED (rule, "{'enc_open':1}", "notEncrypted"); /* patterns apply to spelled names as well */
   ASSERT_REFUSED (rule, "{'my_secret':'@2 1 16 82'}", "wrongType");
   ASSERT_REFUSED (rule, "{'enc_secret':'@2 1 16 82'}", "wrongType"); /* both */
   ASSERT_REFUSED (rule, "{'other':{'in':'plain'}}", "notEncrypted");
   ASSERT_REFUSED (rule, "{'other':'plain'}", "scalarOnPath");
   ASSERT_ACCEPTED (rule, "{'_id':7,'enc_a':'@2 1 16 82','my_secret':'@2 1 2 82','other':{'in':'@2 1 2 82'}}");
}

/* As the native validator has it: otherwise a name would be ciphertext for one and free for the other. */
static void
patterns_see_bytes (void)
{
   ASSERT_REFUSED (SCHEMA ("{'patternProperties':{'^..$':{'encrypt':{}}}}"), "{'\u00e9':1}", "notEncrypted");
   ASSERT_ACCEPTED (SCHEMA ("{'patternProperties':{'^.$':{'encrypt':{}}}}"), "{'\u00e9':1}");
}

static void
additional_properties_spare_spelled_names (void)
{
   const char *rule = SCHEMA ("{'properties':{'_id':{},'open':{},'a.b':{}},'additionalProperties':{'encrypt':{}}}");

   ASSERT_ACCEPTED (rule, "{'_id':1,'open':'plain','a.b':1,'rest':'@2 1 2 82'}");
   ASSERT_REFUSED (rule, "{'rest':'plain'}", "notEncrypted");
   ASSERT_REFUSED (rule, "{'a':1}", "notEncrypted");
}

static void
many_patterns (void)
{
   bson_t options = BSON_INITIALIZER, validator, schema, patterns_doc, rule;
   char name[32];
   fg_error err = {0};

   BSON_APPEND_DOCUMENT_BEGIN (&options, "validator", &validator);
   BSON_APPEND_DOCUMENT_BEGIN (&validator, "$jsonSchema", &schema);
   BSON_APPEND_DOCUMENT_BEGIN (&schema, "patternProperties", &patterns_doc);
   for (char c = 'a'; c < 'a' + 20; c++) {
      snprintf (name, sizeof name, "%c", c);
      BSON_APPEND_DOCUMENT_BEGIN (&patterns_doc, name, &rule);
      BSON_APPEND_DOCUMENT (&rule, "encrypt", &(bson_t)BSON_INITIALIZER);
      bson_append_document_end (&patterns_doc, &rule);
   }
   bson_append_document_end (&schema, &patterns_doc);
   bson_append_document_end (&validator, &schema);
   bson_append_document_end (&options, &validator);
   const uint8_t *bytes = bson_get_data (&options);
   size_t len = options.len;
   fg_policy *policy = fg_policy_compile (&bytes, &len, 1, NULL, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (policy);
   CU_ASSERT_EQUAL (reason_in (policy, "{'xyz':1}", FG_PHASE_STORED), FG_REASON_NONE);
   CU_ASSERT_EQUAL (reason_in (policy, "{'xax':1}", FG_PHASE_STORED), FG_REASON_NOT_ENCRYPTED);
   CU_ASSERT_EQUAL (reason_in (policy, "{'xatx':1}", FG_PHASE_STORED), FG_REASON_NOT_ENCRYPTED);
   CU_ASSERT_EQUAL (reason_in (policy, "{'ab':'@2 1 2 82'}", FG_PHASE_STORED), FG_REASON_NONE);
   /* Three at once were not worked out beforehand: undecided, which refuses. */
   CU_ASSERT_EQUAL (reason_in (policy, "{'abc':'@2 1 2 82'}", FG_PHASE_STORED), FG_REASON_CANNOT_DECIDE);
   fg_policy_free (policy);
   bson_destroy (&options);
}

static void
a_match_limit_is_an_error (void)
{
   fg_policy_options options = FG_POLICY_OPTIONS_INIT;
   fg_error err = {0};

   options.match_limit = 100;
   fg_policy *policy = compile_with (SCHEMA ("{'patternProperties':{'(a+)+$':{'encrypt':{}}}}"), &options, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (policy);
   CU_ASSERT_EQUAL (reason_in (policy, "{'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab':1}", FG_PHASE_STORED),
                    FG_REASON_CANNOT_DECIDE);
   CU_ASSERT_EQUAL (reason_in (policy, "{'aaa':1}", FG_PHASE_STORED), FG_REASON_NOT_ENCRYPTED);
   fg_policy_free (policy);
}

static void
more_than_sixty_four_names (void)
{
   bson_t options = BSON_INITIALIZER, validator, schema, properties, rule, doc = BSON_INITIALIZER;
   char name[48];

   BSON_APPEND_DOCUMENT_BEGIN (&options, "validator", &validator);
   BSON_APPEND_DOCUMENT_BEGIN (&validator, "$jsonSchema", &schema);
   BSON_APPEND_DOCUMENT_BEGIN (&schema, "properties", &properties);
   for (int i = 0; i < 500; i++) {
      snprintf (name, sizeof name, "field_with_a_long_name_%03d", i);
      BSON_APPEND_DOCUMENT_BEGIN (&properties, name, &rule);
      BSON_APPEND_DOCUMENT (&rule, "encrypt", &(bson_t)BSON_INITIALIZER);
      bson_append_document_end (&properties, &rule);
   }
   bson_append_document_end (&schema, &properties);
   bson_append_document_end (&validator, &schema);
   bson_append_document_end (&options, &validator);
   const uint8_t *bytes = bson_get_data (&options);
   size_t len = options.len;
   fg_policy *policy = fg_policy_compile (&bytes, &len, 1, NULL, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (policy);
   CU_ASSERT_EQUAL (fg_policy_rule_count (policy), 500);
   for (int round = 0; round < 2; round++) {
      for (int i = 0; i < 500; i++) {
         uint8_t *blob;
         size_t blob_len;
         blob_of ("@2 1 2 82", &blob, &blob_len);
         snprintf (name, sizeof name, "field_with_a_long_name_%03d", i);
         bson_append_binary (&doc, name, -1, BSON_SUBTYPE_ENCRYPTED, blob, (uint32_t)blob_len);
         free (blob);
         if (round == 1) {
            break;
         }
      }
      CU_ASSERT_EQUAL (reason_of_bytes (policy, bson_get_data (&doc), doc.len, FG_PHASE_STORED),
                       round ? FG_REASON_DUPLICATE_NAME : FG_REASON_NONE);
   }
   fg_policy_free (policy);
   bson_destroy (&options);
   bson_destroy (&doc);
}

static void
positions (void)
{
   const char *rule =
      PROPERTY ("a", "{'items':[{},{'encrypt':{}}],'additionalItems':{'properties':{'s':{'encrypt':{}}}}}");

   ASSERT_REFUSED (rule, "{'a':[1,2]}", "notEncrypted");
   ASSERT_REFUSED (rule, "{'a':[1,'@2 1 2 82',{'s':1}]}", "notEncrypted");
   ASSERT_REFUSED (rule, "{'a':[1,'@2 1 2 82','plain']}", "scalarOnPath");
   ASSERT_ACCEPTED (rule, "{'a':['plain','@2 1 2 82',{'s':'@2 1 2 82'},null]}");
   ASSERT_ACCEPTED (rule, "{'a':[]}");
}

const char *const fg_suite_name = "policy.walk";
const fg_test fg_tests[] = {{"every_truncation_is_an_error", every_truncation_is_an_error},
                            {"every_cut_with_a_fitting_length_is_safe", every_cut_with_a_fitting_length_is_safe},
                            {"every_changed_byte_is_safe", every_changed_byte_is_safe},
                            {"empty_names", empty_names},
                            {"names_of_every_length", names_of_every_length},
                            {"two_hundred_levels", two_hundred_levels},
                            {"too_many_levels_do_not_compile", too_many_levels_do_not_compile},
                            {"deep_unprotected_parts_are_hopped_over", deep_unprotected_parts_are_hopped_over},
                            {"sixteen_mebibytes", sixteen_mebibytes},
                            {"patterns", patterns},
                            {"patterns_see_bytes", patterns_see_bytes},
                            {"additional_properties_spare_spelled_names", additional_properties_spare_spelled_names},
                            {"many_patterns", many_patterns},
                            {"a_match_limit_is_an_error", a_match_limit_is_an_error},
                            {"more_than_sixty_four_names", more_than_sixty_four_names},
                            {"positions", positions},
                            {NULL, NULL}};
