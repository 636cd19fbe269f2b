/* SPDX-License-Identifier: Apache-2.0 */
#include "module/loader/loader.h"

#include <stdio.h>
#include <stdlib.h>

#define CODE_INTERNAL_ERROR 1
#define CODE_SHUTDOWN 91
#define CODE_DOCUMENT_VALIDATION 121

/* --- building the chain ---------------------------------------------------------------------------------------------- */

bool
fg_loader_add_hooks (const fg_host *host, const fg_hooks *hooks, void *ctx, fg_error *err)
{
   loaded_module *module = host->ctx;
   fg_loader *loader = module->loader;

   if (!module->initialising) {
      return fg_error_set (err, FG_ERROR_MODULE, FG_E_DENIED, NULL, "hooks can only be added during init");
   }
   if (hooks->size < sizeof hooks->size || hooks->size > sizeof *hooks) {
      return fg_error_set (err, FG_ERROR_MODULE, FG_E_MISMATCH, NULL,
                           "hook table's size is %zu, this host needs at most %zu", hooks->size, sizeof *hooks);
   }
   chain_link *chain = realloc (loader->chain, (loader->n_chain + 1) * sizeof *chain);
   if (!chain) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   loader->chain = chain;
   chain_link *link = &chain[loader->n_chain++];
   memset (link, 0, sizeof *link);
   memcpy (&link->hooks, hooks, hooks->size);
   link->ctx = ctx;
   link->module = module->index;
   return true;
}

void
fg_loader_drop_hooks_of (fg_loader *loader, size_t module)
{
   size_t kept = 0;

   for (size_t i = 0; i < loader->n_chain; i++) {
      if (loader->chain[i].module != module) {
         loader->chain[kept++] = loader->chain[i];
      }
   }
   loader->n_chain = kept;
}

/* --- refusals ---------------------------------------------------------------------------------------------------------- */

void
fg_refusal_init (fg_refusal *refusal)
{
   memset (refusal, 0, sizeof *refusal);
   refusal->size = sizeof *refusal;
}

void
fg_refusal_complete (fg_refusal *refusal, int32_t code, const char *message)
{
   if (refusal->code == 0) {
      refusal->code = code;
   }
   if (refusal->message[0] == '\0') {
      snprintf (refusal->message, sizeof refusal->message, "%s", message);
   }
}

void
fg_refusal_release (fg_refusal *refusal)
{
   if (refusal && refusal->release) {
      refusal->release (refusal);
   }
   if (refusal) {
      refusal->release = NULL;
      refusal->owner = NULL;
      refusal->err_info = NULL;
      refusal->err_info_len = 0;
   }
}

static bool
refuse_shutdown (fg_refusal *refusal)
{
   fg_refusal_complete (refusal, CODE_SHUTDOWN, "the server is shutting down");
   return false;
}

/* --- writes ------------------------------------------------------------------------------------------------------------ */

void
fg_unit_begin (fg_unit *unit, const fg_client_info *client)
{
   memset (unit, 0, sizeof *unit);
   unit->client = client;
}

fg_collection_view
fg_collection_view_for (const fg_collection *collection, size_t module)
{
   fg_collection_view view = {.size = sizeof view, .ns = collection->ns, .slot = collection->slot[module]};

   memcpy (view.uuid, collection->uuid, sizeof view.uuid);
   return view;
}

/* One link. An answer that is no fg_verdict is a defect of the module and refuses. */
static fg_verdict
ask (const chain_link *link, fg_unit *unit, const fg_collection *collection, fg_validate_args *args,
     fg_refusal *refusal)
{
   const fg_collection_view collection_view = fg_collection_view_for (collection, link->module);
   fg_unit_view unit_view = {.size = sizeof unit_view, .slot = unit->slot[link->module], .client = unit->client};

   args->collection = &collection_view;
   args->unit = &unit_view;
   fg_verdict verdict = link->hooks.validate (link->ctx, args, refusal);
   unit->slot[link->module] = unit_view.slot;
   if (verdict == FG_VERDICT_ALLOW || verdict == FG_VERDICT_ALLOW_AND_RECORD) {
      return verdict;
   }
   fg_refusal_complete (refusal, CODE_DOCUMENT_VALIDATION, "Document failed validation");
   return FG_VERDICT_REJECT;
}

/* Where the host cannot refuse, a rejection becomes a record and the later modules are still asked. */
fg_verdict
fg_loader_validate (fg_loader *loader, fg_unit *unit, const fg_collection *collection, fg_op op, fg_phase phase,
                    uint32_t flags, const uint8_t *post, size_t post_len, const uint8_t *pre, size_t pre_len,
                    fg_refusal *refusal)
{
   fg_verdict result = FG_VERDICT_ALLOW;

   fg_refusal_init (refusal);
   if (loader->n_chain == 0) {
      return result;
   }
   if (atomic_load_explicit (&loader->stopped, memory_order_relaxed)) {
      refuse_shutdown (refusal);
      return FG_VERDICT_REJECT;
   }
   fg_validate_args args = {.size = sizeof args,
                            .op = op,
                            .phase = phase,
                            .flags = flags,
                            .post = post,
                            .post_len = post_len,
                            .pre = pre,
                            .pre_len = pre_len};
   unit->touched = true;
   for (size_t i = 0; i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      if (!link->hooks.validate) {
         continue;
      }
      fg_verdict verdict = ask (link, unit, collection, &args, refusal);
      if (verdict == FG_VERDICT_REJECT && !(flags & FG_WRITE_CANNOT_REFUSE)) {
         return verdict;
      }
      if (verdict == FG_VERDICT_REJECT) {
         fg_refusal_release (refusal);
         fg_refusal_init (refusal);
         verdict = FG_VERDICT_ALLOW_AND_RECORD;
      }
      if (verdict == FG_VERDICT_ALLOW_AND_RECORD) {
         unit->recorded = true;
         result = verdict;
      }
   }
   return result;
}

bool
fg_loader_prepare_commit (fg_loader *loader, fg_unit *unit, fg_refusal *refusal)
{
   fg_refusal_init (refusal);
   if (!unit->recorded) {
      return true;
   }
   for (size_t i = 0; i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      if (!link->hooks.prepare_commit) {
         continue;
      }
      fg_unit_view view = {.size = sizeof view, .slot = unit->slot[link->module], .client = unit->client};
      bool ok = link->hooks.prepare_commit (link->ctx, &view, refusal);
      unit->slot[link->module] = view.slot;
      if (!ok) {
         fg_refusal_complete (refusal, CODE_INTERNAL_ERROR, "a module refused to commit");
         return false;
      }
   }
   return true;
}

/* Both ends of a unit. The unit is empty afterwards, so that ending it twice does nothing. */
static void
end_unit (fg_loader *loader, fg_unit *unit, bool committed)
{
   for (size_t i = 0; unit->touched && i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      void (*hook) (void *ctx, fg_unit_view *view) = committed ? link->hooks.committed : link->hooks.rolled_back;
      if (!hook) {
         continue;
      }
      fg_unit_view view = {.size = sizeof view, .slot = unit->slot[link->module], .client = unit->client};
      hook (link->ctx, &view);
      unit->slot[link->module] = view.slot;
   }
   fg_unit_begin (unit, unit->client);
}

void
fg_loader_committed (fg_loader *loader, fg_unit *unit)
{
   end_unit (loader, unit, true);
}

void
fg_loader_rolled_back (fg_loader *loader, fg_unit *unit)
{
   end_unit (loader, unit, false);
}

bool
fg_loader_sync (fg_loader *loader, fg_refusal *refusal)
{
   fg_refusal_init (refusal);
   for (size_t i = 0; i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      if (link->hooks.sync && !link->hooks.sync (link->ctx, refusal)) {
         fg_refusal_complete (refusal, CODE_INTERNAL_ERROR, "a module could not make its records durable");
         return false;
      }
   }
   return true;
}
