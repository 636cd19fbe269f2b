/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud_args.h"
#include "hosts/fieldguardd/store/key.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- arguments ------------------------------------------------------------------------------------------------------ */

static bool
is_generic (const char *name)
{
   static const char *const names[] = {"lsid",
                                       "readConcern",
                                       "writeConcern",
                                       "maxTimeMS",
                                       "comment",
                                       "txnNumber",
                                       "autocommit",
                                       "startTransaction",
                                       "apiVersion",
                                       "apiStrict",
                                       "apiDeprecationErrors",
                                       "maxTimeMSOpOnly",
                                       "mayBypassWriteBlocking",
                                       "help",
                                       "clientOperationKey",
                                       "stmtId",
                                       "stmtIds",
                                       "rawData",
                                       NULL};

   if (name[0] == '$') {
      return true;
   }
   for (size_t i = 0; names[i]; i++) {
      if (strcmp (names[i], name) == 0) {
         return true;
      }
   }
   return false;
}

static bool
type_fits (const fg_value *value, uint32_t types)
{
   if (types & FGD_ARG_ANY) {
      return true;
   }
   switch (value->type) {
   case 0x08:
      return types & FGD_ARG_BOOL;
   case 0x01:
   case 0x10:
   case 0x12:
   case 0x13:
      return types & (FGD_ARG_NUMBER | FGD_ARG_BOOL);
   case 0x02:
      return types & FGD_ARG_STRING;
   case 0x03:
      return types & FGD_ARG_OBJECT;
   case 0x04:
      return types & FGD_ARG_ARRAY;
   default:
      return false;
   }
}

static const char *
expected_type (uint32_t types)
{
   if (types & FGD_ARG_BOOL) {
      return "bool";
   }
   if (types & FGD_ARG_STRING) {
      return "string";
   }
   if (types & FGD_ARG_OBJECT) {
      return "object";
   }
   return types & FGD_ARG_ARRAY ? "array" : "long";
}

static bool
says_nothing (const fg_value *value)
{
   return !fgd_value_bool (value) || ((value->type == 0x03 || value->type == 0x04) && value->len == 5);
}

static bool
take (const fgd_arg *arg, const char *cmd, const fg_value *value, fg_value *out, fg_error *err)
{
   if (out->type) {
      return fg_error_set (err, FG_ERROR_SERVER, 40413, NULL, "BSON field '%s.%s' is a duplicate field", cmd,
                           arg->name);
   }
   if (value->type == 0x0A && !(arg->types & FGD_ARG_REQUIRED)) {
      return true; /* null stands for absent in an optional member */
   }
   if (arg->types & FGD_ARG_REFUSED) {
      return says_nothing (value) ||
             fg_error_set (err, FG_ERROR_SERVER, 238, NULL, "'%s.%s' is not supported by this server", cmd, arg->name);
   }
   if (!type_fits (value, arg->types)) {
      return fg_error_set (err, FG_ERROR_SERVER, 14, NULL,
                           "BSON field '%s.%s' is the wrong type '%s', expected type '%s'", cmd, arg->name,
                           fgd_arg_type_name (value->type), expected_type (arg->types));
   }
   *out = *value;
   return true;
}

static const fgd_arg *
find_arg (const fgd_arg *table, const char *name, size_t *index)
{
   for (size_t i = 0; table[i].name; i++) {
      if (strcmp (table[i].name, name) == 0) {
         *index = i;
         return &table[i];
      }
   }
   return NULL;
}

bool
fgd_args_read (const bson_t *object, const char *cmd, bool skip_first, const fgd_arg *table, fg_value *values,
               fg_error *err)
{
   bson_iter_t iter;

   for (size_t i = 0; table[i].name; i++) {
      values[i] = (fg_value){0, NULL, 0};
   }
   if (!bson_iter_init (&iter, object)) {
      return fg_error_set (err, FG_ERROR_SERVER, 22, NULL, "malformed command");
   }
   if (skip_first) {
      (void)bson_iter_next (&iter);
   }
   while (bson_iter_next (&iter)) {
      const char *name = bson_iter_key (&iter);
      size_t index = 0;
      const fgd_arg *arg = find_arg (table, name, &index);
      fg_value value = fgd_iter_value (&iter);
      if (!arg) {
         if (skip_first && is_generic (name)) {
            continue;
         }
         return fg_error_set (err, FG_ERROR_SERVER, 40415, NULL, "BSON field '%s.%s' is an unknown field.", cmd, name);
      }
      if (!take (arg, cmd, &value, &values[index], err)) {
         return false;
      }
   }
   for (size_t i = 0; table[i].name; i++) {
      if ((table[i].types & FGD_ARG_REQUIRED) && !values[i].type) {
         return fg_error_set (err, FG_ERROR_SERVER, 40414, NULL, "BSON field '%s.%s' is missing but a required field",
                              cmd, table[i].name);
      }
   }
   return true;
}

bool
fgd_arg_count (const fg_value *value, const char *cmd, const char *name, int64_t *out, fg_error *err)
{
   if (!fgd_value_present (value)) {
      return true;
   }
   if (!fgd_value_is_number (value)) {
      return fg_error_set (err, FG_ERROR_SERVER, 14, NULL,
                           "BSON field '%s.%s' is the wrong type '%s', expected type 'long'", cmd, name,
                           fgd_arg_type_name (value->type));
   }
   *out = fgd_value_int64 (value);
   return *out >= 0 || fg_error_set (err, FG_ERROR_SERVER, 51024, NULL,
                                     "BSON field '%s' value must be >= 0, actual value '%lld'", name, (long long)*out);
}

bool
fgd_arg_collation (const fg_value *value, fg_error *err)
{
   bson_t doc;
   fgd_value_document (value, &doc);
   bson_iter_t iter;

   if (!fgd_value_present (value) || bson_empty (&doc)) {
      return true;
   }
   if (!bson_iter_init_find (&iter, &doc, "locale")) {
      return fg_error_set (err, FG_ERROR_SERVER, 40414, NULL,
                           "BSON field 'collation.locale' is missing but a required field");
   }
   return (BSON_ITER_HOLDS_UTF8 (&iter) && strcmp (bson_iter_utf8 (&iter, NULL), "simple") == 0) ||
          fg_error_set (err, FG_ERROR_SERVER, 238, NULL,
                        "collations other than {locale: \"simple\"} are not supported by this server");
}

void
fgd_reply_fail (fgd_reply *reply, int32_t code, const char *format, ...)
{
   char text[FG_ERROR_MESSAGE_MAX];
   va_list args;

   va_start (args, format);
   vsnprintf (text, sizeof text, format, args);
   va_end (args);
   fg_error_set (&reply->error, FG_ERROR_SERVER, code, NULL, "%s", text);
}
