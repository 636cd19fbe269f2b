/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_PROGRESS_H
#define FG_CLI_PROGRESS_H

/* A progress bar on stderr, where stderr is a terminal and stdout is not one that the bar would be mixed into; otherwise nothing. */

#include <stdbool.h>
#include <stdint.h>

typedef struct fg_progress {
   bool shown;
   uint64_t total; /* 0: not known (a pipe) */
   uint64_t next; /* the position at which to look at the clock again */
   int64_t drawn_ms;
} fg_progress;

fg_progress fg_progress_start (int fd);
void fg_progress_draw (fg_progress *progress, uint64_t position);
/* Wipes the bar. */
void fg_progress_end (fg_progress *progress);

static inline void
fg_progress_at (fg_progress *progress, uint64_t position)
{
   if (progress->shown && position >= progress->next) {
      fg_progress_draw (progress, position);
   }
}

#endif /* FG_CLI_PROGRESS_H */
