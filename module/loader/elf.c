/* SPDX-License-Identifier: Apache-2.0 */
#include "module/loader/loader.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * dlopen maps a file's segments without asking whether the file is long enough for them: a truncated shared object kills the process with
 * SIGBUS. So the extents that its headers state are held against its size first. Everything else about it is left to dlopen.
 */

static bool
read_at (int fd, void *buf, size_t len, uint64_t offset)
{
   return offset <= INT64_MAX && pread (fd, buf, len, (off_t)offset) == (ssize_t)len;
}

static bool
within (uint64_t offset, uint64_t len, uint64_t size)
{
   return offset <= size && len <= size - offset;
}

/* A file that is no ELF object at all passes: dlopen says so in its own words. */
static bool
is_whole (int fd, uint64_t size)
{
   ElfW (Ehdr) header;
   ElfW (Phdr) segment;

   if (!read_at (fd, &header, sizeof header, 0) || memcmp (header.e_ident, ELFMAG, SELFMAG) != 0) {
      return true;
   }
   if (!within (header.e_shoff, (uint64_t)header.e_shnum * header.e_shentsize, size)) {
      return false;
   }
   for (uint64_t i = 0; i < header.e_phnum; i++) {
      if (!read_at (fd, &segment, sizeof segment, header.e_phoff + i * sizeof segment) ||
          (segment.p_type == PT_LOAD && !within (segment.p_offset, segment.p_filesz, size))) {
         return false;
      }
   }
   return true;
}

bool
fg_elf_check (const char *file, const char *path, fg_error *err)
{
   struct stat st;
   int fd = open (file, O_RDONLY | O_CLOEXEC);

   if (fd < 0 || fstat (fd, &st) != 0) {
      int errnum = errno;
      if (fd >= 0) {
         close (fd);
      }
      return fg_error_set_errno (err, errnum, path, "cannot load module %s", path);
   }
   bool whole = is_whole (fd, (uint64_t)st.st_size);
   close (fd);
   return whole ||
          fg_error_set (err, FG_ERROR_MODULE, FG_E_TRUNCATED, path,
                        "cannot load module %s: the file is cut short: its headers name bytes beyond its end", path);
}
