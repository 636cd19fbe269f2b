/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#define VIOLATIONS_MAX 20u

/* --- members that every record has --------------------------------------------------------------------------------------- */

static void
text_member (fg_buf *out, const char *name, const char *value)
{
   fg_buf_printf (out, "\"%s\":", name);
   fg_buf_append_json_string (out, value, strlen (value));
}

static void
address (fg_buf *out, const char *name, const char *ip, uint16_t port)
{
   fg_buf_printf (out, "\"%s\":{", name);
   if (ip) {
      text_member (out, "ip", ip);
      fg_buf_printf (out, ",\"port\":%u", port);
   }
   fg_buf_append_str (out, "},");
}

static void
begin (fg_buf *out, const char *atype, const fg_client_info *client)
{
   char ts[40];

   fg_audit_timestamp (ts, sizeof ts);
   fg_buf_printf (out, "\"atype\":\"%s\",\"ts\":{\"$date\":\"%s\"},", atype, ts);
   address (out, "local", client ? client->local_ip : NULL, client ? client->local_port : 0);
   address (out, "remote", client ? client->remote_ip : NULL, client ? client->remote_port : 0);
   fg_buf_append_str (out, "\"users\":[");
   if (client && client->user) {
      fg_buf_append_str (out, "{");
      text_member (out, "user", client->user);
      fg_buf_append_str (out, ",");
      text_member (out, "db", client->user_db ? client->user_db : "");
      fg_buf_append_str (out, "}");
   }
   fg_buf_append_str (out, "],\"roles\":[],\"param\":{");
}

static bool
end (fg_buf *out, int result)
{
   fg_buf_printf (out, "},\"result\":%d", result);
   return !out->failed;
}

static void
place (fg_buf *out, const char *ns, const uint8_t *u)
{
   static const uint8_t none[16];

   text_member (out, "ns", ns);
   if (memcmp (u, none, sizeof none) != 0) {
      fg_buf_printf (
         out, ",\"uuid\":{\"$uuid\":\"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\"}", u[0],
         u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
   }
}

static void
collection (fg_buf *out, const fg_collection_view *view)
{
   place (out, view->ns, view->uuid);
}

/* --- violations ------------------------------------------------------------------------------------------------------------ */

static const char *
op_name (fg_op op)
{
   switch (op) {
   case FG_OP_INSERT:
      return "insert";
   case FG_OP_UPDATE:
      return "update";
   case FG_OP_UPSERT:
      return "upsert";
   case FG_OP_COPY:
      return "copy";
   }
   return "unknown";
}

static const char *
phase_name (fg_phase phase)
{
   switch (phase) {
   case FG_PHASE_STORED:
      return "stored";
   case FG_PHASE_WIRE:
      return "wire";
   case FG_PHASE_APPLY:
      return "apply";
   }
   return "unknown";
}

typedef struct violation_list {
   fg_buf *out;
   size_t n;
} violation_list;

static bool
visit (void *ctx, const fg_violation *violation)
{
   violation_list *list = ctx;

   if (list->n == VIOLATIONS_MAX) {
      list->n++;
      return false;
   }
   fg_buf_append_str (list->out, list->n++ ? ",{" : "{");
   text_member (list->out, "path", violation->rule_path);
   fg_buf_append_str (list->out, ",");
   text_member (list->out, "reason", fg_reason_name (violation->reason));
   fg_buf_printf (list->out, ",\"bsonType\":%u", violation->bson_type);
   if (violation->has_first_byte) {
      fg_buf_printf (list->out, ",\"firstByte\":%u", violation->first_byte);
   }
   fg_buf_printf (list->out, ",\"length\":%u}", violation->length);
   return true;
}

static void
violations (const fg_violation_record *what, fg_buf *out)
{
   violation_list list = {.out = out};

   fg_buf_append_str (out, ",\"violations\":[");
   if (what->decided && what->policy) {
      (void)fg_policy_visit_violations (what->policy, what->args->post, what->args->post_len, what->phase, visit,
                                        &list);
   } else {
      fg_buf_printf (out, "{\"path\":\"\",\"reason\":\"%s\",\"bsonType\":0,\"length\":0}",
                     fg_reason_name (FG_REASON_CANNOT_DECIDE));
   }
   fg_buf_append_str (out, "]");
   if (list.n > VIOLATIONS_MAX) {
      fg_buf_append_str (out, ",\"truncated\":true");
   }
}

bool
fg_record_violation (const fg_violation_record *what, fg_buf *out)
{
   const fg_validate_args *args = what->args;

   begin (out, "fieldguard.violation", args->unit->client);
   collection (out, args->collection);
   fg_buf_printf (out, ",\"op\":\"%s\",\"phase\":\"%s\",\"mode\":\"%s\",\"bypass\":%s", op_name (args->op),
                  phase_name (args->phase),
                  fg_mode_name (atomic_load_explicit (&what->module->mode, memory_order_relaxed)),
                  args->flags & FG_WRITE_BYPASS ? "true" : "false");
   violations (what, out);
   return end (out, what->refused ? FG_CODE_DOCUMENT_VALIDATION : 0);
}

bool
fg_record_blocked (const fg_validate_args *args, fg_buf *out)
{
   begin (out, "fieldguard.blocked", args->unit->client);
   collection (out, args->collection);
   fg_buf_printf (out, ",\"op\":\"%s\"", op_name (args->op));
   return end (out, FG_CODE_OPERATION_FAILED);
}

bool
fg_record_suppressed (size_t n, fg_buf *out)
{
   begin (out, "fieldguard.suppressed", NULL);
   fg_buf_printf (out, "\"records\":%zu", n);
   return end (out, FG_CODE_DOCUMENT_VALIDATION);
}

/* --- what was stored before a rule ----------------------------------------------------------------------------------------- */

bool
fg_record_stored (const fg_stored_count *count, bool complete, const fg_client_info *client, fg_buf *out)
{
   begin (out, "fieldguard.stored", client);
   place (out, count->ns, count->uuid);
   fg_buf_printf (out, ",\"checked\":%lld,\"violating\":%lld,\"undecided\":%lld,\"complete\":%s,\"paths\":[",
                  (long long)count->checked, (long long)count->violating, (long long)count->undecided,
                  complete ? "true" : "false");
   for (size_t i = 0; i < count->n_paths; i++) {
      fg_buf_append_str (out, i ? ",{" : "{");
      text_member (out, "path", count->paths[i].path);
      fg_buf_printf (out, ",\"documents\":%lld}", (long long)count->paths[i].documents);
   }
   fg_buf_append_str (out, count->truncated ? "],\"truncated\":true" : "]");
   return end (out, 0);
}

/* --- everything else --------------------------------------------------------------------------------------------------------- */

bool
fg_record_setting (const fg_setting_change *change, fg_buf *out)
{
   begin (out, "fieldguard.setting", change->client);
   text_member (out, "name", change->name);
   fg_buf_append_str (out, ",");
   text_member (out, "old", change->old_value);
   fg_buf_append_str (out, ",");
   text_member (out, "new", change->new_value);
   return end (out, 0);
}

bool
fg_record_startup (const fg_module *module, fg_buf *out)
{
   begin (out, "fieldguard.startup", NULL);
   text_member (out, "version", FG_VERSION);
   fg_buf_append_str (out, ",");
   text_member (out, "host", module->host->name);
   fg_buf_append_str (out, ",");
   text_member (out, "hostVersion", module->host->version);
   fg_buf_printf (out,
                  ",\"mode\":\"%s\",\"strict\":%s,\"bypass\":\"%s\",\"ruleRemoval\":\"%s\",\"allowLoosening\":%s,"
                  "\"auditFailure\":\"%s\"",
                  fg_mode_name (atomic_load (&module->mode)), atomic_load (&module->strict) ? "true" : "false",
                  fg_attitude_name (atomic_load (&module->bypass)),
                  fg_attitude_name (atomic_load (&module->rule_removal)), module->allow_loosening ? "true" : "false",
                  module->fail_open ? "open" : "closed");
   return end (out, 0);
}

static const char *
ddl_name (fg_ddl ddl)
{
   switch (ddl) {
   case FG_DDL_LOAD:
      return "load";
   case FG_DDL_CREATE:
      return "create";
   case FG_DDL_COLL_MOD:
      return "collMod";
   case FG_DDL_DROP:
      return "drop";
   case FG_DDL_RENAME:
      return "renameCollection";
   case FG_DDL_CONVERT_TO_CAPPED:
      return "convertToCapped";
   case FG_DDL_UNLOAD:
      return "unload";
   }
   return "unknown";
}

bool
fg_record_ddl (const fg_ddl_args *args, const char *action, size_t old_rules, size_t new_rules, const char *path,
               int result, fg_buf *out)
{
   begin (out, "fieldguard.ddl", args->client);
   collection (out, args->collection);
   fg_buf_printf (out, ",\"op\":\"%s\",\"action\":\"%s\",\"oldRules\":%zu,\"newRules\":%zu", ddl_name (args->ddl),
                  action, old_rules, new_rules);
   if (args->target_ns) {
      fg_buf_append_str (out, ",");
      text_member (out, "target", args->target_ns);
   }
   if (path && path[0]) {
      fg_buf_append_str (out, ",");
      text_member (out, "path", path);
   }
   return end (out, result);
}
