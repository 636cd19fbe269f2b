/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"
#include "tests/unit/schema/match_json.h"

const char *const fg_suite_name = "schema.arena";

/* Every allocation of compiling and checking fails once: an error each time, nothing lost, nothing crashed. */

#if defined(__SANITIZE_ADDRESS__)
#define CAN_FAIL false
static long fail_at = -1;
#else
#define CAN_FAIL true
static long fail_at = -1; /* counts down; -1: never */

static bool
fails_now (void)
{
   return fail_at >= 0 && fail_at-- == 0;
}

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *p, size_t size);

void *
malloc (size_t size)
{
   return fails_now () ? NULL : __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
   return fails_now () ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *p, size_t size)
{
   return fails_now () ? NULL : __libc_realloc (p, size);
}
#endif

#define LIMIT 4000

static const char *const options_json =
   "{\"validator\": {\"$nor\": [{\"x\": {\"$in\": [1, {\"$regularExpression\": {\"pattern\": \"a+\", \"options\": "
   "\"i\"}}]}}], \"$jsonSchema\": {\"required\": [\"a\", \"b\", \"c\", \"d\", \"e\"],"
   "\"properties\": {\"a\": {\"pattern\": \"^x\"}, \"b\": {\"items\": [{\"enum\": [1, 2]}], \"uniqueItems\": true}, "
   "\"c\": {}, \"d\": {}, \"e.f\": {\"not\": {\"type\": \"string\"}}},"
   "\"patternProperties\": {\"^z\": {\"minimum\": 1}}, \"additionalProperties\": {}, \"dependencies\": {\"a\": "
   "[\"b\"]}}},"
   "\"encryptedFields\": {\"fields\": [{\"path\": \"q.r\", \"keyId\": {\"$binary\": {\"base64\": "
   "\"AAECAwQFBgcICQoLDA0ODw==\", \"subType\": \"04\"}}}]}}";

static void
compiling (void)
{
   bson_t *options = from_json (options_json);
   long n;

   if (!CAN_FAIL) {
      fg_test_skip ("the address sanitizer owns malloc");
      bson_destroy (options);
      return;
   }
   for (n = 0; n < LIMIT; n++) {
      fg_error err = {0};
      fail_at = n;
      fg_validator *validator = fg_validator_compile (bson_get_data (options), options->len, 0, &err);
      bool all_served = fail_at >= 0;
      fail_at = -1;
      CU_ASSERT_TRUE (validator != NULL || (err.domain == FG_ERROR_SYSTEM && err.code == FG_E_NOMEM));
      fg_validator_free (validator);
      if (all_served) {
         break;
      }
   }
   CU_ASSERT_TRUE (n > 5 && n < LIMIT);
   bson_destroy (options);
}

static void
checking (void)
{
   fg_error err = {0};
   bson_t *options = from_json (options_json);
   bson_t *doc =
      from_json ("{\"a\": \"xy\", \"b\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, "
                 "22, 23, 24, 25, 26], \"c\": 1, \"d\": 1, \"e\": {\"f\": 1}, \"z\": 5, \"x\": \"b\"}");
   fg_validator *validator = fg_validator_compile (bson_get_data (options), options->len, 0, &err);
   long n;

   CU_ASSERT_PTR_NOT_NULL_FATAL (validator);
   CU_ASSERT_EQUAL (fg_validator_check (validator, bson_get_data (doc), doc->len, &err), FG_MATCH_YES);
   for (n = 0; CAN_FAIL && n < LIMIT; n++) {
      fail_at = n;
      fg_match result = fg_validator_check (validator, bson_get_data (doc), doc->len, &err);
      bool all_served = fail_at >= 0;
      fail_at = -1;
      CU_ASSERT_TRUE (result == FG_MATCH_YES || (result == FG_MATCH_ERROR && err.code == FG_E_NOMEM));
      if (all_served) {
         break;
      }
   }
   CU_ASSERT_TRUE (n < LIMIT);
   fg_validator_free (validator);
   bson_destroy (options);
   bson_destroy (doc);
}

/* What needs neither a regex nor uniqueItems takes no memory at all. */
static void
no_allocation (void)
{
   fg_error err = {0};
   fg_matcher *matcher = compile_in (
      "{\"a.b\": {\"$gt\": 1}, \"$jsonSchema\": {\"required\": [\"a\"], \"properties\": {\"a\": {\"properties\": "
      "{\"b\": {\"minimum\": {\"$numberDecimal\": \"1.5\"}}}}, \"c\": {}, \"d\": {}, \"e\": {}, \"f\": {}}}}",
      FG_MATCHER_VALIDATOR, &err);
   bson_t *doc = from_json ("{\"a\": {\"b\": 2}, \"f\": [1, 2]}");

   fail_at = 0;
   fg_match result = fg_matcher_check (matcher, bson_get_data (doc), doc->len, &err);
   fail_at = -1;
   CU_ASSERT_EQUAL (result, FG_MATCH_YES);
   fg_matcher_free (matcher);
   bson_destroy (doc);
}

const fg_test fg_tests[] = {
   {"compiling", compiling}, {"checking", checking}, {"no_allocation", no_allocation}, {NULL, NULL}};
