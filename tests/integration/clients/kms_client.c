/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library against a KMS: kms_client VAULT.json KMS.json PROVIDER MASTER.json OTHER-PROVIDER OTHER-MASTER.json
 *
 * Creates a key, encrypts, decrypts with a fresh client, rewraps to the other provider and master key, decrypts with a fresh client again. Prints "good", or what failed.
 */
#include <fieldguard/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bson_t *
read_json (const char *path)
{
   bson_error_t error;
   bson_json_reader_t *reader = bson_json_reader_new_from_file (path, &error);
   bson_t *doc = bson_new ();

   if (!reader || bson_json_reader_read (reader, doc, &error) != 1) {
      fprintf (stderr, "%s: %s\n", path, error.message);
      exit (2);
   }
   bson_json_reader_destroy (reader);
   return doc;
}

static void
must (bool ok, const char *what, const fg_error *err)
{
   if (!ok) {
      printf ("%s: %s\n", what, err->message);
      exit (1);
   }
}

static fg_client *
fresh_client (fg_key_vault *vault, const bson_t *kms)
{
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   bson_t providers = BSON_INITIALIZER;
   bson_t tls;
   bson_iter_t iter;
   uint32_t len = 0;
   const uint8_t *data = NULL;
   fg_error err = {0};

   bson_copy_to_excluding_noinit (kms, &providers, "tlsOptions", NULL);
   options.key_vault = vault;
   options.kms_providers = &providers;
   if (bson_iter_init_find (&iter, kms, "tlsOptions")) {
      bson_iter_document (&iter, &len, &data);
      if (bson_init_static (&tls, data, len)) {
         options.tls_options = &tls;
      }
   }
   fg_client *client = fg_client_new (&options, &err);
   must (client != NULL, "client", &err);
   bson_destroy (&providers);
   return client;
}

/* With a client that has no key cached. */
static void
decrypt_afresh (fg_key_vault *vault, const bson_t *kms, const bson_value_t *blob)
{
   fg_client *client = fresh_client (vault, kms);
   bson_value_t plain;
   fg_error err = {0};

   must (fg_client_decrypt (client, blob, &plain, &err), "decrypt", &err);
   if (plain.value_type != BSON_TYPE_UTF8 || strcmp (plain.value.v_utf8.str, "a value") != 0) {
      printf ("decrypted to something else\n");
      exit (1);
   }
   bson_value_destroy (&plain);
   fg_client_free (client);
}

int
main (int argc, char **argv)
{
   static char text[] = "a value";
   fg_error err = {0};

   if (argc != 7) {
      fprintf (stderr, "usage: kms_client VAULT KMS PROVIDER MASTER OTHER-PROVIDER OTHER-MASTER\n");
      return 2;
   }
   bson_t *kms = read_json (argv[2]);
   bson_t *master = read_json (argv[4]);
   bson_t *other = read_json (argv[6]);
   fg_key_vault *vault = fg_key_vault_file_new (argv[1], true, &err);
   must (vault != NULL, "vault", &err);
   fg_client *client = fresh_client (vault, kms);
   fg_data_key_options key_options = FG_DATA_KEY_OPTIONS_INIT;
   fg_encrypt_options encrypt_options = FG_ENCRYPT_OPTIONS_INIT;
   uint8_t id[FG_KEY_ID_LEN];
   bson_value_t value = {.value_type = BSON_TYPE_UTF8};
   bson_value_t blob;

   key_options.master_key = master;
   must (fg_client_create_data_key (client, argv[3], &key_options, id, &err), "create", &err);
   value.value.v_utf8.str = text;
   value.value.v_utf8.len = sizeof text - 1;
   encrypt_options.key_id = id;
   encrypt_options.algorithm = FG_ALGORITHM_RANDOM;
   must (fg_client_encrypt (client, &value, &encrypt_options, &blob, &err), "encrypt", &err);
   decrypt_afresh (vault, kms, &blob);

   fg_rewrap_options rewrap = FG_REWRAP_OPTIONS_INIT;
   fg_rewrap_result result;
   rewrap.provider = argv[5];
   rewrap.master_key = other;
   must (fg_client_rewrap_many_data_key (client, NULL, &rewrap, &result, &err), "rewrap", &err);
   if (result.rewrapped != result.matched || result.matched == 0) {
      printf ("%zu of %zu keys rewrapped\n", result.rewrapped, result.matched);
      return 1;
   }
   decrypt_afresh (vault, kms, &blob);
   bson_value_destroy (&blob);
   fg_client_free (client);
   fg_key_vault_free (vault);
   bson_destroy (kms);
   bson_destroy (master);
   bson_destroy (other);
   puts ("good");
   return 0;
}
