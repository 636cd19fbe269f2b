/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include "client/client_internal.h"
#include "client/keys/certificate.h"
#include "client/keys/shred.h"

#include <inttypes.h>
#include <stdio.h>

/* What the certificates say, held against the vault, the KMS and the backups. */

#define DAY_MS 86400000
#define SHORT_RETENTION_MS ((int64_t)7 * DAY_MS)

static bool
document_at (const bson_t *doc, const char *path, bson_t *out)
{
   bson_iter_t start;
   bson_iter_t found;
   const uint8_t *data;
   uint32_t len;

   if (!bson_iter_init (&start, doc) || !bson_iter_find_descendant (&start, path, &found) ||
       !BSON_ITER_HOLDS_DOCUMENT (&found)) {
      return false;
   }
   bson_iter_document (&found, &len, &data);
   return bson_init_static (out, data, len);
}

static int64_t
time_at (const bson_t *doc, const char *path)
{
   bson_iter_t start;
   bson_iter_t found;

   return bson_iter_init (&start, doc) && bson_iter_find_descendant (&start, path, &found) &&
                BSON_ITER_HOLDS_DATE_TIME (&found)
             ? bson_iter_date_time (&found)
             : 0;
}

/* --- keys that came back --------------------------------------------------------------------------------------------------- */

static void
look_for_key (fg_doctor *d, const bson_t *key, const char *roll)
{
   const char *text = fg_bson_text (key, "keyId");
   const char *name = fg_kms_text_at (key, "keyAltNames.0");
   uint8_t id[FG_KEY_ID_LEN];

   bson_t none = BSON_INITIALIZER;

   if (text && fg_uuid_parse (text, id) && fg_key_list_find (&d->documents, id) && !fg_roll_has_key (&d->back, id) &&
       fg_roll_add_key (&d->back, id, &none, NULL)) {
      fg_doctor_report (d, FG_DOCTOR_SHREDDED_KEY_BACK, text, "shredded in roll %s%s%s, and in the vault again", roll,
                        name ? " as " : "", name ? name : "");
   }
   bson_destroy (&none);
}

static void
look_for_keys (fg_doctor *d, const bson_t *certificate, const char *roll)
{
   bson_iter_t iter;
   bson_iter_t element;
   const uint8_t *data;
   uint32_t len;
   bson_t key;

   if (!bson_iter_init_find (&iter, certificate, "keys") || !BSON_ITER_HOLDS_ARRAY (&iter) ||
       !bson_iter_recurse (&iter, &element)) {
      return;
   }
   while (bson_iter_next (&element)) {
      if (BSON_ITER_HOLDS_DOCUMENT (&element)) {
         bson_iter_document (&element, &len, &data);
         if (bson_init_static (&key, data, len)) {
            look_for_key (d, &key, roll);
         }
      }
   }
}

/* --- the epoch, and the KMS's word ------------------------------------------------------------------------------------------ */

static void
judge_epoch (fg_doctor *d, const bson_t *certificate, const char *roll)
{
   const char *id = fg_kms_text_at (certificate, "oldEpoch.id");

   if (id && fg_epochs_state (&d->epochs, id) == FG_EPOCH_OPEN) {
      fg_doctor_report (d, FG_DOCTOR_EPOCH_MARKER_MISSING, roll,
                        "the certificate says that the old epoch is closed; the vault's marker does not");
   }
}

static void
judge_kms (fg_doctor *d, const bson_t *certificate, const char *roll)
{
   const char *said = fg_kms_text_at (certificate, "kms.state");
   fg_master_key_status status;
   fg_error err = {0};
   bson_t master_key;

   if (!said || (strcmp (said, "scheduled") != 0 && strcmp (said, "destroyed") != 0) || !d->client.client ||
       !document_at (certificate, "oldEpoch.masterKey", &master_key)) {
      return;
   }
   if (!fg_kms_master_key_state (d->client.client->kms, &master_key, &status, &err)) {
      fg_doctor_report (d, FG_DOCTOR_MASTER_KEY_UNKNOWN, roll, "the old master key: %s", err.message);
   } else if (status.state != FG_MASTER_KEY_SCHEDULED && status.state != FG_MASTER_KEY_DESTROYED) {
      fg_doctor_report (d, FG_DOCTOR_DESTRUCTION_UNDONE, roll,
                        "the certificate says that the old master key is %s; the KMS says that it is %s", said,
                        fg_master_key_state_name (status.state));
   }
}

/* A certificate that promises an end by the backups' retention holds as long as they are not kept longer. */
static void
judge_promise (fg_doctor *d, const bson_t *certificate, const char *roll)
{
   int64_t from = time_at (certificate, "oldBackups.backupsFromBefore");
   int64_t last = time_at (certificate, "oldBackups.lastBackupEnds");

   if (from && last && d->retention_ms >= 0 && from + d->retention_ms > last) {
      fg_doctor_report (d, FG_DOCTOR_RETENTION_LONG, roll,
                        "the certificate says that backups are kept %" PRId64 " days; they are kept %" PRId64,
                        (last - from) / DAY_MS, d->retention_ms / DAY_MS);
   }
}

static bool
look_at (void *ctx, const bson_t *certificate)
{
   fg_doctor *d = ctx;
   const char *roll = fg_bson_text (certificate, "roll");
   const char *stage = fg_bson_text (certificate, "stage");

   roll = roll ? roll : "";
   /* The first certificate of a shredding names its keys; the later ones name them again. */
   if (stage && strcmp (stage, "deleted") == 0) {
      look_for_keys (d, certificate, roll);
      judge_promise (d, certificate, roll);
   } else if (stage && strcmp (stage, "rolled") == 0) {
      judge_epoch (d, certificate, roll);
   } else if (stage && strcmp (stage, "ended") == 0) {
      judge_kms (d, certificate, roll);
   }
   return true;
}

static void
judge_rolls (fg_doctor *d)
{
   fg_rolls rolls;
   fg_error err = {0};

   if (!fg_rolls_load (d->certificates, &rolls, &err)) {
      fg_doctor_report (d, FG_DOCTOR_ROLL_UNFINISHED, d->certificates, "%s", err.message);
      return;
   }
   for (size_t i = 0; i < rolls.n; i++) {
      if (rolls.list[i].stage != FG_ROLL_DONE) {
         fg_doctor_report (d, FG_DOCTOR_ROLL_UNFINISHED, rolls.list[i].id, "this roll is at: %s%s",
                           fg_roll_stage_name (rolls.list[i].stage),
                           rolls.list[i].stage == FG_ROLL_GRACE && fg_now_ms () >= rolls.list[i].grace_until_ms
                              ? ", which is over"
                              : "");
      }
   }
   fg_rolls_clear (&rolls);
}

void
fg_doctor_certificates (fg_doctor *d)
{
   fg_audit_report report = {.size = sizeof report};
   fg_error err = {0};

   if (!d->certificates) {
      return;
   }
   if (!fg_certificates_read (d->certificates, d->certificate_key, look_at, d, &report, &err)) {
      fg_doctor_report (d, FG_DOCTOR_CHAIN_BROKEN, d->certificates, "the certificates cannot be read: %s", err.message);
   } else if (report.finding != FG_AUDIT_OK) {
      fg_doctor_report (d, FG_DOCTOR_CHAIN_BROKEN, d->certificates, "file %zu, line %" PRIu64 ": %s", report.file + 1,
                        report.line, report.message);
   }
   judge_rolls (d);
}

/* --- backups ---------------------------------------------------------------------------------------------------------------- */

void
fg_doctor_retention (fg_doctor *d)
{
   if (d->retention_ms < 0) {
      fg_doctor_report (d, FG_DOCTOR_RETENTION_UNKNOWN, "",
                        "how long backups of the vault are kept is not known, and so not until when they open shredded "
                        "keys whose master key lives on");
   } else if (d->retention_ms < SHORT_RETENTION_MS) {
      fg_doctor_report (d, FG_DOCTOR_RETENTION_SHORT, "", "backups of the vault are kept less than 7 days");
   }
}
