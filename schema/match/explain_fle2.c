/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/explain.h"

/* encryptedFields in errInfo: an implicitFLESchema that reads as a $jsonSchema would, and never shows a value. */

static void explain_parts (fg_explain *x, const fg_node *parent, const fg_value *document, fg_list *rules);

static const char *
leaf_reason (const fg_value *value)
{
   return value->type == BSON_BINDATA && value->data[4] == 6 ? "Queryable Encryption encrypted value has wrong type"
                                                             : "value was not encrypted";
}

static void
explain_part (fg_explain *x, const fg_node *node, const fg_value *value, fg_list *details)
{
   bson_t rule;

   if (node->kind == N_FLE2_PATH && value->type == BSON_OBJECT) {
      explain_parts (x, node, value, details);
      return;
   }
   bson_append_document_begin (&details->bson, fg_list_next (details), -1, &rule);
   if (node->kind == N_FLE2_PATH) {
      BSON_APPEND_UTF8 (&rule, "operatorName", "not");
      BSON_APPEND_UTF8 (&rule, "reason", "child expression matched");
   } else {
      BSON_APPEND_UTF8 (&rule, "operatorName", "fle2Encrypt");
      BSON_APPEND_UTF8 (&rule, "reason", leaf_reason (value));
   }
   bson_append_document_end (&details->bson, &rule);
}

static void
explain_parts (fg_explain *x, const fg_node *parent, const fg_value *document, fg_list *rules)
{
   fg_list properties, details;
   bson_t rule, entry;

   bson_append_document_begin (&rules->bson, fg_list_next (rules), -1, &rule);
   BSON_APPEND_UTF8 (&rule, "operatorName", "properties");
   fg_list_begin (&properties, &rule, "propertiesNotSatisfied");
   for (uint32_t i = 0; i < parent->n_kids; i++) {
      const fg_node *kid = parent->kids[i];
      fg_value value;
      if (fg_eval_find (&x->ev, document, &kid->path->parts[0], &value) != 1 || fg_eval_node (&x->ev, kid, document)) {
         continue;
      }
      bson_append_document_begin (&properties.bson, fg_list_next (&properties), -1, &entry);
      BSON_APPEND_UTF8 (&entry, "propertyName", kid->path->dotted);
      fg_list_begin (&details, &entry, "details");
      explain_part (x, kid, &value, &details);
      fg_list_end (&details, &entry);
      bson_append_document_end (&properties.bson, &entry);
   }
   fg_list_end (&properties, &rule);
   bson_append_document_end (&rules->bson, &rule);
}

void
fg_explain_fle2 (fg_explain *x, const fg_node *root, const fg_value *document, bson_t *out)
{
   fg_list rules;

   BSON_APPEND_UTF8 (out, "operatorName", "implicitFLESchema");
   fg_list_begin (&rules, out, "schemaRulesNotSatisfied");
   explain_parts (x, root, document, &rules);
   fg_list_end (&rules, out);
}
