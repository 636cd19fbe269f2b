/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/encoding.h"
#include "client/kms/kms.h"

#include <stdarg.h>
#include <stdio.h>

#define CONFIG_TEXT_MAX 16384u

bool
fg_kms_error (fg_error *err, int32_t code, const fg_kms_provider *provider, const char *format, ...)
{
   char message[FG_ERROR_MESSAGE_MAX];
   va_list args;

   va_start (args, format);
   vsnprintf (message, sizeof message, format, args);
   va_end (args);
   return fg_error_set (err, FG_ERROR_KMS, code, provider->name, "KMS provider %s: %s", provider->name, message);
}

const char *
fg_bson_text (const bson_t *bson, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, bson, name) && BSON_ITER_HOLDS_UTF8 (&iter) ? bson_iter_utf8 (&iter, NULL) : NULL;
}

bool
fg_bson_true (const bson_t *bson, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, bson, name) && BSON_ITER_HOLDS_BOOL (&iter) && bson_iter_bool (&iter);
}

bool
fg_config_only (const fg_kms_provider *provider, const bson_t *config, const char *const *names, fg_error *err)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, config)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "malformed configuration");
   }
   while (bson_iter_next (&iter)) {
      size_t i = 0;
      while (names[i] && strcmp (names[i], bson_iter_key (&iter)) != 0) {
         i++;
      }
      if (!names[i]) {
         return fg_kms_error (err, FG_E_INVALID, provider, "unexpected configuration field `%s`",
                              bson_iter_key (&iter));
      }
   }
   return true;
}

bool
fg_config_text (const fg_kms_provider *provider, const bson_t *config, const char *name, bool required, fg_secret **out,
                fg_error *err)
{
   bson_iter_t iter;
   uint32_t len = 0;

   *out = NULL;
   if (!bson_iter_init_find (&iter, config, name)) {
      return !required || fg_kms_error (err, FG_E_INVALID, provider, "configuration field `%s` is missing", name);
   }
   const char *text = BSON_ITER_HOLDS_UTF8 (&iter) ? bson_iter_utf8 (&iter, &len) : NULL;
   if (!text || len == 0 || len > CONFIG_TEXT_MAX || strlen (text) != len) {
      return fg_kms_error (err, FG_E_INVALID, provider, "configuration field `%s` is no text, or an empty one", name);
   }
   *out = fg_secret_copy (text, (size_t)len + 1, err);
   return *out != NULL;
}

bool
fg_config_bytes (const fg_kms_provider *provider, const bson_t *config, const char *name, fg_secret **out,
                 fg_error *err)
{
   bson_iter_t iter;
   const uint8_t *data = NULL;
   uint32_t len = 0;

   *out = NULL;
   if (!bson_iter_init_find (&iter, config, name)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "configuration field `%s` is missing", name);
   }
   if (BSON_ITER_HOLDS_BINARY (&iter)) {
      bson_iter_binary (&iter, NULL, &len, &data);
      if (len && len <= CONFIG_TEXT_MAX) {
         *out = fg_secret_copy (data, len, err);
         return *out != NULL;
      }
   } else if (BSON_ITER_HOLDS_UTF8 (&iter)) {
      const char *text = bson_iter_utf8 (&iter, &len);
      size_t n = 0;
      *out = len && len <= CONFIG_TEXT_MAX ? fg_secret_new (len, err) : NULL;
      if (*out && fg_base64_decode (FG_BASE64, text, len, (*out)->bytes, &n) && n) {
         fg_secret_truncate (*out, n);
         return true;
      }
      fg_secret_free (*out);
      *out = NULL;
   }
   return fg_kms_error (err, FG_E_INVALID, provider, "configuration field `%s` is neither binary nor base64 text",
                        name);
}
