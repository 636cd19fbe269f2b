/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/ddl.h"
#include "hosts/fieldguardd/store/key.h"
#include "hosts/fieldguardd/store/show.h"

#include <stdlib.h>

#define INDEXES_MAX 64 /* of a collection, as mongod has it */

/* --- one entry of `indexes` ------------------------------------------------------------------------------------------- */

enum {
   I_KEY,
   I_NAME,
   I_UNIQUE,
   I_SPARSE,
   I_PARTIAL,
   I_BACKGROUND,
   I_V,
   I_EXPIRE,
   I_HIDDEN,
   I_COLLATION,
   I_STORAGE,
   I_WEIGHTS,
   I_LANGUAGE,
   I_OVERRIDE,
   I_TEXT_VERSION,
   I_SPHERE_VERSION,
   I_BITS,
   I_MIN,
   I_MAX,
   I_BUCKET,
   I_WILDCARD,
   I_PREPARE_UNIQUE,
   I_CLUSTERED,
   I_NS,
   I_DROP_DUPS,
   I_N
};

static const fgd_arg index_args[] = {[I_KEY] = {"key", FGD_ARG_OBJECT | FGD_ARG_REQUIRED},
                                     [I_NAME] = {"name", FGD_ARG_STRING | FGD_ARG_REQUIRED},
                                     [I_UNIQUE] = {"unique", FGD_ARG_BOOL},
                                     [I_SPARSE] = {"sparse", FGD_ARG_BOOL},
                                     [I_PARTIAL] = {"partialFilterExpression", FGD_ARG_OBJECT},
                                     [I_BACKGROUND] = {"background", FGD_ARG_BOOL},
                                     [I_V] = {"v", FGD_ARG_NUMBER},
                                     [I_EXPIRE] = {"expireAfterSeconds", FGD_ARG_ANY},
                                     [I_HIDDEN] = {"hidden", FGD_ARG_REFUSED},
                                     [I_COLLATION] = {"collation", FGD_ARG_OBJECT},
                                     [I_STORAGE] = {"storageEngine", FGD_ARG_OBJECT},
                                     [I_WEIGHTS] = {"weights", FGD_ARG_REFUSED},
                                     [I_LANGUAGE] = {"default_language", FGD_ARG_REFUSED},
                                     [I_OVERRIDE] = {"language_override", FGD_ARG_REFUSED},
                                     [I_TEXT_VERSION] = {"textIndexVersion", FGD_ARG_REFUSED},
                                     [I_SPHERE_VERSION] = {"2dsphereIndexVersion", FGD_ARG_REFUSED},
                                     [I_BITS] = {"bits", FGD_ARG_REFUSED},
                                     [I_MIN] = {"min", FGD_ARG_REFUSED},
                                     [I_MAX] = {"max", FGD_ARG_REFUSED},
                                     [I_BUCKET] = {"bucketSize", FGD_ARG_REFUSED},
                                     [I_WILDCARD] = {"wildcardProjection", FGD_ARG_REFUSED},
                                     [I_PREPARE_UNIQUE] = {"prepareUnique", FGD_ARG_REFUSED},
                                     [I_CLUSTERED] = {"clustered", FGD_ARG_REFUSED},
                                     [I_NS] = {"ns", FGD_ARG_STRING},
                                     [I_DROP_DUPS] = {"dropDups", FGD_ARG_BOOL},
                                     [I_N] = {NULL, 0}};

static bool
check_path (const char *path, fg_error *err)
{
   size_t len = strlen (path);

   if (!len) {
      return fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "Index keys cannot contain an empty field.");
   }
   if (path[0] == '.' || path[len - 1] == '.' || strstr (path, "..")) {
      return fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "Index key contains an illegal field name: '%s'", path);
   }
   if (path[0] == '$' && strcmp (path, "$**") != 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 67, NULL,
                           "Index key contains an illegal field name: field name starts with '$'.");
   }
   if (strstr (path, "$**")) {
      return fg_error_set (err, FG_ERROR_SERVER, 238, NULL, "wildcard indexes are not supported by this server");
   }
   return true;
}

static bool
check_direction (const bson_iter_t *field, fg_error *err)
{
   fg_value value = fgd_iter_value (field);

   if (value.type == 0x02) {
      return fg_error_set (err, FG_ERROR_SERVER, 238, NULL, "indexes of type '%s' are not supported by this server",
                           bson_iter_utf8 (field, NULL));
   }
   if (!fgd_value_is_number (&value)) {
      return fg_error_set (err, FG_ERROR_SERVER, 67, NULL,
                           "Values in v:2 index key pattern cannot be of type %s. Only numbers > 0, numbers < 0, and "
                           "strings are allowed.",
                           fgd_arg_type_name (value.type));
   }
   double direction = fgd_value_double (&value);
   return direction > 0 || direction < 0 ||
          fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "Values in the index key pattern cannot be 0.");
}

static bool
check_key (const fg_value *key, fg_error *err)
{
   bson_t pattern = fgd_value_document (key);
   bson_iter_t field;
   size_t n = 0;

   if (!bson_iter_init (&field, &pattern) || bson_empty (&pattern)) {
      return fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "Index keys cannot be empty.");
   }
   while (bson_iter_next (&field)) {
      bson_iter_t other;
      if (!check_path (bson_iter_key (&field), err) || !check_direction (&field, err)) {
         return false;
      }
      if (++n > FGD_KEY_FIELDS_MAX) {
         return fg_error_set (err, FG_ERROR_SERVER, 13103, NULL, "too many compound keys");
      }
      if (bson_iter_init_find (&other, &pattern, bson_iter_key (&field)) && other.off != field.off) {
         return fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "Index key pattern has a field twice: '%s'",
                              bson_iter_key (&field));
      }
   }
   return true;
}

static bool
is_id_pattern (const fg_value *key)
{
   bson_t pattern = fgd_value_document (key);
   bson_iter_t field;

   return bson_count_keys (&pattern) == 1 && bson_iter_init_find (&field, &pattern, "_id");
}

static bool
check_partial (const fg_value *v, fg_error *err)
{
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;
   bson_t filter = fgd_value_document (&v[I_PARTIAL]);

   if (!fgd_value_present (&v[I_PARTIAL])) {
      return true;
   }
   if (fgd_value_bool (&v[I_SPARSE])) {
      return fg_error_set (err, FG_ERROR_SERVER, 67, NULL,
                           "cannot mix \"partialFilterExpression\" and \"sparse\" options");
   }
   options.context = FG_MATCHER_PARTIAL;
   fg_matcher *matcher = fg_matcher_compile (bson_get_data (&filter), filter.len, &options, err);
   fg_matcher_free (matcher);
   return matcher != NULL;
}

static bool
check_options (const fg_value *v, fg_error *err)
{
   if (fgd_value_present (&v[I_EXPIRE])) {
      return fg_error_set (err, FG_ERROR_SERVER, 238, NULL, "TTL indexes are not supported by this server");
   }
   if (fgd_value_present (&v[I_V]) && fgd_value_int64 (&v[I_V]) != 2 && fgd_value_int64 (&v[I_V]) != 1) {
      return fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "Invalid index specification: the index version must be 2");
   }
   const char *name = fgd_value_string (&v[I_NAME]);
   if (!name || !*name || strcmp (name, "*") == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 67, NULL, "index names cannot be empty, hold a null or be '*'");
   }
   if (is_id_pattern (&v[I_KEY]) && (fgd_value_present (&v[I_PARTIAL]) || fgd_value_bool (&v[I_SPARSE]))) {
      return fg_error_set (err, FG_ERROR_SERVER, 197, NULL,
                           "The field 'sparse' or 'partialFilterExpression' is not valid for an _id index "
                           "specification.");
   }
   return fgd_arg_collation (&v[I_COLLATION], err) && check_key (&v[I_KEY], err) && check_partial (v, err);
}

/* The spec as listIndexes returns it: only what says something is kept. */
static bson_t *
build_spec (const fg_value *v)
{
   bson_t *spec = bson_new ();

   bson_append_int32 (spec, "v", -1, 2);
   fgd_append_value (spec, "key", &v[I_KEY]);
   fgd_append_value (spec, "name", &v[I_NAME]);
   if (fgd_value_bool (&v[I_UNIQUE])) {
      bson_append_bool (spec, "unique", -1, true);
   }
   if (fgd_value_bool (&v[I_SPARSE])) {
      bson_append_bool (spec, "sparse", -1, true);
   }
   if (fgd_value_present (&v[I_PARTIAL])) {
      fgd_append_value (spec, "partialFilterExpression", &v[I_PARTIAL]);
   }
   return spec;
}

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
   fg_value v[I_N];
   bson_t doc = fgd_value_document (entry);
   bool fresh = false;

   if (entry->type != 0x03) {
      return fg_error_set (err, FG_ERROR_SERVER, 14, NULL,
                           "The elements of the 'indexes' array must be objects, but got %s",
                           fgd_arg_type_name (entry->type));
   }
   if (!fgd_args_read (&doc, "createIndexes.indexes", false, index_args, v, err) || !check_options (v, err)) {
      return false;
   }
   if (is_id_pattern (&v[I_KEY])) {
      return true; /* every collection has it */
   }
   bson_t *spec = build_spec (v);
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
   bson_t array = fgd_value_document (list);
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
   bson_t list = fgd_value_document (which);
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
