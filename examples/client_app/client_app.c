/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A whole client: a key vault in a collection, a data key, an encrypted insert, a query by a deterministically encrypted field, the document read back.
 *
 *    client_app mongodb://localhost:27017 MASTER-KEY-FILE        (96 bytes: head -c 96 /dev/urandom >master.key)
 */

#include <fieldguard/client.h>

#include <mongoc/mongoc.h>

#include <stdio.h>
#include <stdlib.h>

static void
die (const char *what, const char *why)
{
   fprintf (stderr, "client_app: %s: %s\n", what, why);
   exit (EXIT_FAILURE);
}

/* kmsProviders with the master key of a file. Production uses a KMS: then only this function differs. */
static bson_t *
read_providers (const char *path)
{
   uint8_t key[96];
   FILE *f = fopen (path, "rb");

   if (!f || fread (key, 1, sizeof key, f) != sizeof key) {
      die (path, "not a file of 96 bytes");
   }
   fclose (f);
   bson_t *providers = BCON_NEW ("local", "{", "key", BCON_BIN (BSON_SUBTYPE_BINARY, key, sizeof key), "}");
   explicit_bzero (key, sizeof key);
   return providers;
}

static fg_client *
open_client (fg_key_vault *vault, const char *key_file)
{
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   bson_t *providers = read_providers (key_file);
   fg_error err = {0};

   options.key_vault = vault;
   options.kms_providers = providers;
   fg_client *client = fg_client_new (&options, &err);
   explicit_bzero ((void *)(uintptr_t)bson_get_data (providers), providers->len);
   bson_destroy (providers);
   if (!client || !fg_client_create_index (client, &err)) {
      die ("client", err.message);
   }
   return client;
}

/* The key of this name, made when there is none. */
static void
make_sure_of_key (fg_client *client, const char *name)
{
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
   bson_t *document = NULL;
   uint8_t id[FG_KEY_ID_LEN];
   fg_error err = {0};

   options.key_alt_names = &name;
   options.n_key_alt_names = 1;
   if (!fg_client_get_key_by_alt_name (client, name, &document, &err) ||
       (!document && !fg_client_create_data_key (client, "local", &options, id, &err))) {
      die ("key", err.message);
   }
   bson_destroy (document);
}

static void
append_encrypted (fg_client *client, bson_t *document, const char *field, const char *text, fg_algorithm algorithm)
{
   fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
   bson_t plain = BSON_INITIALIZER;
   bson_iter_t iter;
   bson_value_t blob;
   fg_error err = {0};

   options.key_alt_name = "employees";
   options.algorithm = algorithm;
   BSON_APPEND_UTF8 (&plain, "v", text);
   if (!bson_iter_init_find (&iter, &plain, "v") ||
       !fg_client_encrypt (client, bson_iter_value (&iter), &options, &blob, &err)) {
      die (field, err.message);
   }
   BSON_APPEND_VALUE (document, field, &blob);
   bson_value_destroy (&blob);
   bson_destroy (&plain);
}

static void
insert_employee (fg_client *client, mongoc_collection_t *employees)
{
   bson_t *document = BCON_NEW ("name", BCON_UTF8 ("Ada"));
   bson_error_t error;

   append_encrypted (client, document, "ssn", "457-55-5462", FG_ALGORITHM_DETERMINISTIC);
   append_encrypted (client, document, "notes", "left-handed", FG_ALGORITHM_RANDOM);
   if (!mongoc_collection_insert_one (employees, document, NULL, NULL, &error)) {
      die ("insert", error.message);
   }
   bson_destroy (document);
}

static void
print_as (const char *label, const bson_t *document)
{
   char *json = bson_as_relaxed_extended_json (document, NULL);

   printf ("%s %s\n", label, json);
   bson_free (json);
}

/* Equal values have equal ciphertexts under one key: the server compares what it cannot read. */
static void
find_employee (fg_client *client, mongoc_collection_t *employees)
{
   bson_t filter = BSON_INITIALIZER;
   const bson_t *found;
   bson_error_t error;
   fg_error err = {0};

   append_encrypted (client, &filter, "ssn", "457-55-5462", FG_ALGORITHM_DETERMINISTIC);
   mongoc_cursor_t *cursor = mongoc_collection_find_with_opts (employees, &filter, NULL, NULL);
   while (mongoc_cursor_next (cursor, &found)) {
      print_as ("stored:", found);
      bson_t *plain = fg_client_decrypt_document (client, found, &err);
      if (!plain) {
         die (err.path, err.message);
      }
      print_as ("read:  ", plain);
      bson_destroy (plain);
   }
   if (mongoc_cursor_error (cursor, &error)) {
      die ("find", error.message);
   }
   mongoc_cursor_destroy (cursor);
   bson_destroy (&filter);
}

int
main (int argc, char **argv)
{
   fg_error err = {0};

   if (argc != 3) {
      die ("usage", "client_app URI MASTER-KEY-FILE");
   }
   mongoc_init ();
   fg_key_vault *vault = fg_key_vault_mongodb_new (argv[1], "encryption.__keyVault", &err);
   if (!vault) {
      die ("key vault", err.message);
   }
   fg_client *client = open_client (vault, argv[2]);
   make_sure_of_key (client, "employees");
   mongoc_client_t *mongo = mongoc_client_new (argv[1]);
   mongoc_collection_t *employees = mongoc_client_get_collection (mongo, "hr", "employees");
   insert_employee (client, employees);
   find_employee (client, employees);
   mongoc_collection_destroy (employees);
   mongoc_client_destroy (mongo);
   fg_client_free (client);
   fg_key_vault_free (vault);
   mongoc_cleanup ();
   return EXIT_SUCCESS;
}
