/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/migrate.h"

#include "client/keys/epoch.h"
#include "client/public_equal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VERSION 1

/* --- which keys ----------------------------------------------------------------------------------------------------- */

/* Every field that was asked for stands in the stored master key. */
static bool
has_master_key (const bson_t *stored, const bson_t *wanted)
{
   bson_iter_t iter;

   if (!wanted || !bson_iter_init (&iter, wanted)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      const char *text = fg_bson_text (stored, bson_iter_key (&iter));
      if (!BSON_ITER_HOLDS_UTF8 (&iter) || !text || strcmp (text, bson_iter_utf8 (&iter, NULL)) != 0) {
         return false;
      }
   }
   return true;
}

/* Where both ends are one provider, the provider's name does not tell what was moved: the new master key does, or the journal. */
static bool
is_to_be_moved (const fg_migration *m, const fg_key_document *doc)
{
   const fg_migrate_options *o = m->options;

   if (o->from && strcmp (doc->provider, o->from) != 0) {
      return false;
   }
   if (o->to && strcmp (doc->provider, o->to) != 0) {
      return true;
   }
   return !(o->to && has_master_key (&doc->master_key, o->master_key)) && !fg_migrate_log_find (&m->log, doc);
}

/* A run that died after it had replaced a document may not have said so. */
static bool
note_found (fg_migration *m, const fg_key_document *doc, fg_error *err)
{
   fg_logged *logged = fg_migrate_log_find (&m->log, doc);
   fg_rewrap_key key = {.outcome = FG_REWRAP_DONE};
   fg_rewrap_key *keys = &key;

   if (!logged || logged->stored || m->options->dry_run) {
      return true;
   }
   fg_migrate_log_note_stored (&m->log, logged);
   m->report->moved_before++;
   memcpy (key.parsed.id, doc->id, FG_KEY_ID_LEN);
   return fg_migrate_log_outcome (&m->log, "found", &keys, 1, err);
}

static bool
choose_forward (fg_migration *m, fg_error *err)
{
   for (size_t i = 0; i < m->documents.n; i++) {
      const bson_t *document = m->documents.docs[i];
      fg_key_document doc;
      bool parsed = fg_key_document_parse (document, &doc, NULL);
      if (parsed && !note_found (m, &doc, err)) {
         return false;
      }
      if ((!parsed || is_to_be_moved (m, &doc)) && !fg_migrate_has_failed (m, document)) {
         m->keys[m->n++].document = document;
      }
   }
   return true;
}

/* --- the backup ----------------------------------------------------------------------------------------------------- */

static bool
make_backup (fg_migration *m, const bson_t *head, const char *path, bool begun, fg_error *err)
{
   fg_key_backup_info info;
   fg_key_list documents = {0};
   bool ok = fg_key_backup_prepare (m->client->vault, path, &info, &documents, err) &&
             (begun ? fg_migrate_log_backup (&m->log, &info, err) : fg_migrate_log_begin (&m->log, head, &info, err)) &&
             fg_key_backup_publish (path, err);

   fg_key_list_clear (&documents);
   return ok;
}

/* The run before may have died between any two steps of make_backup; no key was touched then. */
static bool
resume_backup (fg_migration *m, const bson_t *head, const char *path, fg_error *err)
{
   fg_key_list documents = {0};
   bool ok;

   if (!m->log.has_backup) {
      return make_backup (m, head, path, true, err);
   }
   if (access (path, F_OK) == 0) {
      ok = fg_key_backup_check (path, &m->log.backup, &documents, err);
      fg_key_list_clear (&documents);
      return ok;
   }
   if (fg_key_backup_is_prepared (path, &m->log.backup)) {
      return fg_key_backup_publish (path, err);
   }
   if (m->log.n == 0) {
      return make_backup (m, head, path, true, err);
   }
   return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOT_FOUND, path,
                        "the backup %s that was written when the migration began is gone: put it back", path);
}

/* --- forward -------------------------------------------------------------------------------------------------------- */

static bool
begin (fg_migration *m, const bson_t *head, const char *backup, fg_error *err)
{
   const fg_migrate_options *o = m->options;
   bool existed = false;

   if (!fg_migrate_log_open (&m->log, o->journal, head, &existed, err)) {
      return false;
   }
   m->report->resumed = existed;
   m->report->torn = fg_journal_torn (m->log.journal);
   m->report->moved_before = m->log.stored;
   if (m->log.rolling_back) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_DENIED, o->journal,
                           "the journal %s was rolled back: a new migration needs another --journal", o->journal);
   }
   bool ok = existed ? resume_backup (m, head, backup, err) : make_backup (m, head, backup, false, err);
   if (!ok && !m->log.head) {
      unlink (o->journal); /* empty */
   }
   m->report->backed_up = m->log.backup.documents;
   return ok;
}

static bool
note_end (fg_migration *m, const char *state, fg_error *err)
{
   bson_t extra = BSON_INITIALIZER;

   BSON_APPEND_INT64 (&extra, "keys", (int64_t)(m->report->moved + m->report->moved_before));
   bool ok = fg_migrate_log_state (&m->log, state, &extra, err);
   bson_destroy (&extra);
   return ok;
}

/* New wrappings under a closed epoch would make keys that nobody opens once it is destroyed. */
static bool
target_is_open (const fg_migration *m, fg_error *err)
{
   return !m->options->to || fg_epoch_must_be_open (m->client->vault, m->options->to, m->options->master_key, err);
}

bool
fg_migrate_forward (fg_migration *m, const bson_t *head, const char *backup, fg_error *err)
{
   return target_is_open (m, err) && begin (m, head, backup, err) &&
          fg_migrate_passes (m, choose_forward, m->options->filter, "stored", err) &&
          (m->report->left > 0 || note_end (m, "complete", err));
}

bool
fg_migrate_dry (fg_migration *m, fg_error *err)
{
   return target_is_open (m, err) && fg_migrate_passes (m, choose_forward, m->options->filter, "stored", err);
}

/* --- options -------------------------------------------------------------------------------------------------------- */

static bool
check_options (const fg_migrate_options *o, fg_error *err)
{
   if (!fg_options_size (o->size, sizeof *o, "fg_migrate_options", err)) {
      return false;
   }
   if (o->master_key && !o->to) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "a master key needs its provider's name");
   }
   if (o->rollback && o->dry_run) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "a rollback has no dry run");
   }
   if (o->rate < 0 || o->parallel > FG_REWRAP_PARALLEL_MAX) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "the rate is negative, or parallel larger than %u",
                           FG_REWRAP_PARALLEL_MAX);
   }
   return o->journal || o->dry_run ||
          fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "a migration needs a journal");
}

static bool
append_text (bson_t *head, const char *name, const char *text)
{
   return !text || bson_append_utf8 (head, name, -1, text, -1);
}

/* What two runs of one migration have in common. The filter as text: it may have names that Extended JSON gives a meaning. */
static bson_t *
make_head (const fg_migration *m, const char *backup, fg_error *err)
{
   const fg_migrate_options *o = m->options;
   char *vault = fg_key_vault_identity (m->client->vault);
   char *filter = o->filter ? bson_as_canonical_extended_json (o->filter, NULL) : NULL;
   bson_t *head = bson_new ();
   bool ok = vault && (filter || !o->filter) && BSON_APPEND_INT32 (head, "version", VERSION) &&
             append_text (head, "vault", vault) && append_text (head, "from", o->from) &&
             append_text (head, "to", o->to) &&
             (!o->master_key || BSON_APPEND_DOCUMENT (head, "masterKey", o->master_key)) &&
             append_text (head, "filter", filter) && append_text (head, "backup", backup);

   bson_free (filter);
   free (vault);
   if (!ok) {
      bson_destroy (head);
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   return head;
}

static char *
backup_path (const fg_migrate_options *o)
{
   char *path = NULL;

   if (o->backup) {
      return strdup (o->backup);
   }
   return asprintf (&path, "%s.backup", o->journal) < 0 ? NULL : path;
}

static bool
migrate (fg_migration *m, fg_error *err)
{
   if (m->options->dry_run) {
      return fg_migrate_dry (m, err);
   }
   char *backup = backup_path (m->options);
   bson_t *head = backup ? make_head (m, backup, err) : NULL;
   bool ok = head && (m->options->rollback ? fg_migrate_back (m, head, backup, err)
                                           : fg_migrate_forward (m, head, backup, err));

   bson_destroy (head);
   free (backup);
   return ok;
}

bool
fg_client_migrate_keys (fg_client *client, const fg_migrate_options *options, fg_migrate_report *report, fg_error *err)
{
   fg_migration m = {.client = client, .options = options, .report = report};

   memset (report, 0, sizeof *report);
   if (!check_options (options, err)) {
      return false;
   }
   m.pace = fg_pace_new (options->rate, options->throttle_ms, options->stop, err);
   bool ok = m.pace && migrate (&m, err);
   fg_migrate_log_close (&m.log);
   fg_key_list_clear (&m.failed);
   fg_key_list_clear (&m.first);
   fg_pace_free (m.pace);
   return ok;
}
