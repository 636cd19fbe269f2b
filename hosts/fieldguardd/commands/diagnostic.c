/* SPDX-License-Identifier: Apache-2.0 */
/* What clients ask about the server itself. */
#include "hosts/fieldguardd/commands/absent.h"
#include "hosts/fieldguardd/commands/hello.h"
#include "hosts/fieldguardd/commands/parameter.h"
#include "hosts/fieldguardd/commands/status.h"

#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CODE_FAILED_TO_PARSE 9
#define CODE_TYPE_MISMATCH 14
#define CODE_AUTHENTICATION_FAILED 18
#define CODE_OPERATION_FAILED 96
#define CODE_MECHANISM_UNAVAILABLE 334

static void
run_ping (fgd_request *request, fgd_reply *reply)
{
   (void)request;
   (void)reply;
}

static void
append_strings (bson_t *out, const char *name, const char *const *strings, size_t n)
{
   bson_t child;
   char index[16];
   const char *key;

   bson_append_array_begin (out, name, -1, &child);
   for (size_t i = 0; i < n; i++) {
      size_t len = bson_uint32_to_string ((uint32_t)i, &key, index, sizeof index);
      bson_append_utf8 (&child, key, (int)len, strings[i], -1);
   }
   bson_append_array_end (out, &child);
}

static void
run_build_info (fgd_request *request, fgd_reply *reply)
{
   static const char *const engines[] = {"lmdb"};
   static const char *const modules[] = {"fieldguardd"};
   bson_t *out = &reply->body;
   bson_t child;

   (void)request;
   bson_append_utf8 (out, "version", -1, FGD_MONGO_VERSION, -1);
   bson_append_utf8 (out, "gitVersion", -1, "fieldguardd " FG_VERSION, -1);
   append_strings (out, "modules", modules, 1);
   bson_append_utf8 (out, "allocator", -1, "system", -1);
   bson_append_utf8 (out, "javascriptEngine", -1, "none", -1);
   bson_append_utf8 (out, "sysInfo", -1, "deprecated", -1);
   bson_append_array_begin (out, "versionArray", -1, &child);
   bson_append_int32 (&child, "0", -1, 8);
   bson_append_int32 (&child, "1", -1, 0);
   bson_append_int32 (&child, "2", -1, 0);
   bson_append_int32 (&child, "3", -1, 0);
   bson_append_array_end (out, &child);
   bson_append_int32 (out, "bits", -1, 64);
   bson_append_bool (out, "debug", -1, false);
   bson_append_int32 (out, "maxBsonObjectSize", -1, FGD_MAX_BSON_SIZE);
   append_strings (out, "storageEngines", engines, 1);
}

/* No authentication: nobody is anybody. */
static void
run_connection_status (fgd_request *request, fgd_reply *reply)
{
   bson_iter_t iter;
   bson_t info;

   bson_append_document_begin (&reply->body, "authInfo", -1, &info);
   append_strings (&info, "authenticatedUsers", NULL, 0);
   append_strings (&info, "authenticatedUserRoles", NULL, 0);
   if (bson_iter_init_find (&iter, &request->body, "showPrivileges") && bson_iter_as_bool (&iter)) {
      append_strings (&info, "authenticatedUserPrivileges", NULL, 0);
   }
   bson_append_document_end (&reply->body, &info);
}

static void
run_host_info (fgd_request *request, fgd_reply *reply)
{
   bson_t child;
   struct utsname name;
   long pages = sysconf (_SC_PHYS_PAGES);
   long page = sysconf (_SC_PAGESIZE);

   if (uname (&name) != 0) {
      memset (&name, 0, sizeof name);
   }
   bson_append_document_begin (&reply->body, "system", -1, &child);
   bson_append_date_time (&child, "currentTime", -1, fgd_wall_ms ());
   bson_append_utf8 (&child, "hostname", -1, request->server->host_name, -1);
   bson_append_int32 (&child, "cpuAddrSize", -1, 64);
   bson_append_int64 (&child, "memSizeMB", -1, (int64_t)pages * page / 1048576);
   bson_append_int32 (&child, "numCores", -1, (int32_t)sysconf (_SC_NPROCESSORS_ONLN));
   bson_append_utf8 (&child, "cpuArch", -1, name.machine, -1);
   bson_append_document_end (&reply->body, &child);
   bson_append_document_begin (&reply->body, "os", -1, &child);
   bson_append_utf8 (&child, "type", -1, name.sysname, -1);
   bson_append_utf8 (&child, "name", -1, name.sysname, -1);
   bson_append_utf8 (&child, "version", -1, name.release, -1);
   bson_append_document_end (&reply->body, &child);
   bson_append_document_begin (&reply->body, "extra", -1, &child);
   bson_append_document_end (&reply->body, &child);
}

static void
append_parsed (const fgd_config *config, bson_t *out)
{
   bson_t parsed, section;

   bson_append_document_begin (out, "parsed", -1, &parsed);
   if (config->config_file) {
      bson_append_utf8 (&parsed, "config", -1, config->config_file, -1);
   }
   bson_append_document_begin (&parsed, "net", -1, &section);
   bson_append_utf8 (&section, "bindIp", -1, config->bind_ip, -1);
   bson_append_int32 (&section, "port", -1, config->port);
   bson_append_document_end (&parsed, &section);
   bson_append_document_begin (&parsed, "storage", -1, &section);
   bson_append_utf8 (&section, "dbPath", -1, config->db_path, -1);
   bson_append_document_end (&parsed, &section);
   if (config->repl_set) {
      bson_append_document_begin (&parsed, "replication", -1, &section);
      bson_append_utf8 (&section, "replSetName", -1, config->repl_set, -1);
      bson_append_document_end (&parsed, &section);
   }
   if (config->log_path) {
      bson_append_document_begin (&parsed, "systemLog", -1, &section);
      bson_append_utf8 (&section, "destination", -1, "file", -1);
      bson_append_utf8 (&section, "path", -1, config->log_path, -1);
      bson_append_document_end (&parsed, &section);
   }
   if (config->n_settings > 0) {
      bson_append_document_begin (&parsed, "setParameter", -1, &section);
      for (size_t i = 0; i < config->n_settings; i++) {
         bson_append_utf8 (&section, config->settings[i].name, -1, config->settings[i].value, -1);
      }
      bson_append_document_end (&parsed, &section);
   }
   append_strings (&parsed, "loadModules", (const char *const *)config->modules, config->n_modules);
   bson_append_document_end (out, &parsed);
}

static void
run_get_cmd_line (fgd_request *request, fgd_reply *reply)
{
   const fgd_config *config = &request->server->config;

   append_strings (&reply->body, "argv", (const char *const *)config->argv, (size_t)config->argc);
   append_parsed (config, &reply->body);
}

typedef struct line_list {
   bson_t *out;
   uint32_t n;
} line_list;

static void
append_line (void *ctx, const char *line, size_t len)
{
   line_list *list = ctx;
   char index[16];
   const char *key;

   size_t key_len = bson_uint32_to_string (list->n++, &key, index, sizeof index);
   bson_append_utf8 (list->out, key, (int)key_len, line, (int)len);
}

static void
run_get_log (fgd_request *request, fgd_reply *reply)
{
   bson_iter_t iter;
   bson_t lines;

   if (!bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter) || !BSON_ITER_HOLDS_UTF8 (&iter)) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_TYPE_MISMATCH, NULL,
                    "Argument to getLog must be of type String");
      return;
   }
   const char *which = bson_iter_utf8 (&iter, NULL);
   if (strcmp (which, "*") == 0) {
      static const char *const names[] = {"global", "startupWarnings"};
      append_strings (&reply->body, "names", names, 2);
      return;
   }
   bool warnings = strcmp (which, "startupWarnings") == 0;
   if (!warnings && strcmp (which, "global") != 0) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_OPERATION_FAILED, NULL, "No log named '%.64s'", which);
      return;
   }
   line_list list = {&lines, 0};
   bson_append_array_begin (&reply->body, "log", -1, &lines);
   uint64_t total = fgd_log_visit_recent (request->server->log, warnings, append_line, &list);
   bson_append_array_end (&reply->body, &lines);
   bson_append_int32 (&reply->body, "totalLinesWritten", -1, (int32_t)(total & INT32_MAX));
}

static void
run_log_rotate (fgd_request *request, fgd_reply *reply)
{
   fg_error err;

   fg_error_clear (&err);
   if (!fgd_server_rotate (request->server, &err)) {
      fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_OPERATION_FAILED, NULL, "Log rotation failed: %.512s",
                    err.message);
   }
}

static void
run_whats_my_ip (fgd_request *request, fgd_reply *reply)
{
   char you[96];

   snprintf (you, sizeof you, "%s:%u", request->client->remote_ip, (unsigned)request->client->remote_port);
   bson_append_utf8 (&reply->body, "you", -1, you, -1);
}

static void
run_list_commands (fgd_request *request, fgd_reply *reply)
{
   size_t n = 0;
   const fgd_command *const *list = fgd_command_list (&n);
   bson_t commands, child;

   (void)request;
   bson_append_document_begin (&reply->body, "commands", -1, &commands);
   for (size_t i = 0; i < n; i++) {
      if (list[i]->run == fgd_run_absent) {
         continue;
      }
      bson_append_document_begin (&commands, list[i]->name, -1, &child);
      bson_append_utf8 (&child, "help", -1, "", -1);
      bson_append_bool (&child, "requiresAuth", -1, false);
      bson_append_bool (&child, "secondaryOk", -1, true);
      bson_append_bool (&child, "adminOnly", -1, (list[i]->flags & FGD_ADMIN_ONLY) != 0);
      bson_append_document_end (&commands, &child);
   }
   bson_append_document_end (&reply->body, &commands);
}

static void
run_sasl (fgd_request *request, fgd_reply *reply)
{
   (void)request;
   fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_MECHANISM_UNAVAILABLE, NULL,
                 "fieldguardd has no authentication yet: connect without credentials");
}

static void
run_authenticate (fgd_request *request, fgd_reply *reply)
{
   (void)request;
   fg_error_set (&reply->error, FG_ERROR_SERVER, CODE_AUTHENTICATION_FAILED, NULL,
                 "fieldguardd has no authentication yet: connect without credentials");
}

static void
run_logout (fgd_request *request, fgd_reply *reply)
{
   (void)request;
   (void)reply;
}

static void
run_shutdown (fgd_request *request, fgd_reply *reply)
{
   (void)reply;
   fgd_server_request_shutdown (request->server);
}

const fgd_command fgd_commands_diagnostic[] = {
   {"hello", FGD_RUN_INLINE, fgd_run_hello},
   {"isMaster", FGD_RUN_INLINE, fgd_run_hello},
   {"ismaster", FGD_RUN_INLINE, fgd_run_hello},
   {"ping", FGD_RUN_INLINE, run_ping},
   {"buildInfo", FGD_RUN_INLINE, run_build_info},
   {"buildinfo", FGD_RUN_INLINE, run_build_info},
   {"getParameter", FGD_RUN_READ | FGD_ADMIN_ONLY, fgd_run_get_parameter},
   {"setParameter", FGD_RUN_READ | FGD_ADMIN_ONLY, fgd_run_set_parameter},
   {"serverStatus", FGD_RUN_READ, fgd_run_server_status},
   {"connectionStatus", FGD_RUN_INLINE, run_connection_status},
   {"hostInfo", FGD_RUN_INLINE, run_host_info},
   {"getCmdLineOpts", FGD_RUN_INLINE | FGD_ADMIN_ONLY, run_get_cmd_line},
   {"getLog", FGD_RUN_READ | FGD_ADMIN_ONLY, run_get_log},
   {"logRotate", FGD_RUN_READ | FGD_ADMIN_ONLY, run_log_rotate},
   {"whatsmyip", FGD_RUN_INLINE, run_whats_my_ip},
   {"listCommands", FGD_RUN_INLINE, run_list_commands},
   {"saslStart", FGD_RUN_INLINE, run_sasl},
   {"saslContinue", FGD_RUN_INLINE, run_sasl},
   {"authenticate", FGD_RUN_INLINE, run_authenticate},
   {"logout", FGD_RUN_INLINE, run_logout},
   {"shutdown", FGD_RUN_INLINE | FGD_ADMIN_ONLY, run_shutdown},
   {NULL, 0, NULL},
};
