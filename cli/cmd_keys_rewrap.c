/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"

#include <stdio.h>

static const char help[] = "usage: fieldguard keys rewrap --key-vault VAULT --kms-providers FILE [--filter JSON] "
                           "[--provider PROVIDER [--master-key FILE]] [--json]\n"
                           "\n"
                           "Unwraps every key that the filter matches and wraps it anew: under --provider and "
                           "--master-key, or under the master key that it has.\n"
                           "Every new wrapping is opened again and compared before the first document is changed, and "
                           "a document is changed only if it still is what was\n"
                           "read. Data stays as it is: no ciphertext changes.\n"
                           "\n"
                           "With --journal FILE it goes key by key instead, backed up, resumable and revocable: "
                           "--backup, --parallel, --rate, --dry-run and\n"
                           "--rollback are then as in `fieldguard keys migrate --help`.\n"
                           "\n" FG_KEYS_OPTIONS "  --filter JSON        which keys; all without it. Vaults in files "
                           "know equality and $in on _id, keyAltNames, status and\n"
                           "                       masterKey.<field>\n"
                           "\n"
                           "Exit status: 0 all matching keys rewrapped, 1 some were changed by somebody else meanwhile "
                           "and left alone, 2 failed.\n";

static bool
rewrap (fg_cli_client *c, const bson_t *filter, fg_rewrap_result *result, fg_error *err)
{
   fg_rewrap_options options = FG_REWRAP_OPTIONS_INIT;
   bson_t *master_key = NULL;

   if (c->master_key && !(master_key = fg_cli_read_document (c->master_key, err))) {
      return false;
   }
   options.provider = c->provider;
   options.master_key = master_key;
   bool ok =
      fg_cli_client_open (c, false, err) && fg_client_rewrap_many_data_key (c->client, filter, &options, result, err);
   bson_destroy (master_key);
   return ok;
}

/* With a journal it is a migration from a provider to itself, or to another. */
static bool
has_journal (int argc, char **argv)
{
   for (int i = 1; i < argc; i++) {
      if (strcmp (argv[i], "--journal") == 0 || strncmp (argv[i], "--journal=", 10) == 0) {
         return true;
      }
   }
   return false;
}

int
fg_keys_rewrap (int argc, char **argv)
{
   fg_cli_client c = {.verb = "keys rewrap"};
   fg_rewrap_result result = {0};
   bson_t *filter = NULL;
   fg_error err = {0};

   if (has_journal (argc, argv)) {
      return fg_keys_rewrap_journalled (argc, argv);
   }
   int status = fg_cli_client_parse (&c, argc, argv, FG_CLI_FILTER | FG_CLI_MASTER, help);

   if (status >= 0) {
      return status;
   }
   if (optind != argc || !c.kms_providers || (c.master_key && !c.provider)) {
      return fg_cli_usage (c.verb,
                           "keys rewrap: --kms-providers is needed, and --provider where --master-key is given");
   }
   if (c.filter && !(filter = bson_new_from_json ((const uint8_t *)c.filter, -1, NULL))) {
      return fg_cli_usage (c.verb, "keys rewrap: --filter is no document in Extended JSON");
   }
   bool ok = rewrap (&c, filter, &result, &err);
   if (ok || result.rewrapped) {
      printf (c.json ? "{\"matched\":%zu,\"rewrapped\":%zu,\"changedMeanwhile\":%zu}\n"
                     : "matched %zu, rewrapped %zu, changed meanwhile %zu\n",
              result.matched, result.rewrapped, result.changed_meanwhile);
   }
   bson_destroy (filter);
   fg_cli_client_close (&c);
   return !ok ? fg_cli_fail (&err) : result.changed_meanwhile ? FG_EXIT_FINDING : FG_EXIT_OK;
}
