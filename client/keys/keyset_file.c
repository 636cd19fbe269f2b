/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/keyset_file.h"

#include "base/base.h"
#include "client/keys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)256 * 1024 * 1024)

/* --- reading -------------------------------------------------------------------------------------------------------- */

static bool
parse_bson (const uint8_t *data, size_t len, fg_keyset *set, fg_error *err)
{
   while (len) {
      size_t n = len >= 5 ? fg_read_u32le (data) : 0;
      bson_t doc;
      if (n < 5 || n > len || !bson_init_static (&doc, data, n)) {
         return fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, NULL, "document %zu of the key vault is malformed BSON",
                              set->n + 1);
      }
      if (!fg_keyset_insert (set, &doc, err)) {
         return false;
      }
      data += n;
      len -= n;
   }
   return true;
}

static bool
malformed_json (const fg_keyset *set, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_KEY, FG_E_CORRUPT, NULL, "document %zu of the key vault is malformed JSON",
                        set->n + 1);
}

static bool
parse_lines (const uint8_t *data, size_t len, fg_keyset *set, fg_error *err)
{
   bson_json_reader_t *reader = bson_json_data_reader_new (true, 0);
   bson_t doc = BSON_INITIALIZER;
   int got = 0;
   bool ok = true;

   bson_json_data_reader_ingest (reader, data, len);
   while (ok && (got = bson_json_reader_read (reader, &doc, NULL)) > 0) {
      ok = fg_keyset_insert (set, &doc, err);
      bson_reinit (&doc);
   }
   if (ok && got < 0) {
      ok = malformed_json (set, err);
   }
   bson_destroy (&doc);
   bson_json_reader_destroy (reader);
   return ok;
}

static bool
insert_element (fg_keyset *set, const bson_iter_t *iter, fg_error *err)
{
   const uint8_t *data;
   uint32_t len;
   bson_t doc;

   if (!BSON_ITER_HOLDS_DOCUMENT (iter)) {
      return malformed_json (set, err);
   }
   bson_iter_document (iter, &len, &data);
   return bson_init_static (&doc, data, len) ? fg_keyset_insert (set, &doc, err) : malformed_json (set, err);
}

static bool
parse_array (const uint8_t *data, size_t len, fg_keyset *set, fg_error *err)
{
   bson_t *array = bson_new_from_json (data, (ssize_t)len, NULL);
   bson_iter_t iter;
   bool ok = array && bson_iter_init (&iter, array);

   if (!ok) {
      bson_destroy (array);
      return malformed_json (set, err);
   }
   while (ok && bson_iter_next (&iter)) {
      ok = insert_element (set, &iter, err);
   }
   bson_destroy (array);
   return ok;
}

static bool
is_space (uint8_t c)
{
   return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
fg_keyset_parse (const uint8_t *data, size_t len, bool is_bson, fg_keyset *set, fg_keyset_format *format, fg_error *err)
{
   size_t start = 0;

   if (is_bson) {
      *format = FG_KEYSET_BSON;
      return len == 0 || parse_bson (data, len, set, err);
   }
   while (start < len && is_space (data[start])) {
      start++;
   }
   *format = start < len && data[start] == '[' ? FG_KEYSET_ARRAY : FG_KEYSET_LINES;
   if (start == len) {
      return true;
   }
   return *format == FG_KEYSET_ARRAY ? parse_array (data + start, len - start, set, err)
                                     : parse_lines (data + start, len - start, set, err);
}

static bool
is_bson_name (const char *path)
{
   size_t n = strlen (path);

   return n >= 5 && strcmp (path + n - 5, ".bson") == 0;
}

bool
fg_keyset_file_read (const char *path, fg_keyset *set, fg_keyset_format *format, fg_error *err)
{
   uint8_t *data = NULL;
   size_t len = 0;
   bool ok = fg_file_read (path, FILE_MAX, "the key vault", &data, &len, err) &&
             fg_keyset_parse (data, len, is_bson_name (path), set, format, err);

   free (data);
   return ok;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static void
append_json (fg_buf *buf, const bson_t *doc)
{
   size_t len = 0;
   char *json = bson_as_canonical_extended_json (doc, &len);

   if (json) {
      fg_buf_append (buf, json, len);
   } else {
      buf->failed = true;
   }
   bson_free (json);
}

static void
render (const fg_keyset *set, fg_keyset_format format, fg_buf *buf)
{
   const char *between = format == FG_KEYSET_ARRAY ? ",\n" : "\n";

   if (format == FG_KEYSET_ARRAY) {
      fg_buf_append_str (buf, "[\n");
   }
   for (size_t i = 0; i < set->n; i++) {
      if (format == FG_KEYSET_BSON) {
         fg_buf_append (buf, bson_get_data (set->docs[i]), set->docs[i]->len);
         continue;
      }
      append_json (buf, set->docs[i]);
      fg_buf_append_str (buf, i + 1 < set->n ? between : "\n");
   }
   if (format == FG_KEYSET_ARRAY) {
      fg_buf_append_str (buf, "]\n");
   }
}

static bool
replace_file (const char *path, const char *temporary, int fd, const fg_buf *buf, fg_error *err)
{
   struct stat st;

   if (stat (path, &st) == 0 && fchmod (fd, st.st_mode & 07777) != 0) {
      return fg_error_set_errno (err, errno, path, "cannot keep the key vault's mode");
   }
   if (!fg_file_write_all (fd, buf->data, buf->len) || fsync (fd) != 0) {
      return fg_error_set_errno (err, errno, path, "cannot write the key vault");
   }
   if (rename (temporary, path) != 0) {
      return fg_error_set_errno (err, errno, path, "cannot replace the key vault");
   }
   return fg_file_sync_folder (path) || fg_error_set_errno (err, errno, path, "cannot sync the key vault's folder");
}

bool
fg_keyset_file_write (const char *path, const fg_keyset *set, fg_keyset_format format, fg_error *err)
{
   fg_buf buf = {0};
   char *temporary = NULL;
   int fd = -1;
   bool ok = false;

   render (set, format, &buf);
   if (buf.failed || asprintf (&temporary, "%s.XXXXXX", path) < 0) {
      temporary = NULL;
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, path, "out of memory");
      goto done;
   }
   fd = mkostemp (temporary, O_CLOEXEC); /* 0600 */
   if (fd < 0) {
      fg_error_set_errno (err, errno, path, "cannot create a file beside the key vault");
      goto done;
   }
   ok = replace_file (path, temporary, fd, &buf, err);
   if (!ok) {
      unlink (temporary);
   }
done:
   if (fd >= 0) {
      close (fd);
   }
   free (temporary);
   fg_buf_free (&buf);
   return ok;
}
