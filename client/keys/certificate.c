/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/certificate.h"

#include "base/base.h"
#include "client/keys/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FILES_MAX 4096u
#define FILE_MAX ((size_t)64 * 1024 * 1024)

static char *
join (const char *dir, const char *name, fg_error *err)
{
   char *path = NULL;

   if (asprintf (&path, "%s/%s", dir, name) < 0) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, dir, "out of memory");
      return NULL;
   }
   return path;
}

/* --- writing ---------------------------------------------------------------------------------------------------------- */

static bool
append_one (fg_audit_log *log, const bson_t *param, fg_error *err)
{
   char ts[40];
   fg_buf fields = {0};
   size_t len = 0;
   char *json = bson_as_relaxed_extended_json (param, &len);

   fg_audit_timestamp (ts, sizeof ts);
   fg_buf_printf (
      &fields,
      "\"atype\":\"fieldguard.shredding\",\"ts\":{\"$date\":\"%s\"},\"local\":{},\"remote\":{},\"users\":[],"
      "\"roles\":[],\"param\":",
      ts);
   fg_buf_append (&fields, json ? json : "", len);
   fg_buf_append_str (&fields, ",\"result\":0");
   bool ok = (json && !fields.failed) || fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   ok = ok && fg_audit_log_append (log, (const char *)fields.data, fields.len, err);
   bson_free (json);
   fg_buf_free (&fields);
   return ok;
}

static fg_audit_log *
open_log (const char *dir, const char *key_file, fg_error *err)
{
   char *path = join (dir, FG_CERTIFICATES_FILE, err);
   fg_audit_log *log = NULL;

   if (path) {
      const fg_audit_log_options options = {.size = sizeof options, .path = path, .key_file = key_file};
      log = fg_audit_log_open (&options, err);
   }
   free (path);
   return log;
}

bool
fg_certificates_append (const char *dir, const char *key_file, bson_t *const *params, size_t n, fg_error *err)
{
   fg_audit_log *log = open_log (dir, key_file, err);
   bool ok = log != NULL;

   for (size_t i = 0; ok && i < n; i++) {
      ok = append_one (log, params[i], err);
   }
   ok = ok && fg_audit_log_sync (log, err);
   fg_error ignored;
   return fg_audit_log_close (log, ok ? err : &ignored) && ok;
}

bool
fg_certificates_ready (const char *dir, const char *key_file, fg_error *err)
{
   if (mkdir (dir, 0700) != 0 && errno != EEXIST) {
      return fg_error_set_errno (err, errno, dir, "cannot make the folder for certificates");
   }
   fg_audit_log *log = open_log (dir, key_file, err);
   fg_error ignored;
   bool ok = log && fg_audit_log_reserve (log, 2 * FG_CERTIFICATE_MAX, err);
   return fg_audit_log_close (log, ok ? err : &ignored) && ok;
}

/* --- reading ---------------------------------------------------------------------------------------------------------- */

bool
fg_certificate_parse (const char *line, size_t len, bson_t **param)
{
   static const char kind[] = "{\"atype\":\"fieldguard.shredding\",";
   bson_iter_t iter;
   const uint8_t *data;
   uint32_t n;
   bson_t inner;

   *param = NULL;
   if (len < sizeof kind - 1 || len > INT32_MAX || strncmp (line, kind, sizeof kind - 1) != 0) {
      return len > 0 && line[0] == '{';
   }
   bson_t *record = bson_new_from_json ((const uint8_t *)line, (ssize_t)len, NULL);
   bool ok = record && bson_iter_init_find (&iter, record, "param") && BSON_ITER_HOLDS_DOCUMENT (&iter);
   if (ok) {
      bson_iter_document (&iter, &n, &data);
      ok = bson_init_static (&inner, data, n);
      *param = ok ? bson_copy (&inner) : NULL;
   }
   bson_destroy (record);
   return ok;
}

typedef struct files {
   char **paths; /* oldest first */
   size_t n;
} files;

static void
files_clear (files *f)
{
   for (size_t i = 0; i < f->n; i++) {
      free (f->paths[i]);
   }
   free (f->paths);
}

/* certificates.log.<time>Z sort by time; certificates.log itself comes last. */
static bool
is_old_file (const char *name)
{
   static const char prefix[] = FG_CERTIFICATES_FILE ".2";
   size_t n = strlen (name);

   return strncmp (name, prefix, sizeof prefix - 1) == 0 && name[n - 1] == 'Z';
}

static int
by_name (const void *a, const void *b)
{
   return strcmp (*(char *const *)a, *(char *const *)b);
}

static bool
add_file (files *f, const char *dir, const char *name, fg_error *err)
{
   if (f->n == FILES_MAX) {
      return fg_error_set (err, FG_ERROR_AUDIT, FG_E_TOO_LARGE, dir, "%s has more than %u files of certificates", dir,
                           FILES_MAX);
   }
   f->paths[f->n] = join (dir, name, err);
   f->n += f->paths[f->n] ? 1 : 0;
   return f->paths[f->n ? f->n - 1 : 0] != NULL;
}

static bool
list_files (const char *dir, files *f, fg_error *err)
{
   DIR *d = opendir (dir);
   struct dirent *entry;
   bool current = false;
   bool ok = true;

   if (!d) {
      return fg_error_set_errno (err, errno, dir, "cannot open the folder of certificates");
   }
   f->paths = calloc (FILES_MAX + 1, sizeof *f->paths);
   if (!f->paths) {
      closedir (d);
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, dir, "out of memory");
   }
   while (ok && (entry = readdir (d)) != NULL) {
      current = current || strcmp (entry->d_name, FG_CERTIFICATES_FILE) == 0;
      ok = !is_old_file (entry->d_name) || add_file (f, dir, entry->d_name, err);
   }
   closedir (d);
   qsort (f->paths, f->n, sizeof *f->paths, by_name);
   ok = ok && (!current || add_file (f, dir, FG_CERTIFICATES_FILE, err));
   return ok && (f->n || fg_error_set (err, FG_ERROR_AUDIT, FG_E_NOT_FOUND, dir, "%s has no certificates", dir));
}

static bool
read_lines (const char *path, fg_certificate_visit visit, void *ctx, bool *more, fg_error *err)
{
   uint8_t *data = NULL;
   size_t len = 0;

   if (!fg_file_read (path, FILE_MAX, "a file of certificates", &data, &len, err)) {
      return false;
   }
   const char *at = (const char *)data;
   while (*more && len) {
      const char *end = memchr (at, '\n', len);
      size_t n = end ? (size_t)(end - at) : len;
      bson_t *param = NULL;
      if (fg_certificate_parse (at, n, &param) && param) {
         *more = visit (ctx, param);
      }
      bson_destroy (param);
      n += end ? 1 : 0;
      at += n;
      len -= n;
   }
   free (data);
   return true;
}

bool
fg_certificates_read (const char *dir, const char *key_file, fg_certificate_visit visit, void *ctx,
                      fg_audit_report *report, fg_error *err)
{
   files f = {0};
   bool more = true;
   bool ok =
      list_files (dir, &f, err) && fg_audit_verify ((const char *const *)f.paths, f.n, key_file, true, report, err);

   for (size_t i = 0; ok && more && i < f.n; i++) {
      ok = read_lines (f.paths[i], visit, ctx, &more, err);
   }
   files_clear (&f);
   return ok;
}
