/* SPDX-License-Identifier: Apache-2.0 */
#include <fieldguard/module.h>

FG_MODULE_MAGIC ("bad", "1");
FG_EXPORT bool fieldguard_module_init (const fg_host *host, fg_error *err);

bool
fieldguard_module_init (const fg_host *host, fg_error *err)
{
   static const fg_setting_def def = {.size = sizeof def,
                                      .name = "bad.flag",
                                      .type = FG_SETTING_BOOL,
                                      .context = FG_SETTING_RUNTIME,
                                      .default_value = "true",
                                      .help = "x"};

   return host->define_setting (host, &def, err) && host->define_setting (host, &def, err);
}
