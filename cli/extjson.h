/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_EXTJSON_H
#define FG_CLI_EXTJSON_H

/*
 * Extended JSON v2, canonical and relaxed, into BSON.
 *
 * Not libbson's reader: that one takes `$type`, `$regex` and `$options` for old Extended JSON wherever they stand, which changes what a validator says; it ends at 100 levels,
 * where documents may have 200; and its messages quote the text. Here {"$regex": ...} stays an object, as v2 has it; the old {"$binary": "...", "$type": "..."} and {"$date": 0} are read.
 * Names may repeat and keep their order. No message quotes the input: an error says where.
 */

#include "base/base.h"

#define FG_EXTJSON_DEPTH 250

/* Appends the BSON of the one object in text to out, which the caller has emptied. What follows the object may only be white space. On failure *position is the offset into text of
 * what could not be read. */
bool fg_extjson_parse (const char *text, size_t len, fg_buf *out, size_t *position, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLI_EXTJSON_H */
