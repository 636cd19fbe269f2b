/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/update_private.h"

/* Paths with $, $[] or $[id] are spelt out against the document as it stands before the update: `a.$[].b` over two elements becomes a.0.b and a.1.b. */

#define EXPANDED_MAX ((size_t)2000000)

typedef struct expansion {
   fgd_update_run *run;
   fgd_leaf *leaves;
   size_t n;
   size_t cap;
   const fgd_leaf *source;
   fgd_part parts[FGD_PATH_PARTS_MAX]; /* spelt out so far */
} expansion;

static bool
grow (expansion *e, fg_error *err)
{
   if (e->n < e->cap) {
      return true;
   }
   if (e->n >= EXPANDED_MAX) {
      return fgd_fail (err, FGD_EXCEEDED_MEMORY, "An update names more than %zu array elements of one document",
                       EXPANDED_MAX);
   }
   size_t cap = e->cap ? e->cap * 2 : 16;
   fgd_leaf *leaves = fgd_arena_alloc (&e->run->tree.arena, cap * sizeof *leaves);
   if (!leaves) {
      return fgd_no_memory (err);
   }
   if (e->n > 0) {
      memcpy (leaves, e->leaves, e->n * sizeof *leaves);
   }
   e->leaves = leaves;
   e->cap = cap;
   return true;
}

/* The spelt-out path needs its text for messages, and its own parts. */
static bool
emit (expansion *e, fg_error *err)
{
   fgd_arena *arena = &e->run->tree.arena;
   size_t n = e->source->path.n;
   fg_buf text = {0};
   if (!grow (e, err)) {
      return false;
   }
   for (size_t i = 0; i < n; i++) {
      fg_buf_append (&text, ".", i > 0 ? 1 : 0);
      fg_buf_append (&text, e->parts[i].name, e->parts[i].len);
   }
   fgd_leaf *leaf = &e->leaves[e->n];
   *leaf = *e->source;
   bool ok = !text.failed && fgd_path_parse (arena, (const char *)text.data, text.len, &leaf->path, err);
   e->n += ok ? 1u : 0u;
   if (text.failed) {
      fgd_no_memory (err);
   }
   fg_buf_free (&text);
   return ok;
}

static bool
set_index (expansion *e, size_t depth, size_t index, fg_error *err)
{
   char name[24];
   size_t len = fgd_index_name (index, name);
   const char *copy = fgd_arena_copy (&e->run->tree.arena, name, len);
   if (!copy) {
      return fgd_no_memory (err);
   }
   e->parts[depth] = (fgd_part){FGD_PART_FIELD, copy, len, 0};
   return true;
}

static bool spell (expansion *e, fgd_node *node, size_t depth, fg_error *err);

static bool
spell_elements (expansion *e, fgd_node *node, size_t depth, fg_error *err)
{
   const fgd_part *part = &e->source->path.parts[depth];
   const fgd_part *here = &e->source->path.parts[depth - 1]; /* the first part is always a field */
   if (!node) {
      return fgd_fail (err, FGD_BAD_VALUE,
                       "The path '%.*s' must exist in the document in order to apply array updates.",
                       (int)(here->name + here->len - e->source->path.text), e->source->path.text);
   }
   if (node->type != FGD_T_ARRAY) {
      return fgd_fail (err, FGD_BAD_VALUE, "Cannot apply array updates to non-array element %.*s: ###", (int)here->len,
                       here->name);
   }
   if (!fgd_node_open (&e->run->tree, node, err)) {
      return false;
   }
   for (size_t i = 0; i < node->n; i++) {
      fg_match match = FG_MATCH_YES;
      if (part->kind == FGD_PART_FILTERED) {
         const fgd_filter *filter = e->run->update->filters[part->filter];
         fg_value value = fgd_node_value (&e->run->tree, &node->kids[i]);
         match = fgd_filter_check (filter->id, filter->matcher, &value, err);
      }
      if (match == FG_MATCH_ERROR) {
         return false;
      }
      if (match == FG_MATCH_YES && (!set_index (e, depth, i, err) || !spell (e, &node->kids[i], depth + 1, err))) {
         return false;
      }
   }
   return true;
}

/* node: what lies at the parts before depth; NULL where the document has nothing. Recursion is as deep as the path. */
static bool
spell (expansion *e, fgd_node *node, size_t depth, fg_error *err)
{
   const fgd_path *path = &e->source->path;
   if (depth == path->n) {
      return emit (e, err);
   }
   const fgd_part *part = &path->parts[depth];
   if (part->kind == FGD_PART_ALL || part->kind == FGD_PART_FILTERED) {
      return spell_elements (e, node, depth, err);
   }
   e->parts[depth] = *part;
   if (part->kind == FGD_PART_POSITIONAL) {
      /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a run always stands behind an expansion */
      if (e->run->context->positional == SIZE_MAX) {
         return fgd_fail (err, FGD_BAD_VALUE, "The positional operator did not find the match needed from the query.");
      }
      if (!set_index (e, depth, e->run->context->positional, err)) {
         return false;
      }
   }
   fgd_node *child = NULL;
   if (node && (node->type == FGD_T_OBJECT || node->type == FGD_T_ARRAY)) {
      if (!fgd_node_open (&e->run->tree, node, err)) {
         return false;
      }
      child = fgd_node_child (node, e->parts[depth].name, e->parts[depth].len);
   }
   return spell (e, child, depth + 1, err);
}

bool
fgd_leaves_expand (fgd_update_run *run, fgd_leaf **leaves, size_t *n, fg_error *err)
{
   expansion e = {.run = run};
   for (size_t i = 0; i < *n; i++) {
      e.source = &(*leaves)[i];
      if (e.source->op && e.source->op->insert_only && !run->is_insert) {
         continue;
      }
      if (!e.source->path.dynamic) {
         if (!grow (&e, err)) {
            return false;
         }
         e.leaves[e.n++] = *e.source;
         continue;
      }
      if (!spell (&e, &run->tree.root, 0, err)) {
         return false;
      }
   }
   *leaves = e.leaves;
   *n = e.n;
   return fgd_leaves_sort (e.leaves, e.n, true, err);
}
