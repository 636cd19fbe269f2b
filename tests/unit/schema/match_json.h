/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_MATCH_JSON_H
#define FG_TEST_MATCH_JSON_H

/* Documents and predicates from Extended JSON. '#' stands for '$' in operators that libbson would read as old Extended JSON ("#type", "#regex", "#options"). */

#include <fieldguard/match.h>

#include <bson/bson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bson_t *
from_json (const char *json)
{
   bson_error_t error;
   bson_t *parsed = bson_new_from_json ((const uint8_t *)json, -1, &error);
   if (!parsed) {
      printf ("# bad JSON in a test: %s: %s\n", error.message, json);
      exit (EXIT_FAILURE);
   }
   uint32_t len;
   uint8_t *bytes = bson_destroy_with_steal (parsed, true, &len);
   static const char *const names[] = {"#type", "#regex", "#options"};
   for (size_t i = 0; i < 3; i++) {
      size_t n = strlen (names[i]) + 1;
      for (size_t at = 0; at + n <= len; at++) {
         if (memcmp (bytes + at, names[i], n) == 0) {
            bytes[at] = '$';
         }
      }
   }
   bson_t *doc = bson_new_from_data (bytes, len);
   bson_free (bytes);
   if (!doc) {
      exit (EXIT_FAILURE);
   }
   return doc;
}

static inline fg_matcher *
compile_in (const char *predicate, fg_matcher_context context, fg_error *err)
{
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;
   bson_t *bson = from_json (predicate);

   options.context = context;
   fg_matcher *matcher = fg_matcher_compile (bson_get_data (bson), bson->len, &options, err);
   bson_destroy (bson);
   return matcher;
}

/* -2: the predicate does not compile. */
static inline int
match (const char *predicate, const char *document)
{
   fg_error err = {0};
   fg_matcher *matcher = compile_in (predicate, FG_MATCHER_FIND, &err);
   bson_t *doc = from_json (document);
   int result = -2;

   if (matcher) {
      result = fg_matcher_check (matcher, bson_get_data (doc), doc->len, &err);
   } else {
      printf ("# %s: %s\n", predicate, err.message);
   }
   fg_matcher_free (matcher);
   bson_destroy (doc);
   return result;
}

/* The server code that compiling answers with; 0 when it compiles. text (may be NULL) must be the message. */
static inline int32_t
compile_code (const char *predicate, const char *text)
{
   fg_error err = {0};
   fg_matcher *matcher = compile_in (predicate, FG_MATCHER_FIND, &err);

   fg_matcher_free (matcher);
   if (matcher) {
      return 0;
   }
   if (text && strcmp (text, err.message) != 0) {
      printf ("# %s: %s\n", predicate, err.message);
      return -1;
   }
   return err.domain == FG_ERROR_SERVER ? err.code : -1;
}

#endif /* FG_TEST_MATCH_JSON_H */
