/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"
#include "tests/unit/schema/match_json.h"

#include "schema/match/plan.h"

const char *const fg_suite_name = "schema.plan";

/*
 * A plan says yes only where the tree does, and says it for what it was made for. fg_matcher_check asks the plan first, fg_matcher_check_positional
 * only the tree: so the two must agree on any bytes.
 */

static fg_matcher *
compile (const char *predicate)
{
   fg_error err = {0};
   fg_matcher *matcher = compile_in (predicate, FG_MATCHER_VALIDATOR, &err);

   if (!matcher) {
      printf ("# %s: %s\n", predicate, err.message);
   }
   CU_ASSERT_PTR_NOT_NULL_FATAL (matcher);
   return matcher;
}

static bool
accepts (const fg_matcher *matcher, const bson_t *doc)
{
   const fg_value value = fg_value_of_document (bson_get_data (doc), doc->len);
   fg_eval ev;

   fg_eval_begin (&ev, matcher);
   bool yes = matcher->plan && fg_plan_accepts (matcher->plan, &ev, &value);
   fg_eval_end (&ev);
   return yes;
}

/* Both ways at once; the tree's answer. */
static fg_match
agreed (const fg_matcher *matcher, const uint8_t *bytes, size_t len)
{
   fg_error err = {0}, other = {0};
   size_t index;
   uint8_t *copy = malloc (len ? len : 1);

   memcpy (copy, bytes, len);
   fg_match tree = fg_matcher_check_positional (matcher, copy, len, &index, &err);
   CU_ASSERT_EQUAL (fg_matcher_check (matcher, copy, len, &other), tree);
   CU_ASSERT_EQUAL (err.domain, other.domain);
   free (copy);
   return tree;
}

typedef struct expectation {
   const char *predicate, *document;
   bool planned; /* the plan alone says yes */
   fg_match tree;
} expectation;

#define BLOB "{\"$binary\": {\"base64\": \"AQAAAAAAAAAAAAAAAAAAAAAC\", \"subType\": \"06\"}}"
#define UNKNOWN_BLOB "{\"$binary\": {\"base64\": \"YwAAAAAAAAAAAAAAAAAAAAAC\", \"subType\": \"06\"}}"
#define SCHEMA(x) "{\"$jsonSchema\": {" x "}}"

static const expectation expectations[] = {
   {SCHEMA ("\"required\": [\"a\"]"), "{\"b\": 1, \"a\": null}", true, FG_MATCH_YES},
   {SCHEMA ("\"required\": [\"a\"]"), "{\"b\": 1}", false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"bsonType\": \"int\"}}"), "{\"a\": 1, \"a\": \"x\"}", true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"bsonType\": \"int\"}}"), "{\"a\": \"x\", \"a\": 1}", false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"encrypt\": {\"bsonType\": \"string\"}}}"), "{\"a\": " BLOB "}", true,
    FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"encrypt\": {\"bsonType\": \"int\"}}}"), "{\"a\": " BLOB "}", false,
    FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"encrypt\": {\"bsonType\": \"string\"}}}"), "{\"a\": " UNKNOWN_BLOB "}", false,
    FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"minLength\": 2, \"maxLength\": 3}}"), "{\"a\": \"\xc3\xa4\xc3\xb6\xc3\xbc\"}",
    true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"minLength\": 2}}"), "{\"a\": \"\xc3\xa4\"}", false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"maxLength\": 0}}"), "{\"a\": \"\"}", true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"maxLength\": 2}}"), "{\"a\": 12345}", true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"properties\": {\"b\": {\"bsonType\": \"int\"}}}}"),
    "{\"a\": {\"b\": 1}, \"c\": 2}", true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"properties\": {\"b\": {\"bsonType\": \"int\"}}}}"), "{\"a\": [1], \"c\": 2}",
    true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"required\": [\"b\"]}}"), "{\"a\": {\"c\": 1}}", false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"items\": {\"bsonType\": \"int\"}, \"minItems\": 1, \"maxItems\": 2}}"),
    "{\"a\": [1, 2]}", true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"items\": {\"bsonType\": \"int\"}, \"minItems\": 1, \"maxItems\": 2}}"),
    "{\"a\": [1, 2, 3]}", false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"items\": {\"bsonType\": \"int\"}}}"), "{\"a\": [1, \"x\"]}", false,
    FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"items\": [{\"bsonType\": \"int\"}], \"additionalItems\": false}}"),
    "{\"a\": [1]}", true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"_id\": {}, \"a\": {}}, \"additionalProperties\": false"), "{\"_id\": 1, \"a\": 2}",
    true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"_id\": {}, \"a\": {}}, \"additionalProperties\": false"), "{\"_id\": 1, \"b\": 2}",
    false, FG_MATCH_NO},
   {SCHEMA ("\"required\": [\"b\"], \"properties\": {\"a\": {}}, \"additionalProperties\": false"),
    "{\"a\": 1, \"b\": 2}", false, FG_MATCH_NO},
   {SCHEMA ("\"patternProperties\": {\"^n\": {\"bsonType\": \"int\"}}, \"additionalProperties\": {\"bsonType\": "
            "\"string\"}"),
    "{\"n1\": 1, \"s\": \"x\"}", true, FG_MATCH_YES},
   {SCHEMA ("\"patternProperties\": {\"^n\": {\"bsonType\": \"int\"}}, \"properties\": {\"n1\": {}}"),
    "{\"n1\": \"x\"}", false, FG_MATCH_NO},
   {SCHEMA ("\"minProperties\": 2, \"maxProperties\": 2"), "{\"a\": 1, \"b\": 2}", true, FG_MATCH_YES},
   {SCHEMA ("\"minProperties\": 2, \"maxProperties\": 2"), "{\"a\": 1, \"b\": 2, \"c\": 3}", false, FG_MATCH_NO},
   {SCHEMA ("\"allOf\": [{\"properties\": {\"a\": {\"minimum\": 1}}}, {\"properties\": {\"a\": {\"maximum\": 3}}}]"),
    "{\"a\": 2}", true, FG_MATCH_YES},
   {SCHEMA ("\"allOf\": [{\"properties\": {\"a\": {\"minimum\": 1}}}, {\"properties\": {\"a\": {\"maximum\": 3}}}]"),
    "{\"a\": 4}", false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"anyOf\": [{\"bsonType\": \"int\"}, {\"enum\": [\"x\"]}]}}"), "{\"a\": \"x\"}",
    true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a.b\": {\"bsonType\": \"int\"}, \"c\": {\"bsonType\": \"int\"}}"),
    "{\"a\": {\"b\": 1}, \"c\": 1}", false, FG_MATCH_YES},
   {SCHEMA ("\"required\": [\"averylongnameofafield1\"], \"properties\": {\"averylongnameofafield2\": {\"bsonType\": "
            "\"int\"}}"),
    "{\"averylongnameofafield2\": 2, \"averylongnameofafield1\": 1}", true, FG_MATCH_YES},
   {SCHEMA ("\"required\": [\"averylongnameofafield1\"]"), "{\"averylongnXmeofafield1\": 1}", false, FG_MATCH_NO},
   {SCHEMA ("\"required\": [\"\", \"12345678\", \"1234567\", \"1234567890123456\"]"),
    "{\"\": 1, \"12345678\": 2, \"1234567\": 3, \"1234567890123456\": 4}", true, FG_MATCH_YES},
   {SCHEMA ("\"required\": [\"12345678\"]"), "{\"123456789\": 2, \"1234567\": 3}", false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"minimum\": 3, \"exclusiveMinimum\": true, \"maximum\": 4}}"), "{\"a\": 3}",
    false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"minimum\": 3, \"exclusiveMinimum\": true, \"maximum\": 4}}"), "{\"a\": 4}",
    true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"minimum\": 3, \"maximum\": 4, \"exclusiveMaximum\": true}}"), "{\"a\": 4}",
    false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"minimum\": 3, \"maximum\": 4, \"exclusiveMaximum\": true}}"), "{\"a\": 3}",
    true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"minimum\": -3}}"), "{\"a\": {\"$numberLong\": \"-9223372036854775808\"}}",
    false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"maximum\": {\"$numberLong\": \"9223372036854775807\"}}}"), "{\"a\": 9.3e18}",
    false, FG_MATCH_NO},
   {SCHEMA ("\"properties\": {\"a\": {\"minimum\": 3}}"), "{\"a\": 3.5}", true, FG_MATCH_YES},
   {SCHEMA ("\"properties\": {\"a\": {\"minimum\": 3}}"), "{\"a\": \"x\"}", true, FG_MATCH_YES},
   {"{\"a\": {\"$gt\": 3}, \"b\": {\"$exists\": true}}", "{\"a\": [1, 5], \"b\": null}", true, FG_MATCH_YES},
   {"{\"a\": {\"$gt\": 3}, \"b\": null}", "{\"a\": 4}", true, FG_MATCH_YES},
   {"{\"a\": {\"$gt\": 3}, \"b\": {\"$exists\": true}}", "{\"a\": [1, 2], \"b\": 1}", false, FG_MATCH_NO},
   {"{\"a\": {\"$gt\": 3}, \"b\": {\"$exists\": true}}", "{\"a\": 4}", false, FG_MATCH_NO},
   {"{\"$or\": [{\"a\": 1}]}", "{\"a\": 1}", false, FG_MATCH_YES},
};

static void
test_expectations (void)
{
   for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
      const expectation *e = &expectations[i];
      fg_matcher *matcher = compile (e->predicate);
      bson_t *doc = from_json (e->document);
      bool planned = accepts (matcher, doc);
      fg_match tree = agreed (matcher, bson_get_data (doc), doc->len);
      if (planned != e->planned || tree != e->tree) {
         printf ("# %s beside %s: plan %d, tree %d\n", e->predicate, e->document, planned, (int)tree);
      }
      CU_ASSERT_EQUAL (planned, e->planned);
      CU_ASSERT_EQUAL (tree, e->tree);
      bson_destroy (doc);
      fg_matcher_free (matcher);
   }
}

/* Every byte of a document changed to every value, and every shorter length: still the tree's answer. */
static void
test_mutations (void)
{
   static const char *const document = "{\"_id\": 1, \"a\": {\"b\": \"text\", \"n\": null, \"m\": [1, 2]}, \"c\": " BLOB
                                       ", \"list\": [{\"x\": 1}, {\"x\": 2.5}], \"r\": "
                                       "{\"$regularExpression\": {\"pattern\": \"a\", \"options\": \"i\"}}, \"w\": "
                                       "{\"$code\": \"f\", \"$scope\": {\"a\": 1}}, \"k\": "
                                       "{\"$minKey\": 1}, \"last\": true}";
   static const char *const predicates[] = {
      SCHEMA ("\"required\": [\"_id\", \"list\", \"last\"], \"properties\": {\"a\": {\"bsonType\": \"object\", "
              "\"required\": [\"b\"], "
              "\"properties\": {\"b\": {\"minLength\": 1}, \"m\": {\"maxItems\": 2}}}, \"c\": {\"encrypt\": "
              "{\"bsonType\": \"string\"}}, "
              "\"list\": {\"items\": {\"properties\": {\"x\": {\"bsonType\": \"number\"}}}}}"),
      SCHEMA ("\"properties\": {\"_id\": {}, \"a\": {}, \"c\": {}, \"list\": {\"uniqueItems\": true}, \"r\": {}, "
              "\"w\": {}, \"k\": {}, "
              "\"last\": {\"bsonType\": \"bool\"}}, \"additionalProperties\": false"),
      "{\"_id\": {\"$gte\": 1}, \"list\": {\"$exists\": true}, \"$jsonSchema\": {\"maxProperties\": 8}}"};
   bson_t *doc = from_json (document);
   size_t len = doc->len;
   uint8_t *bytes = malloc (len);

   for (size_t p = 0; p < sizeof predicates / sizeof predicates[0]; p++) {
      fg_matcher *matcher = compile (predicates[p]);
      memcpy (bytes, bson_get_data (doc), len);
      CU_ASSERT_TRUE (accepts (matcher, doc));
      for (size_t i = 0; i < len; i++) {
         for (unsigned value = 0; value < 256; value++) {
            bytes[i] = (uint8_t)value;
            (void)agreed (matcher, bytes, len);
         }
         bytes[i] = bson_get_data (doc)[i];
      }
      for (size_t n = 0; n < len; n++) {
         CU_ASSERT_EQUAL (agreed (matcher, bytes, n), FG_MATCH_ERROR);
      }
      fg_matcher_free (matcher);
   }
   free (bytes);
   bson_destroy (doc);
}

/* More names than one word remembers, met in the schema's order and against it. */
static void
test_many_names (void)
{
   bson_t predicate = BSON_INITIALIZER, schema, properties, required, inner;
   bson_t forward = BSON_INITIALIZER, backward = BSON_INITIALIZER, short_of_one = BSON_INITIALIZER;
   fg_error err = {0};
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;
   char name[32], index[16];

   BSON_APPEND_DOCUMENT_BEGIN (&predicate, "$jsonSchema", &schema);
   BSON_APPEND_ARRAY_BEGIN (&schema, "required", &required);
   for (int i = 0; i < 700; i++) {
      snprintf (index, sizeof index, "%d", i);
      snprintf (name, sizeof name, "field%d", i);
      BSON_APPEND_UTF8 (&required, index, name);
   }
   bson_append_array_end (&schema, &required);
   BSON_APPEND_DOCUMENT_BEGIN (&schema, "properties", &properties);
   for (int i = 0; i < 700; i++) {
      snprintf (name, sizeof name, "field%d", i);
      BSON_APPEND_DOCUMENT_BEGIN (&properties, name, &inner);
      BSON_APPEND_UTF8 (&inner, "bsonType", "int");
      bson_append_document_end (&properties, &inner);
      BSON_APPEND_INT32 (&forward, name, i);
      if (i != 333) {
         BSON_APPEND_INT32 (&short_of_one, name, i);
      }
      snprintf (name, sizeof name, "field%d", 699 - i);
      BSON_APPEND_INT32 (&backward, name, i);
   }
   bson_append_document_end (&schema, &properties);
   bson_append_document_end (&predicate, &schema);
   options.context = FG_MATCHER_VALIDATOR;
   fg_matcher *matcher = fg_matcher_compile (bson_get_data (&predicate), predicate.len, &options, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (matcher);
   CU_ASSERT_TRUE (accepts (matcher, &forward));
   CU_ASSERT_TRUE (accepts (matcher, &backward));
   CU_ASSERT_FALSE (accepts (matcher, &short_of_one));
   CU_ASSERT_EQUAL (agreed (matcher, bson_get_data (&short_of_one), short_of_one.len), FG_MATCH_NO);
   fg_matcher_free (matcher);
   bson_destroy (&predicate);
   bson_destroy (&forward);
   bson_destroy (&backward);
   bson_destroy (&short_of_one);
}

enum { LEVELS = FG_PLAN_DEPTH + 10, TEXT_MAX = 4096 };

/* before LEVELS times, the leaf, after as often. */
static void
nest (char *out, const char *first, const char *before, const char *leaf, const char *after, const char *last)
{
   int n = snprintf (out, TEXT_MAX, "%s", first);

   for (int i = 0; i < LEVELS; i++) {
      n += snprintf (out + n, TEXT_MAX - (size_t)n, "%s", before);
   }
   n += snprintf (out + n, TEXT_MAX - (size_t)n, "%s", leaf);
   for (int i = 0; i < LEVELS; i++) {
      n += snprintf (out + n, TEXT_MAX - (size_t)n, "%s", after);
   }
   snprintf (out + n, TEXT_MAX - (size_t)n, "%s", last);
}

/* Deeper than plans go: what is beyond stays with the tree. */
static void
test_depth (void)
{
   static const struct {
      const char *leaf;
      bool fits;
   } leaves[] = {{"1", true}, {"\"x\"", false}, {"{\"a\": 1}", false}};
   char text[TEXT_MAX];

   nest (text, "{\"$jsonSchema\": ", "{\"properties\": {\"a\": ", "{\"bsonType\": \"int\"}", "}}", "}");
   fg_matcher *matcher = compile (text);
   for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++) {
      nest (text, "", "{\"a\": ", leaves[i].leaf, "}", "");
      bson_t *doc = from_json (text);
      CU_ASSERT_EQUAL (accepts (matcher, doc), leaves[i].fits);
      CU_ASSERT_EQUAL (agreed (matcher, bson_get_data (doc), doc->len), leaves[i].fits ? FG_MATCH_YES : FG_MATCH_NO);
      bson_destroy (doc);
   }
   fg_matcher_free (matcher);
}

/* encryptedFields with a path that is deeper than plans go. */
static void
test_deep_encrypted_field (void)
{
   static const char key[] = "{\"$binary\": {\"base64\": \"AAECAwQFRgeICQoLDA0ODw==\", \"subType\": \"04\"}}";
   static const struct {
      const char *leaf;
      fg_match expected;
   } leaves[] = {{"1", FG_MATCH_NO},
                 {"{\"b\": 1}", FG_MATCH_NO},
                 {"{\"$binary\": {\"base64\": \"DgAAAAAAAAAAAAAAAAAAAAAC\", \"subType\": \"06\"}}", FG_MATCH_YES}};
   char path[2 * LEVELS + 1], text[TEXT_MAX];
   fg_error err = {0};

   for (int i = 0; i < LEVELS; i++) {
      path[2 * i] = 'a';
      path[2 * i + 1] = '.';
   }
   path[2 * LEVELS - 1] = '\0';
   snprintf (text, sizeof text,
             "{\"encryptedFields\": {\"fields\": [{\"path\": \"%s\", \"keyId\": %s, \"bsonType\": \"string\"}]}}", path,
             key);
   bson_t *options = from_json (text);
   fg_validator *validator = fg_validator_compile (bson_get_data (options), options->len, 0, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (validator);
   for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++) {
      nest (text, "", "{\"a\": ", leaves[i].leaf, "}", "");
      bson_t *doc = from_json (text);
      CU_ASSERT_EQUAL (fg_validator_check (validator, bson_get_data (doc), doc->len, &err), leaves[i].expected);
      bson_destroy (doc);
   }
   fg_validator_free (validator);
   bson_destroy (options);
}

const fg_test fg_tests[] = {{"expectations", test_expectations},
                            {"mutations", test_mutations},
                            {"many_names", test_many_names},
                            {"depth", test_depth},
                            {"deep_encrypted_field", test_deep_encrypted_field},
                            {NULL, NULL}};
