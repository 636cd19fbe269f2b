/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/write_doc.h"
#include "hosts/fieldguardd/query/update.h"
#include "hosts/fieldguardd/store/key.h"
#include "hosts/fieldguardd/store/retry.h"
#include "hosts/fieldguardd/store/show.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SAFE_CONTENT "__safeContent__"
#define CODE_MAX_TIME_EXPIRED 50

void
fgd_failure_init (fgd_failure *failure)
{
   fg_error_clear (&failure->error);
   bson_init (&failure->extra);
}

void
fgd_failure_destroy (fgd_failure *failure)
{
   bson_destroy (&failure->extra);
}

uint32_t
fgd_write_flags (const fg_value *bypass)
{
   return fgd_value_bool (bypass) ? FG_WRITE_BYPASS : 0u;
}

bool
fgd_refuse_encryption_information (const fg_value *encryption_information, int32_t code, fg_error *err)
{
   return !fgd_value_present (encryption_information) ||
          fg_error_set (err, FG_ERROR_SERVER, code, NULL,
                        "Encrypted index operations are only supported on replica sets");
}

/* --- the collection ------------------------------------------------------------------------------------------------- */

bool
fgd_write_open (fgd_write *write, fgd_request *request, const char *db, const char *name, fg_error *err)
{
   const fg_value absent = {0, NULL, 0};

   write->request = request;
   write->txn = request->txn;
   write->db = db;
   write->name = name;
   write->flags = 0;
   write->copies = false;
   write->copy = NULL;
   fgd_value_document (&absent, &write->let);
   if (strncmp (name, "system.", 7) == 0) {
      return fg_error_set (err, FG_ERROR_SERVER, 73, NULL, "cannot write to %s.%s", db, name);
   }
   write->coll = fgd_txn_collection (request->txn, db, name);
   return fgd_txn_check_rules (request->txn, db, name, err);
}

bool
fgd_write_create_collection (fgd_write *write, fg_error *err)
{
   bson_t options = BSON_INITIALIZER;

   /* Making it commits what the command has written so far: what a retry would ask about that has to be there too. */
   bool ok =
      write->coll || (fgd_retry_save (write->request->retry, err) &&
                      fgd_ddl_create (write->txn, write->request->client, write->db, write->name, &options, err));
   bson_destroy (&options);
   write->coll = fgd_txn_collection (write->txn, write->db, write->name);
   return ok && write->coll;
}

/* --- long writes ---------------------------------------------------------------------------------------------------- */

bool
fgd_request_pause (fgd_request *request, fg_error *err)
{
   char context[32];

   if (fgd_request_expired (request, err)) {
      return false;
   }
   if (!fgd_txn_wants_yield (request->txn)) {
      return true;
   }
   bool ok = fgd_txn_yield (request->txn, err);
   snprintf (context, sizeof context, "conn%lld", (long long)request->client->connection_id);
   fgd_log_set_context (context); /* other jobs have set theirs */
   return ok;
}

bool
fgd_write_pause (fgd_write *write, fg_error *err)
{
   bool ok = fgd_request_pause (write->request, err);

   write->coll = ok ? fgd_txn_collection (write->txn, write->db, write->name) : NULL;
   return ok;
}

bool
fgd_failure_ends_command (const fgd_failure *failure)
{
   return failure->error.domain == FG_ERROR_SERVER && failure->error.code == CODE_MAX_TIME_EXPIRED;
}

/* --- _id ------------------------------------------------------------------------------------------------------------ */

fg_value
fgd_document_id (const uint8_t *doc, size_t len)
{
   bson_t view;
   bson_iter_t iter;

   if (bson_init_static (&view, doc, len) && bson_iter_init_find (&iter, &view, "_id")) {
      return fgd_iter_value (&iter);
   }
   return (fg_value){0, NULL, 0};
}

void
fgd_new_object_id (uint8_t out[12])
{
   bson_oid_t oid;

   bson_oid_init (&oid, NULL);
   memcpy (out, oid.bytes, 12);
}

/* What has to be done to a document before it can be stored. */
typedef struct repair {
   fg_value id; /* type 0: one has to be made */
   bool id_first;
   bool zero_times; /* Timestamp(0, 0) at the top stands for now */
} repair;

static bool
is_zero_time (const char *name, const fg_value *value)
{
   return value->type == 0x11 && fg_read_u64le (value->data) == 0 && strcmp (name, "_id") != 0;
}

static bool
look_over (const bson_t *doc, repair *out, fg_error *err)
{
   bson_iter_t iter;
   size_t position = 0;

   memset (out, 0, sizeof *out);
   if (!bson_iter_init (&iter, doc)) {
      return fg_error_set (err, FG_ERROR_SERVER, 22, NULL, "malformed document");
   }
   for (; bson_iter_next (&iter); position++) {
      const char *name = bson_iter_key (&iter);
      fg_value value = fgd_iter_value (&iter);
      out->zero_times = out->zero_times || is_zero_time (name, &value);
      if (strcmp (name, "_id") != 0) {
         continue;
      }
      if (out->id.type) {
         return fg_error_set (err, FG_ERROR_SERVER, 2, NULL, "can't have multiple _id fields in one document");
      }
      out->id = value;
      out->id_first = position == 0;
   }
   return true;
}

static bool
append_now (bson_t *out, const char *name)
{
   static atomic_uint increment;

   return bson_append_timestamp (out, name, -1, (uint32_t)(fgd_wall_ms () / 1000), ++increment);
}

/* The document with its _id in front and its times filled in; NULL: out of memory, or too large. */
static bson_t *
repaired (const bson_t *doc, const repair *what)
{
   bson_iter_t iter;
   bson_t *out = bson_sized_new (doc->len + 32);
   uint8_t oid[12];
   fg_value id = what->id;

   if (!id.type) {
      fgd_new_object_id (oid);
      id = (fg_value){0x07, oid, sizeof oid};
   }
   bool ok = fgd_append_value (out, "_id", &id) && bson_iter_init (&iter, doc);
   while (ok && bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      fg_value value = fgd_iter_value (&iter);
      if (is_zero_time (name, &value)) {
         ok = append_now (out, name);
      } else if (strcmp (name, "_id") != 0) {
         ok = bson_append_iter (out, name, -1, &iter);
      }
   }
   if (!ok) {
      bson_destroy (out);
      return NULL;
   }
   return out;
}

/* --- validation ----------------------------------------------------------------------------------------------------- */

static void
append_err_info (fgd_failure *failure, const uint8_t *doc, size_t len, const uint8_t *details, size_t details_len)
{
   bson_t info = BSON_INITIALIZER;
   bson_t view;
   fg_value id = fgd_document_id (doc, len);

   fgd_append_value (&info, "failingDocumentId", &id);
   if (details && bson_init_static (&view, details, details_len)) {
      bson_append_document (&info, "details", -1, &view);
   } else {
      bson_append_utf8 (&info, "note", -1, "failed to generate document validation error", -1);
   }
   bson_append_document (&failure->extra, "errInfo", -1, &info);
   bson_destroy (&info);
}

static void
refused_by_module (const fg_refusal *refusal, const uint8_t *post, size_t len, fgd_failure *failure)
{
   fg_error_set (&failure->error, FG_ERROR_SERVER, refusal->code ? refusal->code : 121, NULL, "%s",
                 refusal->message[0] ? refusal->message : "Document failed validation");
   if (failure->error.code == 121) {
      append_err_info (failure, post, len, refusal->err_info, refusal->err_info_len);
   }
}

static bool
ask_modules (fgd_write *write, fg_op op, const uint8_t *post, size_t len, const fgd_record *pre, fgd_failure *failure)
{
   fg_refusal refusal;

   fg_verdict verdict =
      write->copy ? fgd_copy_validate (write->copy, write->flags, post, len, &refusal)
                  : fgd_txn_validate (write->txn, write->coll, write->request->client, write->copies ? FG_OP_COPY : op,
                                      write->flags, post, len, pre ? pre->data : NULL, pre ? pre->len : 0, &refusal);
   bool ok = verdict == FG_VERDICT_ALLOW || verdict == FG_VERDICT_ALLOW_AND_RECORD;
   if (!ok) {
      refused_by_module (&refusal, post, len, failure);
   }
   fg_refusal_release (&refusal);
   return ok;
}

static bool
accept_document (fgd_write *write, const uint8_t *post, size_t len, fgd_failure *failure)
{
   fg_refusal refusal;

   if (write->copy) {
      return true; /* accepted with the whole copy */
   }
   bool ok = fgd_txn_accept (write->txn, &refusal);
   if (!ok) {
      refused_by_module (&refusal, post, len, failure);
   }
   fg_refusal_release (&refusal);
   return ok;
}

/* Explicit nothing-known is a refusal too: an error while matching counts as "does not match", as in mongod. */
static bool
passes_validator (const fgd_coll *coll, const uint8_t *doc, size_t len)
{
   fg_error ignored;

   return fg_validator_check (coll->validator, doc, len, &ignored) == FG_MATCH_YES;
}

static void
log_validation (fgd_write *write, fg_severity severity, int32_t id, const char *msg)
{
   fgd_attr attr = {0};

   fgd_attr_str (&attr, "namespace", write->coll->ns);
   fgd_log_line (write->request->server->log, severity, "STORAGE", id, msg, fgd_attr_json (&attr));
   fgd_attr_free (&attr);
}

/* The module's operator decides what a reply may quote; without the module it quotes what mongod's does. */
static bool
quotes_no_values (const fgd_write *write)
{
   char value[8];

   return fg_loader_get_setting (write->request->server->loader, "fieldguard.redactErrInfo", value, sizeof value) &&
          strcmp (value, "true") == 0;
}

static bool
fail_validation (fgd_write *write, const uint8_t *doc, size_t len, fgd_failure *failure)
{
   bson_t details = BSON_INITIALIZER;
   fg_error ignored;
   fg_explain_options options = FG_EXPLAIN_OPTIONS_INIT;

   options.redact = quotes_no_values (write);
   bool explained = fg_validator_explain (write->coll->validator, doc, len, &options, &details, &ignored);
   fg_error_set (&failure->error, FG_ERROR_SERVER, 121, NULL, "Document failed validation");
   append_err_info (failure, doc, len, explained ? bson_get_data (&details) : NULL, explained ? details.len : 0);
   bson_destroy (&details);
   return false;
}

static bool
check_validator (fgd_write *write, const uint8_t *doc, size_t len, const fgd_record *pre, fgd_failure *failure)
{
   const fgd_coll *coll = write->coll;

   if (!coll->validator) {
      failure->error = coll->validator_error;
      return false;
   }
   if (fg_validator_is_empty (coll->validator) || fg_validator_level (coll->validator) == FG_LEVEL_OFF ||
       (write->flags & FG_WRITE_BYPASS) || passes_validator (coll, doc, len)) {
      return true;
   }
   if (pre && fg_validator_level (coll->validator) == FG_LEVEL_MODERATE &&
       !passes_validator (coll, pre->data, pre->len)) {
      return true; /* moderate: what was invalid before may stay so */
   }
   switch (fg_validator_action (coll->validator)) {
   case FG_ACTION_WARN:
      log_validation (write, FG_LOG_WARNING, 20294, "Document would fail validation");
      return true;
   case FG_ACTION_ERROR_AND_LOG:
      log_validation (write, FG_LOG_WARNING, 7488700, "Document failed validation");
      return fail_validation (write, doc, len, failure);
   case FG_ACTION_ERROR:
   default:
      return fail_validation (write, doc, len, failure);
   }
}

/* Queryable Encryption's own field: never a client's, and never lost or changed by an update. */
static bool
check_safe_content (fgd_write *write, const uint8_t *doc, size_t len, const fgd_record *pre, fgd_failure *failure)
{
   bson_t post;
   bson_t old;
   bson_iter_t a;
   bson_iter_t b;

   if (!write->coll->validator || !fg_validator_has_encrypted_fields (write->coll->validator) ||
       (write->flags & FG_WRITE_BYPASS) || !bson_init_static (&post, doc, len)) {
      return true;
   }
   bool has = bson_iter_init_find (&a, &post, SAFE_CONTENT);
   if (!pre) {
      return !has || fg_error_set (&failure->error, FG_ERROR_SERVER, 2, NULL,
                                   "Cannot insert a document with field name " SAFE_CONTENT);
   }
   bool had = bson_init_static (&old, pre->data, pre->len) && bson_iter_init_find (&b, &old, SAFE_CONTENT);
   if (!has && !had) {
      return true;
   }
   fg_value x = has ? fgd_iter_value (&a) : (fg_value){0, NULL, 0};
   fg_value y = had ? fgd_iter_value (&b) : (fg_value){0, NULL, 0};
   return (has && had && x.type == y.type && x.len == y.len && memcmp (x.data, y.data, x.len) == 0) ||
          fg_error_set (&failure->error, FG_ERROR_SERVER, 2, NULL,
                        "New document and old document both need to have " SAFE_CONTENT " field.");
}

/* The modules come first, so that what they refuse is on record whoever else would refuse it too. */
static bool
judge (fgd_write *write, fg_op op, const uint8_t *post, size_t len, const fgd_record *pre, fgd_failure *failure)
{
   if (!ask_modules (write, op, post, len, pre, failure)) {
      return false;
   }
   if (check_safe_content (write, post, len, pre, failure) && check_validator (write, post, len, pre, failure) &&
       fgd_check_indexes (write->txn, write->coll, post, len, pre ? pre->id : 0, &failure->extra, &failure->error)) {
      return accept_document (write, post, len, failure);
   }
   if (!write->copy) {
      fgd_txn_decline (write->txn);
   }
   return false;
}

bool
fgd_write_judge_copy (fgd_write *write, const uint8_t *doc, size_t len, fgd_failure *failure)
{
   return ask_modules (write, FG_OP_COPY, doc, len, NULL, failure);
}

/* --- putting -------------------------------------------------------------------------------------------------------- */

bool
fgd_write_put_new (fgd_write *write, fg_op op, const uint8_t *doc, size_t len, fgd_failure *failure)
{
   return judge (write, op, doc, len, NULL, failure) &&
          fgd_put_insert (write->txn, write->coll, doc, len, &failure->error);
}

bool
fgd_write_put_changed (fgd_write *write, const fgd_record *pre, const uint8_t *doc, size_t len, fgd_failure *failure)
{
   return judge (write, FG_OP_UPDATE, doc, len, pre, failure) &&
          fgd_put_update (write->txn, write->coll, pre->id, doc, len, &failure->error);
}

bool
fgd_write_insert (fgd_write *write, const uint8_t *doc, size_t len, fgd_failure *failure)
{
   bson_t view;
   repair what;
   bson_t *made = NULL;

   if (!bson_init_static (&view, doc, len)) {
      return fg_error_set (&failure->error, FG_ERROR_SERVER, 22, NULL, "malformed document");
   }
   if (len > FGD_MAX_BSON_SIZE) {
      return fg_error_set (&failure->error, FG_ERROR_SERVER, 2, NULL,
                           "object to insert too large. size in bytes: %zu, max size: %d", len, FGD_MAX_BSON_SIZE);
   }
   if (!look_over (&view, &what, &failure->error)) {
      return false;
   }
   if (!what.id_first || what.zero_times) {
      made = repaired (&view, &what);
      if (!made) {
         return fg_error_set (&failure->error, FG_ERROR_SERVER, 146, NULL, "out of memory");
      }
      doc = bson_get_data (made);
      len = made->len;
   }
   bool ok = fgd_document_check_storable (doc, len, &failure->error) &&
             fgd_write_put_new (write, FG_OP_INSERT, doc, len, failure);
   if (made) {
      bson_destroy (made);
   }
   return ok;
}
