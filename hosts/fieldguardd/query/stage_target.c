/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/stages.h"

/* $out and $merge: where the results go. Only read here; the caller writes. */

static const char *
copy_string (fgd_stages *stages, const fg_value *value)
{
   size_t len = 0;
   if (value->type != FGD_T_STRING) {
      return NULL;
   }
   const char *text = fgd_string (value, &len);
   return len == 0 || memchr (text, '\0', len) ? NULL : fgd_arena_copy (&stages->arena, text, len);
}

static bool
read_namespace (fgd_stages *stages, const fg_value *spec, const char *stage, int32_t code, fg_error *err)
{
   fgd_target *target = &stages->target;
   fgd_walk walk;
   fgd_element element;
   if (spec->type == FGD_T_STRING) {
      target->collection = copy_string (stages, spec);
   } else if (spec->type == FGD_T_OBJECT) {
      fgd_walk_begin (&walk, spec->data, spec->len);
      while (fgd_walk_next (&walk, &element)) {
         if (strcmp (element.name, "db") == 0) {
            target->db = copy_string (stages, &element.value);
            if (!target->db) {
               return fgd_fail (err, FGD_TYPE_MISMATCH, "'db' of %s must be a non-empty string", stage);
            }
         } else if (strcmp (element.name, "coll") == 0) {
            target->collection = copy_string (stages, &element.value);
         } else {
            return fgd_fail (err, 40415, "BSON field '%s.%s' is an unknown field.", stage, element.name);
         }
      }
   } else {
      return fgd_fail (err, code, "%s only supports a string or object argument, but found %s", stage,
                       fgd_type_name (spec->type));
   }
   return target->collection
             ? true
             : fgd_fail (err, 16994, "If an object is passed to %s it must have a non-empty collection name", stage);
}

bool
fgd_stage_parse_out (fgd_stages *stages, const fg_value *spec, fg_error *err)
{
   stages->target.kind = FGD_TARGET_OUT;
   return read_namespace (stages, spec, "$out", 16990, err);
}

static bool
read_on (fgd_stages *stages, const fg_value *value, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   fg_value single = *value;
   size_t n = value->type == FGD_T_ARRAY ? fgd_count (value->data, value->len) : 1;
   if (value->type != FGD_T_ARRAY && value->type != FGD_T_STRING) {
      return fgd_fail (err, 51186, "$merge 'on' field  must be either a string or an array of strings, but found %s",
                       fgd_type_name (value->type));
   }
   if (n == 0) {
      return fgd_fail (err, 51187, "If explicitly specifying $merge 'on', must include at least one field");
   }
   const char **on = fgd_arena_alloc (&stages->arena, n * sizeof *on);
   if (!on) {
      return fgd_no_memory (err);
   }
   fgd_walk_begin (&walk, value->data, value->type == FGD_T_ARRAY ? value->len : 0);
   for (size_t i = 0; i < n; i++) {
      const fg_value *name = value->type == FGD_T_ARRAY && fgd_walk_next (&walk, &element) ? &element.value : &single;
      on[i] = copy_string (stages, name);
      if (!on[i]) {
         return fgd_fail (err, 51134, "$merge 'on' array elements must be strings, but found %s",
                          fgd_type_name (name->type));
      }
      for (size_t k = 0; k < i; k++) {
         if (strcmp (on[k], on[i]) == 0) {
            return fgd_fail (err, 31465, "Found a duplicate field '%s'", on[i]);
         }
      }
   }
   stages->target.on = on;
   stages->target.n_on = n;
   return true;
}

static bool
read_choice (const fg_value *value, const char *const *names, size_t n, const char *field, int *out, fg_error *err)
{
   size_t len = 0;
   const char *text = value->type == FGD_T_STRING ? fgd_string (value, &len) : "";
   for (size_t i = 0; i < n; i++) {
      if (fgd_is (text, len, names[i])) {
         *out = (int)i;
         return true;
      }
   }
   return fgd_fail (err, FGD_BAD_VALUE, "Enumeration value for field '$merge.%s' is not a valid value.", field);
}

static bool
read_when_matched (fgd_stages *stages, const fg_value *value, fg_error *err)
{
   static const char *const names[] = {"merge", "replace", "keepExisting", "fail"};
   int choice = 0;
   if (value->type == FGD_T_ARRAY) {
      stages->target.when_matched = FGD_MATCHED_PIPELINE;
      stages->target.update_pipeline = value->data;
      stages->target.update_pipeline_len = value->len;
      return true;
   }
   if (!read_choice (value, names, 4, "whenMatched", &choice, err)) {
      return false;
   }
   stages->target.when_matched = (fgd_when_matched)choice;
   return true;
}

static bool
read_merge_field (fgd_stages *stages, const fgd_element *element, fg_error *err)
{
   static const char *const names[] = {"insert", "discard", "fail"};
   int choice = 0;
   if (strcmp (element->name, "into") == 0) {
      return read_namespace (stages, &element->value, "$merge 'into'", 51178, err);
   }
   if (strcmp (element->name, "on") == 0) {
      return read_on (stages, &element->value, err);
   }
   if (strcmp (element->name, "whenMatched") == 0) {
      return read_when_matched (stages, &element->value, err);
   }
   if (strcmp (element->name, "whenNotMatched") == 0) {
      bool ok = read_choice (&element->value, names, 3, "whenNotMatched", &choice, err);
      stages->target.when_not_matched = (fgd_when_not_matched)choice;
      return ok;
   }
   if (strcmp (element->name, "let") == 0 && element->value.type == FGD_T_OBJECT) {
      stages->target.let = element->value.data;
      stages->target.let_len = element->value.len;
      return true;
   }
   return fgd_fail (err, 40415, "BSON field '$merge.%s' is an unknown field.", element->name);
}

bool
fgd_stage_parse_merge (fgd_stages *stages, const fg_value *spec, fg_error *err)
{
   static const char *const id[] = {"_id"};
   fgd_walk walk;
   fgd_element element;
   stages->target.kind = FGD_TARGET_MERGE;
   stages->target.on = id;
   stages->target.n_on = 1;
   if (spec->type != FGD_T_OBJECT) {
      return spec->type == FGD_T_STRING
                ? read_namespace (stages, spec, "$merge", 51182, err)
                : fgd_fail (err, 51182, "$merge requires a string or object argument, but found %s",
                            fgd_type_name (spec->type));
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      if (!read_merge_field (stages, &element, err)) {
         return false;
      }
   }
   if (!stages->target.collection) {
      return fgd_fail (err, 40414, "BSON field '$merge.into' is missing but a required field");
   }
   if (stages->target.let && stages->target.when_matched != FGD_MATCHED_PIPELINE) {
      return fgd_fail (err, 51199, "Cannot use 'let' variables with 'whenMatched: merge' mode");
   }
   return true;
}
