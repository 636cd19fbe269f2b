/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/explain.h"

#include "base/base.h"

/* The query operators' part of errInfo. */

#define MAX_CONSIDERED 10u

typedef struct reason {
   fg_node_kind kind;
   const char *normal, *inverted;
   uint32_t expects; /* type bits that the operator is about; 0: any */
} reason;

#define BIT(type) (1u << (type))

static const reason reasons[] = {
   {N_EQ, "comparison failed", "comparison succeeded", 0},
   {N_LT, "comparison failed", "comparison succeeded", 0},
   {N_LTE, "comparison failed", "comparison succeeded", 0},
   {N_GT, "comparison failed", "comparison succeeded", 0},
   {N_GTE, "comparison failed", "comparison succeeded", 0},
   {N_IN, "no matching value found in array", "matching value found in array", 0},
   {N_EXISTS, "path does not exist", "path does exist", 0},
   {N_TYPE, "type did not match", "type did match", 0},
   {N_MOD, "$mod did not evaluate to expected remainder", "$mod did evaluate to expected remainder", FG_TYPES_NUMBER},
   {N_REGEX, "regular expression did not match", "regular expression did match",
    BIT (BSON_STRING) | BIT (BSON_SYMBOL) | BIT (BSON_REGEX)},
   {N_SIZE, "array length was not equal to given size", "array length was equal to given size", BIT (BSON_ARRAY)},
   {N_ELEM_MATCH_OBJECT, "array did not satisfy the child predicate", "array did satisfy the child predicate",
    BIT (BSON_ARRAY)},
   {N_ELEM_MATCH_VALUE, "array did not satisfy the child predicate", "array did satisfy the child predicate",
    BIT (BSON_ARRAY)},
   {N_AND, "array did not contain all specified values", "array did contain all specified values", 0}, /* $all */
   {N_BITS_ALL_SET, "bitwise operator failed to match", "bitwise operator matched successfully",
    FG_TYPES_NUMBER | BIT (BSON_BINDATA)},
   {N_BITS_ALL_CLEAR, "bitwise operator failed to match", "bitwise operator matched successfully",
    FG_TYPES_NUMBER | BIT (BSON_BINDATA)},
   {N_BITS_ANY_SET, "bitwise operator failed to match", "bitwise operator matched successfully",
    FG_TYPES_NUMBER | BIT (BSON_BINDATA)},
   {N_BITS_ANY_CLEAR, "bitwise operator failed to match", "bitwise operator matched successfully",
    FG_TYPES_NUMBER | BIT (BSON_BINDATA)},
   {N_FALSE, "expression always evaluates to false", "expression always evaluates to false", 0},
   {N_TRUE, "expression always evaluates to true", "expression always evaluates to true", 0},
};

static const reason *
reason_of (fg_node_kind kind)
{
   for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
      if (reasons[i].kind == kind) {
         return &reasons[i];
      }
   }
   return NULL;
}

typedef struct considered {
   fg_explain *x;
   const fg_path *path;
   fg_value first;
   uint32_t n; /* that exist */
   uint32_t types; /* of them */
   fg_list *list; /* second walk: where they go */
   bool elements_only; /* of an array that the path ends at, not the array itself */
} considered;

static bool
take_considered (void *arg, const fg_value *value, size_t index)
{
   considered *c = arg;

   if (value->type == 0 || (c->elements_only && value->type == BSON_ARRAY && index == SIZE_MAX)) {
      return false;
   }
   if (c->list && c->n < MAX_CONSIDERED) {
      fg_explain_considered (c->x, &c->list->bson, fg_list_next (c->list), value, c->path, NULL);
   }
   if (c->n++ == 0) {
      c->first = *value;
   }
   c->types |= fg_type_bit (value->type);
   return false;
}

static void
consider (considered *c, const fg_node *leaf, const fg_value *document)
{
   c->elements_only = leaf->path && (leaf->kind == N_TYPE || leaf->kind == N_REGEX);
   if (leaf->path) {
      fg_path_any (&c->x->ev, leaf->path, leaf->leaf_arrays, document, take_considered, c);
   } else {
      take_considered (c, document, SIZE_MAX);
   }
}

static void
append_type_names (bson_t *out, const char *one, const char *many, uint32_t types)
{
   fg_list list;
   const char *single = NULL;
   uint32_t n = 0;

   for (uint8_t type = 1; type <= BSON_DECIMAL; type++) {
      if (types & BIT (type)) {
         single = fg_type_name (type);
         n++;
      }
   }
   if (n == 1) {
      BSON_APPEND_UTF8 (out, one, single);
      return;
   }
   fg_list_begin (&list, out, many);
   for (uint8_t type = 1; type <= BSON_DECIMAL; type++) {
      if (types & BIT (type)) {
         fg_list_add_text (&list, fg_type_name (type));
      }
   }
   fg_list_end (&list, out);
}

static void
append_considered_values (considered *c, const fg_node *leaf, const fg_value *document, bson_t *out)
{
   fg_list list;

   if (c->x->redact || fg_shield_covers_path (c->x->shields[0], leaf->path, 0, NULL) ||
       fg_shield_covers_path (c->x->shields[1], leaf->path, 0, NULL)) {
      return;
   }
   if (c->n == 1) {
      fg_explain_value (c->x, out, "consideredValue", &c->first);
      return;
   }
   considered again = {.x = c->x, .path = leaf->path, .list = &list};
   fg_list_begin (&list, out, "consideredValues");
   consider (&again, leaf, document);
   fg_list_end (&list, out);
   if (again.n > MAX_CONSIDERED) {
      BSON_APPEND_BOOL (out, "consideredValuesTruncated", true);
   }
}

static void
append_reason (fg_explain *x, const fg_node *node, const fg_node *leaf, const fg_value *document, bool inverted,
               bson_t *out)
{
   const reason *why = reason_of (node->kind);
   considered c = {.x = x, .path = leaf->path};

   consider (&c, leaf, document);
   if (node->kind == N_EXISTS || !why) {
      BSON_APPEND_UTF8 (out, "reason", !why ? "clause did not match" : inverted ? why->inverted : why->normal);
      return;
   }
   bool constant = node->kind == N_FALSE || node->kind == N_TRUE;
   if (c.n == 0 && !constant && !(leaf->path && fg_eval_path_exists (&x->ev, leaf->path, document))) {
      BSON_APPEND_UTF8 (out, "reason", "field was missing");
      return;
   }
   bool mistyped = !inverted && why->expects && (c.types & why->expects) == 0;
   BSON_APPEND_UTF8 (out, "reason", mistyped ? "type did not match" : inverted ? why->inverted : why->normal);
   if (constant) {
      return;
   }
   append_considered_values (&c, leaf, document, out);
   if (mistyped || node->kind == N_TYPE) {
      append_type_names (out, "consideredType", "consideredTypes", c.types);
   }
   if (mistyped) {
      append_type_names (out, "expectedType", "expectedTypes", why->expects);
   }
}

/* {path: {$op: argument}}, or {path: argument} where no operator was written. */
static void
append_specified (fg_explain *x, const fg_node *node, const fg_path *path, bson_t *out)
{
   bson_t specified, operator_document;

   if (x->truncate) {
      return;
   }
   if (!path) {
      fg_explain_specified (out, x, node->op ? node->op : "", &node->spec);
      return;
   }
   if (node->implicit) {
      fg_explain_specified (out, x, path->dotted, &node->spec);
      return;
   }
   bson_append_document_begin (out, "specifiedAs", -1, &specified);
   bson_append_document_begin (&specified, path->dotted, -1, &operator_document);
   fg_explain_value (x, &operator_document, node->op, &node->spec);
   if (node->kind == N_REGEX && node->spec.type == BSON_STRING && node->u.regex->options[0]) {
      BSON_APPEND_UTF8 (&operator_document, "$options", node->u.regex->options);
   }
   bson_append_document_end (&specified, &operator_document);
   bson_append_document_end (out, &specified);
}

static const fg_node *
leaf_of (const fg_node *node)
{
   while (!node->path && node->n_kids > 0 && node->kind != N_ELEM_MATCH_VALUE && node->kind != N_ELEM_MATCH_OBJECT) {
      node = node->kids[0];
   }
   return node;
}

static void
explain_leaf (fg_explain *x, const fg_node *node, const fg_value *document, bool inverted, bson_t *out)
{
   const fg_node *leaf = leaf_of (node);

   BSON_APPEND_UTF8 (out, "operatorName", node->op ? node->op : "");
   append_specified (x, node, leaf->path, out);
   append_reason (x, node->negated ? node->kids[0] : node, leaf, document, inverted != node->negated, out);
}

/* --- logic ------------------------------------------------------------------------------------------------------------ */

/* A conjunction that nobody wrote down: {a: 1, b: 2}, or several operators of one field. Its clauses count as those of the one around it. */
static bool
is_anonymous (const fg_node *node)
{
   return node->kind == N_AND && !node->op;
}

static void
explain_clauses_of (fg_explain *x, const fg_node *node, const fg_value *document, bool inverted, bool wanted,
                    uint32_t *index, fg_list *list)
{
   for (uint32_t i = 0; i < node->n_kids; i++) {
      const fg_node *kid = node->kids[i];
      bson_t clause, details;
      if (kid->kind == N_TRUE && !kid->op) {
         continue; /* $comment */
      }
      if (is_anonymous (kid) && is_anonymous (node)) {
         explain_clauses_of (x, kid, document, inverted, wanted, index, list);
         continue;
      }
      uint32_t position = (*index)++;
      if (fg_eval_node (&x->ev, kid, document) != wanted) {
         continue;
      }
      bson_append_document_begin (&list->bson, fg_list_next (list), -1, &clause);
      BSON_APPEND_INT32 (&clause, "index", (int32_t)position);
      bson_append_document_begin (&clause, "details", -1, &details);
      fg_explain_clause (x, kid, document, inverted, &details);
      bson_append_document_end (&clause, &details);
      bson_append_document_end (&list->bson, &clause);
   }
}

/* The clauses to blame: those that failed, or under a negation those that held. */
static void
explain_logical (fg_explain *x, const fg_node *node, const fg_value *document, bool inverted, bson_t *out)
{
   bool blame_matching = inverted != (node->kind == N_NOR);
   uint32_t index = 0;
   fg_list list;

   BSON_APPEND_UTF8 (out, "operatorName", node->op ? node->op : "$and");
   fg_list_begin (&list, out, blame_matching ? "clausesSatisfied" : "clausesNotSatisfied");
   explain_clauses_of (x, node, document, blame_matching, blame_matching, &index, &list);
   fg_list_end (&list, out);
}

/* An anonymous conjunction of one clause is that clause. */
static const fg_node *
only_clause (const fg_node *node)
{
   while (is_anonymous (node)) {
      const fg_node *only = NULL;
      for (uint32_t i = 0; i < node->n_kids; i++) {
         const fg_node *kid = node->kids[i];
         if (kid->kind == N_TRUE && !kid->op) {
            continue;
         }
         if (only) {
            return node;
         }
         only = kid;
      }
      if (!only) {
         return node;
      }
      node = only;
   }
   return node;
}

static void
explain_not (fg_explain *x, const fg_node *node, const fg_value *document, bool inverted, bson_t *out)
{
   bson_t details;

   BSON_APPEND_UTF8 (out, "operatorName", "$not");
   bson_append_document_begin (out, "details", -1, &details);
   fg_explain_clause (x, node->kids[0], document, !inverted, &details);
   bson_append_document_end (out, &details);
}

static void
explain_json_schema (fg_explain *x, const fg_node *node, const fg_value *document, bool inverted, bson_t *out)
{
   fg_list rules;

   BSON_APPEND_UTF8 (out, "operatorName", "$jsonSchema");
   fg_explain_title (node, out);
   if (inverted) {
      BSON_APPEND_UTF8 (out, "reason", "schema matched");
      return;
   }
   fg_list_begin (&rules, out, "schemaRulesNotSatisfied");
   fg_explain_schema (x, node, document, NULL, &rules);
   fg_list_end (&rules, out);
}

void
fg_explain_clause (fg_explain *x, const fg_node *node, const fg_value *document, bool inverted, bson_t *out)
{
   node = only_clause (node);
   if (node->kind == N_SCHEMA) {
      explain_json_schema (x, node, document, inverted, out);
   } else if (node->kind == N_NOT && !node->negated) {
      explain_not (x, node, document, inverted, out);
   } else if (node->kind == N_OR || node->kind == N_NOR ||
              (node->kind == N_AND && (!node->op || strcmp (node->op, "$and") == 0))) {
      explain_logical (x, node, document, inverted, out);
   } else {
      explain_leaf (x, node, document, inverted, out);
   }
}
