/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target over every file of the folders and files named, without libFuzzer: the corpus as a regression test under any compiler. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static size_t replayed;

static int
replay_file (const char *path)
{
   FILE *file = fopen (path, "rb");
   if (!file) {
      perror (path);
      return 1;
   }
   size_t cap = 1u << 20;
   uint8_t *data = malloc (cap);
   size_t len = data ? fread (data, 1, cap, file) : 0;
   fclose (file);
   /* An exact allocation, so that valgrind and the sanitizers see a read past the end. */
   uint8_t *exact = malloc (len ? len : 1);
   if (data && exact) {
      memcpy (exact, data, len);
      LLVMFuzzerTestOneInput (exact, len);
      replayed++;
   }
   free (exact);
   free (data);
   return 0;
}

static int
replay (const char *path)
{
   struct stat st;
   if (stat (path, &st) != 0) {
      perror (path);
      return 1;
   }
   if (!S_ISDIR (st.st_mode)) {
      return replay_file (path);
   }
   DIR *dir = opendir (path);
   if (!dir) {
      perror (path);
      return 1;
   }
   int failed = 0;
   for (struct dirent *entry; (entry = readdir (dir));) {
      if (entry->d_name[0] != '.') {
         char child[4096];
         snprintf (child, sizeof child, "%s/%s", path, entry->d_name);
         failed |= replay (child);
      }
   }
   closedir (dir);
   return failed;
}

int
main (int argc, char **argv)
{
   int failed = 0;
   for (int i = 1; i < argc; i++) {
      failed |= replay (argv[i]);
   }
   printf ("%zu inputs replayed\n", replayed);
   return failed || replayed == 0;
}
