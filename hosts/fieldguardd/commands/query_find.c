/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/query_cursor.h"

enum {
   A_FILTER,
   A_PROJECTION,
   A_SORT,
   A_HINT,
   A_SKIP,
   A_LIMIT,
   A_BATCH_SIZE,
   A_SINGLE_BATCH,
   A_NO_TIMEOUT,
   A_COLLATION,
   A_LET,
   A_TAILABLE,
   A_AWAIT,
   A_MIN,
   A_MAX,
   A_RETURN_KEY,
   A_SHOW_RECORD_ID,
   A_DISK,
   A_PARTIAL,
   A_OPLOG,
   A_ENCRYPTION,
   A_N
};

static const fgd_arg args[] = {[A_FILTER] = {"filter", FGD_ARG_OBJECT},
                               [A_PROJECTION] = {"projection", FGD_ARG_OBJECT},
                               [A_SORT] = {"sort", FGD_ARG_OBJECT},
                               [A_HINT] = {"hint", FGD_ARG_OBJECT | FGD_ARG_STRING},
                               [A_SKIP] = {"skip", FGD_ARG_NUMBER},
                               [A_LIMIT] = {"limit", FGD_ARG_NUMBER},
                               [A_BATCH_SIZE] = {"batchSize", FGD_ARG_NUMBER},
                               [A_SINGLE_BATCH] = {"singleBatch", FGD_ARG_BOOL},
                               [A_NO_TIMEOUT] = {"noCursorTimeout", FGD_ARG_BOOL},
                               [A_COLLATION] = {"collation", FGD_ARG_OBJECT},
                               [A_LET] = {"let", FGD_ARG_OBJECT},
                               [A_TAILABLE] = {"tailable", FGD_ARG_BOOL},
                               [A_AWAIT] = {"awaitData", FGD_ARG_BOOL},
                               [A_MIN] = {"min", FGD_ARG_REFUSED},
                               [A_MAX] = {"max", FGD_ARG_REFUSED},
                               [A_RETURN_KEY] = {"returnKey", FGD_ARG_REFUSED},
                               [A_SHOW_RECORD_ID] = {"showRecordId", FGD_ARG_REFUSED},
                               [A_DISK] = {"allowDiskUse", FGD_ARG_BOOL},
                               [A_PARTIAL] = {"allowPartialResults", FGD_ARG_BOOL},
                               [A_OPLOG] = {"oplogReplay", FGD_ARG_BOOL},
                               [A_ENCRYPTION] = {"encryptionInformation", FGD_ARG_REFUSED},
                               [A_N] = {NULL, 0}};

static bool
set_projection (fgd_query *query, const fg_value *spec, const fg_value *let, fg_error *err)
{
   bson_t doc;
   fgd_value_document (spec, &doc);

   if (bson_empty (&doc)) {
      return true;
   }
   query->projection = fgd_projection_compile (bson_get_data (&doc), doc.len, let->data, let->len, err);
   return query->projection != NULL;
}

/* hint: {$natural: -1} reads backwards, as a sort by it does; an index gives its order. */
static bool
set_sort (fgd_query *query, const fgd_coll *coll, const fg_value *spec, const fg_value *hint, fg_error *err)
{
   fg_value order = *spec;
   bson_t doc;
   bson_t hinted;
   fgd_value_document (spec, &doc);
   fgd_value_document (hint, &hinted);

   if (bson_empty (&doc) && bson_has_field (&hinted, "$natural")) {
      order = *hint;
   } else if (bson_empty (&doc) && !fgd_hint_order (coll, hint, &order)) {
      return true;
   }
   fgd_value_document (&order, &doc);
   query->sort = fgd_sort_compile (bson_get_data (&doc), doc.len, err);
   if (query->sort && fgd_sort_natural (query->sort) > 0) {
      fgd_sort_free (query->sort);
      query->sort = NULL;
      return true;
   }
   return query->sort != NULL;
}

/* limit 0 is no limit. */
static bool
set_numbers (fgd_query *query, const fg_value *v, int64_t *batch_size, fg_error *err)
{
   int64_t limit = 0;

   *batch_size = FGD_FIRST_BATCH;
   if (!fgd_arg_count (&v[A_SKIP], "find", "skip", &query->skip, err) ||
       !fgd_arg_count (&v[A_LIMIT], "find", "limit", &limit, err) ||
       !fgd_arg_count (&v[A_BATCH_SIZE], "find", "batchSize", batch_size, err)) {
      return false;
   }
   query->left = limit > 0 ? limit : -1;
   return true;
}

static bool
prepare (fgd_query *query, fgd_request *request, const char *name, const fg_value *v, int64_t *batch_size,
         fg_error *err)
{
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);

   query->coll_id = coll ? coll->id : 0;
   query->base.no_timeout = fgd_value_bool (&v[A_NO_TIMEOUT]);
   if (fgd_value_bool (&v[A_TAILABLE]) || fgd_value_bool (&v[A_AWAIT])) {
      return fg_error_set (err, FG_ERROR_SERVER, 2, NULL, "tailable cursor requested on non capped collection");
   }
   return fgd_arg_collation (&v[A_COLLATION], err) && set_numbers (query, v, batch_size, err) &&
          fgd_query_set_filter (query, &v[A_FILTER], err) && set_projection (query, &v[A_PROJECTION], &v[A_LET], err) &&
          fgd_query_set_hint (query, coll, &v[A_HINT], err) && set_sort (query, coll, &v[A_SORT], &v[A_HINT], err);
}

void
fgd_run_find (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   const char *name = NULL;
   int64_t batch_size = FGD_FIRST_BATCH;

   if (!fgd_arg_collection (request, &name, &reply->error) ||
       !fgd_args_read (&request->body, "find", true, args, v, &reply->error)) {
      return;
   }
   fgd_query *query = fgd_query_new (request->db, name, &reply->error);
   if (!query || !prepare (query, request, name, v, &batch_size, &reply->error)) {
      fgd_query_free (query);
      return;
   }
   fgd_query_reply (query, request, reply, batch_size, fgd_value_bool (&v[A_SINGLE_BATCH]));
}
