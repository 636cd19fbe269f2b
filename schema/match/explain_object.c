/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/explain.h"

#include "base/base.h"

/* required, properties, patternProperties, additionalProperties, dependencies, min- and maxProperties in errInfo. */

static void
append_missing (fg_explain *x, const fg_path *const *paths, uint32_t n, const fg_value *object, bson_t *out)
{
   fg_list list;

   fg_list_begin (&list, out, "missingProperties");
   for (uint32_t i = 0; i < n; i++) {
      if (!fg_eval_path_exists (&x->ev, paths[i], object)) {
         fg_list_add_text (&list, paths[i]->dotted);
      }
   }
   fg_list_end (&list, out);
}

static void
explain_required (fg_explain *x, const fg_node *node, const fg_value *object, bson_t *out)
{
   fg_explain_specified (out, x, node->op, &node->spec);
   append_missing (x, node->u.required.paths, node->u.required.n, object, out);
}

/* Where the value of a property is: one step a part of a dotted name. */
static void
explain_property_details (fg_explain *x, const fg_property *property, const fg_value *value, uint32_t part,
                          const fg_step *up, bson_t *out)
{
   uint32_t parts = property->path ? property->path->n_parts : 1;

   if (part == parts) {
      fg_explain_schema_details (x, property->schema, value, up, out);
      return;
   }
   const fg_name *name = property->path ? &property->path->parts[part] : &property->name;
   fg_step step = {up, name->text, name->len};
   explain_property_details (x, property, value, part + 1, &step, out);
}

/* A required property that is absent is reported by `required` alone. */
static bool
is_to_blame (fg_explain *x, const fg_property *property, const fg_value *object, fg_value *value)
{
   *value = *object;
   bool exists = property->path ? fg_eval_path_exists (&x->ev, property->path, object)
                                : fg_eval_find (&x->ev, object, &property->name, value) == 1;
   return exists && !fg_eval_node (&x->ev, property->schema, value);
}

bool
fg_explain_blames_properties (fg_explain *x, const fg_node *node, const fg_value *object)
{
   fg_value value;

   for (uint32_t i = 0; i < node->u.properties->n; i++) {
      if (is_to_blame (x, &node->u.properties->items[i], object, &value)) {
         return true;
      }
   }
   return false;
}

static void
explain_property (fg_explain *x, const fg_property *property, const fg_value *object, const fg_step *at, fg_list *list)
{
   fg_value value;
   bson_t entry;

   if (!is_to_blame (x, property, object, &value)) {
      return;
   }
   bson_append_document_begin (&list->bson, fg_list_next (list), -1, &entry);
   BSON_APPEND_UTF8 (&entry, "propertyName", property->name.text);
   fg_explain_title (property->schema, &entry);
   explain_property_details (x, property, &value, 0, at, &entry);
   bson_append_document_end (&list->bson, &entry);
}

static void
explain_properties (fg_explain *x, const fg_node *node, const fg_value *object, const fg_step *at, bson_t *out)
{
   fg_list list;

   fg_list_begin (&list, out, "propertiesNotSatisfied");
   for (uint32_t i = 0; i < node->u.properties->n; i++) {
      explain_property (x, &node->u.properties->items[i], object, at, &list);
   }
   fg_list_end (&list, out);
}

static void
explain_count (fg_explain *x, const fg_node *node, const fg_value *object, bson_t *out)
{
   fg_explain_specified (out, x, node->op, &node->spec);
   BSON_APPEND_UTF8 (out, "reason", "specified number of properties was not satisfied");
   BSON_APPEND_INT32 (out, "numberOfProperties", (int32_t)fg_eval_count (&x->ev, object));
}

static bool
dependency_holds (fg_explain *x, const fg_dependency *dependency, const fg_value *object)
{
   if (!fg_eval_path_exists (&x->ev, dependency->name, object)) {
      return true;
   }
   if (dependency->schema) {
      return fg_eval_node (&x->ev, dependency->schema, object);
   }
   for (uint32_t i = 0; i < dependency->n_required; i++) {
      if (!fg_eval_path_exists (&x->ev, dependency->required[i], object)) {
         return false;
      }
   }
   return true;
}

static void
explain_dependencies (fg_explain *x, const fg_node *node, const fg_value *object, const fg_step *at, bson_t *out)
{
   fg_list list;

   fg_list_begin (&list, out, "failingDependencies");
   for (uint32_t i = 0; i < node->u.dependencies->n; i++) {
      const fg_dependency *dependency = &node->u.dependencies->items[i];
      bson_t entry;
      if (dependency_holds (x, dependency, object)) {
         continue;
      }
      bson_append_document_begin (&list.bson, fg_list_next (&list), -1, &entry);
      BSON_APPEND_UTF8 (&entry, "conditionalProperty", dependency->name->dotted);
      if (dependency->schema) {
         fg_explain_schema_details (x, dependency->schema, object, at, &entry);
      } else {
         append_missing (x, dependency->required, dependency->n_required, object, &entry);
      }
      bson_append_document_end (&list.bson, &entry);
   }
   fg_list_end (&list, out);
}

void
fg_explain_object_keyword (fg_explain *x, const fg_node *node, const fg_value *value, const fg_step *at, bson_t *out)
{
   if (node->path || value->type != BSON_OBJECT) {
      return; /* below a dotted property: the operator's name has to do */
   }
   switch ((int)node->kind) {
   case N_REQUIRED:
      explain_required (x, node, value, out);
      return;
   case N_PROPERTIES:
      explain_properties (x, node, value, at, out);
      return;
   case N_DEPENDENCIES:
      explain_dependencies (x, node, value, at, out);
      return;
   default:
      explain_count (x, node, value, out);
      return;
   }
}

/* --- patternProperties and additionalProperties ----------------------------------------------------------------------- */

static bool
is_named (const fg_allowed *allowed, const fg_element *element)
{
   for (uint32_t i = 0; i < allowed->n_names; i++) {
      if (allowed->names[i].len == element->name_len &&
          memcmp (allowed->names[i].text, element->name, element->name_len) == 0) {
         return true;
      }
   }
   return false;
}

static bool
matches_pattern (fg_explain *x, const fg_pattern *pattern, const fg_element *element)
{
   return fg_eval_regex (&x->ev, pattern->regex, element->name, element->name_len);
}

static bool
is_additional (fg_explain *x, const fg_allowed *allowed, const fg_element *element)
{
   for (uint32_t i = 0; i < allowed->n_patterns; i++) {
      if (matches_pattern (x, &allowed->patterns[i], element)) {
         return false;
      }
   }
   return !is_named (allowed, element);
}

static void
explain_pattern (fg_explain *x, const fg_pattern *pattern, const fg_value *object, const fg_step *at, fg_list *list)
{
   fg_cursor cursor;
   fg_element element;

   fg_cursor_open (&cursor, object);
   while (fg_cursor_next (&cursor, &element)) {
      fg_step step = {at, element.name, element.name_len};
      bson_t entry;
      if (!matches_pattern (x, pattern, &element) || fg_eval_node (&x->ev, pattern->schema, &element.value)) {
         continue;
      }
      bson_append_document_begin (&list->bson, fg_list_next (list), -1, &entry);
      BSON_APPEND_UTF8 (&entry, "propertyName", element.name);
      fg_explain_title (pattern->schema, &entry);
      BSON_APPEND_UTF8 (&entry, "regexMatched", pattern->regex->pattern);
      fg_explain_schema_details (x, pattern->schema, &element.value, &step, &entry);
      bson_append_document_end (&list->bson, &entry);
   }
}

static void
explain_patterns (fg_explain *x, const fg_allowed *allowed, const fg_value *object, const fg_step *at, bson_t *rule)
{
   fg_list list;

   BSON_APPEND_UTF8 (rule, "operatorName", "patternProperties");
   fg_list_begin (&list, rule, "details");
   for (uint32_t i = 0; i < allowed->n_patterns; i++) {
      explain_pattern (x, &allowed->patterns[i], object, at, &list);
   }
   fg_list_end (&list, rule);
}

static void
explain_forbidden_names (fg_explain *x, const fg_allowed *allowed, const fg_value *object, bson_t *rule)
{
   fg_cursor cursor;
   fg_element element;
   fg_list list;
   bson_t specified;

   if (!x->truncate) {
      bson_append_document_begin (rule, "specifiedAs", -1, &specified);
      BSON_APPEND_BOOL (&specified, "additionalProperties", false);
      bson_append_document_end (rule, &specified);
   }
   fg_list_begin (&list, rule, "additionalProperties");
   fg_cursor_open (&cursor, object);
   while (fg_cursor_next (&cursor, &element)) {
      if (is_additional (x, allowed, &element)) {
         fg_list_add_text (&list, element.name);
      }
   }
   fg_list_end (&list, rule);
}

/* The first additional property that breaks the schema; false when none does. */
static bool
find_additional (fg_explain *x, const fg_allowed *allowed, const fg_value *object, fg_element *found)
{
   fg_cursor cursor;

   fg_cursor_open (&cursor, object);
   while (allowed->additional && fg_cursor_next (&cursor, found)) {
      if (is_additional (x, allowed, found) && !fg_eval_node (&x->ev, allowed->additional, &found->value)) {
         return true;
      }
   }
   return false;
}

static void
explain_additional (fg_explain *x, const fg_allowed *allowed, const fg_value *object, const fg_element *failing,
                    const fg_step *at, bson_t *rule)
{
   fg_step step = {at, failing->name, failing->name_len};

   BSON_APPEND_UTF8 (rule, "operatorName", "additionalProperties");
   if (allowed->additional->kind == N_FALSE) {
      explain_forbidden_names (x, allowed, object, rule);
      return;
   }
   BSON_APPEND_UTF8 (rule, "reason", "at least one additional property did not match the subschema");
   BSON_APPEND_UTF8 (rule, "failingProperty", failing->name);
   fg_explain_schema_details (x, allowed->additional, &failing->value, &step, rule);
}

static bool
breaks_pattern (fg_explain *x, const fg_allowed *allowed, const fg_value *object)
{
   fg_cursor cursor;
   fg_element element;

   fg_cursor_open (&cursor, object);
   while (fg_cursor_next (&cursor, &element)) {
      for (uint32_t i = 0; i < allowed->n_patterns; i++) {
         if (matches_pattern (x, &allowed->patterns[i], &element) &&
             !fg_eval_node (&x->ev, allowed->patterns[i].schema, &element.value)) {
            return true;
         }
      }
   }
   return false;
}

void
fg_explain_allowed (fg_explain *x, const fg_node *node, const fg_value *object, const fg_step *at, fg_list *rules)
{
   const fg_allowed *allowed = node->u.allowed;
   fg_element failing;
   bson_t rule;

   if (breaks_pattern (x, allowed, object)) {
      bson_append_document_begin (&rules->bson, fg_list_next (rules), -1, &rule);
      explain_patterns (x, allowed, object, at, &rule);
      bson_append_document_end (&rules->bson, &rule);
   }
   if (find_additional (x, allowed, object, &failing)) {
      bson_append_document_begin (&rules->bson, fg_list_next (rules), -1, &rule);
      explain_additional (x, allowed, object, &failing, at, &rule);
      bson_append_document_end (&rules->bson, &rule);
   }
}
