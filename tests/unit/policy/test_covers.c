/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/policy_test.h"

/* "covered", or the path that a change of options loses. */
static const char *
lost (const char *before, const char *after)
{
   static char path[64];
   fg_policy *older = compile (before), *newer = compile (after);

   snprintf (path, sizeof path, "covered");
   bool ok = fg_policy_covers (newer, older, path, sizeof path);
   CU_ASSERT_EQUAL (ok, strcmp (path, "covered") == 0);
   CU_ASSERT_EQUAL (fg_policy_covers (newer, older, NULL, 0), ok);
   fg_policy_free (older);
   fg_policy_free (newer);
   return path;
}

#define ASSERT_LOST(before, after, path) CU_ASSERT_STRING_EQUAL (lost (before, after), path)
#define AB(rest) SCHEMA ("{'properties':{'a':{'properties':{'b':{'encrypt':{" rest "}}}}}}")

static void
equal_and_stricter_rules_cover (void)
{
   ASSERT_LOST (AB (""), AB (""), "covered");
   ASSERT_LOST (AB (""), AB ("'bsonType':'string'"), "covered");
   ASSERT_LOST (AB (""), AB ("'keyId':[" K1 "]"), "covered");
   ASSERT_LOST (AB ("'keyId':[" K1 "," K2 "]"), AB ("'keyId':[" K2 "]"), "covered");
   ASSERT_LOST (AB (""), SCHEMA ("{'properties':{'a':{'encrypt':{}}}}"), "covered");
   ASSERT_LOST (AB (""), SCHEMA ("{'properties':{'a.b':{'encrypt':{}},'c':{'encrypt':{}}}}"), "covered");
   ASSERT_LOST ("{}", AB (""), "covered");
   ASSERT_LOST (PROPERTY ("s", ENCRYPT_K1), SCHEMA ("{'additionalProperties':" ENCRYPT_K1 "}"), "covered");
   ASSERT_LOST (SCHEMA ("{'patternProperties':{'^e':{'encrypt':{}}}}"),
                SCHEMA ("{'patternProperties':{'^e':{'encrypt':{'bsonType':'int'}},'x':{'encrypt':{}}}}"), "covered");
   ASSERT_LOST (PROPERTY ("l", "{'items':{'encrypt':{}}}"), PROPERTY ("l", "{'items':{'encrypt':{}}}"), "covered");
   ASSERT_LOST (SCHEMA ("{'anyOf':[{'properties':{'s':" ENCRYPT_K1 "}},{'properties':{'s':" ENCRYPT_K2 "}}]}"),
                SCHEMA ("{'anyOf':[{'properties':{'s':" ENCRYPT_K2 "}},{'properties':{'s':" ENCRYPT_K1 "}}]}"),
                "covered");
   ASSERT_LOST (SCHEMA ("{'anyOf':[{'properties':{'s':" ENCRYPT_K1 "}},{'properties':{'s':" ENCRYPT_K2 "}}]}"),
                PROPERTY ("s", ENCRYPT_K1), "covered");
}

static void
lost_and_loosened_rules_are_named (void)
{
   ASSERT_LOST (AB (""), PROPERTY ("c", "{'encrypt':{}}"), "a.b");
   ASSERT_LOST (AB (""), SCHEMA ("{'properties':{'a':{'properties':{'c':{'encrypt':{}}}}}}"), "a.b");
   ASSERT_LOST (AB ("'bsonType':'string'"), AB (""), "a.b");
   ASSERT_LOST (AB ("'keyId':[" K1 "]"), AB ("'keyId':[" K1 "," K2 "]"), "a.b");
   ASSERT_LOST (AB ("'keyId':[" K1 "]"), AB ("'keyId':'/k'"), "a.b");
   ASSERT_LOST (AB ("'algorithm':'" RANDOM "'"), AB ("'algorithm':'" DETERMINISTIC "'"), "a.b");
   ASSERT_LOST (AB (""), "{'encryptedFields':{'fields':[{'path':'a.b','keyId':" K1 "}]}}", "a.b");
   ASSERT_LOST (SCHEMA ("{'patternProperties':{'^e':{'encrypt':{}}}}"),
                SCHEMA ("{'patternProperties':{'^f':{'encrypt':{}}}}"), "*");
   ASSERT_LOST (PROPERTY ("l", "{'items':{'encrypt':{}}}"), PROPERTY ("l", "{'properties':{'x':{'encrypt':{}}}}"),
                "l[]");
   ASSERT_LOST (PROPERTY ("s", ENCRYPT_K1),
                SCHEMA ("{'anyOf':[{'properties':{'s':" ENCRYPT_K1 "}},{'properties':{'s':" ENCRYPT_K2 "}}]}"), "s");
   ASSERT_LOST (SCHEMA ("{'additionalProperties':{'encrypt':{}}}"),
                SCHEMA ("{'properties':{'open':{}},'additionalProperties':{'encrypt':{}}}"), "open");
   /* Arrays used to be refused on the way: now that they are not, their elements need the same rules. */
   ASSERT_LOST (AB (""),
                SCHEMA ("{'properties':{'a':{'properties':{'b':{'encrypt':{}}},'items':{'properties':{'c':{'encrypt':{"
                        "}}}}}}}"),
                "a[].b");
}

/* Nothing is left: a rule of the old policy is named all the same. */
static void
an_empty_policy_loses_a_named_rule (void)
{
   ASSERT_LOST (AB (""), "{}", "a.b");
   ASSERT_LOST (SCHEMA ("{'properties':{'z':{'encrypt':{}},'a':{'encrypt':{}}}}"), "{}", "a");
   ASSERT_LOST (SCHEMA ("{'patternProperties':{'^e':{'properties':{'x':{'encrypt':{}}}}}}"), "{}", "*.x");
   ASSERT_LOST (SCHEMA ("{'additionalProperties':{'encrypt':{}}}"), "{}", "*");
   ASSERT_LOST (PROPERTY ("l", "{'items':[{},{'items':{'encrypt':{}}}]}"), "{}", "l[][]");
   ASSERT_LOST ("{'encryptedFields':{'fields':[{'path':'a.b.c','keyId':" K1 "}]}}", "{}", "a.b.c");

   char path[4];
   fg_policy *older = compile (AB (""));
   CU_ASSERT_FALSE (fg_policy_covers (NULL, older, path, sizeof path));
   CU_ASSERT_STRING_EQUAL (path, "a.b");
   CU_ASSERT_FALSE (fg_policy_covers (NULL, older, path, 2));
   CU_ASSERT_STRING_EQUAL (path, "a");
   CU_ASSERT_FALSE (fg_policy_covers (NULL, older, NULL, 0));
   fg_policy_free (older);
}

/* A rule for the whole document refuses all; as one alternative of two it refuses none. */
static void
a_rule_at_the_root (void)
{
   const char *all = SCHEMA ("{'encrypt':{}}");
   const char *some = "{'validator':{'$or':[{'$jsonSchema':{'encrypt':{}}},{'x':1}]}}";

   ASSERT_REFUSED (all, "{}", "notEncrypted");
   ASSERT_ACCEPTED (some, "{}");
   ASSERT_LOST (all, some, "");
   ASSERT_LOST (some, all, "covered");
   ASSERT_LOST (all, all, "covered");
}

/* A document where a ciphertext, or an array of them, was expected: nothing that the new rules say of its inside makes up for it. */
static void
documents_that_used_to_be_refused (void)
{
   ASSERT_LOST (PROPERTY ("l", "{'items':{'encrypt':{}}}"),
                PROPERTY ("l", "{'items':{'encrypt':{}},'properties':{'x':{'encrypt':{}}}}"), "l");
   ASSERT_LOST (
      SCHEMA ("{'anyOf':[{},{'properties':{'s':{'encrypt':{}}}}]}"),
      SCHEMA ("{'anyOf':[{'properties':{'s':{'properties':{'x':{'encrypt':{}}}}}},{'properties':{'s':{'encrypt':"
              "{}}}}]}"),
      "s");
}

#define S(rule) "{'properties':{'s':{'encrypt':{" rule "}}}}"
#define STRING_OR_INT S ("'bsonType':['string','int']")
#define STRING_OR_BOOL S ("'bsonType':['string','bool']")

/* What the same formula written otherwise admits is the same. */
static void
formulas_are_compared_by_what_they_admit (void)
{
   /* Two halves make the whole. */
   ASSERT_LOST (SCHEMA (S ("'bsonType':'string'")), SCHEMA ("{'allOf':[" STRING_OR_INT "," STRING_OR_BOOL "]}"),
                "covered");
   /* A or B admits no more than one rule for both. */
   ASSERT_LOST (SCHEMA (STRING_OR_INT), SCHEMA ("{'anyOf':[" S ("'bsonType':'string'") "," S ("'bsonType':'int'") "]}"),
                "covered");
   ASSERT_LOST (SCHEMA ("{'anyOf':[" S ("'bsonType':'string'") "," S ("'bsonType':'int'") "]}"), SCHEMA (STRING_OR_INT),
                "covered");
   /* A and (B or C) is (A and B) or (A and C). */
   ASSERT_LOST (SCHEMA ("{'anyOf':[{'allOf':[" S ("'bsonType':'string'") "," S ("'keyId':[" K1 "]") "]},{'allOf':[" S (
                   "'bsonType':'string'") "," S ("'keyId':[" K2 "]") "]}]}"),
                SCHEMA ("{'allOf':[" S ("'bsonType':'string'") ",{'anyOf':[" S ("'keyId':[" K1
                                                                                "]") "," S ("'keyId':[" K2 "]") "]}]}"),
                "covered");
   /* A type that is never encrypted that way makes no difference: deterministic values are never doubles. */
   ASSERT_LOST (SCHEMA (S ("'algorithm':'" DETERMINISTIC "','bsonType':'int'")),
                SCHEMA (S ("'algorithm':'" DETERMINISTIC "','bsonType':['int','double']")), "covered");
   /* And what admits more is still found: K3 under the one, an int under the other. */
   ASSERT_LOST (SCHEMA ("{'anyOf':[" S ("'keyId':[" K1 "]") "," S ("'keyId':[" K2 "]") "]}"),
                SCHEMA (S ("'keyId':[" K1 "," K2 "," K3 "]")), "s");
   ASSERT_LOST (SCHEMA ("{'allOf':[" STRING_OR_INT "," STRING_OR_BOOL "]}"),
                SCHEMA ("{'anyOf':[" STRING_OR_INT "," STRING_OR_BOOL "]}"), "s");
   ASSERT_LOST (SCHEMA (S ("'algorithm':'" RANDOM "','bsonType':'int'")),
                SCHEMA (S ("'algorithm':'" RANDOM "','bsonType':['int','double']")), "s");
}

/* More key ids than are asked about one by one: what is proved then is proved by the formulas' shape. */
static void
many_keys (void)
{
   bson_t options = BSON_INITIALIZER, validator, schema, properties, s, encrypt, keys;
   uint8_t id[16] = {0};

   BSON_APPEND_DOCUMENT_BEGIN (&options, "validator", &validator);
   BSON_APPEND_DOCUMENT_BEGIN (&validator, "$jsonSchema", &schema);
   BSON_APPEND_DOCUMENT_BEGIN (&schema, "properties", &properties);
   BSON_APPEND_DOCUMENT_BEGIN (&properties, "s", &s);
   BSON_APPEND_DOCUMENT_BEGIN (&s, "encrypt", &encrypt);
   BSON_APPEND_ARRAY_BEGIN (&encrypt, "keyId", &keys);
   for (uint32_t i = 0; i < 300; i++) {
      char name[16];
      snprintf (name, sizeof name, "%u", i);
      memcpy (id, &i, sizeof i);
      BSON_APPEND_BINARY (&keys, name, BSON_SUBTYPE_UUID, id, sizeof id);
   }
   bson_append_array_end (&encrypt, &keys);
   bson_append_document_end (&s, &encrypt);
   bson_append_document_end (&properties, &s);
   bson_append_document_end (&schema, &properties);
   bson_append_document_end (&validator, &schema);
   bson_append_document_end (&options, &validator);
   const uint8_t *bytes = bson_get_data (&options);
   size_t len = options.len;
   fg_policy *many = fg_policy_compile (&bytes, &len, 1, NULL, NULL), *any = compile (SCHEMA (S ("")));
   CU_ASSERT_PTR_NOT_NULL_FATAL (many);
   CU_ASSERT_TRUE (fg_policy_covers (many, many, NULL, 0));
   CU_ASSERT_TRUE (fg_policy_covers (many, any, NULL, 0));
   CU_ASSERT_FALSE (fg_policy_covers (any, many, NULL, 0));
   fg_policy_free (many);
   fg_policy_free (any);
   bson_destroy (&options);
}

static void
strict_does_not_give_way_to_lax (void)
{
   fg_policy_options lax = FG_POLICY_OPTIONS_INIT;
   lax.strict = false;
   fg_policy *strict = compile (AB ("")), *loose = compile_with (AB (""), &lax, NULL);

   CU_ASSERT_FALSE (fg_policy_covers (loose, strict, NULL, 0));
   CU_ASSERT_TRUE (fg_policy_covers (strict, loose, NULL, 0));
   fg_policy_free (strict);
   fg_policy_free (loose);
}

const char *const fg_suite_name = "policy.covers";
const fg_test fg_tests[] = {{"equal_and_stricter_rules_cover", equal_and_stricter_rules_cover},
                            {"lost_and_loosened_rules_are_named", lost_and_loosened_rules_are_named},
                            {"an_empty_policy_loses_a_named_rule", an_empty_policy_loses_a_named_rule},
                            {"formulas_are_compared_by_what_they_admit", formulas_are_compared_by_what_they_admit},
                            {"a_rule_at_the_root", a_rule_at_the_root},
                            {"documents_that_used_to_be_refused", documents_that_used_to_be_refused},
                            {"many_keys", many_keys},
                            {"strict_does_not_give_way_to_lax", strict_does_not_give_way_to_lax},
                            {NULL, NULL}};
