/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_BSON_CHECK_H
#define FGD_BSON_CHECK_H

/*
 * Structure of incoming BSON: every length, terminator, type byte and boolean, the nesting depth. Nothing of fieldguardd looks into a
 * document that has not passed here. As in mongod, strings need not be UTF-8 and names may repeat. What libbson's iterator would stop at must
 * not pass, or every field behind it would be invisible to whoever walks the document: so binary data of subtype 2 must state its inner length
 * rightly, on which mongod does not insist.
 *
 * One pass, no recursion, no allocation.
 */

#include <fieldguard/error.h>

/* data begins with a document; *len_out is its length (5 to avail). On false err is FG_ERROR_SERVER with mongod's code: 22 InvalidBSON, 15 Overflow
 * for more than max_depth (at most 250) documents open at once, the outermost counted. */
bool fgd_bson_check (const uint8_t *data, size_t avail, unsigned max_depth, size_t *len_out,
                     fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_BSON_CHECK_H */
