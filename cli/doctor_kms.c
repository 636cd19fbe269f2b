/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include "client/client_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* --- every key is unwrapped --------------------------------------------------------------------------------------------- */

#define NAMED_MAX 20u /* failures that are reported one by one */

void
fg_doctor_keys_open (fg_doctor *d)
{
   size_t failures = 0;

   if (!d->client.kms_providers || !d->client.client) {
      fg_doctor_report (d, FG_DOCTOR_KEYS_NOT_TRIED, "", "no key was unwrapped: whether any opens is not known");
      return;
   }
   for (size_t i = 0; i < d->documents.n; i++) {
      fg_key_document doc;
      fg_secret *dek = NULL;
      fg_error err = {0};
      char id[FG_UUID_TEXT_LEN];
      if (!fg_key_document_parse (d->documents.docs[i], &doc, NULL)) {
         continue;
      }
      if (fg_kms_unwrap (d->client.client->kms, &doc.master_key, doc.material, doc.material_len, &dek, &err)) {
         d->opened = true;
      } else if (failures++ < NAMED_MAX) {
         fg_uuid_text (doc.id, id);
         fg_doctor_report (d, FG_DOCTOR_KEY_NOT_OPENED, id, "%s", err.message);
      }
      fg_secret_free (dek);
   }
   if (failures > NAMED_MAX) {
      fg_doctor_report (d, FG_DOCTOR_KEY_NOT_OPENED, "", "and %zu more", failures - NAMED_MAX);
   }
}

/* --- master keys -------------------------------------------------------------------------------------------------------- */

static const struct {
   const char *type;
   const char *const *points;
} checklists[] = {
   {"aws",
    (const char *const[]){
       "CloudTrail alerts somebody to Decrypt, DisableKey, ScheduleKeyDeletion and PutKeyPolicy",
       "MFA for whoever may administer the key", "aws:SourceIp or aws:SourceVpce in the key policy",
       "kms:ScheduleKeyDeletion and kms:CancelKeyDeletion belong to different people than kms:Decrypt", NULL}},
   {"azure",
    (const char *const[]){"purge protection of the Key Vault", "the Key Vault's firewall or a private endpoint",
                          "diagnostic settings send AuditEvent to a place that the key's users cannot write",
                          "MFA and privileged identity management for key administrators", NULL}},
   {"gcp", (const char *const[]){"Data Access audit logs for Cloud KMS are on",
                                 "VPC Service Controls or IAM conditions limit where from",
                                 "cryptoKeyVersions.destroy and restore belong to different people than useToDecrypt",
                                 "the key's destroyScheduledDuration is what the certificate is to say", NULL}},
   {"kmip", (const char *const[]){"the server's audit log names the client certificate of every Get and Decrypt",
                                  "client certificates expire and can be revoked",
                                  "how the server's own backups are encrypted", NULL}},
   {"vault",
    (const char *const[]){"an audit device is enabled",
                          "the token's policy allows encrypt and decrypt of this key alone", "token_bound_cidrs",
                          "how long snapshots of Vault are kept: they hold trimmed versions", NULL}},
   {"local", (const char *const[]){"who can read the file, its backups and the machines' memory", NULL}},
};

static void
print_checklist (fg_doctor *d, const char *provider)
{
   size_t len = strcspn (provider, ":");

   for (size_t i = 0; i < sizeof checklists / sizeof checklists[0]; i++) {
      if (strlen (checklists[i].type) == len && strncmp (checklists[i].type, provider, len) == 0) {
         for (const char *const *p = checklists[i].points; *p; p++) {
            fg_doctor_report (d, FG_DOCTOR_CHECKLIST, provider, "%s", *p);
         }
      }
   }
}

typedef struct master_key {
   char id[FG_EPOCH_ID_LEN];
   bson_t *document;
   size_t keys;
} master_key;

typedef struct master_keys {
   master_key *list;
   size_t n;
} master_keys;

static void
count_key (master_keys *all, const bson_t *document)
{
   fg_key_document doc;
   char id[FG_EPOCH_ID_LEN];

   if (!fg_key_document_parse (document, &doc, NULL) || !fg_epoch_id_of_stored (&doc.master_key, id, NULL)) {
      return;
   }
   for (size_t i = 0; i < all->n; i++) {
      if (strcmp (all->list[i].id, id) == 0) {
         all->list[i].keys++;
         return;
      }
   }
   master_key *list = realloc (all->list, (all->n + 1) * sizeof *list);
   if (list) {
      all->list = list;
      memcpy (list[all->n].id, id, sizeof id);
      list[all->n].document = bson_copy (&doc.master_key);
      list[all->n++].keys = 1;
   }
}

/* Settings that the KMS's answer shows to be weak. */
static void
judge_settings (fg_doctor *d, const char *subject, const fg_master_key_status *status)
{
   static const struct {
      const char *in_notes;
      const char *message;
   } weak[] = {
      {"Purgeable", "purge protection is off: whoever may purge ends the key at once"},
      {"exportable yes", "the key is exportable: it may exist elsewhere"},
      {"plaintext backup yes", "plaintext backup is allowed: it may exist elsewhere"},
      {"multi-Region", "it is a multi-Region key: its replicas end apart"},
      {"EXTERNAL", "its material was imported: a copy exists where it came from"},
   };

   for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++) {
      if (strstr (status->notes, weak[i].in_notes)) {
         fg_doctor_report (d, FG_DOCTOR_MASTER_KEY_SETTINGS, subject, "%s", weak[i].message);
      }
   }
}

static void
ask_kms (fg_doctor *d, const master_key *m, const char *subject)
{
   fg_master_key_status status;
   fg_error err = {0};

   if (!d->client.client || !d->client.kms_providers) {
      return;
   }
   if (!fg_kms_master_key_state (d->client.client->kms, m->document, &status, &err)) {
      fg_doctor_report (d, FG_DOCTOR_MASTER_KEY_UNKNOWN, subject, "%s", err.message);
      return;
   }
   if (status.state >= FG_MASTER_KEY_UNWRAPS_ONLY) {
      fg_doctor_report (d, FG_DOCTOR_MASTER_KEY_STATE, subject, "the KMS says that it is %s, and %zu key%s under it",
                        fg_master_key_state_name (status.state), m->keys, m->keys == 1 ? " is" : "s are");
   }
   judge_settings (d, subject, &status);
}

static void
judge_epoch (fg_doctor *d, const master_key *m, const char *subject)
{
   fg_epoch_state state = fg_epochs_state (&d->epochs, m->id);

   if (state != FG_EPOCH_OPEN) {
      fg_doctor_report (d, FG_DOCTOR_KEY_UNDER_CLOSED_EPOCH, subject,
                        "%zu key%s under an epoch that the vault's marker says is %s", m->keys,
                        m->keys == 1 ? " is" : "s are", state == FG_EPOCH_CLOSED ? "closed" : "destroyed");
   }
}

/* Local master keys whose epoch has ended and that are still in the file. */
static void
judge_configuration (fg_doctor *d)
{
   bson_t *file = d->client.kms_providers ? fg_cli_read_document (d->client.kms_providers, NULL) : NULL;
   char id[FG_EPOCH_ID_LEN];
   bson_iter_t iter;

   if (file && bson_iter_init (&iter, file)) {
      while (bson_iter_next (&iter)) {
         const char *name = bson_iter_key (&iter);
         if (strncmp (name, "local", 5) == 0 && fg_epoch_id (name, NULL, id, NULL) &&
             fg_epochs_state (&d->epochs, id) == FG_EPOCH_DESTROYED) {
            fg_doctor_report (d, FG_DOCTOR_CLOSED_EPOCH_CONFIGURED, name,
                              "the epoch has ended, and its master key still stands in %s", d->client.kms_providers);
         }
      }
   }
   fg_cli_wipe_document (file);
}

static void
look_at (fg_doctor *d, const master_keys *all, size_t i)
{
   const master_key *m = &all->list[i];
   const char *provider = fg_bson_text (m->document, "provider");
   char *subject = bson_as_relaxed_extended_json (m->document, NULL);
   const char *text = subject ? subject : "";

   fg_doctor_report (d, FG_DOCTOR_KEYS_PER_MASTER_KEY, text, "%zu key%s", m->keys, m->keys == 1 ? "" : "s");
   if (strncmp (provider, "local", 5) == 0) {
      fg_doctor_report (
         d, FG_DOCTOR_LOCAL_MASTER_KEY, provider,
         "%zu key%s under a master key that is bytes in a file: whoever reads it opens them, unseen, and its "
         "end cannot be proved",
         m->keys, m->keys == 1 ? " is" : "s are");
   }
   judge_epoch (d, m, text);
   ask_kms (d, m, text);
   bool told = false;
   for (size_t j = 0; j < i; j++) {
      told = told || strcmp (fg_bson_text (all->list[j].document, "provider"), provider) == 0;
   }
   if (!told) {
      print_checklist (d, provider);
   }
   bson_free (subject);
}

void
fg_doctor_master_keys (fg_doctor *d)
{
   master_keys all = {0};

   for (size_t i = 0; i < d->documents.n; i++) {
      count_key (&all, d->documents.docs[i]);
   }
   for (size_t i = 0; i < all.n; i++) {
      look_at (d, &all, i);
   }
   judge_configuration (d);
   for (size_t i = 0; i < all.n; i++) {
      bson_destroy (all.list[i].document);
   }
   free (all.list);
}
