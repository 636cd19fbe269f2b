/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"
#include "tests/unit/schema/match_json.h"

const char *const fg_suite_name = "schema.parse_schema";

typedef struct parse_case {
   const char *schema;
   int32_t code;
   const char *text; /* NULL: any */
} parse_case;

static void
run (const parse_case *cases, size_t n)
{
   for (size_t i = 0; i < n; i++) {
      char predicate[2048];
      snprintf (predicate, sizeof predicate, "{\"$jsonSchema\": %s}", cases[i].schema);
      int32_t code = compile_code (predicate, cases[i].text);
      if (code != cases[i].code) {
         printf ("# %s: %d instead of %d\n", predicate, code, cases[i].code);
      }
      CU_ASSERT_EQUAL (code, cases[i].code);
   }
}
#define RUN(cases) run (cases, sizeof cases / sizeof cases[0])

static void
keywords (void)
{
   static const parse_case cases[] = {
      {"1", 14, "$jsonSchema must be an object"},
      {"{}", 0, NULL},
      {"{\"foo\": 1}", 9, "Unknown $jsonSchema keyword: foo"},
      {"{\"const\": 1}", 9, "Unknown $jsonSchema keyword: const"},
      {"{\"default\": 1}", 9, "$jsonSchema keyword 'default' is not currently supported"},
      {"{\"$schema\": 1}", 9, "$jsonSchema keyword '$schema' is not currently supported"},
      {"{\"definitions\": {}}", 9, "$jsonSchema keyword 'definitions' is not currently supported"},
      {"{\"id\": \"x\"}", 9, "$jsonSchema keyword 'id' is not currently supported"},
      {"{\"title\": \"a\", \"title\": \"b\"}", 9, "Duplicate $jsonSchema keyword: title"},
      {"{\"title\": 1}", 14, "$jsonSchema keyword 'title' must be of type string"},
      {"{\"description\": 1}", 14, "$jsonSchema keyword 'description' must be of type string"},
      {"{\"type\": \"object\", \"bsonType\": \"object\"}", 9,
       "Cannot specify both $jsonSchema keywords 'type' and 'bsonType'"},
      {"{\"foo\": 1, \"title\": 1}", 9, NULL}, /* every key is looked at before any value */
      {"{\"title\": 1, \"type\": 1}", 14, "$jsonSchema keyword 'title' must be of type string"},
   };
   RUN (cases);
}

static void
types (void)
{
   static const parse_case cases[] = {
      {"{\"type\": 1}", 14, "$jsonSchema keyword 'type' must be either a string or an array of strings"},
      {"{\"type\": [1]}", 14, "$jsonSchema keyword 'type' array elements must be strings"},
      {"{\"type\": \"integer\"}", 9, "$jsonSchema type 'integer' is not currently supported."},
      {"{\"type\": [\"string\", \"integer\"]}", 9, NULL},
      {"{\"type\": \"int\"}", 2, "Unknown type name alias: int"},
      {"{\"bsonType\": \"boolean\"}", 2, "Unknown type name alias: boolean"},
      {"{\"bsonType\": \"missing\"}", 2, NULL},
      {"{\"bsonType\": 2}", 14, NULL},
      {"{\"bsonType\": []}", 9, "$jsonSchema keyword 'bsonType' must name at least one type"},
      {"{\"bsonType\": [\"int\", \"int\"]}", 9, "$jsonSchema keyword 'bsonType' has duplicate value: int"},
      {"{\"bsonType\": [\"int\", \"number\", \"minKey\"]}", 0, NULL},
      {"{\"type\": [\"number\", \"null\"]}", 0, NULL},
   };
   RUN (cases);
}

static void
scalars (void)
{
   static const parse_case cases[] = {
      {"{\"maximum\": \"1\"}", 14, "$jsonSchema keyword 'maximum' must be a number"},
      {"{\"exclusiveMaximum\": true}", 9,
       "$jsonSchema keyword 'maximum' must be a present if exclusiveMaximum is present"},
      {"{\"minimum\": 1, \"exclusiveMinimum\": 1}", 14, "$jsonSchema keyword 'exclusiveMinimum' must be a boolean"},
      {"{\"multipleOf\": 0}", 9, "$jsonSchema keyword 'multipleOf' must have a positive value"},
      {"{\"multipleOf\": -1}", 9, NULL},
      {"{\"multipleOf\": \"1\"}", 14, NULL},
      {"{\"properties\": {\"a\": {\"multipleOf\": {\"$numberDouble\": \"NaN\"}}}}", 2, "divisor cannot be NaN"},
      {"{\"multipleOf\": {\"$numberDouble\": \"NaN\"}}", 0, NULL}, /* at the top nothing is divided */
      {"{\"multipleOf\": {\"$numberDouble\": \"Infinity\"}}", 0, NULL},
      {"{\"multipleOf\": {\"$numberDouble\": \"-Infinity\"}}", 9, NULL},
      {"{\"multipleOf\": 0}", 9, NULL},
      {"{\"multipleOf\": \"NaN\"}", 14, NULL},
      {"{\"properties\": {\"a\": {\"multipleOf\": {\"$numberDouble\": \"Infinity\"}}}}", 2, NULL},
      {"{\"maxLength\": -1}", 9, "Expected a non-negative number in: maxLength: -1"},
      {"{\"minLength\": 1.5}", 9, "Expected an integer: minLength: 1.5"},
      {"{\"minLength\": \"3\"}", 9, "Expected a number in: minLength: \"3\""},
      {"{\"minLength\": 1e30}", 9, NULL},
      {"{\"minLength\": 2.0}", 0, NULL},
      {"{\"pattern\": 1}", 14, "$jsonSchema keyword 'pattern' must be a string"},
      {"{\"properties\": {\"a\": {\"pattern\": \"(\"}}}", 51091, NULL},
      {"{\"properties\": {\"a\": {\"pattern\": \"a\\u0000\"}}}", 2, NULL},
   };
   RUN (cases);
}

static void
arrays (void)
{
   static const parse_case cases[] = {
      {"{\"items\": 1}", 14, "$jsonSchema keyword 'items' must be an array or an object, not int"},
      {"{\"items\": [1]}", 14, NULL},
      {"{\"items\": {}, \"additionalItems\": 1}", 14, NULL},
      {"{\"additionalItems\": {\"foo\": 1}}", 9, "Unknown $jsonSchema keyword: foo"},
      {"{\"uniqueItems\": 1}", 14, "$jsonSchema keyword 'uniqueItems' must be a boolean"},
      {"{\"minItems\": -1}", 9, NULL},
      {"{\"items\": [{}, {\"type\": \"string\"}], \"additionalItems\": false}", 0, NULL},
   };
   RUN (cases);
}

static void
objects (void)
{
   static const parse_case cases[] = {
      {"{\"required\": \"a\"}", 14,
       "$jsonSchema keyword 'required' must be an array, but found an element of type string"},
      {"{\"required\": []}", 9, "$jsonSchema keyword 'required' cannot be an empty array"},
      {"{\"required\": [\"a\", \"a\"]}", 9, "$jsonSchema keyword 'required' array cannot contain duplicate values"},
      {"{\"required\": [1]}", 14, NULL},
      {"{\"properties\": 1}", 14, "$jsonSchema keyword 'properties' must be an object"},
      {"{\"properties\": {\"a\": 1}}", 14, "Nested schema for $jsonSchema property 'a' must be an object"},
      {"{\"patternProperties\": 1}", 14, NULL},
      {"{\"patternProperties\": {\"a\": 1}}", 14, NULL},
      {"{\"patternProperties\": {\"(\": {}}}", 2, NULL},
      {"{\"additionalProperties\": 1}", 14,
       "$jsonSchema keyword 'additionalProperties' must be an object or a boolean"},
      {"{\"minProperties\": 1.5}", 9, NULL},
      {"{\"dependencies\": 1}", 14, NULL},
      {"{\"dependencies\": {\"a\": 1}}", 14,
       "property 'a' in $jsonSchema keyword 'dependencies' must be either an object or an array"},
      {"{\"dependencies\": {\"a\": []}}", 9,
       "property 'a' in $jsonSchema keyword 'dependencies' cannot be an empty array"},
      {"{\"dependencies\": {\"a\": [\"b\", \"b\"]}}", 9, NULL},
      {"{\"dependencies\": {\"a\": [1]}}", 14, NULL},
      {"{\"dependencies\": {\"title\": \"x\", \"description\": \"y\"}}", 0, NULL},
   };
   RUN (cases);
}

static void
logic (void)
{
   static const parse_case cases[] = {
      {"{\"allOf\": 1}", 14, "$jsonSchema keyword 'allOf' must be an array"},
      {"{\"anyOf\": []}", 2, "$jsonSchema keyword 'anyOf' must be a non-empty array"},
      {"{\"oneOf\": [1]}", 14, NULL},
      {"{\"not\": []}", 14, "$jsonSchema keyword 'not' must be an object, but found an element of type array"},
      {"{\"enum\": 1}", 14, NULL},
      {"{\"enum\": []}", 9, "$jsonSchema keyword 'enum' cannot be an empty array"},
      {"{\"enum\": [{\"a\": 1, \"b\": 2}, {\"b\": 2.0, \"a\": 1}]}", 9,
       "$jsonSchema keyword 'enum' array cannot contain duplicate values."},
      {"{\"enum\": [1, 1.0]}", 9, NULL},
   };
   RUN (cases);
}

#define KEY "{\"$binary\": {\"base64\": \"AAECAwQFBgcICQoLDA0ODw==\", \"subType\": \"04\"}}"

static void
encryption (void)
{
   static const parse_case cases[] = {
      {"{\"encrypt\": 1}", 14, "$jsonSchema keyword 'encrypt' must be an object "},
      {"{\"encrypt\": {}}", 0, NULL},
      {"{\"encrypt\": {}, \"type\": \"string\"}", 9, NULL},
      {"{\"encrypt\": {}, \"bsonType\": \"string\"}", 9,
       "$jsonSchema keyword 'encrypt' cannot be used in conjunction with 'bsonType', 'encrypt' implies type "
       "'bsonType::BinData'"},
      {"{\"encrypt\": {}, \"encryptMetadata\": {\"keyId\": \"/a\"}}", 9,
       "Cannot specify both $jsonSchema keywords 'encrypt' and 'encryptMetadata'"},
      {"{\"encryptMetadata\": {}}", 9, "$jsonSchema keyword 'encryptMetadata' cannot be an empty object "},
      {"{\"encryptMetadata\": {\"bsonType\": \"int\"}}", 40415,
       "BSON field 'encryptMetadata.bsonType' is an unknown field."},
      {"{\"encrypt\": {\"x\": 1}}", 40415, "BSON field 'encrypt.x' is an unknown field."},
      {"{\"encrypt\": {\"bsonType\": []}}", 0, NULL},
      {"{\"encrypt\": {\"bsonType\": 2}}", 14, NULL},
      {"{\"encrypt\": {\"bsonType\": \"foo\"}}", 2, "Unknown type name alias: foo"},
      {"{\"encrypt\": {\"algorithm\": \"x\"}}", 2,
       "Enumeration value 'x' for field 'encrypt.algorithm' is not a valid value."},
      {"{\"encrypt\": {\"algorithm\": 1}}", 14, NULL},
      {"{\"encrypt\": {\"keyId\": \"\"}}", 51064, "Empty JSONPointers are not supported"},
      {"{\"encrypt\": {\"keyId\": \"a\"}}", 51065, "JSONPointer must start with a '/'"},
      {"{\"encrypt\": {\"keyId\": \"/a~2\"}}", 51063, NULL},
      {"{\"encrypt\": {\"keyId\": \"/a~\"}}", 51063, NULL},
      {"{\"encrypt\": {\"keyId\": \"/a~0~1\"}}", 0, NULL},
      {"{\"encrypt\": {\"keyId\": 1}}", 51085,
       "Expected either string or array of UUID for EncryptSchemaKeyId, found int"},
      {"{\"encrypt\": {\"keyId\": [1]}}", 51088, "Array elements must have type BinData, found int"},
      {"{\"encrypt\": {\"keyId\": [{\"$binary\": {\"base64\": \"AA==\", \"subType\": \"00\"}}]}}", 51084, NULL},
      {"{\"encrypt\": {\"keyId\": []}}", 0, NULL},
      {"{\"encrypt\": {\"keyId\": [" KEY "], \"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Random\"}}", 0, NULL},
      {"{\"encrypt\": {\"keyId\": \"/a\", \"keyId\": \"/a\"}}", 40413, NULL},
   };
   RUN (cases);
}

static void
depth (void)
{
   /* Built by hand: libbson's JSON reader stops at 100 levels. */
   uint8_t bytes[4096];
   for (int levels = 190; levels <= 210; levels += 20) {
      size_t len = 5;
      memcpy (bytes, "\x05\0\0\0\0", 5);
      for (int i = 0; i <= levels; i++) {
         const char *name = i == levels ? "$jsonSchema" : "not";
         size_t n = strlen (name) + 1;
         memmove (bytes + 5 + n, bytes, len);
         bytes[4] = 0x03;
         memcpy (bytes + 5, name, n);
         len += 5 + n + 1;
         bytes[len - 1] = 0;
         uint32_t total = (uint32_t)len;
         memcpy (bytes, &total, 4);
      }
      fg_error err = {0};
      fg_matcher *matcher = fg_matcher_compile (bytes, len, NULL, &err);
      CU_ASSERT_EQUAL (matcher != NULL, levels == 190);
      if (matcher) {
         CU_ASSERT_NOT_EQUAL (fg_matcher_check (matcher, (const uint8_t *)"\x05\0\0\0\0", 5, &err), FG_MATCH_ERROR);
      } else {
         CU_ASSERT_EQUAL (err.domain, FG_ERROR_SERVER);
      }
      fg_matcher_free (matcher);
   }
}

static void
lax_keywords (void)
{
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;
   fg_error err = {0};
   bson_t *lax = from_json ("{\"$jsonSchema\": {\"foo\": 1}}");
   bson_t *unsupported = from_json ("{\"$jsonSchema\": {\"default\": 1}}");

   options.flags = FG_MATCHER_IGNORE_UNKNOWN_KEYWORDS;
   fg_matcher *matcher = fg_matcher_compile (bson_get_data (lax), lax->len, &options, &err);
   CU_ASSERT_PTR_NOT_NULL (matcher);
   fg_matcher_free (matcher);
   CU_ASSERT_PTR_NULL (fg_matcher_compile (bson_get_data (unsupported), unsupported->len, &options, &err));
   bson_destroy (lax);
   bson_destroy (unsupported);
}

const fg_test fg_tests[] = {
   {"keywords", keywords},         {"types", types}, {"scalars", scalars},       {"arrays", arrays},
   {"objects", objects},           {"logic", logic}, {"encryption", encryption}, {"depth", depth},
   {"lax_keywords", lax_keywords}, {NULL, NULL}};
