/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/store/key.h"

#include <stdlib.h>

/* --- hints ---------------------------------------------------------------------------------------------------------- */

static bool
is_natural (const fg_value *hint)
{
   bson_t doc;
   fgd_value_document (hint, &doc);

   return hint->type == 0x03 && (bson_empty (&doc) || bson_has_field (&doc, "$natural"));
}

/* hint: an index's name or its key pattern. */
static const fgd_index *
named_index (const fgd_coll *coll, const fg_value *hint)
{
   const char *name = fgd_value_string (hint);

   for (size_t i = 0; i < coll->n_indexes; i++) {
      bson_iter_t key;
      if (name && strcmp (coll->indexes[i]->name, name) == 0) {
         return coll->indexes[i];
      }
      if (!name && bson_iter_init_find (&key, coll->indexes[i]->spec, "key")) {
         fg_value own = fgd_iter_value (&key);
         if (fg_value_compare (&own, hint) == 0) {
            return coll->indexes[i];
         }
      }
   }
   return NULL;
}

bool
fgd_query_set_hint (fgd_query *query, const fgd_coll *coll, const fg_value *hint, fg_error *err)
{
   if (!fgd_value_present (hint) || !coll || is_natural (hint)) {
      return true;
   }
   const fgd_index *index = named_index (coll, hint);
   if (!index) {
      return fg_error_set (err, FG_ERROR_SERVER, 2, NULL,
                           "error processing query: planner returned error :: caused by :: hint provided does not "
                           "correspond to an existing index");
   }
   query->hint_id = index->sparse || index->partial ? index->id : 0;
   return true;
}

bool
fgd_hint_order (const fgd_coll *coll, const fg_value *hint, fg_value *order)
{
   bson_iter_t key;
   const fgd_index *index = coll && fgd_value_present (hint) && !is_natural (hint) ? named_index (coll, hint) : NULL;

   if (!index || !bson_iter_init_find (&key, index->spec, "key")) {
      return false;
   }
   *order = fgd_iter_value (&key);
   return true;
}

/* Whether a document that matches is one that the hinted index gives. */
static bool
hint_gives (fgd_query *query, const fgd_record *record, bool *gives, fg_error *err)
{
   *gives = true;
   if (!query->hint) {
      return true;
   }
   if (!fgd_index_holds (query->request->txn, query->hint, record->data, record->len, gives, err)) {
      return false;
   }
   return *gives || !query->hint->partial ||
          fg_error_set (err, FG_ERROR_SERVER, 291, NULL,
                        "error processing query: planner returned error :: caused by :: No query solutions");
}

static const fgd_index *
find_hint (const fgd_query *query)
{
   for (size_t i = 0; query->hint_id && query->coll && i < query->coll->n_indexes; i++) {
      if (query->coll->indexes[i]->id == query->hint_id) {
         return query->coll->indexes[i];
      }
   }
   return NULL;
}

/* --- walking -------------------------------------------------------------------------------------------------------- */

bool
fgd_query_attach (fgd_query *query, fgd_request *request, fg_error *err)
{
   query->request = request;
   query->coll = query->coll_id ? fgd_txn_collection_by_id (request->txn, query->coll_id) : NULL;
   query->hint = find_hint (query);
   if (query->hint_id && query->coll && !query->hint) {
      return fg_error_set (err, FG_ERROR_SERVER, 175, NULL, "index dropped while a query used it: '%s'",
                           query->base.ns);
   }
   return query->coll || !query->coll_id ||
          fg_error_set (err, FG_ERROR_SERVER, 175, NULL, "collection dropped. namespace: '%s'", query->base.ns);
}

void
fgd_query_detach (fgd_query *query)
{
   fgd_scan_free (query->scan);
   query->scan = NULL;
   query->coll = NULL;
   query->hint = NULL;
   query->request = NULL;
}

fgd_next
fgd_query_match_next (fgd_query *query, fgd_query_doc *doc, fg_error *err)
{
   fgd_record record;

   if (!query->coll) {
      return FGD_NEXT_END;
   }
   if (!query->scan) {
      query->scan = fgd_scan_new (query->request->txn, query->coll, query->matcher, query->last, err);
   }
   if (!query->scan) {
      return FGD_NEXT_ERROR;
   }
   for (;;) {
      fgd_step step = fgd_scan_next (query->scan, &record, err);
      if (step != FGD_STEP_RECORD) {
         return step == FGD_STEP_END ? FGD_NEXT_END : FGD_NEXT_ERROR;
      }
      query->last = record.id;
      *doc = (fgd_query_doc){record.data, record.len, SIZE_MAX, record.id};
      fg_match match = query->matcher
                          ? fg_matcher_check_positional (query->matcher, record.data, record.len, &doc->positional, err)
                          : FG_MATCH_YES;
      if (match == FG_MATCH_ERROR) {
         return FGD_NEXT_ERROR;
      }
      bool gives = match == FG_MATCH_YES;
      if (gives && !hint_gives (query, &record, &gives, err)) {
         return FGD_NEXT_ERROR;
      }
      if (gives) {
         return FGD_NEXT_DOCUMENT;
      }
   }
}

/* What stages and sorters keep is at most what went into them, and they stop at their own limit. */
static void
count_held (fgd_query *query, size_t len)
{
   if (query->base.held < FGD_SORT_MEMORY) {
      query->base.held += len;
   }
}

static fgd_next
source_next (void *ctx, const uint8_t **doc, size_t *len, fg_error *err)
{
   fgd_query_doc found = {NULL, 0, SIZE_MAX, 0};

   fgd_next next = fgd_query_match_next (ctx, &found, err);
   if (next == FGD_NEXT_DOCUMENT && !((fgd_query *)ctx)->base.id) {
      count_held (ctx, found.len);
   }
   *doc = found.data;
   *len = found.len;
   return next;
}

fgd_source
fgd_query_source (fgd_query *query)
{
   return (fgd_source){source_next, query};
}

/* --- sorting -------------------------------------------------------------------------------------------------------- */

static bool
collect_backwards (fgd_query *query, fg_error *err)
{
   fgd_query_doc doc;
   fgd_next next;
   size_t cap = 0;

   while ((next = fgd_query_match_next (query, &doc, err)) == FGD_NEXT_DOCUMENT) {
      if (query->n_backwards == cap) {
         cap = cap ? cap * 2 : 64;
         uint64_t *more = realloc (query->backwards, cap * sizeof *more);
         if (!more) {
            return fg_error_set (err, FG_ERROR_SERVER, 146, NULL, "out of memory");
         }
         query->backwards = more;
      }
      query->backwards[query->n_backwards++] = doc.record;
   }
   return next == FGD_NEXT_END;
}

bool
fgd_query_sort (fgd_query *query, fg_error *err)
{
   fgd_query_doc doc;
   fgd_next next;
   size_t limit = query->left > 0 && query->skip < INT32_MAX ? (size_t)query->left + (size_t)query->skip : 0;

   if (fgd_sort_natural (query->sort) < 0) {
      return collect_backwards (query, err);
   }
   query->sorter = fgd_sorter_new (query->sort, limit, 0, err);
   if (!query->sorter) {
      return false;
   }
   while ((next = fgd_query_match_next (query, &doc, err)) == FGD_NEXT_DOCUMENT) {
      count_held (query, doc.len);
      if (!fgd_sorter_add (query->sorter, doc.data, doc.len, doc.positional, err)) {
         return false;
      }
   }
   if (next != FGD_NEXT_END || fgd_txn_expired (query->request->txn, err)) {
      return false;
   }
   fgd_sorter_finish (query->sorter);
   return !fgd_txn_expired (query->request->txn, err);
}
