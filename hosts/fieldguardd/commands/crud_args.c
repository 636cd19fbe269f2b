/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud_args.h"
#include "hosts/fieldguardd/store/key.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- types ---------------------------------------------------------------------------------------------------------- */

const char *
fgd_arg_type_name (uint8_t type)
{
   switch (type) {
   case 0x00:
      return "missing";
   case 0x01:
      return "double";
   case 0x02:
      return "string";
   case 0x03:
      return "object";
   case 0x04:
      return "array";
   case 0x05:
      return "binData";
   case 0x06:
      return "undefined";
   case 0x07:
      return "objectId";
   case 0x08:
      return "bool";
   case 0x09:
      return "date";
   case 0x0A:
      return "null";
   case 0x0B:
      return "regex";
   case 0x0C:
      return "dbPointer";
   case 0x0D:
      return "javascript";
   case 0x0E:
      return "symbol";
   case 0x0F:
      return "javascriptWithScope";
   case 0x10:
      return "int";
   case 0x11:
      return "timestamp";
   case 0x12:
      return "long";
   case 0x13:
      return "decimal";
   case 0x7F:
      return "maxKey";
   case 0xFF:
      return "minKey";
   default:
      return "unknown";
   }
}

bool
fgd_value_is_number (const fg_value *value)
{
   return value->type == 0x01 || value->type == 0x10 || value->type == 0x12 || value->type == 0x13;
}

double
fgd_value_double (const fg_value *value)
{
   double d;
   uint64_t bits;
   char text[BSON_DECIMAL128_STRING];
   bson_decimal128_t decimal;

   switch (value->type) {
   case 0x01:
      bits = fg_read_u64le (value->data);
      memcpy (&d, &bits, sizeof d);
      return d;
   case 0x10:
      return fg_read_i32le (value->data);
   case 0x12:
      return (double)(int64_t)fg_read_u64le (value->data);
   case 0x13:
      decimal.low = fg_read_u64le (value->data);
      decimal.high = fg_read_u64le (value->data + 8);
      bson_decimal128_to_string (&decimal, text);
      return strtod (text, NULL);
   default:
      return 0;
   }
}

int64_t
fgd_value_int64 (const fg_value *value)
{
   if (value->type == 0x10) {
      return fg_read_i32le (value->data);
   }
   if (value->type == 0x12) {
      return (int64_t)fg_read_u64le (value->data);
   }
   double d = fgd_value_double (value);
   if (isnan (d)) {
      return 0;
   }
   if (d >= 9223372036854775807.0) {
      return INT64_MAX;
   }
   return d <= -9223372036854775808.0 ? INT64_MIN : (int64_t)d;
}

bool
fgd_value_bool (const fg_value *value)
{
   if (fgd_value_is_number (value)) {
      return fgd_value_double (value) != 0; /* NaN is true, as in mongod */
   }
   if (value->type == 0x08) {
      return value->data[0] != 0;
   }
   return value->type != 0 && value->type != 0x0A && value->type != 0x06;
}

const char *
fgd_value_string (const fg_value *value)
{
   if (value->type != 0x02 || value->len < 5 || memchr (value->data + 4, 0, value->len - 5)) {
      return NULL;
   }
   return (const char *)value->data + 4;
}

bson_t
fgd_value_document (const fg_value *value)
{
   static const uint8_t empty[5] = {5, 0, 0, 0, 0};
   bson_t doc;

   if ((value->type != 0x03 && value->type != 0x04) || !bson_init_static (&doc, value->data, value->len)) {
      bson_init_static (&doc, empty, sizeof empty);
   }
   return doc;
}

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
   bson_t doc = fgd_value_document (value);
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

/* --- namespaces ----------------------------------------------------------------------------------------------------- */

bool
fgd_namespace_check (const char *db, const char *name, fg_error *err)
{
   size_t total = strlen (db) + 1 + strlen (name);

   if (!*db || strlen (db) > 63 || strpbrk (db, "/\\. \"$") || !*name || name[0] == '.' || strchr (name, '$') ||
       total > 255) {
      return fg_error_set (err, FG_ERROR_SERVER, 73, NULL, "Invalid namespace specified '%s.%s'", db, name);
   }
   return true;
}

bool
fgd_namespace_split (const char *ns, char *db, size_t db_len, const char **name, fg_error *err)
{
   const char *dot = ns ? strchr (ns, '.') : NULL;

   if (!dot || (size_t)(dot - ns) >= db_len) {
      return fg_error_set (err, FG_ERROR_SERVER, 73, NULL, "Invalid namespace specified '%s'", ns ? ns : "");
   }
   memcpy (db, ns, (size_t)(dot - ns));
   db[dot - ns] = '\0';
   *name = dot + 1;
   return fgd_namespace_check (db, *name, err);
}

bool
fgd_arg_collection (const fgd_request *request, const char **name, fg_error *err)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter)) {
      return fg_error_set (err, FG_ERROR_SERVER, 22, NULL, "malformed command");
   }
   fg_value value = fgd_iter_value (&iter);
   if (value.type != 0x02) {
      return fg_error_set (err, FG_ERROR_SERVER, 73, NULL, "collection name has invalid type %s",
                           fgd_arg_type_name (value.type));
   }
   *name = fgd_value_string (&value);
   if (!*name) {
      return fg_error_set (err, FG_ERROR_SERVER, 73, NULL, "namespaces cannot have embedded null characters");
   }
   return fgd_namespace_check (request->db, *name, err);
}

/* --- lists of documents --------------------------------------------------------------------------------------------- */

static bool
list_reserve (fgd_doc_list *list, size_t n, fg_error *err)
{
   list->docs = calloc (n ? n : 1, sizeof *list->docs);
   return list->docs || fg_error_set (err, FG_ERROR_SERVER, 146, NULL, "out of memory");
}

static bool
read_sequence (const fgd_sequence *sequence, fgd_doc_list *list, fg_error *err)
{
   size_t at = 0;

   if (!list_reserve (list, sequence->n_docs, err)) {
      return false;
   }
   while (list->n < sequence->n_docs && sequence->len - at >= 5) {
      uint32_t len = fg_read_u32le (sequence->data + at);
      if (len < 5 || len > sequence->len - at) {
         return fg_error_set (err, FG_ERROR_SERVER, 22, NULL, "malformed document sequence");
      }
      list->docs[list->n++] = (fgd_doc_view){sequence->data + at, len};
      at += len;
   }
   return true;
}

static bool
read_array (const char *name, const fg_value *array, fgd_doc_list *list, fg_error *err)
{
   bson_t doc = fgd_value_document (array);
   bson_iter_t iter;
   size_t n = 0;

   if (!bson_iter_init (&iter, &doc)) {
      return fg_error_set (err, FG_ERROR_SERVER, 22, NULL, "malformed array");
   }
   while (bson_iter_next (&iter)) {
      n++;
   }
   if (!list_reserve (list, n, err) || !bson_iter_init (&iter, &doc)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      fg_value value = fgd_iter_value (&iter);
      if (value.type != 0x03) {
         return fg_error_set (err, FG_ERROR_SERVER, 14, NULL,
                              "BSON field '%s.%zu' is the wrong type '%s', expected type 'object'", name, list->n,
                              fgd_arg_type_name (value.type));
      }
      list->docs[list->n++] = (fgd_doc_view){value.data, value.len};
   }
   return true;
}

bool
fgd_doc_list_read (const fgd_request *request, const char *name, const fg_value *array, fgd_doc_list *list,
                   fg_error *err)
{
   *list = (fgd_doc_list){NULL, 0};
   for (size_t i = 0; i < request->n_sequences; i++) {
      if (strcmp (request->sequences[i].id, name) == 0) {
         return fgd_value_present (array)
                   ? fg_error_set (err, FG_ERROR_SERVER, 40413, NULL, "BSON field '%s' is a duplicate field", name)
                   : read_sequence (&request->sequences[i], list, err);
      }
   }
   if (!fgd_value_present (array)) {
      return fg_error_set (err, FG_ERROR_SERVER, 40414, NULL, "BSON field '%s.%s' is missing but a required field",
                           request->name, name);
   }
   return read_array (name, array, list, err);
}

void
fgd_doc_list_free (fgd_doc_list *list)
{
   free (list->docs);
   *list = (fgd_doc_list){NULL, 0};
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
