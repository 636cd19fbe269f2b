/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/ddl.h"
#include "hosts/fieldguardd/store/key.h"
#include "hosts/fieldguardd/store/show.h"

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
   bson_t pattern;
   fgd_value_document (key, &pattern);
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
   bson_t pattern;
   fgd_value_document (key, &pattern);
   bson_iter_t field;

   return bson_count_keys (&pattern) == 1 && bson_iter_init_find (&field, &pattern, "_id");
}

static bool
check_id_index (const fg_value *v, fg_error *err)
{
   bson_t pattern;
   fgd_value_document (&v[I_KEY], &pattern);
   bson_iter_t field;

   if (!is_id_pattern (&v[I_KEY]) || !bson_iter_init_find (&field, &pattern, "_id")) {
      return true;
   }
   if (bson_iter_as_double (&field) < 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 197, NULL,
                           "The field 'key' for an _id index must be {_id: 1}, but got {_id: -1}");
   }
   return (!fgd_value_present (&v[I_PARTIAL]) && !fgd_value_bool (&v[I_SPARSE])) ||
          fg_error_set (err, FG_ERROR_SERVER, 197, NULL,
                        "The field 'sparse' or 'partialFilterExpression' is not valid for an _id index "
                        "specification.");
}

static bool
check_partial (const fg_value *v, fg_error *err)
{
   fg_matcher_options options = FG_MATCHER_OPTIONS_INIT;
   bson_t filter;
   fgd_value_document (&v[I_PARTIAL], &filter);

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
   return fgd_arg_collation (&v[I_COLLATION], err) && check_key (&v[I_KEY], err) && check_id_index (v, err) &&
          check_partial (v, err);
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

bool
fgd_index_spec_read (const fg_value *entry, bson_t **spec, fg_error *err)
{
   fg_value v[I_N];
   bson_t doc;
   fgd_value_document (entry, &doc);

   *spec = NULL;
   if (entry->type != 0x03) {
      return fg_error_set (err, FG_ERROR_SERVER, 14, NULL,
                           "The elements of the 'indexes' array must be objects, but got %s",
                           fgd_arg_type_name (entry->type));
   }
   if (!fgd_args_read (&doc, "createIndexes.indexes", false, index_args, v, err) || !check_options (v, err)) {
      return false;
   }
   if (!is_id_pattern (&v[I_KEY])) {
      *spec = build_spec (v);
   }
   return true;
}
