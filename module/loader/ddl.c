/* SPDX-License-Identifier: Apache-2.0 */
#include "module/loader/loader.h"

#include <stdlib.h>

#define CODE_INVALID_OPTIONS 72

fg_collection *
fg_collection_new (const char *ns, const uint8_t uuid[16], fg_error *err)
{
   fg_collection *collection = calloc (1, sizeof *collection);

   if (!collection || !fg_collection_set_ns (collection, ns, err)) {
      free (collection);
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, ns, "out of memory");
      return NULL;
   }
   if (uuid) {
      memcpy (collection->uuid, uuid, sizeof collection->uuid);
   }
   return collection;
}

void
fg_collection_free (fg_collection *collection)
{
   if (collection) {
      free (collection->ns);
      free (collection);
   }
}

const char *
fg_collection_ns (const fg_collection *collection)
{
   return collection->ns;
}

bool
fg_collection_set_ns (fg_collection *collection, const char *ns, fg_error *err)
{
   char *copy = strdup (ns);

   if (!copy) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, ns, "out of memory");
   }
   free (collection->ns);
   collection->ns = copy;
   return true;
}

bool
fg_collection_is_watched (const fg_collection *collection)
{
   for (size_t i = 0; i < FG_MODULES_MAX; i++) {
      if (collection->slot[i]) {
         return true;
      }
   }
   return false;
}

/* Tells one link one phase; slots are taken back only from APPLY, where a module may set them. */
static bool
tell (const chain_link *link, fg_ddl_request *request, fg_ddl_phase phase, fg_refusal *refusal)
{
   fg_collection_view view = fg_collection_view_for (request->collection, link->module);
   fg_collection_view target = {0};

   if (request->target) {
      target = fg_collection_view_for (request->target, link->module);
   }
   fg_ddl_args args = {.size = sizeof args,
                       .ddl = request->ddl,
                       .phase = phase,
                       .collection = &view,
                       .old_options = request->old_options,
                       .old_options_len = request->old_options_len,
                       .new_options = request->new_options,
                       .new_options_len = request->new_options_len,
                       .target_ns = request->target_ns,
                       .target = request->target ? &target : NULL,
                       .target_options = request->target_options,
                       .target_options_len = request->target_options_len,
                       .client = request->client,
                       .pending = request->pending[link->module]};
   bool ok = link->hooks.ddl (link->ctx, &args, refusal);
   request->pending[link->module] = args.pending;
   if (phase == FG_DDL_APPLY) {
      request->collection->slot[link->module] = view.slot;
      if (request->target) {
         request->target->slot[link->module] = target.slot;
      }
   }
   return ok;
}

/* In reverse order, as a stack unwinds; `prepared` counts the links that have agreed. */
void
fg_loader_ddl_abandon (fg_loader *loader, fg_ddl_request *request)
{
   while (request->prepared > 0) {
      const chain_link *link = &loader->chain[--request->prepared];
      if (link->hooks.ddl) {
         fg_refusal ignored;
         fg_refusal_init (&ignored);
         (void)tell (link, request, FG_DDL_ABANDON, &ignored);
         fg_refusal_release (&ignored);
      }
   }
}

bool
fg_loader_ddl_prepare (fg_loader *loader, fg_ddl_request *request, fg_refusal *refusal)
{
   fg_refusal_init (refusal);
   request->prepared = 0;
   for (size_t i = 0; i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      if (link->hooks.ddl && !tell (link, request, FG_DDL_PREPARE, refusal)) {
         fg_refusal_complete (refusal, CODE_INVALID_OPTIONS, "a module refused this change of the collection");
         fg_loader_ddl_abandon (loader, request);
         return false;
      }
      request->prepared = i + 1;
   }
   return true;
}

void
fg_loader_ddl_apply (fg_loader *loader, fg_ddl_request *request)
{
   for (size_t i = 0; i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      if (link->hooks.ddl) {
         fg_refusal ignored;
         fg_refusal_init (&ignored);
         (void)tell (link, request, FG_DDL_APPLY, &ignored);
         fg_refusal_release (&ignored);
      }
   }
   request->prepared = 0;
}
