/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/write_update.h"
#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/store/show.h"

#include <stdlib.h>

void
fgd_outcome_free (fgd_outcome *outcome)
{
   fg_buf_free (&outcome->upserted_id);
   fg_buf_free (&outcome->image);
}

static bool
no_memory (fgd_failure *failure)
{
   return fg_error_set (&failure->error, FG_ERROR_SERVER, 146, NULL, "out of memory");
}

fgd_statement_result
fgd_outcome_result (const fgd_outcome *outcome)
{
   return (fgd_statement_result){.n = (int32_t)outcome->matched,
                                 .modified = (int32_t)outcome->modified,
                                 .extra = outcome->upserted ? outcome->upserted_id.data : NULL,
                                 .extra_len = outcome->upserted ? outcome->upserted_id.len : 0};
}

bool
fgd_outcome_recall (fgd_outcome *outcome, const fgd_statement_result *result, fgd_failure *failure)
{
   outcome->matched = result->n;
   outcome->modified = result->modified;
   outcome->upserted = result->extra_len > 0;
   fg_buf_append (&outcome->upserted_id, result->extra, result->extra_len);
   return !outcome->upserted_id.failed || no_memory (failure);
}

static bool
keep_image (fgd_outcome *outcome, const uint8_t *doc, size_t len, fgd_failure *failure)
{
   outcome->image.len = 0;
   fg_buf_append (&outcome->image, doc, len);
   return !outcome->image.failed || no_memory (failure);
}

/* --- finding the documents -------------------------------------------------------------------------------------------- */

/* A query over the collection with the statement's filter; a missing collection has no documents. */
static fgd_query *
open_query (fgd_write *write, const fgd_statement *statement, fgd_failure *failure)
{
   fgd_query *query = fgd_query_new (write->db, write->name, &failure->error);

   if (!query) {
      return NULL;
   }
   query->coll_id = write->coll ? write->coll->id : 0;
   if (!fgd_arg_collation (&statement->collation, &failure->error) ||
       !fgd_query_set_hint (query, write->coll, &statement->hint, &failure->error) ||
       !fgd_query_set_filter (query, &statement->filter, &failure->error) ||
       !fgd_query_attach (query, write->request, &failure->error)) {
      fgd_query_free (query);
      return NULL;
   }
   return query;
}

static bool
choose_sorted (fgd_query *query, fgd_query_doc *chosen, bool *found, fgd_failure *failure)
{
   fgd_sorter *sorter = fgd_sorter_new (query->sort, 1, 0, &failure->error);
   fgd_query_doc doc;
   fgd_next next = FGD_NEXT_ERROR;
   uint64_t record = 0;

   *found = false;
   while (sorter && (next = fgd_query_match_next (query, &doc, &failure->error)) == FGD_NEXT_DOCUMENT) {
      if (!fgd_sorter_add (sorter, doc.data, doc.len, doc.record, &failure->error)) {
         next = FGD_NEXT_ERROR;
         break;
      }
   }
   if (next == FGD_NEXT_END) {
      const uint8_t *data = NULL;
      size_t len = 0;
      fgd_sorter_finish (sorter);
      *found = fgd_sorter_next (sorter, &data, &len, &record);
   }
   fgd_sorter_free (sorter);
   if (next != FGD_NEXT_END || !*found) {
      return next == FGD_NEXT_END;
   }
   /* The record itself again: the sorter's copy goes away, and the positional index comes from the match. */
   fgd_scan_free (query->scan);
   query->scan = NULL;
   query->last = record - 1;
   return fgd_query_match_next (query, chosen, &failure->error) == FGD_NEXT_DOCUMENT;
}

/* The next document to be changed or deleted: with a sort, the first in its order. */
static bool
next_target (fgd_query *query, const fgd_statement *statement, fgd_query_doc *doc, bool *found, fgd_failure *failure)
{
   fg_value order = statement->sort;
   bson_t sort;
   fgd_value_document (&order, &sort);

   if (bson_empty (&sort) && !statement->multi && fgd_hint_order (query->coll, &statement->hint, &order)) {
      fgd_value_document (&order, &sort);
   }
   if (!bson_empty (&sort) && !query->sort) {
      query->sort = fgd_sort_compile (bson_get_data (&sort), sort.len, &failure->error);
      if (!query->sort) {
         return false;
      }
      if (fgd_sort_natural (query->sort) < 0) {
         return fg_error_set (&failure->error, FG_ERROR_SERVER, 238, NULL,
                              "a write in reverse natural order is not supported by this server");
      }
      if (fgd_sort_natural (query->sort) == 0) {
         return choose_sorted (query, doc, found, failure);
      }
   }
   fgd_next next = fgd_query_match_next (query, doc, &failure->error);
   *found = next == FGD_NEXT_DOCUMENT;
   return next != FGD_NEXT_ERROR;
}

/* The query finds its collection by its id, the write by its name: a rename meanwhile would have one's documents judged by the rules, and put into, the other. */
static bool
same_collection (const fgd_write *write, const fgd_query *query, fgd_failure *failure)
{
   return !query->coll || (write->coll && write->coll->id == query->coll->id) ||
          fg_error_set (&failure->error, FG_ERROR_SERVER, 175, NULL, "collection renamed. namespace: '%s'",
                        query->base.ns);
}

/* Between two documents of a multi-update: others may write, or change the collection's rules, and the scan goes on behind the last document. */
static bool
pause_query (fgd_write *write, fgd_query *query, fgd_failure *failure)
{
   if (!fgd_txn_wants_yield (write->txn)) {
      return true;
   }
   fgd_query_detach (query);
   return fgd_write_pause (write, &failure->error) && fgd_query_attach (query, write->request, &failure->error) &&
          same_collection (write, query, failure);
}

/* --- updates -------------------------------------------------------------------------------------------------------- */

static fgd_update *
compile_update (fgd_write *write, const fgd_statement *statement, fgd_failure *failure)
{
   bson_t constants;
   fgd_value_document (&statement->constants, &constants);
   const bson_t *let = fgd_value_present (&statement->constants) ? &constants : &write->let;

   fgd_update *update = fgd_update_compile (&statement->update, statement->array_filters.data,
                                            statement->array_filters.len, bson_empty (let) ? NULL : bson_get_data (let),
                                            bson_empty (let) ? 0 : let->len, &failure->error);
   if (update && statement->multi && fgd_update_get_style (update) == FGD_UPDATE_REPLACEMENT) {
      fg_error_set (&failure->error, FG_ERROR_SERVER, 9, NULL,
                    "multi update is not supported for replacement-style update");
      fgd_update_free (update);
      return NULL;
   }
   return update;
}

static bool
change_one (fgd_write *write, const fgd_statement *statement, const fgd_update *update, const fgd_query_doc *doc,
            fgd_outcome *outcome, fgd_failure *failure)
{
   fg_buf post = {0};
   bool modified = false;
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;
   fgd_record pre = {doc->record, doc->data, doc->len};

   context.positional = doc->positional;
   context.now_ms = fgd_wall_ms ();
   outcome->positional = doc->positional;
   bool ok = fgd_update_apply (update, doc->data, doc->len, &context, &post, &modified, &failure->error) &&
             (!statement->want_pre || keep_image (outcome, doc->data, doc->len, failure));
   if (ok && modified) {
      ok = fgd_write_put_changed (write, &pre, post.data, post.len, failure);
   }
   if (ok) {
      outcome->matched++;
      outcome->modified += modified;
      ok = !statement->want_post || keep_image (outcome, post.data, post.len, failure);
   }
   fg_buf_free (&post);
   return ok;
}

static bool
note_upserted (fgd_outcome *outcome, const fg_buf *doc, fgd_failure *failure)
{
   fg_value id = fgd_document_id (doc->data, doc->len);
   bson_t holder = BSON_INITIALIZER;

   bool ok = fgd_append_value (&holder, "_id", &id);
   fg_buf_append (&outcome->upserted_id, bson_get_data (&holder), holder.len);
   bson_destroy (&holder);
   outcome->upserted = true;
   return (ok && !outcome->upserted_id.failed) || no_memory (failure);
}

static bool
insert_upsert (fgd_write *write, const fgd_statement *statement, const fgd_update *update, fgd_outcome *outcome,
               fgd_failure *failure)
{
   fg_buf doc = {0};
   uint8_t new_id[12];
   bson_t filter;
   fgd_value_document (&statement->filter, &filter);
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;

   fgd_new_object_id (new_id);
   context.now_ms = fgd_wall_ms ();
   bool ok = fgd_update_upsert (update, bson_get_data (&filter), filter.len, &context, new_id, &doc, &failure->error) &&
             fgd_write_create_collection (write, &failure->error) &&
             fgd_write_put_new (write, FG_OP_UPSERT, doc.data, doc.len, failure) &&
             note_upserted (outcome, &doc, failure) &&
             (!statement->want_post || keep_image (outcome, doc.data, doc.len, failure));
   fg_buf_free (&doc);
   return ok;
}

static bool
update_matches (fgd_write *write, const fgd_statement *statement, const fgd_update *update, fgd_query *query,
                fgd_outcome *outcome, fgd_failure *failure)
{
   const uint64_t last = fgd_txn_last_record (write->txn);
   fgd_query_doc doc;
   bool found = false;

   do {
      if ((statement->multi && !pause_query (write, query, failure)) ||
          !next_target (query, statement, &doc, &found, failure)) {
         return false;
      }
      found = found && doc.record <= last;
      if (found && !change_one (write, statement, update, &doc, outcome, failure)) {
         return false;
      }
   } while (found && statement->multi);
   return true;
}

bool
fgd_write_update (fgd_write *write, const fgd_statement *statement, fgd_outcome *outcome, fgd_failure *failure)
{
   bool ok = false;
   fgd_query *query = NULL;
   fgd_update *update = compile_update (write, statement, failure);

   if (update) {
      query = open_query (write, statement, failure);
   }
   if (query) {
      ok = update_matches (write, statement, update, query, outcome, failure);
   }
   fgd_query_free (query); /* before an upsert: creating the collection ends the transaction that the scan stands in */
   if (ok && statement->upsert && outcome->matched == 0) {
      ok = insert_upsert (write, statement, update, outcome, failure);
   }
   fgd_update_free (update);
   return ok;
}

/* --- deletes -------------------------------------------------------------------------------------------------------- */

bool
fgd_write_delete (fgd_write *write, const fgd_statement *statement, fgd_outcome *outcome, fgd_failure *failure)
{
   fgd_query *query = open_query (write, statement, failure);
   const uint64_t last = fgd_txn_last_record (write->txn); /* what others insert meanwhile is not meant */
   fgd_query_doc doc;
   bool found = false;
   bool ok = query != NULL;

   do {
      ok = ok && (!statement->multi || pause_query (write, query, failure)) &&
           next_target (query, statement, &doc, &found, failure);
      found = found && doc.record <= last;
      if (ok && found) {
         outcome->positional = doc.positional;
         ok = (!statement->want_pre || keep_image (outcome, doc.data, doc.len, failure)) &&
              fgd_put_delete (write->txn, write->coll, doc.record, &failure->error);
         outcome->matched += ok;
      }
   } while (ok && found && statement->multi);
   fgd_query_free (query);
   return ok;
}
