/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/explain.h"
#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/store/key.h"
#include "hosts/fieldguardd/store/show.h"

/* explain: which way the documents would be found. Nothing is run, so there are no execution statistics, and who asks for them is told so. */

enum { A_VERBOSITY, A_N };
static const fgd_arg args[] = {[A_VERBOSITY] = {"verbosity", FGD_ARG_STRING}, [A_N] = {NULL, 0}};

/* Where a command keeps its filter: `list` is the array whose first entry has it, or NULL. `over` is the stage above the search. */
static const struct {
   const char *name;
   const char *list;
   const char *filter;
   const char *over;
} explained[] = {{"find", NULL, "filter", NULL},
                 {"count", NULL, "query", "COUNT"},
                 {"distinct", NULL, "query", NULL},
                 {"update", "updates", "q", "UPDATE"},
                 {"delete", "deletes", "q", "DELETE"},
                 {"findAndModify", NULL, "query", "UPDATE"},
                 {"findandmodify", NULL, "query", "UPDATE"}};
#define N_EXPLAINED (sizeof explained / sizeof explained[0])

static bool
check_verbosity (const fg_value *value, fg_error *err)
{
   const char *text = fgd_value_present (value) ? fgd_value_string (value) : "queryPlanner";

   if (text && strcmp (text, "queryPlanner") == 0) {
      return true;
   }
   if (text && (strcmp (text, "executionStats") == 0 || strcmp (text, "allPlansExecution") == 0)) {
      return fg_error_set (err, FG_ERROR_SERVER, 238, NULL,
                           "explain with verbosity '%s' is not supported by this server", text);
   }
   return fg_error_set (err, FG_ERROR_SERVER, 2, NULL,
                        "Enumeration value for field 'explain.verbosity' is not a valid value.");
}

static fg_value
member (const bson_t *doc, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, doc, name) ? fgd_iter_value (&iter) : (fg_value){0, NULL, 0};
}

/* A member of the command, or of its first statement. */
static fg_value
statement_member (const bson_t *command, size_t which, const char *name)
{
   if (!explained[which].list) {
      return member (command, name);
   }
   bson_t doc;
   fg_value list = member (command, explained[which].list);
   fgd_value_document (&list, &doc);
   fg_value first = member (&doc, "0");
   bson_t entry;
   fgd_value_document (&first, &entry);
   return member (&entry, name);
}

/* --- the plan ----------------------------------------------------------------------------------------------------------- */

static void
append_filter (bson_t *out, const char *name, const fg_value *filter)
{
   bson_t view;

   fgd_value_document (filter, &view);
   bson_append_document (out, name, -1, &view);
}

static void
append_search (bson_t *plan, const fgd_coll *coll, const char *index_name, const fg_value *filter)
{
   bson_t input;

   if (!coll) {
      bson_append_utf8 (plan, "stage", -1, "EOF", -1);
      return;
   }
   bson_append_utf8 (plan, "stage", -1, index_name ? "FETCH" : "COLLSCAN", -1);
   append_filter (plan, "filter", filter);
   if (!index_name) {
      bson_append_utf8 (plan, "direction", -1, "forward", -1);
      return;
   }
   bson_append_document_begin (plan, "inputStage", -1, &input);
   bson_append_utf8 (&input, "stage", -1, "IXSCAN", -1);
   for (size_t i = 0; i < coll->n_indexes; i++) {
      if (strcmp (coll->indexes[i]->name, index_name) == 0) {
         fg_value key = member (coll->indexes[i]->spec, "key");
         append_filter (&input, "keyPattern", &key);
      }
   }
   bson_append_utf8 (&input, "indexName", -1, index_name, -1);
   bson_append_document_end (plan, &input);
}

static void
append_planner (bson_t *out, const fgd_query *query, const char *index_name, size_t which, const fg_value *filter)
{
   bson_t planner;
   bson_t plan;
   bson_t input;
   bson_t none = BSON_INITIALIZER;
   const char *over = explained[which].over;

   bson_append_utf8 (out, "explainVersion", -1, "1", -1);
   bson_append_document_begin (out, "queryPlanner", -1, &planner);
   bson_append_utf8 (&planner, "namespace", -1, query->base.ns, -1);
   bson_append_bool (&planner, "indexFilterSet", -1, false);
   append_filter (&planner, "parsedQuery", filter);
   bson_append_document_begin (&planner, "winningPlan", -1, &plan);
   if (over) {
      bson_append_utf8 (&plan, "stage", -1, over, -1);
      bson_append_document_begin (&plan, "inputStage", -1, &input);
      append_search (&input, query->coll, index_name, filter);
      bson_append_document_end (&plan, &input);
   } else {
      append_search (&plan, query->coll, index_name, filter);
   }
   bson_append_document_end (&planner, &plan);
   bson_append_array (&planner, "rejectedPlans", -1, &none);
   bson_append_document_end (out, &planner);
   bson_destroy (&none);
}

static void
append_server (bson_t *out, const fgd_request *request)
{
   bson_t info;

   bson_append_document_begin (out, "serverInfo", -1, &info);
   bson_append_utf8 (&info, "host", -1, request->server->host_name, -1);
   bson_append_int32 (&info, "port", -1, request->server->port);
   bson_append_utf8 (&info, "version", -1, FGD_MONGO_VERSION, -1);
   bson_append_utf8 (&info, "gitVersion", -1, "fieldguardd " FG_VERSION, -1);
   bson_append_document_end (out, &info);
}

/* --- the command -------------------------------------------------------------------------------------------------------- */

static bool
choose (fgd_query *query, fgd_request *request, const fg_value *filter, const fg_value *hint, const char **index_name,
        fgd_scan **scan, fg_error *err)
{
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, strchr (query->base.ns, '.') + 1);

   query->coll_id = coll ? coll->id : 0;
   if (!fgd_query_set_hint (query, coll, hint, err) || !fgd_query_set_filter (query, filter, err) ||
       !fgd_query_attach (query, request, err)) {
      return false;
   }
   if (coll) {
      *scan = fgd_scan_new (request->txn, coll, query->matcher, 0, err);
      *index_name = *scan ? fgd_scan_index (*scan) : NULL;
   }
   return !coll || *scan;
}

static void
explain (fgd_request *request, fgd_reply *reply, const bson_t *command, size_t which)
{
   fg_value first = member (command, explained[which].name);
   fg_value filter = statement_member (command, which, explained[which].filter);
   fg_value hint = statement_member (command, which, "hint");
   const char *name = fgd_value_string (&first);
   const char *index_name = NULL;
   fgd_scan *scan = NULL;

   if (!name) {
      fgd_reply_fail (reply, 73, "collection name has invalid type %s", fgd_arg_type_name (first.type));
      return;
   }
   if (!fgd_namespace_check (request->db, name, &reply->error)) {
      return;
   }
   if (filter.type != 0 && filter.type != 0x03) {
      fgd_reply_fail (reply, 14, "BSON field '%s.%s' is the wrong type '%s', expected type 'object'",
                      explained[which].name, explained[which].filter, fgd_arg_type_name (filter.type));
      return;
   }
   fgd_query *query = fgd_query_new (request->db, name, &reply->error);
   if (query && choose (query, request, &filter, &hint, &index_name, &scan, &reply->error)) {
      append_planner (&reply->body, query, index_name, which, &filter);
      bson_append_document (&reply->body, "command", -1, command);
      append_server (&reply->body, request);
   }
   fgd_scan_free (scan);
   fgd_query_free (query);
}

void
fgd_run_explain (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   bson_iter_t iter;
   bson_iter_t inner;
   bson_t command;

   if (!fgd_args_read (&request->body, "explain", true, args, v, &reply->error) ||
       !check_verbosity (&v[A_VERBOSITY], &reply->error) || !bson_iter_init (&iter, &request->body) ||
       !bson_iter_next (&iter)) {
      return;
   }
   fg_value value = fgd_iter_value (&iter);
   if (value.type != 0x03 || !bson_init_static (&command, value.data, value.len) ||
       !bson_iter_init (&inner, &command) || !bson_iter_next (&inner)) {
      fgd_reply_fail (reply, 9, "explain command requires a nested object");
      return;
   }
   const char *name = bson_iter_key (&inner);
   for (size_t i = 0; i < N_EXPLAINED; i++) {
      if (strcmp (explained[i].name, name) == 0) {
         explain (request, reply, &command, i);
         return;
      }
   }
   if (fgd_command_find (name)) {
      fgd_reply_fail (reply, 115, "explain of %s is not supported by this server", name);
   } else {
      fgd_reply_fail (reply, 59, "Explain failed due to unknown command: %.128s", name);
   }
}
