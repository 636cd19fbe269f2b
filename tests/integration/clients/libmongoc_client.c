/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a program written against libmongoc does on an ordinary day, with default options: CRUD, a cursor over several batches, ordered and unordered
 * bulk writes with a bad document in the middle, a unique index, and the plaintext write that the extension refuses.
 *
 *    libmongoc_client mongodb://127.0.0.1:PORT
 */

#include <mongoc/mongoc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void
result (const char *name, bool ok, const char *why)
{
   if (ok) {
      printf ("ok libmongoc.%s\n", name);
   } else {
      printf ("not ok libmongoc.%s - %s\n", name, why);
      failures++;
   }
}

static int64_t
reply_int (const bson_t *reply, const char *path)
{
   bson_iter_t iter, found;
   if (bson_iter_init (&iter, reply) && bson_iter_find_descendant (&iter, path, &found)) {
      return bson_iter_as_int64 (&found);
   }
   return -1;
}

static void
crud (mongoc_collection_t *people)
{
   bson_error_t error = {0};
   bson_t reply;
   bson_t *doc = BCON_NEW ("_id", BCON_INT32 (1), "name", "ann", "n", BCON_INT32 (1));
   bson_t *query = BCON_NEW ("_id", BCON_INT32 (1));
   bson_t *update = BCON_NEW ("$inc", "{", "n", BCON_INT32 (2), "}", "$push", "{", "tags", "new", "}");
   bson_t *upsert = BCON_NEW ("upsert", BCON_BOOL (true));
   bson_t *other = BCON_NEW ("name", "bob");
   const bson_t *found = NULL;

   result ("insert_one", mongoc_collection_insert_one (people, doc, NULL, NULL, &error), error.message);
   bool ok = mongoc_collection_update_one (people, query, update, NULL, &reply, &error);
   result ("update_one", ok && reply_int (&reply, "modifiedCount") == 1, error.message);
   bson_destroy (&reply);
   mongoc_cursor_t *cursor = mongoc_collection_find_with_opts (people, query, NULL, NULL);
   ok = mongoc_cursor_next (cursor, &found) && reply_int (found, "n") == 3;
   result ("find_one", ok, "n is not 3");
   mongoc_cursor_destroy (cursor);
   ok = mongoc_collection_replace_one (people, other, other, upsert, &reply, &error);
   result ("replace_one_upsert", ok && reply_int (&reply, "upsertedCount") == 1, error.message);
   bson_destroy (&reply);
   bson_t *all = bson_new ();
   result ("count", mongoc_collection_count_documents (people, all, NULL, NULL, NULL, &error) == 2, error.message);
   result ("estimated_count", mongoc_collection_estimated_document_count (people, NULL, NULL, NULL, &error) == 2,
           error.message);
   ok = mongoc_collection_delete_many (people, all, NULL, &reply, &error);
   result ("delete_many", ok && reply_int (&reply, "deletedCount") == 2, error.message);
   bson_destroy (&reply);
   bson_destroy (all);
   bson_destroy (other);
   bson_destroy (upsert);
   bson_destroy (update);
   bson_destroy (query);
   bson_destroy (doc);
}

static void
cursor_over_batches (mongoc_collection_t *numbers)
{
   bson_error_t error = {0};
   mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts (numbers, NULL);
   for (int32_t i = 0; i < 250; i++) {
      bson_t *doc = BCON_NEW ("_id", BCON_INT32 (i));
      mongoc_bulk_operation_insert (bulk, doc);
      bson_destroy (doc);
   }
   bool ok = mongoc_bulk_operation_execute (bulk, NULL, &error) != 0;
   mongoc_bulk_operation_destroy (bulk);
   bson_t *all = bson_new ();
   bson_t *opts = BCON_NEW ("sort", "{", "_id", BCON_INT32 (1), "}", "batchSize", BCON_INT32 (100));
   mongoc_cursor_t *cursor = mongoc_collection_find_with_opts (numbers, all, opts, NULL);
   const bson_t *doc;
   int32_t n = 0;
   while (ok && mongoc_cursor_next (cursor, &doc)) {
      ok = reply_int (doc, "_id") == n++;
   }
   result ("cursor_three_batches", ok && n == 250 && !mongoc_cursor_error (cursor, &error), error.message);
   mongoc_cursor_destroy (cursor);
   bson_destroy (opts);
   bson_destroy (all);
}

/* Three inserts, the second of which repeats the first one's _id. */
static void
bulk_with_bad_middle (mongoc_collection_t *bulk_coll, bool ordered, int64_t wanted)
{
   bson_error_t error = {0};
   bson_t reply;
   bson_t *opts = BCON_NEW ("ordered", BCON_BOOL (ordered));
   mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts (bulk_coll, opts);
   const int32_t base = ordered ? 0 : 100;
   const int32_t ids[] = {base, base, base + 1};

   for (size_t i = 0; i < 3; i++) {
      bson_t *doc = BCON_NEW ("_id", BCON_INT32 (ids[i]));
      mongoc_bulk_operation_insert (bulk, doc);
      bson_destroy (doc);
   }
   bool ok = mongoc_bulk_operation_execute (bulk, &reply, &error) == 0;
   ok = ok && reply_int (&reply, "nInserted") == wanted && reply_int (&reply, "writeErrors.0.index") == 1 &&
        reply_int (&reply, "writeErrors.0.code") == 11000;
   result (ordered ? "bulk_ordered" : "bulk_unordered", ok, error.message);
   bson_destroy (&reply);
   mongoc_bulk_operation_destroy (bulk);
   bson_destroy (opts);
}

static void
unique_index (mongoc_client_t *client, mongoc_collection_t *people)
{
   bson_error_t error = {0};
   bson_t *index = BCON_NEW ("createIndexes", "people", "indexes", "[", "{", "key", "{", "email", BCON_INT32 (1), "}",
                             "name", "email_1", "unique", BCON_BOOL (true), "}", "]");
   bool ok = mongoc_client_write_command_with_opts (client, "libmongoc", index, NULL, NULL, &error);
   bson_t *a = BCON_NEW ("email", "a@example.org");
   bson_t *b = BCON_NEW ("email", "a@example.org");

   ok = ok && mongoc_collection_insert_one (people, a, NULL, NULL, &error);
   ok = ok && !mongoc_collection_insert_one (people, b, NULL, NULL, &error) && error.code == 11000 &&
        strstr (error.message, "email_1");
   result ("unique_index", ok, error.message);
   bson_destroy (a);
   bson_destroy (b);
   bson_destroy (index);
}

static void
refused_plaintext (mongoc_client_t *client)
{
   bson_error_t error = {0};
   bson_t reply;
   bson_t *create = BCON_NEW ("create", "secret", "validator", "{", "$jsonSchema", "{", "properties", "{", "ssn", "{",
                              "encrypt", "{", "bsonType", "string", "}", "}", "}", "}", "}");
   bool ok = mongoc_client_write_command_with_opts (client, "libmongoc", create, NULL, NULL, &error);
   mongoc_collection_t *secret = mongoc_client_get_collection (client, "libmongoc", "secret");
   bson_t *doc = BCON_NEW ("ssn", "123-45-6789");

   ok = ok && !mongoc_collection_insert_one (secret, doc, NULL, &reply, &error);
   ok = ok && error.code == 121 && reply_int (&reply, "writeErrors.0.code") == 121;
   bson_iter_t iter, found;
   ok = ok && bson_iter_init (&iter, &reply) &&
        bson_iter_find_descendant (&iter, "writeErrors.0.errInfo.details.operatorName", &found) &&
        strcmp (bson_iter_utf8 (&found, NULL), "$jsonSchema") == 0;
   result ("plaintext_refused", ok, error.message);
   bson_destroy (&reply);
   bson_destroy (doc);
   bson_destroy (create);
   mongoc_collection_destroy (secret);
}

int
main (int argc, char **argv)
{
   if (argc != 2) {
      fprintf (stderr, "usage: libmongoc_client mongodb://HOST:PORT\n");
      return 2;
   }
   mongoc_init ();
   mongoc_client_t *client = mongoc_client_new (argv[1]);
   if (!client) {
      fprintf (stderr, "libmongoc_client: not a connection string: %s\n", argv[1]);
      return 2;
   }
   mongoc_collection_t *people = mongoc_client_get_collection (client, "libmongoc", "people");
   mongoc_collection_t *numbers = mongoc_client_get_collection (client, "libmongoc", "numbers");
   mongoc_collection_t *bulk = mongoc_client_get_collection (client, "libmongoc", "bulk");
   crud (people);
   cursor_over_batches (numbers);
   bulk_with_bad_middle (bulk, true, 1);
   bulk_with_bad_middle (bulk, false, 2);
   unique_index (client, people);
   refused_plaintext (client);
   mongoc_collection_destroy (people);
   mongoc_collection_destroy (numbers);
   mongoc_collection_destroy (bulk);
   mongoc_client_destroy (client);
   mongoc_cleanup ();
   return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
