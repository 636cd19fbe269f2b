/* SPDX-License-Identifier: Apache-2.0 */
#include <fieldguard/module.h>

FG_EXPORT const fg_module_magic *fieldguard_module_magic (void);
FG_EXPORT bool fieldguard_module_init (const fg_host *host, fg_error *err);

const fg_module_magic *
fieldguard_module_magic (void)
{
   return NULL;
}

bool
fieldguard_module_init (const fg_host *host, fg_error *err)
{
   (void)host;
   (void)err;
   return true;
}
