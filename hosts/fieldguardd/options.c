/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: mongod's flags, each a name of the YAML file. */
#include "hosts/fieldguardd/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char fgd_config_help[] =
   "Usage: fieldguardd [options]\n"
   "\n"
   "A MongoDB wire-protocol server with an embedded store, for development and tests.\n"
   "\n"
   "  -h [ --help ]              Show this text\n"
   "  --version                  Show the version\n"
   "  -f [ --config ] FILE       Read a YAML configuration file; flags win over it\n"
   "  --port PORT                Port to listen on (27017); 0 picks a free one, see the log\n"
   "  --bind_ip LIST             Comma-separated loopback addresses (localhost)\n"
   "  --maxConns N               Most connections at once (65536, less when the limit on open files is)\n"
   "  --dbpath DIR               Folder of the data files (/data/db); must exist\n"
   "  --replSet NAME             Be the only member of a replica set: transactions, retryable writes\n"
   "  --mapSizeGB N              Address space of the store's map at the start (64, less when there is less)\n"
   "  --maxMapSizeGB N           What it may grow to (no bound but the disk)\n"
   "  --logpath FILE             Log file (standard output)\n"
   "  --logappend                Append to an existing log file (this is the default)\n"
   "  --pidfilepath FILE         Write the process id here\n"
   "  --loadModule PATH          Load a module; may be repeated\n"
   "  --setParameter NAME=VALUE  Set a parameter, such as fieldguard.mode=audit; may be repeated\n";

typedef struct flag {
   const char *name; /* without dashes */
   const char *key; /* of fgd_config_set; NULL: handled by name */
   bool takes_value;
   bool repeatable;
} flag;

static const flag flags[] = {
   {"help", NULL, false, true},
   {"version", NULL, false, true},
   {"config", NULL, true, false},
   {"port", "net.port", true, false},
   {"bind_ip", "net.bindIp", true, false},
   {"bind_ip_all", "net.bindIpAll", false, false},
   {"maxConns", "net.maxIncomingConnections", true, false},
   {"dbpath", "storage.dbPath", true, false},
   {"replSet", "replication.replSetName", true, false},
   {"mapSizeGB", "storage.mapSizeGB", true, false},
   {"maxMapSizeGB", "storage.maxMapSizeGB", true, false},
   {"logpath", "systemLog.path", true, false},
   {"logappend", "systemLog.logAppend", false, false},
   {"pidfilepath", "processManagement.pidFilePath", true, false},
   {"loadModule", NULL, true, true},
   {"setParameter", NULL, true, true},
};
#define N_FLAGS (sizeof flags / sizeof *flags)

typedef struct occurrence {
   const flag *flag;
   const char *value;
} occurrence;

static const flag *
find_flag (const char *name, size_t len)
{
   for (size_t i = 0; i < N_FLAGS; i++) {
      if (strlen (flags[i].name) == len && memcmp (flags[i].name, name, len) == 0) {
         return &flags[i];
      }
   }
   return NULL;
}

/* "--name", "--name=value", "-f", "-h"; *inline_value is what stands after '='. */
static const flag *
split_argument (const char *arg, const char **inline_value)
{
   *inline_value = NULL;
   if (strcmp (arg, "-f") == 0) {
      return find_flag ("config", 6);
   }
   if (strcmp (arg, "-h") == 0) {
      return find_flag ("help", 4);
   }
   if (strncmp (arg, "--", 2) != 0) {
      return NULL;
   }
   const char *name = arg + 2;
   const char *equals = strchr (name, '=');
   if (equals) {
      *inline_value = equals + 1;
   }
   return find_flag (name, equals ? (size_t)(equals - name) : strlen (name));
}

/* Reads argv into occurrences (room for argc of them). */
static bool
scan (int argc, char **argv, occurrence *found, size_t *n_found, fg_error *err)
{
   uint32_t seen = 0;

   for (int i = 1; i < argc; i++) {
      const char *value = NULL;
      const flag *f = split_argument (argv[i], &value);
      if (!f) {
         return fg_error_set (err, FG_ERROR_USAGE, FG_E_NOT_FOUND, NULL,
                              "Error parsing command line: unrecognised option '%s'", argv[i]);
      }
      uint32_t bit = 1u << (unsigned)(f - flags);
      if ((seen & bit) && !f->repeatable) {
         return fg_error_set (err, FG_ERROR_USAGE, FG_E_EXISTS, f->name,
                              "Error parsing command line: Multiple occurrences of option \"--%s\"", f->name);
      }
      seen |= bit;
      if (!f->takes_value && value) {
         return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, f->name,
                              "Error parsing command line: option '--%s' takes no value", f->name);
      }
      if (f->takes_value && !value) {
         if (++i >= argc) {
            return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, f->name,
                                 "Error parsing command line: the required argument for option '--%s' is missing",
                                 f->name);
         }
         value = argv[i];
      }
      found[(*n_found)++] = (occurrence){f, value ? value : ""};
   }
   return true;
}

static bool
set_parameter (fgd_config *config, const char *text, fg_error *err)
{
   char *copy = strdup (text);
   bool ok = false;

   if (!copy) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory");
   }
   char *equals = strchr (copy, '=');
   if (!equals || equals == copy) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, "setParameter", "Illegal assignment: '%s' is not NAME=VALUE",
                    text);
   } else {
      *equals = 0;
      ok = fgd_config_add_setting (config, copy, equals + 1, err);
   }
   free (copy);
   return ok;
}

static bool
apply (fgd_config *config, const occurrence *found, fg_error *err)
{
   const flag *f = found->flag;

   if (f->key) {
      return fgd_config_set (config, f->key, f->takes_value ? found->value : "true", f->name, err);
   }
   if (strcmp (f->name, "loadModule") == 0) {
      return fgd_config_add_module (config, found->value, err);
   }
   if (strcmp (f->name, "setParameter") == 0) {
      return set_parameter (config, found->value, err);
   }
   return true; /* help, version and config were looked at first */
}

static bool
keep_argv (fgd_config *config, int argc, char **argv, fg_error *err)
{
   config->argv = calloc ((size_t)argc + 1, sizeof *config->argv);
   for (int i = 0; config->argv && i < argc; i++) {
      config->argv[i] = strdup (argv[i]);
      if (!config->argv[i]) {
         return fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory");
      }
      config->argc = i + 1;
   }
   return config->argv || fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory");
}

/* The flags that decide what happens with all others. */
static bool
apply_first (fgd_config *config, const occurrence *found, size_t n_found, fg_error *err)
{
   for (size_t i = 0; i < n_found; i++) {
      const char *name = found[i].flag->name;
      if (strcmp (name, "help") == 0) {
         config->help = true;
      } else if (strcmp (name, "version") == 0) {
         config->version = true;
      } else if (strcmp (name, "config") == 0) {
         config->config_file = strdup (found[i].value);
         if (!config->config_file) {
            return fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory");
         }
      }
   }
   return true;
}

bool
fgd_config_parse (fgd_config *config, int argc, char **argv, fg_error *err)
{
   occurrence *found = calloc ((size_t)argc + 1, sizeof *found);
   size_t n_found = 0;
   bool ok = false;

   if (!found) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory");
   }
   if (!keep_argv (config, argc, argv, err) || !scan (argc, argv, found, &n_found, err) ||
       !apply_first (config, found, n_found, err)) {
      goto done;
   }
   if (config->help || config->version) {
      ok = true;
      goto done;
   }
   if (config->config_file && !fgd_config_read_yaml (config, config->config_file, err)) {
      goto done;
   }
   for (size_t i = 0; i < n_found; i++) {
      if (!apply (config, &found[i], err)) {
         goto done;
      }
   }
   ok = fgd_config_check (config, err);
done:
   free (found);
   return ok;
}
