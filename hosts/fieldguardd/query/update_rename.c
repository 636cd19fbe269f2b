/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/update_private.h"

/* $rename. The leaf stands at the destination; leaf->extra is the source's path. */

static bool
starts_with (const fgd_path *path, const fgd_path *start)
{
   for (size_t i = 0; i < start->n; i++) {
      if (i >= path->n || path->parts[i].len != start->parts[i].len ||
          memcmp (path->parts[i].name, start->parts[i].name, path->parts[i].len) != 0) {
         return false;
      }
   }
   return true;
}

static bool
rename_init (fgd_update *update, fgd_leaf *leaf, fg_error *err)
{
   const fgd_path *source = leaf->extra;
   const fgd_path *target = &leaf->path;
   (void)update;
   if (starts_with (source, target) && starts_with (target, source)) {
      return fgd_fail (err, FGD_BAD_VALUE, "The source and target field for $rename must differ: %s: \"%s\"",
                       source->text, target->text);
   }
   if (starts_with (source, target) || starts_with (target, source)) {
      return fgd_fail (err, FGD_BAD_VALUE,
                       "The source and target field for $rename must not be on the same path: %s: \"%s\"", source->text,
                       target->text);
   }
   if (source->dynamic) {
      return fgd_fail (err, FGD_BAD_VALUE, "The source field for $rename may not be dynamic: %s", source->text);
   }
   if (target->dynamic) {
      return fgd_fail (err, FGD_BAD_VALUE, "The destination field for $rename may not be dynamic: %s", target->text);
   }
   return true;
}

/* Whether one of the first depth parts of path leads into an array. */
static bool
through_array (fgd_tree *tree, const fgd_path *path, size_t depth)
{
   fgd_node *node = &tree->root;
   for (size_t i = 0; i < depth && node && node->open; i++) {
      if (node->type == FGD_T_ARRAY) {
         return true;
      }
      node = fgd_node_child (node, path->parts[i].name, path->parts[i].len);
   }
   return false;
}

static bool
check_source (fgd_tree *tree, const fgd_path *source, fgd_node *node, size_t depth, bool *present, fg_error *err)
{
   size_t index = 0;
   *present = depth == source->n;
   if (depth < source->n) {
      const fgd_part *next = &source->parts[depth];
      bool open =
         node->type == FGD_T_OBJECT || (node->type == FGD_T_ARRAY && fgd_array_index (next->name, next->len, &index));
      if (!open) {
         return fgd_fail (err, FGD_PATH_NOT_VIABLE, "cannot use the part (%.*s of %s) to traverse the element (###)",
                          (int)next->len, next->name, source->text);
      }
      return true;
   }
   if (through_array (tree, source, source->n)) {
      return fgd_fail (err, FGD_BAD_VALUE, "The source field cannot be an array element, '%s' in doc with _id: ###",
                       source->text);
   }
   return true;
}

static bool
rename_whole (fgd_update_run *run, const fgd_leaf *leaf, bool *changed, fg_error *err)
{
   const fgd_path *source = leaf->extra;
   fgd_tree *tree = &run->tree;
   fgd_node *parent = NULL;
   size_t at = 0;
   size_t depth = 0;
   bool present = false;
   if (!fgd_tree_resolve (tree, source, &parent, &at, &depth, err) ||
       !check_source (tree, source, fgd_tree_node (tree, parent, at, depth), depth, &present, err)) {
      return false;
   }
   if (!present) {
      return true;
   }
   fgd_node moved = parent->kids[at];
   fg_value value = fgd_node_value (tree, &moved);
   if (value.type == 0) {
      return fgd_no_memory (err);
   }
   /* The destination first: where it cannot be made, nothing has happened. */
   if (!fgd_tree_resolve (tree, &leaf->path, &parent, &at, &depth, err)) {
      return false;
   }
   const fgd_node *reached = fgd_tree_node (tree, parent, at, depth);
   if (through_array (tree, &leaf->path, depth) || (depth < leaf->path.n && reached->type == FGD_T_ARRAY)) {
      return fgd_fail (err, FGD_BAD_VALUE,
                       "The destination field cannot be an array element, '%s' in doc with _id: ###", leaf->path.text);
   }
   if (!fgd_tree_set_path (tree, &leaf->path, &value, err) ||
       !fgd_tree_resolve (tree, source, &parent, &at, &depth, err)) {
      return false;
   }
   if (depth == source->n && parent) {
      fgd_node_remove (parent, at, 1);
   }
   *changed = true;
   return true;
}

const fgd_operator fgd_operators_rename[] = {
   {.name = "$rename", .init = rename_init, .whole = rename_whole},
   {.name = NULL},
};
