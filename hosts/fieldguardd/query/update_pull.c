/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/number.h"
#include "hosts/fieldguardd/query/update_private.h"

/* $pull, $pullAll and $pop: operators that take elements out of an array. */

/* How $pull reads its operand. */
typedef struct pull {
   const fg_matcher *matcher; /* NULL: elements equal to the operand */
   bool
      objects_only; /* the operand is a filter for elements that are objects; else it is a condition on the element itself */
} pull;

static const char VALUE_NAME[] = "v"; /* the name under which an element is shown to a condition */

static bool
is_condition_name (const char *name)
{
   static const char *const names[] = {"$eq",           "$gt",        "$gte",        "$lt",           "$lte",
                                       "$ne",           "$in",        "$nin",        "$all",          "$size",
                                       "$exists",       "$mod",       "$type",       "$regex",        "$not",
                                       "$options",      "$elemMatch", "$bitsAllSet", "$bitsAllClear", "$bitsAnySet",
                                       "$bitsAnyClear", "$near",      "$nearSphere", "$geoWithin",    "$geoIntersects",
                                       "$within",       "$geoNear"};
   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (strcmp (name, names[i]) == 0) {
         return true;
      }
   }
   return false;
}

static bool
wrap_condition (fgd_update *update, pull *p, const fg_value *operand, fg_error *err)
{
   fg_buf predicate = {0};
   size_t at = fgd_put_begin (&predicate);
   fgd_put_value (&predicate, VALUE_NAME, sizeof VALUE_NAME - 1, operand);
   fgd_put_end (&predicate, at);
   fgd_filter *filter = NULL;
   if (predicate.failed) {
      fgd_no_memory (err);
   } else {
      filter = fgd_update_matcher (update, predicate.data, predicate.len, err);
   }
   fg_buf_free (&predicate);
   p->matcher = filter ? filter->matcher : NULL;
   return filter != NULL;
}

static bool
pull_init (fgd_update *update, fgd_leaf *leaf, fg_error *err)
{
   fgd_walk walk;
   fgd_element first;
   pull *p = fgd_arena_alloc (&update->arena, sizeof *p);
   if (!p) {
      return fgd_no_memory (err);
   }
   leaf->extra = p;
   if (leaf->operand.type == FGD_T_REGEX) {
      return wrap_condition (update, p, &leaf->operand, err);
   }
   if (leaf->operand.type != FGD_T_OBJECT) {
      return true;
   }
   fgd_walk_begin (&walk, leaf->operand.data, leaf->operand.len);
   if (fgd_walk_next (&walk, &first) && is_condition_name (first.name)) {
      return wrap_condition (update, p, &leaf->operand, err);
   }
   fgd_filter *filter = fgd_update_matcher (update, leaf->operand.data, leaf->operand.len, err);
   p->objects_only = true;
   p->matcher = filter ? filter->matcher : NULL;
   return filter != NULL;
}

static fg_match
pull_matches (const fgd_leaf *leaf, const fg_value *element, fg_error *err)
{
   const pull *p = leaf->extra;
   if (!p->matcher) {
      return fg_value_compare (element, &leaf->operand) == 0 ? FG_MATCH_YES : FG_MATCH_NO;
   }
   if (!p->objects_only) {
      return fgd_filter_check (VALUE_NAME, p->matcher, element, err);
   }
   return element->type == FGD_T_OBJECT ? fg_matcher_check (p->matcher, element->data, element->len, err) : FG_MATCH_NO;
}

static fg_match
pull_all_matches (const fgd_leaf *leaf, const fg_value *element, fg_error *err)
{
   fgd_walk walk;
   fgd_element wanted;
   (void)err;
   fgd_walk_begin (&walk, leaf->operand.data, leaf->operand.len);
   while (fgd_walk_next (&walk, &wanted)) {
      if (fg_value_compare (element, &wanted.value) == 0) {
         return FG_MATCH_YES;
      }
   }
   return FG_MATCH_NO;
}

static bool
remove_matching (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *array, bool *changed, fg_error *err,
                 fg_match (*matches) (const fgd_leaf *leaf, const fg_value *element, fg_error *err))
{
   size_t kept = 0;
   if (array->type != FGD_T_ARRAY) {
      return fgd_fail (err, FGD_BAD_VALUE, "Cannot apply %s to a non-array value", leaf->op->name);
   }
   if (!fgd_node_open (&run->tree, array, err)) {
      return false;
   }
   for (size_t i = 0; i < array->n; i++) {
      fg_value element = fgd_node_value (&run->tree, &array->kids[i]);
      fg_match match = element.type == 0 ? FG_MATCH_ERROR : matches (leaf, &element, err);
      if (match == FG_MATCH_ERROR) {
         return run->tree.arena.failed ? fgd_no_memory (err) : false;
      }
      if (match == FG_MATCH_NO) {
         array->kids[kept++] = array->kids[i];
      }
   }
   *changed = *changed || kept < array->n;
   array->n = kept;
   return true;
}

static bool
pull_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   return remove_matching (run, leaf, &parent->kids[at], changed, err, pull_matches);
}

static bool
pull_all_init (fgd_update *update, fgd_leaf *leaf, fg_error *err)
{
   (void)update;
   if (leaf->operand.type != FGD_T_ARRAY) {
      return fgd_fail (err, FGD_BAD_VALUE, "$pullAll requires an array argument but was given a %s",
                       fgd_type_name (leaf->operand.type));
   }
   return true;
}

static bool
pull_all_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   return remove_matching (run, leaf, &parent->kids[at], changed, err, pull_all_matches);
}

/* leaf->extra: non-NULL to take the first element away, NULL the last. */
static bool
pop_init (fgd_update *update, fgd_leaf *leaf, fg_error *err)
{
   const fgd_part *last = &leaf->path.parts[leaf->path.n - 1];
   int64_t n = 0;
   if (!fgd_is_number (&leaf->operand)) {
      return fgd_fail (err, FGD_FAILED_TO_PARSE, "Expected a number in: %.*s: ###", (int)last->len, last->name);
   }
   if (!fgd_to_int64 (&leaf->operand, &n)) {
      return fgd_fail (err, FGD_FAILED_TO_PARSE, "Expected an integer: %.*s: ###", (int)last->len, last->name);
   }
   if (n != 1 && n != -1) {
      return fgd_fail (err, FGD_FAILED_TO_PARSE, "$pop expects 1 or -1, found: ###");
   }
   leaf->extra = n < 0 ? update : NULL;
   return true;
}

static bool
pop_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   fgd_node *array = &parent->kids[at];
   if (array->type != FGD_T_ARRAY) {
      return fgd_fail (err, FGD_TYPE_MISMATCH, "Path '%s' contains an element of non-array type '%s'", leaf->path.text,
                       fgd_type_name (array->type));
   }
   if (!fgd_node_open (&run->tree, array, err)) {
      return false;
   }
   if (array->n > 0) {
      fgd_node_remove (array, leaf->extra ? 0 : array->n - 1, 1);
      *changed = true;
   }
   return true;
}

const fgd_operator fgd_operators_pull[] = {
   {.name = "$pull", .init = pull_init, .modify = pull_modify},
   {.name = "$pullAll", .init = pull_all_init, .modify = pull_all_modify},
   {.name = "$pop", .init = pop_init, .modify = pop_modify},
   {.name = NULL},
};
