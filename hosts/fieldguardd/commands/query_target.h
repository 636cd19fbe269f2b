/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_TARGET_H
#define FGD_QUERY_TARGET_H

/* aggregate with $out or $merge: the pipeline runs here, its documents go to the writer thread in batches (writer_call.h). */

#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/commands/write_doc.h"

#define FGD_TARGET_BATCH_DOCS 1000u
#define FGD_TARGET_BATCH_BYTES (8u * 1024 * 1024)

/* Documents end to end, at most a batch of them. */
typedef struct fgd_target_batch {
   fg_buf docs;
   size_t n;
} fgd_target_batch;

/* Whether the target may be written to at all: names, mongod's own databases, a transaction, and for $merge a unique index on its fields. */
bool fgd_target_check (const fgd_request *request, const fgd_target *target, fg_error *err) FG_WARN_UNUSED;
/* The name of the target's database. */
const char *fgd_target_db (const fgd_request *request, const fgd_target *target);

/* Fills the batch from the query's run; *last: nothing follows. */
bool fgd_target_next_batch (fgd_query *query, fgd_target_batch *batch, bool *last, fg_error *err) FG_WARN_UNUSED;
/* Walks it: *at starts at 0. */
bool fgd_target_batch_next (const fgd_target_batch *batch, size_t *at, fgd_doc_view *doc);

/* Both run the query to its end; false: failure says why (error, and what goes beside it). flags: FG_WRITE_*. */
bool fgd_target_out (fgd_query *query, fgd_request *request, uint32_t flags, fgd_failure *failure) FG_WARN_UNUSED;
bool fgd_target_merge (fgd_query *query, fgd_request *request, uint32_t flags, fgd_failure *failure) FG_WARN_UNUSED;

#endif /* FGD_QUERY_TARGET_H */
