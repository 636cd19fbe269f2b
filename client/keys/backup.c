/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/backup.h"

#include "base/base.h"
#include "client/keys/file.h"
#include "client/public_equal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BACKUP_MAX ((size_t)1024 * 1024 * 1024)

static bool
is_bson_name (const char *path)
{
   size_t n = strlen (path);

   return n >= 5 && strcmp (path + n - 5, ".bson") == 0;
}

static char *
partial_path (const char *path, fg_error *err)
{
   char *partial = NULL;

   if (asprintf (&partial, "%s.partial", path) < 0) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, path, "out of memory");
      return NULL;
   }
   return partial;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static bool
malformed (const char *path, const fg_key_list *documents, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, path, "backup %s: document %zu is malformed", path,
                        documents->n + 1);
}

static bool
add (fg_key_list *documents, const bson_t *doc, fg_error *err)
{
   return fg_key_list_add (documents, doc) || fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
}

static bool
parse_bson (const char *path, const uint8_t *data, size_t len, fg_key_list *documents, fg_error *err)
{
   while (len) {
      size_t n = len >= 5 ? fg_read_u32le (data) : 0;
      bson_t doc;
      if (n < 5 || n > len || !bson_init_static (&doc, data, n) || !bson_validate (&doc, BSON_VALIDATE_NONE, NULL)) {
         return malformed (path, documents, err);
      }
      if (!add (documents, &doc, err)) {
         return false;
      }
      data += n;
      len -= n;
   }
   return true;
}

/* A last line without its end is a file that was cut. */
static bool
parse_lines (const char *path, const uint8_t *data, size_t len, fg_key_list *documents, fg_error *err)
{
   while (len) {
      const uint8_t *end = memchr (data, '\n', len);
      size_t n = end ? (size_t)(end - data) : 0;
      bson_t *doc = n ? bson_new_from_json (data, (ssize_t)n, NULL) : NULL;
      if (!doc) {
         return malformed (path, documents, err);
      }
      bool ok = add (documents, doc, err);
      bson_destroy (doc);
      if (!ok) {
         return false;
      }
      data += n + 1;
      len -= n + 1;
   }
   return true;
}

/* path: the file; name: the backup's own, which says the format. */
static bool
read_backup (const char *path, const char *name, fg_key_backup_info *info, fg_key_list *documents, fg_error *err)
{
   uint8_t *data = NULL;
   size_t len = 0;

   bool ok = fg_file_read (path, BACKUP_MAX, "the backup", &data, &len, err) &&
             fg_sha256 (data, len, info->sha256, err) &&
             (is_bson_name (name) ? parse_bson (path, data, len, documents, err)
                                  : parse_lines (path, data, len, documents, err));
   info->bytes = len;
   info->documents = documents->n;
   free (data);
   return ok;
}

bool
fg_key_backup_read (const char *path, fg_key_backup_info *info, fg_key_list *documents, fg_error *err)
{
   fg_key_backup_info unused;

   return read_backup (path, path, info ? info : &unused, documents, err);
}

bool
fg_key_backup_check (const char *path, const fg_key_backup_info *info, fg_key_list *documents, fg_error *err)
{
   fg_key_backup_info found;

   if (!fg_key_backup_read (path, &found, documents, err)) {
      return false;
   }
   return fg_public_equal (found.sha256, info->sha256, FG_SHA256_LEN) ||
          fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, path, "backup %s is not the file that was written", path);
}

bool
fg_key_backup_is_prepared (const char *path, const fg_key_backup_info *info)
{
   char *partial = partial_path (path, NULL);
   fg_key_list documents = {0};
   fg_key_backup_info found;
   bool same = partial && read_backup (partial, path, &found, &documents, NULL) &&
               fg_public_equal (found.sha256, info->sha256, FG_SHA256_LEN);

   fg_key_list_clear (&documents);
   free (partial);
   return same;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static bool
render (const fg_key_list *documents, bool is_bson, fg_buf *buf)
{
   for (size_t i = 0; i < documents->n; i++) {
      size_t len = documents->docs[i]->len;
      if (is_bson) {
         fg_buf_append (buf, bson_get_data (documents->docs[i]), len);
         continue;
      }
      char *json = bson_as_canonical_extended_json (documents->docs[i], &len);
      if (!json) {
         return false;
      }
      fg_buf_append (buf, json, len);
      fg_buf_append_str (buf, "\n");
      bson_free (json);
   }
   return !buf->failed;
}

static bool
write_file (const char *partial, const fg_buf *buf, fg_error *err)
{
   if (unlink (partial) != 0 && errno != ENOENT) {
      return fg_error_set_errno (err, errno, partial, "cannot remove %s", partial);
   }
   int fd = open (partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
   if (fd < 0) {
      return fg_error_set_errno (err, errno, partial, "cannot create %s", partial);
   }
   bool ok = (fg_file_write_all (fd, buf->data, buf->len) && fsync (fd) == 0) ||
             fg_error_set_errno (err, errno, partial, "cannot write the backup %s", partial);
   close (fd);
   return ok;
}

static bool
write_and_compare (const char *path, const char *partial, const fg_key_list *documents, fg_key_backup_info *info,
                   fg_error *err)
{
   fg_key_list again = {0};
   fg_buf buf = {0};
   bool ok = false;

   if (!render (documents, is_bson_name (path), &buf)) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, path, "a document of the key vault cannot be written to %s", path);
      goto done;
   }
   if (!write_file (partial, &buf, err) || !read_backup (partial, path, info, &again, err)) {
      goto done;
   }
   ok =
      fg_key_list_equal (documents, &again) ||
      fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, path, "the backup %s reads back differently from the key vault%s",
                    path, is_bson_name (path) ? "" : ": give it a name that ends in .bson");
done:
   if (!ok) {
      unlink (partial);
   }
   fg_key_list_clear (&again);
   fg_buf_free (&buf);
   return ok;
}

static bool
must_be_new (const char *path, fg_error *err)
{
   if (faccessat (AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_EXISTS, path, "%s exists: a backup never replaces a file", path);
   }
   return errno == ENOENT || fg_error_set_errno (err, errno, path, "cannot write a backup to %s", path);
}

bool
fg_key_backup_prepare (fg_key_vault *vault, const char *path, fg_key_backup_info *info, fg_key_list *documents,
                       fg_error *err)
{
   char *partial = partial_path (path, err);
   bool ok = partial && must_be_new (path, err) && fg_key_list_fill (documents, vault, NULL, err) &&
             write_and_compare (path, partial, documents, info, err);

   free (partial);
   return ok;
}

/* Refuses what exists, in one step. Where the file system cannot do that, link does. */
static bool
rename_new (const char *from, const char *to)
{
   if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
      return true;
   }
   return errno == EINVAL && link (from, to) == 0 && unlink (from) == 0;
}

bool
fg_key_backup_publish (const char *path, fg_error *err)
{
   char *partial = partial_path (path, err);
   bool ok = partial != NULL;

   if (ok && !rename_new (partial, path)) {
      ok = fg_error_set_errno (err, errno, path, "cannot give the backup its name %s", path);
   }
   if (ok && !fg_file_sync_folder (path)) {
      ok = fg_error_set_errno (err, errno, path, "cannot sync the folder of the backup %s", path);
   }
   free (partial);
   return ok;
}

bool
fg_key_backup_write (fg_key_vault *vault, const char *path, fg_key_backup_info *info, fg_key_list *documents,
                     fg_error *err)
{
   fg_key_backup_info unused;
   fg_key_list own = {0};
   bool ok = fg_key_backup_prepare (vault, path, info ? info : &unused, documents ? documents : &own, err) &&
             fg_key_backup_publish (path, err);

   fg_key_list_clear (&own);
   return ok;
}
