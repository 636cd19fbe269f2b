/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_CRUD_ARGS_H
#define FGD_CRUD_ARGS_H

/*
 * Reading a command's arguments as mongod's command parsers do: a table of names and types; an unknown member is 40415, a repeated one 40413, a missing one
 * 40414, a wrong type 14. Members that any command may carry (lsid, $db, readConcern, comment, ...) are passed over.
 */

#include "hosts/fieldguardd/server.h"
#include "hosts/fieldguardd/store/store.h"

/* What an argument may be. Several bits: any of them. */
#define FGD_ARG_BOOL 0x01u /* bool, or a number where mongod is lenient */
#define FGD_ARG_NUMBER 0x02u
#define FGD_ARG_STRING 0x04u
#define FGD_ARG_OBJECT 0x08u
#define FGD_ARG_ARRAY 0x10u
#define FGD_ARG_ANY 0x20u
#define FGD_ARG_REQUIRED 0x40u
#define FGD_ARG_REFUSED                                                                                                \
   0x80u /* known to mongod, not offered here: 238 NotImplemented unless it is false, null, 0 or empty */

typedef struct fgd_arg {
   const char *name;
   uint32_t types;
} fgd_arg;

/* table ends with a NULL name; values[i] is the i-th argument's value, type 0 when absent. skip_first: the command's own element. cmd names the object in errors. */
bool fgd_args_read (const bson_t *object, const char *cmd, bool skip_first, const fgd_arg *table, fg_value *values,
                    fg_error *err) FG_WARN_UNUSED;

/* The value as mongod reads lenient numbers and flags; 0 and false when absent. */
bool fgd_value_bool (const fg_value *value);
int64_t fgd_value_int64 (const fg_value *value); /* doubles are cut, out of range is the nearest limit */
double fgd_value_double (const fg_value *value);
bool fgd_value_is_number (const fg_value *value);
/* NUL-terminated inside the BSON; NULL when it is no string or holds a NUL. */
const char *fgd_value_string (const fg_value *value);
/* A view of the array's or document's bytes; an empty document when absent. Written in place: a bson_t points into itself and must not be copied. */
void fgd_value_document (const fg_value *value, bson_t *out);
static inline bool
fgd_value_present (const fg_value *value)
{
   return value->type != 0;
}

/* A non-negative integer (skip, limit, batchSize): 51024 below zero, 14 when no number. */
bool fgd_arg_count (const fg_value *value, const char *cmd, const char *name, int64_t *out,
                    fg_error *err) FG_WARN_UNUSED;

/* collation: absent, {} or {locale: "simple"}; anything else is refused. */
bool fgd_arg_collation (const fg_value *value, fg_error *err) FG_WARN_UNUSED;

/* The collection that the command's first element names. 73 InvalidNamespace. */
bool fgd_arg_collection (const fgd_request *request, const char **name, fg_error *err) FG_WARN_UNUSED;
bool fgd_namespace_check (const char *db, const char *name, fg_error *err) FG_WARN_UNUSED;
/* Splits "db.name" at its first dot into db (a caller's buffer). */
bool fgd_namespace_split (const char *ns, char *db, size_t db_len, const char **name, fg_error *err) FG_WARN_UNUSED;

/* Documents from an array argument or from the document sequence of that name, in order. */
typedef struct fgd_doc_view {
   const uint8_t *data;
   size_t len;
} fgd_doc_view;

typedef struct fgd_doc_list {
   fgd_doc_view *docs;
   size_t n;
} fgd_doc_list;

bool fgd_doc_list_read (const fgd_request *request, const char *name, const fg_value *array, fgd_doc_list *list,
                        fg_error *err) FG_WARN_UNUSED;
void fgd_doc_list_free (fgd_doc_list *list);

/* Sets the reply's error. */
void fgd_reply_fail (fgd_reply *reply, int32_t code, const char *format, ...) FG_PRINTF (3, 4);

/* mongod's name of a BSON type ("int", "object", "missing"). */
const char *fgd_arg_type_name (uint8_t type);

#endif /* FGD_CRUD_ARGS_H */
