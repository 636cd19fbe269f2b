/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#include <stdlib.h>

/* The documents that a policy is compiled from: the collection's own options first. */
typedef struct sources {
   const uint8_t **documents;
   size_t *lengths;
   size_t n;
} sources;

static void
free_sources (sources *from)
{
   free (from->documents);
   free (from->lengths);
}

static bool
collect (const fg_module *module, const char *ns, const uint8_t *options, size_t len, sources *from, fg_error *err)
{
   from->documents = calloc (module->n_local + 1, sizeof *from->documents);
   from->lengths = calloc (module->n_local + 1, sizeof *from->lengths);
   from->n = 0;
   if (!from->documents || !from->lengths) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   if (options) {
      from->documents[0] = options;
      from->lengths[0] = len;
      from->n = 1;
   }
   from->n += fg_local_collect (module, ns, from->documents + from->n, from->lengths + from->n);
   return true;
}

static fg_policy *
compile (const sources *from, bool strict, fg_error *err)
{
   fg_policy_options how = FG_POLICY_OPTIONS_INIT;

   how.strict = strict;
   return fg_policy_compile (from->documents, from->lengths, from->n, &how, err);
}

static bool
keep_options (const fg_module *module, fg_guarded *guarded, const uint8_t *options, size_t len)
{
   if (module->n_local == 0 || !options) {
      return true;
   }
   guarded->options = malloc (len);
   if (!guarded->options) {
      return false;
   }
   memcpy (guarded->options, options, len);
   guarded->options_len = len;
   return true;
}

/* Takes strict over. */
static fg_guarded *
new_guarded (const fg_module *module, const sources *from, fg_policy *strict, const uint8_t *options, size_t len,
             fg_error *err)
{
   fg_guarded *guarded = calloc (1, sizeof *guarded);

   if (!guarded) {
      fg_policy_free (strict);
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   atomic_init (&guarded->refs, 1);
   guarded->strict = strict;
   if (!keep_options (module, guarded, options, len)) {
      fg_guarded_free (guarded);
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   if (module->compile_lax && !(guarded->lax = compile (from, false, err))) {
      fg_guarded_free (guarded);
      return NULL;
   }
   return guarded;
}

bool
fg_guarded_compile (const fg_module *module, const char *ns, const uint8_t *options, size_t len, fg_guarded **out,
                    fg_error *err)
{
   sources from;
   bool ok = true;

   *out = NULL;
   if (!collect (module, ns, options, len, &from, err)) {
      free_sources (&from);
      return false;
   }
   fg_policy *strict = from.n ? compile (&from, true, err) : NULL;
   if (strict && fg_policy_is_empty (strict)) {
      fg_policy_free (strict);
   } else if (strict) {
      *out = new_guarded (module, &from, strict, options, len, err);
      ok = *out != NULL;
   } else {
      ok = from.n == 0;
   }
   free_sources (&from);
   return ok;
}

/* One for all collections, so that there is always one to be had: NULL would mean that there are no rules. */
fg_guarded *
fg_guarded_unreadable (void)
{
   static fg_guarded unreadable = {.unreadable = true};
   return &unreadable;
}

fg_guarded *
fg_guarded_ref (fg_guarded *guarded)
{
   atomic_fetch_add_explicit (&guarded->refs, 1, memory_order_relaxed);
   return guarded;
}

void
fg_guarded_free (fg_guarded *guarded)
{
   if (guarded && !guarded->unreadable && atomic_fetch_sub (&guarded->refs, 1) == 1) {
      fg_policy_free (guarded->strict);
      fg_policy_free (guarded->lax);
      free (guarded->options);
      free (guarded);
   }
}

const fg_policy *
fg_guarded_policy (const fg_module *module, const fg_guarded *guarded)
{
   bool strict = atomic_load_explicit (&module->strict, memory_order_relaxed);
   return strict || !guarded->lax ? guarded->strict : guarded->lax;
}

size_t
fg_guarded_rules (const fg_guarded *guarded)
{
   return guarded && guarded->strict ? fg_policy_rule_count (guarded->strict) : 0;
}

/* Rules that could not be read may have been anything: nothing covers them but an operator who allows it. */
bool
fg_guarded_covers (const fg_guarded *new_guarded, const fg_guarded *old, char *path, size_t path_len)
{
   path[0] = '\0';
   if (!old) {
      return true;
   }
   if (old->unreadable || (new_guarded && new_guarded->unreadable)) {
      return false;
   }
   return fg_policy_covers (new_guarded ? new_guarded->strict : NULL, old->strict, path, path_len);
}
