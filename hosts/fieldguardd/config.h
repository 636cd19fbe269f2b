/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_CONFIG_H
#define FGD_CONFIG_H

/*
 * Configuration: the command line and the YAML file, which say the same things. The file is read first; the command line wins.
 * An unknown flag or key is an error that names it (and the file's line). Nothing here opens a socket or a store.
 */

#include <fieldguard/error.h>

#define FGD_DEFAULT_PORT 27017
#define FGD_DEFAULT_DB_PATH "/data/db"
#define FGD_DEFAULT_MAX_CONNECTIONS 65536

typedef struct fgd_setting {
   char *name; /* "fieldguard.mode", "cursorTimeoutMillis" */
   char *value;
} fgd_setting;

typedef struct fgd_config {
   int port; /* 0: a free one */
   char *bind_ip; /* comma-separated; loopback addresses and "localhost" only */
   char *db_path;
   uint64_t map_size; /* bytes that the store's map starts with; 0: as much as there is room for, at most 64 GiB */
   uint64_t max_map_size; /* bytes that it may grow to; 0: no bound */
   char *log_path; /* NULL: standard output */
   bool log_append; /* true, unlike mongod; false (systemLog.logAppend): an existing file is renamed first */
   char *pid_file; /* NULL: none */
   char *config_file; /* NULL: none */
   int max_connections;
   char *repl_set; /* the replica set whose only member this is; NULL: a standalone */
   char **modules; /* paths, in load order */
   size_t n_modules;
   fgd_setting *settings; /* in the order given, each name once */
   size_t n_settings;
   char **argv; /* copied for getCmdLineOpts */
   int argc;
   bool help;
   bool version;
} fgd_config;

/* All defaults. False: out of memory. Free with fgd_config_free in any case. */
bool fgd_config_init (fgd_config *config, fg_error *err) FG_WARN_UNUSED;
void fgd_config_free (fgd_config *config);

/* Reads argv and the file that --config names, then checks the whole (addresses, ranges). err.path is the flag or "file:line". */
bool fgd_config_parse (fgd_config *config, int argc, char **argv, fg_error *err) FG_WARN_UNUSED;

/* --- used by the two readers and their tests ------------------------------------------------------------------------- */

/* Applies one option by its name in the YAML file ("net.port"); where is what err.path gets. */
bool fgd_config_set (fgd_config *config, const char *key, const char *value, const char *where,
                     fg_error *err) FG_WARN_UNUSED;
bool fgd_config_add_module (fgd_config *config, const char *path, fg_error *err) FG_WARN_UNUSED;
bool fgd_config_add_setting (fgd_config *config, const char *name, const char *value, fg_error *err) FG_WARN_UNUSED;
bool fgd_config_read_yaml (fgd_config *config, const char *path, fg_error *err) FG_WARN_UNUSED;
bool fgd_config_check (const fgd_config *config, fg_error *err) FG_WARN_UNUSED;

extern const char fgd_config_help[]; /* what --help prints */

#endif /* FGD_CONFIG_H */
