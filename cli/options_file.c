/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options_file.h"

#include "cli/extjson.h"

#include <bson/bson.h>
#include <errno.h>
#include <stdio.h>

static bool
read_text (const char *path, fg_buf *text, fg_error *err)
{
   bool is_stdin = strcmp (path, "-") == 0;
   FILE *f = is_stdin ? stdin : fopen (path, "rb");
   char block[16384];
   size_t n;

   if (!f) {
      return fg_error_set_errno (err, errno, path, "cannot open %s", path);
   }
   while (text->len <= FG_OPTIONS_FILE_MAX && (n = fread (block, 1, sizeof block, f)) > 0) {
      fg_buf_append (text, block, n);
   }
   bool failed = ferror (f);
   int why = errno;
   if (!is_stdin) {
      fclose (f);
   }
   if (failed) {
      return fg_error_set_errno (err, why, path, "cannot read %s", path);
   }
   if (text->failed) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   return text->len <= FG_OPTIONS_FILE_MAX || fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, path,
                                                            "%s: larger than %u MiB", path, FG_OPTIONS_FILE_MAX >> 20);
}

bool
fg_options_file_read (const char *path, fg_buf *options, fg_error *err)
{
   fg_buf text = {0};
   fg_error inner = {0};
   size_t position = 0;

   bool ok = read_text (path, &text, err);
   if (ok && text.len == 0) {
      ok = fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, path,
                         "%s: empty, where one Extended JSON object is expected", path);
   } else if (ok && !fg_extjson_parse ((const char *)text.data, text.len, options, &position, &inner)) {
      ok = fg_error_set (err, inner.domain, inner.code, path, "%s: offset %zu: %s", path, position, inner.message);
   }
   fg_buf_free (&text);
   return ok;
}

/* What `create` knows, generic command members and what listCollections adds among them. */
static const char *const known[] = {"$clusterTime",
                                    "$db",
                                    "$readPreference",
                                    "apiDeprecationErrors",
                                    "apiStrict",
                                    "apiVersion",
                                    "autoIndexId",
                                    "autocommit",
                                    "capped",
                                    "changeStreamPreAndPostImages",
                                    "clusteredIndex",
                                    "collation",
                                    "comment",
                                    "create",
                                    "encryptedFields",
                                    "expireAfterSeconds",
                                    "flags",
                                    "idIndex",
                                    "indexOptionDefaults",
                                    "lsid",
                                    "max",
                                    "maxTimeMS",
                                    "pipeline",
                                    "readConcern",
                                    "recordPreImages",
                                    "size",
                                    "startTransaction",
                                    "storageEngine",
                                    "temp",
                                    "timeseries",
                                    "txnNumber",
                                    "uuid",
                                    "validationAction",
                                    "validationLevel",
                                    "validator",
                                    "viewOn",
                                    "writeConcern"};

static bool
is_known (const char *name)
{
   for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
      if (strcmp (known[i], name) == 0) {
         return true;
      }
   }
   return false;
}

bool
fg_options_file_check (const fg_buf *options, fg_error *err)
{
   bson_t doc;
   bson_iter_t iter;
   bool validator = false, timeseries = false;

   if (!bson_init_static (&doc, options->data, options->len) || !bson_iter_init (&iter, &doc)) {
      return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "the options are not well-formed BSON");
   }
   while (bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      if (!is_known (name)) {
         return fg_error_set (err, FG_ERROR_SERVER, 40415, name, "BSON field 'create.%s' is an unknown field.", name);
      }
      validator |= strcmp (name, "validator") == 0;
      timeseries |= strcmp (name, "timeseries") == 0;
   }
   return !(validator && timeseries) ||
          fg_error_set (err, FG_ERROR_SERVER, 72, "timeseries", "'timeseries' is not allowed with 'validator'");
}
