/* SPDX-License-Identifier: Apache-2.0 */
/* A hook table that is larger than any that this host knows. */
#include <fieldguard/module.h>

FG_MODULE_MAGIC ("bad", "1");
FG_EXPORT bool fieldguard_module_init (const fg_host *host, fg_error *err);

bool
fieldguard_module_init (const fg_host *host, fg_error *err)
{
   static const struct {
      fg_hooks hooks;
      void *more;
   } table = {.hooks = {.size = sizeof table}};

   return host->add_hooks (host, &table.hooks, NULL, err);
}
