/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_PARTIAL_H
#define FG_SCHEMA_MATCH_PARTIAL_H

#include "schema/match/parse.h"

/* Whether a partialFilterExpression keeps to what mongod 8.0 takes there: $and, $or, $in, equality, ranges, $type, $exists: true. */
bool fg_partial_check (fg_parser *parser, const fg_node *node);

#endif /* FG_SCHEMA_MATCH_PARTIAL_H */
