/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs commands through libmongoc for tests that are not written in C: one line of Extended JSON in ({"db": "x", "cmd": {...}}), one line out (the
 * server's whole reply in canonical Extended JSON, or {"clientError": "..."} when there was none).
 *
 *    run_commands mongodb://127.0.0.1:PORT
 */

#include <mongoc/mongoc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_reply (const bson_t *reply, const bson_error_t *error)
{
   if (bson_empty (reply)) {
      bson_t doc = BSON_INITIALIZER;
      BSON_APPEND_UTF8 (&doc, "clientError", error->message);
      char *json = bson_as_canonical_extended_json (&doc, NULL);
      puts (json);
      bson_free (json);
      bson_destroy (&doc);
      return;
   }
   char *json = bson_as_canonical_extended_json (reply, NULL);
   puts (json ? json : "{\"clientError\": \"the reply is not printable\"}");
   bson_free (json);
}

static void
run_line (mongoc_client_t *client, const char *line, ssize_t len)
{
   bson_error_t error = {0};
   bson_t reply = BSON_INITIALIZER;
   bson_iter_t iter;
   bson_t *request = bson_new_from_json ((const uint8_t *)line, len, &error);
   const char *db = "test";
   const uint8_t *data;
   uint32_t data_len;
   bson_t cmd;

   if (request && bson_iter_init_find (&iter, request, "db") && BSON_ITER_HOLDS_UTF8 (&iter)) {
      db = bson_iter_utf8 (&iter, NULL);
   }
   if (request && bson_iter_init_find (&iter, request, "cmd") && BSON_ITER_HOLDS_DOCUMENT (&iter)) {
      bson_iter_document (&iter, &data_len, &data);
      if (bson_init_static (&cmd, data, data_len)) {
         bson_destroy (&reply);
         (void)mongoc_client_command_simple (client, db, &cmd, NULL, &reply, &error);
      }
   }
   print_reply (&reply, &error);
   fflush (stdout);
   bson_destroy (&reply);
   bson_destroy (request);
}

int
main (int argc, char **argv)
{
   char *line = NULL;
   size_t cap = 0;
   ssize_t len;

   if (argc != 2) {
      fprintf (stderr, "usage: run_commands mongodb://HOST:PORT\n");
      return 2;
   }
   mongoc_init ();
   mongoc_client_t *client = mongoc_client_new (argv[1]);
   if (!client) {
      fprintf (stderr, "run_commands: not a connection string: %s\n", argv[1]);
      return 2;
   }
   while ((len = getline (&line, &cap, stdin)) > 0) {
      run_line (client, line, len);
   }
   free (line);
   mongoc_client_destroy (client);
   mongoc_cleanup ();
   return EXIT_SUCCESS;
}
