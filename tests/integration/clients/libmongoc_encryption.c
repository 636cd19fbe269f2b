/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmongoc's ClientEncryption as a filter. KMS.json: kmsProviders with tlsOptions; the key vault is encryption.__keyVault of the server at URI.
 *
 *   libmongoc_encryption URI KMS.json create PROVIDER MASTER.json ALT-NAME   makes a data key
 *   libmongoc_encryption URI KMS.json encrypt ALT-NAME ALGORITHM             {"v": value} a line in, {"v": ciphertext} out
 *   libmongoc_encryption URI KMS.json decrypt                                the other way round
 *   libmongoc_encryption URI KMS.json rewrap ALT-NAME PROVIDER MASTER.json
 */
#include <mongoc/mongoc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
must (bool ok, const char *what, const bson_error_t *error)
{
   if (!ok) {
      fprintf (stderr, "%s: %s\n", what, error->message);
      exit (1);
   }
}

static bson_t *
read_json (const char *path)
{
   bson_error_t error = {0};
   bson_json_reader_t *reader = bson_json_reader_new_from_file (path, &error);
   bson_t *doc = bson_new ();

   must (reader && bson_json_reader_read (reader, doc, &error) == 1, path, &error);
   bson_json_reader_destroy (reader);
   return doc;
}

static mongoc_client_encryption_t *
open_encryption (mongoc_client_t *client, const char *kms_path)
{
   bson_t *kms = read_json (kms_path);
   bson_t providers = BSON_INITIALIZER;
   bson_t tls;
   bson_iter_t iter;
   uint32_t len = 0;
   const uint8_t *data = NULL;
   bson_error_t error = {0};
   mongoc_client_encryption_opts_t *opts = mongoc_client_encryption_opts_new ();

   bson_copy_to_excluding_noinit (kms, &providers, "tlsOptions", NULL);
   mongoc_client_encryption_opts_set_keyvault_client (opts, client);
   mongoc_client_encryption_opts_set_keyvault_namespace (opts, "encryption", "__keyVault");
   mongoc_client_encryption_opts_set_kms_providers (opts, &providers);
   if (bson_iter_init_find (&iter, kms, "tlsOptions")) {
      bson_iter_document (&iter, &len, &data);
      must (bson_init_static (&tls, data, len), "tlsOptions", &error);
      mongoc_client_encryption_opts_set_tls_opts (opts, &tls);
   }
   mongoc_client_encryption_t *encryption = mongoc_client_encryption_new (opts, &error);
   must (encryption != NULL, "ClientEncryption", &error);
   mongoc_client_encryption_opts_destroy (opts);
   bson_destroy (&providers);
   bson_destroy (kms);
   return encryption;
}

/* NULL for an empty document, which the provider local wants. */
static bson_t *
read_master (const char *path)
{
   bson_t *master = read_json (path);

   if (bson_empty (master)) {
      bson_destroy (master);
      return NULL;
   }
   return master;
}

static void
create (mongoc_client_encryption_t *encryption, char **args)
{
   mongoc_client_encryption_datakey_opts_t *opts = mongoc_client_encryption_datakey_opts_new ();
   bson_t *master = read_master (args[1]);
   bson_value_t id;
   bson_error_t error = {0};

   if (master) {
      mongoc_client_encryption_datakey_opts_set_masterkey (opts, master);
   }
   mongoc_client_encryption_datakey_opts_set_keyaltnames (opts, &args[2], 1);
   must (mongoc_client_encryption_create_datakey (encryption, args[0], opts, &id, &error), "create", &error);
   bson_value_destroy (&id);
   bson_destroy (master);
   mongoc_client_encryption_datakey_opts_destroy (opts);
}

static void
rewrap (mongoc_client_encryption_t *encryption, char **args)
{
   mongoc_client_encryption_rewrap_many_datakey_result_t *result =
      mongoc_client_encryption_rewrap_many_datakey_result_new ();
   bson_t *filter = BCON_NEW ("keyAltNames", BCON_UTF8 (args[0]));
   bson_t *master = read_master (args[2]);
   bson_error_t error = {0};

   must (mongoc_client_encryption_rewrap_many_datakey (encryption, filter, args[1], master, result, &error), "rewrap",
         &error);
   bson_destroy (master);
   bson_destroy (filter);
   mongoc_client_encryption_rewrap_many_datakey_result_destroy (result);
}

static void
print_value (const bson_value_t *value)
{
   bson_t out = BSON_INITIALIZER;

   BSON_APPEND_VALUE (&out, "v", value);
   char *text = bson_as_canonical_extended_json (&out, NULL);
   puts (text);
   bson_free (text);
   bson_destroy (&out);
}

/* opts NULL: decrypt. */
static void
filter_lines (mongoc_client_encryption_t *encryption, mongoc_client_encryption_encrypt_opts_t *opts)
{
   char *line = NULL;
   size_t size = 0;

   while (getline (&line, &size, stdin) > 0) {
      bson_error_t error = {0};
      bson_iter_t iter;
      bson_value_t out;
      bson_t *doc = bson_new_from_json ((const uint8_t *)line, -1, &error);
      must (doc && bson_iter_init_find (&iter, doc, "v"), "line", &error);
      must (opts ? mongoc_client_encryption_encrypt (encryption, bson_iter_value (&iter), opts, &out, &error)
                 : mongoc_client_encryption_decrypt (encryption, bson_iter_value (&iter), &out, &error),
            opts ? "encrypt" : "decrypt", &error);
      print_value (&out);
      bson_value_destroy (&out);
      bson_destroy (doc);
   }
   free (line);
}

static void
encrypt (mongoc_client_encryption_t *encryption, char **args)
{
   mongoc_client_encryption_encrypt_opts_t *opts = mongoc_client_encryption_encrypt_opts_new ();

   mongoc_client_encryption_encrypt_opts_set_keyaltname (opts, args[0]);
   mongoc_client_encryption_encrypt_opts_set_algorithm (opts, args[1]);
   filter_lines (encryption, opts);
   mongoc_client_encryption_encrypt_opts_destroy (opts);
}

int
main (int argc, char **argv)
{
   if (argc < 4) {
      fprintf (stderr, "usage: libmongoc_encryption URI KMS create|encrypt|decrypt|rewrap ...\n");
      return 2;
   }
   mongoc_init ();
   mongoc_client_t *client = mongoc_client_new (argv[1]);
   mongoc_client_encryption_t *encryption = open_encryption (client, argv[2]);
   if (strcmp (argv[3], "create") == 0 && argc == 7) {
      create (encryption, argv + 4);
   } else if (strcmp (argv[3], "rewrap") == 0 && argc == 7) {
      rewrap (encryption, argv + 4);
   } else if (strcmp (argv[3], "encrypt") == 0 && argc == 6) {
      encrypt (encryption, argv + 4);
   } else if (strcmp (argv[3], "decrypt") == 0) {
      filter_lines (encryption, NULL);
   } else {
      return 2;
   }
   mongoc_client_encryption_destroy (encryption);
   mongoc_client_destroy (client);
   mongoc_cleanup ();
   return 0;
}
