/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/*
 * A KMIP server's reply, read as the answer to each operation.
 */

#include "client/kms/kmip.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   static const fg_kmip_operation operations[] = {FG_KMIP_CREATE,   FG_KMIP_REGISTER, FG_KMIP_GET,
                                                  FG_KMIP_ACTIVATE, FG_KMIP_ENCRYPT,  FG_KMIP_DECRYPT};
   static char name[] = "kmip";
   const fg_kms_provider provider = {.name = name};
   volatile uint8_t sink = 0;

   for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
      fg_ttlv payload;
      fg_error err = {0};
      char id[FG_KMIP_ID_MAX];
      const uint8_t *bytes = NULL;
      const uint8_t *iv = NULL;
      size_t len = 0;
      if (!fg_kmip_read (&provider, operations[i], data, size, &payload, &err)) {
         continue;
      }
      if (fg_kmip_read_id (&provider, &payload, id, &err)) {
         sink ^= (uint8_t)id[0];
      }
      if (fg_kmip_read_secret (&provider, &payload, &bytes, &err)) {
         sink ^= bytes[95];
      }
      if (fg_kmip_read_data (&provider, &payload, &bytes, &len, &iv, &err)) {
         sink ^= (uint8_t)(bytes[len - 1] ^ iv[15]);
      }
   }
   return 0;
}
