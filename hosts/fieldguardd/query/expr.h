/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_EXPR_H
#define FGD_QUERY_EXPR_H

/*
 * Aggregation expressions: compiled into a tree in an arena, evaluated against one document. Private to the room.
 *
 * Values that an evaluation makes live in the evaluation's arena or in the document. Missing is the value of type 0.
 */

#include "hosts/fieldguardd/query/bytes.h"

#define FGD_EXPR_DEPTH_MAX 100
#define FGD_EXPR_VARS_MAX 64

typedef struct fgd_expr fgd_expr;

/* Names that a $$variable may have while compiling: those of `let`, and those of $let, $map, $filter around it. */
typedef struct fgd_scope {
   fgd_arena *arena;
   const char *names[FGD_EXPR_VARS_MAX];
   fg_value constants[FGD_EXPR_VARS_MAX]; /* type 0: a variable, bound while evaluating */
   size_t n;
   unsigned depth;
   bool constant_only; /* inside `let` itself: no field may be named */
} fgd_scope;

typedef struct fgd_eval {
   fgd_arena *arena;
   fg_value root;
   size_t positional; /* find: what `$` stands for */
   fg_value vars[FGD_EXPR_VARS_MAX];
   int64_t now_ms;
} fgd_eval;

/* let: a document of constants, or NULL. What it holds must outlive the scope. */
bool fgd_scope_init (fgd_scope *scope, fgd_arena *arena, const uint8_t *let, size_t let_len,
                     fg_error *err) FG_WARN_UNUSED;

/* spec's bytes must outlive the expression. NULL on error. */
fgd_expr *fgd_expr_compile (fgd_scope *scope, const fg_value *spec, fg_error *err) FG_WARN_UNUSED;
/* Whether spec is {$name: ...} and no expression has that name. */
bool fgd_expr_is_unknown (const fg_value *spec, const char **name);
/* An expression that is this value. */
fgd_expr *fgd_expr_literal (fgd_scope *scope, const fg_value *value, fg_error *err) FG_WARN_UNUSED;
bool fgd_expr_eval (fgd_eval *eval, const fgd_expr *expr, fg_value *out, fg_error *err) FG_WARN_UNUSED;
void fgd_eval_init (fgd_eval *eval, fgd_arena *arena, const uint8_t *doc, size_t len, int64_t now_ms);

/* A field path as FieldPath checks it: 15998, 16410, 40352, 40353. */
bool fgd_field_path_check (const char *path, size_t len, fg_error *err) FG_WARN_UNUSED;

/* --- for the operators' files -------------------------------------------------------------------------------------- */

typedef struct fgd_expr_op {
   const char *name;
   size_t min;
   size_t max; /* of arguments; SIZE_MAX: any number */
   /* All arguments are evaluated first. */
   bool (*call) (fgd_eval *eval, const fgd_expr *self, const fg_value *args, size_t n, fg_value *out, fg_error *err);
   /* Or: it evaluates what it needs itself. */
   bool (*lazy) (fgd_eval *eval, const fgd_expr *self, fg_value *out, fg_error *err);
   /* Or it has a syntax of its own: fills self->args and self->extra. */
   bool (*parse) (fgd_scope *scope, fgd_expr *self, const fg_value *spec, fg_error *err);
} fgd_expr_op;

typedef enum fgd_expr_kind {
   FGD_EXPR_LITERAL = 0,
   FGD_EXPR_FIELD, /* $a.b, or $$var.a.b */
   FGD_EXPR_OBJECT,
   FGD_EXPR_ARRAY,
   FGD_EXPR_CALL
} fgd_expr_kind;

#define FGD_VAR_ROOT SIZE_MAX
#define FGD_VAR_NOW (SIZE_MAX - 1)
#define FGD_VAR_REMOVE (SIZE_MAX - 2)
#define FGD_VAR_CONSTANT (SIZE_MAX - 3) /* the value is in `literal` */

struct fgd_expr {
   fgd_expr_kind kind;
   fg_value literal;
   size_t var; /* FGD_EXPR_FIELD: where the path starts */
   const char *path; /* "" for the variable itself */
   const fgd_expr_op *op;
   const fgd_expr **args;
   const char **names; /* FGD_EXPR_OBJECT */
   size_t n;
   size_t slot; /* the first variable that it binds */
   size_t bound; /* how many it binds */
};

/* One table a file, ended by a NULL name. */
extern const fgd_expr_op fgd_expr_arithmetic[];
extern const fgd_expr_op fgd_expr_logic[];
extern const fgd_expr_op fgd_expr_strings[];
extern const fgd_expr_op fgd_expr_arrays[];
extern const fgd_expr_op fgd_expr_scopes[];

/* Sets *out and says whether memory sufficed. */
bool fgd_expr_give (fgd_eval *eval, fg_value value, fg_value *out, fg_error *err);
bool fgd_is_nullish (const fg_value *value);

#endif /* FGD_QUERY_EXPR_H */
