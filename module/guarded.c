/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#include <stdlib.h>

static fg_policy *
compile (const uint8_t *options, size_t len, bool strict, fg_error *err)
{
   fg_policy_options how = FG_POLICY_OPTIONS_INIT;

   how.strict = strict;
   return fg_policy_compile (&options, &len, 1, &how, err);
}

bool
fg_guarded_compile (const fg_module *module, const uint8_t *options, size_t len, fg_guarded **out, fg_error *err)
{
   *out = NULL;
   if (!options) {
      return true;
   }
   fg_policy *strict = compile (options, len, true, err);
   if (!strict) {
      return false;
   }
   if (fg_policy_is_empty (strict)) {
      fg_policy_free (strict);
      return true;
   }
   fg_guarded *guarded = calloc (1, sizeof *guarded);
   if (!guarded) {
      fg_policy_free (strict);
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   guarded->strict = strict;
   if (module->compile_lax) {
      guarded->lax = compile (options, len, false, err);
      if (!guarded->lax) {
         fg_guarded_free (guarded);
         return false;
      }
   }
   *out = guarded;
   return true;
}

/* One for all collections, so that there is always one to be had: NULL would mean that there are no rules. */
fg_guarded *
fg_guarded_unreadable (void)
{
   static fg_guarded unreadable = {.unreadable = true};
   return &unreadable;
}

void
fg_guarded_free (fg_guarded *guarded)
{
   if (guarded && !guarded->unreadable) {
      fg_policy_free (guarded->strict);
      fg_policy_free (guarded->lax);
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
   if (new_guarded) {
      return fg_policy_covers (new_guarded->strict, old->strict, path, path_len);
   }
   return false;
}
