/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_ORACLE_DIFFERENTIAL_H
#define FG_TEST_ORACLE_DIFFERENTIAL_H

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What has been compared so far. */
typedef struct differential_counts {
   uint64_t cases, parsed, matched, refused, undecided, rules, permitted, forbidden, covered;
} differential_counts;

extern differential_counts differential_total;

/* One input: options and a document made of the bytes, through the libraries and through the oracle. On a difference prints both as Extended JSON, and what differs, to
 * stderr and returns false. */
bool differential_run (const uint8_t *data, size_t len);

/* Further bytes into a change of the options: where the new rules are said to cover the old ones, or the reverse, what the one accepts the other must accept. */
struct gen;
bool differential_covers (struct gen *g, const bson_t *options, const bson_t *doc);

#endif /* FG_TEST_ORACLE_DIFFERENTIAL_H */
