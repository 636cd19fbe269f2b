/* SPDX-License-Identifier: Apache-2.0 */
#include <fieldguard/client.h>

#include "base/base.h"
#include "client/secret/secret.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fg_suite_name = "client.hygiene";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true /* their shadow memory and quarantine are not the program's */
#elif defined(__has_feature)
#define SANITIZED (__has_feature (address_sanitizer) || __has_feature (memory_sanitizer))
#else
#define SANITIZED false
#endif

#define MASK 0x55u

/* Valgrind's own mappings are not the program's either. */
static bool
under_valgrind (void)
{
   const char *preload = getenv ("LD_PRELOAD");

   return preload && strstr (preload, "vgpreload");
}

/* A pattern of 96 bytes that exists in this process only masked, unless somebody writes it out. */
static uint8_t
pattern_byte (size_t which, size_t i)
{
   return (uint8_t)(which * 97 + i * 59 + 11 + (i * i) % 251);
}

typedef struct hits {
   size_t elsewhere; /* outside of memory that core dumps leave out */
   size_t hidden;
} hits;

/* Whether the 32 bytes at p are the pattern's from `from` on. The whole pattern is never assembled. */
static bool
is_here (const uint8_t *p, size_t which, size_t from)
{
   for (size_t i = 0; i < 32; i++) {
      if ((p[i] ^ MASK) != (pattern_byte (which, from + i) ^ MASK)) {
         return false;
      }
   }
   return true;
}

static void
scan_range (const uint8_t *from, const uint8_t *to, bool hidden, size_t which, hits *h)
{
   for (const uint8_t *p = from; p + 32 <= to; p++) {
      for (size_t sub = 0; sub < 96; sub += 32) {
         if (*p == pattern_byte (which, sub) && is_here (p, which, sub)) {
            ++*(hidden ? &h->hidden : &h->elsewhere);
         }
      }
   }
}

/* Every writable mapping of this process: heap (freed parts too), stacks, data. VmFlags dd: not in core dumps. */
static bool
scan (size_t which, hits *h)
{
   FILE *f = fopen ("/proc/self/smaps", "r");
   char line[512];
   unsigned long from = 0, to = 0;
   bool wanted = false;

   memset (h, 0, sizeof *h);
   if (!f) {
      return false;
   }
   while (fgets (line, sizeof line, f)) {
      char perms[8];
      unsigned long a, b;
      if (sscanf (line, "%lx-%lx %7s", &a, &b, perms) == 3) {
         from = a;
         to = b;
         wanted = perms[0] == 'r' && perms[1] == 'w' && !strstr (line, "[v");
      } else if (wanted && strncmp (line, "VmFlags:", 8) == 0) {
         scan_range ((const uint8_t *)from, (const uint8_t *)to, strstr (line, " dd") != NULL, which, h);
         wanted = false;
      }
   }
   fclose (f);
   return true;
}

/* The caller's own copies, which it wipes: in locked memory as well, so that the scan can tell. */
static fg_secret *
write_out (size_t which)
{
   fg_secret *s = fg_secret_new (96, NULL);

   for (size_t i = 0; s && i < 96; i++) {
      s->bytes[i] = pattern_byte (which, i);
   }
   return s;
}

static fg_client *
client_with_master (fg_key_vault *vault, size_t which)
{
   fg_secret *master = write_out (which);
   bson_t *providers = BCON_NEW ("local", "{", "key", BCON_BIN (BSON_SUBTYPE_BINARY, master->bytes, 96), "}");
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;

   options.key_vault = vault;
   options.kms_providers = providers;
   fg_client *client = fg_client_new (&options, NULL);
   fg_memzero ((void *)(uintptr_t)bson_get_data (providers), providers->len);
   bson_destroy (providers);
   fg_secret_free (master);
   return client;
}

static void
use_everything (fg_client *client, const uint8_t id[16])
{
   static char text[] = "a value";
   fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
   fg_rewrap_options rewrap = FG_REWRAP_OPTIONS_INIT;
   fg_rewrap_result result;
   bson_value_t value = {.value_type = BSON_TYPE_UTF8};
   bson_value_t blob, back;

   value.value.v_utf8.str = text;
   value.value.v_utf8.len = sizeof text - 1;
   options.key_id = id;
   for (int algorithm = 1; algorithm <= 2; algorithm++) {
      options.algorithm = (fg_algorithm)algorithm;
      CU_ASSERT_TRUE_FATAL (fg_client_encrypt (client, &value, &options, &blob, NULL));
      CU_ASSERT_TRUE_FATAL (fg_client_decrypt (client, &blob, &back, NULL));
      bson_t document = BSON_INITIALIZER;
      BSON_APPEND_VALUE (&document, "v", &blob);
      bson_t *plain = fg_client_decrypt_document (client, &document, NULL);
      CU_ASSERT_PTR_NOT_NULL (plain);
      bson_destroy (plain);
      bson_destroy (&document);
      bson_value_destroy (&blob);
      bson_value_destroy (&back);
   }
   CU_ASSERT_TRUE (fg_client_rewrap_many_data_key (client, NULL, &rewrap, &result, NULL));
}

/* The subkeys of the data key (0) and of the master key (1): outside of locked memory only where OpenSSL keeps its key schedules while the client
 * lives, nowhere once it is freed. */
static void
test_nothing_left_behind (void)
{
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
   uint8_t id[16];
   hits h;

   if (SANITIZED || under_valgrind () || !scan (0, &h)) {
      fg_test_skip ("a sanitizer's or Valgrind's memory, or no /proc/self/smaps");
      return;
   }
   fg_key_vault *vault = fg_key_vault_memory_new (NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (vault);
   fg_client *client = client_with_master (vault, 1);
   CU_ASSERT_PTR_NOT_NULL_FATAL (client);
   fg_secret *material = write_out (0);
   options.key_material = material->bytes;
   CU_ASSERT_TRUE_FATAL (fg_client_create_data_key (client, "local", &options, id, NULL));
   fg_secret_free (material);
   use_everything (client, id);
   CU_ASSERT_TRUE (scan (0, &h) && h.hidden >= 3); /* the scan finds what is there */
   CU_ASSERT_TRUE (h.elsewhere <= 4); /* one encryption key in OpenSSL's schedules */
   fg_client_forget_key (client, NULL);
   CU_ASSERT_TRUE (scan (0, &h));
   CU_ASSERT_EQUAL (h.hidden + h.elsewhere, 0);
   fg_client_free (client);
   CU_ASSERT_TRUE (scan (1, &h));
   CU_ASSERT_EQUAL (h.hidden + h.elsewhere, 0);
   fg_key_vault_free (vault);
}

const fg_test fg_tests[] = {
   {"nothing_left_behind", test_nothing_left_behind},
   {NULL, NULL},
};
