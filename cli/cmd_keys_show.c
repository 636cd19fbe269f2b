/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"

#include <stdio.h>

static const char help[] = "usage: fieldguard keys show --key-vault VAULT (--key-id UUID | --key-alt-name NAME)\n"
                           "\n"
                           "Prints the key document as canonical Extended JSON. keyMaterial in it is wrapped: without "
                           "the master key it opens nothing.\n"
                           "\n" FG_KEYS_OPTIONS;

int
fg_keys_show (int argc, char **argv)
{
   fg_cli_client c = {.verb = "keys show"};
   uint8_t id[FG_KEY_ID_LEN];
   bson_t *document = NULL;
   fg_error err = {0};
   int status = fg_cli_client_parse (&c, argc, argv, FG_CLI_KEY, help);

   if (status >= 0) {
      return status;
   }
   bool ok = fg_cli_client_open (&c, false, &err) && fg_cli_client_find_key (&c, id, &document, &err);
   if (ok) {
      char *json = bson_as_canonical_extended_json (document, NULL);
      printf ("%s\n", json ? json : "{}");
      bson_free (json);
   }
   bson_destroy (document);
   fg_cli_client_close (&c);
   return ok ? FG_EXIT_OK : fg_cli_fail (&err);
}
