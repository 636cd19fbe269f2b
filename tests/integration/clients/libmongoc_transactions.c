/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sessions, transactions and retryable writes of a program written against libmongoc, with default options.
 *
 *    libmongoc_transactions mongodb://127.0.0.1:PORT
 */

#include <mongoc/mongoc.h>

#include <stdio.h>
#include <stdlib.h>

static int failures;

static void
result (const char *name, bool ok, const char *why)
{
   if (ok) {
      printf ("ok libmongoc_txn.%s\n", name);
   } else {
      printf ("not ok libmongoc_txn.%s - %s\n", name, why);
      failures++;
   }
}

static int64_t
count (mongoc_collection_t *coll)
{
   bson_error_t error;
   bson_t all = BSON_INITIALIZER;
   int64_t n = mongoc_collection_count_documents (coll, &all, NULL, NULL, NULL, &error);

   bson_destroy (&all);
   return n;
}

static bool
insert (mongoc_collection_t *coll, mongoc_client_session_t *session, int32_t id, bson_error_t *error)
{
   bson_t *doc = BCON_NEW ("_id", BCON_INT32 (id));
   bson_t opts = BSON_INITIALIZER;

   bool ok = (!session || mongoc_client_session_append (session, &opts, error)) &&
             mongoc_collection_insert_one (coll, doc, &opts, NULL, error);
   bson_destroy (&opts);
   bson_destroy (doc);
   return ok;
}

/* A callback of with_transaction. */
static bool
two_inserts (mongoc_client_session_t *session, void *ctx, bson_t **reply, bson_error_t *error)
{
   (void)reply;
   return insert (ctx, session, 1, error) && insert (ctx, session, 2, error);
}

static void
transactions (mongoc_collection_t *coll, mongoc_client_session_t *session)
{
   bson_error_t error = {0};

   bool ok = mongoc_client_session_with_transaction (session, two_inserts, NULL, coll, NULL, &error);
   result ("with_transaction", ok && count (coll) == 2, error.message);
   ok = mongoc_client_session_start_transaction (session, NULL, &error) && insert (coll, session, 3, &error) &&
        count (coll) == 2 && mongoc_client_session_abort_transaction (session, &error);
   result ("abort", ok && count (coll) == 2, error.message);
   ok = mongoc_client_session_start_transaction (session, NULL, &error) && insert (coll, session, 4, &error) &&
        !insert (coll, session, 1, &error) && error.code == 11000 &&
        !mongoc_client_session_commit_transaction (session, NULL, &error) && error.code == 251;
   result ("duplicate_aborts", ok && count (coll) == 2, error.message);
}

int
main (int argc, char **argv)
{
   bson_error_t error = {0};

   if (argc != 2) {
      fprintf (stderr, "usage: libmongoc_transactions URI\n");
      return 2;
   }
   mongoc_init ();
   mongoc_client_t *client = mongoc_client_new (argv[1]);
   mongoc_client_set_appname (client, "libmongoc_transactions");
   mongoc_collection_t *coll = mongoc_client_get_collection (client, "libmongoc_txn", "c");
   mongoc_collection_drop (coll, NULL);
   mongoc_client_session_t *session = mongoc_client_start_session (client, NULL, &error);
   result ("session", session != NULL, error.message);
   if (session) {
      transactions (coll, session);
      mongoc_client_session_destroy (session);
   }
   result ("retryable_insert", insert (coll, NULL, 10, &error), error.message);
   mongoc_collection_destroy (coll);
   mongoc_client_destroy (client);
   mongoc_cleanup ();
   return failures ? 1 : 0;
}
