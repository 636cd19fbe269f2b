/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_OVERHEAD 160u
#define LOG_UNREADABLE 7601010

/* A DDL between PREPARE and its end. */
typedef struct change {
   fg_guarded *next; /* what the slot will hold */
   bool replaces; /* whether it will */
   fg_buf record; /* empty: nothing to record */
   size_t reserved;
} change;

static void
free_change (fg_module *module, change *c)
{
   if (c->reserved) {
      fg_sink_release (module, c->reserved);
   }
   fg_buf_free (&c->record);
   fg_guarded_free (c->next);
   free (c);
}

static bool
refuse_memory (fg_refusal *refusal)
{
   refusal->code = FG_CODE_OPERATION_FAILED;
   snprintf (refusal->message, sizeof refusal->message, "fieldguard: out of memory");
   return false;
}

/* --- rules that go away ---------------------------------------------------------------------------------------------------- */

static void
record_refused (fg_module *module, const fg_ddl_args *args, const char *action, const fg_guarded *old,
                const fg_guarded *next, const char *path)
{
   fg_buf text = {0};

   bool ok = fg_record_ddl (args, action, fg_guarded_rules (old), fg_guarded_rules (next), path,
                            FG_CODE_INVALID_OPTIONS, &text) &&
             fg_sink_append (module, &text, NULL);
   fg_buf_free (&text);
   if (!ok) {
      atomic_store (&module->lost, true);
   }
}

static bool
refuse_removal (fg_module *module, const fg_ddl_args *args, const fg_guarded *next, const fg_guarded *old,
                const char *path, fg_refusal *refusal)
{
   record_refused (module, args, "ruleRemovalRefused", old, next, path);
   atomic_fetch_add_explicit (&module->count.rule_removals_refused, 1, memory_order_relaxed);
   refusal->code = FG_CODE_INVALID_OPTIONS;
   snprintf (refusal->message, sizeof refusal->message,
             "fieldguard: this would take away or loosen the encryption rule%s%.300s; fieldguard.ruleRemoval is refuse",
             path[0] ? " of " : "s of the collection", path);
   return false;
}

/* Whether next has a rule that old has not, or a stricter one. */
static bool
adds_rules (const fg_guarded *next, const fg_guarded *old)
{
   char path[FG_ERROR_PATH_MAX];

   return next && (!old || !fg_guarded_covers (old, next, path, sizeof path));
}

/* *action: what to record, NULL for nothing. */
static bool
judge_removal (fg_module *module, const fg_ddl_args *args, const fg_guarded *next, const fg_guarded *old, char *path,
               size_t path_len, const char **action, fg_refusal *refusal)
{
   int attitude = atomic_load (&module->rule_removal);

   if (fg_guarded_covers (next, old, path, path_len)) {
      path[0] = '\0';
      *action = adds_rules (next, old) || fg_guarded_rules (next) != fg_guarded_rules (old) ? "rulesAdded" : NULL;
      return true;
   }
   if (atomic_load (&module->mode) == FG_MODE_OFF || attitude != FG_REFUSE) {
      *action = attitude == FG_ALLOW ? NULL : "rulesRemoved";
      return true;
   }
   return refuse_removal (module, args, next, old, path, refusal);
}

/* --- prepare ------------------------------------------------------------------------------------------------------------------ */

/* A grammar error carries mongod's own code and text. Where nothing is checked, nothing is vetoed either; raised later, the mode refuses such a collection's writes. */
static bool
compile_next (fg_module *module, const char *ns, const uint8_t *options, size_t len, change *c, fg_refusal *refusal)
{
   fg_error err = {0};

   c->replaces = true;
   if (fg_guarded_compile (module, ns, options, len, &c->next, &err)) {
      return true;
   }
   if (atomic_load (&module->mode) == FG_MODE_OFF) {
      c->next = fg_guarded_unreadable ();
      return true;
   }
   refusal->code = err.domain == FG_ERROR_SERVER ? err.code : FG_CODE_INVALID_OPTIONS;
   snprintf (refusal->message, sizeof refusal->message, "%.500s", err.message);
   return false;
}

static bool
keep_record (fg_module *module, change *c, bool built, fg_refusal *refusal)
{
   fg_error err = {0};

   if (!built) {
      return refuse_memory (refusal);
   }
   size_t need = c->record.len + LINE_OVERHEAD;
   if (fg_sink_reserve (module, need, &err)) {
      c->reserved = need;
      return true;
   }
   if (!fg_sink_is_closed (module)) {
      return true;
   }
   fg_sink_refuse (&err, refusal);
   return false;
}

static bool
prepare_rules (fg_module *module, const fg_ddl_args *args, change *c, fg_refusal *refusal)
{
   const fg_guarded *old = args->collection->slot;
   const char *action = NULL;
   char path[FG_ERROR_PATH_MAX];

   if (!compile_next (module, args->collection->ns, args->new_options, args->new_options_len, c, refusal) ||
       !judge_removal (module, args, c->next, old, path, sizeof path, &action, refusal)) {
      return false;
   }
   return !action || keep_record (module, c,
                                  fg_record_ddl (args, action, fg_guarded_rules (old), fg_guarded_rules (c->next), path,
                                                 0, &c->record),
                                  refusal);
}

static bool
prepare_drop (fg_module *module, const fg_ddl_args *args, change *c, fg_refusal *refusal)
{
   const fg_guarded *old = args->collection->slot;

   c->replaces = true;
   return !old ||
          keep_record (module, c, fg_record_ddl (args, "rulesDropped", fg_guarded_rules (old), 0, NULL, 0, &c->record),
                       refusal);
}

/* What the server itself renames into place: $out, convertToCapped and a rename across databases fill such a collection first. */
static bool
is_servers_own (const char *ns)
{
   const char *dot = strchr (ns, '.');
   const char *name = dot ? dot + 1 : "";

   if (strncmp (name, "tmp.agg_out.", 12) == 0) {
      return true;
   }
   return strncmp (name, "tmp", 3) == 0 && strcspn (name, ".") == 8 &&
          (strncmp (name + 8, ".convertToCapped.", 17) == 0 || strncmp (name + 8, ".renameCollection", 17) == 0);
}

/* Whoever writes to the old name from now on meets the local rules alone. */
static bool
judge_old_name (fg_module *module, const fg_ddl_args *args, const fg_guarded *own, fg_refusal *refusal)
{
   char path[FG_ERROR_PATH_MAX];
   const char *recorded_as_moved = NULL;
   fg_guarded *left = NULL;

   if (!own || is_servers_own (args->collection->ns)) {
      return true;
   }
   if (!fg_guarded_compile (module, args->collection->ns, NULL, 0, &left, NULL)) {
      left = NULL;
   }
   bool ok = judge_removal (module, args, left, own, path, sizeof path, &recorded_as_moved, refusal);
   fg_guarded_free (left);
   return ok;
}

/* Local rules of the new name would find documents in place that they have never judged. */
static bool
judge_arrival (fg_module *module, const fg_ddl_args *args, const fg_guarded *next, const fg_guarded *own,
               fg_refusal *refusal)
{
   if ((module->host->flags & FG_HOST_JUDGES_RENAMES) || atomic_load (&module->mode) != FG_MODE_ENFORCE ||
       !adds_rules (next, own)) {
      return true;
   }
   record_refused (module, args, "renameRefused", own, next, NULL);
   refusal->code = FG_CODE_INVALID_OPTIONS;
   snprintf (refusal->message, sizeof refusal->message,
             "fieldguard: fieldguard.policyFile has rules for the new name that have not judged the collection's "
             "documents, and this server "
             "renames without looking at them; copy the documents instead");
   return false;
}

/* Rules move with their collection, except local ones, which stay with the name: what may be lost are the old name's rules, and the rules of a target that is
 * dropped for it. */
static bool
prepare_rename (fg_module *module, const fg_ddl_args *args, change *c, fg_refusal *refusal)
{
   const fg_guarded *own = args->collection->slot;
   const fg_guarded *target = args->target ? args->target->slot : NULL;
   const fg_guarded *next = own;
   const char *action = NULL;
   char path[FG_ERROR_PATH_MAX];

   if (!judge_old_name (module, args, own, refusal)) {
      return false;
   }
   if (module->n_local && args->target_ns && !(own && own->unreadable)) {
      if (!compile_next (module, args->target_ns, own ? own->options : NULL, own ? own->options_len : 0, c, refusal) ||
          !judge_removal (module, args, c->next, own, path, sizeof path, &action, refusal) ||
          !judge_arrival (module, args, c->next, own, refusal)) {
         return false;
      }
      next = c->next;
   }
   const char *away = action && strcmp (action, "rulesRemoved") == 0 ? action : NULL;
   if (!away && !judge_removal (module, args, next, target, path, sizeof path, &action, refusal)) {
      return false;
   }
   if (next && !away && (!action || strcmp (action, "rulesAdded") == 0)) {
      action = "rulesMoved";
   }
   return !action || keep_record (module, c,
                                  fg_record_ddl (args, action, fg_guarded_rules (target ? target : own),
                                                 fg_guarded_rules (next), path, 0, &c->record),
                                  refusal);
}

static bool
prepare_change (fg_module *module, const fg_ddl_args *args, change *c, fg_refusal *refusal)
{
   switch (args->ddl) {
   case FG_DDL_CREATE:
      return prepare_rules (module, args, c, refusal);
   case FG_DDL_COLL_MOD:
   case FG_DDL_CONVERT_TO_CAPPED:
      return !args->new_options || prepare_rules (module, args, c, refusal);
   case FG_DDL_DROP:
      return prepare_drop (module, args, c, refusal);
   case FG_DDL_RENAME:
      return prepare_rename (module, args, c, refusal);
   case FG_DDL_LOAD:
   case FG_DDL_UNLOAD:
      return true;
   }
   refusal->code = FG_CODE_INVALID_OPTIONS;
   snprintf (refusal->message, sizeof refusal->message, "fieldguard: unknown kind of DDL");
   return false;
}

static bool
prepare (fg_module *module, fg_ddl_args *args, fg_refusal *refusal)
{
   change *c = calloc (1, sizeof *c);

   if (!c) {
      return refuse_memory (refusal);
   }
   if (!prepare_change (module, args, c, refusal)) {
      free_change (module, c);
      return false;
   }
   args->pending = c;
   return true;
}

/* --- apply -------------------------------------------------------------------------------------------------------------------- */

static void
set_slot (fg_module *module, fg_collection_view *view, fg_guarded *next)
{
   fg_guarded *old = view->slot;

   view->slot = next;
   if (next && !old) {
      atomic_fetch_add_explicit (&module->count.protected_collections, 1, memory_order_relaxed);
   } else if (old && !next) {
      atomic_fetch_sub_explicit (&module->count.protected_collections, 1, memory_order_relaxed);
   }
   fg_guarded_free (old);
}

/* What is stored already has not been held against rules that a change of the collection brings. */
static void
mark_uncounted (const fg_module *module, const fg_ddl_args *args, fg_guarded *next)
{
   const fg_guarded *old = args->collection->slot;

   if (!next || next->unreadable || args->ddl != FG_DDL_COLL_MOD || atomic_load (&module->mode) == FG_MODE_OFF) {
      return;
   }
   if ((old && atomic_load (&old->uncounted)) || adds_rules (next, old)) {
      atomic_store (&next->uncounted, true);
   }
}

/* A host that found the collection, or skipped PREPARE: nothing can be vetoed any more, so what cannot be read refuses its writes. */
static void
load (fg_module *module, const fg_ddl_args *args)
{
   const uint8_t *options = args->new_options ? args->new_options : args->old_options;
   size_t len = args->new_options ? args->new_options_len : args->old_options_len;
   fg_guarded *next = NULL;
   fg_error err = {0};

   if (!fg_guarded_compile (module, args->collection->ns, options, len, &next, &err)) {
      next = fg_guarded_unreadable ();
      fg_module_log (module, FG_LOG_ERROR, LOG_UNREADABLE,
                     "Encryption rules cannot be read: every write to the collection is refused", &err);
   }
   mark_uncounted (module, args, next);
   set_slot (module, args->collection, next);
}

static void
write_record (fg_module *module, const change *c)
{
   if (c->record.len && !fg_sink_append (module, &c->record, NULL)) {
      atomic_store (&module->lost, true);
   }
}

static void
apply (fg_module *module, fg_ddl_args *args)
{
   change *c = args->pending;

   args->pending = NULL;
   if (args->ddl == FG_DDL_UNLOAD || args->ddl == FG_DDL_DROP) {
      set_slot (module, args->collection, NULL);
   } else if (c && c->replaces) {
      mark_uncounted (module, args, c->next);
      set_slot (module, args->collection, c->next);
      c->next = NULL;
   } else if (!c && args->ddl != FG_DDL_RENAME) {
      load (module, args);
   }
   if (args->ddl == FG_DDL_RENAME && args->target) {
      set_slot (module, args->target, NULL);
   }
   if (c) {
      write_record (module, c);
      free_change (module, c);
   }
}

bool
fg_module_ddl (void *ctx, fg_ddl_args *args, fg_refusal *refusal)
{
   fg_module *module = ctx;

   switch (args->phase) {
   case FG_DDL_PREPARE:
      return prepare (module, args, refusal);
   case FG_DDL_APPLY:
      apply (module, args);
      return true;
   case FG_DDL_ABANDON:
      if (args->pending) {
         free_change (module, args->pending);
         args->pending = NULL;
      }
      return true;
   }
   return false;
}
