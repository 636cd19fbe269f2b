/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"
#include "tests/unit/schema/match_json.h"

const char *const fg_suite_name = "schema.explain";

static bool
explain (const char *options_json, const char *document, const fg_explain_options *options, bson_t *details)
{
   fg_error err = {0};
   bson_t *bson = from_json (options_json);
   bson_t *doc = from_json (document);
   fg_validator *validator = fg_validator_compile (bson_get_data (bson), bson->len, 0, &err);
   bool ok = false;

   if (!validator) {
      printf ("# %s\n", err.message);
   } else if (fg_validator_check (validator, bson_get_data (doc), doc->len, &err) == FG_MATCH_NO) {
      ok = fg_validator_explain (validator, bson_get_data (doc), doc->len, options, details, &err);
   }
   fg_validator_free (validator);
   bson_destroy (bson);
   bson_destroy (doc);
   return ok && bson_validate (details, BSON_VALIDATE_NONE, NULL);
}

/* Whether the details are those of expected. */
static bool
explains (const char *validator, const char *document, const char *expected)
{
   fg_explain_options options = FG_EXPLAIN_OPTIONS_INIT;
   bson_t details = BSON_INITIALIZER;
   char json[4096];

   snprintf (json, sizeof json, "{\"validator\": %s}", validator);
   bson_t *want = from_json (expected);
   bool ok = explain (json, document, &options, &details) && bson_equal (&details, want);
   if (!ok) {
      char *text = bson_as_relaxed_extended_json (&details, NULL);
      printf ("# %s\n", text);
      bson_free (text);
   }
   bson_destroy (want);
   bson_destroy (&details);
   return ok;
}

static void
query_leaves (void)
{
   CU_ASSERT_TRUE (explains ("{\"a\": 5}", "{\"a\": 4}",
                             "{\"operatorName\": \"$eq\", \"specifiedAs\": {\"a\": 5}, \"reason\": \"comparison "
                             "failed\", \"consideredValue\": 4}"));
   CU_ASSERT_TRUE (explains (
      "{\"a\": {\"$gt\": 5}}", "{}",
      "{\"operatorName\": \"$gt\", \"specifiedAs\": {\"a\": {\"$gt\": 5}}, \"reason\": \"field was missing\"}"));
   CU_ASSERT_TRUE (explains ("{\"a\": {\"$gt\": 5}}", "{\"a\": [1, 2]}",
                             "{\"operatorName\": \"$gt\", \"specifiedAs\": {\"a\": {\"$gt\": 5}}, \"reason\": "
                             "\"comparison failed\", \"consideredValues\": [1, 2, [1, 2]]}"));
   CU_ASSERT_TRUE (explains ("{\"a\": {\"$ne\": 5}}", "{\"a\": 5}",
                             "{\"operatorName\": \"$ne\", \"specifiedAs\": {\"a\": {\"$ne\": 5}}, \"reason\": "
                             "\"comparison succeeded\", \"consideredValue\": 5}"));
   CU_ASSERT_TRUE (
      explains ("{\"a\": {\"#type\": \"int\"}}", "{\"a\": \"x\"}",
                "{\"operatorName\": \"$type\", \"specifiedAs\": {\"a\": {\"#type\": \"int\"}}, \"reason\": \"type did "
                "not match\", \"consideredValue\": \"x\", \"consideredType\": \"string\"}"));
   CU_ASSERT_TRUE (explains ("{\"a\": {\"$exists\": false}}", "{\"a\": 1}",
                             "{\"operatorName\": \"$exists\", \"specifiedAs\": {\"a\": {\"$exists\": false}}, "
                             "\"reason\": \"path does exist\"}"));
   CU_ASSERT_TRUE (
      explains ("{\"a\": {\"$size\": 2}}", "{\"a\": 1}",
                "{\"operatorName\": \"$size\", \"specifiedAs\": {\"a\": {\"$size\": 2}}, \"reason\": \"type did not "
                "match\", \"consideredValue\": 1, \"consideredType\": \"int\", \"expectedType\": \"array\"}"));
   CU_ASSERT_TRUE (
      explains ("{\"a\": {\"#type\": \"int\"}}", "{\"a\": [\"x\", true]}",
                "{\"operatorName\": \"$type\", \"specifiedAs\": {\"a\": {\"#type\": \"int\"}}, \"reason\": \"type did "
                "not match\", \"consideredValues\": [\"x\", true], \"consideredTypes\": [\"string\", \"bool\"]}"));
   CU_ASSERT_TRUE (explains ("{\"a\": {\"#type\": \"int\"}}", "{\"a\": []}",
                             "{\"operatorName\": \"$type\", \"specifiedAs\": {\"a\": {\"#type\": \"int\"}}, "
                             "\"reason\": \"type did not match\", \"consideredValues\": [], \"consideredTypes\": []}"));
}

static void
query_logic (void)
{
   CU_ASSERT_TRUE (explains (
      "{\"a\": {\"$gt\": 1, \"$lt\": 3}, \"b\": 1}", "{\"a\": 4, \"b\": 2}",
      "{\"operatorName\": \"$and\", \"clausesNotSatisfied\": [{\"index\": 1, \"details\": {\"operatorName\": \"$lt\", "
      "\"specifiedAs\": {\"a\": {\"$lt\": 3}}, \"reason\": \"comparison failed\", \"consideredValue\": 4}},"
      "{\"index\": 2, \"details\": {\"operatorName\": \"$eq\", \"specifiedAs\": {\"b\": 1}, \"reason\": \"comparison "
      "failed\", \"consideredValue\": 2}}]}"));
   CU_ASSERT_TRUE (explains (
      "{\"$nor\": [{\"a\": 1}, {\"b\": 1}]}", "{\"b\": 1}",
      "{\"operatorName\": \"$nor\", \"clausesSatisfied\": [{\"index\": 1, \"details\": {\"operatorName\": \"$eq\", "
      "\"specifiedAs\": {\"b\": 1}, \"reason\": \"comparison succeeded\", \"consideredValue\": 1}}]}"));
   CU_ASSERT_TRUE (explains ("{\"a\": {\"$not\": {\"$gt\": 1}}}", "{\"a\": 2}",
                             "{\"operatorName\": \"$not\", \"details\": {\"operatorName\": \"$gt\", \"specifiedAs\": "
                             "{\"a\": {\"$gt\": 1}}, \"reason\": \"comparison succeeded\", \"consideredValue\": 2}}"));
   CU_ASSERT_TRUE (explains ("{\"$nor\": [{\"$jsonSchema\": {}}]}", "{}",
                             "{\"operatorName\": \"$nor\", \"clausesSatisfied\": [{\"index\": 0, \"details\": "
                             "{\"operatorName\": \"$jsonSchema\", \"reason\": \"schema matched\"}}]}"));
}

#define SCHEMA(s) "{\"$jsonSchema\": " s "}"
#define RULES(r) "{\"operatorName\": \"$jsonSchema\", \"schemaRulesNotSatisfied\": [" r "]}"
#define PROPERTY(name, d)                                                                                              \
   RULES ("{\"operatorName\": \"properties\", \"propertiesNotSatisfied\": [{\"propertyName\": \"" name                 \
          "\", \"details\": [" d "]}]}")

static void
schema_scalars (void)
{
   CU_ASSERT_TRUE (
      explains (SCHEMA ("{\"properties\": {\"a\": {\"bsonType\": \"int\"}}}"), "{\"a\": \"x\"}",
                PROPERTY ("a", "{\"operatorName\": \"bsonType\", \"specifiedAs\": {\"bsonType\": \"int\"}, \"reason\": "
                               "\"type did not match\", \"consideredValue\": \"x\", \"consideredType\": \"string\"}")));
   CU_ASSERT_TRUE (explains (
      SCHEMA ("{\"properties\": {\"a\": {\"minimum\": 3, \"exclusiveMinimum\": true}}}"), "{\"a\": 3}",
      PROPERTY ("a", "{\"operatorName\": \"minimum\", \"specifiedAs\": {\"minimum\": 3, \"exclusiveMinimum\": true}, "
                     "\"reason\": \"comparison failed\", \"consideredValue\": 3}")));
   CU_ASSERT_TRUE (explains (SCHEMA ("{\"properties\": {\"a\": {\"enum\": [1, 2]}}}"), "{\"a\": 3}",
                             PROPERTY ("a", "{\"operatorName\": \"enum\", \"specifiedAs\": {\"enum\": [1, 2]}, "
                                            "\"reason\": \"value was not found in enum\", \"consideredValue\": 3}")));
   CU_ASSERT_TRUE (explains (SCHEMA ("{\"properties\": {\"a\": {\"not\": {\"minimum\": 3}}}}"), "{\"a\": 3}",
                             PROPERTY ("a", "{\"operatorName\": \"not\", \"reason\": \"child expression matched\"}")));
}

static void
schema_objects (void)
{
   CU_ASSERT_TRUE (explains (SCHEMA ("{\"required\": [\"a\", \"b\"], \"properties\": {\"b\": {\"type\": \"string\"}}}"),
                             "{\"a\": 1}",
                             RULES ("{\"operatorName\": \"required\", \"specifiedAs\": {\"required\": [\"a\", \"b\"]}, "
                                    "\"missingProperties\": [\"b\"]}")));
   CU_ASSERT_TRUE (explains (SCHEMA ("{\"properties\": {\"a\": {}}, \"additionalProperties\": false}"),
                             "{\"a\": 1, \"x\": 2}",
                             RULES ("{\"operatorName\": \"additionalProperties\", \"specifiedAs\": "
                                    "{\"additionalProperties\": false}, \"additionalProperties\": [\"x\"]}")));
   CU_ASSERT_TRUE (explains (
      SCHEMA ("{\"patternProperties\": {\"^s\": {\"maxLength\": 1}}}"), "{\"s1\": \"ab\"}",
      RULES ("{\"operatorName\": \"patternProperties\", \"details\": [{\"propertyName\": \"s1\", \"regexMatched\": "
             "\"^s\", \"details\": [{\"operatorName\": \"maxLength\", \"specifiedAs\": {\"maxLength\": 1}, \"reason\": "
             "\"specified string length was not satisfied\", \"consideredValue\": \"ab\"}]}]}")));
   CU_ASSERT_TRUE (explains (SCHEMA ("{\"dependencies\": {\"a\": [\"b\"]}}"), "{\"a\": 1}",
                             RULES ("{\"operatorName\": \"dependencies\", \"failingDependencies\": "
                                    "[{\"conditionalProperty\": \"a\", \"missingProperties\": [\"b\"]}]}")));
   CU_ASSERT_TRUE (
      explains (SCHEMA ("{\"minProperties\": 3}"), "{\"a\": 1}",
                RULES ("{\"operatorName\": \"minProperties\", \"specifiedAs\": {\"minProperties\": 3}, \"reason\": "
                       "\"specified number of properties was not satisfied\", \"numberOfProperties\": 1}")));
}

static void
schema_arrays (void)
{
   CU_ASSERT_TRUE (explains (
      SCHEMA ("{\"properties\": {\"a\": {\"items\": {\"minimum\": 3}}}}"), "{\"a\": [5, 1]}",
      PROPERTY ("a", "{\"operatorName\": \"items\", \"reason\": \"At least one item did not match the sub-schema\", "
                     "\"itemIndex\": 1, \"details\": [{\"operatorName\": \"minimum\", \"specifiedAs\": {\"minimum\": "
                     "3}, \"reason\": \"comparison failed\", \"consideredValue\": 1}]}")));
   CU_ASSERT_TRUE (explains (
      SCHEMA ("{\"properties\": {\"a\": {\"maxItems\": 1}}}"), "{\"a\": [5, 1]}",
      PROPERTY ("a", "{\"operatorName\": \"maxItems\", \"specifiedAs\": {\"maxItems\": 1}, \"reason\": \"array did not "
                     "match specified length\", \"consideredValue\": [5, 1], \"numberOfItems\": 2}")));
}

static void
schema_logic (void)
{
   CU_ASSERT_TRUE (explains (SCHEMA ("{\"oneOf\": [{}, {}]}"), "{}",
                             RULES ("{\"operatorName\": \"oneOf\", \"reason\": \"more than one subschema matched\", "
                                    "\"matchingSchemaIndexes\": [0, 1]}")));
   CU_ASSERT_TRUE (explains (SCHEMA ("{\"title\": \"t\", \"anyOf\": [{\"required\": [\"a\"]}]}"), "{}",
                             "{\"operatorName\": \"$jsonSchema\", \"title\": \"t\", \"schemaRulesNotSatisfied\": "
                             "[{\"operatorName\": \"anyOf\", \"schemasNotSatisfied\": [{\"index\": 0, \"details\": ["
                             "{\"operatorName\": \"required\", \"specifiedAs\": {\"required\": [\"a\"]}, "
                             "\"missingProperties\": [\"a\"]}]}]}]}"));
   CU_ASSERT_TRUE (
      explains (SCHEMA ("{\"properties\": {\"a\": {\"encrypt\": {}}}}"), "{\"a\": \"secret\"}",
                PROPERTY ("a", "{\"operatorName\": \"encrypt\", \"reason\": \"value was not encrypted\"}")));
}

static bool
leaks (const char *options_json, const char *document, bool redact)
{
   fg_explain_options options = FG_EXPLAIN_OPTIONS_INIT;
   bson_t details = BSON_INITIALIZER;
   options.redact = redact;
   bool ok = explain (options_json, document, &options, &details);
   CU_ASSERT_TRUE (ok);
   bool found = memmem (bson_get_data (&details), details.len, "078-05-1120", 11) != NULL;
   bson_destroy (&details);
   return found;
}

/* Whichever rule complains: what an encrypt rule declares is not shown. */
static void
values_withheld (void)
{
   static const char *const doc = "{\"ssn\": \"078-05-1120\", \"p\": {\"ssn\": \"078-05-1120\", \"q\": "
                                  "\"078-05-1120\"}, \"l\": [{\"s\": \"078-05-1120\"}]}";
#define WITH(validator) "{\"validator\": " validator "}"
   CU_ASSERT_TRUE (leaks (WITH ("{\"ssn\": 1}"), doc, false));
   CU_ASSERT_FALSE (leaks (WITH ("{\"ssn\": 1}"), doc, true));
   CU_ASSERT_FALSE (leaks (WITH ("{\"$jsonSchema\": {\"properties\": {\"ssn\": {\"encrypt\": {}}}}}"), doc, false));
   CU_ASSERT_FALSE (
      leaks (WITH ("{\"ssn\": 1, \"$jsonSchema\": {\"properties\": {\"ssn\": {\"encrypt\": {}}}}}"), doc, false));
   CU_ASSERT_FALSE (leaks (WITH ("{\"$jsonSchema\": {\"anyOf\": [{\"properties\": {\"ssn\": {\"encrypt\": {}}}}, "
                                 "{\"properties\": {\"ssn\": {\"maxLength\": 1}}}]}}"),
                           doc, false));
   CU_ASSERT_FALSE (leaks (WITH ("{\"p\": {\"$gt\": 1}, \"$jsonSchema\": {\"properties\": {\"p\": {\"properties\": "
                                 "{\"ssn\": {\"encrypt\": {}}}}}}}"),
                           doc, false));
   CU_ASSERT_TRUE (leaks (
      WITH ("{\"p.q\": 1, \"$jsonSchema\": {\"properties\": {\"p\": {\"properties\": {\"ssn\": {\"encrypt\": {}}}}}}}"),
      doc, false));
   CU_ASSERT_FALSE (leaks (WITH ("{\"l.0.s\": 1, \"$jsonSchema\": {\"properties\": {\"l\": {\"items\": "
                                 "{\"properties\": {\"s\": {\"encrypt\": {}}}}}}}}"),
                           doc, false));
   CU_ASSERT_FALSE (
      leaks (WITH ("{\"p.ssn\": 1, \"$jsonSchema\": {\"properties\": {\"p.ssn\": {\"encrypt\": {}}}}}"), doc, false));
   CU_ASSERT_FALSE (
      leaks (WITH ("{\"ssn\": 1, \"$jsonSchema\": {\"patternProperties\": {\"^s\": {\"encrypt\": {}}}}}"), doc, false));
   CU_ASSERT_FALSE (
      leaks (WITH ("{\"$jsonSchema\": {\"enum\": [{}], \"properties\": {\"ssn\": {\"encrypt\": {}}}}}"), doc, false));
   CU_ASSERT_FALSE (
      leaks ("{\"validator\": {\"ssn\": 1}, \"encryptedFields\": {\"fields\": [{\"path\": \"ssn\", \"keyId\": "
             "{\"$binary\": {\"base64\": \"AAECAwQFBgcICQoLDA0ODw==\", \"subType\": \"04\"}}}]}}",
             doc, false));
#undef WITH
}

static void
too_large (void)
{
   fg_explain_options options = FG_EXPLAIN_OPTIONS_INIT;
   bson_t details = BSON_INITIALIZER;
   bson_iter_t iter;

   options.max_size = 120;
   CU_ASSERT_TRUE (explain ("{\"validator\": {\"a\": 1}}", "{\"a\": \"0123456789012345678901234567890123456789\"}",
                            &options, &details));
   CU_ASSERT_TRUE (bson_iter_init_find (&iter, &details, "truncated"));
   CU_ASSERT_FALSE (bson_has_field (&details, "consideredValue"));
   CU_ASSERT_FALSE (bson_has_field (&details, "specifiedAs"));
   bson_reinit (&details);
   options.max_size = 10;
   CU_ASSERT_FALSE (explain ("{\"validator\": {\"a\": 1}}", "{\"a\": 2}", &options, &details));
   CU_ASSERT_TRUE (bson_empty (&details));
   bson_destroy (&details);
}

const fg_test fg_tests[] = {
   {"query_leaves", query_leaves},       {"query_logic", query_logic},     {"schema_scalars", schema_scalars},
   {"schema_objects", schema_objects},   {"schema_arrays", schema_arrays}, {"schema_logic", schema_logic},
   {"values_withheld", values_withheld}, {"too_large", too_large},         {NULL, NULL}};
