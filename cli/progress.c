/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STEP (1024u * 1024u)
#define WIDTH 40u
#define EVERY_MS 100

fg_progress
fg_progress_start (int fd)
{
   fg_progress progress = {.shown = isatty (STDERR_FILENO) && !isatty (fd), .next = STEP};
   struct stat st;

   if (progress.shown && fstat (fd, &st) == 0 && S_ISREG (st.st_mode)) {
      progress.total = (uint64_t)st.st_size;
   }
   return progress;
}

static int64_t
now_ms (void)
{
   struct timespec t = {0, 0};
   clock_gettime (CLOCK_MONOTONIC, &t);
   return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
fg_progress_draw (fg_progress *progress, uint64_t position)
{
   static const char full[] = "########################################";
   int64_t now = now_ms ();

   progress->next = position + STEP;
   if (now - progress->drawn_ms < EVERY_MS) {
      return;
   }
   progress->drawn_ms = now;
   if (progress->total) {
      uint64_t part = position < progress->total ? position : progress->total;
      unsigned done = (unsigned)(part * WIDTH / progress->total);
      fprintf (stderr, "\r[%-*.*s] %3" PRIu64 "%%", (int)WIDTH, (int)done, full, part * 100 / progress->total);
   } else {
      fprintf (stderr, "\r%" PRIu64 " MiB", position / STEP);
   }
}

void
fg_progress_end (fg_progress *progress)
{
   if (progress->shown && progress->drawn_ms) {
      fprintf (stderr, "\r\033[K");
   }
   progress->shown = false;
}
