/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_KEYS_H
#define FG_CLI_KEYS_H

/* The verbs below `fieldguard keys`; argv[0] is the verb's own name. */

#include "cli/cli.h"
#include "cli/client_options.h"

#define FG_KEYS_OPTIONS                                                                                                \
   "  --key-vault VAULT    a .json or .bson file, mongodb://HOST/?ns=DB.COLLECTION, or @FILE that holds such a URI\n"  \
   "  --kms-providers FILE the drivers' kmsProviders document in Extended JSON; `tlsOptions` may stand in it\n"        \
   "  --kms-timeout MS     for one exchange with a KMS; 10000 without it\n"                                            \
   "  --json               the answer as one JSON object a line\n"

int fg_keys_create (int argc, char **argv);
int fg_keys_list (int argc, char **argv);
int fg_keys_show (int argc, char **argv);
int fg_keys_alt_name (int argc, char **argv);
int fg_keys_delete (int argc, char **argv);
int fg_keys_rewrap (int argc, char **argv);
int fg_keys_migrate (int argc, char **argv);
/* `keys rewrap` with --journal. */
int fg_keys_rewrap_journalled (int argc, char **argv);
int fg_keys_shred (int argc, char **argv);
int fg_keys_doctor (int argc, char **argv);

#endif /* FG_CLI_KEYS_H */
