/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/stages.h"
#include "hosts/fieldguardd/query/update.h"

/* $out and $merge: where the results go. Only read here; the caller writes. */

#define ON_FIELDS_MAX 32u /* no index has more fields */

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
wrong_type (const char *field, const char *name, const fg_value *value, const char *expected, fg_error *err)
{
   return fgd_fail (err, FGD_TYPE_MISMATCH, "BSON field '%s.%s' is the wrong type '%s', expected type '%s'", field,
                    name, fgd_type_name (value->type), expected);
}

static bool
bad_namespace (const char *stage, fg_error *err)
{
   return fgd_fail (err, FGD_INVALID_NAMESPACE, "Invalid %s target namespace", stage);
}

static bool
read_name (fgd_stages *stages, const fgd_element *element, const char *stage, const char *field, const char **out,
           fg_error *err)
{
   if (*out) {
      return fgd_fail (err, 40413, "BSON field '%s.%s' is a duplicate field", field, element->name);
   }
   if (element->value.type != FGD_T_STRING) {
      return wrong_type (field, element->name, &element->value, "string", err);
   }
   *out = copy_string (stages, &element->value);
   return *out || bad_namespace (stage, err);
}

/* {db, coll} */
static bool
read_object (fgd_stages *stages, const fg_value *spec, const char *stage, const char *field, fg_error *err)
{
   fgd_target *target = &stages->target;
   fgd_walk walk;
   fgd_element element;
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      bool ok = false;
      if (strcmp (element.name, "db") == 0) {
         ok = read_name (stages, &element, stage, field, &target->db, err);
      } else if (strcmp (element.name, "coll") == 0) {
         ok = read_name (stages, &element, stage, field, &target->collection, err);
      } else if (target->kind == FGD_TARGET_OUT && strcmp (element.name, "timeseries") == 0) {
         ok = fgd_fail (err, 238, "'$out.timeseries' is not supported by this server");
      } else {
         ok = fgd_fail (err, 40415, "BSON field '%s.%s' is an unknown field.", field, element.name);
      }
      if (!ok) {
         return false;
      }
   }
   return true;
}

static bool
read_string (fgd_stages *stages, const fg_value *spec, const char *stage, fg_error *err)
{
   stages->target.collection = copy_string (stages, spec);
   return stages->target.collection || bad_namespace (stage, err);
}

bool
fgd_stage_parse_out (fgd_stages *stages, const fg_value *spec, fg_error *err)
{
   fgd_target *target = &stages->target;
   target->kind = FGD_TARGET_OUT;
   if (spec->type == FGD_T_STRING) {
      return read_string (stages, spec, "$out", err);
   }
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, 16990, "$out only supports a string or object argument, but found %s",
                       fgd_type_name (spec->type));
   }
   if (!read_object (stages, spec, "$out", "$out", err)) {
      return false;
   }
   if (!target->db || !target->collection) {
      return fgd_fail (err, 40414, "BSON field '$out.%s' is missing but a required field", target->db ? "coll" : "db");
   }
   return true;
}

/* --- $merge ------------------------------------------------------------------------------------------------------- */

static bool
read_into (fgd_stages *stages, const fg_value *value, fg_error *err)
{
   if (value->type == FGD_T_STRING) {
      return read_string (stages, value, "$merge", err);
   }
   if (value->type != FGD_T_OBJECT) {
      return fgd_fail (err, 51178, "$merge 'into' field  must be either a string or an object, but found %s",
                       fgd_type_name (value->type));
   }
   return read_object (stages, value, "$merge", "$merge.into", err) &&
          (stages->target.collection || bad_namespace ("$merge", err));
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
   if (n > ON_FIELDS_MAX) {
      return fgd_fail (err, 51183, "Cannot find index to verify that join fields will be unique");
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
   stages->target.on_given = true;
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
   return fgd_fail (err, FGD_BAD_VALUE, "Enumeration value for field '%s' is not a valid value.", field);
}

/* In the order of fgd_when_matched and fgd_when_not_matched. */
static const char *const matched_names[] = {"merge", "replace", "keepExisting", "fail", "pipeline"};
static const char *const not_matched_names[] = {"insert", "discard", "fail"};

static bool
read_when_matched (fgd_stages *stages, const fg_value *value, fg_error *err)
{
   int choice = 0;
   if (value->type == FGD_T_ARRAY) {
      stages->target.when_matched = FGD_MATCHED_PIPELINE;
      stages->target.update_pipeline = value->data;
      stages->target.update_pipeline_len = value->len;
      return true;
   }
   if (value->type != FGD_T_STRING) {
      return fgd_fail (err, 51191, "$merge 'whenMatched' field  must be either a string or an array, but found %s",
                       fgd_type_name (value->type));
   }
   if (!read_choice (value, matched_names, 4, "whenMatched", &choice, err)) {
      return false;
   }
   stages->target.when_matched = (fgd_when_matched)choice;
   return true;
}

static bool
read_when_not_matched (fgd_stages *stages, const fg_value *value, fg_error *err)
{
   int choice = 0;
   if (value->type != FGD_T_STRING) {
      return wrong_type ("$merge", "whenNotMatched", value, "string", err);
   }
   if (!read_choice (value, not_matched_names, 3, "$merge.whenNotMatched", &choice, err)) {
      return false;
   }
   stages->target.when_not_matched = (fgd_when_not_matched)choice;
   return true;
}

static bool
read_let (fgd_stages *stages, const fg_value *value, fg_error *err)
{
   if (value->type != FGD_T_OBJECT) {
      return wrong_type ("$merge", "let", value, "object", err);
   }
   stages->target.let = value->data;
   stages->target.let_len = value->len;
   return true;
}

static const struct {
   const char *name;
   bool (*read) (fgd_stages *stages, const fg_value *value, fg_error *err);
} merge_fields[] = {{"into", read_into},
                    {"on", read_on},
                    {"let", read_let},
                    {"whenMatched", read_when_matched},
                    {"whenNotMatched", read_when_not_matched}};

static bool
read_merge_field (fgd_stages *stages, const fgd_element *element, unsigned *seen, fg_error *err)
{
   for (unsigned i = 0; i < sizeof merge_fields / sizeof merge_fields[0]; i++) {
      if (strcmp (element->name, merge_fields[i].name) == 0) {
         if (*seen & 1u << i) {
            return fgd_fail (err, 40413, "BSON field '$merge.%s' is a duplicate field", element->name);
         }
         *seen |= 1u << i;
         return merge_fields[i].read (stages, &element->value, err);
      }
   }
   return fgd_fail (err, 40415, "BSON field '$merge.%s' is an unknown field.", element->name);
}

static bool
check_modes (const fgd_target *target, fg_error *err)
{
   bool inserts_only = target->when_matched == FGD_MATCHED_KEEP_EXISTING || target->when_matched == FGD_MATCHED_FAIL;
   if (inserts_only && target->when_not_matched != FGD_NOT_MATCHED_INSERT) {
      return fgd_fail (err, 51181,
                       "Combination of $merge modes 'whenMatched: %s' and 'whenNotMatched: %s' is not supported",
                       matched_names[target->when_matched], not_matched_names[target->when_not_matched]);
   }
   if (target->let && target->when_matched != FGD_MATCHED_PIPELINE) {
      return fgd_fail (err, 51199, "Cannot use 'let' variables with 'whenMatched: %s' mode",
                       matched_names[target->when_matched]);
   }
   return true;
}

/* --- the variables of a whenMatched pipeline ------------------------------------------------------------------------ */

static bool
add_variable (fgd_stages *stages, const char *name, const fg_value *spec, fg_error *err)
{
   fgd_merge_variable *variable = &stages->variables[stages->n_variables];
   variable->name = name;
   variable->expr = fgd_expr_compile (&stages->scope, spec, err);
   stages->n_variables += variable->expr != NULL;
   return variable->expr != NULL;
}

/* `new` is the document itself; a `let` without it has it added where an insert needs it. */
static bool
add_variables (fgd_stages *stages, fg_error *err)
{
   static const uint8_t root[] = "\x07\0\0\0$$ROOT";
   const fg_value whole = {FGD_T_STRING, root, sizeof root};
   const fgd_target *target = &stages->target;
   bool has_new = false;
   fgd_walk walk;
   fgd_element element;
   size_t n = target->let ? fgd_count (target->let, target->let_len) : 0;
   stages->variables = fgd_arena_alloc (&stages->arena, (n + 1) * sizeof *stages->variables);
   if (!stages->variables) {
      return fgd_no_memory (err);
   }
   fgd_walk_begin (&walk, target->let, target->let ? target->let_len : 0);
   while (n > 0 && fgd_walk_next (&walk, &element)) {
      size_t len = 0;
      bool is_new = strcmp (element.name, "new") == 0;
      const char *text = element.value.type == FGD_T_STRING ? fgd_string (&element.value, &len) : "";
      if (is_new && !fgd_is (text, len, "$$ROOT")) {
         return fgd_fail (err, 51273,
                          "'let' may not define a value for the reserved 'new' variable other than '$$ROOT'");
      }
      has_new = has_new || is_new;
      if (!add_variable (stages, element.name, &element.value, err)) {
         return false;
      }
   }
   if (!has_new && (!target->let || target->when_not_matched == FGD_NOT_MATCHED_INSERT)) {
      return add_variable (stages, "new", &whole, err);
   }
   return true;
}

bool
fgd_pipeline_variables (const fgd_pipeline *pipeline, const uint8_t *doc, size_t len, int64_t now_ms, fg_buf *out,
                        fg_error *err)
{
   const fgd_stages *stages = fgd_pipeline_stages (pipeline);
   fgd_arena arena = {0};
   fgd_eval eval;
   bool ok = true;
   fgd_buf_reset (out);
   fgd_eval_init (&eval, &arena, doc, len, now_ms);
   size_t at = fgd_put_begin (out);
   for (size_t i = 0; ok && i < stages->n_variables; i++) {
      const fgd_merge_variable *variable = &stages->variables[i];
      fg_value value = {0, NULL, 0};
      ok = fgd_expr_eval (&eval, variable->expr, &value, err);
      if (ok && value.type != 0) {
         /* A literal, so that no string in the document is taken for an expression. */
         size_t inner = fgd_put_open (out, FGD_T_OBJECT, variable->name, strlen (variable->name));
         fgd_put_value (out, "$literal", 8, &value);
         fgd_put_end (out, inner);
      }
   }
   fgd_put_end (out, at);
   fgd_arena_free (&arena);
   return ok && (out->failed ? fgd_no_memory (err) : true);
}

/* A pipeline that does not parse fails the command, whether or not a document ever matches. */
static bool
check_update_pipeline (const fgd_stages *stages, fg_error *err)
{
   const fg_value nothing = {FGD_T_NULL, NULL, 0};
   fg_value u = {FGD_T_ARRAY, stages->target.update_pipeline, stages->target.update_pipeline_len};
   fg_buf let = {0};
   size_t at = fgd_put_begin (&let);
   for (size_t i = 0; i < stages->n_variables; i++) {
      fgd_put_value (&let, stages->variables[i].name, strlen (stages->variables[i].name), &nothing);
   }
   fgd_put_end (&let, at);
   if (let.failed) {
      fg_buf_free (&let);
      return fgd_no_memory (err);
   }
   fgd_update *update = fgd_update_compile (&u, NULL, 0, let.data, let.len, err);
   fg_buf_free (&let);
   fgd_update_free (update);
   return update != NULL;
}

bool
fgd_stage_parse_merge (fgd_stages *stages, const fg_value *spec, fg_error *err)
{
   static const char *const id[] = {"_id"};
   fgd_walk walk;
   fgd_element element;
   unsigned seen = 0;
   fgd_target *target = &stages->target;
   target->kind = FGD_TARGET_MERGE;
   if (spec->type != FGD_T_OBJECT && spec->type != FGD_T_STRING) {
      return fgd_fail (err, FGD_TYPE_MISMATCH, "$merge requires a string or object argument, but found %s",
                       fgd_type_name (spec->type));
   }
   if (spec->type == FGD_T_STRING && !read_string (stages, spec, "$merge", err)) {
      return false;
   }
   fgd_walk_begin (&walk, spec->data, spec->type == FGD_T_OBJECT ? spec->len : 0);
   while (spec->type == FGD_T_OBJECT && fgd_walk_next (&walk, &element)) {
      if (!read_merge_field (stages, &element, &seen, err)) {
         return false;
      }
   }
   if (!target->collection) {
      return fgd_fail (err, 40414, "BSON field '$merge.into' is missing but a required field");
   }
   if (!target->on) {
      target->on = id;
      target->n_on = 1;
   }
   return check_modes (target, err) && (target->when_matched != FGD_MATCHED_PIPELINE ||
                                        (add_variables (stages, err) && check_update_pipeline (stages, err)));
}
