/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes the store's disk fail (LD_PRELOAD): while the file that FG_FAIL_FILE names holds one of these words, calls on data.mdb fail with EIO:
 *
 *    sync    fdatasync, fsync
 *    data    writes of pages
 *    meta    the write of the page that makes a transaction valid: LMDB does it through a descriptor that is opened O_DSYNC
 *
 * and, without a file:
 *
 *    connection    there is no memory for a block of the size that a connection has
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

typedef ssize_t (*pwrite_fn) (int, const void *, size_t, off_t);
typedef ssize_t (*pwritev_fn) (int, const struct iovec *, int, off_t);
typedef int (*sync_fn) (int);

ssize_t pwrite (int fd, const void *data, size_t n, off_t at);
ssize_t pwrite64 (int fd, const void *data, size_t n, off_t at);
ssize_t pwritev (int fd, const struct iovec *parts, int n, off_t at);
ssize_t pwritev64 (int fd, const struct iovec *parts, int n, off_t at);
int fdatasync (int fd);
int fsync (int fd);
void *calloc (size_t n, size_t size);
void *__libc_calloc (size_t n, size_t size);

/* ISO C has no conversion from an object pointer to a function pointer; POSIX promises it. */
static void
find (const char *name, void *function)
{
   void *symbol = dlsym (RTLD_NEXT, name);

   memcpy (function, &symbol, sizeof symbol);
}

static int
asked_for (const char *word)
{
   const char *path = getenv ("FG_FAIL_FILE");
   char text[16] = "";
   FILE *file = path ? fopen (path, "re") : NULL;

   if (!file) {
      return 0;
   }
   size_t n = fread (text, 1, sizeof text - 1, file);
   fclose (file);
   return n == strlen (word) && memcmp (text, word, n) == 0;
}

static int
is_data_file (int fd)
{
   static const char name[] = "/data.mdb";
   char link[64], path[512];

   snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
   ssize_t n = readlink (link, path, sizeof path);
   return n >= (ssize_t)sizeof name && memcmp (path + n - (sizeof name - 1), name, sizeof name - 1) == 0;
}

static int
write_fails (int fd)
{
   if (!is_data_file (fd)) {
      return 0;
   }
   int flags = fcntl (fd, F_GETFL);
   if (!asked_for (flags & O_DSYNC ? "meta" : "data")) {
      return 0;
   }
   errno = EIO;
   return 1;
}

ssize_t
pwrite (int fd, const void *data, size_t n, off_t at)
{
   static pwrite_fn real;
   if (!real) {
      find ("pwrite", &real);
   }
   return write_fails (fd) ? -1 : real (fd, data, n, at);
}

ssize_t
pwrite64 (int fd, const void *data, size_t n, off_t at)
{
   static pwrite_fn real;
   if (!real) {
      find ("pwrite64", &real);
   }
   return write_fails (fd) ? -1 : real (fd, data, n, at);
}

ssize_t
pwritev (int fd, const struct iovec *parts, int n, off_t at)
{
   static pwritev_fn real;
   if (!real) {
      find ("pwritev", &real);
   }
   return write_fails (fd) ? -1 : real (fd, parts, n, at);
}

ssize_t
pwritev64 (int fd, const struct iovec *parts, int n, off_t at)
{
   static pwritev_fn real;
   if (!real) {
      find ("pwritev64", &real);
   }
   return write_fails (fd) ? -1 : real (fd, parts, n, at);
}

static int
any_sync (const char *name, sync_fn *real, int fd)
{
   if (!*real) {
      find (name, real);
   }
   if (is_data_file (fd) && asked_for ("sync")) {
      errno = EIO;
      return -1;
   }
   return (*real) (fd);
}

void *
calloc (size_t n, size_t size)
{
   if (n == 1 && size >= 700 && size <= 4000 && asked_for ("connection")) {
      errno = ENOMEM;
      return NULL;
   }
   return __libc_calloc (n, size);
}

int
fdatasync (int fd)
{
   static sync_fn real;
   return any_sync ("fdatasync", &real, fd);
}

int
fsync (int fd)
{
   static sync_fn real;
   return any_sync ("fsync", &real, fd);
}
