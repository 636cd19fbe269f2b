/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_MODULE_LOADER_H
#define FG_MODULE_LOADER_H

/*
 * The loader's insides, shared by its source files: modules (load.c, magic.c), their hooks in one chain (chain.c, ddl.c) and their settings
 * (settings.c, setting_value.c). The chain and the list of settings are built while loading, on one thread, and never change after fg_loader_start: that
 * is why the write path needs no lock. Only setting values change later, under settings_lock.
 */

#include "base/base.h"

#include <fieldguard/host.h>

#include <pthread.h>
#include <stdatomic.h>

typedef struct loaded_module {
   fg_host host; /* one table a module, so that a call back tells who calls; host.ctx points to this struct */
   fg_loader *loader;
   size_t index; /* of its slots */
   char *path;
   const fg_module_magic *magic; /* in the module's own memory, which stays mapped */
   bool initialising;
} loaded_module;

/* One add_hooks call. hooks is padded with NULL when the module was compiled against an older, shorter table. */
typedef struct chain_link {
   fg_hooks hooks;
   void *ctx;
   size_t module;
} chain_link;

typedef struct setting {
   fg_setting_def def; /* strings and values are the module's, static by contract */
   size_t module;
   char *value; /* canonical */
} setting;

struct fg_loader {
   fg_loader_options options;
   char *host_name;
   char *host_version;
   loaded_module *modules[FG_MODULES_MAX];
   size_t n_modules;
   chain_link *chain;
   size_t n_chain;
   setting *settings;
   size_t n_settings;
   pthread_mutex_t settings_lock;
   atomic_uint_fast64_t setting_changes;
   bool started;
   atomic_bool stopped;
};

struct fg_collection {
   char *ns;
   uint8_t uuid[16];
   void *slot[FG_MODULES_MAX];
};

/* magic.c: the first field that this host cannot work with, named with both values. */
bool fg_magic_check (const fg_module_magic *magic, const char *path, fg_error *err) FG_WARN_UNUSED;

/* elf.c: whether the shared object's segments and section table lie within the file; path is what messages name. */
bool fg_elf_check (const char *file, const char *path, fg_error *err) FG_WARN_UNUSED;

/* settings.c, chain.c: the host table's functions, and taking back what a failed init has added. */
bool fg_loader_define_setting (const fg_host *host, const fg_setting_def *def, fg_error *err) FG_WARN_UNUSED;
void fg_loader_drop_settings_of (fg_loader *loader, size_t module);
bool fg_loader_add_hooks (const fg_host *host, const fg_hooks *hooks, void *ctx, fg_error *err) FG_WARN_UNUSED;
void fg_loader_drop_hooks_of (fg_loader *loader, size_t module);

/* setting_value.c: checks text against type and range. On true *canonical is a malloc'ed canonical spelling. */
bool fg_setting_parse (const fg_setting_def *def, const char *text, char **canonical, fg_error *err) FG_WARN_UNUSED;
/* Where a canonical value stands between loosest and strictest; for BOOL and ENUM. */
int fg_setting_strictness (const fg_setting_def *def, const char *canonical);

/* ddl.c, chain.c: a collection as one module sees it. */
fg_collection_view fg_collection_view_for (const fg_collection *collection, size_t module);
/* Zeroes the refusal and sets its size, as hooks may rely on. */
void fg_refusal_init (fg_refusal *refusal);
/* A hook refused and left the code or the message empty: fills in what a client can be told. */
void fg_refusal_complete (fg_refusal *refusal, int32_t code, const char *message);

#endif /* FG_MODULE_LOADER_H */
