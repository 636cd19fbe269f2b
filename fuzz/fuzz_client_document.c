/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/*
 * A document that a server sent, to be decrypted. The key is known to the fuzzer's seeds, so that it gets behind the tag.
 */

#include "client/value/value.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static fg_data_key *key;

static fg_data_key *
lookup (void *ctx, const uint8_t key_id[16], fg_error *err)
{
   (void)ctx;
   if (key_id[0] == 0xFF) {
      fg_error_set (err, FG_ERROR_KEY, FG_E_NOT_FOUND, NULL, "no such key");
      return NULL;
   }
   return key;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   static const uint8_t bytes[FG_DATA_KEY_LEN];
   fg_error err = {0};
   size_t len = 0;

   if (!key && !(key = fg_data_key_new (bytes, &err))) {
      return 0;
   }
   uint8_t *out = malloc (size + 1);
   if (out && fg_document_decrypt (data, size, lookup, NULL, out, &len, &err)) {
      /* What comes out is as well-formed as what went in. */
      if (len > size || !fg_document_visit_key_ids (out, len, NULL, NULL, &err)) {
         abort ();
      }
   }
   free (out);
   return 0;
}
