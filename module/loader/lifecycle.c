/* SPDX-License-Identifier: Apache-2.0 */
#include "module/loader/loader.h"

/* A module that was started is stopped by fg_loader_stop, also when a later one fails to start. */
bool
fg_loader_start (fg_loader *loader, fg_error *err)
{
   if (loader->started) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_EXISTS, NULL, "the modules have been started already");
   }
   for (size_t i = 0; i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      const char *name = loader->modules[link->module]->magic->name;
      fg_error why = {0};

      if (!link->hooks.start || link->hooks.start (link->ctx, &why)) {
         continue;
      }
      return fg_error_set (err, FG_ERROR_MODULE, why.domain == FG_ERROR_NONE ? FG_E_INTERNAL : why.code,
                           why.path[0] ? why.path : name, "module %s: cannot start: %s", name,
                           why.message[0] ? why.message : "it gave no reason");
   }
   loader->started = true;
   return true;
}

void
fg_loader_stop (fg_loader *loader)
{
   if (atomic_exchange (&loader->stopped, true)) {
      return;
   }
   for (size_t i = loader->n_chain; i-- > 0;) {
      const chain_link *link = &loader->chain[i];
      if (link->hooks.stop) {
         link->hooks.stop (link->ctx);
      }
   }
}

void
fg_loader_rotate (fg_loader *loader)
{
   for (size_t i = 0; !atomic_load (&loader->stopped) && i < loader->n_chain; i++) {
      if (loader->chain[i].hooks.rotate) {
         loader->chain[i].hooks.rotate (loader->chain[i].ctx);
      }
   }
}

/* A module writes names of its own; the loader puts the module's name before them. */
typedef struct prefixed_sink {
   const fg_stat_sink *outer;
   const char *prefix;
} prefixed_sink;

static void
stat_int64 (const fg_stat_sink *sink, const char *name, int64_t value)
{
   const prefixed_sink *p = sink->ctx;
   fg_buf full = {0};

   fg_buf_printf (&full, "%s.%s", p->prefix, name);
   if (!full.failed) {
      p->outer->int64 (p->outer, (const char *)full.data, value);
   }
   fg_buf_free (&full);
}

static void
stat_text (const fg_stat_sink *sink, const char *name, const char *value)
{
   const prefixed_sink *p = sink->ctx;
   fg_buf full = {0};

   fg_buf_printf (&full, "%s.%s", p->prefix, name);
   if (!full.failed) {
      p->outer->text (p->outer, (const char *)full.data, value);
   }
   fg_buf_free (&full);
}

void
fg_loader_stats (fg_loader *loader, const fg_stat_sink *sink)
{
   for (size_t i = 0; !atomic_load (&loader->stopped) && i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      prefixed_sink prefixed = {.outer = sink, .prefix = loader->modules[link->module]->magic->name};
      const fg_stat_sink inner = {.size = sizeof inner, .ctx = &prefixed, .int64 = stat_int64, .text = stat_text};
      if (link->hooks.stats) {
         link->hooks.stats (link->ctx, &inner);
      }
   }
}
