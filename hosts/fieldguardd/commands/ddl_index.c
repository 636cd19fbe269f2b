/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/ddl.h"
#include "hosts/fieldguardd/store/key.h"

#include <stdlib.h>

#define INDEXES_MAX 64 /* of a collection, as mongod has it */

/* --- against what is there ---------------------------------------------------------------------------------------------- */

static bool
same_member (const bson_t *a, const bson_t *b, const char *name)
{
   bson_iter_t x;
   bson_iter_t y;
   bool has_x = bson_iter_init_find (&x, a, name);
   bool has_y = bson_iter_init_find (&y, b, name);

   if (!has_x || !has_y) {
      return has_x == has_y;
   }
   fg_value left = fgd_iter_value (&x);
   fg_value right = fgd_iter_value (&y);
   return fg_value_compare (&left, &right) == 0;
}

/* Whether the same index exists already (*exists), or another one stands in its way (85, 86). */
static bool
compare_with (const bson_t *old, const bson_t *spec, bool *exists, fg_error *err)
{
   bool key = same_member (old, spec, "key");
   bool name = same_member (old, spec, "name");
   bool partial = same_member (old, spec, "partialFilterExpression");
   bool rest = same_member (old, spec, "unique") && same_member (old, spec, "sparse");

   *exists = false;
   if (name && !(key && partial && rest)) {
      return fg_error_set (err, FG_ERROR_SERVER, 86, NULL,
                           "An existing index has the same name as the requested index. When index names are not "
                           "specified, they are auto generated and can cause conflicts. Please refer to our "
                           "documentation.");
   }
   if (key && partial && !name) {
      bson_iter_t iter;
      const char *other = bson_iter_init_find (&iter, old, "name") ? bson_iter_utf8 (&iter, NULL) : "";
      return fg_error_set (err, FG_ERROR_SERVER, 85, NULL, "Index already exists with a different name: %s", other);
   }
   *exists = name;
   return true;
}

typedef struct new_indexes {
   bson_t *specs[INDEXES_MAX];
   size_t n;
} new_indexes;

static bool
is_new (const fgd_coll *coll, const new_indexes *made, const bson_t *spec, bool *is_new_one, fg_error *err)
{
   bool exists = false;

   *is_new_one = false;
   for (size_t i = 0; coll && i < coll->n_indexes; i++) {
      if (!compare_with (coll->indexes[i]->spec, spec, &exists, err)) {
         return false;
      }
      if (exists) {
         return true;
      }
   }
   for (size_t i = 0; i < made->n; i++) {
      if (!compare_with (made->specs[i], spec, &exists, err)) {
         return false;
      }
      if (exists) {
         return true;
      }
   }
   *is_new_one = true;
   return true;
}

static bool
take_spec (const fgd_coll *coll, new_indexes *made, const fg_value *entry, fg_error *err)
{
   bson_t *spec = NULL;
   bool fresh = false;

   if (!fgd_index_spec_read (entry, &spec, err)) {
      return false;
   }
   if (!spec) {
      return true; /* on _id: every collection has it */
   }
   bool ok = is_new (coll, made, spec, &fresh, err);
   if (ok && fresh && (coll ? coll->n_indexes : 1) + made->n >= INDEXES_MAX) {
      ok = fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "add index fails, too many indexes for the collection");
   }
   if (ok && fresh) {
      made->specs[made->n++] = spec;
   } else {
      bson_destroy (spec);
   }
   return ok;
}

/* --- createIndexes ------------------------------------------------------------------------------------------------------ */

enum { A_INDEXES, A_QUORUM, A_IGNORE, A_N };

static const fgd_arg args[] = {[A_INDEXES] = {"indexes", FGD_ARG_ARRAY | FGD_ARG_REQUIRED},
                               [A_QUORUM] = {"commitQuorum", FGD_ARG_ANY},
                               [A_IGNORE] = {"ignoreUnknownIndexOptions", FGD_ARG_BOOL},
                               [A_N] = {NULL, 0}};

static bool
take_specs (const fgd_coll *coll, new_indexes *made, const fg_value *list, fg_error *err)
{
   bson_t array;
   fgd_value_document (list, &array);
   bson_iter_t iter;

   if (bson_empty (&array)) {
      return fg_error_set (err, FG_ERROR_SERVER, 2, NULL, "Must specify at least one index to create");
   }
   if (!bson_iter_init (&iter, &array)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      fg_value entry = fgd_iter_value (&iter);
      if (!take_spec (coll, made, &entry, err)) {
         return false;
      }
   }
   return true;
}

static bool
ensure_collection (fgd_request *request, const char *name, const fgd_coll **coll, fg_error *err)
{
   bson_t options = BSON_INITIALIZER;

   bool ok = *coll || fgd_ddl_create (request->txn, request->client, request->db, name, &options, err);
   bson_destroy (&options);
   *coll = fgd_txn_collection (request->txn, request->db, name);
   return ok && *coll;
}

static void
create_all (fgd_request *request, fgd_reply *reply, const char *name, new_indexes *made, bool created)
{
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
   const bson_t *specs[INDEXES_MAX];
   bson_t detail = BSON_INITIALIZER;

   if (ensure_collection (request, name, &coll, &reply->error)) {
      int32_t before = (int32_t)coll->n_indexes;
      for (size_t i = 0; i < made->n; i++) {
         specs[i] = made->specs[i];
      }
      if (!made->n || fgd_ddl_create_indexes (request->txn, coll, specs, made->n, &detail, &reply->error)) {
         bson_append_int32 (&reply->body, "numIndexesBefore", -1, before);
         bson_append_int32 (&reply->body, "numIndexesAfter", -1, before + (int32_t)made->n);
         bson_append_bool (&reply->body, "createdCollectionAutomatically", -1, created);
         if (!made->n) {
            bson_append_utf8 (&reply->body, "note", -1, "all indexes already exist", -1);
         }
      } else {
         bson_concat (&reply->body, &detail);
      }
   }
   bson_destroy (&detail);
}

void
fgd_run_create_indexes (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   const char *name = NULL;
   new_indexes made = {.n = 0};

   if (fgd_arg_collection (request, &name, &reply->error) &&
       fgd_args_read (&request->body, "createIndexes", true, args, v, &reply->error)) {
      const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
      if (strncmp (name, "system.", 7) == 0) {
         fgd_reply_fail (reply, 73, "cannot create an index on the system collection %s.%s", request->db, name);
      } else if (take_specs (coll, &made, &v[A_INDEXES], &reply->error)) {
         create_all (request, reply, name, &made, coll == NULL);
      }
   }
   for (size_t i = 0; i < made.n; i++) {
      bson_destroy (made.specs[i]);
   }
}

/* --- dropIndexes -------------------------------------------------------------------------------------------------------- */

static const fgd_arg drop_args[] = {{"index", FGD_ARG_STRING | FGD_ARG_OBJECT | FGD_ARG_ARRAY | FGD_ARG_REQUIRED},
                                    {NULL, 0}};

static bool
choose (const fgd_coll *coll, const fg_value *which, bool *chosen, fg_error *err)
{
   const char *name = fgd_value_string (which);
   bool found = false;

   for (size_t i = 0; i < coll->n_indexes; i++) {
      bson_iter_t key;
      bool hit = false;
      if (name) {
         hit = strcmp (coll->indexes[i]->name, name) == 0;
      } else if (bson_iter_init_find (&key, coll->indexes[i]->spec, "key")) {
         fg_value own = fgd_iter_value (&key);
         hit = fg_value_compare (&own, which) == 0;
      }
      if (hit && i == 0) {
         return fg_error_set (err, FG_ERROR_SERVER, 72, NULL, "cannot drop _id index");
      }
      chosen[i] = chosen[i] || hit;
      found = found || hit;
   }
   if (!found && name) {
      return fg_error_set (err, FG_ERROR_SERVER, 27, NULL, "index not found with name [%s]", name);
   }
   return found || fg_error_set (err, FG_ERROR_SERVER, 27, NULL, "can't find index with that key");
}

static bool
choose_each (const fgd_coll *coll, const fg_value *which, bool *chosen, fg_error *err)
{
   const char *name = fgd_value_string (which);
   bson_t list;
   fgd_value_document (which, &list);
   bson_iter_t iter;

   if (name && strcmp (name, "*") == 0) {
      for (size_t i = 1; i < coll->n_indexes; i++) {
         chosen[i] = true;
      }
      return true;
   }
   if (which->type != 0x04) {
      return choose (coll, which, chosen, err);
   }
   if (!bson_iter_init (&iter, &list)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      fg_value one = fgd_iter_value (&iter);
      if (!fgd_value_string (&one)) {
         return fg_error_set (err, FG_ERROR_SERVER, 14, NULL, "dropIndexes: the elements of 'index' must be strings");
      }
      if (!choose (coll, &one, chosen, err)) {
         return false;
      }
   }
   return true;
}

void
fgd_run_drop_indexes (fgd_request *request, fgd_reply *reply)
{
   fg_value v[1];
   const char *name = NULL;

   if (!fgd_arg_collection (request, &name, &reply->error) ||
       !fgd_args_read (&request->body, "dropIndexes", true, drop_args, v, &reply->error)) {
      return;
   }
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
   if (!coll) {
      fgd_reply_fail (reply, 26, "ns not found %s.%s", request->db, name);
      return;
   }
   int32_t before = (int32_t)coll->n_indexes;
   bool *chosen = calloc (coll->n_indexes, sizeof *chosen);
   if (!chosen) {
      fgd_reply_fail (reply, 146, "out of memory");
   } else if (choose_each (coll, &v[0], chosen, &reply->error) &&
              fgd_ddl_drop_indexes (request->txn, coll, chosen, &reply->error)) {
      bson_append_int32 (&reply->body, "nIndexesWas", -1, before);
   }
   free (chosen);
}
