/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_UPDATE_H
#define FGD_QUERY_UPDATE_H

/*
 * Updates: what `u` of an update statement (or findAndModify's `update`) does to one document, as mongod 8.0 does it.
 *
 * An update is compiled once and applied to any number of documents. It has one of three styles: a replacement document, operators ($set, $inc, ...) or a
 * pipeline (an array of $set/$addFields, $unset, $project, $replaceRoot/$replaceWith). Pure functions over bytes: no store, no socket, no clock (the
 * caller hands the time in). Programs link libfieldguardd-query.a, before libfieldguard-schema.a and libfieldguard-base.a.
 *
 * Errors are FG_ERROR_SERVER with mongod's codes; where mongod's text quotes a value, ours has ### in its place. A document that is not well-formed BSON
 * gives FG_ERROR_BSON.
 *
 * Threads: a compiled fgd_update is read-only; any number of threads may apply it at once. Since 1.0.
 */

#include <fieldguard/error.h>
#include <fieldguard/match.h>

#include "base/base.h"

typedef struct fgd_update fgd_update;

typedef enum fgd_update_style {
   FGD_UPDATE_REPLACEMENT =
      0, /* with multi: mongod's error 9 "multi update is not supported for replacement-style update" is the caller's */
   FGD_UPDATE_OPERATORS,
   FGD_UPDATE_PIPELINE
} fgd_update_style;

/* u: the value of `u`: a document, or an array of pipeline stages; anything else is 9 FailedToParse. array_filters: the bytes of the arrayFilters array, or NULL.
 * let: constants for pipeline expressions (`c`, or the command's `let`): a document of values, or NULL. Everything is copied. NULL on error. */
fgd_update *fgd_update_compile (const fg_value *u, const uint8_t *array_filters, size_t array_filters_len,
                                const uint8_t *let, size_t let_len, fg_error *err) FG_WARN_UNUSED;
void fgd_update_free (fgd_update *update); /* NULL is legal */

fgd_update_style fgd_update_get_style (const fgd_update *update);
/* Some path holds the positional `$`: find the document with fg_matcher_check_positional and pass its index. */
bool fgd_update_needs_positional (const fgd_update *update);

typedef struct fgd_update_context {
   size_t size; /* sizeof (fgd_update_context) */
   size_t positional; /* what `$` stands for; SIZE_MAX: the query matched through no array */
   int64_t now_ms; /* $currentDate, $$NOW: milliseconds since 1970 */
   uint32_t
      increment; /* second half of the timestamps given out ($currentDate timestamp, Timestamp(0, 0) in a replacement) */
} fgd_update_context;
#define FGD_UPDATE_CONTEXT_INIT                                                                                        \
   {                                                                                                                   \
      sizeof (fgd_update_context), SIZE_MAX, 0, 1                                                                      \
   }

/* Applies update to doc. out is emptied first; on true it holds the post-image, a whole document with _id first if there is one, also when nothing changed; *modified
 * says whether mongod would count it in nModified. The post-image was checked: 66 for a changed _id, 53 for an _id of a type that no _id may have, 15
 * Overflow for a nesting deeper than 180, 17419 above 16 MiB. The caller frees out with fg_buf_free, also on false. */
bool fgd_update_apply (const fgd_update *update, const uint8_t *doc, size_t len, const fgd_update_context *context,
                       fg_buf *out, bool *modified, fg_error *err) FG_WARN_UNUSED;

/* The document that an upsert inserts where nothing matched filter: its equality fields (a replacement: only its _id), then update with $setOnInsert in
 * force, then an _id if there is none yet: new_id, 12 bytes of an ObjectId that the caller made. 54 NotSingleValueField for a filter that states a path
 * twice. out as in fgd_update_apply. */
bool fgd_update_upsert (const fgd_update *update, const uint8_t *filter, size_t filter_len,
                        const fgd_update_context *context, const uint8_t new_id[12], fg_buf *out,
                        fg_error *err) FG_WARN_UNUSED;

/* What every stored document must keep (inserts too): nesting of 180, 16 MiB, an _id (first found at the top) of a legal type without $-names inside. */
bool fgd_document_check_storable (const uint8_t *doc, size_t len, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_QUERY_UPDATE_H */
