/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_EXPLAIN_H
#define FG_SCHEMA_MATCH_EXPLAIN_H

/*
 * errInfo.details in the shape of mongod 5.0 and later: a second walk of a document that did not match, in which every clause
 * is asked again and those to blame write down their part. `inverted` clauses stand under a negation: they are to blame for matching.
 */

#include "schema/match/shield.h"

#include <bson/bson.h>

typedef struct fg_explain {
   fg_eval ev;
   const fg_shield *shields[2]; /* of the matcher, and of the collection's other one */
   bool redact;
   bool truncate; /* leave specifiedAs out as well */
   size_t budget; /* bytes of values that may still be copied */
   bool overdrawn; /* some were left out for that */
} fg_explain;

/* A BSON array that grows: bson_append_* need the index as a name. */
typedef struct fg_list {
   bson_t bson;
   uint32_t n;
   char key[16];
} fg_list;

void fg_list_begin (fg_list *list, bson_t *parent, const char *name);
void fg_list_end (fg_list *list, bson_t *parent);
const char *fg_list_next (fg_list *list);
void fg_list_add_text (fg_list *list, const char *text);
void fg_list_add_int (fg_list *list, int32_t number);

void fg_explain_value (fg_explain *x, bson_t *out, const char *name, const fg_value *value);
/* consideredValue, unless it is withheld. part: how far along node's path `up` already is; path NULL: up is the value's own place. */
void fg_explain_considered (fg_explain *x, bson_t *out, const char *name, const fg_value *value, const fg_path *path,
                            const fg_step *up);
void fg_explain_specified (bson_t *out, fg_explain *x, const char *name, const fg_value *spec);

/* Appends the members of one clause's explanation to out. */
void fg_explain_clause (fg_explain *x, const fg_node *node, const fg_value *document, bool inverted, bson_t *out);
/* Appends to rules a document for each keyword of schema that value breaks. */
void fg_explain_schema (fg_explain *x, const fg_node *schema, const fg_value *value, const fg_step *at, fg_list *rules);
/* As `details: [...]` of out. */
void fg_explain_schema_details (fg_explain *x, const fg_node *schema, const fg_value *value, const fg_step *at,
                                bson_t *out);
void fg_explain_object_keyword (fg_explain *x, const fg_node *node, const fg_value *value, const fg_step *at,
                                bson_t *out);
void fg_explain_array_keyword (fg_explain *x, const fg_node *node, const fg_value *value, const fg_step *at,
                               bson_t *out);
/* Whether some property that is there breaks its schema: `properties` can also fail for one that is required and absent. */
bool fg_explain_blames_properties (fg_explain *x, const fg_node *node, const fg_value *object);
/* additionalProperties apart from the patternProperties that share a node with it. */
void fg_explain_allowed (fg_explain *x, const fg_node *node, const fg_value *object, const fg_step *at, fg_list *rules);
void fg_explain_title (const fg_node *schema, bson_t *out);
void fg_explain_fle2 (fg_explain *x, const fg_node *root, const fg_value *document, bson_t *out);

/* The whole of details. `also`: another matcher whose encrypted paths are to be withheld too, or NULL. */
bool fg_explain_document (const fg_matcher *matcher, const fg_matcher *also, const fg_value *document,
                          const fg_explain_options *options, bson_t *details, fg_error *err);

#endif /* FG_SCHEMA_MATCH_EXPLAIN_H */
