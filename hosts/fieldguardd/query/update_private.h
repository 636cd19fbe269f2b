/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_UPDATE_PRIVATE_H
#define FGD_QUERY_UPDATE_PRIVATE_H

/*
 * How operators are kept: one leaf for each path that an operator names. Leaves are sorted by path, as mongod applies them, and no two of them may touch the same
 * place. Paths with array parts ($, $[], $[id]) are spelt out against each document first.
 */

#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/node.h"
#include "hosts/fieldguardd/query/update.h"

#define FGD_PATH_PARTS_MAX 200 /* deeper than any document that may be stored */
#define FGD_BACKFILL_MAX 1500000u

typedef enum fgd_part_kind {
   FGD_PART_FIELD = 0,
   FGD_PART_POSITIONAL, /* $ */
   FGD_PART_ALL, /* $[] */
   FGD_PART_FILTERED /* $[id] */
} fgd_part_kind;

typedef struct fgd_part {
   fgd_part_kind kind;
   const char *name;
   size_t len;
   size_t filter; /* FGD_PART_FILTERED: index into the filters */
} fgd_part;

typedef struct fgd_path {
   const char *text;
   size_t text_len;
   fgd_part *parts;
   size_t n;
   bool dynamic; /* some part is no field */
} fgd_path;

typedef struct fgd_leaf fgd_leaf;
typedef struct fgd_update_run fgd_update_run;

/* One update operator. modify and create leave *changed alone when they do nothing. */
typedef struct fgd_operator {
   const char *name;
   bool insert_only; /* $setOnInsert */
   bool blocked_is_nothing; /* $unset: a path through a scalar is no error */
   /* Reads leaf->operand at compile time. */
   bool (*init) (fgd_update *update, fgd_leaf *leaf, fg_error *err);
   /* The path exists. parent is NULL never; at is node's position in it. */
   bool (*modify) (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed,
                   fg_error *err);
   /* It does not: fresh is a null just made there. NULL: then there is nothing to do. */
   bool (*create) (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *fresh, fg_error *err);
   /* Instead of both: does everything itself ($rename). */
   bool (*whole) (fgd_update_run *run, const fgd_leaf *leaf, bool *changed, fg_error *err);
} fgd_operator;

struct fgd_leaf {
   const fgd_operator *op; /* NULL: a place taken by another leaf ($rename's source) */
   fgd_path path;
   fg_value operand;
   void *extra; /* what init made, in the update's arena */
};

typedef struct fgd_filter {
   const char *id;
   fg_matcher *matcher;
   bool used;
   struct fgd_filter *next; /* $pull's matchers hang in the same list, without an id */
} fgd_filter;

struct fgd_pipeline_update; /* update_pipeline.c */

struct fgd_update {
   fgd_arena arena;
   fgd_update_style style;
   fgd_leaf *leaves; /* sorted */
   size_t n_leaves;
   size_t cap_leaves;
   bool dynamic;
   bool positional;
   fgd_filter **filters; /* array filters */
   size_t n_filters;
   fgd_filter *matchers; /* all compiled matchers, to free them */
   const uint8_t *replacement;
   size_t replacement_len;
   struct fgd_stages *stages; /* pipeline.c's, for FGD_UPDATE_PIPELINE */
};

/* One application. */
struct fgd_update_run {
   const fgd_update *update;
   const fgd_update_context *context;
   bool is_insert;
   fgd_tree tree;
};

/* update_path.c */
bool fgd_path_parse (fgd_arena *arena, const char *text, size_t len, fgd_path *out, fg_error *err);
int fgd_path_compare (const fgd_path *a, const fgd_path *b);
/* Sorts leaves and refuses two that meet (40); created: the words for a conflict found only at run time. */
bool fgd_leaves_sort (fgd_leaf *leaves, size_t n, bool created, fg_error *err);

/* update_operators.c */
bool fgd_operators_compile (fgd_update *update, const uint8_t *spec, size_t len, fg_error *err);
bool fgd_operators_apply (fgd_update_run *run, bool *changed, fg_error *err);
/* Sets the value at path in the tree, making what is missing; for an upsert's equality fields. */
bool fgd_tree_set_path (fgd_tree *tree, const fgd_path *path, const fg_value *value, fg_error *err);
/* Walks path as far as the document goes: *depth parts were found, the last of them at position *at of *parent (depth 0: the root). */
bool fgd_tree_resolve (fgd_tree *tree, const fgd_path *path, fgd_node **parent, size_t *at, size_t *depth,
                       fg_error *err);
fgd_node *fgd_tree_node (fgd_tree *tree, fgd_node *parent, size_t at, size_t depth);

/* update_expand.c */
bool fgd_leaves_expand (fgd_update_run *run, fgd_leaf **leaves, size_t *n, fg_error *err);

/* update_filters.c */
bool fgd_filters_compile (fgd_update *update, const uint8_t *array, size_t len, fg_error *err);
bool fgd_filters_resolve (fgd_update *update, fgd_path *path, fg_error *err); /* names to indexes; marks them used */
bool fgd_filters_all_used (const fgd_update *update, fg_error *err);
fg_match fgd_filter_check (const char *id, const fg_matcher *matcher, const fg_value *value, fg_error *err);
/* Compiles a predicate that the update owns. */
fgd_filter *fgd_update_matcher (fgd_update *update, const uint8_t *predicate, size_t len, fg_error *err);

/* The rooms of operators. Each table ends with a NULL name. */
extern const fgd_operator fgd_operators_set[]; /* update_set.c */
extern const fgd_operator fgd_operators_arithmetic[]; /* update_arithmetic.c */
extern const fgd_operator fgd_operators_push[]; /* update_push.c */
extern const fgd_operator fgd_operators_pull[]; /* update_pull.c */
extern const fgd_operator fgd_operators_rename[]; /* update_rename.c */

/* upsert.c */
bool fgd_upsert_seed (const uint8_t *filter, size_t len, bool only_id, fgd_tree *tree, fg_error *err);

#endif /* FGD_QUERY_UPDATE_PRIVATE_H */
