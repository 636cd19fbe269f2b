/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"
#include "tests/unit/schema/match_json.h"

const char *const fg_suite_name = "schema.walk";

/* Hostile bytes: every outcome is legal except a read outside the document (which the sanitizer build sees: each copy has its exact size). */

static const char *const predicates[] = {
   "{\"a.b.c\": 1, \"z\": {\"$in\": [1, \"x\", {\"q\": 1}]}}",
   "{\"$nor\": [{\"list.x\": {\"$gt\": 5}}, {\"s\": {\"#regex\": \"^zz\"}}]}",
   "{\"list\": {\"$elemMatch\": {\"x\": {\"$exists\": true}, \"y\": [1, {\"k\": 2}]}}}",
   "{\"code\": {\"$code\": \"f\", \"$scope\": {\"a\": 2}}}",
   "{\"$jsonSchema\": {\"properties\": {\"a\": {\"enum\": [{\"b\": {\"c\": 2}}]}, \"list\": {\"uniqueItems\": true, "
   "\"items\": {\"required\": [\"x\"]}}, \"bin\": {\"encrypt\": {\"bsonType\": \"string\"}}, \"s\": {\"pattern\": "
   "\"q$\", \"maxLength\": 3}}, \"additionalProperties\": {\"not\": {\"type\": \"object\"}}, \"minProperties\": 3}}"};

static const char *const sample =
   "{\"a\": {\"b\": {\"c\": 2}}, \"s\": \"text\", \"list\": [{\"x\": 1, \"y\": [1, {\"k\": 2}]}, {\"y\": [1, {\"k\": "
   "2}], \"x\": 1}], \"d\": {\"$numberDecimal\": \"1.5\"}, "
   "\"bin\": {\"$binary\": {\"base64\": \"AQAAAAAAAAAAAAAAAAAAAAAC\", \"subType\": \"06\"}}, \"code\": {\"$code\": "
   "\"f\", \"$scope\": {\"a\": 1}}, \"r\": {\"$regularExpression\": {\"pattern\": \"a\", \"options\": \"i\"}}, "
   "\"p\": {\"$dbPointer\": {\"$ref\": \"c\", \"$id\": {\"$oid\": \"303132333435363738396162\"}}}, \"t\": "
   "{\"$timestamp\": {\"t\": 1, \"i\": 2}}, \"n\": null, \"f\": true}";

#define N_PREDICATES (sizeof predicates / sizeof predicates[0])

static fg_matcher *matchers[N_PREDICATES];

static void
compile_all (void)
{
   fg_error err = {0};
   for (size_t i = 0; i < N_PREDICATES; i++) {
      matchers[i] = compile_in (predicates[i], FG_MATCHER_VALIDATOR, &err);
      CU_ASSERT_PTR_NOT_NULL_FATAL (matchers[i]);
   }
}

static void
free_all (void)
{
   for (size_t i = 0; i < N_PREDICATES; i++) {
      fg_matcher_free (matchers[i]);
   }
}

/* In a block of its own, so that one byte too far is seen. */
static int
try_all (const uint8_t *bytes, size_t len)
{
   uint8_t *copy = malloc (len ? len : 1);
   int errors = 0;

   memcpy (copy, bytes, len);
   for (size_t i = 0; i < N_PREDICATES; i++) {
      fg_error err = {0};
      fg_match result = fg_matcher_check (matchers[i], copy, len, &err);
      CU_ASSERT_TRUE (result >= FG_MATCH_ERROR && result <= FG_MATCH_YES);
      CU_ASSERT_TRUE (result != FG_MATCH_ERROR || err.domain != FG_ERROR_NONE);
      errors += result == FG_MATCH_ERROR;
      if (result == FG_MATCH_NO) {
         fg_explain_options options = FG_EXPLAIN_OPTIONS_INIT;
         bson_t details = BSON_INITIALIZER;
         (void)!fg_matcher_explain (matchers[i], copy, len, &options, &details, &err);
         bson_destroy (&details);
      }
   }
   free (copy);
   return errors;
}

static void
every_truncation (void)
{
   bson_t *doc = from_json (sample);
   const uint8_t *bytes = bson_get_data (doc);

   compile_all ();
   CU_ASSERT_EQUAL (try_all (bytes, doc->len), 0);
   for (uint32_t len = 0; len < doc->len; len++) {
      CU_ASSERT_EQUAL (try_all (bytes, len), (int)N_PREDICATES); /* its own length says more */
      if (len >= 5) {
         uint8_t *shorter = malloc (len);
         memcpy (shorter, bytes, len);
         memcpy (shorter, &len, 4); /* now the length agrees, and something inside does not */
         try_all (shorter, len);
         shorter[len - 1] = 0;
         try_all (shorter, len);
         free (shorter);
      }
   }
   free_all ();
   bson_destroy (doc);
}

static void
every_byte_changed (void)
{
   static const uint8_t values[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0B, 0x0F, 0x10, 0x7F, 0x80, 0xFF};
   bson_t *doc = from_json (sample);
   uint8_t *bytes = malloc (doc->len);

   compile_all ();
   memcpy (bytes, bson_get_data (doc), doc->len);
   for (uint32_t at = 0; at < doc->len; at++) {
      uint8_t saved = bytes[at];
      for (size_t i = 0; i < sizeof values; i++) {
         bytes[at] = values[i];
         try_all (bytes, doc->len);
      }
      bytes[at] = saved;
   }
   free (bytes);
   free_all ();
   bson_destroy (doc);
}

/* {"a": {"a": ... {}}} or arrays, levels deep. */
static size_t
nest (uint8_t *bytes, size_t cap, int levels, uint8_t type)
{
   size_t len = 5;

   memcpy (bytes, "\x05\0\0\0\0", 5);
   for (int i = 0; i < levels && len + 8 < cap; i++) {
      memmove (bytes + 7, bytes, len);
      bytes[4] = i + 1 == levels ? 0x03 : type;
      bytes[5] = type == 0x04 && i + 1 != levels ? '0' : 'a';
      bytes[6] = 0;
      len += 8;
      bytes[len - 1] = 0;
      uint32_t total = (uint32_t)len;
      memcpy (bytes, &total, 4);
   }
   return len;
}

static void
deep_documents (void)
{
   uint8_t bytes[16384];
   fg_error err = {0};
   fg_matcher *unique = compile_in ("{\"$jsonSchema\": {\"enum\": [{\"a\": 1}]}}", FG_MATCHER_FIND, &err);
   size_t len = nest (bytes, sizeof bytes, 190, 0x03);

   CU_ASSERT_EQUAL (fg_matcher_check (unique, bytes, len, &err), FG_MATCH_NO);
   fg_value deep = fg_value_of_document (bytes, len);
   CU_ASSERT_EQUAL (fg_value_compare (&deep, &deep), 0);

   /* A predicate that equals the document, both deeper than the limit. */
   uint8_t predicate[16500];
   len = nest (bytes, sizeof bytes, 350, 0x03);
   memcpy (predicate, bytes, len);
   fg_matcher *equal = fg_matcher_compile (predicate, len, NULL, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (equal);
   CU_ASSERT_EQUAL (fg_matcher_check (equal, bytes, len, &err), FG_MATCH_ERROR);
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_LIMIT);
   CU_ASSERT_EQUAL (err.code, FG_E_TOO_DEEP);
   len = nest (bytes, sizeof bytes, 200, 0x03);
   fg_matcher *fits = fg_matcher_compile (bytes, len, NULL, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (fits);
   CU_ASSERT_EQUAL (fg_matcher_check (fits, bytes, len, &err), FG_MATCH_YES);

   len = nest (bytes, sizeof bytes, 1500, 0x03);
   CU_ASSERT_PTR_NULL (fg_matcher_compile (bytes, len, NULL, &err));
   fg_matcher_free (unique);
   fg_matcher_free (equal);
   fg_matcher_free (fits);
}

/* {"a": [{"0": [{"0": ...}]}]}: every element is reached by name and by position. */
static void
paths_that_explode (void)
{
   char path[256] = "a";
   uint8_t bytes[4096];
   size_t len = 5;
   fg_error err = {0};

   memcpy (bytes, "\x05\0\0\0\0", 5);
   for (int i = 0; i < 160; i++) {
      memmove (bytes + 7, bytes, len);
      bytes[4] = i % 2 ? 0x04 : 0x03; /* the inner one's type: documents in arrays in documents */
      bytes[5] = i == 159 ? 'a' : '0';
      bytes[6] = 0;
      len += 8;
      bytes[len - 1] = 0;
      uint32_t total = (uint32_t)len;
      memcpy (bytes, &total, 4);
   }
   for (int i = 0; i < 100; i++) {
      memcpy (path + 1 + 2 * i, ".0", 3);
   }
   bson_t *predicate = bson_new ();
   BSON_APPEND_UTF8 (predicate, path, "never");
   fg_matcher *matcher = fg_matcher_compile (bson_get_data (predicate), predicate->len, NULL, &err);
   CU_ASSERT_EQUAL (fg_matcher_check (matcher, bytes, len, &err), FG_MATCH_ERROR);
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_LIMIT);
   fg_matcher_free (matcher);
   bson_destroy (predicate);
}

static void
patterns_that_explode (void)
{
   static const char *const plain = "{\"$jsonSchema\": {\"properties\": {\"a\": {\"pattern\": \"^(a+)+$\"}}}}";
   static const char *const negated = "{\"$nor\": [{\"a\": {\"#regex\": \"^(a+)+$\"}}]}";
   fg_error err = {0};
   bson_t *doc = from_json ("{\"a\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}");
   const char *const both[] = {plain, negated};

   for (int i = 0; i < 2; i++) {
      fg_matcher *matcher = compile_in (both[i], FG_MATCHER_FIND, &err);
      CU_ASSERT_EQUAL (fg_matcher_check (matcher, bson_get_data (doc), doc->len, &err), FG_MATCH_ERROR);
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_LIMIT);
      fg_matcher_free (matcher);
   }
   bson_destroy (doc);
}

static void
subject_that_is_not_utf8 (void)
{
   static const uint8_t doc[] = {15, 0, 0, 0, 0x02, 'a', 0, 3, 0, 0, 0, 0xFF, 0xFE, 0, 0};
   fg_error err = {0};
   fg_matcher *matcher = compile_in ("{\"a\": {\"#regex\": \".\"}}", FG_MATCHER_FIND, &err);

   CU_ASSERT_EQUAL (fg_matcher_check (matcher, doc, sizeof doc, &err), FG_MATCH_NO);
   fg_matcher_free (matcher);
}

static void
malformed_predicates (void)
{
   bson_t *predicate = from_json (predicates[4]);
   const uint8_t *bytes = bson_get_data (predicate);
   fg_error err = {0};

   for (uint32_t len = 0; len < predicate->len; len++) {
      uint8_t *copy = malloc (len ? len : 1);
      memcpy (copy, bytes, len);
      CU_ASSERT_PTR_NULL (fg_matcher_compile (copy, len, NULL, &err));
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_BSON);
      free (copy);
   }
   bson_destroy (predicate);
}

const fg_test fg_tests[] = {{"every_truncation", every_truncation},
                            {"every_byte_changed", every_byte_changed},
                            {"deep_documents", deep_documents},
                            {"patterns_that_explode", patterns_that_explode},
                            {"paths_that_explode", paths_that_explode},
                            {"subject_that_is_not_utf8", subject_that_is_not_utf8},
                            {"malformed_predicates", malformed_predicates},
                            {NULL, NULL}};
