/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/query_cursor.h"
#include "hosts/fieldguardd/commands/write_reply.h"

/* --- what the list commands share ------------------------------------------------------------------------------------- */

typedef struct listing {
   fg_buf docs;
   fg_matcher *filter;
   bool name_only;
   fg_error *err;
   bool failed;
} listing;

static bool
set_filter (listing *list, const fg_value *filter, fg_error *err)
{
   bson_t doc;
   fgd_value_document (filter, &doc);

   list->err = err;
   if (bson_empty (&doc)) {
      return true;
   }
   list->filter = fg_matcher_compile (bson_get_data (&doc), doc.len, NULL, err);
   return list->filter != NULL;
}

/* doc: what the filter sees; shown: what goes out. */
static bool
add (listing *list, const bson_t *doc, const bson_t *shown)
{
   fg_match match =
      list->filter ? fg_matcher_check (list->filter, bson_get_data (doc), doc->len, list->err) : FG_MATCH_YES;

   if (match == FG_MATCH_ERROR) {
      list->failed = true;
      return false;
   }
   if (match == FG_MATCH_YES) {
      fg_buf_append (&list->docs, bson_get_data (shown), shown->len);
   }
   return true;
}

static void
listing_free (listing *list)
{
   fg_buf_free (&list->docs);
   fg_matcher_free (list->filter);
}

/* --- listCollections -------------------------------------------------------------------------------------------------- */

enum { C_FILTER, C_CURSOR, C_NAME_ONLY, C_AUTHORIZED, C_N };

static const fgd_arg collections_args[] = {[C_FILTER] = {"filter", FGD_ARG_OBJECT},
                                           [C_CURSOR] = {"cursor", FGD_ARG_OBJECT},
                                           [C_NAME_ONLY] = {"nameOnly", FGD_ARG_BOOL},
                                           [C_AUTHORIZED] = {"authorizedCollections", FGD_ARG_BOOL},
                                           [C_N] = {NULL, 0}};

static void
describe (bson_t *doc, const fgd_coll *coll)
{
   bson_t info;

   bson_append_document (doc, "options", -1, coll->options);
   bson_append_document_begin (doc, "info", -1, &info);
   bson_append_bool (&info, "readOnly", -1, false);
   bson_append_binary (&info, "uuid", -1, BSON_SUBTYPE_UUID, coll->uuid, 16);
   bson_append_document_end (doc, &info);
   bson_append_document (doc, "idIndex", -1, coll->indexes[0]->spec);
}

static bool
add_collection (void *ctx, const fgd_coll *coll)
{
   listing *list = ctx;
   bson_t name = BSON_INITIALIZER;

   bson_append_utf8 (&name, "name", -1, coll->name, -1);
   bson_append_utf8 (&name, "type", -1, "collection", -1);
   bson_t *whole = bson_copy (&name);
   describe (whole, coll);
   bool more = add (list, whole, list->name_only ? &name : whole);
   bson_destroy (whole);
   bson_destroy (&name);
   return more;
}

void
fgd_run_list_collections (fgd_request *request, fgd_reply *reply)
{
   fg_value v[C_N];
   listing list = {.name_only = false};
   int64_t batch_size = -1;

   if (fgd_args_read (&request->body, "listCollections", true, collections_args, v, &reply->error) &&
       fgd_arg_cursor (&v[C_CURSOR], "listCollections", &batch_size, &reply->error) &&
       set_filter (&list, &v[C_FILTER], &reply->error)) {
      list.name_only = fgd_value_bool (&v[C_NAME_ONLY]);
      fgd_txn_visit_collections (request->txn, request->db, add_collection, &list);
      if (!list.failed) {
         fgd_list_reply (request, reply, request->db, "$cmd.listCollections", &list.docs, batch_size);
      }
   }
   listing_free (&list);
}

/* --- listIndexes ------------------------------------------------------------------------------------------------------ */

static const fgd_arg indexes_args[] = {{"cursor", FGD_ARG_OBJECT}, {"includeBuildUUIDs", FGD_ARG_BOOL}, {NULL, 0}};

void
fgd_run_list_indexes (fgd_request *request, fgd_reply *reply)
{
   fg_value v[2];
   const char *name = NULL;
   int64_t batch_size = -1;
   fg_buf docs = {0};

   if (!fgd_arg_collection (request, &name, &reply->error) ||
       !fgd_args_read (&request->body, "listIndexes", true, indexes_args, v, &reply->error) ||
       !fgd_arg_cursor (&v[0], "listIndexes", &batch_size, &reply->error)) {
      return;
   }
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
   if (!coll) {
      fgd_reply_fail (reply, 26, "ns does not exist: %s.%s", request->db, name);
      return;
   }
   for (size_t i = 0; i < coll->n_indexes; i++) {
      fg_buf_append (&docs, bson_get_data (coll->indexes[i]->spec), coll->indexes[i]->spec->len);
   }
   fgd_list_reply (request, reply, request->db, name, &docs, batch_size);
}

/* --- listDatabases ---------------------------------------------------------------------------------------------------- */

enum { L_FILTER, L_NAME_ONLY, L_AUTHORIZED, L_N };

static const fgd_arg databases_args[] = {[L_FILTER] = {"filter", FGD_ARG_OBJECT},
                                         [L_NAME_ONLY] = {"nameOnly", FGD_ARG_BOOL},
                                         [L_AUTHORIZED] = {"authorizedDatabases", FGD_ARG_BOOL},
                                         [L_N] = {NULL, 0}};

typedef struct databases {
   listing list;
   const char *last; /* databases come one after another, so a change of name is a new one */
   fgd_txn *txn;
   int64_t size; /* of the database under way */
   int64_t total;
} databases;

static void
flush_database (databases *dbs)
{
   bson_t name = BSON_INITIALIZER;

   if (dbs->last) {
      bson_append_utf8 (&name, "name", -1, dbs->last, -1);
      bson_t *whole = bson_copy (&name);
      bson_append_int64 (whole, "sizeOnDisk", -1, dbs->size);
      bson_append_bool (whole, "empty", -1, false);
      (void)!add (&dbs->list, whole, dbs->list.name_only ? &name : whole);
      bson_destroy (whole);
      dbs->total += dbs->size;
   }
   bson_destroy (&name);
}

static bool
add_database (void *ctx, const fgd_coll *coll)
{
   databases *dbs = ctx;

   if (!dbs->last || strcmp (dbs->last, coll->db) != 0) {
      flush_database (dbs);
      dbs->last = coll->db;
      dbs->size = 0;
   }
   /* One file holds all databases: a page for each collection and index stands for its share. */
   dbs->size += 4096 * (int64_t)(1 + coll->n_indexes);
   return !dbs->list.failed;
}

static void
reply_databases (databases *dbs, fgd_reply *reply)
{
   bson_t array;
   char key[24];
   size_t n = 0;

   bson_append_array_begin (&reply->body, "databases", -1, &array);
   for (size_t at = 0; at < dbs->list.docs.len;) {
      bson_t doc;
      uint32_t len = fg_read_u32le (dbs->list.docs.data + at);
      if (!bson_init_static (&doc, dbs->list.docs.data + at, len)) {
         break;
      }
      bson_append_document (&array, fgd_array_key (key, n++), -1, &doc);
      at += len;
   }
   bson_append_array_end (&reply->body, &array);
   if (!dbs->list.name_only) {
      bson_append_int64 (&reply->body, "totalSize", -1, dbs->total);
      bson_append_int64 (&reply->body, "totalSizeMb", -1, dbs->total / (1024 * 1024));
   }
}

void
fgd_run_list_databases (fgd_request *request, fgd_reply *reply)
{
   fg_value v[L_N];
   databases dbs = {.txn = request->txn};

   if (fgd_args_read (&request->body, "listDatabases", true, databases_args, v, &reply->error) &&
       set_filter (&dbs.list, &v[L_FILTER], &reply->error)) {
      dbs.list.name_only = fgd_value_bool (&v[L_NAME_ONLY]);
      fgd_txn_visit_collections (request->txn, NULL, add_database, &dbs);
      flush_database (&dbs);
      if (!dbs.list.failed && dbs.list.docs.failed) {
         fgd_reply_fail (reply, 146, "out of memory");
      } else if (!dbs.list.failed) {
         reply_databases (&dbs, reply);
      }
   }
   listing_free (&dbs.list);
}

/* --- the table of the DDL commands -------------------------------------------------------------------------------------- */

const fgd_command fgd_commands_ddl[] = {{"create", FGD_RUN_WRITE, fgd_run_create},
                                        {"collMod", FGD_RUN_WRITE, fgd_run_coll_mod},
                                        {"drop", FGD_RUN_WRITE, fgd_run_drop},
                                        {"dropDatabase", FGD_RUN_WRITE, fgd_run_drop_database},
                                        {"renameCollection", FGD_RUN_WRITE | FGD_ADMIN_ONLY, fgd_run_rename_collection},
                                        {"createIndexes", FGD_RUN_WRITE, fgd_run_create_indexes},
                                        {"dropIndexes", FGD_RUN_WRITE, fgd_run_drop_indexes},
                                        {"deleteIndexes", FGD_RUN_WRITE, fgd_run_drop_indexes},
                                        {"listIndexes", FGD_RUN_READ, fgd_run_list_indexes},
                                        {"listCollections", FGD_RUN_READ, fgd_run_list_collections},
                                        {"listDatabases", FGD_RUN_READ | FGD_ADMIN_ONLY, fgd_run_list_databases},
                                        {NULL, 0, NULL}};
