/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/keyset_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/*
 * Nothing is kept between calls: each locks the folder (the file itself is replaced by every write, so a lock on it would guard nothing), reads, changes
 * and writes. Key vaults are small, and the client's cache stands before them.
 */
typedef struct file_vault {
   char *path;
   char *folder;
} file_vault;

static int
lock_folder (const file_vault *v, int how, fg_error *err)
{
   int fd = open (v->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

   if (fd < 0) {
      fg_error_set_errno (err, errno, v->folder, "cannot open the key vault's folder");
      return -1;
   }
   while (flock (fd, how) != 0) {
      if (errno != EINTR) {
         fg_error_set_errno (err, errno, v->folder, "cannot lock the key vault's folder");
         close (fd);
         return -1;
      }
   }
   return fd;
}

/* A vault that does not exist yet is empty: fg_key_vault_file_new has refused it if it must exist. */
static bool
read_vault (const file_vault *v, fg_keyset *set, fg_keyset_format *format, fg_error *err)
{
   size_t n = strlen (v->path);

   *format = n >= 5 && strcmp (v->path + n - 5, ".bson") == 0 ? FG_KEYSET_BSON : FG_KEYSET_LINES;
   if (access (v->path, F_OK) != 0 && errno == ENOENT) {
      return true;
   }
   return fg_keyset_file_read (v->path, set, format, err);
}

typedef struct job {
   file_vault *vault;
   fg_keyset set;
   fg_keyset_format format;
   int lock;
} job;

static bool
begin (job *j, void *self, int how, fg_error *err)
{
   memset (j, 0, sizeof *j);
   j->vault = self;
   j->lock = lock_folder (j->vault, how, err);
   if (j->lock < 0) {
      return false;
   }
   if (!read_vault (j->vault, &j->set, &j->format, err)) {
      fg_keyset_clear (&j->set);
      close (j->lock);
      return false;
   }
   return true;
}

/* Writes when ok and dirty. */
static bool
end (job *j, bool ok, bool dirty, fg_error *err)
{
   if (ok && dirty) {
      ok = fg_keyset_file_write (j->vault->path, &j->set, j->format, err);
   }
   fg_keyset_clear (&j->set);
   close (j->lock);
   return ok;
}

static bool
file_find (void *self, const uint8_t *ids, size_t n_ids, const char *const *names, size_t n_names, fg_key_visit visit,
           void *ctx, fg_error *err)
{
   job j;

   return begin (&j, self, LOCK_SH, err) &&
          end (&j, fg_keyset_find (&j.set, ids, n_ids, names, n_names, visit, ctx, err), false, err);
}

static bool
file_find_matching (void *self, const bson_t *filter, fg_key_visit visit, void *ctx, fg_error *err)
{
   job j;

   return begin (&j, self, LOCK_SH, err) &&
          end (&j, fg_keyset_find_matching (&j.set, filter, visit, ctx, err), false, err);
}

static bool
file_insert (void *self, const bson_t *key_document, fg_error *err)
{
   job j;

   return begin (&j, self, LOCK_EX, err) && end (&j, fg_keyset_insert (&j.set, key_document, err), true, err);
}

static bool
file_rewrap (void *self, const uint8_t id[FG_KEY_ID_LEN], const uint8_t *old_material, size_t old_len,
             int64_t old_update_ms, const bson_t *master_key, const uint8_t *material, size_t len, bool *changed,
             fg_error *err)
{
   job j;

   if (!begin (&j, self, LOCK_EX, err)) {
      return false;
   }
   bool ok =
      fg_keyset_rewrap (&j.set, id, old_material, old_len, old_update_ms, master_key, material, len, changed, err);
   return end (&j, ok, *changed, err);
}

static bool
any_changed (const fg_rewrap_item *items, size_t n)
{
   for (size_t i = 0; i < n; i++) {
      if (items[i].changed) {
         return true;
      }
   }
   return false;
}

static bool
file_rewrap_many (void *self, fg_rewrap_item *items, size_t n, fg_error *err)
{
   job j;

   if (!begin (&j, self, LOCK_EX, err)) {
      return false;
   }
   bool ok = fg_keyset_rewrap_many (&j.set, items, n, err);
   ok = end (&j, ok, any_changed (items, n), err);
   for (size_t i = 0; !ok && i < n; i++) {
      items[i].changed = false;
   }
   return ok;
}

static char *
file_identity (void *self)
{
   const file_vault *v = self;
   char *text = NULL;

   return asprintf (&text, "file %s", v->path) < 0 ? NULL : text;
}

static bool
file_remove (void *self, const uint8_t id[FG_KEY_ID_LEN], bool *removed, fg_error *err)
{
   job j;

   if (!begin (&j, self, LOCK_EX, err)) {
      return false;
   }
   *removed = fg_keyset_remove (&j.set, id);
   return end (&j, true, *removed, err);
}

static bool
finish_names (job *j, bool ok, bson_t **previous, fg_error *err)
{
   if (end (j, ok, *previous != NULL, err)) {
      return true;
   }
   bson_destroy (*previous);
   *previous = NULL;
   return false;
}

static bool
file_add_alt_name (void *self, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous, fg_error *err)
{
   job j;

   *previous = NULL;
   return begin (&j, self, LOCK_EX, err) &&
          finish_names (&j, fg_keyset_add_alt_name (&j.set, id, name, previous, err), previous, err);
}

static bool
file_remove_alt_name (void *self, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous, fg_error *err)
{
   job j;

   *previous = NULL;
   return begin (&j, self, LOCK_EX, err) &&
          finish_names (&j, fg_keyset_remove_alt_name (&j.set, id, name, previous, err), previous, err);
}

/* Names are unique as it is. */
static bool
file_create_index (void *self, fg_error *err)
{
   (void)self;
   (void)err;
   return true;
}

static void
file_free (void *self)
{
   file_vault *v = self;

   free (v->path);
   free (v->folder);
   free (v);
}

static const fg_key_vault_ops file_ops = {
   .size = sizeof (fg_key_vault_ops),
   .name = "file",
   .find = file_find,
   .find_matching = file_find_matching,
   .insert = file_insert,
   .rewrap = file_rewrap,
   .remove = file_remove,
   .add_alt_name = file_add_alt_name,
   .remove_alt_name = file_remove_alt_name,
   .create_index = file_create_index,
   .free = file_free,
   .rewrap_many = file_rewrap_many,
   .identity = file_identity,
};

/* The absolute path of a file that does not exist, in a folder that does. */
static char *
absolute_new (const char *path)
{
   char *copy = strdup (path);
   char *folder = copy ? realpath (dirname (copy), NULL) : NULL;
   const char *slash = strrchr (path, '/');
   char *absolute = NULL;

   if (folder && asprintf (&absolute, "%s/%s", folder, slash ? slash + 1 : path) < 0) {
      absolute = NULL;
   }
   free (folder);
   free (copy);
   return absolute;
}

/* Resolved once: a symbolic link keeps pointing where it does when its target is replaced, and the process may change its folder. */
static bool
resolve (file_vault *v, const char *path, bool create, fg_error *err)
{
   v->path = realpath (path, NULL);
   if (!v->path && !(create && errno == ENOENT)) {
      return fg_error_set_errno (err, errno, path, "cannot open the key vault");
   }
   if (!v->path) {
      v->path = absolute_new (path);
      if (!v->path) {
         return fg_error_set_errno (err, errno, path, "cannot open the key vault's folder");
      }
   }
   char *copy = v->path ? strdup (v->path) : NULL;
   v->folder = copy ? strdup (dirname (copy)) : NULL;
   free (copy);
   return v->folder || fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
}

fg_key_vault *
fg_key_vault_file_new (const char *path, bool create, fg_error *err)
{
   fg_key_vault *vault = NULL;
   file_vault *v = calloc (1, sizeof *v);
   job j;

   if (!v) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   /* Read once, so that a file that is no key vault is refused here and not at the first use. */
   if (resolve (v, path, create, err) && begin (&j, v, LOCK_SH, err) && end (&j, true, false, err)) {
      vault = fg_key_vault_new (&file_ops, v, err);
   }
   if (!vault) {
      file_free (v);
   }
   return vault;
}
