/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KEY_LIST_H
#define FG_CLIENT_KEY_LIST_H

/* Copies of documents, in the order in which a vault or a file showed them. Nothing is checked: a document that is no key document stays what it is. */

#include <bson/bson.h>
#include <fieldguard/client.h>

typedef struct fg_key_list { /* zero-initialise */
   bson_t **docs;
   size_t n;
   size_t cap;
   bool out_of_memory; /* set by fg_key_list_add when it failed */
} fg_key_list;

/* An fg_key_visit; ctx is the list. */
bool fg_key_list_add (void *list, const bson_t *document);
/* Every document of the vault that the filter (NULL: all) matches. */
bool fg_key_list_fill (fg_key_list *list, fg_key_vault *vault, const bson_t *filter, fg_error *err) FG_WARN_UNUSED;
void fg_key_list_clear (fg_key_list *list);
/* Same documents, byte for byte, in the same order. */
bool fg_key_list_equal (const fg_key_list *a, const fg_key_list *b);
/* The document with this _id, or NULL. */
const bson_t *fg_key_list_find (const fg_key_list *list, const uint8_t id[FG_KEY_ID_LEN]);

#endif /* FG_CLIENT_KEY_LIST_H */
