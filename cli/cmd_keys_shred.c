/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"
#include "cli/shred.h"
#include "client/keys/certificate.h"
#include "client/keys/key_vault.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* --- which roll ----------------------------------------------------------------------------------------------------------- */

/* What tells this vault from another, without a password. */
static char *
vault_name (const fg_cli_shred *s)
{
   const fg_key_vault_ops *ops = s->client.vault->ops;
   bool knows = ops->size >= offsetof (fg_key_vault_ops, identity) + sizeof ops->identity && ops->identity;
   char *name = knows ? ops->identity (s->client.vault->self) : NULL;

   return name ? name : strdup (s->client.key_vault);
}

/* The roll of this vault that is not at its time of grace yet: keys join it. */
static fg_roll *
open_roll (fg_cli_shred *s, const char *vault)
{
   for (size_t i = 0; i < s->rolls.n; i++) {
      if (s->rolls.list[i].stage < FG_ROLL_GRACE && strcmp (s->rolls.list[i].vault, vault) == 0) {
         return &s->rolls.list[i];
      }
   }
   return NULL;
}

static fg_roll *
new_roll (fg_cli_shred *s, const char *vault, fg_error *err)
{
   fg_roll *list = realloc (s->rolls.list, (s->rolls.n + 1) * sizeof *list);
   uint8_t id[FG_KEY_ID_LEN];

   if (!list) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   s->rolls.list = list;
   fg_roll *roll = &list[s->rolls.n];
   memset (roll, 0, sizeof *roll);
   if (!fg_random_public (id, sizeof id, err)) {
      return NULL;
   }
   fg_uuid_text (id, roll->id);
   roll->vault = strdup (vault);
   roll->began_ms = fg_now_ms ();
   roll->retention_ms = -1;
   s->rolls.n++;
   return roll->vault ? roll : NULL;
}

/* --- which keys ----------------------------------------------------------------------------------------------------------- */

static bool
has_name (const fg_roll_key *key, const char *name)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, key->names)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      if (strcmp (bson_iter_utf8 (&iter, NULL), name) == 0) {
         return true;
      }
   }
   return false;
}

/* A key that this roll has deleted, or is about to. */
static bool
is_known (const fg_roll *roll, const char *name, const uint8_t *id)
{
   for (size_t i = 0; name && i < roll->n_keys; i++) {
      if (has_name (&roll->keys[i], name)) {
         return true;
      }
   }
   return !name && fg_roll_has_key (roll, id);
}

/* Whether an earlier roll of this vault has shredded the key: the command was given again. */
static bool
was_shredded (const fg_cli_shred *s, const fg_roll *roll, const char *name, const uint8_t *id)
{
   for (size_t i = 0; i < s->rolls.n; i++) {
      const fg_roll *other = &s->rolls.list[i];
      if (strcmp (other->vault, roll->vault) == 0 && is_known (other, name, id)) {
         return true;
      }
   }
   return false;
}

/* All keys of a roll are under one epoch: the first one says which. */
static bool
take_key (fg_roll *roll, const bson_t *document, fg_error *err)
{
   fg_key_document doc;
   char old_id[FG_EPOCH_ID_LEN];
   char id[FG_EPOCH_ID_LEN];

   if (!fg_key_document_parse (document, &doc, err)) {
      return false;
   }
   if (fg_key_document_has_name (&doc, FG_EPOCH_MARKER)) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_DENIED, FG_EPOCH_MARKER,
                           "this is the vault's epoch marker: it encrypts nothing, and is not shredded");
   }
   if (!roll->old_master_key) {
      roll->old_master_key = bson_copy (&doc.master_key);
   }
   if (!fg_epoch_id_of_stored (roll->old_master_key, old_id, err) ||
       !fg_epoch_id_of_stored (&doc.master_key, id, err)) {
      return false;
   }
   if (strcmp (old_id, id) != 0) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_DENIED, NULL,
                           "these keys are under more than one master key: shred those of one master key at a time");
   }
   return fg_roll_has_key (roll, doc.id) || fg_roll_add_key (roll, doc.id, &doc.alt_names, err);
}

static bool
find_key (fg_cli_shred *s, fg_roll *roll, const char *name, const uint8_t *id, fg_error *err)
{
   char text[37] = "";
   bson_t *document = NULL;
   bool ok = name ? fg_client_get_key_by_alt_name (s->client.client, name, &document, err)
                  : fg_client_get_key (s->client.client, id, &document, err);

   if (ok && document) {
      ok = take_key (roll, document, err);
   } else if (ok && !is_known (roll, name, id)) {
      if (id) {
         fg_cli_uuid_text (id, text);
      }
      ok = fg_error_set (err, FG_ERROR_KEY, FG_E_NOT_FOUND, name, "the key vault has no key %s%s%s%s", name ? "`" : "",
                         name ? name : text, name ? "`" : "",
                         was_shredded (s, roll, name, id)
                            ? ": it was shredded, and its roll is at grace or over; see the certificates, and --finish"
                            : "");
   }
   bson_destroy (document);
   return ok;
}

static bool
find_keys (fg_cli_shred *s, fg_roll *roll, fg_error *err)
{
   uint8_t id[FG_KEY_ID_LEN];

   for (size_t i = 0; i < s->n_alt_names; i++) {
      if (!find_key (s, roll, s->alt_names[i], NULL, err)) {
         return false;
      }
   }
   for (size_t i = 0; i < s->n_ids; i++) {
      if (!fg_cli_parse_uuid (s->ids[i], id)) {
         return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, s->ids[i], "--key-id: %s is no UUID", s->ids[i]);
      }
      if (!find_key (s, roll, NULL, id, err)) {
         return false;
      }
   }
   return roll->n_keys ||
          fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                        "no shredding is under way in %s: name keys by --key-alt-name or --key-id", s->dir);
}

/* --- where to -------------------------------------------------------------------------------------------------------------- */

/* A later run may stand in another folder. */
static char *
absolute (const char *path)
{
   char *copy = strdup (path);
   char *folder = copy ? realpath (dirname (copy), NULL) : NULL;
   const char *slash = strrchr (path, '/');
   char *out = NULL;

   if (folder && asprintf (&out, "%s/%s", folder, slash ? slash + 1 : path) < 0) {
      out = NULL;
   }
   free (folder);
   free (copy);
   return out;
}

/* The new epoch, looked at before anything is deleted. */
static bool
set_destination (fg_cli_shred *s, fg_roll *roll, fg_error *err)
{
   bson_t *master_key = NULL;
   bson_t *stored = NULL;

   if (!s->to || !s->backup) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                           "--to and --backup are needed (or --hold, to delete now and end the master key later)");
   }
   free (roll->backup);
   roll->backup = absolute (s->backup);
   if (!roll->backup) {
      return fg_error_set_errno (err, errno, s->backup, "the backup's folder cannot be found");
   }
   if (s->client.master_key && !(master_key = fg_cli_read_document (s->client.master_key, err))) {
      return false;
   }
   roll->grace_ms = s->grace_ms;
   roll->retention_ms = s->retention_ms;
   roll->destroy_days = s->destroy_days;
   bool ok = fg_shred_check (&s->shred, roll, s->to, master_key, &stored, err);
   roll->new_master_key = ok ? stored : NULL;
   bson_destroy (master_key);
   return ok;
}

/* --- the three ways -------------------------------------------------------------------------------------------------------- */

static bool
shred_keys (fg_cli_shred *s, const char *vault, fg_error *err)
{
   fg_roll *roll = open_roll (s, vault);
   bool fresh = roll == NULL;
   size_t before = roll ? roll->n_keys : 0;

   if (fresh && !(roll = new_roll (s, vault, err))) {
      return false;
   }
   if (!find_keys (s, roll, err)) {
      return false;
   }
   if (roll->stage >= FG_ROLL_BACKUP && roll->n_keys > before) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_DENIED, NULL,
                           "a roll of this vault is at its backup: run `keys shred` without keys to let it go on, and "
                           "shred these in the next one");
   }
   if (!roll->new_master_key && !s->hold && !set_destination (s, roll, err)) {
      return false;
   }
   if (s->plan) {
      return fg_cli_shred_print_plan (s, roll, err);
   }
   /* The journal names the keys before the first one goes. */
   if (roll->n_keys > before || (roll->stage == FG_ROLL_HELD && roll->new_master_key)) {
      roll->stage = FG_ROLL_DELETING;
   }
   bool ok = fg_certificates_ready (s->dir, s->certificate_key, err) &&
             fg_client_create_index (s->client.client, err) && fg_roll_save (s->dir, roll, err) &&
             fg_shred_run (&s->shred, roll, err);
   fg_cli_shred_print_roll (s, roll);
   return ok;
}

/* Oldest first: a later roll's old epoch is an earlier one's new one. */
static bool
finish (fg_cli_shred *s, const char *vault, int *status, fg_error *err)
{
   size_t found = 0;

   for (size_t i = 0; i < s->rolls.n; i++) {
      fg_roll *roll = &s->rolls.list[i];
      if (strcmp (roll->vault, vault) != 0 || roll->stage == FG_ROLL_DONE || roll->stage == FG_ROLL_HELD) {
         continue;
      }
      found++;
      if (!fg_shred_run (&s->shred, roll, err)) {
         return false;
      }
      fg_cli_shred_print_roll (s, roll);
      *status = roll->stage == FG_ROLL_DONE ? *status : FG_EXIT_FINDING;
   }
   if (!found && !s->client.json) {
      printf ("nothing to finish\n");
   }
   return true;
}

static bool
open_others (fg_cli_shred *s, fg_error *err)
{
   for (size_t i = 0; i < s->n_others; i++) {
      s->other_vaults[i] = fg_cli_open_vault (s->others[i], false, err);
      if (!s->other_vaults[i]) {
         return false;
      }
   }
   return true;
}

static bool
run (fg_cli_shred *s, int *status, fg_error *err)
{
   if (!fg_cli_client_open (&s->client, false, err) || !open_others (s, err)) {
      return false;
   }
   s->lock = fg_rolls_lock (s->dir, err);
   if (s->lock < 0 || !fg_rolls_load (s->dir, &s->rolls, err)) {
      return false;
   }
   s->shred = (fg_shred){.client = s->client.client,
                         .dir = s->dir,
                         .certificate_key = s->certificate_key,
                         .backup_now = s->finish ? s->backup : NULL,
                         .others = s->other_vaults,
                         .other_names = s->others,
                         .n_others = s->n_others,
                         .say = fg_cli_shred_say,
                         .ctx = s};
   char *vault = vault_name (s);
   bool ok = vault ? s->finish ? finish (s, vault, status, err) : shred_keys (s, vault, err)
                   : fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   free (vault);
   return ok;
}

int
fg_keys_shred (int argc, char **argv)
{
   fg_cli_shred s = {0};
   fg_error err = {0};
   int result = FG_EXIT_OK;
   int status = fg_cli_shred_parse (&s, argc, argv);

   if (status < 0) {
      status = run (&s, &result, &err) ? result : fg_cli_fail (&err);
   }
   fg_cli_shred_clear (&s);
   return status;
}
