/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_COMPARE_H
#define FG_SCHEMA_MATCH_COMPARE_H

/* The comparisons of fieldguard/match.h for values that may be malformed inside: the outcome says so instead of guessing. */

#include "schema/match/walk.h"

typedef enum fg_fault {
   FG_FAULT_NONE = 0,
   FG_FAULT_MALFORMED, /* not BSON */
   FG_FAULT_TOO_DEEP,
   FG_FAULT_REGEX_LIMIT,
   FG_FAULT_PATH_LIMIT, /* a path with positions branched too often */
   FG_FAULT_NOMEM,
   FG_FAULT_BLOB_TYPE /* the first byte of an encrypted value is none that any server version knows: mongod throws */
} fg_fault;

typedef struct fg_comparison {
   uint32_t depth_left;
   fg_fault fault; /* the first one; the result is then meaningless */
} fg_comparison;

int fg_compare_values (fg_comparison *c, const fg_value *a, const fg_value *b);
bool fg_equal_values_unordered (fg_comparison *c, const fg_value *a, const fg_value *b);

#endif /* FG_SCHEMA_MATCH_COMPARE_H */
