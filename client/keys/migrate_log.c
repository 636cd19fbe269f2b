/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/migrate_log.h"

#include "base/base.h"
#include "client/public_equal.h"

#include <stdlib.h>

/* --- keys on record ------------------------------------------------------------------------------------------------- */

static size_t
bucket_of (const fg_migrate_log *log, const uint8_t id[FG_KEY_ID_LEN])
{
   return fg_read_u64le (id + 8) % log->n_buckets;
}

static bool
grow (fg_migrate_log *log, fg_error *err)
{
   size_t n = log->n_buckets ? log->n_buckets * 2 : 256;
   fg_logged **old = log->buckets;
   size_t n_old = log->n_buckets;
   fg_logged **buckets = calloc (n, sizeof *buckets);

   if (!buckets) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   log->buckets = buckets;
   log->n_buckets = n;
   for (size_t i = 0; i < n_old; i++) {
      for (fg_logged *l = old[i], *next; l; l = next) {
         next = l->next;
         fg_logged **end = &buckets[bucket_of (log, l->id)];
         while (*end) { /* the order stays */
            end = &(*end)->next;
         }
         l->next = NULL;
         *end = l;
      }
   }
   free (old);
   return true;
}

static bool
remember (fg_migrate_log *log, const uint8_t id[FG_KEY_ID_LEN], const uint8_t sha256[FG_SHA256_LEN],
          const bson_t *record, fg_error *err)
{
   if (log->n >= log->n_buckets && !grow (log, err)) {
      return false;
   }
   fg_logged *logged = calloc (1, sizeof *logged);
   if (!logged) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   memcpy (logged->id, id, FG_KEY_ID_LEN);
   memcpy (logged->sha256, sha256, FG_SHA256_LEN);
   logged->record = bson_copy (record);
   fg_logged **bucket = &log->buckets[bucket_of (log, id)];
   logged->next = *bucket; /* the newest first */
   *bucket = logged;
   log->n++;
   return true;
}

fg_logged *
fg_migrate_log_find (const fg_migrate_log *log, const fg_key_document *doc)
{
   uint8_t sha256[FG_SHA256_LEN];

   if (!log->n_buckets || !fg_sha256 (doc->material, doc->material_len, sha256, NULL)) {
      return NULL;
   }
   for (fg_logged *l = log->buckets[bucket_of (log, doc->id)]; l; l = l->next) {
      if (fg_public_equal (l->id, doc->id, FG_KEY_ID_LEN) && fg_public_equal (l->sha256, sha256, FG_SHA256_LEN)) {
         return l;
      }
   }
   return NULL;
}

void
fg_migrate_log_note_stored (fg_migrate_log *log, fg_logged *logged)
{
   log->stored += logged->stored ? 0 : 1;
   logged->stored = true;
}

/* --- reading records ------------------------------------------------------------------------------------------------ */

static const char *
text_of (const bson_t *record, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, record, name) && BSON_ITER_HOLDS_UTF8 (&iter) ? bson_iter_utf8 (&iter, NULL)
                                                                                    : NULL;
}

static bool
document_of (const bson_t *record, const char *name, bson_t *out)
{
   bson_iter_t iter;
   const uint8_t *data;
   uint32_t len;

   if (!bson_iter_init_find (&iter, record, name) || !BSON_ITER_HOLDS_DOCUMENT (&iter)) {
      return false;
   }
   bson_iter_document (&iter, &len, &data);
   return bson_init_static (out, data, len);
}

static const uint8_t *
binary_of (const bson_t *record, const char *name, size_t *len)
{
   bson_iter_t iter;
   const uint8_t *data;
   uint32_t n;

   if (!bson_iter_init_find (&iter, record, name) || !BSON_ITER_HOLDS_BINARY (&iter)) {
      return NULL;
   }
   bson_iter_binary (&iter, NULL, &n, &data);
   *len = n;
   return data;
}

static const uint8_t *
fixed_binary_of (const bson_t *record, const char *name, size_t len)
{
   size_t n = 0;
   const uint8_t *data = binary_of (record, name, &n);

   return n == len ? data : NULL;
}

bool
fg_logged_old (const fg_logged *logged, bson_t *master_key, const uint8_t **material, size_t *len)
{
   bson_t old;

   if (!document_of (logged->record, "old", &old) || !document_of (&old, "masterKey", master_key)) {
      return false;
   }
   *material = binary_of (&old, "keyMaterial", len);
   return *material != NULL;
}

static bool
strange (const char *state, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, NULL, "the journal has a record `%s` that lacks a field",
                        state);
}

static bool
read_wrapped (fg_migrate_log *log, const bson_t *record, fg_error *err)
{
   bson_t new_one;
   const uint8_t *id = fixed_binary_of (record, "key", FG_KEY_ID_LEN);
   const uint8_t *sha256 =
      document_of (record, "new", &new_one) ? fixed_binary_of (&new_one, "sha256", FG_SHA256_LEN) : NULL;
   fg_logged probe = {.record = (bson_t *)(uintptr_t)record};
   bson_t master_key;
   const uint8_t *material;
   size_t len;

   if (!id || !sha256 || !fg_logged_old (&probe, &master_key, &material, &len)) {
      return strange ("wrapped", err);
   }
   return remember (log, id, sha256, record, err);
}

/* The newest record of the key is the one that was stored. */
static bool
read_stored (fg_migrate_log *log, const bson_t *record, fg_error *err)
{
   const uint8_t *id = fixed_binary_of (record, "key", FG_KEY_ID_LEN);

   if (!id) {
      return strange ("stored", err);
   }
   for (fg_logged *l = log->n_buckets ? log->buckets[bucket_of (log, id)] : NULL; l; l = l->next) {
      if (fg_public_equal (l->id, id, FG_KEY_ID_LEN)) {
         fg_migrate_log_note_stored (log, l);
         break;
      }
   }
   return true;
}

static int64_t
number_of (const bson_t *record, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, record, name) && BSON_ITER_HOLDS_INT (&iter) ? bson_iter_as_int64 (&iter) : 0;
}

static bool
read_backup (fg_migrate_log *log, const bson_t *record, fg_error *err)
{
   const uint8_t *sha256 = fixed_binary_of (record, "sha256", FG_SHA256_LEN);

   if (!sha256) {
      return strange ("backup", err);
   }
   memcpy (log->backup.sha256, sha256, FG_SHA256_LEN);
   log->backup.documents = (size_t)number_of (record, "documents");
   log->backup.bytes = (uint64_t)number_of (record, "bytes");
   log->has_backup = true;
   return true;
}

bool
fg_migrate_log_read (void *ctx, const bson_t *record, fg_error *err)
{
   fg_migrate_log *log = ctx;
   const char *state = text_of (record, "state");

   if (!state || (!log->head && strcmp (state, "begun") != 0)) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, NULL, "the file is no journal of a migration of keys");
   }
   if (strcmp (state, "begun") == 0) {
      bson_destroy (log->head);
      log->head = bson_copy (record);
      return true;
   }
   if (strcmp (state, "rollback") == 0) {
      log->rolling_back = true;
   }
   return strcmp (state, "wrapped") == 0                                  ? read_wrapped (log, record, err)
          : strcmp (state, "stored") == 0 || strcmp (state, "found") == 0 ? read_stored (log, record, err)
          : strcmp (state, "backup") == 0                                 ? read_backup (log, record, err)
                                                                          : true;
}

/* --- writing records ------------------------------------------------------------------------------------------------ */

static void
begin_record (bson_t *record, const char *state)
{
   bson_init (record);
   BSON_APPEND_UTF8 (record, "state", state);
   BSON_APPEND_DATE_TIME (record, "at", fg_now_ms ());
}

bool
fg_migrate_log_state (fg_migrate_log *log, const char *state, const bson_t *extra, fg_error *err)
{
   bson_t record;

   begin_record (&record, state);
   bool ok = !extra || bson_concat (&record, extra);
   ok = ok ? fg_journal_add (log->journal, &record, err) && fg_journal_flush (log->journal, true, err)
           : fg_error_set (err, FG_ERROR_KEY, FG_E_TOO_LARGE, NULL, "a record is too large for the journal");
   bson_destroy (&record);
   return ok;
}

bool
fg_migrate_log_begin (fg_migrate_log *log, const bson_t *head, const fg_key_backup_info *info, fg_error *err)
{
   bson_t record;

   begin_record (&record, "begun");
   bool ok = bson_concat (&record, head)
                ? fg_journal_add (log->journal, &record, err) && fg_migrate_log_backup (log, info, err)
                : fg_error_set (err, FG_ERROR_KEY, FG_E_TOO_LARGE, NULL, "a record is too large for the journal");
   if (ok) {
      log->head = bson_copy (&record);
   }
   bson_destroy (&record);
   return ok;
}

bool
fg_migrate_log_backup (fg_migrate_log *log, const fg_key_backup_info *info, fg_error *err)
{
   bson_t extra = BSON_INITIALIZER;

   BSON_APPEND_INT64 (&extra, "documents", (int64_t)info->documents);
   BSON_APPEND_INT64 (&extra, "bytes", (int64_t)info->bytes);
   BSON_APPEND_BINARY (&extra, "sha256", BSON_SUBTYPE_BINARY, info->sha256, FG_SHA256_LEN);
   bool ok = fg_migrate_log_state (log, "backup", &extra, err);
   bson_destroy (&extra);
   if (ok) {
      log->backup = *info;
      log->has_backup = true;
   }
   return ok;
}

static bool
append_wrapping (bson_t *record, const fg_rewrap_key *key, const uint8_t sha256[FG_SHA256_LEN])
{
   bson_t old;
   bson_t new_one;

   return BSON_APPEND_BINARY (record, "key", BSON_SUBTYPE_UUID, key->parsed.id, FG_KEY_ID_LEN) &&
          BSON_APPEND_DOCUMENT_BEGIN (record, "old", &old) &&
          BSON_APPEND_DATE_TIME (&old, "updateDate", key->parsed.update_ms) &&
          BSON_APPEND_BINARY (&old, "keyMaterial", BSON_SUBTYPE_BINARY, key->parsed.material,
                              (uint32_t)key->parsed.material_len) &&
          BSON_APPEND_DOCUMENT (&old, "masterKey", &key->parsed.master_key) &&
          bson_append_document_end (record, &old) && BSON_APPEND_DOCUMENT_BEGIN (record, "new", &new_one) &&
          BSON_APPEND_BINARY (&new_one, "sha256", BSON_SUBTYPE_BINARY, sha256, FG_SHA256_LEN) &&
          BSON_APPEND_DOCUMENT (&new_one, "masterKey", key->master_key) && bson_append_document_end (record, &new_one);
}

static bool
log_wrapped (fg_migrate_log *log, const fg_rewrap_key *key, fg_error *err)
{
   uint8_t sha256[FG_SHA256_LEN];
   bson_t record;

   if (!fg_sha256 (key->material, key->len, sha256, err)) {
      return false;
   }
   begin_record (&record, "wrapped");
   bool ok = append_wrapping (&record, key, sha256)
                ? fg_journal_add (log->journal, &record, err) && remember (log, key->parsed.id, sha256, &record, err)
                : fg_error_set (err, FG_ERROR_KEY, FG_E_TOO_LARGE, NULL, "a record is too large for the journal");
   bson_destroy (&record);
   return ok;
}

bool
fg_migrate_log_wrapped (fg_migrate_log *log, fg_rewrap_key *const *keys, size_t n, fg_error *err)
{
   bool ok = true;

   for (size_t i = 0; ok && i < n; i++) {
      ok = log_wrapped (log, keys[i], err);
   }
   return ok && fg_journal_flush (log->journal, true, err);
}

bool
fg_migrate_log_outcome (fg_migrate_log *log, const char *state, fg_rewrap_key *const *keys, size_t n, fg_error *err)
{
   bool ok = true;

   for (size_t i = 0; ok && i < n; i++) {
      bson_t record;
      begin_record (&record, keys[i]->outcome == FG_REWRAP_DONE ? state : "changed");
      BSON_APPEND_BINARY (&record, "key", BSON_SUBTYPE_UUID, keys[i]->parsed.id, FG_KEY_ID_LEN);
      ok = fg_journal_add (log->journal, &record, err) &&
           (strcmp (state, "stored") != 0 || keys[i]->outcome != FG_REWRAP_DONE || read_stored (log, &record, err));
      bson_destroy (&record);
   }
   return ok && fg_journal_flush (log->journal, false, err);
}

/* --- opening -------------------------------------------------------------------------------------------------------- */

static bool
same_member (const bson_t *a, const bson_t *b, const char *name)
{
   bson_iter_t x;
   bson_iter_t y;
   bool in_a = bson_iter_init_find (&x, a, name);
   bool in_b = bson_iter_init_find (&y, b, name);
   bson_t left = BSON_INITIALIZER;
   bson_t right = BSON_INITIALIZER;

   bool same = in_a == in_b;
   if (in_a && in_b) {
      same =
         bson_append_iter (&left, NULL, 0, &x) && bson_append_iter (&right, NULL, 0, &y) && bson_equal (&left, &right);
   }
   bson_destroy (&left);
   bson_destroy (&right);
   return same;
}

/* Says which member differs; what a filter or a master key holds is no secret, but long. */
static bool
check_head (const fg_migrate_log *log, const char *path, const bson_t *head, fg_error *err)
{
   static const char *const names[] = {"version", "vault", "from", "to", "masterKey", "filter", "backup"};

   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (!same_member (log->head, head, names[i])) {
         const char *its = text_of (log->head, names[i]);
         return fg_error_set (err, FG_ERROR_USAGE, FG_E_MISMATCH, path,
                              "the journal %s belongs to another migration: its `%s` is %s: give the options it was "
                              "begun with, or another --journal",
                              path, names[i], its ? its : "another, or none");
      }
   }
   return true;
}

bool
fg_migrate_log_open (fg_migrate_log *log, const char *path, const bson_t *head, bool *existed, fg_error *err)
{
   log->journal = fg_journal_open (path, "{ \"state\" : \"begun\"", fg_migrate_log_read, log, existed, err);
   if (!log->journal) {
      return false;
   }
   return !*existed || check_head (log, path, head, err);
}

void
fg_migrate_log_close (fg_migrate_log *log)
{
   for (size_t i = 0; i < log->n_buckets; i++) {
      for (fg_logged *l = log->buckets[i], *next; l; l = next) {
         next = l->next;
         bson_destroy (l->record);
         free (l);
      }
   }
   free (log->buckets);
   bson_destroy (log->head);
   fg_journal_close (log->journal);
   memset (log, 0, sizeof *log);
}

const char *
fg_migrate_log_text (const fg_migrate_log *log, const char *name)
{
   return log->head ? text_of (log->head, name) : NULL;
}
