/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that shows what the loader does: it logs every hook call as "<name> <hook>", and refuses where its setting `refuse` says so. It keeps a
 * marker in each slot that it is handed, and logs "wrong slot" when it gets back another one. Include it after defining PROBE_NAME.
 */
#include <fieldguard/module.h>

#include <stdio.h>
#include <string.h>

FG_MODULE_MAGIC (PROBE_NAME, "1");
FG_EXPORT bool fieldguard_module_init (const fg_host *host, fg_error *err);

static const char *const refusals[] = {"nothing",       "validate", "record",  "nonsense", "ddl",
                                       "prepareCommit", "sync",     "setting", "start",    NULL};
static const char *const levels[] = {"low", "middle", "high", NULL};

typedef struct probe {
   const fg_host *host;
   char refuse[16];
} probe;

static probe state; /* one loader a process in these tests */
static int collection_marker;
static int unit_marker;
static int pending_marker;

static void
say (const char *what)
{
   char line[64];
   snprintf (line, sizeof line, PROBE_NAME " %s", what);
   state.host->log (state.host, FG_LOG_INFO, 1, line, NULL);
}

static void
expect_slot (const void *slot, const void *marker)
{
   if (slot && slot != marker) {
      say ("wrong slot");
   }
}

static bool
refuses (const char *what)
{
   return strcmp (state.refuse, what) == 0;
}

static void
release (fg_refusal *refusal)
{
   (void)refusal;
   say ("released");
}

static fg_verdict
probe_validate (void *ctx, fg_validate_args *args, fg_refusal *refusal)
{
   (void)ctx;
   say ("validate");
   expect_slot (args->collection->slot, &collection_marker);
   expect_slot (args->unit->slot, &unit_marker);
   args->unit->slot = &unit_marker;
   if (refuses ("validate")) {
      refusal->code = 121;
      snprintf (refusal->message, sizeof refusal->message, PROBE_NAME " says no");
      refusal->release = release;
      return FG_VERDICT_REJECT;
   }
   if (refuses ("nonsense")) {
      return (fg_verdict)77;
   }
   return refuses ("record") ? FG_VERDICT_ALLOW_AND_RECORD : FG_VERDICT_ALLOW;
}

static bool
probe_ddl (void *ctx, fg_ddl_args *args, fg_refusal *refusal)
{
   (void)ctx;
   say (args->phase == FG_DDL_PREPARE ? "prepare" : args->phase == FG_DDL_APPLY ? "apply" : "abandon");
   expect_slot (args->collection->slot, &collection_marker);
   expect_slot (args->pending, &pending_marker);
   if (args->phase == FG_DDL_PREPARE && refuses ("ddl")) {
      snprintf (refusal->message, sizeof refusal->message, PROBE_NAME " vetoes");
      return false;
   }
   if (args->phase == FG_DDL_PREPARE) {
      args->pending = &pending_marker;
   } else if (args->phase == FG_DDL_APPLY) {
      args->pending = NULL;
      args->collection->slot = args->ddl == FG_DDL_DROP || args->ddl == FG_DDL_UNLOAD ? NULL : &collection_marker;
   }
   return true;
}

static bool
probe_prepare_commit (void *ctx, fg_unit_view *unit, fg_refusal *refusal)
{
   (void)ctx;
   (void)refusal;
   say ("prepareCommit");
   expect_slot (unit->slot, &unit_marker);
   return !refuses ("prepareCommit");
}

static void
probe_committed (void *ctx, fg_unit_view *unit)
{
   (void)ctx;
   say (unit->slot == &unit_marker ? "committed" : "committed without its slot");
}

static void
probe_rolled_back (void *ctx, fg_unit_view *unit)
{
   (void)ctx;
   say (unit->slot == &unit_marker ? "rolledBack" : "rolledBack without its slot");
}

static bool
probe_sync (void *ctx, fg_refusal *refusal)
{
   (void)ctx;
   (void)refusal;
   say ("sync");
   return !refuses ("sync");
}

static bool
probe_setting (void *ctx, const fg_setting_change *change, fg_error *err)
{
   (void)ctx;
   (void)err;
   say (change->name);
   if (refuses ("setting") && strcmp (change->name, PROBE_NAME ".refuse") != 0) {
      return false;
   }
   if (strcmp (change->name, PROBE_NAME ".refuse") == 0) {
      snprintf (state.refuse, sizeof state.refuse, "%s", change->new_value);
   }
   return true;
}

static bool
probe_start (void *ctx, fg_error *err)
{
   (void)ctx;
   (void)err;
   say ("start");
   return !refuses ("start");
}

static void
probe_stop (void *ctx)
{
   (void)ctx;
   say ("stop");
}

static void
probe_rotate (void *ctx)
{
   (void)ctx;
   say ("rotate");
}

static void
probe_stats (void *ctx, const fg_stat_sink *sink)
{
   (void)ctx;
   sink->int64 (sink, "answer", 42);
   sink->text (sink, "deep.refuse", state.refuse);
}

#define PROBE_SETTING(name_, type_, context_, default_, values_)                                                       \
   {                                                                                                                   \
      sizeof (fg_setting_def), PROBE_NAME "." name_, type_, context_, default_, values_, -5, 5, "For tests."           \
   }

bool
fieldguard_module_init (const fg_host *host, fg_error *err)
{
   static const fg_hooks hooks = {.size = sizeof hooks,
                                  .validate = probe_validate,
                                  .ddl = probe_ddl,
                                  .prepare_commit = probe_prepare_commit,
                                  .committed = probe_committed,
                                  .rolled_back = probe_rolled_back,
                                  .sync = probe_sync,
                                  .setting = probe_setting,
                                  .start = probe_start,
                                  .stop = probe_stop,
                                  .rotate = probe_rotate,
                                  .stats = probe_stats};
   static const fg_setting_def settings[] = {
      PROBE_SETTING ("refuse", FG_SETTING_ENUM, FG_SETTING_RUNTIME, "nothing", refusals),
      PROBE_SETTING ("level", FG_SETTING_ENUM, FG_SETTING_RAISE, "middle", levels),
      PROBE_SETTING ("flag", FG_SETTING_BOOL, FG_SETTING_RAISE, "false", NULL),
      PROBE_SETTING ("allowLoosening", FG_SETTING_BOOL, FG_SETTING_STARTUP, "false", NULL),
      PROBE_SETTING ("number", FG_SETTING_INT, FG_SETTING_RUNTIME, "0", NULL),
      PROBE_SETTING ("text", FG_SETTING_STRING, FG_SETTING_RUNTIME, "", NULL),
      PROBE_SETTING ("path", FG_SETTING_STRING, FG_SETTING_STARTUP, "", NULL),
   };

   memset (&state, 0, sizeof state);
   state.host = host;
   for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
      if (!host->define_setting (host, &settings[i], err)) {
         return false;
      }
   }
   return host->add_hooks (host, &hooks, &state, err);
}
