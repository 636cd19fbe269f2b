/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/net/crc32c.h"

#include <pthread.h>

#define POLYNOMIAL 0x82F63B78u

static uint32_t table[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
fill_table (void)
{
   for (uint32_t i = 0; i < 256; i++) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; bit++) {
         crc = (crc >> 1) ^ (crc & 1u ? POLYNOMIAL : 0);
      }
      table[i] = crc;
   }
}

uint32_t
fgd_crc32c (const uint8_t *data, size_t len)
{
   uint32_t crc = 0xFFFFFFFFu;

   pthread_once (&once, fill_table);
   for (size_t i = 0; i < len; i++) {
      crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xFF];
   }
   return crc ^ 0xFFFFFFFFu;
}
