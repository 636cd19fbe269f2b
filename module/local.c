/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#include <bson/bson.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (16u << 20)

/* One entry of the policy file. It has the grammar of collection options, so the compiler takes it as it stands. */
struct fg_local_rule {
   char *ns; /* with * and ? */
   bson_t *options;
};

static bool
bad_file (fg_error *err, const char *path, const char *why)
{
   return fg_error_set (err, FG_ERROR_SETTING, FG_E_INVALID, path, "policy file %s: %s", path, why);
}

/* --- reading ------------------------------------------------------------------------------------------------------------- */

/* Whoever can write the file can write the rules. */
static bool
check_owner (int fd, const char *path, fg_error *err)
{
   struct stat st;

   if (fstat (fd, &st) != 0) {
      return fg_error_set_errno (err, errno, path, "cannot read the policy file");
   }
   if (!S_ISREG (st.st_mode)) {
      return bad_file (err, path, "not a regular file");
   }
   if (st.st_uid != 0 && st.st_uid != geteuid ()) {
      return bad_file (err, path, "it must be owned by root or the server's user");
   }
   if (st.st_mode & (S_IWGRP | S_IWOTH)) {
      return bad_file (err, path, "it must not be writable by group or others");
   }
   if (st.st_size > (off_t)FILE_MAX) {
      return bad_file (err, path, "larger than 16 MiB");
   }
   return true;
}

static bool
read_all (int fd, const char *path, fg_buf *text, fg_error *err)
{
   uint8_t chunk[8192];
   ssize_t n;

   while ((n = read (fd, chunk, sizeof chunk)) > 0 && text->len <= FILE_MAX) {
      fg_buf_append (text, chunk, (size_t)n);
   }
   if (n < 0) {
      return fg_error_set_errno (err, errno, path, "cannot read the policy file");
   }
   return !text->failed || fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, path, "out of memory");
}

static bson_t *
read_json (const char *path, fg_error *err)
{
   fg_buf text = {0};
   bson_t *doc = NULL;
   bson_error_t why;

   int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
   if (fd < 0) {
      fg_error_set_errno (err, errno, path, "cannot open the policy file");
      return NULL;
   }
   if (check_owner (fd, path, err) && read_all (fd, path, &text, err)) {
      doc = text.len ? bson_new_from_json (text.data, (ssize_t)text.len, &why) : NULL;
      if (!doc) {
         bad_file (err, path, text.len ? why.message : "empty");
      }
   }
   fg_buf_free (&text);
   close (fd);
   return doc;
}

/* --- entries ---------------------------------------------------------------------------------------------------------------- */

/* A misspelt member would be a rule that is not there. */
static bool
check_members (const bson_t *entry, const char **ns)
{
   bson_iter_t iter;
   bool rules = false;

   if (!bson_iter_init (&iter, entry)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      if (strcmp (name, "ns") == 0 && BSON_ITER_HOLDS_UTF8 (&iter)) {
         *ns = bson_iter_utf8 (&iter, NULL);
      } else if ((strcmp (name, "validator") == 0 || strcmp (name, "encryptedFields") == 0) &&
                 BSON_ITER_HOLDS_DOCUMENT (&iter)) {
         rules = true;
      } else {
         return false;
      }
   }
   return rules && *ns && strchr (*ns, '.');
}

static bool
has_rules (const bson_t *entry, const char *path, size_t n, fg_error *err)
{
   const fg_policy_options options = FG_POLICY_OPTIONS_INIT;
   const uint8_t *data = bson_get_data (entry);
   size_t len = entry->len;
   fg_error why = {0};

   fg_policy *policy = fg_policy_compile (&data, &len, 1, &options, &why);
   bool ok = policy && !fg_policy_is_empty (policy);
   fg_policy_free (policy);
   return ok || fg_error_set (err, FG_ERROR_SETTING, FG_E_INVALID, path, "policy file %s: entry %zu: %s", path, n,
                              policy ? "it holds no encryption rule" : why.message);
}

static bool
add_entry (fg_module *module, const bson_t *entry, const char *path, fg_error *err)
{
   const char *ns = NULL;
   size_t n = module->n_local;

   if (!check_members (entry, &ns)) {
      return fg_error_set (
         err, FG_ERROR_SETTING, FG_E_INVALID, path,
         "policy file %s: entry %zu: needs ns (database.collection) and validator or encryptedFields, and nothing "
         "else",
         path, n);
   }
   if (!has_rules (entry, path, n, err)) {
      return false;
   }
   fg_local_rule *rules = realloc (module->local, (n + 1) * sizeof *rules);
   char *copy = strdup (ns);
   if (rules) {
      module->local = rules;
   }
   if (!rules || !copy) {
      free (copy);
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, path, "out of memory");
   }
   rules[module->n_local++] = (fg_local_rule){.ns = copy, .options = bson_copy (entry)};
   return true;
}

static bool
add_entries (fg_module *module, const bson_t *doc, const char *path, fg_error *err)
{
   bson_iter_t iter, child;
   bson_t entry;
   const uint8_t *data;
   uint32_t len;

   if (bson_count_keys (doc) != 1 || !bson_iter_init_find (&iter, doc, "policies") || !BSON_ITER_HOLDS_ARRAY (&iter) ||
       !bson_iter_recurse (&iter, &child)) {
      return bad_file (err, path, "it must be one object, {\"policies\": [...]}");
   }
   while (bson_iter_next (&child)) {
      if (!BSON_ITER_HOLDS_DOCUMENT (&child)) {
         return bad_file (err, path, "policies must hold objects");
      }
      bson_iter_document (&child, &len, &data);
      if (!bson_init_static (&entry, data, len) || !add_entry (module, &entry, path, err)) {
         return false;
      }
   }
   return module->n_local > 0 || bad_file (err, path, "policies is empty");
}

bool
fg_local_load (fg_module *module, fg_error *err)
{
   if (!module->policy_file) {
      return true;
   }
   bson_t *doc = read_json (module->policy_file, err);
   bool ok = doc && add_entries (module, doc, module->policy_file, err);
   bson_destroy (doc);
   return ok;
}

void
fg_local_free (fg_module *module)
{
   for (size_t i = 0; i < module->n_local; i++) {
      free (module->local[i].ns);
      bson_destroy (module->local[i].options);
   }
   free (module->local);
   module->local = NULL;
   module->n_local = 0;
}

/* --- matching --------------------------------------------------------------------------------------------------------------- */

/* `*`: any run of bytes, dots too; `?`: one byte. Linear: only the last star is ever gone back to. */
static bool
glob (const char *pattern, const char *text)
{
   const char *star = NULL;
   const char *retry = NULL;

   while (*text) {
      if (*pattern == '*') {
         star = pattern++;
         retry = text;
      } else if (*pattern == '?' || *pattern == *text) {
         pattern++;
         text++;
      } else if (star) {
         pattern = star + 1;
         text = ++retry;
      } else {
         return false;
      }
   }
   while (*pattern == '*') {
      pattern++;
   }
   return *pattern == '\0';
}

size_t
fg_local_collect (const fg_module *module, const char *ns, const uint8_t **documents, size_t *lengths)
{
   size_t n = 0;

   for (size_t i = 0; i < module->n_local; i++) {
      if (glob (module->local[i].ns, ns)) {
         documents[n] = bson_get_data (module->local[i].options);
         lengths[n++] = module->local[i].options->len;
      }
   }
   return n;
}
