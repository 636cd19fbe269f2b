/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/matcher.h"

#include "base/base.h"
#include "schema/match/partial.h"
#include "schema/match/plan.h"
#include "schema/match/shield.h"

#include <stdlib.h>

/* The public life of a matcher: compile, check, free. */

bool
fg_value_is_sound (const fg_value *document, uint32_t depth_left)
{
   fg_cursor cursor;
   fg_element element;

   if (depth_left == 0 || !fg_cursor_open (&cursor, document)) {
      return false;
   }
   while (fg_cursor_next (&cursor, &element)) {
      bool nested = element.value.type == BSON_OBJECT || element.value.type == BSON_ARRAY;
      if (nested && !fg_value_is_sound (&element.value, depth_left - 1)) {
         return false;
      }
   }
   return !cursor.bad;
}

static fg_matcher_options
effective_options (const fg_matcher_options *given)
{
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;

   if (given) {
      memcpy (&options, given, given->size < sizeof options ? given->size : sizeof options);
   }
   if (options.max_depth == 0) {
      options.max_depth = FG_MATCHER_DEFAULT_DEPTH;
   }
   if (options.match_limit == 0) {
      options.match_limit = FG_MATCHER_DEFAULT_MATCH_LIMIT;
   }
   return options;
}

fg_matcher *
fg_matcher_new (const fg_matcher_options *given, fg_parser *parser, fg_error *err)
{
   fg_matcher_options options = effective_options (given);
   fg_matcher *matcher = calloc (1, sizeof *matcher);

   if (!matcher) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   matcher->context = options.context;
   matcher->max_depth = options.max_depth;
   matcher->match_context = fg_regex_context_new (options.match_limit);
   if (!matcher->match_context) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      fg_matcher_free (matcher);
      return NULL;
   }
   memset (parser, 0, sizeof *parser);
   parser->matcher = matcher;
   parser->flags = options.flags;
   parser->depth_left = options.max_depth;
   parser->err = err;
   return matcher;
}

bool
fg_matcher_copy (fg_parser *parser, const uint8_t *bytes, size_t len, fg_value *copy)
{
   fg_value given = fg_value_of_document (bytes, len);

   /* Values nest deeper than predicates do: a schema takes two levels for one of its own. */
   if (!fg_value_is_sound (&given, 2 * parser->matcher->max_depth + 16)) {
      return fg_error_set (parser->err, FG_ERROR_BSON, FG_E_INVALID, NULL,
                           "the predicate is not well-formed BSON or nested too deep");
   }
   uint8_t *owned = fg_parse_alloc (parser, len);
   if (!owned) {
      return false;
   }
   memcpy (owned, bytes, len);
   *copy = fg_value_of_document (owned, len);
   return true;
}

/* {$gt: 3} applied to an array's element tests the element; {a: 3} searches it. */
static bool
is_value_predicate (const fg_value *predicate)
{
   static const char *const logical[] = {"$and",  "$or",      "$nor",        "$expr",       "$where",
                                         "$text", "$comment", "$jsonSchema", "$alwaysTrue", "$alwaysFalse"};
   fg_cursor cursor;
   fg_element first;

   if (!fg_is_operator_document (predicate)) {
      return false;
   }
   fg_cursor_open (&cursor, predicate);
   fg_cursor_next (&cursor, &first);
   for (size_t i = 0; i < sizeof logical / sizeof logical[0]; i++) {
      if (strcmp (first.name, logical[i]) == 0) {
         return false;
      }
   }
   return true;
}

fg_matcher *
fg_matcher_compile (const uint8_t *predicate, size_t len, const fg_matcher_options *options, fg_error *err)
{
   fg_parser parser;
   fg_value copy;
   fg_matcher *matcher = fg_matcher_new (options, &parser, err);

   if (!matcher) {
      return NULL;
   }
   if (!fg_matcher_copy (&parser, predicate, len, &copy)) {
      goto fail;
   }
   matcher->value_mode = matcher->context == FG_MATCHER_PULL && is_value_predicate (&copy);
   matcher->root =
      matcher->value_mode ? fg_parse_operators (&parser, NULL, &copy) : fg_parse_predicate (&parser, &copy);
   if (!matcher->root || (matcher->context == FG_MATCHER_PARTIAL && !fg_partial_check (&parser, matcher->root)) ||
       !fg_shield_collect (&parser, matcher->root) ||
       (matcher->context == FG_MATCHER_VALIDATOR && !fg_plan_build (&parser, matcher->root, &matcher->plan))) {
      goto fail;
   }
   return matcher;

fail:
   fg_matcher_free (matcher);
   return NULL;
}

void
fg_matcher_free (fg_matcher *matcher)
{
   if (!matcher) {
      return;
   }
   fg_regex_free_all (matcher->regexes);
   pcre2_match_context_free (matcher->match_context);
   fg_arena_free (&matcher->arena);
   free (matcher);
}

/* mongod throws on an encrypted value of no known kind; where it validates, that reads as "does not match". */
static fg_match
outcome (const fg_eval *ev, bool matched, fg_error *err)
{
   if (ev->fault == FG_FAULT_BLOB_TYPE && ev->matcher->context == FG_MATCHER_VALIDATOR) {
      return FG_MATCH_NO;
   }
   if (ev->fault) {
      fg_fault_to_error (ev->fault, err);
      return FG_MATCH_ERROR;
   }
   return matched ? FG_MATCH_YES : FG_MATCH_NO;
}

static fg_match
check (const fg_matcher *matcher, const fg_value *value, size_t *index, fg_error *err)
{
   fg_eval ev;

   fg_eval_begin (&ev, matcher);
   ev.record = index != NULL;
   bool matched = fg_eval_node (&ev, matcher->root, value);
   fg_match result = outcome (&ev, matched, err);
   if (index) {
      *index = ev.position;
   }
   fg_eval_end (&ev);
   return result;
}

static fg_match
check_document (const fg_matcher *matcher, const uint8_t *doc, size_t len, size_t *index, fg_error *err)
{
   fg_value value = fg_value_of_document (doc, len);
   fg_cursor cursor;

   if (!fg_cursor_open (&cursor, &value)) {
      fg_fault_to_error (FG_FAULT_MALFORMED, err);
      return FG_MATCH_ERROR;
   }
   return check (matcher, &value, index, err);
}

/* The plan's yes; without one the tree decides. */
static bool
is_accepted (const fg_matcher *matcher, const uint8_t *doc, size_t len)
{
   const fg_value value = {BSON_OBJECT, doc, len};
   fg_eval ev;

   fg_eval_begin (&ev, matcher);
   bool accepted = fg_plan_accepts (matcher->plan, &ev, &value);
   fg_eval_end (&ev);
   return accepted;
}

fg_match
fg_matcher_check (const fg_matcher *matcher, const uint8_t *doc, size_t len, fg_error *err)
{
   if (matcher->plan && is_accepted (matcher, doc, len)) {
      return FG_MATCH_YES;
   }
   return check_document (matcher, doc, len, NULL, err);
}

fg_match
fg_matcher_check_positional (const fg_matcher *matcher, const uint8_t *doc, size_t len, size_t *index, fg_error *err)
{
   *index = SIZE_MAX;
   return check_document (matcher, doc, len, index, err);
}

fg_match
fg_matcher_check_value (const fg_matcher *matcher, const fg_value *value, fg_error *err)
{
   if (!matcher->value_mode && value->type != BSON_OBJECT) {
      return FG_MATCH_NO; /* a predicate about fields says nothing good about a value that has none */
   }
   return check (matcher, value, NULL, err);
}
