/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A client that inserts documents of 23 elements, 6 of them ciphertexts on two levels, for bench_insert.
 *
 *    insert_load URI COLLECTION FIRST_ID COUNT BATCH
 */

#include <mongoc/mongoc.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t
number (const char *text)
{
   char *end = NULL;
   errno = 0;
   long long n = strtoll (text, &end, 10);
   if (errno || !end || *end || n < 0) {
      fprintf (stderr, "insert_load: not a number: %s\n", text);
      exit (2);
   }
   return n;
}

/* In the shape of a random CSFLE ciphertext of a short string under the key id 00..0f. */
static void
append_ciphertext (bson_t *doc, const char *name, uint32_t seed)
{
   uint8_t blob[18 + 16 + 16 + 32];
   blob[0] = 2;
   for (uint8_t i = 0; i < 16; i++) {
      blob[1 + i] = i;
   }
   blob[17] = BSON_TYPE_UTF8;
   for (size_t i = 18; i < sizeof blob; i++) {
      seed = seed * 1103515245u + 12345u;
      blob[i] = (uint8_t)(seed >> 16 | 0x80u);
   }
   bson_append_binary (doc, name, -1, BSON_SUBTYPE_ENCRYPTED, blob, sizeof blob);
}

static bson_t *
employee (int64_t id)
{
   bson_t *doc = bson_new ();
   bson_t address;
   char text[40];
   bson_append_int64 (doc, "_id", -1, id);
   for (int i = 0; i < 9; i++) {
      snprintf (text, sizeof text, "plain%d", i);
      bson_append_utf8 (doc, text, -1, "an ordinary value of a field", -1);
   }
   append_ciphertext (doc, "ssn", (uint32_t)id);
   append_ciphertext (doc, "name", (uint32_t)id + 1);
   append_ciphertext (doc, "phone", (uint32_t)id + 2);
   bson_append_document_begin (doc, "address", -1, &address);
   append_ciphertext (&address, "street", (uint32_t)id + 3);
   append_ciphertext (&address, "city", (uint32_t)id + 4);
   append_ciphertext (&address, "zip", (uint32_t)id + 5);
   for (int i = 0; i < 6; i++) {
      snprintf (text, sizeof text, "part%d", i);
      bson_append_int32 (&address, text, -1, i);
   }
   bson_append_document_end (doc, &address);
   return doc;
}

int
main (int argc, char **argv)
{
   if (argc != 6) {
      fprintf (stderr, "usage: insert_load URI COLLECTION FIRST_ID COUNT BATCH\n");
      return 2;
   }
   int64_t first = number (argv[3]), count = number (argv[4]), batch = number (argv[5]);
   mongoc_init ();
   mongoc_client_t *client = mongoc_client_new (argv[1]);
   if (!client || batch < 1 || batch > 1000) {
      return 2;
   }
   mongoc_collection_t *coll = mongoc_client_get_collection (client, "bench", argv[2]);
   bson_t *docs[1000];
   bson_error_t error = {0};
   bool ok = true;
   for (int64_t i = 0; ok && i < count; i += batch) {
      for (int64_t j = 0; j < batch; j++) {
         docs[j] = employee (first + i + j);
      }
      const bson_t *views[1000];
      for (int64_t j = 0; j < batch; j++) {
         views[j] = docs[j];
      }
      ok = mongoc_collection_insert_many (coll, views, (size_t)batch, NULL, NULL, &error);
      for (int64_t j = 0; j < batch; j++) {
         bson_destroy (docs[j]);
      }
   }
   if (!ok) {
      fprintf (stderr, "insert_load: %s\n", error.message);
   }
   mongoc_collection_destroy (coll);
   mongoc_client_destroy (client);
   mongoc_cleanup ();
   return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
