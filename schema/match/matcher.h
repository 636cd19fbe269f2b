/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_MATCHER_H
#define FG_SCHEMA_MATCH_MATCHER_H

/* Making a matcher by hand: for trees that come from something other than a predicate (encryptedFields). */

#include "schema/match/parse.h"

/* An empty matcher and a parser set up for it. Free the matcher with fg_matcher_free, also when parsing fails. */
fg_matcher *fg_matcher_new (const fg_matcher_options *options, fg_parser *parser, fg_error *err);
/* Checks the bytes' structure and copies them into the parser's arena. */
bool fg_matcher_copy (fg_parser *parser, const uint8_t *bytes, size_t len, fg_value *copy);

#endif /* FG_SCHEMA_MATCH_MATCHER_H */
