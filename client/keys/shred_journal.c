/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/file.h"
#include "client/keys/shred.h"
#include "client/public_equal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_MAX ((size_t)64 * 1024 * 1024)
#define ROLLS_MAX 10000u

static const char *const stages[] = {"deleting", "held",  "closing",    "rewrapping",
                                     "backup",   "grace", "destroying", "done"};
#define N_STAGES (sizeof stages / sizeof stages[0])

const char *
fg_roll_stage_name (fg_roll_stage stage)
{
   return (size_t)stage < N_STAGES ? stages[stage] : "unknown";
}

void
fg_roll_clear (fg_roll *roll)
{
   for (size_t i = 0; i < roll->n_keys; i++) {
      bson_destroy (roll->keys[i].names);
   }
   free (roll->keys);
   free (roll->vault);
   free (roll->backup);
   free (roll->backup_sha256);
   free (roll->close_note);
   free (roll->disable_note);
   bson_destroy (roll->old_master_key);
   bson_destroy (roll->new_master_key);
   bson_destroy (roll->witness);
   memset (roll, 0, sizeof *roll);
}

bool
fg_roll_has_key (const fg_roll *roll, const uint8_t id[FG_KEY_ID_LEN])
{
   for (size_t i = 0; i < roll->n_keys; i++) {
      if (fg_public_equal (roll->keys[i].id, id, FG_KEY_ID_LEN)) {
         return true;
      }
   }
   return false;
}

bool
fg_roll_add_key (fg_roll *roll, const uint8_t id[FG_KEY_ID_LEN], const bson_t *names, fg_error *err)
{
   if (roll->n_keys == roll->cap_keys) {
      size_t cap = roll->cap_keys ? roll->cap_keys * 2 : 16;
      fg_roll_key *keys = realloc (roll->keys, cap * sizeof *keys);
      if (!keys) {
         return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      }
      roll->keys = keys;
      roll->cap_keys = cap;
   }
   fg_roll_key *key = &roll->keys[roll->n_keys++];
   memset (key, 0, sizeof *key);
   memcpy (key->id, id, FG_KEY_ID_LEN);
   key->names = bson_copy (names);
   return true;
}

/* --- writing ---------------------------------------------------------------------------------------------------------- */

static bool
append_keys (bson_t *doc, const fg_roll *roll)
{
   bson_t array;
   bson_t part;
   char buf[16];
   const char *index;
   bool ok = BSON_APPEND_ARRAY_BEGIN (doc, "keys", &array);

   for (size_t i = 0; ok && i < roll->n_keys; i++) {
      size_t n = bson_uint32_to_string ((uint32_t)i, &index, buf, sizeof buf);
      ok = bson_append_document_begin (&array, index, (int)n, &part) &&
           BSON_APPEND_BINARY (&part, "id", BSON_SUBTYPE_UUID, roll->keys[i].id, FG_KEY_ID_LEN) &&
           BSON_APPEND_ARRAY (&part, "keyAltNames", roll->keys[i].names) &&
           BSON_APPEND_DATE_TIME (&part, "deleted", roll->keys[i].deleted_ms) &&
           bson_append_document_end (&array, &part);
   }
   return ok && bson_append_array_end (doc, &array);
}

static bool
append_text (bson_t *doc, const char *name, const char *text)
{
   return !text || BSON_APPEND_UTF8 (doc, name, text);
}

static bool
append_doc (bson_t *doc, const char *name, const bson_t *part)
{
   return !part || BSON_APPEND_DOCUMENT (doc, name, part);
}

static bson_t *
to_bson (const fg_roll *roll)
{
   bson_t *doc = bson_new ();
   bool ok = BSON_APPEND_INT32 (doc, "version", 1) && BSON_APPEND_UTF8 (doc, "roll", roll->id) &&
             BSON_APPEND_UTF8 (doc, "stage", fg_roll_stage_name (roll->stage)) &&
             append_text (doc, "vault", roll->vault) && append_doc (doc, "oldMasterKey", roll->old_master_key) &&
             append_doc (doc, "newMasterKey", roll->new_master_key) &&
             BSON_APPEND_DATE_TIME (doc, "began", roll->began_ms) &&
             BSON_APPEND_DATE_TIME (doc, "closed", roll->closed_ms) &&
             BSON_APPEND_DATE_TIME (doc, "rolled", roll->rolled_ms) &&
             BSON_APPEND_DATE_TIME (doc, "graceUntil", roll->grace_until_ms) &&
             BSON_APPEND_DATE_TIME (doc, "destroyed", roll->destroyed_ms) &&
             BSON_APPEND_INT64 (doc, "graceMs", roll->grace_ms) &&
             BSON_APPEND_INT64 (doc, "destroyDays", roll->destroy_days) &&
             BSON_APPEND_INT64 (doc, "retentionMs", roll->retention_ms) &&
             BSON_APPEND_INT64 (doc, "rewrapped", roll->rewrapped) && append_text (doc, "backup", roll->backup) &&
             append_text (doc, "backupSha256", roll->backup_sha256) &&
             BSON_APPEND_INT64 (doc, "backupDocuments", roll->backup_documents) &&
             append_text (doc, "closeNote", roll->close_note) && append_text (doc, "disableNote", roll->disable_note) &&
             append_doc (doc, "witness", roll->witness) && append_keys (doc, roll);

   if (!ok) {
      bson_destroy (doc);
   }
   return ok ? doc : NULL;
}

/* Written beside, synced, renamed, the folder synced: what a later start reads is whole, and nothing of it can be lost afterwards. */
static bool
write_file (const char *path, const char *partial, const char *text, size_t len, fg_error *err)
{
   int fd = open (partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

   if (fd < 0) {
      return fg_error_set_errno (err, errno, partial, "cannot write the journal");
   }
   bool ok = fg_file_write_all (fd, text, len) && fsync (fd) == 0;
   int errnum = errno;
   close (fd);
   if (ok && rename (partial, path) != 0) {
      errnum = errno;
      ok = false;
   }
   if (ok && !fg_file_sync_folder (path)) {
      return fg_error_set_errno (err, errno, path, "cannot sync the journal's folder");
   }
   if (!ok) {
      unlink (partial);
      return fg_error_set_errno (err, errnum, path, "cannot write the journal");
   }
   return true;
}

bool
fg_roll_save (const char *dir, const fg_roll *roll, fg_error *err)
{
   bson_t *doc = to_bson (roll);
   size_t len = 0;
   char *text = doc ? bson_as_canonical_extended_json (doc, &len) : NULL;
   char *path = NULL;
   char *partial = NULL;
   bool ok = text != NULL;

   if (asprintf (&path, "%s/roll-%s.json", dir, roll->id) < 0) {
      path = NULL;
   }
   if (asprintf (&partial, "%s/roll-%s.partial", dir, roll->id) < 0) {
      partial = NULL;
   }
   ok = ok && path && partial ? write_file (path, partial, text, len, err)
                              : fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, dir, "out of memory");
   free (path);
   free (partial);
   bson_free (text);
   bson_destroy (doc);
   return ok;
}

/* --- reading ---------------------------------------------------------------------------------------------------------- */

static char *
take_text (const bson_t *doc, const char *name)
{
   const char *text = fg_bson_text (doc, name);

   return text ? strdup (text) : NULL;
}

static bson_t *
take_doc (const bson_iter_t *at)
{
   const uint8_t *data;
   uint32_t len;
   bson_t part;

   if (!BSON_ITER_HOLDS_DOCUMENT (at) && !BSON_ITER_HOLDS_ARRAY (at)) {
      return NULL;
   }
   if (BSON_ITER_HOLDS_ARRAY (at)) {
      bson_iter_array (at, &len, &data);
   } else {
      bson_iter_document (at, &len, &data);
   }
   return bson_init_static (&part, data, len) ? bson_copy (&part) : NULL;
}

static bson_t *
take_member (const bson_t *doc, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, doc, name) ? take_doc (&iter) : NULL;
}

static int64_t
take_time (const bson_t *doc, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, doc, name) && BSON_ITER_HOLDS_DATE_TIME (&iter) ? bson_iter_date_time (&iter) : 0;
}

static int64_t
take_number (const bson_t *doc, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, doc, name) && BSON_ITER_HOLDS_INT (&iter) ? bson_iter_as_int64 (&iter) : 0;
}

static bool
all_texts (const bson_t *array)
{
   bson_iter_t iter;

   if (!array || !bson_iter_init (&iter, array)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      if (!BSON_ITER_HOLDS_UTF8 (&iter)) {
         return false;
      }
   }
   return true;
}

static bool
read_key (const bson_iter_t *at, fg_roll *roll, fg_error *err)
{
   bson_t *doc = BSON_ITER_HOLDS_DOCUMENT (at) ? take_doc (at) : NULL;
   bson_t *names = doc ? take_member (doc, "keyAltNames") : NULL;
   bson_iter_t iter;
   const uint8_t *id = NULL;
   uint32_t len = 0;

   if (doc && bson_iter_init_find (&iter, doc, "id") && BSON_ITER_HOLDS_BINARY (&iter)) {
      bson_iter_binary (&iter, NULL, &len, &id);
   }
   bool ok = len == FG_KEY_ID_LEN && all_texts (names) && fg_roll_add_key (roll, id, names, err);
   if (ok) {
      roll->keys[roll->n_keys - 1].deleted_ms = take_time (doc, "deleted");
   }
   bson_destroy (names);
   bson_destroy (doc);
   return ok;
}

static bool
read_keys (const bson_t *doc, fg_roll *roll, fg_error *err)
{
   bson_iter_t iter;
   bson_iter_t element;

   if (!bson_iter_init_find (&iter, doc, "keys") || !BSON_ITER_HOLDS_ARRAY (&iter) ||
       !bson_iter_recurse (&iter, &element)) {
      return false;
   }
   while (bson_iter_next (&element)) {
      if (!read_key (&element, roll, err)) {
         return false;
      }
   }
   return true;
}

static bool
read_stage (const bson_t *doc, fg_roll *roll)
{
   const char *name = fg_bson_text (doc, "stage");
   size_t i = 0;

   while (i < N_STAGES && (!name || strcmp (stages[i], name) != 0)) {
      i++;
   }
   roll->stage = i < N_STAGES ? (fg_roll_stage)i : FG_ROLL_DELETING;
   return i < N_STAGES;
}

/* The id becomes part of a file's name. */
static bool
read_id (const bson_t *doc, fg_roll *roll)
{
   const char *text = fg_bson_text (doc, "roll");
   uint8_t id[FG_KEY_ID_LEN];

   if (!text || !fg_uuid_parse (text, id)) {
      return false;
   }
   fg_uuid_text (id, roll->id);
   return true;
}

static bool
is_whole (const fg_roll *roll)
{
   bool needs_new = roll->stage >= FG_ROLL_CLOSING;

   return roll->vault && roll->old_master_key && fg_bson_text (roll->old_master_key, "provider") &&
          (!needs_new || (roll->new_master_key && fg_bson_text (roll->new_master_key, "provider") && roll->backup)) &&
          roll->grace_ms >= 0 && roll->destroy_days >= 0;
}

bool
fg_roll_parse (const uint8_t *text, size_t len, fg_roll *roll, fg_error *err)
{
   bson_t *doc = len && len < INT32_MAX ? bson_new_from_json (text, (ssize_t)len, NULL) : NULL;
   bool ok = doc && take_number (doc, "version") == 1 && read_id (doc, roll) && read_stage (doc, roll);

   if (ok) {
      roll->vault = take_text (doc, "vault");
      roll->old_master_key = take_member (doc, "oldMasterKey");
      roll->new_master_key = take_member (doc, "newMasterKey");
      roll->began_ms = take_time (doc, "began");
      roll->closed_ms = take_time (doc, "closed");
      roll->rolled_ms = take_time (doc, "rolled");
      roll->grace_until_ms = take_time (doc, "graceUntil");
      roll->destroyed_ms = take_time (doc, "destroyed");
      roll->grace_ms = take_number (doc, "graceMs");
      roll->destroy_days = take_number (doc, "destroyDays");
      roll->retention_ms = take_number (doc, "retentionMs");
      roll->rewrapped = take_number (doc, "rewrapped");
      roll->backup = take_text (doc, "backup");
      roll->backup_sha256 = take_text (doc, "backupSha256");
      roll->backup_documents = take_number (doc, "backupDocuments");
      roll->close_note = take_text (doc, "closeNote");
      roll->disable_note = take_text (doc, "disableNote");
      roll->witness = take_member (doc, "witness");
      ok = read_keys (doc, roll, err) && is_whole (roll);
   }
   bson_destroy (doc);
   if (!ok) {
      fg_roll_clear (roll);
      return fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, NULL, "malformed journal of a roll");
   }
   return true;
}

/* --- the folder ------------------------------------------------------------------------------------------------------- */

static bool
is_journal (const char *name)
{
   size_t n = strlen (name);

   return strncmp (name, "roll-", 5) == 0 && n > 5 && strcmp (name + n - 5, ".json") == 0;
}

static bool
load_one (const char *dir, const char *name, fg_rolls *rolls, fg_error *err)
{
   fg_roll *list = realloc (rolls->list, (rolls->n + 1) * sizeof *list);
   uint8_t *data = NULL;
   size_t len = 0;
   char *path = NULL;

   if (!list || asprintf (&path, "%s/%s", dir, name) < 0 || rolls->n == ROLLS_MAX) {
      rolls->list = list ? list : rolls->list;
      free (path);
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, dir, "out of memory");
   }
   rolls->list = list;
   memset (&list[rolls->n], 0, sizeof *list);
   fg_error inner = {0};
   bool ok = fg_file_read (path, JOURNAL_MAX, "the journal", &data, &len, &inner) &&
             fg_roll_parse (data, len, &list[rolls->n], &inner);
   if (ok) {
      rolls->n++;
   } else {
      fg_error_set (err, inner.domain, inner.code, path, "%s: %s", path, inner.message);
   }
   free (data);
   free (path);
   return ok;
}

static int
by_beginning (const void *a, const void *b)
{
   int64_t x = ((const fg_roll *)a)->began_ms;
   int64_t y = ((const fg_roll *)b)->began_ms;

   return (x > y) - (x < y);
}

bool
fg_rolls_load (const char *dir, fg_rolls *rolls, fg_error *err)
{
   DIR *d = opendir (dir);
   struct dirent *entry;
   bool ok = true;

   memset (rolls, 0, sizeof *rolls);
   if (!d) {
      return errno == ENOENT || fg_error_set_errno (err, errno, dir, "cannot open the folder of certificates");
   }
   while (ok && (entry = readdir (d)) != NULL) {
      ok = !is_journal (entry->d_name) || load_one (dir, entry->d_name, rolls, err);
   }
   closedir (d);
   if (!ok) {
      fg_rolls_clear (rolls);
      return false;
   }
   if (rolls->n) {
      qsort (rolls->list, rolls->n, sizeof *rolls->list, by_beginning);
   }
   return true;
}

void
fg_rolls_clear (fg_rolls *rolls)
{
   for (size_t i = 0; i < rolls->n; i++) {
      fg_roll_clear (&rolls->list[i]);
   }
   free (rolls->list);
   memset (rolls, 0, sizeof *rolls);
}

int
fg_rolls_lock (const char *dir, fg_error *err)
{
   char *path = NULL;
   int fd = -1;

   if (mkdir (dir, 0700) != 0 && errno != EEXIST) {
      fg_error_set_errno (err, errno, dir, "cannot make the folder for certificates");
      return -1;
   }
   if (asprintf (&path, "%s/shred.lock", dir) < 0) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, dir, "out of memory");
      return -1;
   }
   fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
   if (fd < 0) {
      fg_error_set_errno (err, errno, path, "cannot lock the folder of certificates");
   } else if (flock (fd, LOCK_EX | LOCK_NB) != 0) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_EXISTS, dir, "another shredding is at work in %s", dir);
      close (fd);
      fd = -1;
   }
   free (path);
   return fd;
}
