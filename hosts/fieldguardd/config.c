/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPL_SET_MAX 127
#define MAP_GB_MIN 0.015625
#define MAP_GB_MAX 65536.0

static bool
no_memory (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory");
}

static bool
replace_text (char **slot, const char *value, fg_error *err)
{
   char *copy = strdup (value);

   if (!copy) {
      return no_memory (err);
   }
   free (*slot);
   *slot = copy;
   return true;
}

bool
fgd_config_init (fgd_config *config, fg_error *err)
{
   memset (config, 0, sizeof *config);
   config->port = FGD_DEFAULT_PORT;
   config->max_connections = FGD_DEFAULT_MAX_CONNECTIONS;
   config->log_append = true;
   return replace_text (&config->bind_ip, "localhost", err) &&
          replace_text (&config->db_path, FGD_DEFAULT_DB_PATH, err);
}

void
fgd_config_free (fgd_config *config)
{
   free (config->bind_ip);
   free (config->db_path);
   free (config->log_path);
   free (config->pid_file);
   free (config->config_file);
   free (config->repl_set);
   for (size_t i = 0; i < config->n_modules; i++) {
      free (config->modules[i]);
   }
   free (config->modules);
   for (size_t i = 0; i < config->n_settings; i++) {
      free (config->settings[i].name);
      free (config->settings[i].value);
   }
   free (config->settings);
   for (int i = 0; i < config->argc; i++) {
      free (config->argv[i]);
   }
   free (config->argv);
   memset (config, 0, sizeof *config);
}

/* --- lists --------------------------------------------------------------------------------------------------------- */

bool
fgd_config_add_module (fgd_config *config, const char *path, fg_error *err)
{
   if (!*path) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, "loadModule", "needs a path");
   }
   char **grown = realloc (config->modules, (config->n_modules + 1) * sizeof *grown);
   if (!grown) {
      return no_memory (err);
   }
   config->modules = grown;
   grown[config->n_modules] = strdup (path);
   if (!grown[config->n_modules]) {
      return no_memory (err);
   }
   config->n_modules++;
   return true;
}

bool
fgd_config_add_setting (fgd_config *config, const char *name, const char *value, fg_error *err)
{
   for (size_t i = 0; i < config->n_settings; i++) {
      if (strcmp (config->settings[i].name, name) == 0) {
         return replace_text (&config->settings[i].value, value, err);
      }
   }
   fgd_setting *grown = realloc (config->settings, (config->n_settings + 1) * sizeof *grown);
   if (!grown) {
      return no_memory (err);
   }
   config->settings = grown;
   fgd_setting *slot = &grown[config->n_settings];
   slot->name = strdup (name);
   slot->value = strdup (value);
   if (!slot->name || !slot->value) {
      free (slot->name);
      free (slot->value);
      return no_memory (err);
   }
   config->n_settings++;
   return true;
}

/* --- single options -------------------------------------------------------------------------------------------------- */

static bool
read_int (const char *value, long min, long max, int *out, const char *where, fg_error *err)
{
   char *end = NULL;

   errno = 0;
   long n = strtol (value, &end, 10);
   if (errno != 0 || end == value || *end || n < min || n > max) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, where, "'%s' is not a whole number from %ld to %ld",
                           value, min, max);
   }
   *out = (int)n;
   return true;
}

/* Gibibytes, with a fraction if need be. */
static bool
read_gibibytes (const char *value, uint64_t *out, const char *where, fg_error *err)
{
   char *end = NULL;

   errno = 0;
   double n = strtod (value, &end);
   if (errno != 0 || end == value || *end || !(n >= MAP_GB_MIN && n <= MAP_GB_MAX)) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, where, "'%s' is not a number of GiB from %g to %g", value,
                           MAP_GB_MIN, MAP_GB_MAX);
   }
   *out = (uint64_t)(n * 1073741824.0);
   return true;
}

static bool
read_bool (const char *value, bool *out, const char *where, fg_error *err)
{
   if (strcmp (value, "true") != 0 && strcmp (value, "false") != 0) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, where, "'%s' is neither true nor false", value);
   }
   *out = value[0] == 't';
   return true;
}

static bool
refuse_bind_all (const char *value, const char *where, fg_error *err)
{
   bool all = false;

   if (!read_bool (value, &all, where, err)) {
      return false;
   }
   if (all) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_DENIED, where,
                           "fieldguardd listens on loopback addresses only: it has no TLS and no authentication yet");
   }
   return true;
}

static bool
check_destination (const char *value, const char *where, fg_error *err)
{
   if (strcmp (value, "file") != 0) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_UNSUPPORTED, where,
                           "'%s' is not supported: use 'file' with systemLog.path, or neither for standard output",
                           value);
   }
   return true;
}

static bool
check_authorization (const char *value, const char *where, fg_error *err)
{
   if (strcmp (value, "disabled") != 0) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_UNSUPPORTED, where,
                           "only 'disabled' is supported: fieldguardd has no authentication yet");
   }
   return true;
}

static bool
set_repl_set (fgd_config *config, const char *value, const char *where, fg_error *err)
{
   if (!*value || strlen (value) > REPL_SET_MAX || strpbrk (value, "/ ,")) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, where,
                           "a replica set's name has 1 to %d characters, without '/', ',' and spaces", REPL_SET_MAX);
   }
   return replace_text (&config->repl_set, value, err);
}

bool
fgd_config_set (fgd_config *config, const char *key, const char *value, const char *where, fg_error *err)
{
   if (strcmp (key, "net.port") == 0) {
      return read_int (value, 0, 65535, &config->port, where, err);
   }
   if (strcmp (key, "net.bindIp") == 0) {
      return replace_text (&config->bind_ip, value, err);
   }
   if (strcmp (key, "net.bindIpAll") == 0) {
      return refuse_bind_all (value, where, err);
   }
   if (strcmp (key, "net.maxIncomingConnections") == 0) {
      return read_int (value, 1, 1000000, &config->max_connections, where, err);
   }
   if (strcmp (key, "storage.mapSizeGB") == 0) {
      return read_gibibytes (value, &config->map_size, where, err);
   }
   if (strcmp (key, "storage.maxMapSizeGB") == 0) {
      return read_gibibytes (value, &config->max_map_size, where, err);
   }
   if (strcmp (key, "storage.dbPath") == 0) {
      return replace_text (&config->db_path, value, err);
   }
   if (strcmp (key, "systemLog.path") == 0) {
      return replace_text (&config->log_path, value, err);
   }
   if (strcmp (key, "systemLog.logAppend") == 0) {
      return read_bool (value, &config->log_append, where, err);
   }
   if (strcmp (key, "systemLog.destination") == 0) {
      return check_destination (value, where, err);
   }
   if (strcmp (key, "processManagement.pidFilePath") == 0) {
      return replace_text (&config->pid_file, value, err);
   }
   if (strcmp (key, "replication.replSetName") == 0) {
      return set_repl_set (config, value, where, err);
   }
   if (strcmp (key, "security.authorization") == 0) {
      return check_authorization (value, where, err);
   }
   return fg_error_set (err, FG_ERROR_USAGE, FG_E_NOT_FOUND, where, "Unrecognized option: %s", key);
}

/* --- the whole -------------------------------------------------------------------------------------------------------- */

static bool
is_loopback (const char *address)
{
   struct in_addr v4;
   struct in6_addr v6;

   if (strcmp (address, "localhost") == 0) {
      return true;
   }
   if (inet_pton (AF_INET, address, &v4) == 1) {
      return (ntohl (v4.s_addr) >> 24) == 127;
   }
   return inet_pton (AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK (&v6);
}

static bool
check_addresses (const char *list, fg_error *err)
{
   char *copy = strdup (list);
   char *rest = NULL;
   size_t n = 0;
   bool ok = true;

   if (!copy) {
      return no_memory (err);
   }
   for (char *item = strtok_r (copy, ", ", &rest); item && ok; item = strtok_r (NULL, ", ", &rest)) {
      n++;
      if (!is_loopback (item)) {
         ok = fg_error_set (err, FG_ERROR_USAGE, FG_E_DENIED, "net.bindIp",
                            "'%s' is not a loopback address: fieldguardd has no TLS and no authentication yet, so it "
                            "listens on loopback addresses only (localhost, 127.0.0.1, ::1)",
                            item);
      }
   }
   free (copy);
   if (ok && n == 0) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, "net.bindIp", "names no address");
   }
   return ok;
}

bool
fgd_config_check (const fgd_config *config, fg_error *err)
{
   if (!*config->db_path) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, "storage.dbPath", "is empty");
   }
   return check_addresses (config->bind_ip, err);
}
