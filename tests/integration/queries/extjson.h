/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_EXTJSON_H
#define FG_TEST_EXTJSON_H

/*
 * Extended JSON (canonical v2) to BSON, for tests. Unlike libbson's reader it takes {"$type": ...}, {"$regex": ...} and other operators for what they are in a filter:
 * plain fields. Bare numbers are int32 where they are whole and fit, else double.
 */

#include "base/base.h"

/* out is emptied and holds the document that text says. False when text is not one. */
bool fg_test_extjson (const char *text, fg_buf *out);

#endif /* FG_TEST_EXTJSON_H */
