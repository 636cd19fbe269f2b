/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_MODULE_FIELDGUARD_H
#define FG_MODULE_FIELDGUARD_H

/*
 * fieldguard.so's insides: one module per init call, handed to every hook as ctx. No global.
 *
 *    init.c       the two exported functions, hook table, settings' definitions, start and stop
 *    settings.c   text to atomics, so that the write path reads them without a lock
 *    guarded.c    what hangs in a collection's slot: its compiled policies
 *    ddl.c        creates, changes and ends slots; rule removal
 *    validate.c   one document
 *    survey.c     what was stored before a rule
 *    pending.c    a unit's records, from the verdict to the unit's end
 *    records.c    the JSON of records; never a document's value
 *    local.c      the policy file: rules that the server's operator adds
 *    sink.c       the audit log, and what a log that cannot be written means
 */

#include "base/base.h"

#include <fieldguard/audit.h>
#include <fieldguard/module.h>
#include <fieldguard/policy.h>

#include <pthread.h>
#include <stdatomic.h>

#define FG_LOG_NO_SURVEY 7601011
#define FG_CODE_DOCUMENT_VALIDATION 121
#define FG_CODE_INVALID_OPTIONS 72
#define FG_CODE_OPERATION_FAILED 96
#define FG_CODE_OUT_OF_DISK 14031

/* From loosest to strictest, as their settings list them. */
typedef enum fg_mode { FG_MODE_OFF = 0, FG_MODE_AUDIT = 1, FG_MODE_ENFORCE = 2 } fg_mode;
typedef enum fg_attitude { FG_ALLOW = 0, FG_AUDIT = 1, FG_REFUSE = 2 } fg_attitude;

typedef struct fg_counters {
   atomic_llong checked;
   atomic_llong refused;
   atomic_llong accepted; /* violating, on record: audit mode, bypass audit, hosts that cannot refuse */
   atomic_llong undecided; /* refused or recorded because the check ended in an error */
   atomic_llong blocked; /* refused because the audit log could not be written */
   atomic_llong rule_removals_refused;
   atomic_llong audit_records;
   atomic_llong audit_failures;
   atomic_llong protected_collections;
} fg_counters;

typedef struct fg_local_rule fg_local_rule;

typedef struct fg_module {
   const fg_host *host;
   atomic_int mode;
   atomic_int bypass;
   atomic_int rule_removal;
   atomic_bool strict;
   /* Fixed after start. */
   bool allow_loosening;
   bool fail_open;
   int audit_destination;
   char *audit_path;
   char *audit_key_file;
   bool compile_lax; /* strict is off, or could be turned off */
   char *policy_file;
   fg_local_rule *local;
   size_t n_local;
   bool started;

   fg_audit_log *audit; /* NULL: no audit destination */
   atomic_bool blocked; /* an append failed and none has worked since */
   atomic_bool lost; /* a record is missing that the next sync must answer for */
   pthread_mutex_t reserve_lock;
   size_t reserved;

   fg_counters count;
} fg_module;

/* --- settings.c -------------------------------------------------------------------------------------------------------- */

bool fg_module_define_settings (const fg_host *host, fg_error *err) FG_WARN_UNUSED;
bool fg_module_setting (void *ctx, const fg_setting_change *change, fg_error *err);
const char *fg_mode_name (int mode);
const char *fg_attitude_name (int attitude);
#define FG_AUDIT_NONE 0
#define FG_AUDIT_AUTO 1
#define FG_AUDIT_FILE 2

/* --- guarded.c --------------------------------------------------------------------------------------------------------- */

/* A collection with encryption rules, or one whose rules could not be read. Immutable but for its last two members; a slot without rules is NULL. */
typedef struct fg_guarded {
   fg_policy *strict;
   fg_policy *lax; /* NULL unless fg_module.compile_lax */
   uint8_t *options; /* what it was compiled from, for another namespace's local rules; NULL without a policy file */
   size_t options_len;
   bool unreadable;
   atomic_bool uncounted; /* it came with rules that stored documents have not been held against */
   atomic_int refs; /* the slot's, and one for each survey */
} fg_guarded;

/* options (NULL: none) and the local rules for ns. On true *out is NULL when there is no rule in either. */
bool fg_guarded_compile (const fg_module *module, const char *ns, const uint8_t *options, size_t len, fg_guarded **out,
                         fg_error *err) FG_WARN_UNUSED;
/* Never NULL: refuses every write. */
fg_guarded *fg_guarded_unreadable (void);
fg_guarded *fg_guarded_ref (fg_guarded *guarded);
void fg_guarded_free (fg_guarded *guarded); /* gives one reference back; NULL is legal */
const fg_policy *fg_guarded_policy (const fg_module *module, const fg_guarded *guarded);
size_t fg_guarded_rules (const fg_guarded *guarded);
/* Whether new_guarded (NULL: none) still has every rule of old. */
bool fg_guarded_covers (const fg_guarded *new_guarded, const fg_guarded *old, char *path, size_t path_len);

/* --- local.c ----------------------------------------------------------------------------------------------------------- */

bool fg_local_load (fg_module *module, fg_error *err) FG_WARN_UNUSED;
void fg_local_free (fg_module *module);
/* The entries that apply to ns; the arrays have room for n_local. */
size_t fg_local_collect (const fg_module *module, const char *ns, const uint8_t **documents, size_t *lengths);

/* --- hooks ------------------------------------------------------------------------------------------------------------- */

fg_verdict fg_module_validate (void *ctx, fg_validate_args *args, fg_refusal *refusal);
bool fg_module_ddl (void *ctx, fg_ddl_args *args, fg_refusal *refusal);
bool fg_module_prepare_commit (void *ctx, fg_unit_view *unit, fg_refusal *refusal);
void fg_module_committed (void *ctx, fg_unit_view *unit);
void fg_module_rolled_back (void *ctx, fg_unit_view *unit);

/* --- survey.c ---------------------------------------------------------------------------------------------------------- */

#define FG_STORED_PATHS_MAX 20u

typedef struct fg_stored_path {
   char path[FG_ERROR_PATH_MAX]; /* the rule's */
   int64_t documents;
   int64_t last; /* the number of the last document counted here: each counts once */
} fg_stored_path;

/* Stored documents held against a collection's rules. */
typedef struct fg_stored_count {
   fg_guarded *guarded;
   const fg_policy *policy;
   char *ns;
   uint8_t uuid[16];
   int64_t checked;
   int64_t violating;
   int64_t undecided; /* of these: the check could not be completed */
   fg_stored_path paths[FG_STORED_PATHS_MAX];
   size_t n_paths;
   bool truncated;
} fg_stored_count;

void *fg_module_survey_begin (void *ctx, const fg_collection_view *collection);
void fg_module_survey_document (void *ctx, void *state, const uint8_t *doc, size_t len);
void fg_module_survey_end (void *ctx, void *state, bool complete, const fg_client_info *client,
                           const fg_survey_sink *sink);

/* --- pending.c --------------------------------------------------------------------------------------------------------- */

typedef enum fg_record_fate {
   FG_RECORD_REFUSED, /* written however the unit ends */
   FG_RECORD_ACCEPTED, /* written when the unit commits */
   FG_RECORD_PROBE /* tries whether the audit log works again; its loss is no loss */
} fg_record_fate;

/* Takes text over, also on false. */
bool fg_pending_add (fg_unit_view *unit, fg_record_fate fate, fg_buf *text) FG_WARN_UNUSED;

/* --- records.c --------------------------------------------------------------------------------------------------------- */

typedef struct fg_violation_record {
   const fg_module *module;
   const fg_validate_args *args;
   const fg_policy *policy; /* NULL: rules unreadable */
   fg_phase phase; /* as judged */
   bool decided; /* false: the check ended in an error */
   bool refused;
} fg_violation_record;

bool fg_record_violation (const fg_violation_record *what, fg_buf *out) FG_WARN_UNUSED;
bool fg_record_blocked (const fg_validate_args *args, fg_buf *out) FG_WARN_UNUSED;
bool fg_record_setting (const fg_setting_change *change, fg_buf *out) FG_WARN_UNUSED;
bool fg_record_stored (const fg_stored_count *count, bool complete, const fg_client_info *client,
                       fg_buf *out) FG_WARN_UNUSED;
bool fg_record_startup (const fg_module *module, fg_buf *out) FG_WARN_UNUSED;
bool fg_record_suppressed (size_t n, fg_buf *out) FG_WARN_UNUSED;
bool fg_record_ddl (const fg_ddl_args *args, const char *action, size_t old_rules, size_t new_rules, const char *path,
                    int result, fg_buf *out) FG_WARN_UNUSED;

/* --- sink.c ------------------------------------------------------------------------------------------------------------ */

/* One log line of the host's; err may be NULL. */
void fg_module_log (const fg_module *module, fg_severity severity, int32_t id, const char *message,
                    const fg_error *err);
bool fg_sink_open (fg_module *module, fg_error *err) FG_WARN_UNUSED;
void fg_sink_close (fg_module *module);
/* False: not written. What that means is the caller's: see fg_sink_is_closed. */
bool fg_sink_append (fg_module *module, const fg_buf *text, fg_error *err) FG_WARN_UNUSED;
/* Sets room aside; fg_sink_release gives the same number back once the records are written or dropped. */
bool fg_sink_reserve (fg_module *module, size_t bytes, fg_error *err) FG_WARN_UNUSED;
void fg_sink_release (fg_module *module, size_t bytes);
/* Whether a failing audit log refuses writes (auditFailure closed). */
bool fg_sink_is_closed (const fg_module *module);
void fg_sink_refuse (const fg_error *why, fg_refusal *refusal);
/* Of the records written so far; unlike fg_module_sync it does not answer for others that were lost. */
bool fg_sink_sync (fg_module *module) FG_WARN_UNUSED;
bool fg_module_sync (void *ctx, fg_refusal *refusal);
void fg_module_rotate (void *ctx);

#endif /* FG_MODULE_FIELDGUARD_H */
