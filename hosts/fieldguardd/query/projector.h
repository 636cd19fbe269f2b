/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_PROJECTOR_H
#define FGD_QUERY_PROJECTOR_H

/*
 * What find's projection and $project, $addFields and $unset share: a tree of fields that is laid over a document. Private to the room.
 */

#include "hosts/fieldguardd/query/expr.h"

typedef enum fgd_field_kind {
   FGD_FIELD_INCLUDE = 0,
   FGD_FIELD_EXCLUDE,
   FGD_FIELD_COMPUTED,
   FGD_FIELD_NESTED,
   FGD_FIELD_ELEM_MATCH /* find only: computed from an array's first matching element */
} fgd_field_kind;

typedef struct fgd_fields fgd_fields;

typedef struct fgd_field {
   const char *name;
   size_t len;
   fgd_field_kind kind;
   const fgd_expr *expr;
   fgd_fields *nested;
   fg_matcher *matcher; /* FGD_FIELD_ELEM_MATCH */
} fgd_field;

struct fgd_fields {
   fgd_field *items; /* in the order of the specification */
   size_t n;
   size_t cap;
   bool computed; /* some field below is */
};

typedef enum fgd_projector_mode {
   FGD_PROJECT_UNDECIDED = 0,
   FGD_PROJECT_INCLUSION,
   FGD_PROJECT_EXCLUSION,
   FGD_PROJECT_ADD /* $addFields: everything stays */
} fgd_projector_mode;

/* find's $slice and positional, applied to what the fields gave. */
typedef struct fgd_slice {
   const char *path;
   bool positional;
   bool has_skip;
   int64_t skip;
   int64_t limit;
   struct fgd_slice *next;
} fgd_slice;

typedef struct fgd_projector {
   fgd_projector_mode mode;
   fgd_fields fields;
   fgd_slice *slices; /* in order */
   bool for_find;
   bool positional;
   bool elem_match;
   bool keep_id; /* inclusion: _id goes in although it is not named */
} fgd_projector;

/* spec must outlive the projector, whose parts live in scope's arena. mode FGD_PROJECT_ADD for $addFields, else UNDECIDED. Release matchers with fgd_projector_clear, also on false. */
bool fgd_projector_compile (fgd_projector *projector, fgd_scope *scope, const uint8_t *spec, size_t len,
                            fgd_projector_mode mode, bool for_find, fg_error *err) FG_WARN_UNUSED;
void fgd_projector_clear (fgd_projector *projector);
/* Adds one path to exclude, for $unset. */
bool fgd_projector_exclude (fgd_projector *projector, fgd_scope *scope, const char *path, size_t len,
                            fg_error *err) FG_WARN_UNUSED;
/* Appends the projected document to out. eval->root is the document. */
bool fgd_projector_apply (const fgd_projector *projector, fgd_eval *eval, fg_buf *out, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_QUERY_PROJECTOR_H */
