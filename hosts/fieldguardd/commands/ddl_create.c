/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud.h"
#include "hosts/fieldguardd/commands/ddl.h"
#include "hosts/fieldguardd/store/key.h"
#include "hosts/fieldguardd/store/show.h"

/* --- create --------------------------------------------------------------------------------------------------------- */

enum {
   A_VALIDATOR,
   A_LEVEL,
   A_ACTION,
   A_ENCRYPTED,
   A_CAPPED,
   A_SIZE,
   A_MAX,
   A_TIMESERIES,
   A_EXPIRE,
   A_CLUSTERED,
   A_VIEW_ON,
   A_PIPELINE,
   A_COLLATION,
   A_STORAGE,
   A_INDEX_DEFAULTS,
   A_PRE_POST,
   A_ID_INDEX,
   A_AUTO_INDEX,
   A_FLAGS,
   A_TEMP,
   A_N
};

static const fgd_arg args[] = {[A_VALIDATOR] = {"validator", FGD_ARG_OBJECT},
                               [A_LEVEL] = {"validationLevel", FGD_ARG_STRING},
                               [A_ACTION] = {"validationAction", FGD_ARG_STRING},
                               [A_ENCRYPTED] = {"encryptedFields", FGD_ARG_OBJECT},
                               [A_CAPPED] = {"capped", FGD_ARG_REFUSED},
                               [A_SIZE] = {"size", FGD_ARG_NUMBER},
                               [A_MAX] = {"max", FGD_ARG_NUMBER},
                               [A_TIMESERIES] = {"timeseries", FGD_ARG_REFUSED},
                               [A_EXPIRE] = {"expireAfterSeconds", FGD_ARG_REFUSED},
                               [A_CLUSTERED] = {"clusteredIndex", FGD_ARG_REFUSED},
                               [A_VIEW_ON] = {"viewOn", FGD_ARG_REFUSED},
                               [A_PIPELINE] = {"pipeline", FGD_ARG_REFUSED},
                               [A_COLLATION] = {"collation", FGD_ARG_OBJECT},
                               [A_STORAGE] = {"storageEngine", FGD_ARG_OBJECT},
                               [A_INDEX_DEFAULTS] = {"indexOptionDefaults", FGD_ARG_OBJECT},
                               [A_PRE_POST] = {"changeStreamPreAndPostImages", FGD_ARG_REFUSED},
                               [A_ID_INDEX] = {"idIndex", FGD_ARG_OBJECT},
                               [A_AUTO_INDEX] = {"autoIndexId", FGD_ARG_BOOL},
                               [A_FLAGS] = {"flags", FGD_ARG_NUMBER},
                               [A_TEMP] = {"temp", FGD_ARG_BOOL},
                               [A_N] = {NULL, 0}};

/* mongod refuses validators where a bad one would lock the server itself out. */
bool
fgd_check_validator_place (const char *db, const char *name, const bson_t *options, fg_error *err)
{
   bson_iter_t iter;

   if (!bson_iter_init_find (&iter, options, "validator")) {
      return true;
   }
   if (strncmp (name, "system.", 7) == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 72, NULL, "Document validators not allowed on system collection %s.%s",
                           db, name);
   }
   if (strcmp (db, "admin") == 0 || strcmp (db, "local") == 0 || strcmp (db, "config") == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 72, NULL,
                           "Document validators are not allowed on collection %s.%s in the %s database", db, name, db);
   }
   return true;
}

static bool
compiles (const bson_t *options, fg_error *why)
{
   fg_validator *validator = fg_validator_compile (bson_get_data (options), options->len, 0, why);

   fg_validator_free (validator);
   return validator != NULL;
}

bool
fgd_check_validator (const bson_t *options, fg_error *err)
{
   fg_error why;
   fg_error ignored;
   bson_t rest = BSON_INITIALIZER;

   if (compiles (options, &why)) {
      bson_destroy (&rest);
      return true;
   }
   /* mongod puts a prefix before what its parser of predicates says, and none before what it says about the other options. */
   bson_copy_to_excluding_noinit (options, &rest, "validator", NULL);
   bool parser = compiles (&rest, &ignored);
   bson_destroy (&rest);
   return fg_error_set (err, FG_ERROR_SERVER, why.domain == FG_ERROR_SERVER ? why.code : 1, NULL, "%s%s",
                        parser ? "Parsing of collection validator failed :: caused by :: " : "", why.message);
}

static void
copy_member (bson_t *out, const char *name, const fg_value *value)
{
   if (fgd_value_present (value)) {
      fgd_append_value (out, name, value);
   }
}

/* The options document as listCollections will return it: validator, level and action always together, as mongod keeps them. */
static void
build_options (bson_t *out, const fg_value *v)
{
   bool has_validator = fgd_value_present (&v[A_VALIDATOR]);

   copy_member (out, "validator", &v[A_VALIDATOR]);
   copy_member (out, "validationLevel", &v[A_LEVEL]);
   copy_member (out, "validationAction", &v[A_ACTION]);
   if (has_validator && !fgd_value_present (&v[A_LEVEL])) {
      bson_append_utf8 (out, "validationLevel", -1, "strict", -1);
   }
   if (has_validator && !fgd_value_present (&v[A_ACTION])) {
      bson_append_utf8 (out, "validationAction", -1, "error", -1);
   }
   copy_member (out, "encryptedFields", &v[A_ENCRYPTED]);
}

static bool
same_options (const bson_t *a, const bson_t *b)
{
   fg_value left = fg_value_of_document (bson_get_data (a), a->len);
   fg_value right = fg_value_of_document (bson_get_data (b), b->len);

   return fg_value_equal_unordered (&left, &right);
}

static bool
create_checked (fgd_request *request, const char *name, const bson_t *options, fg_error *err)
{
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);

   if (!fgd_check_validator_place (request->db, name, options, err) || !fgd_check_validator (options, err)) {
      return false;
   }
   if (coll) {
      return same_options (coll->options, options) ||
             fg_error_set (err, FG_ERROR_SERVER, 48, NULL, "namespace %s.%s already exists, but with different options",
                           request->db, name);
   }
   return fgd_ddl_create (request->txn, request->client, request->db, name, options, err);
}

void
fgd_run_create (fgd_request *request, fgd_reply *reply)
{
   fg_value v[A_N];
   const char *name = NULL;
   bson_t options = BSON_INITIALIZER;

   if (fgd_arg_collection (request, &name, &reply->error) &&
       fgd_args_read (&request->body, "create", true, args, v, &reply->error) &&
       fgd_arg_collation (&v[A_COLLATION], &reply->error)) {
      if (strncmp (name, "system.", 7) == 0) {
         fgd_reply_fail (reply, 73, "cannot create the system collection %s.%s", request->db, name);
      } else if (fgd_value_present (&v[A_SIZE]) || fgd_value_present (&v[A_MAX])) {
         fgd_reply_fail (reply, 72, "the 'size' and 'max' fields are only for capped collections");
      } else if (fgd_value_present (&v[A_AUTO_INDEX]) && !fgd_value_bool (&v[A_AUTO_INDEX])) {
         fgd_reply_fail (reply, 72, "'autoIndexId: false' is not supported by this server");
      } else {
         build_options (&options, v);
         (void)!create_checked (request, name, &options, &reply->error);
      }
   }
   bson_destroy (&options);
}

/* --- collMod -------------------------------------------------------------------------------------------------------- */

enum {
   M_VALIDATOR,
   M_LEVEL,
   M_ACTION,
   M_INDEX,
   M_PRE_POST,
   M_EXPIRE,
   M_VIEW_ON,
   M_PIPELINE,
   M_TIMESERIES,
   M_CAPPED,
   M_DRY,
   M_N
};

static const fgd_arg mod_args[] = {[M_VALIDATOR] = {"validator", FGD_ARG_OBJECT},
                                   [M_LEVEL] = {"validationLevel", FGD_ARG_STRING},
                                   [M_ACTION] = {"validationAction", FGD_ARG_STRING},
                                   [M_INDEX] = {"index", FGD_ARG_REFUSED},
                                   [M_PRE_POST] = {"changeStreamPreAndPostImages", FGD_ARG_REFUSED},
                                   [M_EXPIRE] = {"expireAfterSeconds", FGD_ARG_REFUSED},
                                   [M_VIEW_ON] = {"viewOn", FGD_ARG_REFUSED},
                                   [M_PIPELINE] = {"pipeline", FGD_ARG_REFUSED},
                                   [M_TIMESERIES] = {"timeseries", FGD_ARG_REFUSED},
                                   [M_CAPPED] = {"cappedSize", FGD_ARG_REFUSED},
                                   [M_DRY] = {"dryRun", FGD_ARG_REFUSED},
                                   [M_N] = {NULL, 0}};

static const char *const validation_members[] = {"validator", "validationLevel", "validationAction"};

static void
old_or_new (bson_t *out, const char *name, const fg_value *given, const bson_t *old)
{
   bson_iter_t iter;

   if (fgd_value_present (given)) {
      fgd_append_value (out, name, given);
   } else if (bson_iter_init_find (&iter, old, name)) {
      bson_append_iter (out, name, -1, &iter);
   }
}

/* The old options with the given members replaced; an empty validator removes it, and every mention of validation makes level and action explicit. */
static void
modify_options (bson_t *out, const bson_t *old, const fg_value *v)
{
   bson_iter_t iter;
   bool any = false;
   bson_t validator;
   fgd_value_document (&v[M_VALIDATOR], &validator);

   if (!fgd_value_present (&v[M_VALIDATOR]) || !bson_empty (&validator)) {
      old_or_new (out, validation_members[0], &v[M_VALIDATOR], old);
   }
   for (size_t i = 1; i < 3; i++) {
      old_or_new (out, validation_members[i], &v[i], old);
   }
   for (size_t i = 0; i < 3; i++) {
      any = any || fgd_value_present (&v[i]);
   }
   if (any && !bson_has_field (out, "validationLevel")) {
      bson_append_utf8 (out, "validationLevel", -1, "strict", -1);
   }
   if (any && !bson_has_field (out, "validationAction")) {
      bson_append_utf8 (out, "validationAction", -1, "error", -1);
   }
   if (bson_iter_init (&iter, old)) {
      while (bson_iter_next (&iter)) {
         if (!bson_has_field (out, bson_iter_key (&iter)) && strcmp (bson_iter_key (&iter), "validator") != 0) {
            bson_append_iter (out, bson_iter_key (&iter), -1, &iter);
         }
      }
   }
}

void
fgd_run_coll_mod (fgd_request *request, fgd_reply *reply)
{
   fg_value v[M_N];
   const char *name = NULL;
   bson_t options = BSON_INITIALIZER;

   if (fgd_arg_collection (request, &name, &reply->error) &&
       fgd_args_read (&request->body, "collMod", true, mod_args, v, &reply->error)) {
      const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
      if (!coll) {
         fgd_reply_fail (reply, 26, "ns does not exist");
      } else {
         modify_options (&options, coll->options, v);
         if (fgd_check_validator_place (request->db, name, &options, &reply->error) &&
             fgd_check_validator (&options, &reply->error) &&
             fgd_ddl_coll_mod (request->txn, request->client, coll, &options, &reply->error)) {
            fgd_survey_stored (request, name);
         }
      }
   }
   bson_destroy (&options);
}
