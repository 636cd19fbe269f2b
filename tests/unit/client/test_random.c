/* SPDX-License-Identifier: Apache-2.0 */
#include "client/secret/secret.h"
#include "tests/unit/runner.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const fg_suite_name = "client.random";

static int
by_bytes (const void *a, const void *b)
{
   return memcmp (a, b, 16);
}

static size_t
repeats (uint8_t (*ivs)[16], size_t n)
{
   size_t found = 0;

   qsort (ivs, n, 16, by_bytes);
   for (size_t i = 1; i < n; i++) {
      found += memcmp (ivs[i - 1], ivs[i], 16) == 0;
   }
   return found;
}

#define PER_THREAD 5000u
static uint8_t drawn[4][PER_THREAD][16];

static void *
draw (void *arg)
{
   uint8_t (*out)[16] = arg;

   for (size_t i = 0; i < PER_THREAD; i++) {
      if (!fg_random_public (out[i], 16, NULL)) {
         abort ();
      }
   }
   return NULL;
}

static void
test_threads_share_nothing (void)
{
   pthread_t threads[4];

   for (size_t i = 0; i < 4; i++) {
      CU_ASSERT_EQUAL_FATAL (pthread_create (&threads[i], NULL, draw, drawn[i]), 0);
   }
   for (size_t i = 0; i < 4; i++) {
      pthread_join (threads[i], NULL);
   }
   CU_ASSERT_EQUAL (repeats (drawn[0], 4 * PER_THREAD), 0);
}

/* Parent and child both draw after the fork, from a pool that was full at its time. */
static void
test_survives_no_fork (void)
{
   static uint8_t all[512][16];
   int fds[2];

   CU_ASSERT_TRUE_FATAL (fg_random_public (all[0], 16, NULL)); /* fills the pool */
   CU_ASSERT_EQUAL_FATAL (pipe (fds), 0);
   pid_t child = fork ();
   if (child == 0) {
      uint8_t ours[256][16];
      for (size_t i = 0; i < 256; i++) {
         if (!fg_random_public (ours[i], 16, NULL)) {
            _exit (1);
         }
      }
      _exit (write (fds[1], ours, sizeof ours) == (ssize_t)sizeof ours ? 0 : 1);
   }
   for (size_t i = 0; i < 256; i++) {
      CU_ASSERT_TRUE (fg_random_public (all[i], 16, NULL));
   }
   CU_ASSERT_EQUAL (read (fds[0], (uint8_t *)all + 256 * 16, 256 * 16), 256 * 16);
   int status = -1;
   waitpid (child, &status, 0);
   CU_ASSERT_EQUAL (status, 0);
   CU_ASSERT_EQUAL (repeats (all, 512), 0);
   close (fds[0]);
   close (fds[1]);
}

static void
test_large_and_private (void)
{
   static const uint8_t zero[300];
   uint8_t a[300] = {0};
   uint8_t b[300] = {0};

   CU_ASSERT_TRUE (fg_random_public (a, sizeof a, NULL));
   CU_ASSERT_TRUE (fg_random_private (b, sizeof b, NULL));
   CU_ASSERT_NOT_EQUAL (memcmp (a, zero, sizeof a), 0);
   CU_ASSERT_NOT_EQUAL (memcmp (b, zero, sizeof b), 0);
   CU_ASSERT_NOT_EQUAL (memcmp (a, b, sizeof a), 0);
}

const fg_test fg_tests[] = {
   {"threads_share_nothing", test_threads_share_nothing},
   {"survives_no_fork", test_survives_no_fork},
   {"large_and_private", test_large_and_private},
   {NULL, NULL},
};
