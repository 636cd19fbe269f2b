/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_POLICY_TEST_H
#define FG_POLICY_TEST_H

/*
 * Options and documents as short texts. JSON with single quotes; a string that starts with '@' stands for a BinData 6 value:
 *   '@2 1 2 82'      first byte 2, key id 16 times 0x11, original type 2, 82 bytes in all, random body
 *   '@2 1 2 82 text' the same with a body of printable text
 *   '@15 1 16 211 1' the number after the length: edge count (15) or total token count (17)
 * K1, K2, ... stand for key ids as Extended JSON.
 */

#include "tests/unit/runner.h"

#include <fieldguard/policy.h>

#include <bson/bson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
#define DETERMINISTIC "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
#define K1 "{'$binary':{'base64':'EREREREREREREREREREREQ==','subType':'04'}}"
#define K2 "{'$binary':{'base64':'IiIiIiIiIiIiIiIiIiIiIg==','subType':'04'}}"
#define K3 "{'$binary':{'base64':'MzMzMzMzMzMzMzMzMzMzMw==','subType':'04'}}"
#define SCHEMA(text) "{'validator':{'$jsonSchema':" text "}}"
/* A validator with one property. */
#define PROPERTY(name, schema) SCHEMA ("{'properties':{'" name "':" schema "}}")
#define ENCRYPT_K1 "{'encrypt':{'bsonType':'string','algorithm':'" RANDOM "','keyId':[" K1 "]}}"
#define ENCRYPT_K2 "{'encrypt':{'bsonType':'string','algorithm':'" RANDOM "','keyId':[" K2 "]}}"

static inline void
blob_of (const char *text, uint8_t **out, size_t *len)
{
   unsigned first = 0, key = 0, type = 0, size = 0, count = 0;
   bool printable = strstr (text, "text") != NULL;
   uint32_t seed = 99;

   (void)sscanf (text, "@%u %u %u %u %u", &first, &key, &type, &size, &count);
   uint8_t *blob = calloc (1, size + 1);
   for (unsigned i = 0; i < size; i++) {
      seed = seed * 1664525u + 1013904223u;
      blob[i] = printable ? (uint8_t)("plain text, "[i % 12]) : (uint8_t)(seed >> 24);
      blob[i] = i == 0 ? (uint8_t)first : i < 17 ? (uint8_t)(key * 0x11) : i == 17 ? (uint8_t)type : blob[i];
   }
   if (first == 15 && size > 18) {
      blob[18] = (uint8_t)count;
   } else if (first == 17 && size > 30) {
      memset (blob + 18, 0, 12);
      blob[18] = (uint8_t)count;
   }
   *out = blob;
   *len = size;
}

static inline void
copy_document (bson_t *out, bson_iter_t *in)
{
   while (bson_iter_next (in)) {
      const char *key = bson_iter_key (in);
      bson_iter_t child;
      bson_t nested;
      if (BSON_ITER_HOLDS_UTF8 (in) && bson_iter_utf8 (in, NULL)[0] == '@') {
         uint8_t *blob;
         size_t len;
         blob_of (bson_iter_utf8 (in, NULL), &blob, &len);
         bson_append_binary (out, key, -1, BSON_SUBTYPE_ENCRYPTED, blob, (uint32_t)len);
         free (blob);
      } else if (BSON_ITER_HOLDS_DOCUMENT (in) && bson_iter_recurse (in, &child)) {
         bson_append_document_begin (out, key, -1, &nested);
         copy_document (&nested, &child);
         bson_append_document_end (out, &nested);
      } else if (BSON_ITER_HOLDS_ARRAY (in) && bson_iter_recurse (in, &child)) {
         bson_append_array_begin (out, key, -1, &nested);
         copy_document (&nested, &child);
         bson_append_array_end (out, &nested);
      } else {
         bson_append_value (out, key, -1, bson_iter_value (in));
      }
   }
}

/* Free with bson_destroy. */
static inline bson_t *
doc_of (const char *text)
{
   size_t len = strlen (text);
   char *json = malloc (len + 1);
   bson_error_t error;
   bson_iter_t iter;

   for (size_t i = 0; i <= len; i++) {
      json[i] = text[i] == '\'' ? '"' : text[i];
   }
   bson_t *parsed = bson_new_from_json ((const uint8_t *)json, (ssize_t)len, &error);
   free (json);
   if (!parsed) {
      fprintf (stderr, "%s\n  in %s\n", error.message, text);
      abort ();
   }
   bson_t *out = bson_new ();
   if (bson_iter_init (&iter, parsed)) {
      copy_document (out, &iter);
   }
   bson_destroy (parsed);
   return out;
}

static inline fg_policy *
compile_with (const char *text, const fg_policy_options *options, fg_error *err)
{
   bson_t *doc = doc_of (text);
   const uint8_t *bytes = bson_get_data (doc);
   size_t len = doc->len;
   fg_policy *policy = fg_policy_compile (&bytes, &len, 1, options, err);

   bson_destroy (doc);
   return policy;
}

static inline fg_policy *
compile (const char *text)
{
   fg_error err = {0};
   fg_policy *policy = compile_with (text, NULL, &err);

   if (!policy) {
      fprintf (stderr, "%s\n  in %s\n", err.message, text);
      abort ();
   }
   return policy;
}

static inline bool
note_reason (void *ctx, const fg_violation *violation)
{
   *(fg_reason *)ctx = violation->reason;
   return false;
}

/* The reason of the first violation of a document; FG_REASON_NONE when it is accepted. Both walks must agree. */
static inline fg_reason
reason_of_bytes (const fg_policy *policy, const uint8_t *bytes, size_t len, fg_phase phase)
{
   fg_reason reason = FG_REASON_NONE;
   fg_error err = {0};
   fg_check verdict = fg_policy_check (policy, bytes, len, phase, &err);
   size_t n = fg_policy_visit_violations (policy, bytes, len, phase, note_reason, &reason);

   CU_ASSERT_EQUAL (verdict == FG_CHECK_OK, n == 0);
   if (verdict == FG_CHECK_ERROR) {
      return FG_REASON_CANNOT_DECIDE;
   }
   return reason;
}

static inline fg_reason
reason_in (const fg_policy *policy, const char *text, fg_phase phase)
{
   bson_t *doc = doc_of (text);
   fg_reason reason = reason_of_bytes (policy, bson_get_data (doc), doc->len, phase);

   bson_destroy (doc);
   return reason;
}

static inline fg_reason
reason_of (const char *options, const char *text)
{
   fg_policy *policy = compile (options);
   fg_reason reason = reason_in (policy, text, FG_PHASE_STORED);

   fg_policy_free (policy);
   return reason;
}

#define ASSERT_REFUSED(options, doc, why) CU_ASSERT_STRING_EQUAL (fg_reason_name (reason_of (options, doc)), why)
#define ASSERT_ACCEPTED(options, doc) CU_ASSERT_STRING_EQUAL (fg_reason_name (reason_of (options, doc)), "none")

#endif /* FG_POLICY_TEST_H */
