/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/update_private.h"

/* $set, $setOnInsert, $unset, $min, $max, $currentDate: operators that put one value in the place of another. */

static bool
set_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   (void)run;
   (void)err;
   fgd_node *node = &parent->kids[at];
   fg_value old = {node->type, node->data, node->len};
   if (!node->open && fgd_identical (&old, &leaf->operand)) {
      return true;
   }
   fgd_node_set (node, &leaf->operand);
   *changed = true;
   return true;
}

static bool
set_create (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *fresh, fg_error *err)
{
   (void)run;
   (void)err;
   fgd_node_set (fresh, &leaf->operand);
   return true;
}

static bool
unset_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   (void)run;
   (void)leaf;
   (void)err;
   if (parent->type == FGD_T_ARRAY) {
      fg_value null = fgd_make_null ();
      fgd_node_set (&parent->kids[at], &null);
   } else {
      fgd_node_remove (parent, at, 1);
   }
   *changed = true;
   return true;
}

static bool
compare_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err,
                int sign)
{
   fg_value old = fgd_node_value (&run->tree, &parent->kids[at]);
   if (run->tree.arena.failed) {
      return fgd_no_memory (err);
   }
   int order = fg_value_compare (&leaf->operand, &old);
   if ((sign > 0 && order > 0) || (sign < 0 && order < 0)) {
      fgd_node_set (&parent->kids[at], &leaf->operand);
      *changed = true;
   }
   return true;
}

static bool
min_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   return compare_modify (run, leaf, parent, at, changed, err, -1);
}

static bool
max_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   return compare_modify (run, leaf, parent, at, changed, err, 1);
}

/* $currentDate: true, false or {$type: "date"} give a date, {$type: "timestamp"} a timestamp. leaf->extra: non-NULL for the latter. */
static bool
date_init (fgd_update *update, fgd_leaf *leaf, fg_error *err)
{
   static const char timestamp[] = "timestamp";
   fgd_walk walk;
   fgd_element element;
   bool seen = false;
   (void)update;
   if (leaf->operand.type == FGD_T_BOOL) {
      return true;
   }
   if (leaf->operand.type != FGD_T_OBJECT) {
      return fgd_fail (err, FGD_BAD_VALUE,
                       "%s is not valid type for $currentDate. Please use a boolean ('true') or a $type expression "
                       "({$type: 'timestamp/date'}).",
                       fgd_type_name (leaf->operand.type));
   }
   fgd_walk_begin (&walk, leaf->operand.data, leaf->operand.len);
   while (fgd_walk_next (&walk, &element)) {
      size_t len = 0;
      if (!fgd_is (element.name, element.name_len, "$type")) {
         return fgd_fail (err, FGD_BAD_VALUE, "Unrecognized $currentDate option: %s", element.name);
      }
      const char *text = element.value.type == FGD_T_STRING ? fgd_string (&element.value, &len) : "";
      seen = fgd_is (text, len, "date") || fgd_is (text, len, timestamp);
      leaf->extra = fgd_is (text, len, timestamp) ? leaf : NULL;
      if (!seen) {
         break;
      }
   }
   return seen ? true
               : fgd_fail (err, FGD_BAD_VALUE,
                           "The '$type' string field is required to be 'date' or 'timestamp': {$currentDate: {field : "
                           "{$type: 'date'}}}");
}

static bool
date_create (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *fresh, fg_error *err)
{
   fgd_arena *arena = &run->tree.arena;
   int64_t now = run->context->now_ms;
   fg_value value = fgd_make_date (arena, now);
   if (leaf->extra) {
      uint64_t seconds = (uint64_t)(now / 1000);
      value = fgd_make_int64 (arena, (int64_t)((seconds << 32) | run->context->increment));
      value.type = FGD_T_TIMESTAMP;
   }
   if (arena->failed) {
      return fgd_no_memory (err);
   }
   fgd_node_set (fresh, &value);
   return true;
}

static bool
date_modify (fgd_update_run *run, const fgd_leaf *leaf, fgd_node *parent, size_t at, bool *changed, fg_error *err)
{
   *changed = true;
   return date_create (run, leaf, &parent->kids[at], err);
}

const fgd_operator fgd_operators_set[] = {
   {.name = "$set", .modify = set_modify, .create = set_create},
   {.name = "$setOnInsert", .insert_only = true, .modify = set_modify, .create = set_create},
   {.name = "$unset", .blocked_is_nothing = true, .modify = unset_modify},
   {.name = "$min", .modify = min_modify, .create = set_create},
   {.name = "$max", .modify = max_modify, .create = set_create},
   {.name = "$currentDate", .init = date_init, .modify = date_modify, .create = date_create},
   {.name = NULL},
};
