/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
read_all (int fd, size_t size, uint8_t *data, const char *path, const char *what, fg_error *err)
{
   size_t got = 0;

   while (got < size) {
      ssize_t n = read (fd, data + got, size - got);
      if (n < 0 && errno == EINTR) {
         continue;
      }
      if (n < 0) {
         return fg_error_set_errno (err, errno, path, "cannot read %s", what);
      }
      if (n == 0) {
         return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_TRUNCATED, path, "%s shrank while it was read", what);
      }
      got += (size_t)n;
   }
   return true;
}

bool
fg_file_read (const char *path, size_t max, const char *what, uint8_t **data, size_t *len, fg_error *err)
{
   struct stat st;
   bool ok = false;
   int fd = open (path, O_RDONLY | O_CLOEXEC);

   *data = NULL;
   if (fd < 0) {
      return fg_error_set_errno (err, errno, path, "cannot open %s", what);
   }
   if (fstat (fd, &st) != 0) {
      fg_error_set_errno (err, errno, path, "cannot open %s", what);
      goto done;
   }
   if (!S_ISREG (st.st_mode) || (size_t)st.st_size > max) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_TOO_LARGE, path, "%s is no regular file of at most %zu MiB", what,
                    max >> 20);
      goto done;
   }
   *len = (size_t)st.st_size;
   *data = malloc (*len + 1);
   if (!*data) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, path, "out of memory");
      goto done;
   }
   ok = read_all (fd, *len, *data, path, what, err);
done:
   if (!ok) {
      free (*data);
      *data = NULL;
   }
   close (fd);
   return ok;
}

bool
fg_file_write_all (int fd, const void *data, size_t len)
{
   const uint8_t *p = data;

   while (len) {
      ssize_t n = write (fd, p, len);
      if (n < 0 && errno == EINTR) {
         continue;
      }
      if (n < 0) {
         return false;
      }
      p += n;
      len -= (size_t)n;
   }
   return true;
}

bool
fg_file_sync_folder (const char *path)
{
   char *copy = strdup (path);
   int fd = copy ? open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
   bool ok = fd >= 0 && fsync (fd) == 0;
   int saved = errno;

   if (fd >= 0) {
      close (fd);
   }
   free (copy);
   errno = saved;
   return ok;
}
