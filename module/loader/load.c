/* SPDX-License-Identifier: Apache-2.0 */
#include "module/loader/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

fg_loader *
fg_loader_new (const fg_loader_options *options, fg_error *err)
{
   if (!options || options->size < sizeof *options || !options->log || !options->host_name || !options->host_version) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                    "fg_loader_new: size, host name, version and log are required");
      return NULL;
   }
   fg_loader *loader = calloc (1, sizeof *loader);
   if (!loader) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   loader->options = *options;
   loader->host_name = strdup (options->host_name);
   loader->host_version = strdup (options->host_version);
   if (!loader->host_name || !loader->host_version) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      free (loader->host_name);
      free (loader->host_version);
      free (loader);
      return NULL;
   }
   pthread_mutex_init (&loader->settings_lock, NULL);
   atomic_init (&loader->stopped, false);
   return loader;
}

static void
free_module (loaded_module *module)
{
   if (module) {
      free (module->path);
      free (module);
   }
}

void
fg_loader_free (fg_loader *loader)
{
   if (!loader) {
      return;
   }
   fg_loader_stop (loader);
   for (size_t i = loader->n_modules; i-- > 0;) {
      fg_loader_drop_settings_of (loader, i);
      free_module (loader->modules[i]);
   }
   free (loader->settings);
   free (loader->chain);
   pthread_mutex_destroy (&loader->settings_lock);
   free (loader->host_name);
   free (loader->host_version);
   free (loader);
}

static void
log_for_module (const fg_host *host, fg_severity severity, int32_t id, const char *message, const char *attr_json)
{
   const loaded_module *module = host->ctx;
   const fg_loader_options *options = &module->loader->options;

   options->log (options->ctx, severity, id, message, attr_json);
}

static loaded_module *
new_module (fg_loader *loader, const char *path, const fg_module_magic *magic)
{
   loaded_module *module = calloc (1, sizeof *module);

   if (!module) {
      return NULL;
   }
   module->path = strdup (path);
   if (!module->path) {
      free (module);
      return NULL;
   }
   module->loader = loader;
   module->index = loader->n_modules;
   module->magic = magic;
   module->host = (fg_host){.size = sizeof module->host,
                            .abi_major = FG_ABI_MAJOR,
                            .abi_minor = FG_ABI_MINOR,
                            .flags = loader->options.host_flags,
                            .name = loader->host_name,
                            .version = loader->host_version,
                            .ctx = module,
                            .add_hooks = fg_loader_add_hooks,
                            .define_setting = fg_loader_define_setting,
                            .log = log_for_module};
   return module;
}

/* dlopen's own message for a directory or a missing file is obscure; and a name without '/' must never reach the library search path. */
static void *
open_object (const char *path, fg_error *err)
{
   char local[PATH_MAX];
   struct stat st;
   int n = snprintf (local, sizeof local, "%s%s", strchr (path, '/') ? "" : "./", path);

   if (n < 0 || (size_t)n >= sizeof local) {
      fg_error_set (err, FG_ERROR_MODULE, FG_E_TOO_LARGE, path, "module path is too long");
      return NULL;
   }
   if (stat (local, &st) != 0) {
      int errnum = errno;
      fg_error_set_errno (err, errnum, path, "cannot load module %s", path);
      return NULL;
   }
   if (!S_ISREG (st.st_mode)) {
      fg_error_set (err, FG_ERROR_MODULE, FG_E_INVALID, path, "cannot load module %s: not a regular file", path);
      return NULL;
   }
   if (!fg_elf_check (local, path, err)) {
      return NULL;
   }
   void *object = dlopen (local, RTLD_NOW | RTLD_LOCAL);
   if (!object) {
      const char *why = dlerror ();
      fg_error_set (err, FG_ERROR_MODULE, FG_E_INVALID, path, "cannot load module %s: not a loadable shared object: %s",
                    path, why ? why : "unknown");
   }
   return object;
}

/* POSIX lets a data pointer from dlsym be a function's; ISO C wants it copied. */
static bool
find_function (void *object, const char *path, const char *name, void *fn, fg_error *err)
{
   void *symbol = dlsym (object, name);

   if (!symbol) {
      return fg_error_set (err, FG_ERROR_MODULE, FG_E_NOT_FOUND, path,
                           "module %s: does not export %s: not a fieldguard module", path, name);
   }
   memcpy (fn, &symbol, sizeof symbol);
   return true;
}

static bool
name_is_free (const fg_loader *loader, const char *name, const char *path, fg_error *err)
{
   for (size_t i = 0; i < loader->n_modules; i++) {
      if (strcmp (loader->modules[i]->magic->name, name) == 0) {
         return fg_error_set (err, FG_ERROR_MODULE, FG_E_EXISTS, path,
                              "module %s: a module named \"%s\" is already loaded, from %s", path, name,
                              loader->modules[i]->path);
      }
   }
   return true;
}

static bool
run_init (fg_loader *loader, loaded_module *module, fg_module_init_fn init, fg_error *err)
{
   fg_error why = {0};

   module->initialising = true;
   bool ok = init (&module->host, &why);
   module->initialising = false;
   if (ok) {
      return true;
   }
   fg_loader_drop_hooks_of (loader, module->index);
   fg_loader_drop_settings_of (loader, module->index);
   return fg_error_set (err, FG_ERROR_MODULE, why.domain == FG_ERROR_NONE ? FG_E_INTERNAL : why.code, module->path,
                        "module %s: init failed: %s", module->path, why.message[0] ? why.message : "it gave no reason");
}

/* The object is unmapped again only while nothing of it has run; after init something may still point into it. */
bool
fg_loader_load (fg_loader *loader, const char *path, fg_error *err)
{
   fg_module_magic_fn magic_fn = NULL;
   fg_module_init_fn init = NULL;

   if (loader->started) {
      return fg_error_set (err, FG_ERROR_MODULE, FG_E_DENIED, path, "modules can only be loaded before the start");
   }
   if (loader->n_modules == FG_MODULES_MAX) {
      return fg_error_set (err, FG_ERROR_MODULE, FG_E_TOO_LARGE, path, "no more than %d modules can be loaded",
                           FG_MODULES_MAX);
   }
   void *object = open_object (path, err);
   if (!object) {
      return false;
   }
   if (!find_function (object, path, "fieldguard_module_magic", &magic_fn, err) ||
       !find_function (object, path, "fieldguard_module_init", &init, err)) {
      dlclose (object);
      return false;
   }
   const fg_module_magic *magic = magic_fn ();
   if (!fg_magic_check (magic, path, err) || !name_is_free (loader, magic->name, path, err)) {
      dlclose (object);
      return false;
   }
   loaded_module *module = new_module (loader, path, magic);
   if (!module) {
      dlclose (object);
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, path, "out of memory");
   }
   if (!run_init (loader, module, init, err)) {
      free_module (module);
      return false;
   }
   loader->modules[loader->n_modules++] = module;
   return true;
}

size_t
fg_loader_module_count (const fg_loader *loader)
{
   return loader->n_modules;
}

const fg_module_magic *
fg_loader_module_at (const fg_loader *loader, size_t i)
{
   return i < loader->n_modules ? loader->modules[i]->magic : NULL;
}

const char *
fg_loader_module_path (const fg_loader *loader, size_t i)
{
   return i < loader->n_modules ? loader->modules[i]->path : NULL;
}
