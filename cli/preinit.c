/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client_options.h"
#include "client/keys/vault_mongodb.h"

/*
 * OpenSSL takes other memory functions only before its first allocation, and libraries that this program links allocate in their constructors. What stands in an executable's
 * .preinit_array runs before any of them.
 */

static bool cleansed;

static void
cleanse (int argc, char **argv, char **env)
{
   (void)argc;
   (void)argv;
   (void)env;
   cleansed = fg_openssl_cleanse_memory (NULL);
   /* libmongoc's constructor keeps counters in /dev/shm, where a command that is killed leaves them, and warns on stdout when a later one gets its process id. */
   fg_mongodb_log_to_stderr ();
}

extern void (*const fg_cli_preinit[]) (int, char **, char **);
__attribute__ ((section (".preinit_array"), used)) void (*const fg_cli_preinit[]) (int, char **, char **) = {cleanse};

bool
fg_cli_openssl_is_cleansed (fg_error *err)
{
   return cleansed || fg_error_set (err, FG_ERROR_CRYPTO, FG_E_DENIED, NULL,
                                    "OpenSSL's memory cannot be cleansed: something used OpenSSL before this program");
}
