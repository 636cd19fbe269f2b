/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/update_private.h"

#include <stdlib.h>

/* Operator-style updates: compiling {$set: {...}, $inc: {...}} into sorted leaves, and applying the leaves to a tree. */

static const fgd_operator *
find_operator (const char *name)
{
   const fgd_operator *const rooms[] = {fgd_operators_set, fgd_operators_arithmetic, fgd_operators_push,
                                        fgd_operators_pull, fgd_operators_rename};
   for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
      for (const fgd_operator *op = rooms[i]; op->name; op++) {
         if (strcmp (op->name, name) == 0) {
            return op;
         }
      }
   }
   return NULL;
}

static fgd_leaf *
add_leaf (fgd_update *update, fg_error *err)
{
   if (update->n_leaves == update->cap_leaves) {
      size_t cap = update->cap_leaves ? update->cap_leaves * 2 : 8;
      fgd_leaf *leaves = fgd_arena_alloc (&update->arena, cap * sizeof *leaves);
      if (!leaves) {
         fgd_no_memory (err);
         return NULL;
      }
      if (update->n_leaves > 0) {
         memcpy (leaves, update->leaves, update->n_leaves * sizeof *leaves);
      }
      update->leaves = leaves;
      update->cap_leaves = cap;
   }
   fgd_leaf *leaf = &update->leaves[update->n_leaves++];
   *leaf = (fgd_leaf){0};
   return leaf;
}

static bool
check_positional (fgd_update *update, const fgd_path *path, fg_error *err)
{
   size_t seen = 0;
   if (path->parts[0].kind != FGD_PART_FIELD) {
      return fgd_fail (err, FGD_BAD_VALUE,
                       "Cannot have array filter identifier (i.e. '$[<id>]') or positional (i.e. '$') element in the "
                       "first position in path '%s'",
                       path->text);
   }
   for (size_t i = 0; i < path->n; i++) {
      seen += path->parts[i].kind == FGD_PART_POSITIONAL ? 1u : 0u;
   }
   if (seen > 1) {
      return fgd_fail (err, FGD_BAD_VALUE, "Too many positional (i.e. '$') elements found in path '%s'", path->text);
   }
   update->positional = update->positional || seen > 0;
   update->dynamic = update->dynamic || path->dynamic;
   return true;
}

/* $rename names two places. Its leaf stands at the destination; the source is taken so that nothing else may touch it. */
static bool
compile_rename (fgd_update *update, const fgd_operator *op, const fgd_element *element, fg_error *err)
{
   fgd_leaf leaf = {.op = op, .operand = element->value};
   size_t len = 0;
   if (element->value.type != FGD_T_STRING) {
      return fgd_fail (err, FGD_BAD_VALUE, "The 'to' field for $rename must be a string: %s", element->name);
   }
   const char *to = fgd_string (&element->value, &len);
   if (memchr (to, '\0', len)) {
      return fgd_fail (err, FGD_BAD_VALUE, "The 'to' field for $rename cannot contain an embedded null byte");
   }
   fgd_path *source = fgd_arena_alloc (&update->arena, sizeof *source);
   if (!source) {
      return fgd_no_memory (err);
   }
   if (!fgd_path_parse (&update->arena, element->name, element->name_len, source, err) ||
       !fgd_path_parse (&update->arena, to, len, &leaf.path, err)) {
      return false;
   }
   leaf.extra = source;
   fgd_leaf *taken = add_leaf (update, err);
   if (!taken) {
      return false;
   }
   taken->path = *source; /* before the checks of the rename itself: a conflict over the source comes first */
   if (!op->init (update, &leaf, err)) {
      return false;
   }
   fgd_leaf *place = add_leaf (update, err);
   if (!place) {
      return false;
   }
   *place = leaf;
   return true;
}

static bool
compile_leaf (fgd_update *update, const fgd_operator *op, const fgd_element *element, fg_error *err)
{
   fgd_leaf leaf = {.op = op, .operand = element->value};
   if (op->whole) {
      return compile_rename (update, op, element, err);
   }
   if (!fgd_path_parse (&update->arena, element->name, element->name_len, &leaf.path, err) ||
       !check_positional (update, &leaf.path, err) || (op->init && !op->init (update, &leaf, err)) ||
       !fgd_filters_resolve (update, &leaf.path, err)) {
      return false;
   }
   fgd_leaf *place = add_leaf (update, err);
   if (!place) {
      return false;
   }
   *place = leaf;
   return true;
}

static bool
compile_operator (fgd_update *update, const fgd_element *modifier, fg_error *err)
{
   const fgd_operator *op = find_operator (modifier->name);
   fgd_walk walk;
   fgd_element element;
   if (!op) {
      return fgd_fail (
         err, FGD_FAILED_TO_PARSE,
         "Unknown modifier: %s. Expected a valid update modifier or pipeline-style update specified as an array",
         modifier->name);
   }
   if (modifier->value.type != FGD_T_OBJECT) {
      return fgd_fail (
         err, FGD_FAILED_TO_PARSE,
         "Modifiers operate on fields but we found type %s instead. For example: {$mod: {<field>: ...}} not {%s: ###}",
         fgd_type_name (modifier->value.type), modifier->name);
   }
   fgd_walk_begin (&walk, modifier->value.data, modifier->value.len);
   while (fgd_walk_next (&walk, &element)) {
      if (!compile_leaf (update, op, &element, err)) {
         return false;
      }
   }
   return walk.bad ? fgd_bad_bson (err) : true;
}

bool
fgd_operators_compile (fgd_update *update, const uint8_t *spec, size_t len, fg_error *err)
{
   fgd_walk walk;
   fgd_element modifier;
   fg_error conflict;
   bool ok = true;
   fgd_walk_begin (&walk, spec, len);
   while (ok && fgd_walk_next (&walk, &modifier)) {
      ok = compile_operator (update, &modifier, err);
   }
   /* mongod checks each leaf against those before it: a conflict among those comes before this leaf's own error. */
   if (!fgd_leaves_sort (update->leaves, update->n_leaves, false, &conflict)) {
      if (err) {
         *err = conflict;
      }
      return false;
   }
   return ok && fgd_filters_all_used (update, err);
}

/* --- applying -------------------------------------------------------------------------------------------------------- */

fgd_node *
fgd_tree_node (fgd_tree *tree, fgd_node *parent, size_t at, size_t depth)
{
   return depth == 0 ? &tree->root : &parent->kids[at];
}

bool
fgd_tree_resolve (fgd_tree *tree, const fgd_path *path, fgd_node **parent, size_t *at, size_t *depth, fg_error *err)
{
   fgd_node *node = &tree->root;
   *parent = NULL;
   *at = 0;
   for (*depth = 0; *depth < path->n; (*depth)++) {
      if (node->type != FGD_T_OBJECT && node->type != FGD_T_ARRAY) {
         return true;
      }
      if (!fgd_node_open (tree, node, err)) {
         return false;
      }
      fgd_node *child = fgd_node_child (node, path->parts[*depth].name, path->parts[*depth].len);
      if (!child) {
         return true;
      }
      *parent = node;
      *at = (size_t)(child - node->kids);
      node = child;
   }
   return true;
}

static bool
check_viable (const fgd_node *node, const fgd_path *path, size_t depth, fg_error *err)
{
   const fgd_part *next = &path->parts[depth];
   size_t index = 0;
   if (node->type == FGD_T_OBJECT || (node->type == FGD_T_ARRAY && fgd_array_index (next->name, next->len, &index))) {
      return true;
   }
   const fgd_part *here = depth > 0 ? &path->parts[depth - 1] : next;
   return fgd_fail (err, FGD_PATH_NOT_VIABLE, "Cannot create field '%.*s' in element {%.*s: ###}", (int)next->len,
                    next->name, (int)here->len, here->name);
}

static bool
legal_new_name (const fgd_path *path, size_t depth, fg_error *err)
{
   static const char *const dbref[] = {"$ref", "$id", "$db"};
   const fgd_part *part = &path->parts[depth];
   if (part->name[0] != '$') {
      return true;
   }
   for (size_t i = 0; depth > 0 && i < 3; i++) {
      if (fgd_is (part->name, part->len, dbref[i])) {
         return true;
      }
   }
   return fgd_fail (err, FGD_DOLLAR_FIELD, "The dollar ($) prefixed field '%.*s' in '%s' is not valid for storage.",
                    (int)part->len, part->name, path->text);
}

/* Makes the child for parts[depth] in node, filling an array up with nulls. */
static fgd_node *
create_child (fgd_tree *tree, fgd_node *node, const fgd_path *path, size_t depth, fg_error *err)
{
   const fgd_part *part = &path->parts[depth];
   size_t index = 0;
   if (node->type == FGD_T_ARRAY && fgd_array_index (part->name, part->len, &index)) {
      if (index >= node->n && index - node->n > FGD_BACKFILL_MAX) {
         fgd_fail (err, FGD_CANNOT_BACKFILL, "can't backfill more than %u elements", FGD_BACKFILL_MAX);
         return NULL;
      }
      while (node->n < index) {
         if (!fgd_node_insert (tree, node, node->n, NULL, 0)) {
            fgd_no_memory (err);
            return NULL;
         }
      }
   } else if (!legal_new_name (path, depth, err)) {
      return NULL;
   }
   fgd_node *child = fgd_node_insert (tree, node, node->n, part->name, part->len);
   if (!child) {
      fgd_no_memory (err);
   }
   return child;
}

/* Makes what is missing of path below node and gives the last, a null. */
static fgd_node *
create_path (fgd_tree *tree, fgd_node *node, const fgd_path *path, size_t depth, fg_error *err)
{
   for (size_t i = depth; i < path->n; i++) {
      if (i > depth) {
         fgd_node_clear (node, FGD_T_OBJECT);
      }
      node = create_child (tree, node, path, i, err);
      if (!node) {
         return NULL;
      }
   }
   return node;
}

bool
fgd_tree_set_path (fgd_tree *tree, const fgd_path *path, const fg_value *value, fg_error *err)
{
   fgd_node *parent = NULL;
   size_t at = 0;
   size_t depth = 0;
   if (!fgd_tree_resolve (tree, path, &parent, &at, &depth, err)) {
      return false;
   }
   fgd_node *node = fgd_tree_node (tree, parent, at, depth);
   if (depth < path->n) {
      if (!check_viable (node, path, depth, err)) {
         return false;
      }
      node = create_path (tree, node, path, depth, err);
      if (!node) {
         return false;
      }
   }
   fgd_node_set (node, value);
   return true;
}

static bool
apply_leaf (fgd_update_run *run, const fgd_leaf *leaf, bool *changed, fg_error *err)
{
   fgd_node *parent = NULL;
   size_t at = 0;
   size_t depth = 0;
   if (leaf->op->whole) {
      return leaf->op->whole (run, leaf, changed, err);
   }
   if (!fgd_tree_resolve (&run->tree, &leaf->path, &parent, &at, &depth, err)) {
      return false;
   }
   if (depth == leaf->path.n) {
      return leaf->op->modify (run, leaf, parent, at, changed, err);
   }
   fgd_node *node = fgd_tree_node (&run->tree, parent, at, depth);
   if (leaf->op->blocked_is_nothing) {
      return true;
   }
   if (!check_viable (node, &leaf->path, depth, err)) {
      return false;
   }
   if (!leaf->op->create) {
      return true;
   }
   fgd_node *fresh = create_path (&run->tree, node, &leaf->path, depth, err);
   *changed = true;
   return fresh && leaf->op->create (run, leaf, fresh, err);
}

bool
fgd_operators_apply (fgd_update_run *run, bool *changed, fg_error *err)
{
   fgd_leaf *leaves = run->update->leaves;
   size_t n = run->update->n_leaves;
   if (run->update->dynamic && !fgd_leaves_expand (run, &leaves, &n, err)) {
      return false;
   }
   for (size_t i = 0; i < n; i++) {
      const fgd_leaf *leaf = &leaves[i];
      if (!leaf->op || (leaf->op->insert_only && !run->is_insert)) {
         continue;
      }
      if (!apply_leaf (run, leaf, changed, err)) {
         return false;
      }
   }
   return true;
}
