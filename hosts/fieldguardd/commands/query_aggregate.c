/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/commands/query_target.h"
#include "hosts/fieldguardd/commands/stats.h"
#include "hosts/fieldguardd/commands/write_reply.h"
#include "hosts/fieldguardd/store/key.h"

/* --- aggregate ------------------------------------------------------------------------------------------------------ */

enum {
   A_PIPELINE,
   A_CURSOR,
   A_EXPLAIN,
   A_DISK,
   A_BYPASS,
   A_COLLATION,
   A_HINT,
   A_LET,
   A_FROM_MONGOS,
   A_ENCRYPTION,
   A_N
};

static const fgd_arg args[] = {[A_PIPELINE] = {"pipeline", FGD_ARG_ARRAY | FGD_ARG_REQUIRED},
                               [A_CURSOR] = {"cursor", FGD_ARG_OBJECT},
                               [A_EXPLAIN] = {"explain", FGD_ARG_REFUSED},
                               [A_DISK] = {"allowDiskUse", FGD_ARG_BOOL},
                               [A_BYPASS] = {"bypassDocumentValidation", FGD_ARG_BOOL},
                               [A_COLLATION] = {"collation", FGD_ARG_OBJECT},
                               [A_HINT] = {"hint", FGD_ARG_OBJECT | FGD_ARG_STRING},
                               [A_LET] = {"let", FGD_ARG_OBJECT},
                               [A_FROM_MONGOS] = {"fromMongos", FGD_ARG_REFUSED},
                               [A_ENCRYPTION] = {"encryptionInformation", FGD_ARG_REFUSED},
                               [A_N] = {NULL, 0}};

/* {aggregate: 1}: for stages that need no collection, and this server has none of them; so what is left is to say which stage does. */
static bool
refuse_no_collection (const fg_value *v, fg_error *err)
{
   bson_t stages;
   bson_iter_t iter;
   bson_iter_t first;
   fgd_value_document (&v[A_PIPELINE], &stages);

   fgd_pipeline *pipeline =
      fgd_pipeline_compile (v[A_PIPELINE].data, v[A_PIPELINE].len, v[A_LET].data, v[A_LET].len, err);
   if (!pipeline) {
      return false;
   }
   fgd_pipeline_free (pipeline);
   if (bson_iter_init (&iter, &stages) && bson_iter_next (&iter) && bson_iter_recurse (&iter, &first) &&
       bson_iter_next (&first)) {
      return fg_error_set (err, FG_ERROR_SERVER, 73, NULL,
                           "{aggregate: 1} is not valid for '%s'; a collection is required.", bson_iter_key (&first));
   }
   return fg_error_set (err, FG_ERROR_SERVER, 73, NULL, "{aggregate: 1} is not valid for an empty pipeline.");
}

/* *name NULL: {aggregate: 1}. */
static bool
check_source (const fgd_request *request, const char **name, fg_error *err)
{
   bson_iter_t iter;

   *name = NULL;
   if (bson_iter_init (&iter, &request->body) && bson_iter_next (&iter) && BSON_ITER_HOLDS_NUMBER (&iter)) {
      return bson_iter_as_double (&iter) == 1 ||
             fg_error_set (err, FG_ERROR_SERVER, 9, NULL,
                           "Invalid command format: the 'aggregate' field must specify a collection name or 1");
   }
   return fgd_arg_collection (request, name, err);
}

/* --- a pipeline that starts with $collStats ------------------------------------------------------------------------------- */

/* The first stage's specification; type 0 when it is another stage. rest: the array of those behind it. */
static fg_value
split_coll_stats (const fg_value *pipeline, bson_t *rest)
{
   bson_t stages;
   bson_iter_t iter;
   bson_iter_t stage;
   char key[24];
   size_t n = 0;
   fg_value spec = {0, NULL, 0};
   fgd_value_document (pipeline, &stages);

   if (!bson_iter_init (&iter, &stages) || !bson_iter_next (&iter) || !BSON_ITER_HOLDS_DOCUMENT (&iter) ||
       !bson_iter_recurse (&iter, &stage) || !bson_iter_next (&stage) ||
       strcmp (bson_iter_key (&stage), "$collStats") != 0) {
      return spec;
   }
   spec = fgd_iter_value (&stage);
   while (bson_iter_next (&iter)) {
      bson_append_iter (rest, fgd_array_key (key, n++), -1, &iter);
   }
   return bson_iter_next (&stage) ? (fg_value){0, NULL, 0} : spec;
}

static fgd_next
next_of_list (void *ctx, const uint8_t **doc, size_t *len, fg_error *err)
{
   fgd_query *query = ctx;

   (void)err;
   if (query->list_at >= query->list.len) {
      return FGD_NEXT_END;
   }
   *doc = query->list.data + query->list_at;
   *len = fg_read_u32le (*doc);
   query->list_at += *len;
   return FGD_NEXT_DOCUMENT;
}

/* --- reading the command -------------------------------------------------------------------------------------------------- */

static bool
compile (fgd_query *query, const fg_value *v, fg_error *err)
{
   const uint8_t *filter = NULL;
   size_t len = 0;

   query->pipeline = fgd_pipeline_compile (v[A_PIPELINE].data, v[A_PIPELINE].len, v[A_LET].data, v[A_LET].len, err);
   if (!query->pipeline) {
      return false;
   }
   if (fgd_pipeline_leading_match (query->pipeline, &filter, &len)) {
      query->matcher = fg_matcher_compile (filter, len, NULL, err);
      return query->matcher != NULL;
   }
   return true;
}

static bool
prepare (fgd_query *query, fgd_request *request, const char *name, const fg_value *v, int64_t *batch_size,
         fg_error *err)
{
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);

   query->coll_id = coll ? coll->id : 0;
   if (!fgd_value_present (&v[A_CURSOR])) {
      return fg_error_set (err, FG_ERROR_SERVER, 9, NULL,
                           "The 'cursor' option is required, except for aggregate with the explain argument");
   }
   if (!fgd_arg_cursor (&v[A_CURSOR], "aggregate", batch_size, err) || !fgd_arg_collation (&v[A_COLLATION], err) ||
       !fgd_query_set_hint (query, coll, &v[A_HINT], err)) {
      return false;
   }
   *batch_size = *batch_size < 0 ? FGD_FIRST_BATCH : *batch_size;
   bson_t rest = BSON_INITIALIZER;
   fg_value stats = split_coll_stats (&v[A_PIPELINE], &rest);
   fgd_source source = fgd_query_source (query);
   bool ok = true;
   if (stats.type) {
      source.next = next_of_list;
      query->pipeline = fgd_pipeline_compile (bson_get_data (&rest), rest.len, v[A_LET].data, v[A_LET].len, err);
      ok = query->pipeline && fgd_coll_stats_document (request, name, &stats, &query->list, err);
   } else {
      ok = compile (query, v, err);
   }
   bson_destroy (&rest);
   query->run = ok ? fgd_run_new (query->pipeline, source, fgd_wall_ms (), err) : NULL;
   return query->run != NULL;
}

/* mongod says so of everything that goes wrong once documents flow. */
static void
say_where (fg_error *error)
{
   fg_error inner = *error;

   if (inner.domain == FG_ERROR_SERVER) {
      fg_error_set (error, FG_ERROR_SERVER, inner.code, NULL,
                    "PlanExecutor error during aggregation :: caused by :: %s", inner.message);
   }
}

/* $out and $merge answer with an empty first batch and no cursor. */
static void
write_results (fgd_query *query, fgd_request *request, fgd_reply *reply, uint32_t flags)
{
   fgd_failure failure;
   fg_buf none = {0};
   const char *name = strchr (query->base.ns, '.') + 1;

   fgd_failure_init (&failure);
   bool ok = fgd_query_attach (query, request, &failure.error) &&
             (fgd_pipeline_target (query->pipeline)->kind == FGD_TARGET_OUT
                 ? fgd_target_out (query, request, flags, &failure)
                 : fgd_target_merge (query, request, flags, &failure));
   fgd_query_detach (query);
   if (ok) {
      fgd_list_reply (request, reply, request->db, name, &none, FGD_FIRST_BATCH);
   } else {
      reply->error = failure.error;
      bson_concat (&reply->body, &failure.extra);
   }
   fgd_failure_destroy (&failure);
   fgd_query_free (query);
}

void
fgd_run_aggregate (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   const char *name = NULL;
   int64_t batch_size = FGD_FIRST_BATCH;

   if (!check_source (request, &name, &reply->error) ||
       !fgd_args_read (&request->body, "aggregate", true, args, v, &reply->error) ||
       (!name && !refuse_no_collection (v, &reply->error))) {
      return;
   }
   fgd_query *query = fgd_query_new (request->db, name, &reply->error);
   if (!query || !prepare (query, request, name, v, &batch_size, &reply->error)) {
      fgd_query_free (query);
      return;
   }
   const fgd_target *target = fgd_pipeline_target (query->pipeline);
   if (target->kind == FGD_TARGET_NONE) {
      fgd_query_reply (query, request, reply, batch_size, false);
   } else if (fgd_target_check (request, target, &reply->error)) {
      write_results (query, request, reply, fgd_write_flags (&v[A_BYPASS]));
   } else {
      fgd_query_free (query);
      return;
   }
   say_where (&reply->error);
}

/* --- count ---------------------------------------------------------------------------------------------------------- */

enum { C_QUERY, C_LIMIT, C_SKIP, C_HINT, C_COLLATION, C_FIELDS, C_ENCRYPTION, C_N };

static const fgd_arg count_args[] = {[C_QUERY] = {"query", FGD_ARG_OBJECT},
                                     [C_LIMIT] = {"limit", FGD_ARG_NUMBER},
                                     [C_SKIP] = {"skip", FGD_ARG_NUMBER},
                                     [C_HINT] = {"hint", FGD_ARG_OBJECT | FGD_ARG_STRING},
                                     [C_COLLATION] = {"collation", FGD_ARG_OBJECT},
                                     [C_FIELDS] = {"fields", FGD_ARG_OBJECT},
                                     [C_ENCRYPTION] = {"encryptionInformation", FGD_ARG_REFUSED},
                                     [C_N] = {NULL, 0}};

static bool
count_matches (fgd_query *query, fgd_request *request, uint64_t enough, uint64_t *n, fg_error *err)
{
   fgd_query_doc doc;
   fgd_next next = FGD_NEXT_END;

   *n = 0;
   if (!fgd_query_attach (query, request, err)) {
      return false;
   }
   if (!query->matcher && !query->hint) {
      *n = query->coll ? fgd_count_records (request->txn, query->coll) : 0;
      return !fgd_txn_expired (request->txn, err);
   }
   while (*n < enough && (next = fgd_query_match_next (query, &doc, err)) == FGD_NEXT_DOCUMENT) {
      (*n)++;
   }
   return next != FGD_NEXT_ERROR;
}

static void
append_count (bson_t *body, uint64_t n)
{
   if (n <= INT32_MAX) {
      bson_append_int32 (body, "n", -1, (int32_t)n);
   } else {
      bson_append_int64 (body, "n", -1, (int64_t)n);
   }
}

void
fgd_run_count (fgd_request *request, fgd_reply *reply)
{
   fg_value v[C_N];
   const char *name = NULL;
   int64_t skip = 0;
   uint64_t n = 0;

   if (!fgd_arg_collection (request, &name, &reply->error) ||
       !fgd_args_read (&request->body, "count", true, count_args, v, &reply->error) ||
       !fgd_arg_count (&v[C_SKIP], "count", "skip", &skip, &reply->error) ||
       !fgd_arg_collation (&v[C_COLLATION], &reply->error)) {
      return;
   }
   int64_t limit = fgd_value_int64 (&v[C_LIMIT]); /* negative means its absolute value, as in mongod */
   uint64_t most = limit < 0 ? (uint64_t)0 - (uint64_t)limit : (uint64_t)limit;
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
   fgd_query *query = fgd_query_new (request->db, name, &reply->error);
   if (query) {
      query->coll_id = coll ? coll->id : 0;
      uint64_t enough = most ? most + (uint64_t)skip : UINT64_MAX;
      if (fgd_query_set_hint (query, coll, &v[C_HINT], &reply->error) &&
          fgd_query_set_filter (query, &v[C_QUERY], &reply->error) &&
          count_matches (query, request, enough, &n, &reply->error)) {
         n = n > (uint64_t)skip ? n - (uint64_t)skip : 0;
         append_count (&reply->body, most && n > most ? most : n);
      }
   }
   fgd_query_free (query);
}

/* --- distinct ------------------------------------------------------------------------------------------------------- */

enum { D_KEY, D_QUERY, D_COLLATION, D_HINT, D_N };

static const fgd_arg distinct_args[] = {[D_KEY] = {"key", FGD_ARG_STRING | FGD_ARG_REQUIRED},
                                        [D_QUERY] = {"query", FGD_ARG_OBJECT},
                                        [D_COLLATION] = {"collation", FGD_ARG_OBJECT},
                                        [D_HINT] = {"hint", FGD_ARG_OBJECT | FGD_ARG_STRING},
                                        [D_N] = {NULL, 0}};

static bool
collect_distinct (fgd_query *query, fgd_distinct *distinct, fgd_request *request, fg_error *err)
{
   fgd_query_doc doc;
   fgd_next next;

   if (!fgd_query_attach (query, request, err)) {
      return false;
   }
   while ((next = fgd_query_match_next (query, &doc, err)) == FGD_NEXT_DOCUMENT) {
      if (!fgd_distinct_add (distinct, doc.data, doc.len, err)) {
         return false;
      }
   }
   return next == FGD_NEXT_END;
}

static void
reply_distinct (fgd_query *query, fgd_distinct *distinct, fgd_request *request, fgd_reply *reply)
{
   fg_buf values = {0};
   bson_t view;

   if (collect_distinct (query, distinct, request, &reply->error) &&
       fgd_distinct_values (distinct, &values, &reply->error) && bson_init_static (&view, values.data, values.len)) {
      bson_append_array (&reply->body, "values", -1, &view);
   }
   fg_buf_free (&values);
}

void
fgd_run_distinct (fgd_request *request, fgd_reply *reply)
{
   fg_value v[D_N];
   const char *name = NULL;

   if (!fgd_arg_collection (request, &name, &reply->error) ||
       !fgd_args_read (&request->body, "distinct", true, distinct_args, v, &reply->error) ||
       !fgd_arg_collation (&v[D_COLLATION], &reply->error)) {
      return;
   }
   const char *key = fgd_value_string (&v[D_KEY]);
   if (!key) {
      fgd_reply_fail (reply, 67, "Key field cannot contain an embedded null byte");
      return;
   }
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
   fgd_query *query = fgd_query_new (request->db, name, &reply->error);
   fgd_distinct *distinct = query ? fgd_distinct_new (key, &reply->error) : NULL;
   if (distinct && fgd_query_set_hint (query, coll, &v[D_HINT], &reply->error) &&
       fgd_query_set_filter (query, &v[D_QUERY], &reply->error)) {
      query->coll_id = coll ? coll->id : 0;
      reply_distinct (query, distinct, request, reply);
   }
   fgd_distinct_free (distinct);
   fgd_query_free (query);
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

const fgd_command fgd_commands_query[] = {{"find", FGD_RUN_READ | FGD_TXN_ALLOWED, fgd_run_find},
                                          {"getMore", FGD_RUN_READ | FGD_TXN_ALLOWED, fgd_run_get_more},
                                          {"killCursors", FGD_RUN_READ, fgd_run_kill_cursors},
                                          {"count", FGD_RUN_READ | FGD_TXN_ALLOWED, fgd_run_count},
                                          {"distinct", FGD_RUN_READ | FGD_TXN_ALLOWED, fgd_run_distinct},
                                          {"aggregate", FGD_RUN_READ | FGD_TXN_ALLOWED, fgd_run_aggregate},
                                          {NULL, 0, NULL}};
