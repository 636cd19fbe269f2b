/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#include <bson/bson.h>
#include <stdio.h>

static void
count (atomic_llong *counter)
{
   atomic_fetch_add_explicit (counter, 1, memory_order_relaxed);
}

/* --- refusals --------------------------------------------------------------------------------------------------------------- */

static void
release_details (fg_refusal *refusal)
{
   bson_destroy (refusal->owner);
}

static void
append_cannot_decide (bson_t *details)
{
   BSON_APPEND_UTF8 (details, "operatorName", "fieldguard");
   BSON_APPEND_UTF8 (details, "reason", fg_reason_text (FG_REASON_CANNOT_DECIDE));
}

static void
refuse_document (const fg_violation_record *what, fg_refusal *refusal)
{
   const fg_validate_args *args = what->args;
   bson_t *details = bson_new ();

   refusal->code = FG_CODE_DOCUMENT_VALIDATION;
   snprintf (refusal->message, sizeof refusal->message, "Document failed validation");
   if (!what->decided || !what->policy ||
       !fg_policy_explain (what->policy, args->post, args->post_len, what->phase, details, NULL)) {
      bson_reinit (details);
      append_cannot_decide (details);
   }
   refusal->err_info = bson_get_data (details);
   refusal->err_info_len = details->len;
   refusal->owner = details;
   refusal->release = release_details;
}

/* --- the audit log is full or broken ------------------------------------------------------------------------------------------- */

/* The record is a probe: written when the unit ends, it shows whether the log works again. */
static fg_verdict
refuse_blocked (fg_module *module, const fg_validate_args *args, fg_refusal *refusal)
{
   fg_buf text = {0};

   if (fg_record_blocked (args, &text)) {
      (void)!fg_pending_add (args->unit, FG_RECORD_PROBE, &text);
   }
   fg_buf_free (&text);
   count (&module->count.blocked);
   fg_sink_refuse (NULL, refusal);
   return FG_VERDICT_REJECT;
}

/* --- a document that breaks a rule --------------------------------------------------------------------------------------------- */

static bool
is_accepted (const fg_module *module, const fg_validate_args *args)
{
   if (atomic_load_explicit (&module->mode, memory_order_relaxed) == FG_MODE_AUDIT ||
       (args->flags & FG_WRITE_CANNOT_REFUSE)) {
      return true;
   }
   return (args->flags & FG_WRITE_BYPASS) && atomic_load_explicit (&module->bypass, memory_order_relaxed) == FG_AUDIT;
}

/* An accepted write without its record would be a hole; a refused one is refused all the same, and sync answers for the record. */
static bool
queue (fg_module *module, const fg_violation_record *what)
{
   fg_buf text = {0};
   fg_record_fate fate = what->refused ? FG_RECORD_REFUSED : FG_RECORD_ACCEPTED;

   bool ok = fg_record_violation (what, &text) && fg_pending_add (what->args->unit, fate, &text);
   fg_buf_free (&text);
   if (!ok) {
      count (&module->count.audit_failures);
   }
   if (!ok && what->refused) {
      atomic_store (&module->lost, true);
   }
   return ok || !fg_sink_is_closed (module);
}

static fg_verdict
on_violation (fg_module *module, fg_violation_record *what, fg_refusal *refusal)
{
   what->refused = !is_accepted (module, what->args);
   if (!what->decided) {
      count (&module->count.undecided);
   }
   if (!queue (module, what) && !what->refused && !(what->args->flags & FG_WRITE_CANNOT_REFUSE)) {
      fg_sink_refuse (NULL, refusal);
      return FG_VERDICT_REJECT;
   }
   if (!what->refused) {
      count (&module->count.accepted);
      return FG_VERDICT_ALLOW_AND_RECORD;
   }
   count (&module->count.refused);
   refuse_document (what, refusal);
   return FG_VERDICT_REJECT;
}

/* --- the hook ------------------------------------------------------------------------------------------------------------------ */

/* Query payloads are legal on the wire only in a command that says that it carries them. */
static fg_phase
judged_phase (const fg_validate_args *args)
{
   return args->phase == FG_PHASE_WIRE && !(args->flags & FG_WRITE_ENCRYPTION_INFO) ? FG_PHASE_STORED : args->phase;
}

static fg_check
check (const fg_violation_record *what)
{
   const fg_validate_args *args = what->args;

   if (!what->policy || !args->post) {
      return FG_CHECK_ERROR;
   }
   return fg_policy_check (what->policy, args->post, args->post_len, what->phase, NULL);
}

fg_verdict
fg_module_validate (void *ctx, fg_validate_args *args, fg_refusal *refusal)
{
   fg_module *module = ctx;
   const fg_guarded *guarded = args->collection->slot;

   if (!guarded || atomic_load_explicit (&module->mode, memory_order_relaxed) == FG_MODE_OFF) {
      return FG_VERDICT_ALLOW;
   }
   if ((args->flags & FG_WRITE_BYPASS) && atomic_load_explicit (&module->bypass, memory_order_relaxed) == FG_ALLOW) {
      return FG_VERDICT_ALLOW;
   }
   if (atomic_load_explicit (&module->blocked, memory_order_relaxed) && fg_sink_is_closed (module) &&
       !(args->flags & FG_WRITE_CANNOT_REFUSE)) {
      return refuse_blocked (module, args, refusal);
   }
   count (&module->count.checked);
   fg_violation_record what = {.module = module,
                               .args = args,
                               .policy = guarded->unreadable ? NULL : fg_guarded_policy (module, guarded),
                               .phase = judged_phase (args)};
   fg_check verdict = check (&what);
   if (verdict == FG_CHECK_OK) {
      return FG_VERDICT_ALLOW;
   }
   what.decided = verdict == FG_CHECK_VIOLATION;
   return on_violation (module, &what, refusal);
}
