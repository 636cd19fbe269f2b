/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_STAGES_H
#define FGD_QUERY_STAGES_H

/* Compiled stages, of aggregations and of pipeline updates. Private to the room; pipeline.c runs them, stages.c those that turn one document into one. */

#include "hosts/fieldguardd/query/pipeline.h"
#include "hosts/fieldguardd/query/projector.h"
#include "hosts/fieldguardd/query/sort.h"

#define FGD_STAGES_UPDATE 0x1u /* only the stages that an update may hold */
#define FGD_STAGES_MAX 1000 /* mongod's limit on a pipeline's length */

typedef enum fgd_stage_kind {
   FGD_STAGE_MATCH = 0,
   FGD_STAGE_PROJECT, /* $project, $addFields, $set, $unset */
   FGD_STAGE_REPLACE, /* $replaceRoot, $replaceWith */
   FGD_STAGE_SORT,
   FGD_STAGE_SKIP,
   FGD_STAGE_LIMIT,
   FGD_STAGE_COUNT,
   FGD_STAGE_GROUP,
   FGD_STAGE_UNWIND
} fgd_stage_kind;

typedef enum fgd_accumulator {
   FGD_ACC_SUM = 0,
   FGD_ACC_AVG,
   FGD_ACC_MIN,
   FGD_ACC_MAX,
   FGD_ACC_FIRST,
   FGD_ACC_LAST,
   FGD_ACC_PUSH,
   FGD_ACC_ADD_TO_SET,
   FGD_ACC_COUNT
} fgd_accumulator;

typedef struct fgd_group_field {
   const char *name;
   fgd_accumulator what;
   const fgd_expr *expr;
} fgd_group_field;

typedef struct fgd_stage {
   fgd_stage_kind kind;
   const char *name;
   fgd_projector projector;
   const fgd_expr *expr; /* $replaceRoot's newRoot, $group's _id */
   fg_matcher *matcher;
   fg_value filter; /* $match's */
   fgd_sort *sort;
   uint64_t count; /* $skip, $limit; a sort's limit when a $limit follows it */
   const char *field; /* $count's, $unwind's path */
   const char *index_field; /* $unwind's includeArrayIndex, or NULL */
   bool keep_empty; /* $unwind's preserveNullAndEmptyArrays */
   fgd_group_field *groups;
   size_t n_groups;
} fgd_stage;

/* One variable that a $merge hands to its whenMatched pipeline. */
typedef struct fgd_merge_variable {
   const char *name;
   const fgd_expr *expr;
} fgd_merge_variable;

typedef struct fgd_stages {
   fgd_arena arena;
   fgd_scope scope;
   fgd_stage *items;
   size_t n;
   fgd_target target;
   fgd_merge_variable *variables;
   size_t n_variables;
} fgd_stages;

const fgd_stages *fgd_pipeline_stages (const fgd_pipeline *pipeline);

fgd_stages *fgd_stages_compile (const uint8_t *array, size_t len, const uint8_t *let, size_t let_len, uint32_t flags,
                                fg_error *err) FG_WARN_UNUSED;
void fgd_stages_free (fgd_stages *stages); /* NULL is legal */
/* All stages are FGD_STAGE_PROJECT or FGD_STAGE_REPLACE. Appends to out. */
bool fgd_stages_transform (const fgd_stages *stages, const uint8_t *doc, size_t len, int64_t now_ms, fg_buf *out,
                           fg_error *err) FG_WARN_UNUSED;
/* One such stage; out is emptied first. */
bool fgd_stage_transform (const fgd_stage *stage, const uint8_t *doc, size_t len, int64_t now_ms, fg_buf *out,
                          fg_error *err) FG_WARN_UNUSED;

/* Stages with a file of their own: fill stage from spec. */
bool fgd_stage_parse_group (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err);
bool fgd_stage_parse_unwind (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err);
bool fgd_stage_parse_out (fgd_stages *stages, const fg_value *spec, fg_error *err);
bool fgd_stage_parse_merge (fgd_stages *stages, const fg_value *spec, fg_error *err);

/* A $group at work. */
typedef struct fgd_grouper fgd_grouper;
fgd_grouper *fgd_grouper_new (const fgd_stage *stage, int64_t now_ms, fg_error *err);
void fgd_grouper_free (fgd_grouper *grouper);
bool fgd_grouper_add (fgd_grouper *grouper, const uint8_t *doc, size_t len, fg_error *err);
/* The next group's document into out (emptied first); false at the end or, with *failed, on an error. */
bool fgd_grouper_next (fgd_grouper *grouper, fg_buf *out, bool *failed, fg_error *err);

/* An $unwind at work on one document: index counts from 0. False when there is no such one; *failed on an error. */
bool fgd_unwind_at (const fgd_stage *stage, const uint8_t *doc, size_t len, size_t index, fg_buf *out, bool *failed,
                    fg_error *err);

#endif /* FGD_QUERY_STAGES_H */
