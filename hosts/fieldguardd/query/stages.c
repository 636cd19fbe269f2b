/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/stages.h"

#include "hosts/fieldguardd/query/codes.h"

#include <stdlib.h>

/* --- one stage's specification ---------------------------------------------------------------------------------------------- */

typedef bool parse_fn (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err);

/* mongod says which stage a projection's error came from. */
static bool
invalid (const char *name, fg_error *err)
{
   if (err && err->domain == FG_ERROR_SERVER) {
      fg_error inner = *err;
      fgd_fail (err, inner.code, "Invalid %s :: caused by :: %.*s", name, (int)sizeof inner.message - 64,
                inner.message);
   }
   return false;
}

static bool
parse_match (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   (void)stages;
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, 15959, "the match filter must be an expression in an object");
   }
   stage->kind = FGD_STAGE_MATCH;
   stage->filter = *spec;
   stage->matcher = fg_matcher_compile (spec->data, spec->len, NULL, err);
   return stage->matcher != NULL;
}

static bool
parse_project (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   stage->kind = FGD_STAGE_PROJECT;
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, 15969, "$project specification must be an object");
   }
   if (fgd_count (spec->data, spec->len) == 0) {
      return fgd_fail (err, 51272,
                       "Invalid $project :: caused by :: projection specification must have at least one field");
   }
   return fgd_projector_compile (&stage->projector, &stages->scope, spec->data, spec->len, FGD_PROJECT_UNDECIDED, false,
                                 err) ||
          invalid (stage->name, err);
}

static bool
parse_add_fields (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   stage->kind = FGD_STAGE_PROJECT;
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, 40272, "%s specification stage must be an object, got %s", stage->name,
                       fgd_type_name (spec->type));
   }
   if (fgd_count (spec->data, spec->len) == 0) {
      return fgd_fail (err, 40177, "Invalid %s :: caused by :: specification must have at least one field",
                       stage->name);
   }
   return fgd_projector_compile (&stage->projector, &stages->scope, spec->data, spec->len, FGD_PROJECT_ADD, false,
                                 err) ||
          invalid (stage->name, err);
}

static bool
exclude (fgd_stages *stages, fgd_stage *stage, const fg_value *path, fg_error *err)
{
   size_t len = 0;
   if (path->type != FGD_T_STRING) {
      return fgd_fail (err, 31120, "$unset specification must be a string or an array containing only string fields");
   }
   const char *text = fgd_string (path, &len);
   return fgd_projector_exclude (&stage->projector, &stages->scope, text, len, err) || invalid ("$unset", err);
}

static bool
parse_unset (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   stage->kind = FGD_STAGE_PROJECT;
   if (spec->type == FGD_T_STRING) {
      return exclude (stages, stage, spec, err);
   }
   if (spec->type != FGD_T_ARRAY) {
      return fgd_fail (err, 31002, "$unset specification must be a string or an array");
   }
   if (fgd_count (spec->data, spec->len) == 0) {
      return fgd_fail (err, 31119, "$unset specification must be a string or an array with at least one field");
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   while (fgd_walk_next (&walk, &element)) {
      if (!exclude (stages, stage, &element.value, err)) {
         return false;
      }
   }
   return true;
}

static bool
parse_replace_with (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   stage->kind = FGD_STAGE_REPLACE;
   stage->expr = fgd_expr_compile (&stages->scope, spec, err);
   return stage->expr != NULL;
}

static bool
parse_replace_root (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, 40229, "expected an object as specification for $replaceRoot stage, got %s",
                       fgd_type_name (spec->type));
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   if (!fgd_walk_next (&walk, &element)) {
      return fgd_fail (err, 40414, "BSON field '$replaceRoot.newRoot' is missing but a required field");
   }
   if (strcmp (element.name, "newRoot") != 0 || fgd_count (spec->data, spec->len) != 1) {
      return fgd_fail (err, 40415, "BSON field '$replaceRoot.%s' is an unknown field.", element.name);
   }
   return parse_replace_with (stages, stage, &element.value, err);
}

static bool
parse_sort (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   (void)stages;
   stage->kind = FGD_STAGE_SORT;
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, 15973, "the $sort key specification must be an object");
   }
   stage->sort = fgd_sort_compile (spec->data, spec->len, err);
   if (!stage->sort) {
      return false;
   }
   if (fgd_sort_natural (stage->sort) != 0) {
      return fgd_fail (err, 16410,
                       "FieldPath field names may not start with '$'. Consider using $getField or $setField.");
   }
   return fgd_sort_fields (stage->sort) > 0 ? true
                                            : fgd_fail (err, 15976, "$sort stage must have at least one sort key");
}

static bool
parse_skip_or_limit (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   bool limit = strcmp (stage->name, "$limit") == 0;
   int64_t n = 0;
   (void)stages;
   stage->kind = limit ? FGD_STAGE_LIMIT : FGD_STAGE_SKIP;
   if (!fgd_is_number (spec)) {
      return fgd_fail (err, limit ? 5107201 : 5107200, "invalid argument to %s stage: Expected a number in: %s: ###",
                       stage->name, stage->name);
   }
   if (!fgd_to_int64 (spec, &n) || n < 0) {
      return fgd_fail (err, limit ? 5107201 : 5107200,
                       "invalid argument to %s stage: Expected a non-negative number in: %s: ###", stage->name,
                       stage->name);
   }
   if (limit && n == 0) {
      return fgd_fail (err, 15958, "the limit must be positive");
   }
   stage->count = (uint64_t)n;
   return true;
}

static bool
parse_count (fgd_stages *stages, fgd_stage *stage, const fg_value *spec, fg_error *err)
{
   size_t len = 0;
   stage->kind = FGD_STAGE_COUNT;
   if (spec->type != FGD_T_STRING) {
      return fgd_fail (err, 40156, "the count field must be a non-empty string");
   }
   const char *name = fgd_string (spec, &len);
   if (len == 0) {
      return fgd_fail (err, 40157, "the count field must be a non-empty string");
   }
   if (name[0] == '$') {
      return fgd_fail (err, 40158, "the count field cannot be a $-prefixed path");
   }
   if (memchr (name, '\0', len)) {
      return fgd_fail (err, 40159, "the count field cannot contain a null byte");
   }
   if (memchr (name, '.', len)) {
      return fgd_fail (err, 40160, "the count field cannot contain '.'");
   }
   stage->field = fgd_arena_copy (&stages->arena, name, len);
   return stage->field ? true : fgd_no_memory (err);
}

/* --- $sortByCount is a $group and a $sort -------------------------------------------------------------------------------------- */

static bool
build_sort_by_count (const fg_value *spec, fg_buf *group, fg_buf *sort)
{
   static const uint8_t one[4] = {1, 0, 0, 0};
   static const uint8_t minus_one[4] = {255, 255, 255, 255};
   size_t at = fgd_put_begin (group);
   fgd_put_value (group, "_id", 3, spec);
   size_t inner = fgd_put_open (group, FGD_T_OBJECT, "count", 5);
   fgd_put (group, FGD_T_INT32, "$sum", 4, one, sizeof one);
   fgd_put_end (group, inner);
   fgd_put_end (group, at);
   at = fgd_put_begin (sort);
   fgd_put (sort, FGD_T_INT32, "count", 5, minus_one, sizeof minus_one);
   fgd_put_end (sort, at);
   return !group->failed && !sort->failed;
}

static bool
sort_by_count_spec (const fg_value *spec, fg_error *err)
{
   size_t len = 0;
   if (spec->type == FGD_T_OBJECT) {
      fgd_walk walk;
      fgd_element first;
      fgd_walk_begin (&walk, spec->data, spec->len);
      return fgd_walk_next (&walk, &first) && first.name[0] == '$'
                ? true
                : fgd_fail (
                     err, 40147,
                     "the sortByCount field must be defined as a $-prefixed path or an expression inside an object");
   }
   if (spec->type != FGD_T_STRING) {
      return fgd_fail (err, 40149, "the sortByCount field must be specified as a string or as an object");
   }
   const char *text = fgd_string (spec, &len);
   return len > 0 && text[0] == '$'
             ? true
             : fgd_fail (
                  err, 40148,
                  "the sortByCount field must be defined as a $-prefixed path or an expression inside an object");
}

static bool
add_sort_by_count (fgd_stages *stages, const fg_value *spec, fg_error *err)
{
   fg_buf group = {0};
   fg_buf sort = {0};
   if (!sort_by_count_spec (spec, err)) {
      return false;
   }
   bool built = build_sort_by_count (spec, &group, &sort);
   fg_value group_spec = fgd_make_from_buf (&stages->arena, FGD_T_OBJECT, &group);
   fg_value sort_spec = fgd_make_from_buf (&stages->arena, FGD_T_OBJECT, &sort);
   if (!built || stages->arena.failed) {
      return fgd_no_memory (err);
   }
   fgd_stage *stage = &stages->items[stages->n++];
   stage->name = "$group";
   if (!fgd_stage_parse_group (stages, stage, &group_spec, err)) {
      return false;
   }
   stage = &stages->items[stages->n++];
   stage->name = "$sort";
   return parse_sort (stages, stage, &sort_spec, err);
}

/* --- the pipeline ------------------------------------------------------------------------------------------------------------- */

static const struct {
   const char *name;
   parse_fn *parse;
   bool in_updates;
} table[] = {{"$match", parse_match, false},
             {"$project", parse_project, true},
             {"$addFields", parse_add_fields, true},
             {"$set", parse_add_fields, true},
             {"$unset", parse_unset, true},
             {"$sort", parse_sort, false},
             {"$skip", parse_skip_or_limit, false},
             {"$limit", parse_skip_or_limit, false},
             {"$count", parse_count, false},
             {"$group", fgd_stage_parse_group, false},
             {"$unwind", fgd_stage_parse_unwind, false},
             {"$replaceRoot", parse_replace_root, true},
             {"$replaceWith", parse_replace_with, true}};

/* Stages that mongod has and this server does not offer. */
static bool
known_elsewhere (const char *name)
{
   static const char *const names[] = {"$bucket",
                                       "$bucketAuto",
                                       "$changeStream",
                                       "$collStats",
                                       "$currentOp",
                                       "$densify",
                                       "$documents",
                                       "$facet",
                                       "$fill",
                                       "$geoNear",
                                       "$graphLookup",
                                       "$indexStats",
                                       "$listLocalSessions",
                                       "$listSessions",
                                       "$lookup",
                                       "$planCacheStats",
                                       "$redact",
                                       "$sample",
                                       "$search",
                                       "$searchMeta",
                                       "$setWindowFields",
                                       "$unionWith",
                                       "$vectorSearch"};
   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (strcmp (names[i], name) == 0) {
         return true;
      }
   }
   return false;
}

static bool
add_target (fgd_stages *stages, const fgd_element *element, uint32_t flags, bool last, fg_error *err)
{
   if (flags & FGD_STAGES_UPDATE) {
      return fgd_fail (err, 72, "%s is not allowed to be used within an update", element->name);
   }
   if (!last) {
      return fgd_fail (err, 40601, "%s can only be the final stage in the pipeline", element->name);
   }
   return strcmp (element->name, "$out") == 0 ? fgd_stage_parse_out (stages, &element->value, err)
                                              : fgd_stage_parse_merge (stages, &element->value, err);
}

static bool
add_stage (fgd_stages *stages, const fg_value *spec, uint32_t flags, bool last, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   if (spec->type != FGD_T_OBJECT) {
      return fgd_fail (err, FGD_TYPE_MISMATCH, "Each element of the 'pipeline' array must be an object");
   }
   fgd_walk_begin (&walk, spec->data, spec->len);
   if (!fgd_walk_next (&walk, &element) || fgd_count (spec->data, spec->len) != 1) {
      return fgd_fail (err, 40323, "A pipeline stage specification object must contain exactly one field.");
   }
   if (strcmp (element.name, "$out") == 0 || strcmp (element.name, "$merge") == 0) {
      return add_target (stages, &element, flags, last, err);
   }
   bool update = (flags & FGD_STAGES_UPDATE) != 0;
   if (strcmp (element.name, "$sortByCount") == 0 && !update) {
      return add_sort_by_count (stages, &element.value, err);
   }
   for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
      if (strcmp (table[i].name, element.name) != 0) {
         continue;
      }
      if (update && !table[i].in_updates) {
         return fgd_fail (err, 72, "%s is not allowed to be used within an update", element.name);
      }
      fgd_stage *stage = &stages->items[stages->n++];
      stage->name = table[i].name;
      return table[i].parse (stages, stage, &element.value, err);
   }
   if (update && strcmp (element.name, "$sortByCount") == 0) {
      return fgd_fail (err, 72, "%s is not allowed to be used within an update", element.name);
   }
   if (strcmp (element.name, "$collStats") == 0 && !update) {
      return fgd_fail (err, 40602, "$collStats is only valid as the first stage in a pipeline");
   }
   if (known_elsewhere (element.name)) {
      return fgd_fail (err, 40324, "Unrecognized pipeline stage name: '%s' (not offered by this server)", element.name);
   }
   return fgd_fail (err, 40324, "Unrecognized pipeline stage name: '%s'", element.name);
}

/* A sort that a limit follows need not keep more than that. */
static void
limit_sorts (fgd_stages *stages)
{
   for (size_t i = 0; i < stages->n; i++) {
      uint64_t skipped = 0;
      size_t next = i + 1;
      if (stages->items[i].kind != FGD_STAGE_SORT) {
         continue;
      }
      while (next < stages->n && stages->items[next].kind == FGD_STAGE_SKIP && skipped < UINT32_MAX) {
         skipped += stages->items[next++].count;
      }
      if (next < stages->n && stages->items[next].kind == FGD_STAGE_LIMIT && stages->items[next].count < UINT32_MAX &&
          skipped < UINT32_MAX) {
         stages->items[i].count = skipped + stages->items[next].count;
      }
   }
}

static bool
compile (fgd_stages *stages, const uint8_t *array, size_t len, const uint8_t *let, size_t let_len, uint32_t flags,
         fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   if (!fgd_well_formed (array, len)) {
      return fgd_bad_bson (err);
   }
   const uint8_t *copy = fgd_arena_copy (&stages->arena, array, len);
   size_t n = fgd_count (array, len);
   if (n > FGD_STAGES_MAX) {
      return fgd_fail (err, 7749501, "Pipeline length must be no longer than %d stages.", FGD_STAGES_MAX);
   }
   stages->items = fgd_arena_alloc (&stages->arena, (2 * n + 1) * sizeof *stages->items);
   if (!copy || !stages->items) {
      return fgd_no_memory (err);
   }
   if (!fgd_scope_init (&stages->scope, &stages->arena, let, let_len, err)) {
      return false;
   }
   fgd_walk_begin (&walk, copy, len);
   for (size_t i = 0; fgd_walk_next (&walk, &element); i++) {
      if (!add_stage (stages, &element.value, flags, i + 1 == n, err)) {
         return false;
      }
   }
   limit_sorts (stages);
   return true;
}

fgd_stages *
fgd_stages_compile (const uint8_t *array, size_t len, const uint8_t *let, size_t let_len, uint32_t flags, fg_error *err)
{
   fgd_stages *stages = calloc (1, sizeof *stages);
   if (!stages) {
      fgd_no_memory (err);
      return NULL;
   }
   if (!compile (stages, array, len, let, let_len, flags, err)) {
      fgd_stages_free (stages);
      return NULL;
   }
   return stages;
}

void
fgd_stages_free (fgd_stages *stages)
{
   if (!stages) {
      return;
   }
   for (size_t i = 0; i < stages->n; i++) {
      fg_matcher_free (stages->items[i].matcher);
      fgd_sort_free (stages->items[i].sort);
      fgd_projector_clear (&stages->items[i].projector);
   }
   fgd_arena_free (&stages->arena);
   free (stages);
}

/* --- one document in, one out -------------------------------------------------------------------------------------------------- */

static bool
replace (const fgd_stage *stage, fgd_eval *eval, fg_buf *out, fg_error *err)
{
   fg_value value;
   if (!fgd_expr_eval (eval, stage->expr, &value, err)) {
      return false;
   }
   if (value.type != FGD_T_OBJECT) {
      return fgd_fail (err, 40228,
                       "'newRoot' expression must evaluate to an object, but resulting value was: ###. Type of "
                       "resulting value: '%s'.",
                       fgd_type_name (value.type));
   }
   fg_buf_append (out, value.data, value.len);
   return out->failed ? fgd_no_memory (err) : true;
}

bool
fgd_stage_transform (const fgd_stage *stage, const uint8_t *doc, size_t len, int64_t now_ms, fg_buf *out, fg_error *err)
{
   fgd_arena arena = {0};
   fgd_eval eval;
   fgd_buf_reset (out);
   fgd_eval_init (&eval, &arena, doc, len, now_ms);
   bool ok = stage->kind == FGD_STAGE_REPLACE ? replace (stage, &eval, out, err)
                                              : fgd_projector_apply (&stage->projector, &eval, out, err);
   fgd_arena_free (&arena);
   if (ok && out->len > 4 * (size_t)FGD_MAX_DOCUMENT) {
      return fgd_fail (err, 10334, "BSONObj size is invalid: a stage's document is too large");
   }
   if (ok && !fgd_well_formed (out->data, out->len)) {
      return fgd_fail (err, FGD_OVERFLOW, "Document exceeds maximum nesting depth");
   }
   return ok;
}

bool
fgd_stages_transform (const fgd_stages *stages, const uint8_t *doc, size_t len, int64_t now_ms, fg_buf *out,
                      fg_error *err)
{
   fg_buf pages[2] = {{0}, {0}};
   const uint8_t *now = doc;
   size_t now_len = len;
   bool ok = true;
   for (size_t i = 0; ok && i < stages->n; i++) {
      ok = fgd_stage_transform (&stages->items[i], now, now_len, now_ms, &pages[i % 2], err);
      now = pages[i % 2].data;
      now_len = pages[i % 2].len;
   }
   if (ok) {
      fg_buf_append (out, now, now_len);
   }
   fg_buf_free (&pages[0]);
   fg_buf_free (&pages[1]);
   return ok && (out->failed ? fgd_no_memory (err) : true);
}
