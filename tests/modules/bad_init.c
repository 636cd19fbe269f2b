/* SPDX-License-Identifier: Apache-2.0 */
/* Adds hooks and a setting, then fails: nothing of it may stay. */
#include <fieldguard/module.h>

#include <stdio.h>

FG_MODULE_MAGIC ("bad", "1");
FG_EXPORT bool fieldguard_module_init (const fg_host *host, fg_error *err);

static fg_verdict
reject (void *ctx, fg_validate_args *args, fg_refusal *refusal)
{
   (void)ctx;
   (void)args;
   (void)refusal;
   return FG_VERDICT_REJECT;
}

bool
fieldguard_module_init (const fg_host *host, fg_error *err)
{
   static const fg_hooks hooks = {.size = sizeof hooks, .validate = reject};
   static const fg_setting_def def = {.size = sizeof def,
                                      .name = "bad.flag",
                                      .type = FG_SETTING_BOOL,
                                      .context = FG_SETTING_RUNTIME,
                                      .default_value = "true",
                                      .help = "x"};

   if (host->add_hooks (host, &hooks, NULL, err) && host->define_setting (host, &def, err)) {
      err->domain = FG_ERROR_MODULE;
      err->code = FG_E_UNSUPPORTED;
      snprintf (err->message, sizeof err->message, "it does not want to");
   }
   return false;
}
