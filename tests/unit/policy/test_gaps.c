/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/policy_test.h"

/* The gaps that a stock server leaves in its own declarations, one test each: what goes in there is refused here, and beside it the
 * legitimate ciphertext is accepted. */

#define CONTROL "{'_id':1,'ssn':'@2 1 2 82'}"

static void
g1_any_bindata_6_without_type (void)
{
   const char *rule = PROPERTY ("ssn", "{'encrypt':{}}");

   ASSERT_REFUSED (rule, "{'ssn':'@0 0 0 0'}", "tooShort");
   ASSERT_REFUSED (rule, "{'ssn':'@112 0 0 40 text'}", "unknownSubtype"); /* "plain ..." as raw bytes */
   ASSERT_REFUSED (rule, "{'ssn':'@0 1 2 57'}", "notAtRest"); /* a marking carries the plaintext */
   ASSERT_REFUSED (rule, "{'ssn':'@3 1 2 98'}", "notAtRest");
   ASSERT_ACCEPTED (rule, CONTROL);
}

/* No version of a server or client defines a first byte above 18: what is unknown is refused, under a rule that states nothing as well. A rule that is not strict reads
 * the declaration as mongod does, and mongod takes any binary of subtype 6 there. */
static void
g1_first_bytes_that_nobody_defines (void)
{
   const char *rule = PROPERTY ("ssn", "{'encrypt':{}}");
   fg_policy_options lax = FG_POLICY_OPTIONS_INIT;
   lax.strict = false;
   fg_policy *loose = compile_with (rule, &lax, NULL);

   for (unsigned first = 19; first < 256; first++) {
      char doc[64];
      snprintf (doc, sizeof doc, "{'ssn':'@%u 1 2 82'}", first);
      ASSERT_REFUSED (rule, doc, "unknownSubtype");
      bson_t *bytes = doc_of (doc);
      CU_ASSERT_EQUAL (reason_of_bytes (loose, bson_get_data (bytes), bytes->len, FG_PHASE_STORED), FG_REASON_NONE);
      bson_destroy (bytes);
   }
   fg_policy_free (loose);
   ASSERT_ACCEPTED (rule, "{'ssn':'@1 1 2 82'}");
   ASSERT_ACCEPTED (rule, CONTROL);
}

static void
g2_header_then_plaintext (void)
{
   const char *rule = PROPERTY ("ssn", ENCRYPT_K1);

   ASSERT_REFUSED (rule, "{'ssn':'@2 1 2 82 text'}", "printableBody");
   ASSERT_REFUSED (rule, "{'ssn':'@2 1 2 29 text'}", "tooShort");
   ASSERT_REFUSED (rule, "{'ssn':'@2 1 2 90 text'}", "badLength");
   ASSERT_ACCEPTED (rule, CONTROL);
}

static void
g3_key_is_verified (void)
{
   const char *rule = PROPERTY ("ssn", "{'encrypt':{'keyId':[" K1 "," K3 "]}}");

   ASSERT_REFUSED (rule, "{'ssn':'@2 2 2 82'}", "wrongKey");
   ASSERT_ACCEPTED (rule, CONTROL);
   ASSERT_ACCEPTED (rule, "{'ssn':'@2 3 2 98'}");
   /* A JSON pointer admits any well-formed key id. */
   ASSERT_ACCEPTED (PROPERTY ("ssn", "{'encrypt':{'keyId':'/keyName'}}"), "{'ssn':'@2 2 2 82'}");
}

static void
g4_algorithm_is_verified (void)
{
   const char *random = PROPERTY ("ssn", "{'encrypt':{'algorithm':'" RANDOM "'}}");
   const char *deterministic = PROPERTY ("ssn", "{'encrypt':{'algorithm':'" DETERMINISTIC "'}}");

   ASSERT_REFUSED (random, "{'ssn':'@1 1 2 82'}", "wrongAlgorithm");
   ASSERT_REFUSED (deterministic, "{'ssn':'@2 1 2 82'}", "wrongAlgorithm");
   ASSERT_ACCEPTED (random, CONTROL);
   ASSERT_ACCEPTED (deterministic, "{'ssn':'@1 1 2 82'}");
}

static void
g5_length_is_verified (void)
{
   const char *rule = PROPERTY ("age", "{'encrypt':{'bsonType':'int'}}");

   ASSERT_REFUSED (rule, "{'age':'@2 1 16 18'}", "tooShort");
   ASSERT_REFUSED (rule, "{'age':'@2 1 16 17'}", "tooShort");
   ASSERT_REFUSED (rule, "{'age':'@2 1 16 98'}", "badLength");
   ASSERT_ACCEPTED (rule, "{'age':'@2 1 16 82'}");
}

static void
g7_duplicate_names (void)
{
   const char *rule = PROPERTY ("ssn", ENCRYPT_K1);

   ASSERT_REFUSED (rule, "{'ssn':'@2 1 2 82','ssn':'123-45-6789'}", "duplicateName");
   ASSERT_REFUSED (rule, "{'ssn':'123-45-6789','ssn':'@2 1 2 82'}", "notEncrypted");
   ASSERT_REFUSED (rule, "{'ssn':'@2 1 2 82','ssn':'@2 1 2 82'}", "duplicateName");
   ASSERT_ACCEPTED (rule, "{'x':1,'x':2,'ssn':'@2 1 2 82'}"); /* unprotected names are not our affair */
   ASSERT_REFUSED (PROPERTY ("a", "{'properties':{'ssn':{'encrypt':{}}}}"), "{'a':{'ssn':'@2 1 2 82'},'a':{}}",
                   "duplicateName");
}

/* A name that a schema spells, but on whose way only patterns lead to a rule, may occur again: each occurrence is judged. */
static void
g7_spelled_names_that_only_patterns_lead_on (void)
{
   const char *rule = SCHEMA ("{'properties':{'a':{'bsonType':'object'}},'patternProperties':{'^[ab]$':{'properties':{"
                              "'ssn':" ENCRYPT_K1 "}}}}");
   const char *both = SCHEMA ("{'properties':{'a':{'properties':{'x':{'encrypt':{}}}}},'patternProperties':{'^[ab]$':{"
                              "'properties':{'ssn':" ENCRYPT_K1 "}}}}");

   ASSERT_ACCEPTED (rule, "{'a':{'ssn':'@2 1 2 82'},'a':{'ssn':'@2 1 2 98'}}");
   ASSERT_ACCEPTED (rule, "{'b':{'ssn':'@2 1 2 82'},'b':{'ssn':'@2 1 2 98'}}");
   ASSERT_REFUSED (rule, "{'a':{'ssn':'@2 1 2 82'},'a':{'ssn':'plain'}}", "notEncrypted");
   ASSERT_REFUSED (rule, "{'a':{'ssn':'@2 1 2 82','ssn':'@2 1 2 82'}}", "duplicateName");
   ASSERT_REFUSED (both, "{'a':{'ssn':'@2 1 2 82'},'a':{'ssn':'@2 1 2 98'}}", "duplicateName");
   ASSERT_ACCEPTED (both, "{'a':{'ssn':'@2 1 2 82'},'b':{},'b':{}}");
}

static void
g8_dotted_names_and_arrays (void)
{
   const char *rule = PROPERTY ("a.ssn", ENCRYPT_K1);

   ASSERT_REFUSED (rule, "{'a':{'ssn':'plain'}}", "notEncrypted");
   ASSERT_REFUSED (rule, "{'a':[{'ssn':'@2 1 2 82'},{'ssn':'plain'}]}", "notEncrypted"); /* any match is not enough */
   ASSERT_REFUSED (rule, "{'a.ssn':'plain'}", "literalDotted");
   ASSERT_REFUSED (rule, "{'a.ssn':'@2 1 2 82'}", "literalDotted");
   ASSERT_REFUSED (rule, "{'a':[[{'ssn':'plain'}]]}", "arrayOnPath");
   ASSERT_ACCEPTED (rule, "{'a':{'ssn':'@2 1 2 82'}}");
   ASSERT_ACCEPTED (rule, "{'a':[{'ssn':'@2 1 2 82'},{'ssn':'@2 1 2 98'},{}]}");
   ASSERT_ACCEPTED (rule, "{'b.ssn':'plain','a':{'x.y':1}}");
   ASSERT_REFUSED (PROPERTY ("a.0", "{'encrypt':{}}"), "{'a':['plain']}", "notEncrypted");
   ASSERT_REFUSED (PROPERTY ("a.0", "{'encrypt':{}}"), "{'a':{'0':'plain'}}", "notEncrypted");
   ASSERT_REFUSED (PROPERTY ("a", "{'properties':{'b':{'properties':{'c':{'encrypt':{}}}}}}"), "{'a':{'b.c':1}}",
                   "literalDotted");
   ASSERT_REFUSED (PROPERTY ("a", "{'properties':{'b':{'properties':{'c':{'encrypt':{}}}}}}"), "{'a.b':{'c':1}}",
                   "literalDotted");
}

/* A schema that names "a.b" itself beside additionalProperties: the literal name spells a path all the same, wherever in the document it stands. */
static void
g8_a_dotted_name_that_is_expected (void)
{
   const char *rule = PROPERTY ("o", "{'properties':{'b':{},'a.b':{}},'additionalProperties':{'additionalProperties':{"
                                     "'encrypt':{}}}}");

   ASSERT_REFUSED (rule, "{'o':{'b':1,'a.b':1}}", "literalDotted");
   ASSERT_REFUSED (rule, "{'o':{'a.b':1,'b':1}}", "literalDotted");
   ASSERT_REFUSED (rule, "{'o':{'a.b':'@2 1 2 82'}}", "literalDotted");
   ASSERT_ACCEPTED (rule, "{'o':{'b':1,'a':{'b':'@2 1 2 82'}}}");
}

/* A literal name that reads as a path through a ciphertext: where the rule stood at "a.b" before, and at "a" now, it is refused all the same. */
static void
g8_a_dotted_name_through_a_rule (void)
{
   const char *open = SCHEMA (
      "{'anyOf':[{'properties':{'a':{'encrypt':{}}}},{'properties':{'a':{'properties':{'x':{'encrypt':{}}}}}}]}");

   ASSERT_REFUSED (PROPERTY ("a", ENCRYPT_K1), "{'a.b':1}", "literalDotted");
   ASSERT_REFUSED (PROPERTY ("a", ENCRYPT_K1), "{'a.b.c':1}", "literalDotted");
   ASSERT_REFUSED (PROPERTY ("o", "{'properties':{'a':" ENCRYPT_K1 "}}"), "{'o.a.b':1}", "literalDotted");
   ASSERT_ACCEPTED (PROPERTY ("a", ENCRYPT_K1), "{'ab.c':1,'a':'@2 1 2 82'}");
   ASSERT_REFUSED (open, "{'a.x':1}", "literalDotted"); /* a document may stand there, and this leads to its rule */
   ASSERT_ACCEPTED (open, "{'a.y':1}");
}

static void
g9_array_or_scalar_for_parent (void)
{
   const char *rule = PROPERTY ("a", "{'properties':{'ssn':" ENCRYPT_K1 "}}");

   ASSERT_REFUSED (rule, "{'a':[{'ssn':'plain'}]}", "arrayOnPath");
   ASSERT_REFUSED (rule, "{'a':'plain'}", "scalarOnPath");
   ASSERT_REFUSED (rule, "{'a':{'ssn':['plain']}}", "notEncrypted");
   ASSERT_ACCEPTED (rule, "{'a':{'ssn':'@2 1 2 82'}}");
   ASSERT_ACCEPTED (rule, "{'a':null}");
   ASSERT_ACCEPTED (rule, "{'a':{}}");
   ASSERT_ACCEPTED (rule, "{}");
   /* Declared elements are declared. */
   const char *items = PROPERTY ("a", "{'items':{'properties':{'ssn':" ENCRYPT_K1 "}}}");
   ASSERT_REFUSED (items, "{'a':[{'ssn':'@2 1 2 82'},{'ssn':'plain'}]}", "notEncrypted");
   ASSERT_REFUSED (items, "{'a':{'ssn':'plain'}}", "scalarOnPath");
   ASSERT_ACCEPTED (items, "{'a':[{'ssn':'@2 1 2 82'},{}]}");
}

/* Every document has an _id: a rule for the inside of whatever names there are does not mean it, whether or not a schema names it beside. */
static void
g9_a_scalar_id_beside_patterns (void)
{
   static const char *const wild[] = {"'patternProperties':{'.':{'properties':{'ssn':" ENCRYPT_K1 "}}}",
                                      "'additionalProperties':{'properties':{'ssn':" ENCRYPT_K1 "}}"};

   for (size_t i = 0; i < 2; i++) {
      char beside[1024], alone[1024], ruled[2048];
      snprintf (beside, sizeof beside, SCHEMA ("{'allOf':[{'properties':{'_id':{'bsonType':'int'}}},{%s}]}"), wild[i]);
      snprintf (alone, sizeof alone, SCHEMA ("{'properties':{'_id':{}},%s}"), wild[0]);
      snprintf (ruled, sizeof ruled, SCHEMA ("{'allOf':[{'properties':{'_id':{'properties':{'ssn':%s}}}},{%s}]}"),
                ENCRYPT_K1, wild[i]);
      ASSERT_ACCEPTED (beside, "{'_id':1,'a':{'ssn':'@2 1 2 82'}}");
      ASSERT_ACCEPTED (alone, "{'_id':1,'a':{'ssn':'@2 1 2 82'}}");
      ASSERT_REFUSED (beside, "{'_id':1,'a':1}", "scalarOnPath");
      ASSERT_REFUSED (beside, "{'_id':{'ssn':'plain'}}", "notEncrypted");
      ASSERT_REFUSED (beside, "{'_id':[1]}", "arrayOnPath");
      ASSERT_REFUSED (ruled, "{'_id':1}", "scalarOnPath"); /* here it is meant */
   }
}

static void
g10_alternatives (void)
{
   const char *escape =
      SCHEMA ("{'anyOf':[{'properties':{'kind':{'enum':['open']}}},{'properties':{'ssn':" ENCRYPT_K1 "}}]}");
   const char *tenants =
      SCHEMA ("{'anyOf':[{'properties':{'ssn':" ENCRYPT_K1 "}},{'properties':{'ssn':" ENCRYPT_K2 "}}]}");
   const char *query = "{'validator':{'$or':[{'kind':'open'},{'$jsonSchema':{'properties':{'ssn':" ENCRYPT_K1 "}}}]}}";
   const char *dependency = SCHEMA ("{'dependencies':{'signed':{'properties':{'ssn':" ENCRYPT_K1 "}}}}");

   ASSERT_REFUSED (escape, "{'kind':'open','ssn':'plain'}", "notEncrypted");
   ASSERT_ACCEPTED (escape, "{'kind':'open','ssn':'@2 1 2 82'}");
   ASSERT_REFUSED (tenants, "{'ssn':'plain'}", "notEncrypted");
   ASSERT_REFUSED (tenants, "{'ssn':'@2 3 2 82'}", "wrongKey");
   ASSERT_ACCEPTED (tenants, "{'ssn':'@2 1 2 82'}");
   ASSERT_ACCEPTED (tenants, "{'ssn':'@2 2 2 82'}");
   ASSERT_REFUSED (query, "{'kind':'open','ssn':'plain'}", "notEncrypted");
   ASSERT_ACCEPTED (query, CONTROL);
   ASSERT_REFUSED (dependency, "{'ssn':'plain'}", "notEncrypted");
   ASSERT_ACCEPTED (dependency, CONTROL);
   /* Nothing is taken from below a negation. */
   ASSERT_ACCEPTED (SCHEMA ("{'not':{'properties':{'ssn':" ENCRYPT_K1 "}}}"), "{'ssn':'plain'}");
   ASSERT_ACCEPTED ("{'validator':{'$nor':[{'$jsonSchema':{'properties':{'ssn':" ENCRYPT_K1 "}}}]}}",
                    "{'ssn':'plain'}");
}

static void
g11_to_g13_level_and_action_weaken_nothing (void)
{
   static const char *const settings[] = {"'validationLevel':'off'", "'validationLevel':'moderate'",
                                          "'validationAction':'warn'", "'validationAction':'errorAndLog'"};

   for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
      char options[1024];
      snprintf (options, sizeof options, "{%s,'validator':{'$jsonSchema':{'properties':{'ssn':%s}}}}", settings[i],
                ENCRYPT_K1);
      ASSERT_REFUSED (options, "{'ssn':'plain'}", "notEncrypted");
      ASSERT_ACCEPTED (options, CONTROL);
   }
}

#define FIELDS(path, more) "{'encryptedFields':{'fields':[{'path':'" path "','keyId':" K1 more "}]}}"

static void
g25_csfle_and_qe_are_not_interchangeable (void)
{
   const char *csfle = PROPERTY ("ssn", "{'encrypt':{}}");
   const char *unindexed = FIELDS ("ssn", ",'bsonType':'string'");
   const char *equality = FIELDS ("ssn", ",'bsonType':'string','queries':{'queryType':'equality'}");
   const char *range = FIELDS ("age", ",'bsonType':'int','queries':[{'queryType':'range'}]");

   ASSERT_REFUSED (csfle, "{'ssn':'@16 1 2 82'}", "wrongAlgorithm");
   ASSERT_REFUSED (csfle, "{'ssn':'@14 1 2 210'}", "wrongAlgorithm");
   ASSERT_REFUSED (unindexed, "{'ssn':'@2 1 2 82'}", "wrongAlgorithm");
   ASSERT_REFUSED (unindexed, "{'ssn':'@6 1 2 79'}", "wrongAlgorithm"); /* the first protocol */
   ASSERT_REFUSED (equality, "{'ssn':'@16 1 2 82'}", "wrongAlgorithm"); /* unindexed in an indexed field */
   ASSERT_REFUSED (equality, "{'ssn':'@7 1 2 223'}", "wrongAlgorithm");
   ASSERT_REFUSED (equality, "{'ssn':'@14 2 2 210'}", "wrongKey");
   ASSERT_REFUSED (range, "{'age':'@14 1 16 210'}", "wrongAlgorithm");
   ASSERT_REFUSED (range, "{'age':'@15 1 16 211 2'}", "badLength");
   ASSERT_ACCEPTED (unindexed, "{'ssn':'@16 1 2 82'}");
   ASSERT_ACCEPTED (equality, "{'ssn':'@14 1 2 210'}");
   ASSERT_ACCEPTED (range, "{'age':'@15 1 16 211 1'}");
   ASSERT_ACCEPTED (range, "{'age':'@15 1 16 883 8'}");
}

/* Not strict, an encryptedFields entry without bsonType takes any type byte, as mongod's implicit validator does. */
static void
g25_an_untyped_field_not_strict (void)
{
   fg_policy_options lax = FG_POLICY_OPTIONS_INIT;
   lax.strict = false;
   fg_policy *untyped = compile_with (FIELDS ("ssn", ""), &lax, NULL);
   fg_policy *typed = compile_with (FIELDS ("ssn", ",'bsonType':'string'"), &lax, NULL);

   for (unsigned type = 0; type < 256; type++) {
      char text[64];
      snprintf (text, sizeof text, "{'ssn':'@16 1 %u 82'}", type);
      bson_t *doc = doc_of (text);
      CU_ASSERT_EQUAL (reason_of_bytes (untyped, bson_get_data (doc), doc->len, FG_PHASE_STORED), FG_REASON_NONE);
      CU_ASSERT_EQUAL (reason_of_bytes (typed, bson_get_data (doc), doc->len, FG_PHASE_STORED),
                       type == 2 ? FG_REASON_NONE : FG_REASON_WRONG_TYPE);
      bson_destroy (doc);
   }
   fg_policy_free (untyped);
   fg_policy_free (typed);
   ASSERT_REFUSED (FIELDS ("ssn", ""), "{'ssn':'@16 1 0 82'}", "wrongType");
}

static void
g26_scalar_on_the_path_of_an_encrypted_field (void)
{
   const char *rule = FIELDS ("a.b", ",'bsonType':'string'");

   ASSERT_REFUSED (rule, "{'a':'plain'}", "scalarOnPath");
   ASSERT_REFUSED (rule, "{'a':[{'b':'plain'}]}", "arrayOnPath");
   ASSERT_REFUSED (rule, "{'a.b':'plain'}", "literalDotted");
   ASSERT_REFUSED (rule, "{'a':{'b':'plain'}}", "notEncrypted");
   ASSERT_ACCEPTED (rule, "{'a':{'b':'@16 1 2 82'}}");
   ASSERT_ACCEPTED (rule, "{'a':null}");
}

static void
payloads_of_the_wire_are_never_at_rest (void)
{
   const char *rule = FIELDS ("ssn", ",'bsonType':'string','queries':{'queryType':'equality'}");
   static const unsigned bytes[] = {0, 3, 4, 5, 8, 10, 11, 12, 13, 18};

   for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
      char doc[64];
      snprintf (doc, sizeof doc, "{'ssn':'@%u 1 2 210'}", bytes[i]);
      ASSERT_REFUSED (rule, doc, "notAtRest");
   }
   ASSERT_REFUSED (rule, "{'ssn':'@19 1 2 210'}", "unknownSubtype");
   ASSERT_REFUSED (rule, "{'ssn':'@255 1 2 210'}", "unknownSubtype");
}

/* The body of payload 11 that matters: index key and type. */
static bson_t *
insert_payload (uint8_t key, int32_t type)
{
   bson_t *doc = bson_new (), inner = BSON_INITIALIZER;
   uint8_t blob[256] = {11}, id[16], token[32] = {0};

   memset (id, key * 0x11, sizeof id);
   BSON_APPEND_BINARY (&inner, "d", BSON_SUBTYPE_BINARY, token, sizeof token);
   BSON_APPEND_BINARY (&inner, "u", BSON_SUBTYPE_UUID, id, sizeof id);
   BSON_APPEND_INT32 (&inner, "t", type);
   memcpy (blob + 1, bson_get_data (&inner), inner.len);
   BSON_APPEND_BINARY (doc, "ssn", BSON_SUBTYPE_ENCRYPTED, blob, inner.len + 1);
   bson_destroy (&inner);
   return doc;
}

static fg_reason
insert_payload_reason (const char *options, uint8_t key, int32_t type, fg_phase phase)
{
   fg_policy *policy = compile (options);
   bson_t *doc = insert_payload (key, type);
   fg_reason reason = reason_of_bytes (policy, bson_get_data (doc), doc->len, phase);

   bson_destroy (doc);
   fg_policy_free (policy);
   return reason;
}

static void
insert_payload_on_the_wire (void)
{
   const char *rule = FIELDS ("ssn", ",'bsonType':'string','queries':{'queryType':'equality'}");

   CU_ASSERT_EQUAL (insert_payload_reason (rule, 1, 2, FG_PHASE_WIRE), FG_REASON_NONE);
   CU_ASSERT_EQUAL (insert_payload_reason (rule, 1, 2, FG_PHASE_STORED), FG_REASON_NOT_AT_REST);
   CU_ASSERT_EQUAL (insert_payload_reason (rule, 1, 2, FG_PHASE_APPLY), FG_REASON_NOT_AT_REST);
   CU_ASSERT_EQUAL (insert_payload_reason (rule, 2, 2, FG_PHASE_WIRE), FG_REASON_WRONG_KEY);
   CU_ASSERT_EQUAL (insert_payload_reason (rule, 1, 16, FG_PHASE_WIRE), FG_REASON_WRONG_TYPE);
   CU_ASSERT_EQUAL (insert_payload_reason (PROPERTY ("ssn", "{'encrypt':{}}"), 1, 2, FG_PHASE_WIRE),
                    FG_REASON_WRONG_ALGORITHM);
}

/* What is legal on the wire does not hang on how strictly the stored value is judged. */
static void
insert_payload_on_the_wire_not_strict (void)
{
   fg_policy_options options = FG_POLICY_OPTIONS_INIT;
   options.strict = false;
   fg_policy *policy =
      compile_with (FIELDS ("ssn", ",'bsonType':'string','queries':{'queryType':'equality'}"), &options, NULL);
   bson_t *doc = insert_payload (1, 2), *other = insert_payload (2, 2);

   CU_ASSERT_EQUAL (reason_of_bytes (policy, bson_get_data (doc), doc->len, FG_PHASE_WIRE), FG_REASON_NONE);
   CU_ASSERT_EQUAL (reason_of_bytes (policy, bson_get_data (other), other->len, FG_PHASE_WIRE), FG_REASON_WRONG_KEY);
   CU_ASSERT_NOT_EQUAL (reason_of_bytes (policy, bson_get_data (doc), doc->len, FG_PHASE_STORED), FG_REASON_NONE);
   bson_destroy (doc);
   bson_destroy (other);
   fg_policy_free (policy);
}

const char *const fg_suite_name = "policy.gaps";
const fg_test fg_tests[] = {
   {"g1_any_bindata_6_without_type", g1_any_bindata_6_without_type},
   {"g1_first_bytes_that_nobody_defines", g1_first_bytes_that_nobody_defines},
   {"g2_header_then_plaintext", g2_header_then_plaintext},
   {"g3_key_is_verified", g3_key_is_verified},
   {"g4_algorithm_is_verified", g4_algorithm_is_verified},
   {"g5_length_is_verified", g5_length_is_verified},
   {"g7_duplicate_names", g7_duplicate_names},
   {"g7_spelled_names_that_only_patterns_lead_on", g7_spelled_names_that_only_patterns_lead_on},
   {"g8_dotted_names_and_arrays", g8_dotted_names_and_arrays},
   {"g8_a_dotted_name_that_is_expected", g8_a_dotted_name_that_is_expected},
   {"g8_a_dotted_name_through_a_rule", g8_a_dotted_name_through_a_rule},
   {"g9_array_or_scalar_for_parent", g9_array_or_scalar_for_parent},
   {"g9_a_scalar_id_beside_patterns", g9_a_scalar_id_beside_patterns},
   {"g10_alternatives", g10_alternatives},
   {"g11_to_g13_level_and_action_weaken_nothing", g11_to_g13_level_and_action_weaken_nothing},
   {"g25_csfle_and_qe_are_not_interchangeable", g25_csfle_and_qe_are_not_interchangeable},
   {"g25_an_untyped_field_not_strict", g25_an_untyped_field_not_strict},
   {"g26_scalar_on_the_path_of_an_encrypted_field", g26_scalar_on_the_path_of_an_encrypted_field},
   {"payloads_of_the_wire_are_never_at_rest", payloads_of_the_wire_are_never_at_rest},
   {"insert_payload_on_the_wire", insert_payload_on_the_wire},
   {"insert_payload_on_the_wire_not_strict", insert_payload_on_the_wire_not_strict},
   {NULL, NULL}};
