/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/store/key.h"

#include <stdlib.h>

/* --- hints ---------------------------------------------------------------------------------------------------------- */

static bool
names_index (const fgd_coll *coll, const fg_value *hint)
{
   const char *name = fgd_value_string (hint);
   fg_value pattern = *hint;

   for (size_t i = 0; i < coll->n_indexes; i++) {
      bson_iter_t key;
      if (name && strcmp (coll->indexes[i]->name, name) == 0) {
         return true;
      }
      if (!name && bson_iter_init_find (&key, coll->indexes[i]->spec, "key")) {
         fg_value own = fgd_iter_value (&key);
         if (fg_value_compare (&own, &pattern) == 0) {
            return true;
         }
      }
   }
   return false;
}

bool
fgd_check_hint (const fgd_coll *coll, const fg_value *hint, fg_error *err)
{
   bson_t doc;
   fgd_value_document (hint, &doc);

   if (!fgd_value_present (hint) || !coll ||
       (hint->type == 0x03 && (bson_empty (&doc) || bson_has_field (&doc, "$natural")))) {
      return true;
   }
   return names_index (coll, hint) ||
          fg_error_set (err, FG_ERROR_SERVER, 2, NULL,
                        "error processing query: planner returned error :: caused by :: hint provided does not "
                        "correspond to an existing index");
}

/* --- walking -------------------------------------------------------------------------------------------------------- */

bool
fgd_query_attach (fgd_query *query, fgd_request *request, fg_error *err)
{
   query->request = request;
   query->coll = query->coll_id ? fgd_txn_collection_by_id (request->txn, query->coll_id) : NULL;
   return query->coll || !query->coll_id ||
          fg_error_set (err, FG_ERROR_SERVER, 175, NULL, "collection dropped. namespace: '%s'", query->base.ns);
}

void
fgd_query_detach (fgd_query *query)
{
   fgd_scan_free (query->scan);
   query->scan = NULL;
   query->coll = NULL;
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
      if (match == FG_MATCH_YES) {
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
