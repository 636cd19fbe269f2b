/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/policy_test.h"

/* Stored values that MongoDB's own tests publish: each is accepted under the rule that declares it, and under no rule of the other kind. */

#define K_S "{'$binary':{'base64':'q83vqxI0mHYSNBI0VniQEg==','subType':'04'}}"
#define K_I "{'$binary':{'base64':'EjRWeBI0mHYSNBI0VniQEg==','subType':'04'}}"

static char *
read_vector (const char *name)
{
   const char *dir = getenv ("FG_VECTORS");
   char path[4096];
   char *text = calloc (1, 1u << 20);

   if (dir) {
      snprintf (path, sizeof path, "%s/libmongocrypt-data/%s", dir, name);
   } else {
      snprintf (path, sizeof path, "%s/../shared/vectors/libmongocrypt-data/%s", fg_test_top_dir (), name);
   }
   FILE *file = fopen (path, "rb");
   size_t n = file && text ? fread (text, 1, (1u << 20) - 1, file) : 0;
   if (file) {
      fclose (file);
   }
   if (n == 0) {
      free (text);
      return NULL;
   }
   return text;
}

static fg_reason
vector_reason (const char *name, const char *options)
{
   char *text = read_vector (name);
   if (!text) {
      return FG_REASON_CANNOT_DECIDE;
   }
   fg_reason reason = reason_of (options, text);
   free (text);
   return reason;
}

static void
explicit_decrypt (void)
{
   static const struct {
      const char *file;
      const char *options;
      const char *reason;
   } cases[] = {
      {"FLE1DeterministicEncryptedValue",
       PROPERTY ("v", "{'encrypt':{'bsonType':'string','algorithm':'" DETERMINISTIC "','keyId':[" K_S "]}}"), "none"},
      {"FLE1RandomEncryptedValue",
       PROPERTY ("v", "{'encrypt':{'bsonType':'string','algorithm':'" RANDOM "','keyId':[" K_S "]}}"), "none"},
      {"FLE1EncryptionPlaceholder", PROPERTY ("v", "{'encrypt':{}}"), "notAtRest"},
      {"FLE2EncryptionPlaceholder", "{'encryptedFields':{'fields':[{'path':'v','keyId':" K_S "}]}}", "notAtRest"},
      {"FLE2InsertUpdatePayloadV2",
       "{'encryptedFields':{'fields':[{'path':'v','keyId':" K_I
       ",'bsonType':'string','queries':{'queryType':'equality'}}]}}",
       "notAtRest"},
      {"FLE2FindEqualityPayloadV2", "{'encryptedFields':{'fields':[{'path':'v','keyId':" K_I "}]}}", "notAtRest"},
      {"FLE2UnindexedEncryptedValueV2",
       "{'encryptedFields':{'fields':[{'path':'v','keyId':" K_S ",'bsonType':'string'}]}}", "none"},
      {"FLE2IndexedEqualityEncryptedValueV2",
       "{'encryptedFields':{'fields':[{'path':'v','keyId':" K_S
       ",'bsonType':'string','queries':{'queryType':'equality'}}]}}",
       "none"},
      {"FLE2IndexedRangeEncryptedValueV2",
       "{'encryptedFields':{'fields':[{'path':'v','keyId':" K_S ",'bsonType':'int','queries':{'queryType':'range'}}]}}",
       "none"},
      {"FLE2IndexedRangeEncryptedValueV2", PROPERTY ("v", "{'encrypt':{}}"), "wrongAlgorithm"},
      {"FLE2UnindexedEncryptedValueV2", PROPERTY ("v", "{'encrypt':{}}"), "wrongAlgorithm"},
      {"FLE1RandomEncryptedValue", "{'encryptedFields':{'fields':[{'path':'v','keyId':" K_S "}]}}", "wrongAlgorithm"}};

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      char name[128];
      snprintf (name, sizeof name, "explicit-decrypt/%s.json", cases[i].file);
      fg_reason reason = vector_reason (name, cases[i].options);
      if (reason == FG_REASON_CANNOT_DECIDE) {
         fg_test_skip ("the published vectors are not here");
         return;
      }
      CU_ASSERT_STRING_EQUAL (fg_reason_name (reason), cases[i].reason);
   }
}

/* The same with server protection: the payload of a document that the client wrote, on the wire. */
static void
insert_payloads_on_the_wire (void)
{
   static const struct {
      const char *file;
      const char *type;
   } cases[] = {{"FLE2InsertUpdatePayloadV2", "string"},
                {"FLE2InsertUpdatePayloadV2-RangeV1", "int"},
                {"FLE2InsertUpdatePayloadV2-RangeV2", "int"}};

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      char name[128], options[512];
      snprintf (name, sizeof name, "explicit-decrypt/%s.json", cases[i].file);
      snprintf (options, sizeof options,
                "{'encryptedFields':{'fields':[{'path':'v','keyId':" K_I
                ",'bsonType':'%s','queries':{'queryType':'%s'}}]}}",
                cases[i].type, i ? "range" : "equality");
      char *text = read_vector (name);
      if (!text) {
         fg_test_skip ("the published vectors are not here");
         return;
      }
      fg_policy *policy = compile (options);
      CU_ASSERT_STRING_EQUAL (fg_reason_name (reason_in (policy, text, FG_PHASE_WIRE)), "none");
      CU_ASSERT_STRING_EQUAL (fg_reason_name (reason_in (policy, text, FG_PHASE_STORED)), "notAtRest");
      fg_policy_free (policy);
      free (text);
   }
}

static uint32_t
from_hex (const char *hex, uint8_t *out)
{
   uint32_t n = 0;
   unsigned byte;

   while (hex[2 * n] && hex[2 * n + 1] && sscanf (hex + 2 * n, "%2x", &byte) == 1) {
      out[n++] = (uint8_t)byte;
   }
   return n;
}

static bool
accepts (const fg_policy *policy, const uint8_t *blob, uint32_t len)
{
   bson_t doc = BSON_INITIALIZER;

   BSON_APPEND_BINARY (&doc, "v", BSON_SUBTYPE_ENCRYPTED, blob, len);
   fg_check verdict = fg_policy_check (policy, bson_get_data (&doc), doc.len, FG_PHASE_STORED, NULL);
   bson_destroy (&doc);
   return verdict == FG_CHECK_OK;
}

/* Every other first byte, key id and type byte; every other length, but for whole blocks more or less of a type without a fixed size. Returns how many were accepted. */
static uint32_t
count_accepted_changes (const fg_policy *policy, const uint8_t *blob, uint32_t len, bool fixed)
{
   uint8_t *copy = calloc (1, len + 128);
   uint32_t accepted = 0;

   memcpy (copy, blob, len);
   for (uint32_t at = 0; at < 18; at++) {
      for (uint32_t change = 1; change < 256; change++) {
         copy[at] = (uint8_t)(blob[at] ^ change);
         accepted += accepts (policy, copy, len);
      }
      copy[at] = blob[at];
   }
   for (uint32_t other = 0; other < len + 97; other++) {
      bool same_class = other == len || (!fixed && (other - len) % 16 == 0);
      accepted += !same_class && accepts (policy, copy, other);
   }
   free (copy);
   return accepted;
}

/* Values as a server stored them: text and range with their token blocks. */
static void
stored_values (void)
{
   static const struct {
      const char *file;
      const char *queries;
   } cases[] = {{"FLECrudTest-insertOneV2", "equality"},
                {"FLECrudTest-insertOneRangeV2", "range"},
                {"FLECrudTest-insertOneText", "prefixPreview"},
                {"FLECrudTest-insertOneTextLarge", "substringPreview"}};

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      char name[128];
      bson_error_t error;
      bson_iter_t iter;
      snprintf (name, sizeof name, "iev-v2/%s.json", cases[i].file);
      char *text = read_vector (name);
      if (!text) {
         fg_test_skip ("the published vectors are not here");
         return;
      }
      bson_t *vector = bson_new_from_json ((const uint8_t *)text, -1, &error);
      CU_ASSERT_PTR_NOT_NULL_FATAL (vector);
      CU_ASSERT_TRUE_FATAL (bson_iter_init_find (&iter, vector, "payload"));
      const char *hex = bson_iter_utf8 (&iter, NULL);
      uint8_t *blob = malloc (strlen (hex) / 2 + 1);
      uint32_t len = from_hex (hex, blob);

      bson_t options = BSON_INITIALIZER, fields, list, field, queries, doc = BSON_INITIALIZER;
      BSON_APPEND_DOCUMENT_BEGIN (&options, "encryptedFields", &fields);
      BSON_APPEND_ARRAY_BEGIN (&fields, "fields", &list);
      BSON_APPEND_DOCUMENT_BEGIN (&list, "0", &field);
      BSON_APPEND_UTF8 (&field, "path", "v");
      BSON_APPEND_BINARY (&field, "keyId", BSON_SUBTYPE_UUID, blob + 1, 16);
      BSON_APPEND_UTF8 (&field, "bsonType", blob[17] == 2 ? "string" : blob[17] == 16 ? "int" : "long");
      BSON_APPEND_DOCUMENT_BEGIN (&field, "queries", &queries);
      BSON_APPEND_UTF8 (&queries, "queryType", cases[i].queries);
      bson_append_document_end (&field, &queries);
      bson_append_document_end (&list, &field);
      bson_append_array_end (&fields, &list);
      bson_append_document_end (&options, &fields);
      const uint8_t *bytes = bson_get_data (&options);
      size_t options_len = options.len;
      fg_policy *policy = fg_policy_compile (&bytes, &options_len, 1, NULL, NULL);
      CU_ASSERT_PTR_NOT_NULL_FATAL (policy);
      BSON_APPEND_BINARY (&doc, "v", BSON_SUBTYPE_ENCRYPTED, blob, len);
      CU_ASSERT_STRING_EQUAL (fg_reason_name (reason_of_bytes (policy, bson_get_data (&doc), doc.len, FG_PHASE_STORED)),
                              "none");
      CU_ASSERT_EQUAL (count_accepted_changes (policy, blob, len, blob[17] != 2), 0);
      fg_policy_free (policy);
      bson_destroy (&doc);
      bson_destroy (&options);
      bson_destroy (vector);
      free (blob);
      free (text);
   }
}

const char *const fg_suite_name = "policy.vectors";
const fg_test fg_tests[] = {{"explicit_decrypt", explicit_decrypt},
                            {"insert_payloads_on_the_wire", insert_payloads_on_the_wire},
                            {"stored_values", stored_values},
                            {NULL, NULL}};
