/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_PIPELINE_H
#define FGD_QUERY_PIPELINE_H

/*
 * Aggregation pipelines over documents that a callback delivers: $match $project $addFields/$set $unset $sort $skip $limit $count $group $unwind
 * $replaceRoot/$replaceWith $sortByCount. A last $out or $merge is parsed and handed back as a description: writing is the caller's. Everything else is refused with mongod's
 * error (40324 for a name that no stage has).
 *
 * Compiled once and read-only; a run pulls one document at a time, and blocking stages ($sort, $group) hold at most 100 MiB each (then 292).
 *
 * Threads: an fgd_pipeline may be run by any number of threads, an fgd_run belongs to one. Since 1.0.
 */

#include <fieldguard/error.h>
#include <fieldguard/match.h>

#include "base/base.h"

typedef struct fgd_pipeline fgd_pipeline;

typedef enum fgd_next { FGD_NEXT_ERROR = -1, FGD_NEXT_END = 0, FGD_NEXT_DOCUMENT = 1 } fgd_next;

/* Delivers the input: *doc stays valid until the next call. */
typedef struct fgd_source {
   fgd_next (*next) (void *ctx, const uint8_t **doc, size_t *len, fg_error *err);
   void *ctx;
} fgd_source;

typedef enum fgd_target_kind { FGD_TARGET_NONE = 0, FGD_TARGET_OUT, FGD_TARGET_MERGE } fgd_target_kind;
typedef enum fgd_when_matched {
   FGD_MATCHED_MERGE = 0,
   FGD_MATCHED_REPLACE,
   FGD_MATCHED_KEEP_EXISTING,
   FGD_MATCHED_FAIL,
   FGD_MATCHED_PIPELINE
} fgd_when_matched;
typedef enum fgd_when_not_matched {
   FGD_NOT_MATCHED_INSERT = 0,
   FGD_NOT_MATCHED_DISCARD,
   FGD_NOT_MATCHED_FAIL
} fgd_when_not_matched;

/* Where the results go. Borrowed from the pipeline. */
typedef struct fgd_target {
   fgd_target_kind kind;
   const char *db; /* NULL: the database that the command runs in */
   const char *collection;
   const char *const *on; /* $merge: the fields that identify a document; _id where none were given */
   size_t n_on;
   bool on_given; /* then a unique index has to vouch for them */
   fgd_when_matched when_matched;
   fgd_when_not_matched when_not_matched;
   const uint8_t *update_pipeline; /* FGD_MATCHED_PIPELINE: the bytes of the array, for fgd_update_compile */
   size_t update_pipeline_len;
   const uint8_t *let; /* $merge's own `let`, a document of expressions, or NULL */
   size_t let_len;
} fgd_target;

/* stages: the bytes of the `pipeline` array. let: the command's constants, or NULL. Copied. */
fgd_pipeline *fgd_pipeline_compile (const uint8_t *stages, size_t len, const uint8_t *let, size_t let_len,
                                    fg_error *err) FG_WARN_UNUSED;
void fgd_pipeline_free (fgd_pipeline *pipeline); /* NULL is legal */
const fgd_target *fgd_pipeline_target (const fgd_pipeline *pipeline); /* kind FGD_TARGET_NONE when there is none */
/* $merge with a whenMatched pipeline: its variables for one document, as {name: {$literal: value}, ...}, which fgd_update_compile takes as let. */
bool fgd_pipeline_variables (const fgd_pipeline *pipeline, const uint8_t *doc, size_t len, int64_t now_ms, fg_buf *out,
                             fg_error *err) FG_WARN_UNUSED;
/* The filter of a first $match, so that the caller may choose an index by it (the run applies it again); false when the pipeline starts otherwise. */
bool fgd_pipeline_leading_match (const fgd_pipeline *pipeline, const uint8_t **filter, size_t *len);

typedef struct fgd_run fgd_run;
/* pipeline and source's ctx are borrowed until the run is freed. now_ms: $$NOW. */
fgd_run *fgd_run_new (const fgd_pipeline *pipeline, fgd_source source, int64_t now_ms, fg_error *err) FG_WARN_UNUSED;
/* *doc is valid until the next call. After FGD_NEXT_END or FGD_NEXT_ERROR the run gives the same again. Between two calls a run holds no pointer into source's documents. */
fgd_next fgd_run_next (fgd_run *run, const uint8_t **doc, size_t *len, fg_error *err) FG_WARN_UNUSED;
void fgd_run_free (fgd_run *run);

/* --- distinct ------------------------------------------------------------------------------------------------------ */

/* The values of one path over many documents, each once; arrays give their elements. */
typedef struct fgd_distinct fgd_distinct;
fgd_distinct *fgd_distinct_new (const char *path, fg_error *err) FG_WARN_UNUSED;
void fgd_distinct_free (fgd_distinct *distinct);
bool fgd_distinct_add (fgd_distinct *distinct, const uint8_t *doc, size_t len, fg_error *err) FG_WARN_UNUSED;
/* out is emptied first: the bytes of the array of values, in the order in which they came. 17217 above 16 MiB. */
bool fgd_distinct_values (const fgd_distinct *distinct, fg_buf *out, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_QUERY_PIPELINE_H */
