/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/node.h"

bool
fgd_tree_init (fgd_tree *tree, const uint8_t *doc, size_t len, fg_error *err)
{
   *tree = (fgd_tree){0};
   if (!fgd_well_formed (doc, len)) {
      return fgd_bad_bson (err);
   }
   tree->root.type = FGD_T_OBJECT;
   tree->root.data = doc;
   tree->root.len = len;
   return fgd_node_open (tree, &tree->root, err);
}

void
fgd_tree_free (fgd_tree *tree)
{
   fgd_arena_free (&tree->arena);
}

static bool
reserve (fgd_tree *tree, fgd_node *node, size_t want)
{
   size_t cap = node->cap ? node->cap : 8;
   if (want <= node->cap) {
      return true;
   }
   while (cap < want) {
      cap *= 2;
   }
   fgd_node *kids = fgd_arena_alloc (&tree->arena, cap * sizeof *kids);
   if (!kids) {
      return false;
   }
   if (node->n > 0) {
      memcpy (kids, node->kids, node->n * sizeof *kids);
   }
   node->kids = kids;
   node->cap = cap;
   return true;
}

bool
fgd_node_open (fgd_tree *tree, fgd_node *node, fg_error *err)
{
   fgd_walk walk;
   fgd_element element;
   if (node->open) {
      return true;
   }
   if (!reserve (tree, node, fgd_count (node->data, node->len) + 1)) {
      return fgd_no_memory (err);
   }
   fgd_walk_begin (&walk, node->data, node->len);
   while (fgd_walk_next (&walk, &element)) {
      fgd_node *kid = &node->kids[node->n++];
      *kid = (fgd_node){.name = element.name, .name_len = (uint32_t)element.name_len};
      fgd_node_set (kid, &element.value);
   }
   node->open = true;
   return walk.bad ? fgd_bad_bson (err) : true;
}

fgd_node *
fgd_node_child (fgd_node *node, const char *name, size_t name_len)
{
   size_t index = 0;
   if (node->type == FGD_T_ARRAY) {
      return fgd_array_index (name, name_len, &index) && index < node->n ? &node->kids[index] : NULL;
   }
   for (size_t i = 0; i < node->n; i++) {
      if (node->kids[i].name_len == name_len && memcmp (node->kids[i].name, name, name_len) == 0) {
         return &node->kids[i];
      }
   }
   return NULL;
}

fgd_node *
fgd_node_insert (fgd_tree *tree, fgd_node *node, size_t at, const char *name, size_t name_len)
{
   if (!reserve (tree, node, node->n + 1)) {
      return NULL;
   }
   fgd_node *kid = &node->kids[at];
   memmove (kid + 1, kid, (node->n - at) * sizeof *kid);
   node->n++;
   *kid = (fgd_node){.type = FGD_T_NULL, .name = name, .name_len = (uint32_t)name_len};
   return kid;
}

void
fgd_node_remove (fgd_node *node, size_t at, size_t count)
{
   memmove (&node->kids[at], &node->kids[at + count], (node->n - at - count) * sizeof *node->kids);
   node->n -= count;
}

void
fgd_node_set (fgd_node *node, const fg_value *value)
{
   node->type = value->type;
   node->data = value->data;
   node->len = value->len;
   node->open = false;
   node->kids = NULL;
   node->n = node->cap = 0;
}

void
fgd_node_clear (fgd_node *node, uint8_t type)
{
   fgd_node_set (node, &(fg_value){type, NULL, 0});
   node->open = true;
}

static void
write_children (const fgd_node *node, fg_buf *out)
{
   char text[24];
   for (size_t i = 0; i < node->n; i++) {
      const fgd_node *kid = &node->kids[i];
      const char *name = kid->name;
      size_t name_len = kid->name_len;
      if (node->type == FGD_T_ARRAY) {
         name = text;
         name_len = fgd_index_name (i, text);
      }
      if (!kid->open) {
         fgd_put (out, kid->type, name, name_len, kid->data, kid->len);
         continue;
      }
      size_t at = fgd_put_open (out, kid->type, name, name_len);
      write_children (kid, out); /* only what a path opened: as deep as the update's paths */
      fgd_put_end (out, at);
   }
}

static void
write_container (const fgd_node *node, fg_buf *out)
{
   size_t at = fgd_put_begin (out);
   write_children (node, out);
   fgd_put_end (out, at);
}

void
fgd_tree_write (const fgd_tree *tree, fg_buf *out)
{
   write_container (&tree->root, out);
}

fg_value
fgd_node_value (fgd_tree *tree, const fgd_node *node)
{
   fg_buf buf = {0};
   if (!node->open) {
      return (fg_value){node->type, node->data, node->len};
   }
   write_container (node, &buf);
   return fgd_make_from_buf (&tree->arena, node->type, &buf);
}
