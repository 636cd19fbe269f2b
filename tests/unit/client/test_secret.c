/* SPDX-License-Identifier: Apache-2.0 */
#include "client/secret/secret.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const fg_suite_name = "client.secret";

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true /* AddressSanitizer turns mlock into nothing */
#elif defined(__has_feature)
#define SANITIZED __has_feature (address_sanitizer)
#else
#define SANITIZED false
#endif

/* The flags that the kernel keeps for the mapping that holds p, out of /proc/self/smaps. */
static bool
mapping_flags (const void *p, char *flags, size_t size)
{
   FILE *f = fopen ("/proc/self/smaps", "r");
   char line[512];
   bool inside = false;

   while (f && fgets (line, sizeof line, f)) {
      unsigned long from, to;
      if (sscanf (line, "%lx-%lx ", &from, &to) == 2) {
         inside = (unsigned long)(uintptr_t)p >= from && (unsigned long)(uintptr_t)p < to;
      } else if (inside && strncmp (line, "VmFlags:", 8) == 0) {
         snprintf (flags, size, "%s", line);
         fclose (f);
         return true;
      }
   }
   if (f) {
      fclose (f);
   }
   return false;
}

static void
test_locked_and_not_dumped (void)
{
   char flags[512] = "";
   fg_secret *s = fg_secret_new (96, NULL);

   CU_ASSERT_PTR_NOT_NULL_FATAL (s);
   if (SANITIZED || !mapping_flags (s->bytes, flags, sizeof flags)) {
      fg_test_skip ("AddressSanitizer locks no memory, or /proc/self/smaps is not to be read here");
   } else {
      CU_ASSERT_PTR_NOT_NULL (strstr (flags, " lo"));
      CU_ASSERT_PTR_NOT_NULL (strstr (flags, " dd"));
   }
   fg_secret_free (s);
}

static void
test_zero_when_new (void)
{
   static const uint8_t zero[200];
   size_t before = fg_secret_in_use ();
   fg_secret *keep = fg_secret_new (200, NULL); /* holds the chunk, so that the next two share it */
   fg_secret *a = fg_secret_new (200, NULL);

   CU_ASSERT_TRUE_FATAL (keep && a);
   uint8_t *where = a->bytes;
   memset (a->bytes, 0xA5, a->len);
   fg_secret_free (a);
   CU_ASSERT_EQUAL (memcmp (where, zero, 200), 0); /* still mapped: wiped by the free */
   fg_secret *b = fg_secret_new (200, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (b);
   CU_ASSERT_EQUAL (memcmp (b->bytes, zero, 200), 0);
   fg_secret_free (b);
   fg_secret_free (keep);
   CU_ASSERT_EQUAL (fg_secret_in_use (), before);
}

static void
test_sizes (void)
{
   fg_secret *held[64];
   size_t before = fg_secret_in_use ();

   for (size_t i = 0; i < 64; i++) {
      held[i] = fg_secret_new (1 + i * 150, NULL);
      CU_ASSERT_PTR_NOT_NULL_FATAL (held[i]);
      memset (held[i]->bytes, (int)i, held[i]->len);
   }
   for (size_t i = 0; i < 64; i++) {
      CU_ASSERT_EQUAL (held[i]->bytes[0], i);
      CU_ASSERT_EQUAL (held[i]->bytes[held[i]->len - 1], i);
      fg_secret_free (held[i]);
   }
   CU_ASSERT_EQUAL (fg_secret_in_use (), before);
   CU_ASSERT_PTR_NULL (fg_secret_new (0, NULL));
   CU_ASSERT_PTR_NULL (fg_secret_new (FG_SECRET_MAX + 1, NULL));
   fg_secret_free (NULL);
}

static void
test_truncate_wipes (void)
{
   fg_secret *s = fg_secret_new (100, NULL);

   CU_ASSERT_PTR_NOT_NULL_FATAL (s);
   memset (s->bytes, 7, 100);
   fg_secret_truncate (s, 40);
   CU_ASSERT_EQUAL (s->len, 40);
   CU_ASSERT_EQUAL (s->bytes[39], 7);
   CU_ASSERT_EQUAL (s->bytes[40], 0);
   CU_ASSERT_EQUAL (s->bytes[99], 0);
   fg_secret_free (s);
}

/* In a child, whose limit can be lowered: a lock that is refused is an error, not an unlocked secret. */
static void
test_lock_refused (void)
{
   if (SANITIZED) {
      fg_test_skip ("AddressSanitizer locks no memory");
      return;
   }
   pid_t child = fork ();

   if (child == 0) {
      const struct rlimit none = {0, 0};
      fg_error err = {0};
      if (setrlimit (RLIMIT_MEMLOCK, &none) != 0 || (geteuid () == 0 && seteuid (65534) != 0)) {
         _exit (2);
      }
      fg_secret *s = fg_secret_new (3000, &err);
      _exit (s ? 1 : strstr (err.message, "RLIMIT_MEMLOCK") ? 0 : 3);
   }
   int status = -1;
   CU_ASSERT_EQUAL (waitpid (child, &status, 0), child);
   if (WIFEXITED (status) && WEXITSTATUS (status) == 2) {
      fg_test_skip ("the memory lock limit cannot be lowered here");
      return;
   }
   CU_ASSERT_EQUAL (status, 0);
}

const fg_test fg_tests[] = {
   {"locked_and_not_dumped", test_locked_and_not_dumped},
   {"zero_when_new", test_zero_when_new},
   {"sizes", test_sizes},
   {"truncate_wipes", test_truncate_wipes},
   {"lock_refused", test_lock_refused},
   {NULL, NULL},
};
