/* SPDX-License-Identifier: Apache-2.0 */
/* fieldguardd: up in the order that server.h states, and down in reverse. */
#include "hosts/fieldguardd/commands/parameter.h"
#include "hosts/fieldguardd/net/net.h"
#include "hosts/fieldguardd/server.h"
#include "hosts/fieldguardd/store/store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* mongod's exit codes. */
#define EXIT_CLEAN 0
#define EXIT_ERROR 1
#define EXIT_BAD_OPTIONS 2
#define EXIT_NET_ERROR 48
#define EXIT_DB_PATH 100

/* Says why the server does not start: on standard error for the operator who typed the command, in the log for the one who reads it later. */
static int
refuse (fgd_server *server, int32_t id, const char *msg, const fg_error *err, int exit_code)
{
   fgd_attr attr = {0};

   fprintf (stderr, "fieldguardd: %s%s%s\n", err->path, *err->path ? ": " : "", err->message);
   if (server->log) {
      fgd_attr_error (&attr, err);
      fgd_log_line (server->log, FG_LOG_ERROR, "CONTROL", id, msg, fgd_attr_json (&attr));
      fgd_attr_free (&attr);
   }
   return exit_code;
}

/* --- logging for the rooms below --------------------------------------------------------------------------------------- */

static void
log_module (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json)
{
   const fgd_server *server = ctx;
   fgd_log_line (server->log, severity, "FGUARD", id, message, attr_json);
}

static void
log_store (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json)
{
   const fgd_server *server = ctx;
   fgd_log_line (server->log, severity, "STORAGE", id, message, attr_json);
}

static void
log_start (const fgd_server *server)
{
   fgd_attr attr = {0};

   fgd_attr_int (&attr, "pid", getpid ());
   fgd_attr_int (&attr, "port", server->config.port);
   fgd_attr_str (&attr, "dbPath", server->config.db_path);
   fgd_attr_str (&attr, "bindIp", server->config.bind_ip);
   fgd_attr_str (&attr, "version", FG_VERSION);
   fgd_log_line (server->log, FG_LOG_INFO, "CONTROL", 4615611, "fieldguardd starting", fgd_attr_json (&attr));
   fgd_attr_free (&attr);
   fgd_log_line (server->log, FG_LOG_WARNING, "CONTROL", 22120,
                 "Access control is not enabled for the database. fieldguardd listens on loopback addresses only",
                 NULL);
   fgd_log_line (server->log, FG_LOG_WARNING, "CONTROL", 9100001,
                 "fieldguardd is made for development and tests: it is not a production database", NULL);
}

/* --- modules ------------------------------------------------------------------------------------------------------------ */

static bool
load_modules (fgd_server *server, fg_error *err)
{
   const fg_loader_options options = {
      .size = sizeof options,
      .host_name = FGD_HOST_NAME,
      .host_version = FG_VERSION,
      .host_flags = FG_HOST_EVALUATES_VALIDATORS | FG_HOST_HAS_POST_IMAGE | FG_HOST_PRE_WRITE | FG_HOST_JUDGES_RENAMES,
      .ctx = server,
      .log = log_module,
   };

   server->loader = fg_loader_new (&options, err);
   for (size_t i = 0; server->loader && i < server->config.n_modules; i++) {
      if (!fg_loader_load (server->loader, server->config.modules[i], err)) {
         return false;
      }
   }
   return server->loader != NULL;
}

static bool
apply_settings (fgd_server *server, fg_error *err)
{
   for (size_t i = 0; i < server->config.n_settings; i++) {
      const fgd_setting *setting = &server->config.settings[i];
      if (!fgd_parameter_set_at_startup (server, setting->name, setting->value, err)) {
         return false;
      }
   }
   return true;
}

/* --- store ---------------------------------------------------------------------------------------------------------------- */

static bool
check_db_path (const fgd_server *server, fg_error *err)
{
   struct stat st;
   const char *path = server->config.db_path;

   if (stat (path, &st) != 0) {
      if (errno == ENOENT) {
         return fg_error_set (err, FG_ERROR_STORE, FG_E_NOT_FOUND, path,
                              "Data directory not found: create it, or name another one with --dbpath");
      }
      return fg_error_set_errno (err, errno, path, "Data directory cannot be read");
   }
   return S_ISDIR (st.st_mode) || fg_error_set (err, FG_ERROR_STORE, FG_E_INVALID, path, "is not a folder");
}

static bool
open_store (fgd_server *server, fg_error *err)
{
   const fgd_store_options options = {
      .path = server->config.db_path,
      .map_size = server->config.map_size,
      .max_map_size = server->config.max_map_size,
      .loader = server->loader,
      .log_ctx = server,
      .log = log_store,
   };

   if (!check_db_path (server, err)) {
      return false;
   }
   server->store = fgd_store_open (&options, err);
   if (server->store) {
      fgd_server_apply_limits (server);
   }
   return server->store != NULL;
}

/* --- up and down ------------------------------------------------------------------------------------------------------------ */

static void
name_server (fgd_server *server)
{
   char name[200] = "localhost";
   bson_oid_t oid;

   if (gethostname (name, sizeof name - 1) != 0) {
      snprintf (name, sizeof name, "localhost");
   }
   snprintf (server->host_name, sizeof server->host_name, "%s:%d", name, server->port);
   bson_oid_init (&oid, NULL);
   bson_oid_to_string (&oid, server->process_id);
}

static bool
write_pid_file (const fgd_server *server, fg_error *err)
{
   const char *path = server->config.pid_file;

   if (!path) {
      return true;
   }
   FILE *file = fopen (path, "we");
   if (!file) {
      return fg_error_set_errno (err, errno, path, "cannot write the pid file");
   }
   bool ok = fprintf (file, "%ld\n", (long)getpid ()) > 0;
   ok = fclose (file) == 0 && ok;
   return ok || fg_error_set_errno (err, errno, path, "cannot write the pid file");
}

static int
serve (fgd_server *server)
{
   fg_error err;

   fg_error_clear (&err);
   server->net = fgd_net_new (server, &err);
   if (!server->net) {
      bool taken = err.domain == FG_ERROR_SYSTEM && err.code == FG_E_EXISTS;
      return refuse (server, taken ? 23024 : 9100003, "Failed to set up sockets during startup", &err, EXIT_NET_ERROR);
   }
   name_server (server);
   if (!write_pid_file (server, &err)) {
      return refuse (server, 9100004, "Failed to write the pid file", &err, EXIT_ERROR);
   }
   fgd_net_run (server->net);
   if (server->config.pid_file) {
      unlink (server->config.pid_file);
   }
   return EXIT_CLEAN;
}

/* Everything between an open log and a closed one. */
static int
run (fgd_server *server)
{
   fg_error err;
   bool started = false;
   int code = EXIT_ERROR;

   fg_error_clear (&err);
   log_start (server);
   if (!load_modules (server, &err)) {
      code = refuse (server, 9100005, "A module failed to load", &err, EXIT_ERROR);
   } else if (!apply_settings (server, &err)) {
      code = refuse (server, 9100006, "A parameter was refused", &err, EXIT_BAD_OPTIONS);
   } else if (!(started = fg_loader_start (server->loader, &err))) {
      code = refuse (server, 9100007, "A module failed to start", &err, EXIT_ERROR);
   } else if (!open_store (server, &err)) {
      code = refuse (server, 20557, "DBException in initAndListen, terminating", &err, EXIT_DB_PATH);
   } else {
      code = serve (server);
   }
   fgd_net_free (server->net);
   server->net = NULL;
   fgd_store_close (server->store);
   if (started) {
      fg_loader_stop (server->loader);
   }
   fg_loader_free (server->loader);
   fgd_attr attr = {0};
   fgd_attr_int (&attr, "exitCode", code);
   fgd_log_line (server->log, FG_LOG_INFO, "CONTROL", 23138, "Shutting down", fgd_attr_json (&attr));
   fgd_attr_free (&attr);
   return code;
}

int
main (int argc, char **argv)
{
   static fgd_server server;
   fg_error err;
   int code = EXIT_BAD_OPTIONS;

   fg_error_clear (&err);
   if (!fg_process_harden (&err)) {
      return refuse (&server, 0, "", &err, EXIT_ERROR);
   }
   signal (SIGPIPE, SIG_IGN);
   server.started_us = fgd_now_us ();
   fgd_limits_init (&server.limits);
   if (!fgd_config_init (&server.config, &err) || !fgd_config_parse (&server.config, argc, argv, &err)) {
      code = refuse (&server, 0, "", &err, EXIT_BAD_OPTIONS);
   } else if (server.config.help) {
      fputs (fgd_config_help, stdout);
      code = EXIT_CLEAN;
   } else if (server.config.version) {
      printf ("fieldguardd %s (MongoDB wire protocol as of %s)\n", FG_VERSION, FGD_MONGO_VERSION);
      code = EXIT_CLEAN;
   } else if (!(server.log = fgd_log_open (server.config.log_path, server.config.log_append, &err))) {
      code = refuse (&server, 0, "", &err, EXIT_BAD_OPTIONS);
   } else {
      fgd_log_set_context ("initandlisten");
      code = run (&server);
   }
   fgd_log_close (server.log);
   fgd_config_free (&server.config);
   return code;
}
