/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_LINT_H
#define FG_CLI_LINT_H

/*
 * Advice on a collection's options that parse: rules that enforce nothing or less than they seem to. Ids are stable; docs/lint.md lists them. The text of each is in
 * lint_advice.c; lint_schema.c walks the validator, lint_encrypt.c looks at one `encrypt`, lint_options.c at what stands beside the validator.
 */

#include "base/base.h"

#include <bson/bson.h>

typedef enum fg_advice_id {
   FG_ADVICE_UNDER_NEGATION,
   FG_ADVICE_IN_ALTERNATIVE,
   FG_ADVICE_UNREACHABLE,
   FG_ADVICE_PARENT_TYPE_OPEN,
   FG_ADVICE_DOTTED_PROPERTY,
   FG_ADVICE_NOT_REQUIRED,
   FG_ADVICE_ADDITIONAL_OPEN,
   FG_ADVICE_POINTER_KEY_ID,
   FG_ADVICE_LOW_CARDINALITY,
   FG_ADVICE_UNENCRYPTABLE_TYPE,
   FG_ADVICE_MISSING_BSON_TYPE,
   FG_ADVICE_EMPTY_BSON_TYPE,
   FG_ADVICE_MISSING_ALGORITHM,
   FG_ADVICE_MISSING_KEY_ID,
   FG_ADVICE_INERT_KEYWORD,
   FG_ADVICE_METADATA_INHERITED,
   FG_ADVICE_VALIDATION_OFF,
   FG_ADVICE_SERVER_VERSION,
   FG_ADVICE_LAX_KEYWORD,
   FG_ADVICE_POLICY_REFUSES,
   FG_ADVICE_NO_RULE,
   FG_ADVICE_COUNT
} fg_advice_id;

/* Takes advice as it is given, in the order of the options. */
typedef struct fg_lint {
   fg_buf json; /* the members of the JSON array `advice` */
   fg_buf text; /* the same for people */
   unsigned warnings;
   unsigned rules; /* `encrypt` rules and encrypted fields that were seen */
   char path[512]; /* where the walk is, dotted; "[]" for an array's elements, "*" for names that documents supply */
} fg_lint;

void fg_lint_free (fg_lint *lint);

/* Adds advice about lint->path. detail: NULL, or a clause that takes the place of the id's usual reason. */
void fg_lint_advise (fg_lint *lint, fg_advice_id id, const char *detail, ...) FG_PRINTF (3, 4);
/* About another place. */
void fg_lint_advise_at (fg_lint *lint, const char *path, fg_advice_id id, const char *detail, ...) FG_PRINTF (4, 5);

/* The whole options document, which parses. */
void fg_lint_options (fg_lint *lint, const bson_t *options);
/* A validator's query tree. */
void fg_lint_query (fg_lint *lint, const bson_t *query);

/* What is known where an `encrypt` stands. */
typedef struct fg_lint_place {
   bool negated, alternative, unreachable;
   bool algorithm, key_id; /* handed down by encryptMetadata */
   bool deterministic; /* the algorithm handed down */
} fg_lint_place;

/* schema is the object that has the member `encrypt`. */
void fg_lint_encrypt (fg_lint *lint, const bson_t *schema, const bson_t *encrypt, const fg_lint_place *place);

/* --- looking into BSON ---------------------------------------------------------------------------------------------------- */

/* The object or array at name; false if there is none. */
bool fg_lint_child (const bson_t *parent, const char *name, bson_t *child);
/* The object or array under an iterator. */
bool fg_lint_here (const bson_iter_t *iter, bson_t *child);
/* The string at name, or NULL. */
const char *fg_lint_string (const bson_t *parent, const char *name);
/* Whether name holds text, or an array with text among its members. */
bool fg_lint_names (const bson_t *parent, const char *name, const char *text);

#endif /* FG_CLI_LINT_H */
