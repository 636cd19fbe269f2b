/* SPDX-License-Identifier: Apache-2.0 */
#include <fieldguard/client.h>

#include "base/base.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* malloc_usable_size tells how much there is to wipe without a header of our own before every block. */
static void *
plain_malloc (size_t n, const char *file, int line)
{
   (void)file;
   (void)line;
   return malloc (n);
}

static void
wiping_free (void *p, const char *file, int line)
{
   (void)file;
   (void)line;
   if (p) {
      fg_memzero (p, malloc_usable_size (p));
      free (p);
   }
}

/* realloc may leave the old bytes behind: a new block, a copy, a wiped old one. */
static void *
wiping_realloc (void *p, size_t n, const char *file, int line)
{
   if (!p) {
      return malloc (n);
   }
   if (n == 0) {
      wiping_free (p, file, line);
      return NULL;
   }
   size_t old = malloc_usable_size (p);
   void *fresh = malloc (n);
   if (fresh) {
      memcpy (fresh, p, old < n ? old : n);
      wiping_free (p, file, line);
   }
   return fresh;
}

bool
fg_openssl_cleanse_memory (fg_error *err)
{
   return CRYPTO_set_mem_functions (plain_malloc, wiping_realloc, wiping_free) == 1 ||
          fg_error_set (err, FG_ERROR_CRYPTO, FG_E_DENIED, NULL,
                        "OpenSSL has allocated memory already: call this first");
}
