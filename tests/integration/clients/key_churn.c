/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the tests of key management do to a vault beside the command, a thousand keys at a time.
 *
 *    key_churn make VAULT PROVIDERS PROVIDER N FIRST DOC   N keys with the alt names k<FIRST>...; DOC gets {"k<i>": <ciphertext under it>, ...}
 *    key_churn load FROM TO                                copies every document
 *    key_churn open VAULT PROVIDERS                        every key of the vault is unwrapped; prints how many, or names the first that does not open
 *    key_churn create VAULT PROVIDERS PROVIDER MS IDS      a client of this library: makes a key every MS milliseconds until it is refused or ended
 *    key_churn driver VAULT PROVIDERS PROVIDER MS IDS      as a driver does it, which knows no epoch: inserts documents wrapped under PROVIDER until it is ended
 *
 * VAULT: a file, or mongodb://HOST?ns=DB.COLLECTION. IDS gets one id a line, after the key is stored.
 */

#include "client/keys/key_document.h"
#include "client/keys/key_list.h"
#include "client/keys/key_vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static fg_error err;

static int
fail (const char *what)
{
   fprintf (stderr, "key_churn: %s: %s\n", what, err.message);
   return 1;
}

static fg_key_vault *
open_vault (const char *where)
{
   char uri[512];
   const char *ns = strstr (where, "?ns=");

   if (strncmp (where, "mongodb://", 10) != 0 || !ns) {
      return fg_key_vault_file_new (where, true, &err);
   }
   snprintf (uri, sizeof uri, "%.*s", (int)(ns - where), where);
   return fg_key_vault_mongodb_new (uri, ns + 4, &err);
}

static fg_client *
open_client (fg_key_vault *vault, const char *providers)
{
   bson_json_reader_t *reader = bson_json_reader_new_from_file (providers, NULL);
   bson_t doc = BSON_INITIALIZER;
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;

   if (!reader || bson_json_reader_read (reader, &doc, NULL) != 1) {
      fg_error_set (&err, FG_ERROR_USAGE, FG_E_INVALID, providers, "cannot read %s", providers);
      return NULL;
   }
   options.key_vault = vault;
   options.kms_providers = &doc;
   fg_client *client = fg_client_new (&options, &err);
   bson_json_reader_destroy (reader);
   bson_destroy (&doc);
   return client;
}

static bool
encrypt_into (fg_client *client, const uint8_t id[16], const char *name, bson_t *doc)
{
   fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
   bson_value_t value;
   bson_value_t sealed;

   value.value_type = BSON_TYPE_INT32;
   value.value.v_int32 = 42;
   options.key_id = id;
   options.algorithm = FG_ALGORITHM_RANDOM;
   if (!fg_client_encrypt (client, &value, &options, &sealed, &err)) {
      return false;
   }
   bool ok = BSON_APPEND_VALUE (doc, name, &sealed);
   bson_value_destroy (&sealed);
   return ok;
}

static bool
copy_all (fg_key_vault *from, fg_key_vault *to)
{
   fg_key_list all = {0};
   bool ok = fg_key_list_fill (&all, from, NULL, &err);

   for (size_t i = 0; ok && i < all.n; i++) {
      ok = to->ops->insert (to->self, all.docs[i], &err);
   }
   fg_key_list_clear (&all);
   return ok;
}

static bool
write_documents (fg_key_vault *from, const char *path)
{
   fg_key_list all = {0};
   FILE *f = fopen (path, "w");
   bool ok = f && fg_key_list_fill (&all, from, NULL, &err);

   for (size_t i = 0; ok && i < all.n; i++) {
      char *json = bson_as_canonical_extended_json (all.docs[i], NULL);
      ok = fprintf (f, "%s\n", json) > 0;
      bson_free (json);
   }
   fg_key_list_clear (&all);
   return (!f || fclose (f) == 0) && ok;
}

static int
make (char **argv)
{
   fg_key_vault *memory = fg_key_vault_memory_new (&err);
   fg_client *client = memory ? open_client (memory, argv[3]) : NULL;
   long n = strtol (argv[5], NULL, 10);
   long first = strtol (argv[6], NULL, 10);
   bson_t doc = BSON_INITIALIZER;
   uint8_t id[16];
   char name[32];
   const char *names[1] = {name};
   bool ok = client != NULL;

   for (long i = first; ok && i < first + n; i++) {
      fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
      snprintf (name, sizeof name, "k%ld", i);
      options.key_alt_names = names;
      options.n_key_alt_names = 1;
      ok = fg_client_create_data_key (client, argv[4], &options, id, &err) && encrypt_into (client, id, name, &doc);
   }
   FILE *f = ok ? fopen (argv[7], "w") : NULL;
   char *json = f ? bson_as_canonical_extended_json (&doc, NULL) : NULL;
   ok = json && fprintf (f, "%s\n", json) > 0 && fclose (f) == 0 && write_documents (memory, argv[2]);
   bson_free (json);
   bson_destroy (&doc);
   fg_client_free (client);
   fg_key_vault_free (memory);
   return ok ? 0 : fail ("make");
}

static int
load (char **argv)
{
   fg_key_vault *from = open_vault (argv[2]);
   fg_key_vault *to = from ? open_vault (argv[3]) : NULL;
   bool ok = to && to->ops->create_index (to->self, &err) && copy_all (from, to);

   if (to) {
      fg_key_vault_free (to);
   }
   fg_key_vault_free (from);
   return ok ? 0 : fail ("load");
}

/* Read once into memory, so that a vault in a file is not read anew for every key. */
static int
open_all (char **argv)
{
   fg_key_vault *vault = open_vault (argv[2]);
   fg_key_vault *memory = fg_key_vault_memory_new (&err);
   fg_client *client = vault && memory && copy_all (vault, memory) ? open_client (memory, argv[3]) : NULL;
   fg_key_list all = {0};
   bson_t scratch = BSON_INITIALIZER;
   bool ok = client && fg_key_list_fill (&all, memory, NULL, &err);

   for (size_t i = 0; ok && i < all.n; i++) {
      fg_key_document doc;
      bson_reinit (&scratch);
      ok = fg_key_document_parse (all.docs[i], &doc, &err) && encrypt_into (client, doc.id, "v", &scratch);
   }
   if (ok) {
      printf ("%zu\n", all.n);
   }
   fg_key_list_clear (&all);
   bson_destroy (&scratch);
   fg_client_free (client);
   fg_key_vault_free (memory);
   fg_key_vault_free (vault);
   return ok ? 0 : fail ("open");
}

static void
put_id (FILE *ids, const uint8_t id[16])
{
   char text[FG_UUID_TEXT_LEN];

   fg_uuid_text (id, text);
   fprintf (ids, "%s\n", text);
   fflush (ids);
}

/* A driver wraps first and looks at nothing in the vault. */
static bool
as_driver (fg_key_vault *vault, const char *providers, const char *provider, uint8_t id[16])
{
   fg_key_vault *memory = fg_key_vault_memory_new (&err);
   fg_client *client = memory ? open_client (memory, providers) : NULL;
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
   bool ok = client && fg_client_create_data_key (client, provider, &options, id, &err) && copy_all (memory, vault);

   fg_client_free (client);
   fg_key_vault_free (memory);
   return ok;
}

static int
churn (char **argv, bool driver)
{
   fg_key_vault *vault = open_vault (argv[2]);
   fg_client *client = vault ? open_client (vault, argv[3]) : NULL;
   useconds_t pause = (useconds_t)strtoul (argv[5], NULL, 10) * 1000;
   FILE *ids = fopen (argv[6], "w");
   bool ok = client && ids;

   while (ok) {
      fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
      uint8_t id[16];
      ok = driver ? as_driver (vault, argv[3], argv[4], id)
                  : fg_client_create_data_key (client, argv[4], &options, id, &err);
      if (ok) {
         put_id (ids, id);
         usleep (pause);
      }
   }
   bool refused = !driver && ids && err.domain == FG_ERROR_KEY && err.code == FG_E_DENIED;
   if (refused) {
      printf ("refused\n");
   }
   if (ids) {
      fclose (ids);
   }
   fg_client_free (client);
   fg_key_vault_free (vault);
   return refused ? 0 : fail (argv[1]);
}

int
main (int argc, char **argv)
{
   if (argc == 8 && strcmp (argv[1], "make") == 0) {
      return make (argv);
   }
   if (argc == 4 && strcmp (argv[1], "load") == 0) {
      return load (argv);
   }
   if (argc == 4 && strcmp (argv[1], "open") == 0) {
      return open_all (argv);
   }
   if (argc == 7 && (strcmp (argv[1], "create") == 0 || strcmp (argv[1], "driver") == 0)) {
      return churn (argv, strcmp (argv[1], "driver") == 0);
   }
   fprintf (stderr, "usage: key_churn make|load|open|create|driver ARGUMENT...\n");
   return 2;
}
