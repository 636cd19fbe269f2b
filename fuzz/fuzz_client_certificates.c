/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-audit fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/* What a restored folder of certificates may hold: a line of the chain, and the journal of a roll. */

#include "client/keys/certificate.h"
#include "client/keys/shred.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   fg_roll roll;
   bson_t *param = NULL;
   char *line = malloc (size + 1);

   if (!line) {
      return 0;
   }
   memcpy (line, data, size);
   line[size] = '\0';
   if (fg_certificate_parse (line, size, &param) && param && !bson_validate (param, BSON_VALIDATE_NONE, NULL)) {
      abort ();
   }
   bson_destroy (param);
   memset (&roll, 0, sizeof roll);
   if (fg_roll_parse (data, size, &roll, NULL)) {
      /* What is accepted names a vault, a master key, and has keys with lists of texts. */
      if (!roll.vault || !roll.old_master_key || (roll.n_keys && !roll.keys[0].names)) {
         abort ();
      }
   }
   fg_roll_clear (&roll);
   free (line);
   return 0;
}
