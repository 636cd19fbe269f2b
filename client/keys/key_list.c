/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/key_list.h"

#include "client/keys/key_vault.h"
#include "client/public_equal.h"

#include <stdlib.h>

bool
fg_key_list_add (void *ctx, const bson_t *document)
{
   fg_key_list *list = ctx;

   if (list->n == list->cap) {
      size_t cap = list->cap ? list->cap * 2 : 64;
      bson_t **docs = realloc (list->docs, cap * sizeof *docs);
      if (!docs) {
         list->out_of_memory = true;
         return false;
      }
      list->docs = docs;
      list->cap = cap;
   }
   list->docs[list->n++] = bson_copy (document);
   return true;
}

bool
fg_key_list_fill (fg_key_list *list, fg_key_vault *vault, const bson_t *filter, fg_error *err)
{
   bson_t all = BSON_INITIALIZER;
   bool ok = vault->ops->find_matching (vault->self, filter ? filter : &all, fg_key_list_add, list, err);

   bson_destroy (&all);
   if (ok && list->out_of_memory) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   return ok;
}

void
fg_key_list_clear (fg_key_list *list)
{
   for (size_t i = 0; i < list->n; i++) {
      bson_destroy (list->docs[i]);
   }
   free (list->docs);
   memset (list, 0, sizeof *list);
}

bool
fg_key_list_equal (const fg_key_list *a, const fg_key_list *b)
{
   if (a->n != b->n) {
      return false;
   }
   for (size_t i = 0; i < a->n; i++) {
      if (a->docs[i]->len != b->docs[i]->len ||
          !fg_public_equal (bson_get_data (a->docs[i]), bson_get_data (b->docs[i]), a->docs[i]->len)) {
         return false;
      }
   }
   return true;
}

const bson_t *
fg_key_list_find (const fg_key_list *list, const uint8_t id[FG_KEY_ID_LEN])
{
   for (size_t i = 0; i < list->n; i++) {
      bson_iter_t iter;
      const uint8_t *data = NULL;
      uint32_t len = 0;
      if (bson_iter_init_find (&iter, list->docs[i], "_id") && BSON_ITER_HOLDS_BINARY (&iter)) {
         bson_iter_binary (&iter, NULL, &len, &data);
      }
      if (len == FG_KEY_ID_LEN && fg_public_equal (data, id, FG_KEY_ID_LEN)) {
         return list->docs[i];
      }
   }
   return NULL;
}
