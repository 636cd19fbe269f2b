/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_LIFECYCLE_H
#define FG_CLIENT_LIFECYCLE_H

/*
 * The end of a master key, at the KMS that holds it: what state it is in, no new wraps, no unwraps, destruction. Every KMS calls it something else, waits another time and can undo
 * another part of it; what is true where stands in each provider's table here and goes into a shredding's certificate as it stands.
 *
 * A whole key is meant, with all its versions (client/keys/epoch.h).
 */

#include "client/kms/kmip.h"
#include "client/kms/kms.h"

typedef enum fg_master_key_state {
   FG_MASTER_KEY_UNKNOWN = 0, /* no API says */
   FG_MASTER_KEY_ENABLED,
   FG_MASTER_KEY_UNWRAPS_ONLY,
   FG_MASTER_KEY_DISABLED, /* and can be enabled again */
   FG_MASTER_KEY_SCHEDULED, /* will be destroyed at until_s, and can be saved until then */
   FG_MASTER_KEY_DESTROYED
} fg_master_key_state;

/* "enabled", "unwraps-only", ... */
const char *fg_master_key_state_name (fg_master_key_state state);

typedef struct fg_master_key_status {
   fg_master_key_state state;
   int64_t until_s; /* SCHEDULED: seconds since 1970; 0: not said */
   char name[256]; /* the KMS's own name of it (AWS: its ARN, which aliases resolve to); "" when it has none */
   char notes[256]; /* settings that matter here, "soft-delete 90 days, purge protection off"; "" */
} fg_master_key_status;

typedef struct fg_kms_lifecycle {
   bool (*state) (fg_kms_provider *provider, const bson_t *master_key, fg_master_key_status *status, fg_error *err);
   /* No new wraps; unwraps go on. NULL: this KMS cannot. */
   bool (*close) (fg_kms_provider *provider, const bson_t *master_key, fg_error *err);
   /* Neither, until enabled. NULL: this KMS cannot undo it, or not do it. */
   bool (*disable) (fg_kms_provider *provider, const bson_t *master_key, fg_error *err);
   bool (*enable) (fg_kms_provider *provider, const bson_t *master_key, fg_error *err);
   /* Destroyed, or scheduled for it after so many days where the KMS lets one choose. Done twice it is done once. */
   bool (*destroy) (fg_kms_provider *provider, const bson_t *master_key, unsigned days, fg_error *err);
   const char *how; /* what destroy does */
   const char *undo; /* who can undo it, and how long */
   const char *beyond; /* what it does not reach */
} fg_kms_lifecycle;

extern const fg_kms_lifecycle fg_kms_local_lifecycle;
extern const fg_kms_lifecycle fg_kms_aws_lifecycle;
extern const fg_kms_lifecycle fg_kms_azure_lifecycle;
extern const fg_kms_lifecycle fg_kms_gcp_lifecycle;
extern const fg_kms_lifecycle fg_kms_kmip_lifecycle;
extern const fg_kms_lifecycle fg_kms_vault_lifecycle;

/* --- by the stored masterKey ------------------------------------------------------------------------------------------- */

/* The provider's table and the provider. */
bool fg_kms_lifecycle_of (fg_kms *kms, const bson_t *stored, fg_kms_provider **provider, const fg_kms_lifecycle **ops,
                          fg_error *err) FG_WARN_UNUSED;
/* UNKNOWN without an error where no API says. */
bool fg_kms_master_key_state (fg_kms *kms, const bson_t *stored, fg_master_key_status *status,
                              fg_error *err) FG_WARN_UNUSED;

typedef enum fg_lifecycle_step { FG_STEP_CLOSE, FG_STEP_DISABLE, FG_STEP_ENABLE, FG_STEP_DESTROY } fg_lifecycle_step;

/* *done false and true returned: this KMS has no such step. */
bool fg_kms_master_key_step (fg_kms *kms, const bson_t *stored, fg_lifecycle_step step, unsigned days, bool *done,
                             fg_error *err) FG_WARN_UNUSED;

/* --- for the tables ---------------------------------------------------------------------------------------------------- */

bool fg_kms_aws_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin,
                      fg_http_reply *reply, fg_error *err) FG_WARN_UNUSED;
bool fg_kms_azure_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin,
                        fg_http_reply *reply, fg_error *err) FG_WARN_UNUSED;
bool fg_kms_gcp_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin,
                      fg_http_reply *reply, fg_error *err) FG_WARN_UNUSED;
bool fg_kms_vault_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin,
                        fg_http_reply *reply, fg_error *err) FG_WARN_UNUSED;
bool fg_kms_kmip_send (fg_kms_provider *provider, const bson_t *master_key, const fg_kmip_request *request,
                       fg_secret **reply, fg_ttlv *payload, fg_error *err) FG_WARN_UNUSED;

typedef bool (*fg_kms_send) (fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin,
                             fg_http_reply *reply, fg_error *err);

/* Sends and reads the reply's JSON, which holds no secret; *out is the caller's (bson_destroy), NULL: not wanted. A reply without a body is an empty document. */
bool fg_kms_ask (fg_kms_send send, fg_kms_provider *provider, const bson_t *master_key, const fg_kms_admin *admin,
                 bson_t **out, fg_error *err) FG_WARN_UNUSED;
/* At a dotted path; NULL and 0 when it is not there or of another type. */
const char *fg_kms_text_at (const bson_t *reply, const char *path);
int64_t fg_kms_number_at (const bson_t *reply, const char *path);
bool fg_kms_bool_at (const bson_t *reply, const char *path);

/* "2026-12-01T00:00:00Z", fractions left out of account; 0 when it is no such time. */
int64_t fg_kms_time (const char *text);

#endif /* FG_CLIENT_LIFECYCLE_H */
