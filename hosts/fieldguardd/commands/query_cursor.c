/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/commands/write_reply.h"
#include "hosts/fieldguardd/store/key.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH_BYTES_MAX ((size_t)FGD_MAX_BSON_SIZE)
#define DOC_OVERHEAD 16u /* type, index and end around each document of a batch */

/* --- making and freeing ---------------------------------------------------------------------------------------------- */

static void
free_cursor (fgd_cursor *cursor)
{
   fgd_query_free ((fgd_query *)cursor);
}

fgd_query *
fgd_query_new (const char *db, const char *name, fg_error *err)
{
   fgd_query *query = calloc (1, sizeof *query);

   if (!query) {
      fg_error_set (err, FG_ERROR_SERVER, 146, NULL, "out of memory");
      return NULL;
   }
   snprintf (query->base.ns, sizeof query->base.ns, "%s.%s", db, name);
   query->base.free = free_cursor;
   query->left = -1;
   query->left_us = -1;
   return query;
}

void
fgd_query_free (fgd_query *query)
{
   if (!query) {
      return;
   }
   fgd_query_detach (query);
   fgd_run_free (query->run);
   fgd_pipeline_free (query->pipeline);
   fgd_sorter_free (query->sorter);
   fgd_sort_free (query->sort);
   fgd_projection_free (query->projection);
   fg_matcher_free (query->matcher);
   free (query->backwards);
   fg_buf_free (&query->list);
   fg_buf_free (&query->pending);
   fg_buf_free (&query->out);
   free (query);
}

bool
fgd_query_set_filter (fgd_query *query, const fg_value *filter, fg_error *err)
{
   bson_t doc;
   fgd_value_document (filter, &doc);

   if (bson_empty (&doc)) {
      return true;
   }
   query->matcher = fg_matcher_compile (bson_get_data (&doc), doc.len, NULL, err);
   return query->matcher != NULL;
}

/* --- {$natural: -1} -------------------------------------------------------------------------------------------------- */

/* Record ids from the end; a record that has gone or no longer matches is passed over. */
static fgd_next
backwards_next (fgd_query *query, fgd_query_doc *doc, fg_error *err)
{
   while (query->n_backwards > 0) {
      uint64_t id = query->backwards[--query->n_backwards];
      fgd_scan_free (query->scan);
      query->scan = NULL;
      query->last = id - 1;
      fgd_next next = fgd_query_match_next (query, doc, err);
      if (next == FGD_NEXT_ERROR || (next == FGD_NEXT_DOCUMENT && doc->record == id)) {
         return next;
      }
   }
   return FGD_NEXT_END;
}

/* --- the stream that goes out ----------------------------------------------------------------------------------------- */

static fgd_next
list_next (fgd_query *query, fgd_query_doc *doc)
{
   if (query->list_at >= query->list.len) {
      return FGD_NEXT_END;
   }
   doc->data = query->list.data + query->list_at;
   doc->len = fg_read_u32le (doc->data);
   query->list_at += doc->len;
   return FGD_NEXT_DOCUMENT;
}

static fgd_next
raw_next (fgd_query *query, fgd_query_doc *doc, fg_error *err)
{
   uint64_t tag = 0;

   *doc = (fgd_query_doc){NULL, 0, SIZE_MAX, 0};
   if (query->is_list) {
      return list_next (query, doc);
   }
   if (query->run) {
      return fgd_run_next (query->run, &doc->data, &doc->len, err);
   }
   if (query->sorter) {
      bool more = fgd_sorter_next (query->sorter, &doc->data, &doc->len, &tag);
      doc->positional = (size_t)tag;
      return more ? FGD_NEXT_DOCUMENT : FGD_NEXT_END;
   }
   if (query->backwards) {
      return backwards_next (query, doc, err);
   }
   return fgd_query_match_next (query, doc, err);
}

/* After skip, limit and projection. */
static fgd_next
stream_next (fgd_query *query, fgd_query_doc *doc, fg_error *err)
{
   fgd_next next;

   if (query->left == 0) {
      return FGD_NEXT_END;
   }
   do {
      next = raw_next (query, doc, err);
   } while (next == FGD_NEXT_DOCUMENT && query->skip > 0 && query->skip-- > 0);
   if (next != FGD_NEXT_DOCUMENT) {
      return next;
   }
   if (query->left > 0) {
      query->left--;
   }
   if (query->projection) {
      if (!fgd_projection_apply (query->projection, doc->data, doc->len, doc->positional, fgd_wall_ms (), &query->out,
                                 err)) {
         return FGD_NEXT_ERROR;
      }
      doc->data = query->out.data;
      doc->len = query->out.len;
   }
   return FGD_NEXT_DOCUMENT;
}

/* --- batches -------------------------------------------------------------------------------------------------------- */

static bool
append_doc (bson_t *batch, int64_t n, const uint8_t *data, size_t len)
{
   char key[24];
   bson_t view;

   return bson_init_static (&view, data, len) &&
          bson_append_document (batch, fgd_array_key (key, (size_t)n), -1, &view);
}

static bool
append_pending (fgd_query *query, bson_t *batch, int64_t *n)
{
   if (!query->has_pending) {
      return true;
   }
   query->has_pending = false;
   return append_doc (batch, (*n)++, query->pending.data, query->pending.len);
}

/* Fills batch. *finished: nothing more will come. */
static bool
fill_batch (fgd_query *query, bson_t *batch, int64_t size, bool *finished, fg_error *err)
{
   int64_t n = 0;
   fgd_query_doc doc;

   *finished = false;
   if (size != 0 && !append_pending (query, batch, &n)) {
      return fg_error_set (err, FG_ERROR_SERVER, 10334, NULL, "a result is too large to be returned");
   }
   while (size < 0 || n < size) {
      if (fgd_request_expired (query->request, err)) {
         return false;
      }
      fgd_next next = stream_next (query, &doc, err);
      if (next == FGD_NEXT_ERROR) {
         return false;
      }
      if (next == FGD_NEXT_END) {
         *finished = true;
         break;
      }
      if (n > 0 && batch->len + doc.len + DOC_OVERHEAD > BATCH_BYTES_MAX) {
         query->pending.len = 0;
         fg_buf_append (&query->pending, doc.data, doc.len);
         query->has_pending = true;
         break;
      }
      if (!append_doc (batch, n++, doc.data, doc.len)) {
         return fg_error_set (err, FG_ERROR_SERVER, 10334, NULL, "a result is too large to be returned");
      }
   }
   if (query->pending.failed) {
      return fg_error_set (err, FG_ERROR_SERVER, 146, NULL, "out of memory");
   }
   *finished = *finished || (query->left == 0 && !query->has_pending);
   fgd_store_count_returned (fgd_txn_store (query->request->txn), (uint64_t)n);
   return true;
}

static void
append_cursor (fgd_reply *reply, const char *batch_name, const bson_t *batch, int64_t id, const char *ns)
{
   bson_t cursor;

   bson_append_document_begin (&reply->body, "cursor", -1, &cursor);
   bson_append_array (&cursor, batch_name, -1, batch);
   bson_append_int64 (&cursor, "id", -1, id);
   bson_append_utf8 (&cursor, "ns", -1, ns, -1);
   bson_append_document_end (&reply->body, &cursor);
}

static void
bind_to_session (fgd_cursor *cursor, const fgd_logical *logical)
{
   cursor->in_session = logical->has_lsid;
   memcpy (cursor->lsid, logical->lsid, sizeof cursor->lsid);
   cursor->txn_number = logical->in_transaction ? logical->number : -1;
}

/* What an open cursor keeps beside its results: a document that is still to go out. What only served to make documents is given up. */
static uint64_t
held_beside (fgd_query *query)
{
   fg_buf_free (&query->out);
   query->out = (fg_buf){0};
   if (!query->has_pending) {
      fg_buf_free (&query->pending);
      query->pending = (fg_buf){0};
      return 0;
   }
   uint8_t *exact = realloc (query->pending.data, query->pending.len);
   if (exact) {
      query->pending.data = exact;
      query->pending.cap = query->pending.len;
   }
   return query->pending.cap;
}

/* A find's maxTimeMS is for the cursor's whole work, not for the time between two commands. */
static void
keep_time_left (fgd_query *query, const fgd_request *request)
{
   if (request->deadline_us != INT64_MAX) {
      int64_t left = request->deadline_us - fgd_now_us ();
      query->left_us = left > 0 ? left : 0;
   }
}

static void
use_time_left (const fgd_query *query, fgd_request *request)
{
   if (query->left_us >= 0) {
      request->deadline_us = fgd_now_us () + query->left_us;
      fgd_txn_set_deadline (request->txn, request->deadline_us);
   }
}

void
fgd_query_reply (fgd_query *query, fgd_request *request, fgd_reply *reply, int64_t batch_size, bool single_batch)
{
   bson_t batch = BSON_INITIALIZER;
   bool finished = false;
   char ns[sizeof query->base.ns];
   int64_t id = 0;

   memcpy (ns, query->base.ns, sizeof ns);
   bool ok = fgd_query_attach (query, request, &reply->error) &&
             (!query->sort || fgd_query_sort (query, &reply->error)) &&
             fill_batch (query, &batch, batch_size, &finished, &reply->error);
   fgd_query_detach (query);
   if (ok && !finished && !single_batch) {
      keep_time_left (query, request);
      query->results = query->base.held;
      query->base.held += held_beside (query);
      fgd_cursors *cursors = fgd_store_cursors (fgd_txn_store (request->txn));
      bind_to_session (&query->base, &request->logical);
      ok = fgd_cursors_add (cursors, &query->base, &id, &reply->error);
   }
   if (ok) {
      append_cursor (reply, "firstBatch", &batch, id, ns);
   }
   bson_destroy (&batch);
   if (!id) {
      fgd_query_free (query);
   }
}

bool
fgd_query_more (fgd_query *query, fgd_request *request, fgd_reply *reply, int64_t batch_size)
{
   bson_t batch = BSON_INITIALIZER;
   bool finished = false;

   use_time_left (query, request);
   bool ok = fgd_query_attach (query, request, &reply->error) &&
             fill_batch (query, &batch, batch_size, &finished, &reply->error);
   fgd_query_detach (query);
   keep_time_left (query, request);
   ok = ok && (finished || fgd_cursors_resize (fgd_store_cursors (fgd_txn_store (request->txn)), &query->base,
                                               query->results + held_beside (query), &reply->error));
   if (ok) {
      append_cursor (reply, "nextBatch", &batch, finished ? 0 : query->base.id, query->base.ns);
   }
   bson_destroy (&batch);
   return !ok || finished;
}

void
fgd_list_reply (fgd_request *request, fgd_reply *reply, const char *db, const char *name, fg_buf *list,
                int64_t batch_size)
{
   fgd_query *query = fgd_query_new (db, name, &reply->error);

   if (!query || list->failed) {
      fg_buf_free (list);
      fgd_query_free (query);
      fgd_reply_fail (reply, 146, "out of memory");
      return;
   }
   query->is_list = true;
   query->list = *list;
   query->base.held = list->len;
   *list = (fg_buf){0};
   fgd_query_reply (query, request, reply, batch_size, false);
}

bool
fgd_arg_cursor (const fg_value *cursor, const char *cmd, int64_t *batch_size, fg_error *err)
{
   static const fgd_arg args[] = {{"batchSize", FGD_ARG_NUMBER}, {NULL, 0}};
   fg_value v[1];
   bson_t doc;
   fgd_value_document (cursor, &doc);

   *batch_size = -1;
   return fgd_args_read (&doc, "cursor", false, args, v, err) &&
          fgd_arg_count (&v[0], cmd, "batchSize", batch_size, err);
}
