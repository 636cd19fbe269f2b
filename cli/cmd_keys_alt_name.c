/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"

#include <stdio.h>

static const char help[] =
   "usage: fieldguard keys alt-name add|remove NAME --key-vault VAULT (--key-id UUID | --key-alt-name NAME)\n"
   "\n"
   "Gives a key another alt name, or takes one away. A name belongs to one key at most.\n"
   "\n" FG_KEYS_OPTIONS;

static bool
change (fg_cli_client *c, bool add, const char *name, fg_error *err)
{
   uint8_t id[FG_KEY_ID_LEN];
   bson_t *document = NULL;
   bson_t *previous = NULL;
   bool ok = fg_cli_client_find_key (c, id, &document, err) &&
             (add ? fg_client_add_key_alt_name (c->client, id, name, &previous, err)
                  : fg_client_remove_key_alt_name (c->client, id, name, &previous, err));

   if (ok && !previous) {
      ok = fg_error_set (err, FG_ERROR_KEY, FG_E_NOT_FOUND, NULL, "the key was deleted meanwhile");
   }
   if (ok && c->json) {
      char text[37];
      fg_cli_uuid_text (id, text);
      printf ("{\"keyId\":\"%s\"}\n", text);
   }
   bson_destroy (previous);
   bson_destroy (document);
   return ok;
}

int
fg_keys_alt_name (int argc, char **argv)
{
   fg_cli_client c = {.verb = "keys alt-name"};
   fg_error err = {0};
   int status = fg_cli_client_parse (&c, argc, argv, FG_CLI_KEY, help);

   if (status >= 0) {
      return status;
   }
   bool add = argc - optind == 2 && strcmp (argv[optind], "add") == 0;
   bool take = argc - optind == 2 && strcmp (argv[optind], "remove") == 0;
   if ((!add && !take) || !*argv[optind + 1]) {
      return fg_cli_usage (c.verb, "keys alt-name: add NAME or remove NAME is needed");
   }
   bool ok = fg_cli_client_open (&c, false, &err) && change (&c, add, argv[optind + 1], &err);
   fg_cli_client_close (&c);
   return ok ? FG_EXIT_OK : fg_cli_fail (&err);
}
