/* SPDX-License-Identifier: Apache-2.0 */
#include "module/loader/loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define STRING_VALUE_MAX 4095u

static bool
bad_value (const fg_setting_def *def, fg_error *err, const char *wanted)
{
   return fg_error_set (err, FG_ERROR_SETTING, FG_E_INVALID, def->name, "setting %s: the value must be %s", def->name,
                        wanted);
}

/* The spellings that mongod's setParameter and YAML use. */
static const char *
canonical_bool (const char *text)
{
   static const char *const yes[] = {"true", "1", "on", "yes"};
   static const char *const no[] = {"false", "0", "off", "no"};

   for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
      if (strcmp (text, yes[i]) == 0) {
         return "true";
      }
      if (strcmp (text, no[i]) == 0) {
         return "false";
      }
   }
   return NULL;
}

static const char *
canonical_enum (const fg_setting_def *def, const char *text)
{
   for (const char *const *v = def->values; *v; v++) {
      if (strcmp (*v, text) == 0) {
         return *v;
      }
   }
   return NULL;
}

static bool
reject_enum (const fg_setting_def *def, fg_error *err)
{
   fg_buf list = {0};

   for (const char *const *v = def->values; *v; v++) {
      fg_buf_printf (&list, "%s%s", v == def->values ? "one of " : ", ", *v);
   }
   fg_buf_append (&list, "", 1);
   bad_value (def, err, list.failed ? "one of its listed values" : (const char *)list.data);
   fg_buf_free (&list);
   return false;
}

static bool
parse_int (const fg_setting_def *def, const char *text, char *out, size_t out_len, fg_error *err)
{
   char *end = NULL;

   errno = 0;
   long long value = strtoll (text, &end, 10);
   if (errno != 0 || end == text || *end != '\0' || value < def->min || value > def->max) {
      char wanted[96];
      snprintf (wanted, sizeof wanted, "an integer from %lld to %lld", (long long)def->min, (long long)def->max);
      return bad_value (def, err, wanted);
   }
   snprintf (out, out_len, "%lld", value);
   return true;
}

static bool
string_is_plain (const char *text)
{
   size_t n = 0;

   for (; text[n]; n++) {
      if (n == STRING_VALUE_MAX || (unsigned char)text[n] < 0x20 || text[n] == 0x7F) {
         return false;
      }
   }
   return true;
}

bool
fg_setting_parse (const fg_setting_def *def, const char *text, char **canonical, fg_error *err)
{
   char number[32];
   const char *value = NULL;

   switch (def->type) {
   case FG_SETTING_BOOL:
      value = canonical_bool (text);
      if (!value) {
         return bad_value (def, err, "true or false");
      }
      break;
   case FG_SETTING_ENUM:
      value = canonical_enum (def, text);
      if (!value) {
         return reject_enum (def, err);
      }
      break;
   case FG_SETTING_INT:
      if (!parse_int (def, text, number, sizeof number, err)) {
         return false;
      }
      value = number;
      break;
   case FG_SETTING_STRING:
      if (!string_is_plain (text)) {
         return bad_value (def, err, "at most 4095 bytes without control characters");
      }
      value = text;
      break;
   }
   *canonical = value ? strdup (value) : NULL;
   if (!*canonical) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, def->name, "out of memory");
   }
   return true;
}

int
fg_setting_strictness (const fg_setting_def *def, const char *canonical)
{
   int rank = 0;

   if (def->type == FG_SETTING_BOOL) {
      return strcmp (canonical, "true") == 0;
   }
   if (def->type == FG_SETTING_ENUM) {
      while (def->values[rank] && strcmp (def->values[rank], canonical) != 0) {
         rank++;
      }
   }
   return rank;
}
