/* SPDX-License-Identifier: Apache-2.0 */
#include "client/value/value.h"
#include "tests/unit/client/vectors.h"

const char *const fg_suite_name = "client.value";

static const uint8_t key_id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static fg_data_key *
test_key (uint8_t seed)
{
   uint8_t bytes[FG_DATA_KEY_LEN];

   for (size_t i = 0; i < sizeof bytes; i++) {
      bytes[i] = (uint8_t)(i + seed);
   }
   return fg_data_key_new (bytes, NULL);
}

/* Every BSON type as one field each. */
static bson_t *
every_type (void)
{
   static const char json[] =
      "{\"double\": {\"$numberDouble\": \"1.5\"}, \"string\": \"text\", \"empty\": \"\", \"object\": {\"a\": "
      "{\"$numberInt\": \"1\"}, \"b\": [true]},"
      "\"array\": [{\"$numberInt\": \"1\"}, \"two\"], \"binary0\": {\"$binary\": {\"base64\": \"AQIDBA==\", "
      "\"subType\": \"00\"}},"
      "\"binary2\": {\"$binary\": {\"base64\": \"AQIDBA==\", \"subType\": \"02\"}}, \"uuid\": {\"$binary\": "
      "{\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}},"
      "\"emptyBinary\": {\"$binary\": {\"base64\": \"\", \"subType\": \"80\"}}, \"oid\": {\"$oid\": "
      "\"0123456789abcdef01234567\"}, \"bool\": true,"
      "\"date\": {\"$date\": {\"$numberLong\": \"1577836800000\"}}, \"regex\": {\"$regularExpression\": {\"pattern\": "
      "\"a.b\", \"options\": \"im\"}},"
      "\"dbpointer\": {\"$dbPointer\": {\"$ref\": \"db.c\", \"$id\": {\"$oid\": \"0123456789abcdef01234567\"}}}, "
      "\"code\": {\"$code\": \"f()\"}, \"symbol\": {\"$symbol\": \"sym\"},"
      "\"codeScope\": {\"$code\": \"g()\", \"$scope\": {\"x\": {\"$numberInt\": \"1\"}}}, \"int\": {\"$numberInt\": "
      "\"-7\"},"
      "\"timestamp\": {\"$timestamp\": {\"t\": 42, \"i\": 1}}, \"long\": {\"$numberLong\": \"9007199254740993\"}, "
      "\"decimal\": {\"$numberDecimal\": \"1.10\"},"
      "\"null\": null, \"undefined\": {\"$undefined\": true}, \"min\": {\"$minKey\": 1}, \"max\": {\"$maxKey\": 1},"
      "\"encrypted\": {\"$binary\": {\"base64\": \"AQIDBA==\", \"subType\": \"06\"}}}";
   bson_error_t error;
   bson_t *doc = bson_new_from_json ((const uint8_t *)json, -1, &error);

   CU_ASSERT_PTR_NOT_NULL_FATAL (doc);
   return doc;
}

static bool
same (const bson_value_t *a, const bson_value_t *b)
{
   bson_t x = BSON_INITIALIZER;
   bson_t y = BSON_INITIALIZER;
   BSON_APPEND_VALUE (&x, "v", a);
   BSON_APPEND_VALUE (&y, "v", b);
   bool equal = bson_equal (&x, &y);
   bson_destroy (&x);
   bson_destroy (&y);
   return equal;
}

static bool
listed (const char *name, const char *list)
{
   char needle[32];

   snprintf (needle, sizeof needle, " %s ", name);
   return strstr (list, needle) != NULL;
}

static void
test_every_type (void)
{
   static const char never[] = " null undefined min max encrypted ";
   static const char random_only[] = " double object array bool codeScope decimal ";
   fg_data_key *key = test_key (0);
   bson_t *doc = every_type ();
   bson_iter_t iter;

   CU_ASSERT_TRUE_FATAL (bson_iter_init (&iter, doc));
   while (bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      for (int algorithm = 1; algorithm <= 2; algorithm++) {
         bool want = !listed (name, never) && !(algorithm == 1 && listed (name, random_only));
         bson_value_t blob, again, back;
         fg_error err = {0};
         bool got = fg_value_encrypt (key, key_id, (fg_algorithm)algorithm, bson_iter_value (&iter), &blob, &err);
         CU_ASSERT_EQUAL (got, want);
         if (!got) {
            CU_ASSERT_EQUAL (err.code, FG_E_UNSUPPORTED);
            continue;
         }
         CU_ASSERT_EQUAL (blob.value.v_binary.subtype, 6);
         CU_ASSERT_EQUAL (blob.value.v_binary.data[0], algorithm);
         CU_ASSERT_EQUAL (memcmp (blob.value.v_binary.data + 1, key_id, 16), 0);
         CU_ASSERT_EQUAL (blob.value.v_binary.data[17], (uint8_t)bson_iter_type (&iter));
         CU_ASSERT_TRUE (
            fg_value_encrypt (key, key_id, (fg_algorithm)algorithm, bson_iter_value (&iter), &again, NULL));
         CU_ASSERT_EQUAL (same (&blob, &again), algorithm == 1);
         CU_ASSERT_TRUE (fg_value_decrypt (key, blob.value.v_binary.data, blob.value.v_binary.data_len, &back, &err));
         CU_ASSERT_TRUE (same (&back, bson_iter_value (&iter)));
         bson_value_destroy (&blob);
         bson_value_destroy (&again);
         bson_value_destroy (&back);
      }
   }
   bson_destroy (doc);
   fg_data_key_free (key);
}

static void
test_large_values (void)
{
   fg_data_key *key = test_key (1);

   for (uint32_t len = 400; len < 200000; len = len * 3 / 2 + 1) {
      char *text = malloc (len + 1);
      memset (text, 'x', len);
      text[len] = '\0';
      bson_value_t value = {.value_type = BSON_TYPE_UTF8};
      value.value.v_utf8.str = text;
      value.value.v_utf8.len = len;
      bson_value_t blob, back;
      CU_ASSERT_TRUE_FATAL (fg_value_encrypt (key, key_id, FG_ALGORITHM_DETERMINISTIC, &value, &blob, NULL));
      CU_ASSERT_EQUAL (blob.value.v_binary.data_len, 18 + 16 + ((len + 5) / 16 + 1) * 16 + 32);
      CU_ASSERT_TRUE_FATAL (
         fg_value_decrypt (key, blob.value.v_binary.data, blob.value.v_binary.data_len, &back, NULL));
      CU_ASSERT_TRUE (same (&value, &back));
      bson_value_destroy (&blob);
      bson_value_destroy (&back);
      free (text);
   }
   fg_data_key_free (key);
}

static void
test_bad_blobs (void)
{
   uint8_t blob[98] = {1};
   fg_error err = {0};

   blob[17] = 2;
   CU_ASSERT_TRUE (fg_blob_check (blob, 98, &err));
   for (size_t len = 0; len < 82; len++) {
      CU_ASSERT_FALSE (fg_blob_check (blob, len, &err));
      CU_ASSERT_EQUAL (err.code, FG_E_TRUNCATED);
   }
   blob[17] = 0x0A;
   CU_ASSERT_FALSE (fg_blob_check (blob, 98, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_INVALID);
   blob[17] = 2;
   blob[0] = 14;
   CU_ASSERT_FALSE (fg_blob_check (blob, 98, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_UNSUPPORTED);
}

/* A key holder who seals bytes that are no value of the type that the header claims. */
static void
test_sealed_nonsense (void)
{
   static const struct {
      uint8_t type;
      const char *hex;
   } cases[] = {
      {0x02, "05000000616263"}, /* a string that ends early */
      {0x02, "0300000061626364"}, /* no NUL at its end */
      {0x08, "02"}, /* a bool that is 2 */
      {0x10, "0102030405"}, /* an int32 of five bytes */
      {0x03, "0500000001"}, /* a document without its terminator */
      {0x03, "0c0000001061000100000000"}, /* fits: the one sound value */
      {0x03, "0c0000001061000100000001"}, /* terminator is 1 */
      {0x03, "0c000000106100010000"}, /* too short for its own length */
      {0x05, "05000000000102"}, /* binary, cut */
      {0x0F, "0e00000001000000000600000000"}, /* code with scope whose scope lies */
   };
   fg_data_key *key = test_key (2);

   for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      uint8_t plain[64], blob[256], iv[16] = {0};
      size_t len = unhex (cases[i].hex, plain, sizeof plain);
      bson_value_t out;
      fg_error err = {0};
      blob[0] = 2;
      memcpy (blob + 1, key_id, 16);
      blob[17] = cases[i].type;
      CU_ASSERT_TRUE_FATAL (fg_aead_seal (key, blob, 18, iv, plain, len, blob + 18, NULL));
      bool ok = fg_value_decrypt (key, blob, 18 + fg_aead_sealed_len (len), &out, &err);
      CU_ASSERT_EQUAL (ok, i == 5);
      if (ok) {
         bson_value_destroy (&out);
      } else {
         CU_ASSERT_EQUAL (err.code, FG_E_INVALID);
      }
   }
   fg_data_key_free (key);
}

static void
test_algorithm_names (void)
{
   fg_algorithm a;

   CU_ASSERT_TRUE (fg_algorithm_from_name ("aead_aes_256_cbc_hmac_sha_512-deterministic", &a));
   CU_ASSERT_EQUAL (a, FG_ALGORITHM_DETERMINISTIC);
   CU_ASSERT_TRUE (fg_algorithm_from_name ("AEAD_AES_256_CBC_HMAC_SHA_512-Random", &a));
   CU_ASSERT_EQUAL (a, FG_ALGORITHM_RANDOM);
   CU_ASSERT_TRUE (fg_algorithm_from_name ("Random", &a));
   CU_ASSERT_FALSE (fg_algorithm_from_name ("Indexed", &a));
   CU_ASSERT_FALSE (fg_algorithm_from_name ("", &a));
}

/* --- documents ------------------------------------------------------------------------------------------------------ */

typedef struct one_key {
   fg_data_key *key;
   size_t lookups;
} one_key;

static fg_data_key *
lookup (void *ctx, const uint8_t id[16], fg_error *err)
{
   one_key *k = ctx;

   k->lookups++;
   if (memcmp (id, key_id, 16) != 0) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOT_FOUND, NULL, "no such key");
      return NULL;
   }
   return k->key;
}

/* The decrypted document in a buffer of exactly the size that is needed at most; NULL on an error. */
static uint8_t *
open_document (const uint8_t *doc, size_t n, one_key *k, size_t *len, fg_error *err)
{
   uint8_t *out = malloc (n ? n : 1);

   if (!fg_document_decrypt (doc, n, lookup, k, out, len, err)) {
      free (out);
      return NULL;
   }
   return out;
}

/* Encrypts every value of doc that may be encrypted, at any depth. */
static void
encrypt_all (fg_data_key *key, bson_iter_t *iter, bson_t *out)
{
   while (bson_iter_next (iter)) {
      bson_value_t blob;
      bson_iter_t child;
      bson_t nested;
      const char *name = bson_iter_key (iter);
      if (strcmp (name, "b") == 0 && bson_iter_recurse (iter, &child)) {
         bson_append_document_begin (out, name, -1, &nested);
         encrypt_all (key, &child, &nested);
         bson_append_document_end (out, &nested);
      } else if (fg_value_encrypt (key, key_id, FG_ALGORITHM_RANDOM, bson_iter_value (iter), &blob, NULL)) {
         BSON_APPEND_VALUE (out, name, &blob);
         bson_value_destroy (&blob);
      } else {
         BSON_APPEND_VALUE (out, name, bson_iter_value (iter));
      }
   }
}

static void
test_document_round_trip (void)
{
   one_key k = {.key = test_key (3)};
   bson_t *all = every_type ();
   bson_t plain = BSON_INITIALIZER;
   bson_t sealed = BSON_INITIALIZER;
   bson_iter_t iter;
   size_t len = 0;
   fg_error err = {0};

   /* The fake blob of four bytes would be an error: it is left out. */
   bson_copy_to_excluding_noinit (all, &plain, "encrypted", NULL);
   bson_append_document (&plain, "b", -1, all);
   bson_t trimmed = BSON_INITIALIZER;
   bson_t inner = BSON_INITIALIZER;
   bson_copy_to_excluding_noinit (all, &inner, "encrypted", NULL);
   bson_copy_to_excluding_noinit (&plain, &trimmed, "b", NULL);
   bson_append_document (&trimmed, "b", -1, &inner);

   CU_ASSERT_TRUE_FATAL (bson_iter_init (&iter, &trimmed));
   encrypt_all (k.key, &iter, &sealed);
   uint8_t *out = open_document (bson_get_data (&sealed), sealed.len, &k, &len, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (out);
   CU_ASSERT_EQUAL (len, trimmed.len);
   CU_ASSERT_EQUAL (memcmp (out, bson_get_data (&trimmed), trimmed.len), 0);
   CU_ASSERT_TRUE (k.lookups > 40);
   free (out);

   /* Nothing encrypted: the same bytes. */
   out = open_document (bson_get_data (&trimmed), trimmed.len, &k, &len, &err);
   CU_ASSERT_TRUE (out && len == trimmed.len && memcmp (out, bson_get_data (&trimmed), len) == 0);
   free (out);
   bson_destroy (&inner);
   bson_destroy (&trimmed);
   bson_destroy (&sealed);
   bson_destroy (&plain);
   bson_destroy (all);
   fg_data_key_free (k.key);
}

static void
test_document_errors_name_the_field (void)
{
   one_key k = {.key = test_key (4)};
   bson_value_t value = {.value_type = BSON_TYPE_INT32};
   bson_value_t blob;
   fg_error err = {0};
   size_t len = 0;

   CU_ASSERT_TRUE_FATAL (fg_value_encrypt (k.key, key_id, FG_ALGORITHM_RANDOM, &value, &blob, NULL));
   bson_t *doc = BCON_NEW ("a", "{", "b", "[", BCON_INT32 (1), "]", "}");
   bson_t sealed = BSON_INITIALIZER;
   bson_t a, list;
   blob.value.v_binary.data[50] ^= 1;
   bson_append_document_begin (&sealed, "a", -1, &a);
   bson_append_array_begin (&a, "list", -1, &list);
   BSON_APPEND_INT32 (&list, "0", 1);
   BSON_APPEND_VALUE (&list, "1", &blob);
   bson_append_array_end (&a, &list);
   bson_append_document_end (&sealed, &a);
   CU_ASSERT_PTR_NULL (open_document (bson_get_data (&sealed), sealed.len, &k, &len, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
   CU_ASSERT_STRING_EQUAL (err.path, "a.list.1");
   blob.value.v_binary.data[50] ^= 1;
   blob.value.v_binary.data[5] ^= 1;
   bson_reinit (&sealed);
   BSON_APPEND_VALUE (&sealed, "x", &blob);
   CU_ASSERT_PTR_NULL (open_document (bson_get_data (&sealed), sealed.len, &k, &len, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   CU_ASSERT_STRING_EQUAL (err.path, "x");
   bson_destroy (&sealed);
   bson_destroy (doc);
   bson_value_destroy (&blob);
   fg_data_key_free (k.key);
}

/* Every truncation and every changed byte of a document: an error or a well-formed answer, never a read outside (sanitizers watch). */
static void
test_hostile_documents (void)
{
   one_key k = {.key = test_key (5)};
   bson_t *all = every_type ();
   size_t n = all->len;
   uint8_t *copy = malloc (n);
   size_t len = 0;

   for (size_t cut = 0; cut < n; cut++) {
      uint8_t *exact = malloc (cut ? cut : 1);
      memcpy (exact, bson_get_data (all), cut);
      CU_ASSERT_PTR_NULL (open_document (exact, cut, &k, &len, NULL));
      free (exact);
   }
   for (size_t i = 0; i < n; i++) {
      memcpy (copy, bson_get_data (all), n);
      for (int v = 0; v < 256; v += 5) {
         copy[i] = (uint8_t)v;
         uint8_t *out = open_document (copy, n, &k, &len, NULL);
         if (out) {
            CU_ASSERT_TRUE (len <= n);
            free (out);
         }
      }
   }
   CU_PASS ("no crash");
   free (copy);
   bson_destroy (all);
   fg_data_key_free (k.key);
}

static void
test_depth (void)
{
   one_key k = {.key = test_key (6)};

   for (size_t levels = 150; levels <= 300; levels += 50) {
      bson_t *doc = bson_new ();
      for (size_t i = 0; i < levels; i++) {
         bson_t *outer = bson_new ();
         bson_append_document (outer, "d", -1, doc);
         bson_destroy (doc);
         doc = outer;
      }
      size_t len = 0;
      fg_error err = {0};
      uint8_t *out = open_document (bson_get_data (doc), doc->len, &k, &len, &err);
      CU_ASSERT_EQUAL (out != NULL, levels < FG_BSON_DEPTH_MAX);
      CU_ASSERT_EQUAL (err.code, out ? FG_OK : FG_E_TOO_DEEP);
      free (out);
      bson_destroy (doc);
   }
   fg_data_key_free (k.key);
}

const fg_test fg_tests[] = {
   {"every_type", test_every_type},
   {"large_values", test_large_values},
   {"bad_blobs", test_bad_blobs},
   {"sealed_nonsense", test_sealed_nonsense},
   {"algorithm_names", test_algorithm_names},
   {"document_round_trip", test_document_round_trip},
   {"document_errors_name_the_field", test_document_errors_name_the_field},
   {"hostile_documents", test_hostile_documents},
   {"depth", test_depth},
   {NULL, NULL},
};
