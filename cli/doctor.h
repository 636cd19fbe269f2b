/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_DOCTOR_H
#define FG_CLI_DOCTOR_H

/*
 * fieldguard keys doctor: what is wrong, or not known, about a key vault. A check reports findings; each has a stable id, a severity and a remedy (doctor_report.c has the table), a subject and a
 * message. A check that cannot look says that it could not: silence means that it looked.
 */

#include "cli/client_options.h"
#include "client/keys/epoch.h"
#include "client/keys/key_document.h"
#include "client/keys/key_list.h"
#include "client/keys/shred.h"
#include "client/kms/lifecycle.h"

typedef enum fg_doctor_id {
   FG_DOCTOR_BAD_DOCUMENT,
   FG_DOCTOR_DUPLICATE_ALT_NAME,
   FG_DOCTOR_DUPLICATE_ID,
   FG_DOCTOR_NO_UNIQUE_INDEX,
   FG_DOCTOR_KEY_NOT_OPENED,
   FG_DOCTOR_KEYS_NOT_TRIED,
   FG_DOCTOR_NO_ALT_NAME,
   FG_DOCTOR_KEY_OLD,
   FG_DOCTOR_LOCAL_MASTER_KEY,
   FG_DOCTOR_KEYS_PER_MASTER_KEY,
   FG_DOCTOR_MASTER_KEY_STATE,
   FG_DOCTOR_MASTER_KEY_SETTINGS,
   FG_DOCTOR_MASTER_KEY_UNKNOWN,
   FG_DOCTOR_KEY_UNDER_CLOSED_EPOCH,
   FG_DOCTOR_CLOSED_EPOCH_CONFIGURED,
   FG_DOCTOR_SHARED_MASTER_KEY,
   FG_DOCTOR_VAULT_WITH_DATA,
   FG_DOCTOR_VAULT_PLACE_UNKNOWN,
   FG_DOCTOR_SEPARATION,
   FG_DOCTOR_SEPARATION_UNKNOWN,
   FG_DOCTOR_RETENTION_UNKNOWN,
   FG_DOCTOR_RETENTION_LONG,
   FG_DOCTOR_RETENTION_SHORT,
   FG_DOCTOR_CHAIN_BROKEN,
   FG_DOCTOR_SHREDDED_KEY_BACK,
   FG_DOCTOR_EPOCH_MARKER_MISSING,
   FG_DOCTOR_DESTRUCTION_UNDONE,
   FG_DOCTOR_ROLL_UNFINISHED,
   FG_DOCTOR_CHECKLIST,
   FG_DOCTOR_COUNT
} fg_doctor_id;

typedef enum fg_doctor_severity { FG_DOCTOR_INFO, FG_DOCTOR_WARNING, FG_DOCTOR_ERROR } fg_doctor_severity;

typedef struct fg_doctor {
   fg_cli_client client;
   const char *data; /* --data: a MongoDB URI with ns= of encrypted data; NULL */
   const char *certificates;
   const char *certificate_key;
   const char *other_names[64];
   size_t n_others;
   int64_t max_age_ms;
   int64_t retention_ms; /* -1: not stated */

   fg_key_list documents; /* as they are, good or bad */
   fg_epochs epochs;
   fg_roll back; /* its keys are those that are reported as back; a certificate names them again and again */
   bool opened; /* at least one key was unwrapped */
   size_t counts[3]; /* by severity */
} fg_doctor;

void fg_doctor_report (fg_doctor *d, fg_doctor_id id, const char *subject, const char *format, ...) FG_PRINTF (4, 5);

/* doctor_documents.c */
void fg_doctor_documents (fg_doctor *d);
/* doctor_kms.c */
void fg_doctor_keys_open (fg_doctor *d);
void fg_doctor_master_keys (fg_doctor *d);
/* doctor_place.c */
void fg_doctor_index (fg_doctor *d);
void fg_doctor_place (fg_doctor *d);
void fg_doctor_others (fg_doctor *d);
/* doctor_certificates.c */
void fg_doctor_certificates (fg_doctor *d);
void fg_doctor_retention (fg_doctor *d);

#endif /* FG_CLI_DOCTOR_H */
