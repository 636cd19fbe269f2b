/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_CURSOR_H
#define FGD_QUERY_CURSOR_H

/*
 * A query under way: what find, aggregate and the list commands read from, and what a getMore goes on with. Between two commands it holds no snapshot:
 * a plain scan remembers the last record it saw and goes on behind it in the next snapshot; sorted and listed results are held as documents.
 */

#include "hosts/fieldguardd/commands/crud_args.h"
#include "hosts/fieldguardd/query/pipeline.h"
#include "hosts/fieldguardd/query/projection.h"
#include "hosts/fieldguardd/query/sort.h"
#include "hosts/fieldguardd/store/cursor.h"

#define FGD_FIRST_BATCH 101

typedef struct fgd_query {
   fgd_cursor base; /* first */
   uint64_t coll_id; /* 0: no such collection, or a list: there is nothing to scan */
   fg_matcher *matcher; /* NULL: every document */
   uint64_t last; /* record id */
   uint64_t hint_id; /* the index that was named, if it leaves documents out; 0: none */
   int64_t skip; /* still to be passed over */
   int64_t left; /* documents that may still be given; -1: no limit */
   fgd_projection *projection;
   fgd_sort *sort;
   fgd_sorter *sorter; /* filled and finished by the first batch */
   uint64_t *backwards; /* {$natural: -1}: the record ids, read from the end */
   size_t n_backwards;
   fgd_pipeline *pipeline;
   fgd_run *run;
   bool is_list;
   fg_buf list; /* documents end to end */
   size_t list_at;
   fg_buf pending; /* a document that did not fit into the last batch */
   bool has_pending;
   uint64_t results; /* of base.held, what sorted, grouped or listed results take */
   int64_t left_us; /* of maxTimeMS, for the getMores to come; -1: no limit */
   /* while a command runs */
   fgd_request *request;
   const fgd_coll *coll;
   const fgd_index *hint;
   fgd_scan *scan;
   fg_buf out;
} fgd_query;

/* One document with what the positional operator stands for. */
typedef struct fgd_query_doc {
   const uint8_t *data;
   size_t len;
   size_t positional;
   uint64_t record;
} fgd_query_doc;

fgd_query *fgd_query_new (const char *db, const char *name, fg_error *err) FG_WARN_UNUSED;
void fgd_query_free (fgd_query *query); /* NULL is legal */

/* Compiles filter (absent: everything) unless it is empty. */
bool fgd_query_set_filter (fgd_query *query, const fg_value *filter, fg_error *err) FG_WARN_UNUSED;
/* 2 BadValue for a hint that names no index; coll NULL: anything goes. A sparse index that is named gives only the documents it has; a partial one that lacks
 * a match answers 291 when it comes to that. */
bool fgd_query_set_hint (fgd_query *query, const fgd_coll *coll, const fg_value *hint, fg_error *err) FG_WARN_UNUSED;
/* The key pattern of the index that hint names: the order in which documents come where no sort asks for another. False: natural order. */
bool fgd_hint_order (const fgd_coll *coll, const fg_value *hint, fg_value *order);

/* Binds the query to a command's snapshot; false when its collection has gone (175). */
bool fgd_query_attach (fgd_query *query, fgd_request *request, fg_error *err) FG_WARN_UNUSED;
void fgd_query_detach (fgd_query *query);
/* The next document that matches, before skip, limit, sort and projection. */
fgd_next fgd_query_match_next (fgd_query *query, fgd_query_doc *doc, fg_error *err);
/* A source for fgd_run_new. */
fgd_source fgd_query_source (fgd_query *query);
/* Puts every match into the sorter (or the list of record ids, for {$natural: -1}). */
bool fgd_query_sort (fgd_query *query, fg_error *err) FG_WARN_UNUSED;

/* Runs the first batch and appends cursor: {firstBatch, id, ns}; keeps the query as a cursor when more may follow, else frees it. batch_size -1: all that fit. */
void fgd_query_reply (fgd_query *query, fgd_request *request, fgd_reply *reply, int64_t batch_size, bool single_batch);
/* The same for a getMore: nextBatch; true when the query is used up. */
bool fgd_query_more (fgd_query *query, fgd_request *request, fgd_reply *reply, int64_t batch_size);

/* Replies with documents that are already there; list is taken over. */
void fgd_list_reply (fgd_request *request, fgd_reply *reply, const char *db, const char *name, fg_buf *list,
                     int64_t batch_size);
/* Reads {batchSize: n} of a list command's `cursor` argument; -1 when absent. */
bool fgd_arg_cursor (const fg_value *cursor, const char *cmd, int64_t *batch_size, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_QUERY_CURSOR_H */
