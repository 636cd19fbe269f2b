/* SPDX-License-Identifier: Apache-2.0 */

/* The peer of bench_check.sh: what a program that only walks a .bson file with libbson does. Every element of every document, recursively; nothing is looked at. */

#include <bson/bson.h>
#include <stdio.h>

static uint64_t elements;

static void
walk (bson_iter_t *iter)
{
   bson_iter_t child;

   while (bson_iter_next (iter)) {
      elements++;
      if ((BSON_ITER_HOLDS_DOCUMENT (iter) || BSON_ITER_HOLDS_ARRAY (iter)) && bson_iter_recurse (iter, &child)) {
         walk (&child);
      }
   }
}

int
main (int argc, char **argv)
{
   bson_error_t error;
   bson_reader_t *reader = argc == 2 ? bson_reader_new_from_file (argv[1], &error) : NULL;
   const bson_t *document;
   bson_iter_t iter;
   bool end = false;
   uint64_t documents = 0;

   if (!reader) {
      fprintf (stderr, "usage: bson_walk FILE.bson\n");
      return 2;
   }
   while ((document = bson_reader_read (reader, &end))) {
      documents++;
      if (bson_iter_init (&iter, document)) {
         walk (&iter);
      }
   }
   bson_reader_destroy (reader);
   printf ("%llu documents, %llu elements\n", (unsigned long long)documents, (unsigned long long)elements);
   return end ? 0 : 1;
}
