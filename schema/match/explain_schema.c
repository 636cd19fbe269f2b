/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/explain.h"

#include "base/base.h"

/* $jsonSchema's part of errInfo: which keywords of a schema a value breaks. */

void
fg_explain_title (const fg_node *schema, bson_t *out)
{
   if (schema->title) {
      BSON_APPEND_UTF8 (out, "title", schema->title);
   }
   if (schema->description) {
      BSON_APPEND_UTF8 (out, "description", schema->description);
   }
}

void
fg_explain_schema_details (fg_explain *x, const fg_node *schema, const fg_value *value, const fg_step *at, bson_t *out)
{
   fg_list list;

   fg_list_begin (&list, out, "details");
   if (schema->kind == N_SCHEMA) {
      fg_explain_schema (x, schema, value, at, &list);
   }
   fg_list_end (&list, out);
}

static const char *
scalar_reason (const fg_node *node)
{
   switch ((int)node->kind) {
   case N_TYPE:
      return "type did not match";
   case N_MULTIPLE_OF:
      return "considered value is not a multiple of the specified value";
   case N_MIN_LENGTH:
   case N_MAX_LENGTH:
      return "specified string length was not satisfied";
   case N_REGEX:
      return "regular expression did not match";
   case N_ENUM:
   case N_ROOT_ENUM:
      return "value was not found in enum";
   default:
      return "comparison failed";
   }
}

static void
append_keyword_specified (fg_explain *x, const fg_node *node, bson_t *out)
{
   bson_t specified;

   if (x->truncate) {
      return;
   }
   bson_append_document_begin (out, "specifiedAs", -1, &specified);
   fg_explain_value (x, &specified, node->op, &node->spec);
   if (node->modifier) {
      BSON_APPEND_BOOL (&specified, node->modifier, true);
   }
   bson_append_document_end (out, &specified);
}

/* A keyword below a dotted property searches its path itself: which of the values it is about is then not said. */
static void
explain_scalar (fg_explain *x, const fg_node *node, const fg_value *value, const fg_step *at, bson_t *out)
{
   append_keyword_specified (x, node, out);
   BSON_APPEND_UTF8 (out, "reason", scalar_reason (node));
   if (node->path) {
      return;
   }
   fg_explain_considered (x, out, "consideredValue", value, NULL, at);
   if (node->kind == N_TYPE) {
      BSON_APPEND_UTF8 (out, "consideredType", fg_type_name (value->type));
   }
}

static void
explain_encrypt (const fg_node *node, const fg_value *value, bson_t *out)
{
   bool encrypted = !node->path && value->type == BSON_BINDATA && value->data[4] == 6;
   BSON_APPEND_UTF8 (out, "reason", encrypted ? "encrypted value has wrong type" : "value was not encrypted");
}

static void
append_indexed_schema (fg_explain *x, const fg_node *schema, uint32_t index, const fg_value *value, const fg_step *at,
                       fg_list *list)
{
   bson_t entry;

   bson_append_document_begin (&list->bson, fg_list_next (list), -1, &entry);
   BSON_APPEND_INT32 (&entry, "index", (int32_t)index);
   fg_explain_title (schema, &entry);
   fg_explain_schema_details (x, schema, value, at, &entry);
   bson_append_document_end (&list->bson, &entry);
}

static void
explain_schemas (fg_explain *x, const fg_node *node, const fg_value *value, const fg_step *at, bson_t *out)
{
   fg_list list;

   fg_list_begin (&list, out, "schemasNotSatisfied");
   for (uint32_t i = 0; i < node->n_kids; i++) {
      if (!fg_eval_node (&x->ev, node->kids[i], value)) {
         append_indexed_schema (x, node->kids[i], i, value, at, &list);
      }
   }
   fg_list_end (&list, out);
}

static void
explain_one_of (fg_explain *x, const fg_node *node, const fg_value *value, const fg_step *at, bson_t *out)
{
   uint32_t matching = 0;
   fg_list list;

   for (uint32_t i = 0; i < node->n_kids; i++) {
      matching += fg_eval_node (&x->ev, node->kids[i], value);
   }
   if (matching == 0) {
      explain_schemas (x, node, value, at, out);
      return;
   }
   BSON_APPEND_UTF8 (out, "reason", "more than one subschema matched");
   fg_list_begin (&list, out, "matchingSchemaIndexes");
   for (uint32_t i = 0; i < node->n_kids; i++) {
      if (fg_eval_node (&x->ev, node->kids[i], value)) {
         fg_list_add_int (&list, (int32_t)i);
      }
   }
   fg_list_end (&list, out);
}

static void
explain_keyword (fg_explain *x, const fg_node *node, const fg_value *value, const fg_step *at, bson_t *out)
{
   BSON_APPEND_UTF8 (out, "operatorName", node->op);
   switch ((int)node->kind) {
   case N_AND:
   case N_OR:
      explain_schemas (x, node, value, at, out);
      return;
   case N_XOR:
      explain_one_of (x, node, value, at, out);
      return;
   case N_NOT:
      BSON_APPEND_UTF8 (out, "reason", "child expression matched");
      return;
   case N_ENCRYPTED:
      explain_encrypt (node, value, out);
      return;
   case N_ITEMS:
   case N_ITEMS_LIST:
   case N_MIN_ITEMS:
   case N_MAX_ITEMS:
   case N_UNIQUE_ITEMS:
      fg_explain_array_keyword (x, node, value, at, out);
      return;
   case N_PROPERTIES:
   case N_REQUIRED:
   case N_MIN_PROPERTIES:
   case N_MAX_PROPERTIES:
   case N_DEPENDENCIES:
      fg_explain_object_keyword (x, node, value, at, out);
      return;
   default:
      explain_scalar (x, node, value, at, out);
      return;
   }
}

void
fg_explain_schema (fg_explain *x, const fg_node *schema, const fg_value *value, const fg_step *at, fg_list *rules)
{
   for (uint32_t i = 0; i < schema->n_kids; i++) {
      const fg_node *node = schema->kids[i];
      bson_t rule;
      if (fg_eval_node (&x->ev, node, value)) {
         continue;
      }
      if (node->kind == N_ALLOWED && !node->path && value->type == BSON_OBJECT) {
         fg_explain_allowed (x, node, value, at, rules);
         continue;
      }
      bool about_object = !node->path && value->type == BSON_OBJECT;
      if (node->kind == N_PROPERTIES && about_object && !fg_explain_blames_properties (x, node, value)) {
         continue;
      }
      bson_append_document_begin (&rules->bson, fg_list_next (rules), -1, &rule);
      explain_keyword (x, node, value, at, &rule);
      bson_append_document_end (&rules->bson, &rule);
   }
}
