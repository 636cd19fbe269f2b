/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/master_key.h"

static const fg_master_key_field *
find_field (const fg_kms_provider *provider, const char *name)
{
   for (const fg_master_key_field *f = provider->ops->fields; f->name; f++) {
      if (strcmp (f->name, name) == 0) {
         return f;
      }
   }
   return NULL;
}

static bool
check_field (const fg_kms_provider *provider, const fg_master_key_field *field, const bson_iter_t *iter, fg_error *err)
{
   const char *text = BSON_ITER_HOLDS_UTF8 (iter) ? bson_iter_utf8 (iter, NULL) : NULL;
   bool any_host = field->kind == FG_FIELD_ENDPOINT_ANY_HOST;

   switch (field->kind) {
   case FG_FIELD_TRUE:
      return BSON_ITER_HOLDS_BOOL (iter) ||
             fg_kms_error (err, FG_E_INVALID, provider, "masterKey field `%s` is no boolean", field->name);
   case FG_FIELD_TEXT:
      return (text && *text) || fg_kms_error (err, FG_E_INVALID, provider,
                                              "masterKey field `%s` is no text, or an empty one", field->name);
   case FG_FIELD_ENDPOINT:
   case FG_FIELD_ENDPOINT_ANY_HOST:
      return (text && fg_endpoint_check (text, any_host)) ||
             fg_kms_error (err, FG_E_INVALID, provider, "masterKey field `%s`: invalid endpoint", field->name);
   default:
      return fg_kms_error (err, FG_E_INTERNAL, provider, "masterKey field `%s` of no known kind", field->name);
   }
}

bool
fg_master_key_check (const fg_kms_provider *provider, const bson_t *master_key, bool stored, fg_error *err)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, master_key)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "malformed masterKey");
   }
   while (bson_iter_next (&iter)) {
      if (strcmp (bson_iter_key (&iter), "provider") == 0) {
         const char *name = BSON_ITER_HOLDS_UTF8 (&iter) ? bson_iter_utf8 (&iter, NULL) : "";
         if (strcmp (name, provider->name) != 0) {
            return fg_kms_error (err, FG_E_INVALID, provider, "masterKey names another provider");
         }
         continue;
      }
      const fg_master_key_field *field = find_field (provider, bson_iter_key (&iter));
      if (!field) {
         return fg_kms_error (err, FG_E_INVALID, provider, "unexpected masterKey field `%s`", bson_iter_key (&iter));
      }
      if (!check_field (provider, field, &iter, err)) {
         return false;
      }
   }
   for (const fg_master_key_field *f = provider->ops->fields; f->name; f++) {
      bool needed = f->required || (f->filled_by_wrap && stored);
      if (needed && !bson_has_field (master_key, f->name)) {
         return fg_kms_error (err, FG_E_INVALID, provider, "masterKey field `%s` is missing", f->name);
      }
   }
   return true;
}

static bool
append_field (const fg_master_key_field *field, const bson_t *master_key, const char *filled, bson_t *stored)
{
   bson_iter_t iter;

   if (!bson_iter_init_find (&iter, master_key, field->name)) {
      return !(field->filled_by_wrap && *filled) || BSON_APPEND_UTF8 (stored, field->name, filled);
   }
   if (field->kind == FG_FIELD_TRUE) {
      return !bson_iter_bool (&iter) || BSON_APPEND_BOOL (stored, field->name, true);
   }
   return bson_append_iter (stored, NULL, 0, &iter);
}

bool
fg_master_key_append (const fg_kms_provider *provider, const bson_t *master_key, const char *filled, bson_t *stored,
                      fg_error *err)
{
   bool ok = BSON_APPEND_UTF8 (stored, "provider", provider->name);

   for (const fg_master_key_field *f = provider->ops->fields; ok && f->name; f++) {
      ok = append_field (f, master_key, filled, stored);
   }
   return ok || fg_kms_error (err, FG_E_TOO_LARGE, provider, "masterKey is too large");
}
