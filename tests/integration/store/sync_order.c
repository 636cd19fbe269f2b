/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Stands between fieldguardd and the C library (LD_PRELOAD) and logs, in the order in which they return, what makes data durable and what sends a reply:
 *
 *    write FD PATH     pwrite, pwritev, write to a regular file
 *    sync FD PATH      fdatasync, fsync
 *    send FD           write, writev, send, sendmsg to a socket, logged before it happens
 *
 * One line an event, to the file that FG_SYNC_LOG names. FG_SYNC_DELAY_MS makes every sync of a data file slower, so that a reply that does not wait is caught.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

typedef ssize_t (*write_fn) (int, const void *, size_t);
typedef ssize_t (*pwrite_fn) (int, const void *, size_t, off_t);
typedef ssize_t (*pwritev_fn) (int, const struct iovec *, int, off_t);
typedef ssize_t (*writev_fn) (int, const struct iovec *, int);
typedef ssize_t (*send_fn) (int, const void *, size_t, int);
typedef ssize_t (*sendmsg_fn) (int, const struct msghdr *, int);
typedef int (*sync_fn) (int);

ssize_t write (int fd, const void *data, size_t n);
ssize_t pwrite (int fd, const void *data, size_t n, off_t at);
ssize_t pwrite64 (int fd, const void *data, size_t n, off_t at);
ssize_t pwritev (int fd, const struct iovec *parts, int n, off_t at);
ssize_t pwritev64 (int fd, const struct iovec *parts, int n, off_t at);
ssize_t writev (int fd, const struct iovec *parts, int n);
ssize_t send (int fd, const void *data, size_t n, int flags);
ssize_t sendmsg (int fd, const struct msghdr *message, int flags);
int fdatasync (int fd);
int fsync (int fd);

/* ISO C has no conversion from an object pointer to a function pointer; POSIX promises it. */
static void
find (const char *name, void *function)
{
   void *symbol = dlsym (RTLD_NEXT, name);

   memcpy (function, &symbol, sizeof symbol);
}

static int
log_file (void)
{
   static int fd = -1;
   static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

   pthread_mutex_lock (&mutex);
   if (fd < 0) {
      const char *path = getenv ("FG_SYNC_LOG");
      fd = open (path ? path : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
   }
   pthread_mutex_unlock (&mutex);
   return fd;
}

static void note (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

static void
note (const char *format, ...)
{
   static write_fn real;
   char line[512];
   va_list args;

   va_start (args, format);
   int n = vsnprintf (line, sizeof line, format, args);
   va_end (args);
   if (!real) {
      find ("write", &real);
   }
   if (n > 0 && real && real (log_file (), line, (size_t)n) != n) {
      abort ();
   }
}

static int
kind (int fd, char *path, size_t len)
{
   struct stat st;
   char link[64];

   if (fstat (fd, &st) != 0) {
      return 0;
   }
   if (S_ISSOCK (st.st_mode)) {
      return 's';
   }
   if (!S_ISREG (st.st_mode)) {
      return 0;
   }
   snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
   ssize_t n = readlink (link, path, len - 1);
   path[n > 0 ? n : 0] = '\0';
   return 'f';
}

static void
before (int fd)
{
   char path[256];

   if (kind (fd, path, sizeof path) == 's') {
      note ("send %d\n", fd);
   }
}

static void
after (int fd)
{
   char path[256];

   if (kind (fd, path, sizeof path) == 'f') {
      note ("write %d %s\n", fd, path);
   }
}

ssize_t
write (int fd, const void *data, size_t n)
{
   static write_fn real;
   if (!real) {
      find ("write", &real);
   }
   before (fd);
   ssize_t result = real (fd, data, n);
   after (fd);
   return result;
}

static ssize_t
any_pwrite (const char *name, pwrite_fn *real, int fd, const void *data, size_t n, off_t at)
{
   if (!*real) {
      find (name, real);
   }
   ssize_t result = (*real) (fd, data, n, at);
   after (fd);
   return result;
}

ssize_t
pwrite (int fd, const void *data, size_t n, off_t at)
{
   static pwrite_fn real;
   return any_pwrite ("pwrite", &real, fd, data, n, at);
}

ssize_t
pwrite64 (int fd, const void *data, size_t n, off_t at)
{
   static pwrite_fn real;
   return any_pwrite ("pwrite64", &real, fd, data, n, at);
}

static ssize_t
any_pwritev (const char *name, pwritev_fn *real, int fd, const struct iovec *parts, int n, off_t at)
{
   if (!*real) {
      find (name, real);
   }
   ssize_t result = (*real) (fd, parts, n, at);
   after (fd);
   return result;
}

ssize_t
pwritev (int fd, const struct iovec *parts, int n, off_t at)
{
   static pwritev_fn real;
   return any_pwritev ("pwritev", &real, fd, parts, n, at);
}

ssize_t
pwritev64 (int fd, const struct iovec *parts, int n, off_t at)
{
   static pwritev_fn real;
   return any_pwritev ("pwritev64", &real, fd, parts, n, at);
}

ssize_t
writev (int fd, const struct iovec *parts, int n)
{
   static writev_fn real;
   if (!real) {
      find ("writev", &real);
   }
   before (fd);
   ssize_t result = real (fd, parts, n);
   after (fd);
   return result;
}

ssize_t
send (int fd, const void *data, size_t n, int flags)
{
   static send_fn real;
   if (!real) {
      find ("send", &real);
   }
   before (fd);
   return real (fd, data, n, flags);
}

ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
   static sendmsg_fn real;
   if (!real) {
      find ("sendmsg", &real);
   }
   before (fd);
   return real (fd, message, flags);
}

static void
delay (void)
{
   const char *text = getenv ("FG_SYNC_DELAY_MS");
   long ms = text ? strtol (text, NULL, 10) : 0;
   struct timespec t = {ms / 1000, (ms % 1000) * 1000000};

   if (ms > 0) {
      nanosleep (&t, NULL);
   }
}

static int
any_sync (const char *name, sync_fn *real, int fd)
{
   char path[256];

   if (!*real) {
      find (name, real);
   }
   delay ();
   int result = (*real) (fd);
   if (result == 0 && kind (fd, path, sizeof path) == 'f') {
      note ("sync %d %s\n", fd, path);
   }
   return result;
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
