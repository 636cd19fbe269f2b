/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#define LOG_AUDIT_OPENED 7601001
#define LOG_AUDIT_OFF 7601002
#define LOG_AUDIT_FAILED 7601003
#define LOG_AUDIT_WORKS 7601004
#define LOG_AUDIT_ROTATE_FAILED 7601005
#define LOG_AUDIT_CLOSE_FAILED 7601006
#define LOG_RECORD 7601007

void
fg_module_log (const fg_module *module, fg_severity severity, int32_t id, const char *message, const fg_error *err)
{
   fg_buf attr = {0};

   if (err) {
      fg_buf_append_str (&attr, "{\"error\":");
      fg_buf_append_json_string (&attr, err->message, strlen (err->message));
      fg_buf_append_str (&attr, ",\"path\":");
      fg_buf_append_json_string (&attr, err->path, strlen (err->path));
      fg_buf_append (&attr, "}", 2);
   }
   module->host->log (module->host, severity, id, message, err && !attr.failed ? (const char *)attr.data : NULL);
   fg_buf_free (&attr);
}

bool
fg_sink_is_closed (const fg_module *module)
{
   return !module->fail_open;
}

bool
fg_sink_open (fg_module *module, fg_error *err)
{
   fg_audit_log_options options = {sizeof options, module->audit_path, module->audit_key_file};

   if (module->audit_destination == FG_AUDIT_NONE ||
       (module->audit_destination == FG_AUDIT_AUTO && !module->audit_path)) {
      if (module->audit_key_file) {
         return fg_error_set (err, FG_ERROR_SETTING, FG_E_INVALID, "fieldguard.auditKeyFile",
                              "fieldguard.auditKeyFile is set, but no audit file is to be written");
      }
      fg_module_log (module, FG_LOG_WARNING, LOG_AUDIT_OFF, "No audit file: violations are only counted and logged",
                     NULL);
      return true;
   }
   if (!module->audit_path) {
      return fg_error_set (err, FG_ERROR_SETTING, FG_E_INVALID, "fieldguard.auditPath",
                           "fieldguard.auditDestination is file: fieldguard.auditPath must be set");
   }
   module->audit = fg_audit_log_open (&options, err);
   if (!module->audit) {
      return false;
   }
   fg_module_log (module, FG_LOG_INFO, LOG_AUDIT_OPENED, "Audit file opened", NULL);
   return true;
}

void
fg_sink_close (fg_module *module)
{
   fg_error err = {0};

   if (!fg_audit_log_close (module->audit, &err)) {
      fg_module_log (module, FG_LOG_ERROR, LOG_AUDIT_CLOSE_FAILED, "Audit file could not be closed in order", &err);
   }
   module->audit = NULL;
}

/* The first failure is logged, and the first success after it: not every write in between. */
static void
set_blocked (fg_module *module, bool blocked, const fg_error *err)
{
   if (atomic_exchange (&module->blocked, blocked) == blocked) {
      return;
   }
   if (!blocked) {
      fg_module_log (module, FG_LOG_WARNING, LOG_AUDIT_WORKS, "Audit records can be written again", NULL);
   } else if (fg_sink_is_closed (module)) {
      fg_module_log (
         module, FG_LOG_ERROR, LOG_AUDIT_FAILED,
         "Audit records cannot be written: writes to collections with encryption rules are refused until they can",
         err);
   } else {
      fg_module_log (module, FG_LOG_ERROR, LOG_AUDIT_FAILED,
                     "Audit records cannot be written and are lost until they can", err);
   }
}

/* Without an audit file the host's log is all there is. */
static bool
log_record (const fg_module *module, const fg_buf *text)
{
   fg_buf attr = {0};

   fg_buf_append_str (&attr, "{");
   fg_buf_append (&attr, text->data, text->len);
   fg_buf_append (&attr, "}", 2);
   module->host->log (module->host, FG_LOG_WARNING, LOG_RECORD, "Encryption rules",
                      attr.failed ? NULL : (const char *)attr.data);
   fg_buf_free (&attr);
   return true;
}

bool
fg_sink_append (fg_module *module, const fg_buf *text, fg_error *err)
{
   fg_error why = {0};

   if (!module->audit) {
      return log_record (module, text);
   }
   if (fg_audit_log_append (module->audit, (const char *)text->data, text->len, &why)) {
      atomic_fetch_add_explicit (&module->count.audit_records, 1, memory_order_relaxed);
      set_blocked (module, false, NULL);
      return true;
   }
   atomic_fetch_add_explicit (&module->count.audit_failures, 1, memory_order_relaxed);
   set_blocked (module, true, &why);
   if (err) {
      *err = why;
   }
   return false;
}

bool
fg_sink_reserve (fg_module *module, size_t bytes, fg_error *err)
{
   fg_error why = {0};

   if (!module->audit) {
      return true;
   }
   pthread_mutex_lock (&module->reserve_lock);
   bool ok = fg_audit_log_reserve (module->audit, module->reserved + bytes, &why);
   if (ok) {
      module->reserved += bytes;
   }
   pthread_mutex_unlock (&module->reserve_lock);
   if (!ok) {
      atomic_fetch_add_explicit (&module->count.audit_failures, 1, memory_order_relaxed);
      set_blocked (module, true, &why);
      if (err) {
         *err = why;
      }
   }
   return ok;
}

void
fg_sink_release (fg_module *module, size_t bytes)
{
   if (module->audit) {
      pthread_mutex_lock (&module->reserve_lock);
      module->reserved -= bytes;
      pthread_mutex_unlock (&module->reserve_lock);
   }
}

void
fg_sink_refuse (const fg_error *why, fg_refusal *refusal)
{
   static const char message[] =
      "fieldguard cannot write its audit log; writes to collections with encryption rules are refused "
      "until it can";

   refusal->code = why && why->code == FG_E_NO_SPACE ? FG_CODE_OUT_OF_DISK : FG_CODE_OPERATION_FAILED;
   memcpy (refusal->message, message, sizeof message);
}

bool
fg_sink_sync (fg_module *module)
{
   fg_error err = {0};

   if (!module->audit || fg_audit_log_sync (module->audit, &err)) {
      return true;
   }
   atomic_fetch_add_explicit (&module->count.audit_failures, 1, memory_order_relaxed);
   set_blocked (module, true, &err);
   return false;
}

/* A record that got lost at the end of its unit is answered for here, where nothing has been acknowledged yet. */
bool
fg_module_sync (void *ctx, fg_refusal *refusal)
{
   fg_module *module = ctx;
   fg_error err = {0};

   if (!module->audit) {
      return true;
   }
   bool lost = atomic_exchange (&module->lost, false);
   bool synced = fg_audit_log_sync (module->audit, &err);
   if (!synced) {
      atomic_fetch_add_explicit (&module->count.audit_failures, 1, memory_order_relaxed);
      set_blocked (module, true, &err);
   }
   if ((!lost && synced) || !fg_sink_is_closed (module)) {
      return true;
   }
   fg_sink_refuse (synced ? NULL : &err, refusal);
   return false;
}

void
fg_module_rotate (void *ctx)
{
   fg_module *module = ctx;
   fg_error err = {0};

   if (!module->audit) {
      return;
   }
   /* Units between prepare_commit and their end count on their room: the new file sets it aside anew. */
   pthread_mutex_lock (&module->reserve_lock);
   bool ok = fg_audit_log_rotate (module->audit, &err) &&
             (module->reserved == 0 || fg_audit_log_reserve (module->audit, module->reserved, &err));
   pthread_mutex_unlock (&module->reserve_lock);
   if (!ok) {
      atomic_fetch_add_explicit (&module->count.audit_failures, 1, memory_order_relaxed);
      fg_module_log (module, FG_LOG_ERROR, LOG_AUDIT_ROTATE_FAILED, "Audit file could not be rotated", &err);
   }
}
