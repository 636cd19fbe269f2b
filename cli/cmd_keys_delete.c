/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"

#include "client/keys/epoch.h"

#include <stdio.h>

static const char help[] =
   "usage: fieldguard keys delete --key-vault VAULT (--key-id UUID | --key-alt-name NAME) [--json]\n"
   "\n"
   "Deletes a key from the vault. What it encrypted can then be read only by whoever has a copy of the key document (a "
   "backup of the\n"
   "vault) and the master key, or still has the key in memory. The vault's record of closed master keys "
   "(fieldguard.epochs) is not deleted.\n"
   "\n" FG_KEYS_OPTIONS;

/* Without it, closed master keys would count as open again. */
static bool
is_no_marker (const bson_t *document, fg_error *err)
{
   return !fg_epoch_is_marker (document) ||
          fg_error_set (err, FG_ERROR_KEY, FG_E_DENIED, NULL,
                        "this key is the vault's record of closed master keys: it stays");
}

int
fg_keys_delete (int argc, char **argv)
{
   fg_cli_client c = {.verb = "keys delete"};
   uint8_t id[FG_KEY_ID_LEN];
   bson_t *document = NULL;
   bool deleted = false;
   char text[37];
   fg_error err = {0};
   int status = fg_cli_client_parse (&c, argc, argv, FG_CLI_KEY, help);

   if (status >= 0) {
      return status;
   }
   bool ok = fg_cli_client_open (&c, false, &err) && fg_cli_client_find_key (&c, id, &document, &err) &&
             is_no_marker (document, &err) && fg_client_delete_key (c.client, id, &deleted, &err);
   if (ok && !deleted) {
      ok = fg_error_set (&err, FG_ERROR_KEY, FG_E_NOT_FOUND, NULL, "the key was deleted meanwhile");
   }
   if (ok) {
      fg_cli_uuid_text (id, text);
      printf (c.json ? "{\"deleted\":\"%s\"}\n" : "deleted %s\n", text);
   }
   bson_destroy (document);
   fg_cli_client_close (&c);
   return ok ? FG_EXIT_OK : fg_cli_fail (&err);
}
