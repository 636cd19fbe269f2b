/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"

#include <stdio.h>

static const fg_verb verbs[] = {
   {"create", "make a data key and store it, wrapped by a KMS provider", fg_keys_create},
   {"list", "what keys a vault has", fg_keys_list},
   {"show", "one key's document", fg_keys_show},
   {"alt-name", "add or remove an alt name", fg_keys_alt_name},
   {"delete", "delete a key: what it encrypted can never be read again", fg_keys_delete},
   {"migrate", "move keys to another master key, with a journal: resumable, revocable", fg_keys_migrate},
   {"rewrap", "wrap keys anew, under the same master key or another", fg_keys_rewrap},
   {"shred", "delete keys, and end the master key with which backups could open them", fg_keys_shred},
   {"doctor", "say what is wrong with a vault, or cannot be known", fg_keys_doctor},
};

static int
print_help (void)
{
   printf ("usage: fieldguard keys VERB --key-vault VAULT [OPTION...]\n\n");
   for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
      printf ("  %-10s %s\n", verbs[i].name, verbs[i].summary);
   }
   printf ("\nfieldguard keys VERB --help says more.\n");
   return FG_EXIT_OK;
}

int
fg_cmd_keys (int argc, char **argv)
{
   if (argc < 2) {
      return fg_cli_usage ("keys", "keys: a verb is needed");
   }
   if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0) {
      return print_help ();
   }
   for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
      if (strcmp (argv[1], verbs[i].name) == 0) {
         return verbs[i].run (argc - 1, argv + 1);
      }
   }
   return fg_cli_usage ("keys", "keys: no such verb: %s", argv[1]);
}
