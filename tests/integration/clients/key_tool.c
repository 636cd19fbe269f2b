/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second client for the tests of key vaults.
 *
 *    key_tool VAULT KMS-PROVIDERS create PROVIDER N [PAUSE-MS]   makes N keys (0: until killed), printing each id once it is stored
 *    key_tool FILE KMS-PROVIDERS fill PROVIDER N                the same, as a new file, at once
 *    key_tool VAULT KMS-PROVIDERS open                           a line a key: id, provider, SHA-256 of the opened key ("-" when it does not open) and of keyMaterial
 *
 * VAULT: a file, or mongodb://...@db.coll with the namespace after the last at sign.
 */
#include "client/client_internal.h"
#include "client/crypto/sha256.h"
#include "client/keys/key_document.h"
#include "client/keys/key_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int
fail (const fg_error *err)
{
   fprintf (stderr, "key_tool: %s\n", err->message);
   return 1;
}

static fg_key_vault *
open_vault (char *where, fg_error *err)
{
   char *at = strrchr (where, '@');

   if (strncmp (where, "mongodb://", 10) != 0 || !at) {
      return fg_key_vault_file_new (where, true, err);
   }
   *at = '\0';
   return fg_key_vault_mongodb_new (where, at + 1, err);
}

static bson_t *
read_providers (const char *path)
{
   static char text[65536];
   FILE *f = fopen (path, "r");
   size_t n = f ? fread (text, 1, sizeof text - 1, f) : 0;

   if (f) {
      fclose (f);
   }
   return bson_new_from_json ((const uint8_t *)text, (ssize_t)n, NULL);
}

static int
create (fg_client *client, const char *provider, long n, long pause_ms)
{
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
   fg_error err = {0};

   for (long i = 0; n == 0 || i < n; i++) {
      uint8_t id[FG_KEY_ID_LEN];
      char text[FG_UUID_TEXT_LEN];
      struct timespec t = {pause_ms / 1000, pause_ms % 1000 * 1000000};
      if (!fg_client_create_data_key (client, provider, &options, id, &err)) {
         return fail (&err);
      }
      fg_uuid_text (id, text);
      printf ("%s\n", text);
      fflush (stdout);
      nanosleep (&t, NULL);
   }
   return 0;
}

/* Many at once, where one by one would read and write a file as often. */
static int
create_file (fg_client *client, const char *path, const char *provider, long n)
{
   FILE *f = fopen (path, "w");
   fg_error err = {0};

   for (long i = 0; f && i < n; i++) {
      uint8_t dek[FG_DATA_KEY_LEN];
      uint8_t id[FG_KEY_ID_LEN];
      fg_wrapped wrapped;
      bson_t master_key;
      if (!fg_random_private (dek, sizeof dek, &err) || !fg_random_public (id, sizeof id, &err) ||
          !fg_kms_wrap (client->kms, provider, NULL, dek, &wrapped, &master_key, &err)) {
         fclose (f);
         return fail (&err);
      }
      const fg_key_document_parts parts = {.id = id,
                                           .material = wrapped.bytes,
                                           .material_len = wrapped.len,
                                           .now_ms = fg_now_ms (),
                                           .master_key = &master_key};
      bson_t *doc = fg_key_document_build (&parts, &err);
      char *json = bson_as_canonical_extended_json (doc, NULL);
      fprintf (f, "%s\n", json);
      bson_free (json);
      bson_destroy (doc);
      bson_destroy (&master_key);
   }
   return f && fclose (f) == 0 ? 0 : 1;
}

static bool
print_key (fg_client *client, const bson_t *bson, fg_error *err)
{
   fg_key_document doc;
   fg_secret *dek = NULL;
   uint8_t digest[FG_SHA256_LEN];
   char id[FG_UUID_TEXT_LEN];
   char opened[FG_SHA256_HEX_LEN] = "-";
   char material[FG_SHA256_HEX_LEN];

   if (!fg_key_document_parse (bson, &doc, err) || !fg_sha256 (doc.material, doc.material_len, digest, err)) {
      return false;
   }
   fg_sha256_hex (digest, material);
   if (fg_kms_unwrap (client->kms, &doc.master_key, doc.material, doc.material_len, &dek, NULL) &&
       fg_sha256 (dek->bytes, dek->len, digest, err)) {
      fg_sha256_hex (digest, opened);
   }
   fg_secret_free (dek);
   fg_uuid_text (doc.id, id);
   printf ("%s %s %s %s\n", id, doc.provider, opened, material);
   return true;
}

static int
open_all (fg_client *client)
{
   fg_key_list list = {0};
   fg_error err = {0};
   bool ok = fg_key_list_fill (&list, client->vault, NULL, &err);

   for (size_t i = 0; ok && i < list.n; i++) {
      ok = print_key (client, list.docs[i], &err);
   }
   fg_key_list_clear (&list);
   return ok ? 0 : fail (&err);
}

static int
run (fg_client *client, int argc, char **argv)
{
   if (argc == 4 && strcmp (argv[3], "open") == 0) {
      return open_all (client);
   }
   if (argc == 6 && strcmp (argv[3], "fill") == 0) {
      return create_file (client, argv[1], argv[4], strtol (argv[5], NULL, 10));
   }
   if (argc >= 6 && strcmp (argv[3], "create") == 0) {
      return create (client, argv[4], strtol (argv[5], NULL, 10), argc > 6 ? strtol (argv[6], NULL, 10) : 0);
   }
   fprintf (stderr, "key_tool: VAULT KMS-PROVIDERS create PROVIDER N [PAUSE-MS] | fill PROVIDER N | open\n");
   return 2;
}

static bool
tls_options (const bson_t *file, bson_t *out)
{
   bson_iter_t iter;
   const uint8_t *data;
   uint32_t len;

   if (!bson_iter_init_find (&iter, file, "tlsOptions") || !BSON_ITER_HOLDS_DOCUMENT (&iter)) {
      return false;
   }
   bson_iter_document (&iter, &len, &data);
   return bson_init_static (out, data, len);
}

int
main (int argc, char **argv)
{
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   fg_error err = {0};
   bson_t *file = argc > 3 ? read_providers (argv[2]) : NULL;
   bson_t providers = BSON_INITIALIZER;
   bson_t tls;
   int status = 1;

   if (file) {
      bson_copy_to_excluding_noinit (file, &providers, "tlsOptions", NULL);
      options.tls_options = tls_options (file, &tls) ? &tls : NULL;
   }
   options.kms_providers = &providers;
   options.key_vault = file ? open_vault (argv[1], &err) : NULL;
   fg_client *client = options.key_vault ? fg_client_new (&options, &err) : NULL;
   status = client ? run (client, argc, argv) : fail (&err);
   fg_client_free (client);
   fg_key_vault_free (options.key_vault);
   bson_destroy (&providers);
   bson_destroy (file);
   return status;
}
