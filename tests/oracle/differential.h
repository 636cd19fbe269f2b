/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_ORACLE_DIFFERENTIAL_H
#define FG_TEST_ORACLE_DIFFERENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What has been compared so far. */
typedef struct differential_counts {
   uint64_t cases, parsed, matched, refused, undecided, rules, permitted, forbidden;
} differential_counts;

extern differential_counts differential_total;

/* One input: options and a document made of the bytes, through the libraries and through the oracle. On a difference prints both as Extended JSON, and what differs, to
 * stderr and returns false. */
bool differential_run (const uint8_t *data, size_t len);

#endif /* FG_TEST_ORACLE_DIFFERENTIAL_H */
