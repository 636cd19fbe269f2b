/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/*
 * A key vault's file, as BSON or as JSON by the first byte, and each key document in it: parsed, given a name, relieved of it, filtered.
 */

#include "client/keys/key_document.h"
#include "client/keys/keyset_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static bool
count (void *ctx, const bson_t *document)
{
   (void)document;
   ++*(size_t *)ctx;
   return true;
}

static void
change_names (const bson_t *bson)
{
   fg_key_document doc;
   bson_t *with = fg_key_document_with_name (bson, "name", NULL);
   bson_t *without = with ? fg_key_document_without_name (with, "name", NULL) : NULL;

   /* Only what parses is ever in a set. */
   if (!with || !without || !fg_key_document_parse (with, &doc, NULL) || !fg_key_document_has_name (&doc, "name") ||
       !fg_key_document_parse (without, &doc, NULL) || fg_key_document_has_name (&doc, "name")) {
      abort ();
   }
   bson_destroy (with);
   bson_destroy (without);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   fg_keyset set = {0};
   fg_keyset_format format;
   fg_error err = {0};
   size_t n = 0;

   if (size && fg_keyset_parse (data + 1, size - 1, data[0] % 2, &set, &format, &err)) {
      for (size_t i = 0; i < set.n; i++) {
         change_names (set.docs[i]);
         if (fg_keyset_find_matching (&set, set.docs[i], count, &n, &err)) {
            n++;
         }
      }
   }
   fg_keyset_clear (&set);
   return 0;
}
