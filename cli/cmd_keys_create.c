/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"

#include <stdio.h>

static const char help[] =
   "usage: fieldguard keys create --key-vault VAULT --kms-providers FILE --provider PROVIDER [--master-key FILE]\n"
   "                              [--key-alt-name NAME]... [--json]\n"
   "\n"
   "Makes a data key, has it wrapped, stores it and prints its id. A vault file that does not exist is begun; in a "
   "MongoDB collection the\n"
   "unique index on keyAltNames is made sure of.\n"
   "\n" FG_KEYS_OPTIONS "  --provider PROVIDER  local, aws, azure, gcp, kmip, vault, or a named one such as aws:eu\n"
   "  --master-key FILE    the masterKey document in Extended JSON, without `provider`; none for local\n";

static bool
create (fg_cli_client *c, const bson_t *master_key, uint8_t id[FG_KEY_ID_LEN], fg_error *err)
{
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;

   options.master_key = master_key;
   options.key_alt_names = c->key_alt_names;
   options.n_key_alt_names = c->n_key_alt_names;
   return fg_client_create_index (c->client, err) &&
          fg_client_create_data_key (c->client, c->provider, &options, id, err);
}

int
fg_keys_create (int argc, char **argv)
{
   fg_cli_client c = {.verb = "keys create"};
   bson_t *master_key = NULL;
   uint8_t id[FG_KEY_ID_LEN];
   char text[37];
   fg_error err = {0};
   int status = fg_cli_client_parse (&c, argc, argv, FG_CLI_KEY | FG_CLI_MASTER, help);

   if (status >= 0) {
      return status;
   }
   if (optind != argc || c.key_id || !c.provider || !c.kms_providers) {
      return fg_cli_usage (c.verb, "keys create: --provider and --kms-providers are needed, and no --key-id");
   }
   bool ok = !c.master_key || (master_key = fg_cli_read_document (c.master_key, &err)) != NULL;
   ok = ok && fg_cli_client_open (&c, true, &err) && create (&c, master_key, id, &err);
   if (ok) {
      fg_cli_uuid_text (id, text);
      printf (c.json ? "{\"keyId\":\"%s\"}\n" : "%s\n", text);
   }
   bson_destroy (master_key);
   fg_cli_client_close (&c);
   return ok ? FG_EXIT_OK : fg_cli_fail (&err);
}
