/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIELDGUARD_MODULE_H
#define FIELDGUARD_MODULE_H

/*
 * The module ABI: what a loadable module exports and what a host offers it.
 *
 * A module is a shared object with two exported functions, in the manner of PostgreSQL's extensions:
 *
 *    const fg_module_magic *fieldguard_module_magic (void);             a const magic block, see FG_MODULE_MAGIC
 *    bool fieldguard_module_init (const fg_host *host, fg_error *err);  defines settings, adds hooks
 *
 * A host loads it at start-up and never unloads it. Loading: dlopen, magic block compared field by field, init. Then the host
 * applies the settings from its command line and configuration file, calls every `start` hook, and only then accepts writes. A module
 * that fails at any of these steps keeps the host from starting.
 *
 * Hooks are chained: fg_host.add_hooks appends to the chain. For every event the hooks run in the order in which the modules were
 * loaded; the first refusal wins and ends the chain. No module can forget to call its predecessor.
 *
 * Growth: fg_host and every argument struct start with their size and only ever grow at the end. A module must not read beyond
 * the size it is handed; a host must not read beyond the size that a module's fg_hooks states. Unknown enum values must
 * be refused, not guessed.
 *
 * C only: no exceptions, no longjmp, no host types, nothing allocated on one side and freed on the other without the free function
 * that came with it. Hooks may be called from any thread of the host; each says below whether it may block. Since 1.0.
 */

#include <fieldguard/error.h>
#include <fieldguard/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_ABI_MAJOR 1
#define FG_ABI_MINOR 1

/* --- the magic block ---------------------------------------------------------------------------------------------- */

typedef struct fg_module_magic {
   uint32_t size; /* sizeof (fg_module_magic) */
   uint16_t abi_major; /* must equal the host's */
   uint16_t abi_minor; /* must not exceed the host's */
   uint32_t flags; /* must be 0 in ABI 1 */
   const char *name; /* [a-z][a-zA-Z0-9_]{0,31}; also the prefix of the module's settings ("fieldguard.mode") */
   const char *version;
} fg_module_magic;

#define FG_MODULE_MAGIC(name_, version_) FG_MODULE_MAGIC_SINCE (name_, version_, FG_ABI_MINOR)

/* As FG_MODULE_MAGIC for a module that also works in hosts as old as abi_minor_: it looks at fg_host.abi_minor, and gives add_hooks a size
 * that such a host knows. */
#define FG_MODULE_MAGIC_SINCE(name_, version_, abi_minor_)                                                             \
   FG_EXPORT const fg_module_magic *fieldguard_module_magic (void);                                                    \
   const fg_module_magic *fieldguard_module_magic (void)                                                               \
   {                                                                                                                   \
      static const fg_module_magic magic = {sizeof (fg_module_magic), FG_ABI_MAJOR, abi_minor_, 0, name_, version_};   \
      return &magic;                                                                                                   \
   }                                                                                                                   \
   extern int fieldguard_module_magic_wants_a_semicolon

typedef struct fg_host fg_host;
typedef const fg_module_magic *(*fg_module_magic_fn) (void);
typedef bool (*fg_module_init_fn) (const fg_host *host, fg_error *err);

/* --- who asks ----------------------------------------------------------------------------------------------------- */

/* Borrowed for the duration of a call. Any pointer may be NULL when the host does not know. */
typedef struct fg_client_info {
   size_t size;
   const char *remote_ip;
   const char *local_ip;
   uint16_t remote_port;
   uint16_t local_port;
   const char *user; /* authenticated user, NULL when there is no authentication */
   const char *user_db; /* the database the user authenticated against */
   const char *app_name;
   int64_t connection_id;
} fg_client_info;

/* --- collections -------------------------------------------------------------------------------------------------- */

/* A collection as a hook sees it. `slot` belongs to the module that is being called: it is NULL until that module sets it in a ddl hook, the
 * host keeps it with the collection and hands it back in every call, so that the write path needs no look-up and no lock. */
typedef struct fg_collection_view {
   size_t size;
   const char *ns; /* "db.collection" */
   uint8_t uuid[16]; /* RFC 4122 byte order; all zero when the host has none */
   void *slot;
} fg_collection_view;

/* --- a unit of work ------------------------------------------------------------------------------------------------ */

/* A host's unit of work (a write that commits alone, or a multi-document transaction). `slot` belongs to the module being called, is NULL at
 * the start and must be released in committed or rolled_back, exactly one of which is called for every unit that saw a validate call. */
typedef struct fg_unit_view {
   size_t size;
   void *slot;
   const fg_client_info *client;
} fg_unit_view;

/* --- refusals ----------------------------------------------------------------------------------------------------- */

typedef enum fg_verdict {
   FG_VERDICT_ALLOW = 0,
   FG_VERDICT_ALLOW_AND_RECORD = 1, /* allowed; the module has put something on record */
   FG_VERDICT_REJECT = 2
} fg_verdict;

/* Filled by a hook that refuses. The host zeroes it (and sets size) before the call and calls `release` (when not NULL) after it has used err_info. */
typedef struct fg_refusal {
   size_t size;
   int32_t code; /* a MongoDB server error code: 121 for a document, 72 InvalidOptions and the like for DDL */
   char message[512]; /* errmsg; no document value */
   const uint8_t
      *err_info; /* errInfo's `details` member as one BSON document, or NULL; the host adds failingDocumentId */
   size_t err_info_len;
   void *owner;
   void (*release) (struct fg_refusal *refusal);
} fg_refusal;

/* --- hook arguments ----------------------------------------------------------------------------------------------- */

typedef enum fg_op {
   FG_OP_INSERT = 1,
   FG_OP_UPDATE = 2, /* including replacement, upsert's update half, findAndModify */
   FG_OP_UPSERT = 3, /* an update that inserts */
   FG_OP_COPY = 4 /* written by the server on a client's behalf: $out, $merge, renameCollection across databases */
} fg_op;

#define FG_WRITE_BYPASS 0x1u /* bypassDocumentValidation was asked for (and granted by the host) */
#define FG_WRITE_ENCRYPTION_INFO 0x2u /* the command carried encryptionInformation */
#define FG_WRITE_CANNOT_REFUSE                                                                                         \
   0x4u /* replicated or migrated: a rejection would take the node down; record instead. The host ignores REJECT */

typedef struct fg_validate_args {
   size_t size;
   const fg_collection_view *collection;
   fg_unit_view *unit;
   fg_op op;
   fg_phase phase;
   uint32_t flags;
   const uint8_t *post; /* the post-image, one BSON document; NULL when the host has none */
   size_t post_len;
   const uint8_t *pre; /* the pre-image of an update, or NULL */
   size_t pre_len;
} fg_validate_args;

typedef enum fg_ddl {
   FG_DDL_LOAD =
      1, /* a collection found at start-up; cannot be vetoed: a module that cannot read its options must refuse writes to it */
   FG_DDL_CREATE = 2, /* explicit or implicit; new_options set */
   FG_DDL_COLL_MOD = 3, /* old_options and new_options set: whole options documents before and after */
   FG_DDL_DROP = 4, /* old_options set; once a database's collection at a time for dropDatabase */
   FG_DDL_RENAME = 5, /* collection is renamed to target_ns; target is the collection that is dropped for it, or NULL */
   FG_DDL_CONVERT_TO_CAPPED = 6,
   FG_DDL_UNLOAD = 7 /* the host closes: only slot is to be released */
} fg_ddl;

/* A DDL is announced (FG_DDL_PREPARE: may be vetoed), then either done (FG_DDL_APPLY) or given up (FG_DDL_ABANDON: by the host or another module's veto). Between
 * PREPARE and the end the host lets no write into the collection run and has drained the earlier ones, so that no write is judged by
 * rules that neither the old nor the new catalog had. LOAD and UNLOAD come as one APPLY each. The collection views are writable: a module may
 * set its slot in APPLY, and owns whatever it put there until DROP or UNLOAD is applied. */
typedef enum fg_ddl_phase { FG_DDL_PREPARE = 1, FG_DDL_APPLY = 2, FG_DDL_ABANDON = 3 } fg_ddl_phase;

typedef struct fg_ddl_args {
   size_t size;
   fg_ddl ddl;
   fg_ddl_phase phase;
   fg_collection_view *collection;
   const uint8_t *old_options; /* as listCollections returns `options`, one BSON document, or NULL */
   size_t old_options_len;
   const uint8_t *new_options;
   size_t new_options_len;
   const char *target_ns;
   fg_collection_view *target;
   const uint8_t *target_options;
   size_t target_options_len;
   const fg_client_info *client;
   void *pending; /* the module's own between PREPARE and APPLY/ABANDON */
} fg_ddl_args;

/* --- settings ----------------------------------------------------------------------------------------------------- */

typedef enum fg_setting_type {
   FG_SETTING_BOOL = 1,
   FG_SETTING_ENUM = 2,
   FG_SETTING_STRING = 3,
   FG_SETTING_INT = 4
} fg_setting_type;

typedef enum fg_setting_context {
   FG_SETTING_STARTUP = 1, /* command line or configuration file only */
   FG_SETTING_RAISE = 2, /* at run time only towards stricter, unless the module's <name>.allowLoosening is true */
   FG_SETTING_RUNTIME = 3
} fg_setting_context;

typedef struct fg_setting_def {
   size_t size;
   const char *name; /* with the module's prefix: "fieldguard.mode" */
   fg_setting_type type;
   fg_setting_context context;
   const char *default_value;
   const char *const *
      values; /* FG_SETTING_ENUM: NULL-terminated, from loosest to strictest. FG_SETTING_BOOL with RAISE: true is the stricter */
   int64_t min, max; /* FG_SETTING_INT */
   const char *help; /* one sentence */
} fg_setting_def;

typedef struct fg_setting_change {
   size_t size;
   const char *name;
   const char *old_value;
   const char *new_value; /* already checked for type, range and context, and in canonical spelling */
   bool at_startup;
   const fg_client_info *client; /* NULL at start-up */
} fg_setting_change;

/* --- statistics --------------------------------------------------------------------------------------------------- */

typedef struct fg_stat_sink {
   size_t size;
   void *ctx;
   void (*int64) (const struct fg_stat_sink *sink, const char *name, int64_t value); /* dotted names nest */
   void (*text) (const struct fg_stat_sink *sink, const char *name, const char *value);
} fg_stat_sink;

/* --- surveys ------------------------------------------------------------------------------------------------------ */

/* Takes what a survey found: one BSON document (counts and the rules' paths, no document value), borrowed for the call. The host may put it into the DDL's reply. */
typedef struct fg_survey_sink {
   size_t size;
   void *ctx;
   void (*report) (const struct fg_survey_sink *sink, const uint8_t *doc, size_t len);
} fg_survey_sink;

/* --- hooks -------------------------------------------------------------------------------------------------------- */

/* Any member may be NULL. ctx is what add_hooks was given. */
typedef struct fg_hooks {
   size_t size; /* sizeof (fg_hooks) of the module's compiler */

   /* A document is about to be stored. Any thread, many at once; must not block, take no lock and allocate nothing unless it
    * refuses or records. refusal is filled when the verdict is REJECT. */
   fg_verdict (*validate) (void *ctx, fg_validate_args *args, fg_refusal *refusal);

   /* One thread at a time per collection; may block. False (with refusal) vetoes in PREPARE; ignored in APPLY and ABANDON. */
   bool (*ddl) (void *ctx, fg_ddl_args *args, fg_refusal *refusal);

   /* The unit is about to commit: the last chance to fail it (say, no room left for its audit records). Called only for units in
    * which some validate call returned ALLOW_AND_RECORD. Must not block for long. */
   bool (*prepare_commit) (void *ctx, fg_unit_view *unit, fg_refusal *refusal);
   void (*committed) (void *ctx, fg_unit_view *unit);
   void (*rolled_back) (void *ctx, fg_unit_view *unit);

   /* The host is about to let replies go out: whatever was recorded so far must be durable when this returns. May block; one call may
    * serve many units. False: records could not be made durable; the host must not acknowledge the writes it was about to (refusal says what to answer). */
   bool (*sync) (void *ctx, fg_refusal *refusal);

   /* A setting of this module changes; may veto by returning false. At start-up every setting given is announced once. May block. */
   bool (*setting) (void *ctx, const fg_setting_change *change, fg_error *err);

   bool (*start) (
      void *ctx,
      fg_error *err); /* after settings, before the first LOAD; may block; false keeps the host from starting */
   void (*stop) (
      void *
         ctx); /* the last call: orderly shutdown after the last UNLOAD, or a start-up given up after this module's init had succeeded */
   void (*rotate) (void *ctx); /* the operator asked for log rotation (SIGUSR1, logRotate) */
   void (*stats) (void *ctx, const fg_stat_sink *sink);

   /* Since ABI 1.1. A survey counts what was stored before a rule. A host that wants one asks after it has APPLYed a DDL, once the rule is in force for every later write, and
    * shows the survey each stored document; it need not, and it must not keep writers waiting for it.
    *
    * survey_begin: where the collection's slot cannot change meanwhile, as for validate. Does not block. NULL: this module has nothing to count, or no memory.
    * survey_document and survey_end: any thread, one at a time for one survey, while writes and DDLs of the collection go on (the survey keeps
    * what it judges by). survey_document takes no lock and allocates nothing.
    * survey_end: for every survey begun, before `stop`. complete: every document that was stored before the rule was shown. client: who asked for the DDL, or NULL.
    * May block: what it records is durable when it returns. */
   void *(*survey_begin) (void *ctx, const fg_collection_view *collection);
   void (*survey_document) (void *ctx, void *survey, const uint8_t *doc, size_t len);
   void (*survey_end) (void *ctx, void *survey, bool complete, const fg_client_info *client,
                       const fg_survey_sink *sink);
} fg_hooks;

/* --- the host ----------------------------------------------------------------------------------------------------- */

#define FG_HOST_EVALUATES_VALIDATORS                                                                                   \
   0x1u /* the host judges validators natively (compat): the module only adds what is stricter */
#define FG_HOST_HAS_POST_IMAGE 0x2u
#define FG_HOST_PRE_WRITE                                                                                              \
   0x4u /* validate is called before anything is written (else: within the unit of work, which is undone) */
#define FG_HOST_JUDGES_RENAMES                                                                                         \
   0x8u /* a rename to a name that brings rules of its own shows each document to validate first (else: a module may refuse it) */

typedef enum fg_severity {
   FG_LOG_FATAL = 'F',
   FG_LOG_ERROR = 'E',
   FG_LOG_WARNING = 'W',
   FG_LOG_INFO = 'I',
   FG_LOG_DEBUG = 'D'
} fg_severity;

/* Lives as long as the process. */
struct fg_host {
   size_t size;
   uint16_t abi_major;
   uint16_t abi_minor;
   uint32_t flags; /* FG_HOST_* */
   const char *name; /* "fieldguardd", "mongod" */
   const char *version;
   void *ctx; /* the host's; opaque to modules */

   /* Only during init. hooks is copied; ctx is handed to each hook. */
   bool (*add_hooks) (const fg_host *host, const fg_hooks *hooks, void *ctx, fg_error *err);
   bool (*define_setting) (const fg_host *host, const fg_setting_def *def, fg_error *err);

   /* Any time, any thread. id is a stable number of the module's; message a constant; attr_json a JSON object of attributes or NULL. No document values. */
   void (*log) (const fg_host *host, fg_severity severity, int32_t id, const char *message, const char *attr_json);
};

#ifdef __cplusplus
}
#endif
#endif /* FIELDGUARD_MODULE_H */
