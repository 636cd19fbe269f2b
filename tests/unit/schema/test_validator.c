/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"
#include "tests/unit/schema/match_json.h"

const char *const fg_suite_name = "schema.validator";

#define KEY(last) "{\"$binary\": {\"base64\": \"AAECAwQFBgcICQoLDA0OD" last "==\", \"subType\": \"04\"}}"
#define ENCRYPT "{\"$jsonSchema\": {\"properties\": {\"a\": {\"encrypt\": {}}}}}"
#define FIELDS "{\"fields\": [{\"path\": \"p.q\", \"keyId\": " KEY ("w") ", \"bsonType\": \"string\"}]}"

static fg_validator *
compile (const char *options, fg_error *err)
{
   bson_t *bson = from_json (options);
   fg_validator *validator = fg_validator_compile (bson_get_data (bson), bson->len, 0, err);
   bson_destroy (bson);
   return validator;
}

static int32_t
code (const char *options)
{
   fg_error err = {0};
   fg_validator *validator = compile (options, &err);
   bool compiled = validator != NULL;
   fg_validator_free (validator);
   return compiled ? 0 : err.code;
}

static int
check (const char *options, const char *document)
{
   fg_error err = {0};
   fg_validator *validator = compile (options, &err);
   bson_t *doc = from_json (document);
   int result = validator ? (int)fg_validator_check (validator, bson_get_data (doc), doc->len, &err) : -2;
   fg_validator_free (validator);
   bson_destroy (doc);
   return result;
}

static void
levels_and_actions (void)
{
   fg_error err = {0};
   fg_validator *validator =
      compile ("{\"validationLevel\": \"moderate\", \"validationAction\": \"errorAndLog\", \"capped\": false}", &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (validator);
   CU_ASSERT_EQUAL (fg_validator_level (validator), FG_LEVEL_MODERATE);
   CU_ASSERT_EQUAL (fg_validator_action (validator), FG_ACTION_ERROR_AND_LOG);
   CU_ASSERT_TRUE (fg_validator_is_empty (validator));
   CU_ASSERT_FALSE (fg_validator_has_encrypted_fields (validator));
   fg_validator_free (validator);
   CU_ASSERT_EQUAL (code ("{\"validationLevel\": \"lax\"}"), 2);
   CU_ASSERT_EQUAL (code ("{\"validationLevel\": 1}"), 14);
   CU_ASSERT_EQUAL (code ("{\"validationAction\": \"log\"}"), 2);
   CU_ASSERT_EQUAL (code ("{\"validator\": 1}"), 14);
   CU_ASSERT_EQUAL (code ("{\"validator\": {\"$foo\": 1}}"), 2);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": 1}"), 14);
   fg_validator_free (NULL);
}

static void
encrypt_keywords_where_8_0_takes_them (void)
{
   CU_ASSERT_EQUAL (code ("{\"validator\": " ENCRYPT "}"), 0);
   CU_ASSERT_EQUAL (code ("{\"validationLevel\": \"off\", \"validator\": " ENCRYPT "}"), 0);
   CU_ASSERT_EQUAL (code ("{\"validationLevel\": \"moderate\", \"validator\": " ENCRYPT "}"), 224);
   CU_ASSERT_EQUAL (code ("{\"validationAction\": \"warn\", \"validator\": " ENCRYPT "}"), 224);
   CU_ASSERT_EQUAL (code ("{\"validationAction\": \"errorAndLog\", \"validator\": " ENCRYPT "}"), 224);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": " FIELDS ", \"validator\": " ENCRYPT "}"), 224);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": []}, \"validator\": " ENCRYPT "}"), 0);
}

static void
encrypted_fields_grammar (void)
{
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": " FIELDS "}"), 0);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": " FIELDS ", \"validationLevel\": \"off\"}"), 2);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": " FIELDS ", \"validationAction\": \"warn\"}"), 2);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {}}"), 40414);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": 1}}"), 14);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [1]}}"), 14);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"path\": \"a\"}]}}"), 40414);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY ("w") "}]}}"), 40414);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": 1, \"path\": \"a\"}]}}"), 14);
   CU_ASSERT_EQUAL (
      code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY ("w") ", \"path\": \"a\", \"x\": 1}]}}"), 40415);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY ("w") ", \"path\": \"_id.a\"}]}}"),
                    6316403);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY ("w") ", \"path\": \"\"}]}}"),
                    6316402);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY (
                       "w") ", \"path\": \"a\", \"bsonType\": \"foo\"}]}}"),
                    2);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY (
                       "w") ", \"path\": \"a\", \"bsonType\": \"null\"}]}}"),
                    6338406);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY (
                       "w") ", \"path\": \"a\", \"queries\": {\"queryType\": \"equality\"}}]}}"),
                    6412601);
   CU_ASSERT_EQUAL (
      code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY (
         "w") ", \"path\": \"a\", \"bsonType\": \"double\", \"queries\": {\"queryType\": \"equality\"}}]}}"),
      6338405);
   CU_ASSERT_EQUAL (
      code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY (
         "w") ", \"path\": \"a\", \"bsonType\": \"string\", \"queries\": [{\"queryType\": \"range\"}]}]}}"),
      6775201);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY (
                       "w") ", \"path\": \"a\"}, {\"keyId\": " KEY ("w") ", \"path\": \"b\"}]}}"),
                    6338401);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY (
                       "w") ", \"path\": \"a\"}, {\"keyId\": " KEY ("g") ", \"path\": \"a\"}]}}"),
                    6338402);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY (
                       "w") ", \"path\": \"a.b\"}, {\"keyId\": " KEY ("g") ", \"path\": \"a\"}]}}"),
                    6338403);
   CU_ASSERT_EQUAL (code ("{\"encryptedFields\": {\"fields\": [{\"keyId\": " KEY (
                       "w") ", \"path\": \"a.b\"}, {\"keyId\": " KEY ("g") ", \"path\": \"a.c\"}]}}"),
                    0);
}

#define QE "{\"encryptedFields\": " FIELDS "}"
#define AT(value) "{\"p\": {\"q\": " value "}}"
#define BLOB(base64) "{\"$binary\": {\"base64\": \"" base64 "\", \"subType\": \"06\"}}"

static void
implicit_validator (void)
{
   CU_ASSERT_EQUAL (check (QE, "{}"), 1);
   CU_ASSERT_EQUAL (check (QE, "{\"p\": {}}"), 1);
   CU_ASSERT_EQUAL (check (QE, AT ("\"plain\"")), 0);
   CU_ASSERT_EQUAL (check (QE, AT (BLOB ("DgAAAAAAAAAAAAAAAAAAAAAC"))), 1); /* 14, string */
   CU_ASSERT_EQUAL (check (QE, AT (BLOB ("DgAAAAAAAAAAAAAAAAAAAAAQ"))), 0); /* 14, int */
   CU_ASSERT_EQUAL (check (QE, AT (BLOB ("AQAAAAAAAAAAAAAAAAAAAAAC"))), 0); /* client-side field level encryption */
   CU_ASSERT_EQUAL (check (QE, AT (BLOB ("CwAAAAAAAAAAAAAAAAAAAAAC"))), 0); /* a payload of the wire */
   CU_ASSERT_EQUAL (check (QE, AT (BLOB ("DgA="))), 0);
   CU_ASSERT_EQUAL (check (QE, AT ("[" BLOB ("DgAAAAAAAAAAAAAAAAAAAAAC") "]")), 0);
   CU_ASSERT_EQUAL (check (QE, "{\"p\": [{\"q\": 1}]}"), 0);
   CU_ASSERT_EQUAL (check (QE, "{\"p\": 5}"), 1); /* G26: the server lets it pass */
   CU_ASSERT_EQUAL (check ("{\"validator\": {\"x\": 1}, \"encryptedFields\": " FIELDS "}", "{\"x\": 2}"), 0);
   CU_ASSERT_EQUAL (check ("{\"validator\": {\"x\": 1}, \"encryptedFields\": " FIELDS "}", "{\"x\": 1}"), 1);
}

/* A first byte that no server knows makes mongod throw; validation reads that as a refusal, whatever negation stands above. */
static void
unknown_kind_refuses_below_negation (void)
{
   static const char *const options = "{\"validator\": {\"$nor\": [{\"$jsonSchema\": {\"properties\": {\"a\": "
                                      "{\"encrypt\": {\"bsonType\": \"int\"}}}}}]}}";
   CU_ASSERT_EQUAL (check (options, "{\"a\": " BLOB ("/wAAAAAAAAAAAAAAAAAAAAAC") "}"), 0);
   CU_ASSERT_EQUAL (check (options, "{\"a\": " BLOB ("AwAAAAAAAAAAAAAAAAAAAAAC") "}"), 1);
}

const fg_test fg_tests[] = {{"levels_and_actions", levels_and_actions},
                            {"encrypt_keywords_where_8_0_takes_them", encrypt_keywords_where_8_0_takes_them},
                            {"encrypted_fields_grammar", encrypted_fields_grammar},
                            {"implicit_validator", implicit_validator},
                            {"unknown_kind_refuses_below_negation", unknown_kind_refuses_below_negation},
                            {NULL, NULL}};
