/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_CLIENT_VECTORS_H
#define FG_TEST_CLIENT_VECTORS_H

/* Vector files and hexadecimal, for this folder's tests. */

#include "tests/unit/runner.h"

#include <bson/bson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The path of a file below tests/vectors/, or below $FG_VECTORS (default: ../shared/vectors beside the source tree). */
static inline const char *
vector_path (const char *name, char *buf, size_t size)
{
   const char *dir = getenv ("FG_VECTORS");

   snprintf (buf, size, "%s/tests/vectors/%s", fg_test_top_dir (), name);
   FILE *f = fopen (buf, "rb");
   if (!f) {
      if (dir) {
         snprintf (buf, size, "%s/%s", dir, name);
      } else {
         snprintf (buf, size, "%s/../shared/vectors/%s", fg_test_top_dir (), name);
      }
      f = fopen (buf, "rb");
   }
   if (!f) {
      return NULL;
   }
   fclose (f);
   return buf;
}

/* A whole file with a NUL behind it (free it), NULL when there is none. */
static inline char *
vector_read (const char *name, size_t *len)
{
   char path[1024];
   FILE *f = vector_path (name, path, sizeof path) ? fopen (path, "rb") : NULL;

   if (!f) {
      return NULL;
   }
   char *data = calloc (1, 1 << 20);
   *len = data ? fread (data, 1, (1 << 20) - 1, f) : 0;
   fclose (f);
   return data;
}

/* A JSON file as BSON; an array becomes a document with its positions as names. */
static inline bson_t *
vector_json (const char *name)
{
   size_t len = 0;
   char *text = vector_read (name, &len);
   bson_t *doc = text ? bson_new_from_json ((const uint8_t *)text, (ssize_t)len, NULL) : NULL;

   free (text);
   return doc;
}

static inline size_t
unhex (const char *hex, uint8_t *out, size_t size)
{
   size_t n = 0;
   unsigned byte;

   while (hex && hex[2 * n] && hex[2 * n + 1] && n < size && sscanf (hex + 2 * n, "%2x", &byte) == 1) {
      out[n++] = (uint8_t)byte;
   }
   return n;
}

static inline const char *
text_of (const bson_t *doc, const char *name)
{
   bson_iter_t iter;

   return bson_iter_init_find (&iter, doc, name) && BSON_ITER_HOLDS_UTF8 (&iter) ? bson_iter_utf8 (&iter, NULL) : NULL;
}

#endif /* FG_TEST_CLIENT_VECTORS_H */
