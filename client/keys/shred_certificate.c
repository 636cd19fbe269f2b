/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/certificate.h"
#include "client/keys/shred.h"

#include <stdlib.h>
#include <time.h>

/* Of one record's list; what does not fit goes into the next part. */
#define KEYS_MAX_BYTES 24000u

/* What no shredding reaches, whatever the KMS. */
static const char *const not_reached[] = {
   "clients that have the key in memory: a driver keeps it 60 seconds unless told otherwise, this library as long as "
   "key_expiration_ms says, a process that is swapped, dumped or snapshotted longer",
   "whoever unwrapped the key before and kept it: the KMS's own log says who unwrapped what",
   "plaintext, and ciphertext that was decrypted and stored elsewhere",
   "members of a replica set that lag or are delayed, and their backups: they show the deleted key documents for as "
   "long; what they show no longer opens once the old master key has ended",
};

typedef struct writer {
   bson_t *doc;
   bool ok;
} writer;

static void
put_text (writer *w, const char *name, const char *text)
{
   w->ok = w->ok && (!text || BSON_APPEND_UTF8 (w->doc, name, text));
}

static void
put_time (writer *w, const char *name, int64_t ms)
{
   w->ok = w->ok && (ms == 0 || BSON_APPEND_DATE_TIME (w->doc, name, ms));
}

static void
put_number (writer *w, const char *name, int64_t n)
{
   w->ok = w->ok && BSON_APPEND_INT64 (w->doc, name, n);
}

/* --- the parts --------------------------------------------------------------------------------------------------------- */

/* Keys from `first` on, as many as fit; returns the next one. */
static size_t
put_keys (writer *w, const fg_roll *roll, size_t first)
{
   bson_t array;
   char buf[16];
   char id[FG_UUID_TEXT_LEN];
   const char *index;
   size_t i = first;

   w->ok = w->ok && BSON_APPEND_ARRAY_BEGIN (w->doc, "keys", &array);
   for (size_t bytes = 0; w->ok && i < roll->n_keys && (i == first || bytes < KEYS_MAX_BYTES); i++) {
      const fg_roll_key *key = &roll->keys[i];
      size_t n = bson_uint32_to_string ((uint32_t)(i - first), &index, buf, sizeof buf);
      bson_t part = BSON_INITIALIZER;
      writer inner = {&part, true};
      fg_uuid_text (key->id, id);
      put_text (&inner, "keyId", id);
      /* Alt names of megabytes have no place in a line of the chain. */
      inner.ok = inner.ok && (key->names->len > KEYS_MAX_BYTES ? BSON_APPEND_BOOL (&part, "keyAltNamesLeftOut", true)
                                                               : BSON_APPEND_ARRAY (&part, "keyAltNames", key->names));
      put_time (&inner, "deleted", key->deleted_ms);
      w->ok = inner.ok && bson_append_document (&array, index, (int)n, &part);
      bytes += 2 * (size_t)part.len;
      bson_destroy (&part);
   }
   w->ok = w->ok && bson_append_array_end (w->doc, &array);
   return i;
}

static void
put_epoch (writer *w, const char *name, const bson_t *master_key)
{
   char id[FG_EPOCH_ID_LEN];
   bson_t part;

   if (master_key && fg_epoch_id_of_stored (master_key, id, NULL)) {
      w->ok = w->ok && BSON_APPEND_DOCUMENT_BEGIN (w->doc, name, &part) && BSON_APPEND_UTF8 (&part, "id", id) &&
              BSON_APPEND_DOCUMENT (&part, "masterKey", master_key) && bson_append_document_end (w->doc, &part);
   }
}

static void
put_kms (writer *w, const fg_roll *roll, const fg_kms_lifecycle *ops, const fg_master_key_status *status,
         bool opens_still)
{
   bson_t part = BSON_INITIALIZER;
   writer inner = {&part, true};

   put_text (&inner, "state", fg_master_key_state_name (status->state));
   put_time (&inner, "asked", fg_now_ms ());
   put_time (&inner, "until", status->until_s * 1000);
   put_text (&inner, "name", status->name[0] ? status->name : NULL);
   put_text (&inner, "notes", status->notes[0] ? status->notes : NULL);
   if (status->state != FG_MASTER_KEY_DESTROYED) {
      put_text (&inner, "canBeUndoneBy", ops->undo);
   }
   put_text (&inner, "how", ops->how);
   put_text (&inner, "beyond", ops->beyond);
   put_text (&inner, "newWraps", roll->close_note);
   put_text (&inner, "duringGrace", roll->disable_note);
   inner.ok = inner.ok && BSON_APPEND_BOOL (&part, "opensHereStill", opens_still);
   w->ok = w->ok && inner.ok && BSON_APPEND_DOCUMENT (w->doc, "kms", &part);
   bson_destroy (&part);
}

static void
put_backup (writer *w, const fg_roll *roll)
{
   bson_t part = BSON_INITIALIZER;
   writer inner = {&part, true};

   if (roll->backup && roll->backup_sha256 && roll->rolled_ms) {
      put_text (&inner, "file", roll->backup);
      put_text (&inner, "sha256", roll->backup_sha256);
      put_number (&inner, "documents", roll->backup_documents);
      w->ok = w->ok && inner.ok && BSON_APPEND_DOCUMENT (w->doc, "newBackup", &part);
   }
   bson_destroy (&part);
}

static int64_t
last_deletion (const fg_roll *roll)
{
   int64_t last = 0;

   for (size_t i = 0; i < roll->n_keys; i++) {
      last = roll->keys[i].deleted_ms > last ? roll->keys[i].deleted_ms : last;
   }
   return last;
}

static const char *
statement (const fg_master_key_status *status, bool opens_still)
{
   switch (status->state) {
   case FG_MASTER_KEY_DESTROYED:
      return "no backup of the vault opens these keys any more, unless what `kms.beyond` names is brought back";
   case FG_MASTER_KEY_SCHEDULED:
      return "now the KMS unwraps nothing under the old master key; until `kms.until` whoever `kms.canBeUndoneBy` "
             "names can "
             "make every backup from before `backupsFromBefore` open these keys again; after it, none does";
   case FG_MASTER_KEY_DISABLED:
      return "while the old master key is disabled no backup opens these keys; whoever `kms.canBeUndoneBy` names, or "
             "may enable "
             "the key, can make every backup from before `backupsFromBefore` open them";
   case FG_MASTER_KEY_UNKNOWN:
      return opens_still ? "every backup of the vault from before `backupsFromBefore` opens these keys for whoever has "
                           "the old master key, and it is still configured here"
                         : "every backup of the vault from before `backupsFromBefore` opens these keys for whoever has "
                           "a copy of the old master key; that there is none cannot be proved";
   case FG_MASTER_KEY_ENABLED:
   case FG_MASTER_KEY_UNWRAPS_ONLY:
   default:
      return "every backup of the vault from before `backupsFromBefore` opens these keys for whoever may use the old "
             "master "
             "key";
   }
}

/* Until when an old backup could still open what was shredded: the earlier of the master key's end and the end of the last backup. */
static void
put_backups (writer *w, const fg_roll *roll, const fg_master_key_status *status, bool opens_still)
{
   bson_t part = BSON_INITIALIZER;
   writer inner = {&part, true};
   int64_t end = status->state == FG_MASTER_KEY_DESTROYED   ? roll->destroyed_ms
                 : status->state == FG_MASTER_KEY_SCHEDULED ? status->until_s * 1000
                                                            : 0;
   int64_t kept = roll->retention_ms >= 0 ? last_deletion (roll) + roll->retention_ms : 0;

   put_time (&inner, "backupsFromBefore", last_deletion (roll));
   put_text (&inner, "statement", statement (status, opens_still));
   put_time (&inner, "masterKeyEnds", end);
   if (roll->retention_ms >= 0) {
      put_time (&inner, "lastBackupEnds", kept);
      put_text (&inner, "retention", "as the operator stated it; not verified");
   } else {
      put_text (&inner, "retention", "not stated");
   }
   put_time (&inner, "openableUntil", end && kept ? (end < kept ? end : kept) : end ? end : kept);
   w->ok = w->ok && inner.ok && BSON_APPEND_DOCUMENT (w->doc, "oldBackups", &part);
   bson_destroy (&part);
}

static void
put_not_reached (writer *w)
{
   bson_t array;
   char buf[16];
   const char *index;

   w->ok = w->ok && BSON_APPEND_ARRAY_BEGIN (w->doc, "notReached", &array);
   for (size_t i = 0; i < sizeof not_reached / sizeof not_reached[0]; i++) {
      size_t n = bson_uint32_to_string ((uint32_t)i, &index, buf, sizeof buf);
      w->ok = w->ok && bson_append_utf8 (&array, index, (int)n, not_reached[i], -1);
   }
   w->ok = w->ok && bson_append_array_end (w->doc, &array);
}

/* --- the whole --------------------------------------------------------------------------------------------------------- */

static const char *
certified_stage (const fg_roll *roll)
{
   return roll->stage >= FG_ROLL_DONE ? "ended" : roll->stage >= FG_ROLL_GRACE ? "rolled" : "deleted";
}

static bson_t *
build (const fg_roll *roll, const fg_kms_lifecycle *ops, const fg_master_key_status *status, bool opens_still,
       size_t *next, int64_t part)
{
   writer w = {bson_new (), true};

   put_number (&w, "version", 1);
   put_text (&w, "stage", certified_stage (roll));
   put_text (&w, "roll", roll->id);
   put_number (&w, "part", part);
   put_text (&w, "vault", roll->vault);
   *next = put_keys (&w, roll, *next);
   w.ok = w.ok && BSON_APPEND_BOOL (w.doc, "lastPart", *next == roll->n_keys);
   put_epoch (&w, "oldEpoch", roll->old_master_key);
   put_epoch (&w, "newEpoch", roll->new_master_key);
   put_time (&w, "closed", roll->closed_ms);
   put_time (&w, "rolled", roll->rolled_ms);
   put_time (&w, "graceUntil", roll->grace_until_ms);
   put_time (&w, "destroyAsked", roll->destroyed_ms);
   put_number (&w, "rewrapped", roll->rewrapped);
   put_backup (&w, roll);
   put_kms (&w, roll, ops, status, opens_still);
   put_backups (&w, roll, status, opens_still);
   put_not_reached (&w);
   if (!w.ok || w.doc->len > FG_CERTIFICATE_MAX) {
      bson_destroy (w.doc);
      return NULL;
   }
   return w.doc;
}

bool
fg_roll_certify (const char *dir, const char *key_file, const fg_roll *roll, fg_kms *kms,
                 const fg_master_key_status *status, bool opens_still, fg_error *err)
{
   bson_t **params = calloc (roll->n_keys + 1, sizeof *params);
   fg_kms_provider *provider;
   const fg_kms_lifecycle *ops = &fg_kms_local_lifecycle;
   size_t next = 0;
   size_t n = 0;
   fg_error ignored = {0};
   bool ok = true;

   if (!params) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, dir, "out of memory");
   }
   /* A local master key's provider may be gone from the configuration, as it should; what its table says is true without it. */
   if (strncmp (fg_bson_text (roll->old_master_key, "provider"), "local", 5) != 0) {
      ok = fg_kms_lifecycle_of (kms, roll->old_master_key, &provider, &ops, &ignored);
   }
   do {
      params[n] = ok ? build (roll, ops, status, opens_still, &next, (int64_t)n + 1) : NULL;
      ok = ok && params[n] != NULL;
      n++;
   } while (ok && next < roll->n_keys);
   ok = ok ? fg_certificates_append (dir, key_file, params, n, err)
           : fg_error_set (err, FG_ERROR_KEY, FG_E_TOO_LARGE, dir, "the certificate cannot be built%s%s",
                           ignored.message[0] ? ": " : "", ignored.message);
   for (size_t i = 0; i < n; i++) {
      bson_destroy (params[i]);
   }
   free (params);
   return ok;
}
