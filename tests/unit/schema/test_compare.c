/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"
#include "tests/unit/schema/match_json.h"

const char *const fg_suite_name = "schema.compare";

/* The value of the only member, in a document that the caller frees. */
static fg_value
value_of (const bson_t *doc)
{
   const uint8_t *p = bson_get_data (doc);
   size_t name = strlen ((const char *)p + 5) + 1;
   return (fg_value){p[4], p + 5 + name, doc->len - 5 - name - 1};
}

static int
order (const char *a, const char *b)
{
   char x[512], y[512];
   snprintf (x, sizeof x, "{\"v\": %s}", a);
   snprintf (y, sizeof y, "{\"v\": %s}", b);
   bson_t *da = from_json (x);
   bson_t *db = from_json (y);
   fg_value va = value_of (da);
   fg_value vb = value_of (db);
   int result = fg_value_compare (&va, &vb);
   CU_ASSERT_EQUAL (fg_value_compare (&vb, &va), -result);
   bson_destroy (da);
   bson_destroy (db);
   return result;
}

static bool
equal_unordered (const char *a, const char *b)
{
   bson_t *da = from_json (a);
   bson_t *db = from_json (b);
   fg_value va = value_of (da);
   fg_value vb = value_of (db);
   bool result = fg_value_equal_unordered (&va, &vb);
   CU_ASSERT_EQUAL (fg_value_equal_unordered (&vb, &va), result);
   bson_destroy (da);
   bson_destroy (db);
   return result;
}

static void
types_in_canonical_order (void)
{
   static const char *const ascending[] = {"{\"$minKey\": 1}",
                                           "{\"$undefined\": true}",
                                           "null",
                                           "{\"$numberDouble\": \"NaN\"}",
                                           "-1",
                                           "\"a\"",
                                           "{\"a\": 1}",
                                           "[1]",
                                           "{\"$binary\": {\"base64\": \"AA==\", \"subType\": \"00\"}}",
                                           "{\"$oid\": \"303132333435363738396162\"}",
                                           "false",
                                           "true",
                                           "{\"$date\": {\"$numberLong\": \"0\"}}",
                                           "{\"$timestamp\": {\"t\": 1, \"i\": 1}}",
                                           "{\"$regularExpression\": {\"pattern\": \"a\", \"options\": \"\"}}",
                                           "{\"$code\": \"f\"}",
                                           "{\"$code\": \"f\", \"$scope\": {}}",
                                           "{\"$maxKey\": 1}"};
   size_t n = sizeof ascending / sizeof ascending[0];
   for (size_t i = 0; i < n; i++) {
      CU_ASSERT_EQUAL (order (ascending[i], ascending[i]), 0);
      for (size_t j = i + 1; j < n; j++) {
         CU_ASSERT_EQUAL (order (ascending[i], ascending[j]), -1);
      }
   }
}

static void
numbers_by_value (void)
{
   CU_ASSERT_EQUAL (order ("1", "{\"$numberLong\": \"1\"}"), 0);
   CU_ASSERT_EQUAL (order ("1", "{\"$numberDouble\": \"1.0\"}"), 0);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"1.000\"}", "{\"$numberLong\": \"1\"}"), 0);
   CU_ASSERT_EQUAL (order ("{\"$numberDouble\": \"-0.0\"}", "0"), 0);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"-0E+10\"}", "0"), 0);
   CU_ASSERT_EQUAL (order ("{\"$numberLong\": \"9007199254740993\"}", "{\"$numberDouble\": \"9007199254740992\"}"), 1);
   CU_ASSERT_EQUAL (
      order ("{\"$numberLong\": \"9223372036854775807\"}", "{\"$numberDouble\": \"9223372036854775808\"}"), -1);
   CU_ASSERT_EQUAL (
      order ("{\"$numberLong\": \"-9223372036854775808\"}", "{\"$numberDouble\": \"-9223372036854775808\"}"), 0);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"0.1\"}", "{\"$numberDouble\": \"0.1\"}"), -1);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"0.5\"}", "{\"$numberDouble\": \"0.5\"}"), 0);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"1E+6000\"}", "{\"$numberDouble\": \"1e308\"}"), 1);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"1E-6000\"}", "0"), 1);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"-1E-6000\"}", "0"), -1);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"Infinity\"}", "{\"$numberDouble\": \"Infinity\"}"), 0);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"NaN\"}", "{\"$numberDouble\": \"NaN\"}"), 0);
   CU_ASSERT_EQUAL (order ("{\"$numberDouble\": \"-Infinity\"}", "{\"$numberDouble\": \"NaN\"}"), 1);
   CU_ASSERT_EQUAL (order ("{\"$numberDecimal\": \"12345678901234567890123456789012.34\"}",
                           "{\"$numberDecimal\": \"12345678901234567890123456789012.35\"}"),
                    -1);
}

static void
strings_and_blobs (void)
{
   CU_ASSERT_EQUAL (order ("\"a\"", "{\"$symbol\": \"a\"}"), 0);
   CU_ASSERT_EQUAL (order ("\"a\"", "\"ab\""), -1);
   CU_ASSERT_EQUAL (order ("\"b\"", "\"ab\""), 1);
   CU_ASSERT_EQUAL (order ("\"a\"", "\"a\\u0000\""), -1);
   CU_ASSERT_EQUAL (order ("\"\xC3\xA9\"", "\"z\""), 1);
   /* length, then subtype, then bytes */
   CU_ASSERT_EQUAL (order ("{\"$binary\": {\"base64\": \"/w==\", \"subType\": \"06\"}}",
                           "{\"$binary\": {\"base64\": \"AAA=\", \"subType\": \"00\"}}"),
                    -1);
   CU_ASSERT_EQUAL (order ("{\"$binary\": {\"base64\": \"/w==\", \"subType\": \"00\"}}",
                           "{\"$binary\": {\"base64\": \"AA==\", \"subType\": \"06\"}}"),
                    -1);
}

static void
objects_by_fields_in_order (void)
{
   CU_ASSERT_EQUAL (order ("{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"a\": 1}"), -1);
   CU_ASSERT_EQUAL (order ("{\"a\": 1}", "{\"a\": 1, \"b\": 1}"), -1);
   CU_ASSERT_EQUAL (order ("{\"b\": 1}", "{\"a\": \"x\"}"), -1); /* the type comes before the name */
   CU_ASSERT_EQUAL (order ("[1, 2]", "[1, 3]"), -1);
   CU_ASSERT_EQUAL (order ("[]", "[{\"$minKey\": 1}]"), -1);
}

static void
unordered_equality (void)
{
   CU_ASSERT_TRUE (equal_unordered ("{\"v\": {\"a\": 1, \"b\": {\"c\": 1, \"d\": [1, 2]}}}",
                                    "{\"v\": {\"b\": {\"d\": [1.0, 2], \"c\": 1}, \"a\": 1}}"));
   CU_ASSERT_FALSE (equal_unordered ("{\"v\": [1, 2]}", "{\"v\": [2, 1]}"));
   CU_ASSERT_FALSE (equal_unordered ("{\"v\": {\"a\": 1}}", "{\"v\": {\"a\": 1, \"b\": 1}}"));
   CU_ASSERT_FALSE (equal_unordered ("{\"v\": {\"a\": 1, \"b\": 2}}", "{\"v\": {\"a\": 2, \"b\": 1}}"));
   CU_ASSERT_TRUE (equal_unordered ("{\"v\": {\"a\": 1, \"a\": 2}}", "{\"v\": {\"a\": 1, \"a\": 2}}"));
   CU_ASSERT_FALSE (equal_unordered ("{\"v\": {\"a\": 1, \"a\": 2}}", "{\"v\": {\"a\": 2, \"a\": 1}}"));
   CU_ASSERT_FALSE (equal_unordered ("{\"v\": true}", "{\"v\": 1}"));
   CU_ASSERT_FALSE (equal_unordered ("{\"v\": null}", "{\"v\": {\"$undefined\": true}}"));
}

const fg_test fg_tests[] = {{"types_in_canonical_order", types_in_canonical_order},
                            {"numbers_by_value", numbers_by_value},
                            {"strings_and_blobs", strings_and_blobs},
                            {"objects_by_fields_in_order", objects_by_fields_in_order},
                            {"unordered_equality", unordered_equality},
                            {NULL, NULL}};
