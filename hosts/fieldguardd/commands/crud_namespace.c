/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud_args.h"
#include "hosts/fieldguardd/store/key.h"

#include <stdlib.h>

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
   bson_t doc;
   fgd_value_document (array, &doc);
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
