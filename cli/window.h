/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_WINDOW_H
#define FG_CLI_WINDOW_H

/*
 * A regular file seen through a window that moves over it: the page cache's own pages, so nothing is copied, and no more of them held than the window shows.
 *
 * A file that is cut short, or cannot be read, while it lies under the window kills a program with SIGBUS. fg_window_open has that signal end the program with a
 * message and exit status 2 instead.
 */

#include "base/base.h"

typedef struct fg_window {
   int fd;
   uint8_t *map; /* NULL: nothing shown */
   size_t map_len;
   const uint8_t *data; /* from the offset asked for */
   size_t len;
   bool at_end; /* of the file as it is now */
} fg_window;

/* name: for the message; borrowed for as long as the program runs. False: no file that can be mapped; read it instead. */
bool fg_window_open (fg_window *window, int fd, const char *name) FG_WARN_UNUSED;
/* Shows the file from offset on, at least `wanted` bytes of it or up to its end. What was shown is gone. */
bool fg_window_move (fg_window *window, uint64_t offset, size_t wanted, fg_error *err) FG_WARN_UNUSED;
void fg_window_close (fg_window *window); /* the descriptor stays open */

#endif /* FG_CLI_WINDOW_H */
