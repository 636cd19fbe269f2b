/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"
#include "tests/unit/schema/match_json.h"

const char *const fg_suite_name = "schema.eval_schema";

static int
schema (const char *json, const char *document)
{
   char predicate[2048];
   snprintf (predicate, sizeof predicate, "{\"$jsonSchema\": %s}", json);
   return match (predicate, document);
}

/* A schema for the member a. */
static int
member (const char *json, const char *document)
{
   char text[2048];
   snprintf (text, sizeof text, "{\"properties\": {\"a\": %s}}", json);
   return schema (text, document);
}

static void
numbers (void)
{
   CU_ASSERT_EQUAL (member ("{\"minimum\": 3}", "{\"a\": {\"$numberDecimal\": \"2.9\"}}"), 0);
   CU_ASSERT_EQUAL (member ("{\"minimum\": 3}", "{\"a\": \"x\"}"), 1);
   CU_ASSERT_EQUAL (member ("{\"minimum\": 3}", "{\"a\": {\"$date\": {\"$numberLong\": \"1\"}}}"), 1);
   CU_ASSERT_EQUAL (member ("{\"minimum\": 3}", "{\"a\": {\"$numberDouble\": \"NaN\"}}"), 0);
   CU_ASSERT_EQUAL (member ("{\"minimum\": {\"$numberDouble\": \"NaN\"}}", "{\"a\": {\"$numberDouble\": \"NaN\"}}"), 1);
   CU_ASSERT_EQUAL (member ("{\"minimum\": 3, \"exclusiveMinimum\": true}", "{\"a\": 3}"), 0);
   CU_ASSERT_EQUAL (member ("{\"maximum\": 3, \"exclusiveMaximum\": false}", "{\"a\": 3.0}"), 1);
   CU_ASSERT_EQUAL (member ("{\"multipleOf\": 0.01}", "{\"a\": 4.35}"), 1);
   CU_ASSERT_EQUAL (member ("{\"multipleOf\": 0.01}", "{\"a\": 4.351}"), 0);
   CU_ASSERT_EQUAL (member ("{\"multipleOf\": 3}", "{\"a\": {\"$numberDecimal\": \"3E+6000\"}}"), 1);
   CU_ASSERT_EQUAL (member ("{\"multipleOf\": 7}", "{\"a\": {\"$numberDecimal\": \"1E+33\"}}"), 0);
   CU_ASSERT_EQUAL (member ("{\"multipleOf\": 2}", "{\"a\": {\"$numberDouble\": \"Infinity\"}}"), 0);
   CU_ASSERT_EQUAL (member ("{\"multipleOf\": 2}", "{\"a\": {\"$numberLong\": \"-9223372036854775808\"}}"), 1);
}

static void
strings (void)
{
   CU_ASSERT_EQUAL (member ("{\"maxLength\": 2}", "{\"a\": \"\xC3\xA9\xC3\xA9\"}"), 1);
   CU_ASSERT_EQUAL (member ("{\"minLength\": 3}", "{\"a\": \"\xC3\xA9\xC3\xA9\"}"), 0);
   CU_ASSERT_EQUAL (member ("{\"minLength\": 3}", "{\"a\": {\"$symbol\": \"a\"}}"), 1);
   CU_ASSERT_EQUAL (member ("{\"pattern\": \"^.$\"}", "{\"a\": \"\xC3\xA9\"}"), 1);
   CU_ASSERT_EQUAL (member ("{\"pattern\": \"b\"}", "{\"a\": \"a\\u0000b\"}"), 1);
   CU_ASSERT_EQUAL (member ("{\"pattern\": \"b\"}", "{\"a\": 5}"), 1);
}

static void
arrays (void)
{
   CU_ASSERT_EQUAL (member ("{\"items\": {\"type\": \"string\"}}", "{\"a\": [\"x\", 1]}"), 0);
   CU_ASSERT_EQUAL (member ("{\"items\": {\"type\": \"string\"}}", "{\"a\": 1}"), 1);
   CU_ASSERT_EQUAL (member ("{\"items\": [{\"type\": \"string\"}]}", "{\"a\": [\"x\", 1]}"), 1);
   CU_ASSERT_EQUAL (member ("{\"items\": [{}], \"additionalItems\": false}", "{\"a\": [1, 2]}"), 0);
   CU_ASSERT_EQUAL (member ("{\"items\": [{}], \"additionalItems\": {\"type\": \"number\"}}", "{\"a\": [\"x\", 2]}"),
                    1);
   CU_ASSERT_EQUAL (member ("{\"items\": {}, \"additionalItems\": false}", "{\"a\": [1, 2]}"), 1);
   CU_ASSERT_EQUAL (member ("{\"uniqueItems\": true}", "{\"a\": [{\"x\": 1, \"y\": 2}, {\"y\": 2, \"x\": 1.0}]}"), 0);
   CU_ASSERT_EQUAL (member ("{\"uniqueItems\": true}", "{\"a\": [1, true, \"1\"]}"), 1);
   CU_ASSERT_EQUAL (member ("{\"minItems\": 2, \"maxItems\": 2}", "{\"a\": [1]}"), 0);
   CU_ASSERT_EQUAL (schema ("{\"items\": {\"type\": \"string\"}, \"minItems\": 7}", "{}"), 1); /* ignored at the top */
}

static void
objects (void)
{
   CU_ASSERT_EQUAL (schema ("{\"required\": [\"a\"]}", "{\"a\": null}"), 1);
   CU_ASSERT_EQUAL (schema ("{\"required\": [\"a.b\"]}", "{\"a\": [{\"b\": 1}]}"), 1);
   CU_ASSERT_EQUAL (member ("{\"properties\": {\"b\": {\"type\": \"string\"}}}", "{\"a\": [{\"b\": 1}]}"), 1);
   CU_ASSERT_EQUAL (member ("{\"type\": \"object\", \"properties\": {}}", "{\"a\": 1}"), 0);
   CU_ASSERT_EQUAL (member ("{\"type\": \"string\"}", "{\"a\": \"x\", \"a\": 1}"), 1);
   CU_ASSERT_EQUAL (schema ("{\"patternProperties\": {\"^s\": {\"type\": \"string\"}}}", "{\"s\": \"x\", \"s\": 1}"),
                    0);
   CU_ASSERT_EQUAL (schema ("{\"additionalProperties\": false}", "{\"_id\": 1}"), 0);
   CU_ASSERT_EQUAL (schema ("{\"properties\": {\"a.b\": {}}, \"additionalProperties\": false}", "{\"a.b\": 1}"), 1);
   CU_ASSERT_EQUAL (schema ("{\"patternProperties\": {\"^a\": {}}, \"additionalProperties\": {\"type\": \"number\"}}",
                            "{\"ab\": \"x\", \"c\": \"y\"}"),
                    0);
   CU_ASSERT_EQUAL (schema ("{\"minProperties\": 2}", "{\"_id\": 1}"), 0);
   CU_ASSERT_EQUAL (schema ("{\"maxProperties\": 1}", "{\"a\": 1, \"a\": 1}"), 0);
   CU_ASSERT_EQUAL (schema ("{\"dependencies\": {\"a\": [\"b\"]}}", "{\"a\": 1}"), 0);
   CU_ASSERT_EQUAL (schema ("{\"dependencies\": {\"a\": {\"required\": [\"b\"]}}}", "{\"c\": 1}"), 1);
   CU_ASSERT_EQUAL (member ("{\"dependencies\": {\"x\": [\"y\"]}}", "{\"a\": 5}"), 1);
   CU_ASSERT_EQUAL (schema ("{\"type\": \"string\"}", "{}"), 0);
   CU_ASSERT_EQUAL (schema ("{\"encrypt\": {}}", "{}"), 0);
}

/* Below a name with dots every keyword searches the path by itself. */
static void
dotted_properties (void)
{
#define DOTTED(s) "{\"properties\": {\"a.b\": " s "}}"
   CU_ASSERT_EQUAL (schema (DOTTED ("{\"type\": \"string\"}"), "{\"a\": {\"b\": 1}}"), 0);
   CU_ASSERT_EQUAL (schema (DOTTED ("{\"type\": \"string\"}"), "{\"a.b\": 1}"), 1);
   CU_ASSERT_EQUAL (schema (DOTTED ("{\"type\": \"string\"}"), "{\"a\": [{\"b\": 1}, {\"b\": \"x\"}]}"), 1);
   CU_ASSERT_EQUAL (schema (DOTTED ("{\"not\": {\"type\": \"string\"}}"), "{\"a\": [{\"b\": 1}, {\"b\": \"x\"}]}"), 0);
   CU_ASSERT_EQUAL (
      schema (DOTTED ("{\"type\": \"string\", \"minLength\": 3}"), "{\"a\": [{\"b\": \"x\"}, {\"b\": \"abc\"}]}"), 1);
   CU_ASSERT_EQUAL (schema (DOTTED ("{\"minLength\": 3}"), "{\"a\": [{\"b\": 1}]}"), 1);
   CU_ASSERT_EQUAL (
      schema (DOTTED ("{\"dependencies\": {\"x\": [\"y\"]}}"), "{\"a\": [{\"b\": {\"x\": 1}}, {\"b\": {\"y\": 1}}]}"),
      1);
   CU_ASSERT_EQUAL (
      schema (DOTTED ("{\"dependencies\": {\"x\": [\"y\"]}}"), "{\"a\": [{\"b\": {\"x\": 1}}, {\"b\": 1}]}"), 0);
#undef DOTTED
}

static void
logic (void)
{
   CU_ASSERT_EQUAL (member ("{\"oneOf\": [{\"minimum\": 1}, {\"maximum\": 5}]}", "{\"a\": 3}"), 0);
   CU_ASSERT_EQUAL (member ("{\"oneOf\": [{\"minimum\": 1}, {\"maximum\": 5}]}", "{\"a\": 9}"), 1);
   CU_ASSERT_EQUAL (member ("{\"anyOf\": [{\"type\": \"string\"}, {\"minimum\": 5}]}", "{\"a\": 1}"), 0);
   CU_ASSERT_EQUAL (member ("{\"not\": {}}", "{\"a\": 1}"), 0);
   CU_ASSERT_EQUAL (member ("{\"enum\": [1, {\"x\": 1, \"y\": 2}, [1, 2]]}", "{\"a\": {\"y\": 2, \"x\": 1}}"), 1);
   CU_ASSERT_EQUAL (member ("{\"enum\": [1, 2]}", "{\"a\": [1]}"), 0);
   CU_ASSERT_EQUAL (schema ("{\"enum\": [1, {\"b\": 1, \"a\": 2}]}", "{\"a\": 2, \"b\": 1}"), 1);
   CU_ASSERT_EQUAL (schema ("{\"enum\": [1]}", "{}"), 0);
   CU_ASSERT_EQUAL (match ("{\"$nor\": [{\"$jsonSchema\": {\"required\": [\"a\"]}}], \"b\": 1}", "{\"b\": 1}"), 1);
   CU_ASSERT_EQUAL (schema ("{\"properties\": {\"\": {\"type\": \"string\"}}}", "{\"\": 1}"),
                    0); /* not the top, since 5.0 */
}

/* Subtype 6; 18 bytes: the kind, a key id, the original type. */
#define BLOB(base64) "{\"a\": {\"$binary\": {\"base64\": \"" base64 "\", \"subType\": \"06\"}}}"

static void
encrypted (void)
{
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {}}", "{\"a\": \"plain\"}"), 0);
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {}}", "{}"), 1);
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {}}", BLOB ("")), 1);
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {}}", "{\"a\": {\"$binary\": {\"base64\": \"AQ==\", \"subType\": \"00\"}}}"),
                    0);
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {\"bsonType\": \"string\"}}", BLOB ("")), 0);
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {\"bsonType\": \"string\"}}", BLOB ("AQAAAAAAAAAAAAAAAAAAAAAC")), 1);
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {\"bsonType\": \"string\"}}", BLOB ("AQAAAAAAAAAAAAAAAAAAAAA=")),
                    0); /* 17 bytes */
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {\"bsonType\": \"int\"}}", BLOB ("AQAAAAAAAAAAAAAAAAAAAAAC")), 0);
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {\"bsonType\": \"string\"}}", BLOB ("AAAAAAAAAAAAAAAAAAAAAAAC")), 0);
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {\"bsonType\": \"string\"}}", BLOB ("DgAAAAAAAAAAAAAAAAAAAAAC")), 0);
   CU_ASSERT_EQUAL (member ("{\"encrypt\": {\"bsonType\": []}}", BLOB ("AQAAAAAAAAAAAAAAAAAAAAAC")), 0);
   CU_ASSERT_EQUAL (member ("{\"not\": {\"encrypt\": {\"bsonType\": \"string\"}}}", BLOB ("DgAAAAAAAAAAAAAAAAAAAAAC")),
                    1);
   /* A kind that no server knows: an error, also below a negation. */
   CU_ASSERT_EQUAL (member ("{\"not\": {\"encrypt\": {\"bsonType\": \"string\"}}}", BLOB ("/wAAAAAAAAAAAAAAAAAAAAAC")),
                    -1);
}

/* Enough names that they are hashed; the outcome is that of looking each up. */
static fg_matcher *
many_properties_matcher (int n, bool twice, fg_error *err)
{
   bson_t predicate = BSON_INITIALIZER;
   bson_t schema_doc, properties, property, required;
   char name[16];

   BSON_APPEND_DOCUMENT_BEGIN (&predicate, "$jsonSchema", &schema_doc);
   BSON_APPEND_ARRAY_BEGIN (&schema_doc, "required", &required);
   BSON_APPEND_UTF8 (&required, "0", "p0");
   bson_append_array_end (&schema_doc, &required);
   BSON_APPEND_DOCUMENT_BEGIN (&schema_doc, "properties", &properties);
   for (int i = 0; i < n; i++) {
      snprintf (name, sizeof name, "p%d", i);
      BSON_APPEND_DOCUMENT_BEGIN (&properties, name, &property);
      BSON_APPEND_INT32 (&property, "minimum", i);
      bson_append_document_end (&properties, &property);
   }
   if (twice) {
      BSON_APPEND_DOCUMENT_BEGIN (&properties, "p1", &property);
      BSON_APPEND_UTF8 (&property, "bsonType", "long");
      bson_append_document_end (&properties, &property);
   }
   bson_append_document_end (&schema_doc, &properties);
   BSON_APPEND_BOOL (&schema_doc, "additionalProperties", false);
   bson_append_document_end (&predicate, &schema_doc);
   fg_matcher *matcher = fg_matcher_compile (bson_get_data (&predicate), predicate.len, NULL, err);
   bson_destroy (&predicate);
   return matcher;
}

static int
check (const fg_matcher *matcher, const char *document)
{
   fg_error err;
   bson_t *doc = from_json (document);
   int result = fg_matcher_check (matcher, bson_get_data (doc), doc->len, &err);
   bson_destroy (doc);
   return result;
}

static void
many_properties (void)
{
   static const int sizes[] = {4, 5, 64, 65, 600};
   fg_error err = {0};

   for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      fg_matcher *matcher = many_properties_matcher (sizes[i], false, &err);
      CU_ASSERT_EQUAL (check (matcher, "{\"p3\": 3, \"p0\": 0}"), 1);
      CU_ASSERT_EQUAL (check (matcher, "{\"p3\": 3}"), 0);
      CU_ASSERT_EQUAL (check (matcher, "{\"p0\": 0, \"p3\": 2}"), 0);
      CU_ASSERT_EQUAL (check (matcher, "{\"p0\": 0, \"p3\": 3, \"p3\": 2}"), 1); /* the first of a name */
      CU_ASSERT_EQUAL (check (matcher, "{\"p0\": 0, \"p3\": 2, \"p3\": 3}"), 0);
      CU_ASSERT_EQUAL (check (matcher, "{\"p0\": 0, \"q\": 1}"), 0);
      fg_matcher_free (matcher);
   }
   fg_matcher *twice = many_properties_matcher (8, true, &err);
   CU_ASSERT_EQUAL (check (twice, "{\"p0\": 0, \"p1\": 1}"), 0);
   CU_ASSERT_EQUAL (check (twice, "{\"p0\": 0, \"p1\": {\"$numberLong\": \"1\"}}"), 1);
   CU_ASSERT_EQUAL (check (twice, "{\"p0\": 0, \"p1\": {\"$numberLong\": \"0\"}}"), 0);
   fg_matcher_free (twice);
}

/* Enough elements that they are hashed first: whatever is equal must hash alike. */
static void
many_items (void)
{
   static const char *const pairs[][2] = {
      {"1", "{\"$numberDecimal\": \"1.0\"}"},
      {"{\"$numberDouble\": \"-0.0\"}", "0"},
      {"{\"$numberDouble\": \"NaN\"}", "{\"$numberDecimal\": \"NaN\"}"},
      {"2.5", "{\"$numberDecimal\": \"2.50\"}"},
      {"1e300", "{\"$numberDecimal\": \"1.000000000000000052504760255204420E+300\"}"},
      {"\"s\"", "{\"$symbol\": \"s\"}"},
      {"{\"a\": 1, \"b\": [1, 2]}", "{\"b\": [1.0, 2], \"a\": 1}"},
      {"[[], {}]", "[[], {}]"}};
   fg_error err = {0};
   fg_matcher *matcher =
      compile_in ("{\"$jsonSchema\": {\"properties\": {\"a\": {\"uniqueItems\": true}}}}", FG_MATCHER_FIND, &err);

   for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
      for (int both = 0; both < 2; both++) {
         char json[2048];
         int n = snprintf (json, sizeof json, "{\"a\": [%s", pairs[i][0]);
         for (int k = 100; k < 140; k++) {
            n += snprintf (json + n, sizeof json - (size_t)n, ", %d", k);
         }
         snprintf (json + n, sizeof json - (size_t)n, ", %s]}", both ? pairs[i][1] : "true");
         CU_ASSERT_EQUAL (check (matcher, json), both ? 0 : 1);
      }
   }
   fg_matcher_free (matcher);
}

const fg_test fg_tests[] = {{"numbers", numbers},
                            {"strings", strings},
                            {"arrays", arrays},
                            {"objects", objects},
                            {"dotted_properties", dotted_properties},
                            {"logic", logic},
                            {"encrypted", encrypted},
                            {"many_properties", many_properties},
                            {"many_items", many_items},
                            {NULL, NULL}};
