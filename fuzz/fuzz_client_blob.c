/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/*
 * A blob to be decrypted, and a value to be encrypted: what is sealed opens to the same bytes.
 */

#include "client/value/value.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
open_blob (fg_data_key *key, const uint8_t *data, size_t size)
{
   bson_value_t out;

   if (fg_blob_check (data, size, NULL) && fg_value_decrypt (key, data, size, &out, NULL)) {
      bson_value_destroy (&out);
   }
}

static void
seal_and_open (fg_data_key *key, const uint8_t *data, size_t size)
{
   size_t sealed_len = fg_aead_sealed_len (size);
   uint8_t *sealed = malloc (sealed_len);
   uint8_t *back = malloc (sealed_len);
   uint8_t iv[16];
   size_t len = 0;

   fg_aead_deterministic_iv (key, data, size < 18 ? size : 18, data, size, iv);
   if (sealed && back && fg_aead_seal (key, data, size < 18 ? size : 18, iv, data, size, sealed, NULL)) {
      if (!fg_aead_open (key, data, size < 18 ? size : 18, sealed, sealed_len, back, &len, NULL) || len != size ||
          (size && memcmp (back, data, size) != 0)) {
         abort ();
      }
   }
   free (sealed);
   free (back);
}

/* The plaintext of a type, sealed by a careless key holder. */
static void
open_nonsense (fg_data_key *key, const uint8_t *data, size_t size)
{
   size_t len = FG_BLOB_HEADER_LEN + fg_aead_sealed_len (size - 1);
   uint8_t *blob = calloc (1, len);
   const uint8_t iv[16] = {0};

   if (blob) {
      blob[0] = 2;
      blob[17] = data[0];
      if (fg_aead_seal (key, blob, FG_BLOB_HEADER_LEN, iv, data + 1, size - 1, blob + FG_BLOB_HEADER_LEN, NULL)) {
         open_blob (key, blob, len);
      }
   }
   free (blob);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   static const uint8_t bytes[FG_DATA_KEY_LEN];
   static fg_data_key *key;

   if (!key && !(key = fg_data_key_new (bytes, NULL))) {
      return 0;
   }
   open_blob (key, data, size);
   seal_and_open (key, data, size);
   if (size) {
      open_nonsense (key, data, size);
   }
   return 0;
}
