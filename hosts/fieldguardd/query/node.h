/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_NODE_H
#define FGD_QUERY_NODE_H

/*
 * A document that can be changed. A node is a value as it lies in somebody's bytes until somebody looks inside; only then are its children laid out. What was
 * never opened is copied as bytes when the document is written out again.
 *
 * Nodes live in an arena, names and bytes are borrowed from documents that outlive it. Adding a child may move its siblings: pointers to children of the
 * same parent are void after it.
 */

#include "hosts/fieldguardd/query/bytes.h"

typedef struct fgd_node {
   uint8_t type;
   bool open; /* children in kids; else the bytes in data */
   uint32_t name_len;
   const char *name; /* not kept up in arrays: written from the position */
   const uint8_t *data;
   size_t len;
   struct fgd_node *kids;
   size_t n;
   size_t cap;
} fgd_node;

typedef struct fgd_tree {
   fgd_arena arena;
   fgd_node root;
} fgd_tree;

bool fgd_tree_init (fgd_tree *tree, const uint8_t *doc, size_t len, fg_error *err) FG_WARN_UNUSED;
void fgd_tree_free (fgd_tree *tree);
/* Appends the document to out. */
void fgd_tree_write (const fgd_tree *tree, fg_buf *out);

/* Lays out the children of an object or array. */
bool fgd_node_open (fgd_tree *tree, fgd_node *node, fg_error *err) FG_WARN_UNUSED;
/* The first child of that name; in an array the one at that position. NULL: none. node is open. */
fgd_node *fgd_node_child (fgd_node *node, const char *name, size_t name_len);
/* Inserts an empty (null) child before position at; NULL when out of memory. node is open. */
fgd_node *fgd_node_insert (fgd_tree *tree, fgd_node *node, size_t at, const char *name, size_t name_len);
void fgd_node_remove (fgd_node *node, size_t at, size_t count);
void fgd_node_set (fgd_node *node, const fg_value *value);
/* Makes node an empty object or array, open. */
void fgd_node_clear (fgd_node *node, uint8_t type);
/* The node's value as bytes; an open one is written into the arena. */
fg_value fgd_node_value (fgd_tree *tree, const fgd_node *node);

#endif /* FGD_QUERY_NODE_H */
