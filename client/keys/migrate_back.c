/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/migrate.h"

#include "client/keys/epoch.h"

#include <errno.h>
#include <unistd.h>

/*
 * Moving keys back. A document whose present wrapping the journal has made gets the wrapping that it replaced: that the two are of one key was proved when the record was written. A document under
 * the new master key that the journal does not know (its end was lost, say) gets the wrapping that it has in the backup, once both have been opened and compared.
 */

static bool
take (fg_migration *m, const bson_t *document, const bson_t *master_key, const uint8_t *material, size_t len,
      bool on_record)
{
   fg_given_wrapping *given = &m->given[m->n];
   bson_t *kept = &m->given_master_keys[m->n];

   if (!bson_init_static (kept, bson_get_data (master_key), master_key->len)) {
      return false;
   }
   *given = (fg_given_wrapping){kept, material, len, on_record};
   m->keys[m->n].document = document;
   m->keys[m->n].given = given;
   m->n++;
   return true;
}

static bool
from_journal (fg_migration *m, const bson_t *document, const fg_logged *logged)
{
   bson_t master_key;
   const uint8_t *material;
   size_t len;

   return fg_logged_old (logged, &master_key, &material, &len) && take (m, document, &master_key, material, len, true);
}

static bool
from_backup (fg_migration *m, const bson_t *document, const fg_key_document *doc, const fg_key_list *backup)
{
   const fg_migrate_options *o = m->options;
   const bson_t *saved = fg_key_list_find (backup, doc->id);
   fg_key_document old;

   return saved && fg_key_document_parse (saved, &old, NULL) && (!o->from || strcmp (old.provider, o->from) == 0) &&
          take (m, document, &old.master_key, old.material, old.material_len, false);
}

static bool
is_under_target (const fg_migration *m, const fg_key_document *doc)
{
   const fg_migrate_options *o = m->options;

   return o->to && strcmp (doc->provider, o->to) == 0 && !(o->from && strcmp (o->from, o->to) == 0);
}

/* The backup stays where the passes find it. */
static bool
choose_back (fg_migration *m, fg_error *err)
{
   (void)err;
   m->report->made_meanwhile = 0;
   for (size_t i = 0; i < m->documents.n; i++) {
      const bson_t *document = m->documents.docs[i];
      fg_key_document doc;
      if (!fg_key_document_parse (document, &doc, NULL) || fg_migrate_has_failed (m, document)) {
         continue;
      }
      const fg_logged *logged = fg_migrate_log_find (&m->log, &doc);
      if (logged ? !from_journal (m, document, logged)
                 : is_under_target (m, &doc) && !from_backup (m, document, &doc, &m->saved)) {
         m->report->made_meanwhile++;
      }
   }
   return true;
}

/* --- the run -------------------------------------------------------------------------------------------------------- */

static bool
begin (fg_migration *m, const bson_t *head, fg_error *err)
{
   const fg_migrate_options *o = m->options;
   bool existed = false;

   if (access (o->journal, F_OK) != 0) {
      return fg_error_set_errno (err, errno, o->journal, "a rollback needs the journal %s", o->journal);
   }
   if (!fg_migrate_log_open (&m->log, o->journal, head, &existed, err)) {
      return false;
   }
   m->report->torn = fg_journal_torn (m->log.journal);
   m->report->resumed = m->log.rolling_back;
   return existed || fg_error_set (err, FG_ERROR_USAGE, FG_E_NOT_FOUND, o->journal,
                                   "the journal %s is empty: no migration was begun with it", o->journal);
}

/* Without it the journal alone has to do; a key that it does not know is then left where it is, and counted. */
static void
load_backup (fg_migration *m, const char *path)
{
   if (!m->log.has_backup || !fg_key_backup_check (path, &m->log.backup, &m->saved, NULL)) {
      fg_key_list_clear (&m->saved);
   }
   m->report->backed_up = m->saved.n;
}

/* What was wrapped under an epoch that a shredding has closed since must not come back under it. */
static bool
source_is_open (const fg_migration *m, fg_error *err)
{
   fg_epochs epochs = {0};
   char id[FG_EPOCH_ID_LEN];
   bool ok = fg_epochs_load (m->client->vault, &epochs, err);

   for (size_t i = 0; ok && i < m->log.n_buckets; i++) {
      for (const fg_logged *l = m->log.buckets[i]; ok && l; l = l->next) {
         bson_t master_key;
         const uint8_t *material;
         size_t len;
         ok = fg_logged_old (l, &master_key, &material, &len) && fg_epoch_id_of_stored (&master_key, id, err);
         if (ok && id[0] && fg_epochs_state (&epochs, id) != FG_EPOCH_OPEN) {
            ok = fg_error_set (err, FG_ERROR_KEY, FG_E_DENIED, NULL,
                               "the old master key is closed: a shredding has ended its epoch");
         }
      }
   }
   fg_epochs_clear (&epochs);
   return ok;
}

bool
fg_migrate_back (fg_migration *m, const bson_t *head, const char *backup, fg_error *err)
{
   if (!begin (m, head, err) || !source_is_open (m, err)) {
      return false;
   }
   load_backup (m, backup);
   bool ok = (m->log.rolling_back || fg_migrate_log_state (&m->log, "rollback", NULL, err)) &&
             fg_migrate_passes (m, choose_back, NULL, "restored", err) &&
             (m->report->left > 0 || fg_migrate_log_state (&m->log, "rolled back", NULL, err));
   fg_key_list_clear (&m->saved);
   return ok;
}
