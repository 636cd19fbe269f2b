/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIELDGUARD_HOST_H
#define FIELDGUARD_HOST_H

/*
 * libfieldguard-host: the loader that any host links. It loads modules, keeps their settings and runs their hook chains.
 *
 * Order of calls: fg_loader_new; fg_loader_load for each module; fg_loader_set_setting (at_startup) for each setting given; fg_loader_start;
 * then collections (fg_collection_new + fg_loader_ddl LOAD) and writes; at the end fg_loader_ddl UNLOAD for each collection, fg_loader_stop,
 * fg_loader_free. With no module loaded every call below succeeds at once and every write is allowed: the host then behaves like stock.
 *
 * Threads: loading and starting on one thread. After fg_loader_start: fg_loader_validate and the unit calls from any thread, without a lock;
 * ddl calls one at a time per collection with the collection's writers drained; settings and stats from any thread (a mutex inside). Since 1.0.
 */

#include <fieldguard/error.h>
#include <fieldguard/module.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_MODULES_MAX 16

typedef struct fg_loader fg_loader;

typedef struct fg_loader_options {
   size_t size;
   const char *host_name; /* copied */
   const char *host_version;
   uint32_t host_flags; /* FG_HOST_* */
   void *ctx;
   void (*log) (void *ctx, fg_severity severity, int32_t id, const char *message, const char *attr_json); /* required */
} fg_loader_options;

fg_loader *fg_loader_new (const fg_loader_options *options, fg_error *err) FG_WARN_UNUSED;
void fg_loader_free (fg_loader *loader); /* modules stay mapped: there is no unload */

/* dlopen, magic block, init. A mismatch names the field and both values. path is used as given when it holds a '/', else looked up relative to the working directory
 * (never on the library search path). On failure nothing of the module stays in any chain and the host must not start. */
bool fg_loader_load (fg_loader *loader, const char *path, fg_error *err) FG_WARN_UNUSED;
size_t fg_loader_module_count (const fg_loader *loader);
const fg_module_magic *fg_loader_module_at (const fg_loader *loader, size_t i);
const char *fg_loader_module_path (const fg_loader *loader, size_t i);

/* --- settings: text in, canonical text out ------------------------------------------------------------------------ */

bool fg_loader_has_setting (const fg_loader *loader, const char *name);
/* Checks type, range, context (STARTUP; RAISE with <module>.allowLoosening), asks the module's `setting` hook, then publishes. FG_ERROR_SETTING; nothing changed on false. */
bool fg_loader_set_setting (fg_loader *loader, const char *name, const char *value, bool at_startup,
                            const fg_client_info *client, fg_error *err) FG_WARN_UNUSED;
/* How often settings have been changed since the start: what was judged before a change may have been judged otherwise. */
uint64_t fg_loader_setting_changes (const fg_loader *loader);
/* Copies the current value; false when there is no such setting or buf is too small. */
bool fg_loader_get_setting (const fg_loader *loader, const char *name, char *buf, size_t buf_len);
/* In order of definition; visit returns false to stop. */
void fg_loader_visit_settings (const fg_loader *loader,
                               bool (*visit) (void *ctx, const fg_setting_def *def, const char *value), void *ctx);

bool fg_loader_start (fg_loader *loader, fg_error *err) FG_WARN_UNUSED;
/* Once; fg_loader_free does it otherwise. Afterwards validate rejects and no setting changes. */
void fg_loader_stop (fg_loader *loader);
void fg_loader_rotate (fg_loader *loader);
/* Each module's stats under its own name; sink->int64/text get "fieldguard.checked" style dotted names. */
void fg_loader_stats (fg_loader *loader, const fg_stat_sink *sink);

/* --- collections --------------------------------------------------------------------------------------------------- */

/* The per-collection slots of all modules; the host keeps one with each collection it has open. */
typedef struct fg_collection fg_collection;
fg_collection *fg_collection_new (const char *ns, const uint8_t uuid[16], fg_error *err) FG_WARN_UNUSED;
void fg_collection_free (fg_collection *collection); /* after DROP or UNLOAD was applied */
const char *fg_collection_ns (const fg_collection *collection);
/* After an applied RENAME; one writer, collection drained. */
bool fg_collection_set_ns (fg_collection *collection, const char *ns, fg_error *err) FG_WARN_UNUSED;
/* Whether a module keeps something for it: for fieldguard, rules. */
bool fg_collection_is_watched (const fg_collection *collection);

typedef struct fg_ddl_request {
   size_t size;
   fg_ddl ddl;
   fg_collection *collection;
   const uint8_t *old_options;
   size_t old_options_len;
   const uint8_t *new_options;
   size_t new_options_len;
   const char *target_ns;
   fg_collection *target;
   const uint8_t *target_options;
   size_t target_options_len;
   const fg_client_info *client;
   void *pending[FG_MODULES_MAX]; /* the loader's; zeroed by the host before prepare */
   size_t prepared; /* the loader's */
} fg_ddl_request;

/* On false: refusal is filled (release it with fg_refusal_release), every module that had agreed has been told ABANDON. */
bool fg_loader_ddl_prepare (fg_loader *loader, fg_ddl_request *request, fg_refusal *refusal) FG_WARN_UNUSED;
void fg_loader_ddl_apply (fg_loader *loader, fg_ddl_request *request);
void fg_loader_ddl_abandon (fg_loader *loader, fg_ddl_request *request);

/* --- surveys: what was stored before a rule -------------------------------------------------------------------------- */

/* After a DDL was applied and its rules are in force: NULL when no module has anything to count. To be called where the collection's slots cannot change,
 * as for validate; never blocks. The survey keeps what it judges by, so the collection may change, or go, while it lasts. */
typedef struct fg_survey fg_survey;
fg_survey *fg_loader_survey_begin (fg_loader *loader, const fg_collection *collection) FG_WARN_UNUSED;
/* Shows it one stored document. Any thread, one at a time for one survey; no lock. */
void fg_loader_survey_document (fg_survey *survey, const uint8_t *doc, size_t len);
/* Ends it and frees it; before fg_loader_stop. complete: every document stored before the rule was shown; false when the host gave up (time, shutdown, the
 * collection is gone). report (NULL: nobody asks) is called once a module with its name and one BSON document. May block. NULL is legal. */
void fg_loader_survey_end (fg_survey *survey, bool complete, const fg_client_info *client,
                           void (*report) (void *ctx, const char *module, const uint8_t *doc, size_t len), void *ctx);

/* --- writes --------------------------------------------------------------------------------------------------------- */

/* A unit of work: caller-owned storage, usually on the stack or in a transaction's record. */
typedef struct fg_unit {
   void *slot[FG_MODULES_MAX];
   const fg_client_info *client; /* borrowed until the unit ends */
   bool recorded; /* some validate returned ALLOW_AND_RECORD */
   bool touched; /* some validate call was made */
} fg_unit;

void fg_unit_begin (fg_unit *unit, const fg_client_info *client);

/* Runs the validate chain; the first REJECT ends it. With no hooks: ALLOW. refusal is zeroed here. */
fg_verdict fg_loader_validate (fg_loader *loader, fg_unit *unit, const fg_collection *collection, fg_op op,
                               fg_phase phase, uint32_t flags, const uint8_t *post, size_t post_len, const uint8_t *pre,
                               size_t pre_len, fg_refusal *refusal);
bool fg_loader_prepare_commit (fg_loader *loader, fg_unit *unit, fg_refusal *refusal) FG_WARN_UNUSED;
void fg_loader_committed (fg_loader *loader, fg_unit *unit); /* ends the unit; nothing happens for an untouched one */
void fg_loader_rolled_back (fg_loader *loader, fg_unit *unit); /* ends the unit */
bool fg_loader_sync (fg_loader *loader, fg_refusal *refusal) FG_WARN_UNUSED;

void fg_refusal_release (fg_refusal *refusal); /* NULL and an empty one are legal */

#ifdef __cplusplus
}
#endif
#endif /* FIELDGUARD_HOST_H */
