/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-schema fieldguard-base ; -lbson-1.0 -lpcre2-8 -lm */

/*
 * Input: a predicate or an options document, then a document, both BSON: [1 byte: mode][predicate][document]. Both may lie about themselves.
 * Checked beside the sanitizers: the positional check, which walks the tree without the plan, finds the same; a negation of what was decided decides the opposite, and what does not match can be explained in well-formed BSON.
 */

#include <fieldguard/match.h>

#include <bson/bson.h>
#include <stdlib.h>
#include <string.h>

static uint32_t
length_at (const uint8_t *p, size_t n)
{
   if (n < 4) {
      return (uint32_t)n;
   }
   uint32_t len = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
   return len < n ? len : (uint32_t)n;
}

static void
demand (bool condition)
{
   if (!condition) {
      abort ();
   }
}

/* bson_validate stops in silence at some strings that are not UTF-8 and reports others, depending on where they stand: what was given must be
 * UTF-8 in every name and string before what is made of it has to pass. */
static bool
level_is_clean (bson_iter_t *iter, unsigned depth)
{
   while (bson_iter_next (iter)) {
      bson_iter_t inner;
      if (BSON_ITER_HOLDS_UTF8 (iter)) {
         uint32_t n;
         const char *text = bson_iter_utf8 (iter, &n);
         if (!bson_utf8_validate (text, n, true)) {
            return false;
         }
      } else if (!BSON_ITER_HOLDS_DOCUMENT (iter) && !BSON_ITER_HOLDS_ARRAY (iter)) {
         continue;
      } else if (depth == 0 || !bson_iter_recurse (iter, &inner) || !level_is_clean (&inner, depth - 1)) {
         return false;
      }
   }
   return iter->err_off == 0;
}

static bool
is_clean (const uint8_t *bytes, size_t len)
{
   bson_t view;
   bson_iter_t iter;

   return bson_init_static (&view, bytes, len) && bson_validate (&view, BSON_VALIDATE_NONE, NULL) &&
          bson_iter_init (&iter, &view) && level_is_clean (&iter, 90);
}

static void
explain (const fg_matcher *matcher, const uint8_t *doc, size_t len, bool clean)
{
   fg_explain_options options = FG_EXPLAIN_OPTIONS_INIT;
   bson_t details = BSON_INITIALIZER;
   fg_error err;

   if (fg_matcher_explain (matcher, doc, len, &options, &details, &err)) {
      demand (!clean || bson_validate (&details, BSON_VALIDATE_NONE, NULL));
   }
   bson_destroy (&details);
}

/* {$nor: [predicate]} */
static fg_match
check_negated (const bson_t *predicate, const fg_matcher_options *options, const uint8_t *doc, size_t len)
{
   bson_t negated = BSON_INITIALIZER;
   bson_t clauses;
   fg_error err;
   fg_match result = FG_MATCH_ERROR;

   BSON_APPEND_ARRAY_BEGIN (&negated, "$nor", &clauses);
   BSON_APPEND_DOCUMENT (&clauses, "0", predicate);
   bson_append_array_end (&negated, &clauses);
   fg_matcher *matcher = fg_matcher_compile (bson_get_data (&negated), negated.len, options, &err);
   if (matcher) {
      result = fg_matcher_check (matcher, doc, len, &err);
   }
   fg_matcher_free (matcher);
   bson_destroy (&negated);
   return result;
}

static void
fuzz_matcher (uint8_t mode, const uint8_t *predicate, size_t predicate_len, const uint8_t *doc, size_t len)
{
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;
   fg_error err;
   bson_t view;

   options.context = (fg_matcher_context)(mode & 3);
   options.match_limit = 10000;
   fg_matcher *matcher = fg_matcher_compile (predicate, predicate_len, &options, &err);
   if (!matcher) {
      return;
   }
   fg_match result = fg_matcher_check (matcher, doc, len, &err);
   size_t index;
   demand (fg_matcher_check_positional (matcher, doc, len, &index, &err) == result);
   if (result == FG_MATCH_NO) {
      explain (matcher, doc, len, is_clean (predicate, predicate_len) && is_clean (doc, len));
   }
   if (options.context == FG_MATCHER_FIND && result != FG_MATCH_ERROR &&
       bson_init_static (&view, predicate, predicate_len)) {
      fg_match opposite = check_negated (&view, &options, doc, len);
      demand (opposite == FG_MATCH_ERROR || opposite != result);
   }
   fg_matcher_free (matcher);
}

static void
fuzz_validator (const uint8_t *options, size_t options_len, const uint8_t *doc, size_t len)
{
   fg_error err;
   fg_validator *validator = fg_validator_compile (options, options_len, 0, &err);

   if (!validator) {
      return;
   }
   bool clean = is_clean (options, options_len) && is_clean (doc, len);
   if (fg_validator_check (validator, doc, len, &err) == FG_MATCH_NO) {
      fg_explain_options explain_options = FG_EXPLAIN_OPTIONS_INIT;
      bson_t details = BSON_INITIALIZER;
      if (fg_validator_explain (validator, doc, len, &explain_options, &details, &err)) {
         demand (!clean || bson_validate (&details, BSON_VALIDATE_NONE, NULL));
      }
      bson_destroy (&details);
   }
   fg_validator_free (validator);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   if (size < 1) {
      return 0;
   }
   const uint8_t *predicate = data + 1;
   uint32_t predicate_len = length_at (predicate, size - 1);
   const uint8_t *doc = predicate + predicate_len;
   size_t len = size - 1 - predicate_len;

   if (data[0] & 4) {
      fuzz_validator (predicate, predicate_len, doc, len);
   } else {
      fuzz_matcher (data[0], predicate, predicate_len, doc, len);
   }
   return 0;
}
