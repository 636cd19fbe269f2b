/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_document.h"
#include "tests/unit/client/vectors.h"

const char *const fg_suite_name = "client.key_document";

static bson_t *
sample (void)
{
   static const char json[] = "{\"_id\": {\"$binary\": {\"base64\": \"AAECAwQFBgcICQoLDA0ODw==\", \"subType\": "
                              "\"04\"}}, \"keyAltNames\": [\"a\", \"b\"],"
                              "\"keyMaterial\": {\"$binary\": {\"base64\": \"AQIDBA==\", \"subType\": \"00\"}}, "
                              "\"creationDate\": {\"$date\": {\"$numberLong\": \"1\"}},"
                              "\"updateDate\": {\"$date\": {\"$numberLong\": \"2\"}}, \"status\": {\"$numberInt\": "
                              "\"0\"}, \"masterKey\": {\"provider\": \"aws:eu\", \"region\": \"r\", \"key\": \"k\"}}";
   bson_t *doc = bson_new_from_json ((const uint8_t *)json, -1, NULL);

   CU_ASSERT_PTR_NOT_NULL_FATAL (doc);
   return doc;
}

static void
test_parse (void)
{
   bson_t *bson = sample ();
   fg_key_document doc;

   CU_ASSERT_TRUE_FATAL (fg_key_document_parse (bson, &doc, NULL));
   CU_ASSERT_EQUAL (doc.id[15], 15);
   CU_ASSERT_EQUAL (doc.material_len, 4);
   CU_ASSERT_EQUAL (doc.creation_ms, 1);
   CU_ASSERT_EQUAL (doc.update_ms, 2);
   CU_ASSERT_EQUAL (doc.n_alt_names, 2);
   CU_ASSERT_STRING_EQUAL (doc.provider, "aws:eu");
   CU_ASSERT_TRUE (fg_key_document_has_name (&doc, "b"));
   CU_ASSERT_FALSE (fg_key_document_has_name (&doc, "c"));
   bson_destroy (bson);
}

static void
test_every_field_is_needed (void)
{
   static const char *const required[] = {"_id", "keyMaterial", "creationDate", "updateDate", "status", "masterKey"};
   bson_t *bson = sample ();
   fg_key_document doc;

   for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
      bson_t without = BSON_INITIALIZER;
      fg_error err = {0};
      bson_copy_to_excluding_noinit (bson, &without, required[i], NULL);
      CU_ASSERT_FALSE (fg_key_document_parse (&without, &doc, &err));
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_KEY);
      CU_ASSERT_STRING_EQUAL (err.path, required[i]);
      BSON_APPEND_NULL (&without, required[i]);
      CU_ASSERT_FALSE (fg_key_document_parse (&without, &doc, &err));
      bson_destroy (&without);
   }
   bson_destroy (bson);
}

static void
test_refusals (void)
{
   bson_t *bson = sample ();
   bson_t copy;
   fg_key_document doc;

   bson_copy_to (bson, &copy);
   BSON_APPEND_INT32 (&copy, "surprise", 1);
   CU_ASSERT_FALSE (fg_key_document_parse (&copy, &doc, NULL));
   bson_destroy (&copy);
   bson_copy_to (bson, &copy);
   BSON_APPEND_INT64 (&copy, "version", 0);
   CU_ASSERT_TRUE (fg_key_document_parse (&copy, &doc, NULL));
   bson_destroy (&copy);
   bson_copy_to (bson, &copy);
   BSON_APPEND_INT32 (&copy, "version", 1);
   CU_ASSERT_FALSE (fg_key_document_parse (&copy, &doc, NULL));
   bson_destroy (&copy);
   bson_init (&copy);
   bson_copy_to_excluding_noinit (bson, &copy, "keyAltNames", NULL);
   BCON_APPEND (&copy, "keyAltNames", "[", "x", "x", "]");
   CU_ASSERT_FALSE (fg_key_document_parse (&copy, &doc, NULL));
   bson_destroy (&copy);
   bson_copy_to (bson, &copy);
   BSON_APPEND_INT32 (&copy, "status", 1);
   CU_ASSERT_FALSE (fg_key_document_parse (&copy, &doc, NULL)); /* twice */
   bson_destroy (&copy);
   bson_destroy (bson);
}

static void
test_names_come_and_go (void)
{
   bson_t *bson = sample ();
   fg_key_document doc;
   bson_t *added = fg_key_document_with_name (bson, "c", NULL);
   bson_t *same = fg_key_document_with_name (bson, "a", NULL);
   bson_t *one = fg_key_document_without_name (bson, "a", NULL);

   CU_ASSERT_TRUE_FATAL (added && same && one);
   CU_ASSERT_TRUE (bson_equal (bson, same));
   CU_ASSERT_TRUE (fg_key_document_parse (added, &doc, NULL) && doc.n_alt_names == 3);
   CU_ASSERT_TRUE (fg_key_document_parse (one, &doc, NULL) && doc.n_alt_names == 1);
   bson_t *none = fg_key_document_without_name (one, "b", NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (none);
   CU_ASSERT_FALSE (bson_has_field (none, "keyAltNames"));
   bson_destroy (none);
   bson_destroy (one);
   bson_destroy (same);
   bson_destroy (added);
   bson_destroy (bson);
}

static void
test_uuid_text (void)
{
   uint8_t id[16];
   char text[FG_UUID_TEXT_LEN];

   CU_ASSERT_TRUE (fg_uuid_parse ("00112233-4455-6677-8899-AABBCCDDEEFF", id));
   fg_uuid_text (id, text);
   CU_ASSERT_STRING_EQUAL (text, "00112233-4455-6677-8899-aabbccddeeff");
   CU_ASSERT_TRUE (fg_uuid_parse ("00112233445566778899aabbccddeeff", id));
   CU_ASSERT_FALSE (fg_uuid_parse ("00112233-4455-6677-8899-AABBCCDDEEF", id));
   CU_ASSERT_FALSE (fg_uuid_parse ("00112233-4455-6677-8899+AABBCCDDEEFF", id));
   CU_ASSERT_FALSE (fg_uuid_parse ("0011223g-4455-6677-8899-AABBCCDDEEFF", id));
   CU_ASSERT_FALSE (fg_uuid_parse ("", id));
}

/* Every key document of libmongocrypt's test data that a driver accepts. */
static void
test_vectors (void)
{
   static const char *const names[] = {"key-document-azure.json",         "key-document-full.json",
                                       "key-document-gcp.json",           "key-document-kmip.json",
                                       "key-document-local.json",         "key-document-with-alt-name.json",
                                       "key-document-with-alt-name2.json"};
   size_t read = 0;

   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      char path[128];
      fg_key_document doc;
      fg_error err = {0};
      snprintf (path, sizeof path, "libmongocrypt-data/%s", names[i]);
      bson_t *bson = vector_json (path);
      if (bson) {
         read++;
         CU_ASSERT_TRUE (fg_key_document_parse (bson, &doc, &err));
         bson_destroy (bson);
      }
   }
   if (!read) {
      fg_test_skip ("no vectors here");
   }
}

const fg_test fg_tests[] = {
   {"parse", test_parse},
   {"every_field_is_needed", test_every_field_is_needed},
   {"refusals", test_refusals},
   {"names_come_and_go", test_names_come_and_go},
   {"uuid_text", test_uuid_text},
   {"vectors", test_vectors},
   {NULL, NULL},
};
