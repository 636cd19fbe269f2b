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
   ASSERT_LOST (AB (""), "{}", "");
   ASSERT_LOST (AB (""), PROPERTY ("c", "{'encrypt':{}}"), "a");
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
                            {"strict_does_not_give_way_to_lax", strict_does_not_give_way_to_lax},
                            {NULL, NULL}};
