/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/shred.h"

#include "client/keys/backup.h"
#include "client/keys/rewrap.h"
#include "client/keys/shred_scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS_MAX 200

typedef struct run {
   const fg_shred *shred;
   fg_roll *roll;
   fg_scan scan;
   fg_kms *kms;
   fg_key_vault *vault;
} run;

static void say (const run *r, const char *format, ...) FG_PRINTF (2, 3);

static void
say (const run *r, const char *format, ...)
{
   char text[512];
   va_list args;

   if (r->shred->say) {
      va_start (args, format);
      vsnprintf (text, sizeof text, format, args);
      va_end (args);
      r->shred->say (r->shred->ctx, text);
   }
}

static bool
save (const run *r, fg_error *err)
{
   return fg_roll_save (r->shred->dir, r->roll, err);
}

/* The certificate of a stage is on disk before the journal says that the stage is over: killed in between, it is written twice, and never missing. */
static bool
certify (const run *r, const fg_master_key_status *status, bool opens_still, fg_error *err)
{
   return fg_roll_certify (r->shred->dir, r->shred->certificate_key, r->roll, r->kms, status, opens_still, err);
}

static bool
replace_text (char **at, const char *text, fg_error *err)
{
   char *copy = strdup (text);

   if (!copy) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   free (*at);
   *at = copy;
   return true;
}

/* --- deleting ------------------------------------------------------------------------------------------------------------- */

static bool
found_one (void *ctx, const bson_t *document)
{
   (void)document;
   *(bool *)ctx = true;
   return false;
}

static bool
is_gone (const run *r, const uint8_t id[FG_KEY_ID_LEN], fg_error *err)
{
   bool found = false;

   return r->vault->ops->find (r->vault->self, id, 1, NULL, 0, found_one, &found, err) &&
          (!found || fg_error_set (err, FG_ERROR_KEY, FG_E_IO, NULL, "a key that was deleted is still in the vault"));
}

static bool
delete_keys (run *r, fg_error *err)
{
   fg_master_key_status status = {0};
   size_t deleted = 0;
   bool removed = false;

   for (size_t i = 0; i < r->roll->n_keys; i++) {
      fg_roll_key *key = &r->roll->keys[i];
      if (key->deleted_ms) {
         continue;
      }
      if (!fg_client_delete_key (r->shred->client, key->id, &removed, err) || !is_gone (r, key->id, err)) {
         return false;
      }
      key->deleted_ms = fg_now_ms ();
      deleted++;
   }
   r->roll->stage = r->roll->new_master_key ? FG_ROLL_CLOSING : FG_ROLL_HELD;
   if (deleted == 0) {
      return save (r, err); /* all of them by a held shredding, which has its certificate */
   }
   say (r, "deleted %zu key%s from the vault", deleted, deleted == 1 ? "" : "s");
   fg_error ignored;
   if (!fg_kms_master_key_state (r->kms, r->roll->old_master_key, &status, &ignored)) {
      memset (&status, 0, sizeof status);
   }
   return certify (r, &status, true, err) && save (r, err);
}

/* --- closing -------------------------------------------------------------------------------------------------------------- */

/* A key that nobody needs, wrapped under the old epoch while that still can be done. Where the KMS does not wrap any more there is none, and the KMS's word stands alone. */
static bool
make_witness (run *r, fg_error *err)
{
   fg_secret *dek = fg_secret_new (FG_DATA_KEY_LEN, err);
   fg_wrapped wrapped;
   bson_t stored;
   fg_error ignored;

   if (!dek || !fg_random_private (dek->bytes, FG_DATA_KEY_LEN, err)) {
      fg_secret_free (dek);
      return false;
   }
   r->roll->witness = bson_new ();
   if (fg_kms_wrap (r->kms, fg_bson_text (r->roll->old_master_key, "provider"), r->roll->old_master_key, dek->bytes,
                    &wrapped, &stored, &ignored)) {
      BSON_APPEND_BINARY (r->roll->witness, "material", BSON_SUBTYPE_BINARY, wrapped.bytes, (uint32_t)wrapped.len);
      bson_destroy (&stored);
   }
   fg_secret_free (dek);
   return save (r, err);
}

/* Whether the old master key still opens what it wrapped. */
static bool
witness_opens (const run *r)
{
   bson_iter_t iter;
   const uint8_t *data;
   uint32_t len;
   fg_secret *dek = NULL;
   fg_error ignored;

   if (!r->roll->witness || !bson_iter_init_find (&iter, r->roll->witness, "material") ||
       !BSON_ITER_HOLDS_BINARY (&iter)) {
      return false;
   }
   bson_iter_binary (&iter, NULL, &len, &data);
   bool opens = fg_kms_unwrap (r->kms, r->roll->old_master_key, data, len, &dek, &ignored);
   fg_secret_free (dek);
   return opens;
}

/* What the KMS did about a step that it may not know or not allow: for the certificate, and no reason to stop. */
static bool
try_step (run *r, fg_lifecycle_step step, const char *done_text, const char *cannot_text, char **note, bool *done,
          fg_error *err)
{
   fg_error inner = {0};
   char text[FG_ERROR_MESSAGE_MAX + 64];

   if (fg_kms_master_key_step (r->kms, r->roll->old_master_key, step, 0, done, &inner)) {
      snprintf (text, sizeof text, "%s", *done ? done_text : cannot_text);
   } else {
      *done = false;
      snprintf (text, sizeof text, "the KMS refused: %s", inner.message);
   }
   say (r, "%s", text);
   return replace_text (note, text, err);
}

static bool
close_epoch (run *r, fg_error *err)
{
   const char *provider = fg_bson_text (r->roll->new_master_key, "provider");
   bool done;

   if (!r->roll->witness && !make_witness (r, err)) {
      return false;
   }
   if (!fg_epoch_mark (r->shred->client, r->scan.id, FG_EPOCH_CLOSED, provider, r->roll->new_master_key, err)) {
      return false;
   }
   say (r, "the vault's marker closes the old epoch");
   if (!try_step (r, FG_STEP_CLOSE, "the KMS refuses new wraps under the old master key",
                  "this KMS cannot refuse wraps alone: until grace begins only clients that read the marker do",
                  &r->roll->close_note, &done, err)) {
      return false;
   }
   r->roll->closed_ms = r->roll->closed_ms ? r->roll->closed_ms : fg_now_ms ();
   r->roll->stage = FG_ROLL_REWRAPPING;
   return save (r, err);
}

/* --- rewrapping ------------------------------------------------------------------------------------------------------------ */

static bool
judge (const fg_rewrap_key *keys, size_t n, fg_error *err)
{
   for (size_t i = 0; i < n; i++) {
      if (keys[i].outcome != FG_REWRAP_DONE && keys[i].outcome != FG_REWRAP_CHANGED) {
         char id[FG_UUID_TEXT_LEN];
         fg_uuid_text (keys[i].parsed.id, id);
         return fg_error_set (err, FG_ERROR_KEY, keys[i].code ? keys[i].code : FG_E_IO, id,
                              "key %s cannot be moved to the new epoch, which therefore does not begin: %s", id,
                              keys[i].why ? keys[i].why : "not tried");
      }
   }
   return true;
}

static bool
rewrap (run *r, const fg_key_list *under, fg_error *err)
{
   fg_rewrap_key *keys = calloc (under->n, sizeof *keys);

   if (!keys) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   for (size_t i = 0; i < under->n; i++) {
      keys[i].document = under->docs[i];
   }
   fg_rewrap_run all = {.client = r->shred->client,
                        .keys = keys,
                        .n = under->n,
                        .provider = fg_bson_text (r->roll->new_master_key, "provider"),
                        .master_key = r->roll->new_master_key};
   bool ok = fg_rewrap_run_all (&all, err) && judge (keys, under->n, err);
   for (size_t i = 0; i < under->n; i++) {
      r->roll->rewrapped += keys[i].outcome == FG_REWRAP_DONE ? 1 : 0;
      fg_rewrap_key_clear (&keys[i]);
   }
   free (keys);
   return ok;
}

/* Keys that are shredded and stand in the vault again: somebody restored them. */
static bool
delete_again (run *r, const fg_key_list *again, fg_error *err)
{
   bool removed;

   for (size_t i = 0; i < again->n; i++) {
      fg_key_document doc;
      if (!fg_key_document_parse (again->docs[i], &doc, err) ||
          !fg_client_delete_key (r->shred->client, doc.id, &removed, err)) {
         return false;
      }
   }
   if (again->n) {
      say (r, "%zu shredded key%s had come back, and went again", again->n, again->n == 1 ? "" : "s");
   }
   return true;
}

/* One reading of the vault, and what it asks for. *left: documents that were under the old epoch when it was read. */
static bool
one_round (run *r, size_t *left, fg_error *err)
{
   fg_key_list under = {0};
   fg_key_list again = {0};
   bool ok = fg_scan_vault (&r->scan, r->roll, &under, &again, err) && delete_again (r, &again, err) &&
             (under.n == 0 || rewrap (r, &under, err));

   *left = under.n + again.n;
   fg_key_list_clear (&again);
   fg_key_list_clear (&under);
   return ok;
}

/* Until a reading at majority shows nothing under the old epoch. */
static bool
empty_the_epoch (run *r, size_t *moved, fg_error *err)
{
   size_t left = 0;

   *moved = 0;
   for (int round = 0; round < ROUNDS_MAX; round++) {
      if (!one_round (r, &left, err)) {
         return false;
      }
      if (left == 0) {
         say (r, "rewrapped %zu key%s under the new epoch; the vault, read again, has none under the old one", *moved,
              *moved == 1 ? "" : "s");
         return true;
      }
      *moved += left;
   }
   return fg_error_set (
      err, FG_ERROR_KEY, FG_E_INTERRUPTED, NULL,
      "somebody goes on making keys under the old master key: take it out of their configuration, and "
      "run the command again");
}

static bool
rewrap_all (run *r, fg_error *err)
{
   size_t moved;

   if (!empty_the_epoch (r, &moved, err)) {
      return false;
   }
   r->roll->stage = FG_ROLL_BACKUP;
   return save (r, err);
}

/* --- the backup ------------------------------------------------------------------------------------------------------------ */

/* Every key of the new epoch in it opens, and none of it is under the old one or shredded. */
static bool
documents_open (run *r, const fg_key_list *documents, bool *stale, fg_error *err)
{
   fg_key_list under = {0};
   fg_key_list again = {0};
   char new_id[FG_EPOCH_ID_LEN];
   char id[FG_EPOCH_ID_LEN];
   bool ok = fg_epoch_id_of_stored (r->roll->new_master_key, new_id, err) &&
             fg_scan_documents (&r->scan, r->roll, documents, &under, &again, err);

   *stale = under.n + again.n > 0;
   fg_key_list_clear (&under);
   fg_key_list_clear (&again);
   for (size_t i = 0; ok && !*stale && i < documents->n; i++) {
      fg_key_document doc;
      fg_secret *dek = NULL;
      fg_error inner = {0};
      ok = fg_key_document_parse (documents->docs[i], &doc, err) && fg_epoch_id_of_stored (&doc.master_key, id, err);
      if (ok && strcmp (id, new_id) == 0 &&
          !fg_kms_unwrap (r->kms, &doc.master_key, doc.material, doc.material_len, &dek, &inner)) {
         ok = fg_error_set (err, inner.domain, inner.code, NULL,
                            "the new backup does not open, so the old epoch stays: document %zu: %s", i + 1,
                            inner.message);
      }
      fg_secret_free (dek);
   }
   return ok;
}

static bool
is_the_backup (const fg_roll *roll, const fg_key_backup_info *info)
{
   char hex[FG_SHA256_HEX_LEN];

   fg_sha256_hex (info->sha256, hex);
   return roll->backup_sha256 && strcmp (hex, roll->backup_sha256) == 0;
}

/* Reads the file that lies under the backup's name. */
static bool
backup_opens (run *r, const char *path, fg_error *err)
{
   fg_key_list documents = {0};
   fg_key_backup_info info;
   bool stale = false;
   bool ok = fg_key_backup_read (path, &info, &documents, err);

   ok = ok && (is_the_backup (r->roll, &info) || fg_error_set (err, FG_ERROR_KEY, FG_E_MISMATCH, path,
                                                               "%s is not the backup that this roll wrote", path));
   ok = ok && documents_open (r, &documents, &stale, err) &&
        (!stale || fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, path, "%s has keys of the old epoch", path));
   fg_key_list_clear (&documents);
   return ok;
}

/* The digest is on record before the file has its name, so that a file with this name is either ours or somebody else's. *stale: a key under the old epoch came in between. */
static bool
write_backup (run *r, bool *stale, fg_error *err)
{
   fg_key_list documents = {0};
   fg_key_backup_info info;
   char hex[FG_SHA256_HEX_LEN];

   bool ok = fg_key_backup_prepare (r->vault, r->roll->backup, &info, &documents, err) &&
             documents_open (r, &documents, stale, err);
   if (ok && !*stale) {
      fg_sha256_hex (info.sha256, hex);
      r->roll->backup_documents = (int64_t)info.documents;
      ok = replace_text (&r->roll->backup_sha256, hex, err) && save (r, err) &&
           fg_key_backup_publish (r->roll->backup, err);
   }
   fg_key_list_clear (&documents);
   return ok;
}

static bool
back_up (run *r, fg_error *err)
{
   bool stale = true;
   size_t moved;

   if (r->roll->backup_sha256 && access (r->roll->backup, F_OK) == 0) {
      stale = false; /* published by a run that was ended after */
   }
   for (int round = 0; stale && round < ROUNDS_MAX; round++) {
      if (!write_backup (r, &stale, err) || (stale && !empty_the_epoch (r, &moved, err))) {
         return false;
      }
   }
   if (stale) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_INTERRUPTED, NULL,
                           "somebody goes on making keys under the old master key: run the command again");
   }
   if (!backup_opens (r, r->roll->backup, err)) {
      return false;
   }
   say (r, "backup of the new vault: %s, %lld documents, every key of the new epoch opened", r->roll->backup,
        (long long)r->roll->backup_documents);
   return true;
}

/* --- grace ----------------------------------------------------------------------------------------------------------------- */

/* Disabled first and read after: what a driver wrapped before is found, and after it wraps no more. Until nothing is found. */
static bool
disable_old (run *r, fg_error *err)
{
   size_t moved = 0;
   bool done;

   for (int round = 0; round < ROUNDS_MAX; round++) {
      if (!try_step (
             r, FG_STEP_DISABLE, "the old master key is disabled at the KMS; enabling it undoes that",
             "this KMS cannot disable a master key in a way that can be undone: it works until the end of grace",
             &r->roll->disable_note, &done, err)) {
         return false;
      }
      if (!done) {
         return true; /* nothing to gain: the end of grace reads the vault again */
      }
      fg_key_list under = {0};
      fg_key_list again = {0};
      bool ok = fg_scan_vault (&r->scan, r->roll, &under, &again, err);
      size_t left = under.n + again.n;
      fg_key_list_clear (&under);
      fg_key_list_clear (&again);
      if (!ok || left == 0) {
         return ok;
      }
      /* They need the old master key to be opened once more. */
      if (!fg_kms_master_key_step (r->kms, r->roll->old_master_key, FG_STEP_ENABLE, 0, &done, err) ||
          !empty_the_epoch (r, &moved, err)) {
         return false;
      }
   }
   return fg_error_set (
      err, FG_ERROR_KEY, FG_E_INTERRUPTED, NULL,
      "somebody goes on making keys under the old master key: take it out of their configuration, and "
      "run the command again");
}

static bool
begin_grace (run *r, fg_error *err)
{
   fg_master_key_status status = {0};

   if (!back_up (r, err) || !disable_old (r, err)) {
      return false;
   }
   if (!fg_kms_master_key_state (r->kms, r->roll->old_master_key, &status, err)) {
      return false;
   }
   r->roll->rolled_ms = fg_now_ms ();
   r->roll->grace_until_ms = r->roll->rolled_ms + r->roll->grace_ms;
   r->roll->stage = FG_ROLL_GRACE;
   return certify (r, &status, witness_opens (r), err) && save (r, err);
}

/* --- the end --------------------------------------------------------------------------------------------------------------- */

/* The backup is looked at once more, unless a later roll has closed its epoch, too: then it is that roll's backup that counts. */
static bool
backup_still_opens (run *r, fg_error *err)
{
   const char *path = r->shred->backup_now ? r->shred->backup_now : r->roll->backup;
   char new_id[FG_EPOCH_ID_LEN];
   fg_epochs epochs;
   fg_error inner = {0};

   if (!fg_epoch_id_of_stored (r->roll->new_master_key, new_id, err) || !fg_epochs_load (r->vault, &epochs, err)) {
      return false;
   }
   bool superseded = fg_epochs_state (&epochs, new_id) != FG_EPOCH_OPEN;
   fg_epochs_clear (&epochs);
   return superseded || backup_opens (r, path, &inner) ||
          fg_error_set (err, inner.domain, inner.code, path,
                        "the old epoch stays: %s. If the backup was moved, say where it is with --backup",
                        inner.message);
}

/* What came under the old epoch during grace is moved, for which its master key may have to work again. */
static bool
empty_once_more (run *r, fg_error *err)
{
   fg_key_list under = {0};
   fg_key_list again = {0};
   bool done;
   bool ok = fg_scan_vault (&r->scan, r->roll, &under, &again, err);
   size_t left = under.n + again.n;

   fg_key_list_clear (&under);
   fg_key_list_clear (&again);
   if (!ok || left == 0) {
      return ok;
   }
   say (r, "%zu key%s came under the old epoch meanwhile", left, left == 1 ? "" : "s");
   return fg_kms_master_key_step (r->kms, r->roll->old_master_key, FG_STEP_ENABLE, 0, &done, err) &&
          empty_the_epoch (r, &left, err) && disable_old (r, err);
}

/* A local master key may be gone from the configuration by now, which is as it should be. */
static bool
is_local (const run *r)
{
   return strncmp (fg_bson_text (r->roll->old_master_key, "provider"), "local", 5) == 0;
}

static bool
destroy_at_kms (run *r, fg_master_key_status *status, fg_error *err)
{
   bool done = false;

   memset (status, 0, sizeof *status);
   if (is_local (r)) {
      return true;
   }
   if (!fg_kms_master_key_step (r->kms, r->roll->old_master_key, FG_STEP_DESTROY, (unsigned)r->roll->destroy_days,
                                &done, err) ||
       !fg_kms_master_key_state (r->kms, r->roll->old_master_key, status, err)) {
      return false;
   }
   return status->state == FG_MASTER_KEY_DESTROYED || status->state == FG_MASTER_KEY_SCHEDULED ||
          fg_error_set (err, FG_ERROR_KMS, FG_E_MISMATCH, NULL,
                        "the KMS took the order to destroy the old master key, and says that it is %s: nothing is "
                        "certified. Run `keys shred --finish` again later",
                        fg_master_key_state_name (status->state));
}

static bool
end_epoch (run *r, fg_error *err)
{
   fg_master_key_status status;
   const char *provider = fg_bson_text (r->roll->new_master_key, "provider");

   if (!fg_epoch_mark (r->shred->client, r->scan.id, FG_EPOCH_DESTROYED, provider, r->roll->new_master_key, err) ||
       !destroy_at_kms (r, &status, err)) {
      return false;
   }
   bool opens = witness_opens (r);
   if (opens && !is_local (r)) {
      return fg_error_set (err, FG_ERROR_KMS, FG_E_MISMATCH, NULL,
                           "the KMS says that the old master key is %s, and still unwraps under it: nothing is "
                           "certified. Run `keys shred --finish` again later",
                           fg_master_key_state_name (status.state));
   }
   r->roll->destroyed_ms = r->roll->destroyed_ms ? r->roll->destroyed_ms : fg_now_ms ();
   r->roll->stage = FG_ROLL_DONE;
   if (!certify (r, &status, opens, err)) {
      r->roll->stage = FG_ROLL_DESTROYING;
      return false;
   }
   if (is_local (r)) {
      say (r, "the old epoch has ended here; that no copy of the local master key is left cannot be known: remove it "
              "wherever it was");
   } else {
      say (r, "the old epoch has ended: its master key is %s at the KMS", fg_master_key_state_name (status.state));
   }
   return save (r, err);
}

static bool
end_grace (run *r, fg_error *err)
{
   if (!backup_still_opens (r, err) || !fg_shred_is_alone (&r->scan, err) || !empty_once_more (r, err)) {
      return false;
   }
   r->roll->stage = FG_ROLL_DESTROYING;
   return save (r, err);
}

/* --- all of it ------------------------------------------------------------------------------------------------------------- */

static bool
one_stage (run *r, bool *waits, fg_error *err)
{
   switch (r->roll->stage) {
   case FG_ROLL_DELETING:
      return delete_keys (r, err);
   case FG_ROLL_CLOSING:
      return close_epoch (r, err);
   case FG_ROLL_REWRAPPING:
      return rewrap_all (r, err);
   case FG_ROLL_BACKUP:
      return begin_grace (r, err);
   case FG_ROLL_GRACE:
      *waits = fg_now_ms () < r->roll->grace_until_ms;
      return *waits || end_grace (r, err);
   case FG_ROLL_DESTROYING:
      return end_epoch (r, err);
   case FG_ROLL_HELD:
   case FG_ROLL_DONE:
   default:
      *waits = true;
      return true;
   }
}

bool
fg_shred_run (const fg_shred *shred, fg_roll *roll, fg_error *err)
{
   run r = {.shred = shred, .roll = roll, .kms = shred->client->kms, .vault = shred->client->vault};
   bool waits = false;

   if (!fg_scan_init (&r.scan, shred, roll->old_master_key, err)) {
      return false;
   }
   while (!waits) {
      if (!one_stage (&r, &waits, err)) {
         return false;
      }
   }
   return true;
}
