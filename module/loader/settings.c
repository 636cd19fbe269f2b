/* SPDX-License-Identifier: Apache-2.0 */
#include "module/loader/loader.h"

#include <stdio.h>
#include <stdlib.h>

static setting *
find (const fg_loader *loader, const char *name)
{
   for (size_t i = 0; i < loader->n_settings; i++) {
      if (strcmp (loader->settings[i].def.name, name) == 0) {
         return &loader->settings[i];
      }
   }
   return NULL;
}

static bool
bad_definition (fg_error *err, const char *name, const char *why)
{
   return fg_error_set (err, FG_ERROR_SETTING, FG_E_INVALID, name, "setting %s: %s", name ? name : "(no name)", why);
}

static bool
has_prefix (const char *name, const char *module)
{
   size_t n = strlen (module);
   return strncmp (name, module, n) == 0 && name[n] == '.' && name[n + 1] != '\0';
}

/* Everything that fg_setting_parse and the context check rely on later. */
static bool
check_definition (const loaded_module *module, const fg_setting_def *def, fg_error *err)
{
   if (def->size < sizeof *def || !def->name || !def->default_value || !def->help) {
      return bad_definition (err, def->size < sizeof *def ? NULL : def->name,
                             "size, name, default and help are required");
   }
   if (!has_prefix (def->name, module->magic->name)) {
      return bad_definition (err, def->name, "the name must start with the module's name and a dot");
   }
   if (def->type != FG_SETTING_BOOL && def->type != FG_SETTING_ENUM && def->type != FG_SETTING_STRING &&
       def->type != FG_SETTING_INT) {
      return bad_definition (err, def->name, "unknown type");
   }
   if (def->type == FG_SETTING_ENUM && (!def->values || !def->values[0])) {
      return bad_definition (err, def->name, "an enum needs its values");
   }
   if (def->context != FG_SETTING_STARTUP && def->context != FG_SETTING_RAISE && def->context != FG_SETTING_RUNTIME) {
      return bad_definition (err, def->name, "unknown context");
   }
   if (def->context == FG_SETTING_RAISE && def->type != FG_SETTING_BOOL && def->type != FG_SETTING_ENUM) {
      return bad_definition (err, def->name, "only a bool or an enum can be stricter or looser");
   }
   return true;
}

bool
fg_loader_define_setting (const fg_host *host, const fg_setting_def *def, fg_error *err)
{
   loaded_module *module = host->ctx;
   fg_loader *loader = module->loader;
   char *value = NULL;

   if (!module->initialising) {
      return fg_error_set (err, FG_ERROR_SETTING, FG_E_DENIED, NULL, "settings can only be defined during init");
   }
   if (!check_definition (module, def, err)) {
      return false;
   }
   if (find (loader, def->name)) {
      return fg_error_set (err, FG_ERROR_SETTING, FG_E_EXISTS, def->name, "setting %s: defined twice", def->name);
   }
   if (!fg_setting_parse (def, def->default_value, &value, err)) {
      return false;
   }
   setting *settings = realloc (loader->settings, (loader->n_settings + 1) * sizeof *settings);
   if (!settings) {
      free (value);
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, def->name, "out of memory");
   }
   loader->settings = settings;
   settings[loader->n_settings++] = (setting){.def = *def, .module = module->index, .value = value};
   return true;
}

void
fg_loader_drop_settings_of (fg_loader *loader, size_t module)
{
   size_t kept = 0;

   for (size_t i = 0; i < loader->n_settings; i++) {
      if (loader->settings[i].module == module) {
         free (loader->settings[i].value);
      } else {
         loader->settings[kept++] = loader->settings[i];
      }
   }
   loader->n_settings = kept;
}

bool
fg_loader_has_setting (const fg_loader *loader, const char *name)
{
   return find (loader, name) != NULL;
}

static bool
loosening_allowed (const fg_loader *loader, const setting *s)
{
   char name[64];

   snprintf (name, sizeof name, "%s.allowLoosening", loader->modules[s->module]->magic->name);
   const setting *allow = find (loader, name);
   return allow && allow->def.type == FG_SETTING_BOOL && strcmp (allow->value, "true") == 0;
}

static bool
context_allows (const fg_loader *loader, const setting *s, const char *value, bool at_startup, fg_error *err)
{
   const char *name = s->def.name;

   if (at_startup) {
      return !loader->started ||
             fg_error_set (err, FG_ERROR_SETTING, FG_E_DENIED, name, "setting %s: the start-up is over", name);
   }
   switch (s->def.context) {
   case FG_SETTING_RUNTIME:
      return true;
   case FG_SETTING_RAISE:
      return fg_setting_strictness (&s->def, value) >= fg_setting_strictness (&s->def, s->value) ||
             loosening_allowed (loader, s) ||
             fg_error_set (
                err, FG_ERROR_SETTING, FG_E_DENIED, name,
                "setting %s: can only be made stricter while running: from %s to %s needs a restart, or a start with "
                "%s.allowLoosening",
                name, s->value, value, loader->modules[s->module]->magic->name);
   case FG_SETTING_STARTUP:
   default:
      return fg_error_set (err, FG_ERROR_SETTING, FG_E_DENIED, name, "setting %s: can only be set at start-up", name);
   }
}

static bool
module_agrees (fg_loader *loader, const setting *s, const fg_setting_change *change, fg_error *err)
{
   for (size_t i = 0; i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      fg_error why = {0};

      if (link->module != s->module || !link->hooks.setting || link->hooks.setting (link->ctx, change, &why)) {
         continue;
      }
      return fg_error_set (err, FG_ERROR_SETTING, why.domain == FG_ERROR_NONE ? FG_E_INVALID : why.code, s->def.name,
                           "setting %s: refused: %s", s->def.name,
                           why.message[0] ? why.message : "the module gave no reason");
   }
   return true;
}

static bool
change_locked (fg_loader *loader, setting *s, char **value, bool at_startup, const fg_client_info *client,
               fg_error *err)
{
   if (atomic_load (&loader->stopped)) {
      return fg_error_set (err, FG_ERROR_SETTING, FG_E_DENIED, s->def.name, "setting %s: shutting down", s->def.name);
   }
   if (!context_allows (loader, s, *value, at_startup, err)) {
      return false;
   }
   const fg_setting_change change = {.size = sizeof change,
                                     .name = s->def.name,
                                     .old_value = s->value,
                                     .new_value = *value,
                                     .at_startup = at_startup,
                                     .client = client};
   if (!module_agrees (loader, s, &change, err)) {
      return false;
   }
   char *old = s->value;
   s->value = *value;
   *value = old;
   if (!at_startup) {
      atomic_fetch_add (&loader->setting_changes, 1);
   }
   return true;
}

uint64_t
fg_loader_setting_changes (const fg_loader *loader)
{
   return atomic_load (&loader->setting_changes);
}

bool
fg_loader_set_setting (fg_loader *loader, const char *name, const char *value, bool at_startup,
                       const fg_client_info *client, fg_error *err)
{
   setting *s = find (loader, name);
   char *parsed = NULL;

   if (!s) {
      return fg_error_set (err, FG_ERROR_SETTING, FG_E_NOT_FOUND, name, "no such setting: %s", name);
   }
   if (!fg_setting_parse (&s->def, value, &parsed, err)) {
      return false;
   }
   pthread_mutex_lock (&loader->settings_lock);
   bool ok = change_locked (loader, s, &parsed, at_startup, client, err);
   pthread_mutex_unlock (&loader->settings_lock);
   free (parsed);
   return ok;
}

/* The lock is no part of a loader's value, so reading through a const loader may take it. */
static pthread_mutex_t *
lock_of (const fg_loader *loader)
{
   union {
      const fg_loader *in;
      fg_loader *out;
   } same = {.in = loader};

   return &same.out->settings_lock;
}

bool
fg_loader_get_setting (const fg_loader *loader, const char *name, char *buf, size_t buf_len)
{
   const setting *s = find (loader, name);

   if (!s) {
      return false;
   }
   pthread_mutex_lock (lock_of (loader));
   size_t n = strlen (s->value);
   bool fits = n < buf_len;
   if (fits) {
      memcpy (buf, s->value, n + 1);
   }
   pthread_mutex_unlock (lock_of (loader));
   return fits;
}

void
fg_loader_visit_settings (const fg_loader *loader,
                          bool (*visit) (void *ctx, const fg_setting_def *def, const char *value), void *ctx)
{
   pthread_mutex_lock (lock_of (loader));
   for (size_t i = 0; i < loader->n_settings; i++) {
      if (!visit (ctx, &loader->settings[i].def, loader->settings[i].value)) {
         break;
      }
   }
   pthread_mutex_unlock (lock_of (loader));
}
