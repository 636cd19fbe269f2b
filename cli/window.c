/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/window.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW ((size_t)4 << 20)
#define ALIGNMENT ((uint64_t)1 << 16) /* a multiple of every page size in use */

static const uint8_t nothing[1];
static const char *lost_name = "the input";

/* Only what a signal handler may call. */
static void
lost (int signal)
{
   static const char before[] = "fieldguard: ";
   static const char after[] = ": cut short, or unreadable, while it was being read\n";

   (void)signal;
   if (write (STDERR_FILENO, before, sizeof before - 1) < 0 ||
       write (STDERR_FILENO, lost_name, strlen (lost_name)) < 0 || write (STDERR_FILENO, after, sizeof after - 1) < 0) {
      _exit (2);
   }
   _exit (2);
}

static bool
size_of (int fd, uint64_t *size)
{
   struct stat st;

   if (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode) || st.st_size < 0) {
      return false;
   }
   *size = (uint64_t)st.st_size;
   return true;
}

bool
fg_window_open (fg_window *window, int fd, const char *name)
{
   struct sigaction action = {.sa_handler = lost};
   uint64_t size;

   *window = (fg_window){.fd = fd, .data = nothing};
   if (!size_of (fd, &size) || size == 0) { /* files without a size may still be read: /proc */
      return false;
   }
   lost_name = name;
   sigemptyset (&action.sa_mask);
   if (sigaction (SIGBUS, &action, NULL) != 0) {
      return false;
   }
   (void)posix_fadvise (fd, 0, 0, POSIX_FADV_SEQUENTIAL);
   return true;
}

static void
unmap (fg_window *window)
{
   if (window->map) {
      munmap (window->map, window->map_len);
   }
   window->map = NULL;
   window->data = nothing;
   window->len = 0;
}

bool
fg_window_move (fg_window *window, uint64_t offset, size_t wanted, fg_error *err)
{
   uint64_t size = 0, from = offset / ALIGNMENT * ALIGNMENT;
   size_t len = (size_t)(offset - from) + (wanted > WINDOW ? wanted : WINDOW);

   unmap (window);
   window->at_end = true;
   if (!size_of (window->fd, &size)) {
      return fg_error_set_errno (err, errno, lost_name, "%s: cannot read", lost_name);
   }
   if (size <= offset) {
      return true;
   }
   window->at_end = size - from <= len;
   window->map_len = window->at_end ? (size_t)(size - from) : len;
   void *map = mmap (NULL, window->map_len, PROT_READ, MAP_SHARED, window->fd, (off_t)from);
   if (map == MAP_FAILED) {
      return fg_error_set_errno (err, errno, lost_name, "%s: cannot read", lost_name);
   }
   /* Advice only: in one go instead of a fault a few pages, and the next stretch from the disk meanwhile. */
#ifdef MADV_POPULATE_READ
   (void)madvise (map, window->map_len, MADV_POPULATE_READ);
#endif
   (void)posix_fadvise (window->fd, (off_t)(from + window->map_len), (off_t)WINDOW, POSIX_FADV_WILLNEED);
   window->map = map;
   window->data = window->map + (offset - from);
   window->len = window->map_len - (size_t)(offset - from);
   return true;
}

void
fg_window_close (fg_window *window)
{
   unmap (window);
}
