/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#include <stddef.h>
#include <stdlib.h>

/* A host of ABI 1.0 never asks for surveys; all else is the same. */
FG_MODULE_MAGIC_SINCE ("fieldguard", FG_VERSION, 0);
FG_EXPORT bool fieldguard_module_init (const fg_host *host, fg_error *err);

/* The options that a slot was compiled for stay enough for the whole run: see compile_lax. */
static bool
start (void *ctx, fg_error *err)
{
   fg_module *module = ctx;
   fg_buf text = {0};

   module->compile_lax = module->allow_loosening || !atomic_load (&module->strict);
   if (!fg_local_load (module, err) || !fg_sink_open (module, err)) {
      return false;
   }
   module->started = true;
   if (!module->audit) {
      return true;
   }
   bool ok = fg_record_startup (module, &text) ? fg_sink_append (module, &text, err)
                                               : fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   ok = ok && fg_audit_log_sync (module->audit, err);
   fg_buf_free (&text);
   return ok || module->fail_open;
}

static void
stop (void *ctx)
{
   fg_module *module = ctx;

   fg_sink_close (module);
   pthread_mutex_destroy (&module->reserve_lock);
   fg_local_free (module);
   free (module->policy_file);
   free (module->audit_path);
   free (module->audit_key_file);
   free (module);
}

static void
stats (void *ctx, const fg_stat_sink *sink)
{
   fg_module *module = ctx;
   fg_counters *c = &module->count;

   sink->text (sink, "mode", fg_mode_name (atomic_load (&module->mode)));
   sink->int64 (sink, "protectedCollections", atomic_load (&c->protected_collections));
   sink->int64 (sink, "checked", atomic_load (&c->checked));
   sink->int64 (sink, "refused", atomic_load (&c->refused));
   sink->int64 (sink, "accepted", atomic_load (&c->accepted));
   sink->int64 (sink, "undecided", atomic_load (&c->undecided));
   sink->int64 (sink, "blocked", atomic_load (&c->blocked));
   sink->int64 (sink, "ruleRemovalsRefused", atomic_load (&c->rule_removals_refused));
   sink->int64 (sink, "auditRecords", atomic_load (&c->audit_records));
   sink->int64 (sink, "auditFailures", atomic_load (&c->audit_failures));
}

static fg_module *
new_module (const fg_host *host)
{
   fg_module *module = calloc (1, sizeof *module);

   if (!module) {
      return NULL;
   }
   module->host = host;
   pthread_mutex_init (&module->reserve_lock, NULL);
   atomic_init (&module->mode, FG_MODE_ENFORCE);
   atomic_init (&module->bypass, FG_REFUSE);
   atomic_init (&module->rule_removal, FG_REFUSE);
   atomic_init (&module->strict, true);
   module->audit_destination = FG_AUDIT_AUTO;
   return module;
}

bool
fieldguard_module_init (const fg_host *host, fg_error *err)
{
   const fg_hooks hooks = {.size = host->abi_minor == 0 ? offsetof (fg_hooks, survey_begin) : sizeof hooks,
                           .validate = fg_module_validate,
                           .ddl = fg_module_ddl,
                           .prepare_commit = fg_module_prepare_commit,
                           .committed = fg_module_committed,
                           .rolled_back = fg_module_rolled_back,
                           .sync = fg_module_sync,
                           .setting = fg_module_setting,
                           .start = start,
                           .stop = stop,
                           .rotate = fg_module_rotate,
                           .stats = stats,
                           .survey_begin = fg_module_survey_begin,
                           .survey_document = fg_module_survey_document,
                           .survey_end = fg_module_survey_end};
   fg_module *module = new_module (host);

   if (!module) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   if (!fg_module_define_settings (host, err) || !host->add_hooks (host, &hooks, module, err)) {
      pthread_mutex_destroy (&module->reserve_lock);
      free (module);
      return false;
   }
   return true;
}
