/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#include <stdlib.h>

static const char *const modes[] = {"off", "audit", "enforce", NULL};
static const char *const attitudes[] = {"allow", "audit", "refuse", NULL};
static const char *const destinations[] = {"none", "auto", "file", NULL};
static const char *const failures[] = {"open", "closed", NULL};

#define SETTING(name_, type_, context_, default_, values_, help_)                                                      \
   {                                                                                                                   \
      sizeof (fg_setting_def), "fieldguard." name_, type_, context_, default_, values_, 0, 0, help_                    \
   }

static const fg_setting_def definitions[] = {
   SETTING (
      "mode", FG_SETTING_ENUM, FG_SETTING_RAISE, "enforce", modes,
      "enforce refuses writes that break an encryption rule, audit accepts and records them, off checks nothing."),
   SETTING (
      "strict", FG_SETTING_BOOL, FG_SETTING_RAISE, "true", NULL,
      "Also check shape, length, algorithm and key id of each encrypted value; false: only what the rules state."),
   SETTING ("bypass", FG_SETTING_ENUM, FG_SETTING_RAISE, "refuse", attitudes,
            "Writes with bypassDocumentValidation: refuse checks them like any other, audit accepts and records what "
            "breaks a "
            "rule, allow does not check them."),
   SETTING ("ruleRemoval", FG_SETTING_ENUM, FG_SETTING_RAISE, "refuse", attitudes,
            "A collMod or rename that takes an encryption rule away: refuse it, accept and record it, or accept it."),
   SETTING ("redactErrInfo", FG_SETTING_BOOL, FG_SETTING_RAISE, "false", NULL,
            "Whether errInfo of a refused write withholds consideredValue everywhere, not only of encrypted fields."),
   SETTING ("allowLoosening", FG_SETTING_BOOL, FG_SETTING_STARTUP, "false", NULL,
            "Whether the settings above may be made looser while the server runs."),
   SETTING ("auditDestination", FG_SETTING_ENUM, FG_SETTING_STARTUP, "auto", destinations,
            "Where audit records go: file, none, or auto (file when auditPath is set)."),
   SETTING ("auditPath", FG_SETTING_STRING, FG_SETTING_STARTUP, "", NULL, "The audit file."),
   SETTING ("auditKeyFile", FG_SETTING_STRING, FG_SETTING_STARTUP, "", NULL,
            "A file of 32 to 4096 secret bytes that key the audit chain; without one the chain is plain SHA-256."),
   SETTING ("auditFailure", FG_SETTING_ENUM, FG_SETTING_STARTUP, "closed", failures,
            "When audit records cannot be written: closed refuses writes to protected collections, open accepts them."),
   SETTING ("policyFile", FG_SETTING_STRING, FG_SETTING_STARTUP, "", NULL,
            "A file of further encryption rules by namespace; they only add to what collections declare."),
};

bool
fg_module_define_settings (const fg_host *host, fg_error *err)
{
   for (size_t i = 0; i < sizeof definitions / sizeof definitions[0]; i++) {
      if (!host->define_setting (host, &definitions[i], err)) {
         return false;
      }
   }
   return true;
}

const char *
fg_mode_name (int mode)
{
   return modes[mode];
}

const char *
fg_attitude_name (int attitude)
{
   return attitudes[attitude];
}

/* The loader has checked the value against this list. */
static int
index_of (const char *const *values, const char *value)
{
   int i = 0;

   while (values[i + 1] && strcmp (values[i], value) != 0) {
      i++;
   }
   return i;
}

static bool
set_text (char **text, const char *value, fg_error *err)
{
   char *copy = value[0] ? strdup (value) : NULL;

   if (value[0] && !copy) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   free (*text);
   *text = copy;
   return true;
}

static bool
apply (fg_module *module, const char *name, const char *value, fg_error *err)
{
   if (strcmp (name, "mode") == 0) {
      atomic_store (&module->mode, index_of (modes, value));
   } else if (strcmp (name, "strict") == 0) {
      atomic_store (&module->strict, strcmp (value, "true") == 0);
   } else if (strcmp (name, "bypass") == 0) {
      atomic_store (&module->bypass, index_of (attitudes, value));
   } else if (strcmp (name, "ruleRemoval") == 0) {
      atomic_store (&module->rule_removal, index_of (attitudes, value));
   } else if (strcmp (name, "allowLoosening") == 0) {
      module->allow_loosening = strcmp (value, "true") == 0;
   } else if (strcmp (name, "auditDestination") == 0) {
      module->audit_destination = index_of (destinations, value);
   } else if (strcmp (name, "auditPath") == 0) {
      return set_text (&module->audit_path, value, err);
   } else if (strcmp (name, "auditKeyFile") == 0) {
      return set_text (&module->audit_key_file, value, err);
   } else if (strcmp (name, "policyFile") == 0) {
      return set_text (&module->policy_file, value, err);
   } else if (strcmp (name, "auditFailure") == 0) {
      module->fail_open = strcmp (value, "open") == 0;
   } else if (strcmp (name, "redactErrInfo") != 0) { /* that one is the host's to read: it judges validators */
      return fg_error_set (err, FG_ERROR_SETTING, FG_E_NOT_FOUND, name, "unknown setting");
   }
   return true;
}

/* A change is on record before it takes effect; what was set at start-up stands in the start-up record. */
static bool
record_change (fg_module *module, const fg_setting_change *change, fg_error *err)
{
   fg_buf text = {0};

   if (!module->started || !module->audit) {
      return true;
   }
   bool ok = fg_record_setting (change, &text)
                ? fg_sink_append (module, &text, err) && fg_audit_log_sync (module->audit, err)
                : fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   fg_buf_free (&text);
   return ok || !fg_sink_is_closed (module);
}

bool
fg_module_setting (void *ctx, const fg_setting_change *change, fg_error *err)
{
   fg_module *module = ctx;

   return record_change (module, change, err) &&
          apply (module, change->name + strlen ("fieldguard."), change->new_value, err);
}
