/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/client_options.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
   "usage: fieldguard encrypt --key-vault VAULT --kms-providers FILE (--key-id UUID | --key-alt-name NAME)\n"
   "                          --algorithm Deterministic|Random\n"
   "\n"
   "Reads {\"v\": <Extended JSON>} a line from standard input, writes {\"v\": {\"$binary\": {...}}} a line, as clients "
   "store it.\n"
   "\n"
   "  --key-vault VAULT    a .json or .bson file, mongodb://HOST/?ns=DB.COLLECTION, or @FILE that holds such a URI\n"
   "  --kms-providers FILE the drivers' kmsProviders document in Extended JSON; `tlsOptions` may stand in it\n"
   "  --kms-timeout MS     for one exchange with a KMS; 10000 without it\n"
   "\n"
   "Exit status: 0 all lines encrypted, 2 stopped at the line that the message names.\n";

static void
print_document (const bson_t *document)
{
   size_t len = 0;
   char *json = bson_as_canonical_extended_json (document, &len);

   printf ("%s\n", json ? json : "");
   if (json) {
      fg_memzero (json, len);
   }
   bson_free (json);
}

static bool
encrypt_value (fg_cli_client *c, const fg_encrypt_options *options, const bson_t *line, fg_error *err)
{
   bson_iter_t iter;
   bson_value_t blob;
   bson_t out = BSON_INITIALIZER;

   if (bson_count_keys (line) != 1 || !bson_iter_init_find (&iter, line, "v")) {
      bson_destroy (&out);
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "not of the form {\"v\": <value>}");
   }
   bool ok = fg_client_encrypt (c->client, bson_iter_value (&iter), options, &blob, err);
   if (ok) {
      BSON_APPEND_VALUE (&out, "v", &blob);
      print_document (&out);
      bson_value_destroy (&blob);
   }
   bson_destroy (&out);
   return ok;
}

static bool
encrypt_line (fg_cli_client *c, const fg_encrypt_options *options, const char *text, size_t len, fg_error *err)
{
   bson_t *line = bson_new_from_json ((const uint8_t *)text, (ssize_t)len, NULL);
   bool ok = line ? encrypt_value (c, options, line, err)
                  : fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "not Extended JSON");

   fg_cli_wipe_document (line);
   return ok;
}

static int
encrypt_all (fg_cli_client *c, const fg_encrypt_options *options)
{
   char *line = NULL;
   size_t cap = 0;
   size_t number = 0;
   ssize_t len;
   int status = FG_EXIT_OK;
   fg_error err = {0};

   while (status == FG_EXIT_OK && (len = getline (&line, &cap, stdin)) >= 0) {
      number++;
      if (line[strspn (line, " \t\r\n")] && !encrypt_line (c, options, line, (size_t)len, &err)) {
         fg_error whole = err;
         fg_error_set (&whole, err.domain, err.code, NULL, "line %zu: %s", number, err.message);
         status = fg_cli_fail (&whole);
      }
   }
   if (line) {
      fg_memzero (line, cap);
   }
   free (line);
   if (ferror (stdin)) {
      fg_error_set (&err, FG_ERROR_SYSTEM, FG_E_IO, NULL, "cannot read standard input");
      return fg_cli_fail (&err);
   }
   return status;
}

int
fg_cmd_encrypt (int argc, char **argv)
{
   fg_cli_client c = {.verb = "encrypt"};
   fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
   uint8_t id[FG_KEY_ID_LEN];
   bson_t *document = NULL;
   fg_error err = {0};
   int status = fg_cli_client_parse (&c, argc, argv, FG_CLI_KEY | FG_CLI_ALGORITHM, help);

   if (status >= 0) {
      return status;
   }
   if (optind != argc) {
      return fg_cli_usage ("encrypt", "encrypt reads standard input: %s is not needed", argv[optind]);
   }
   if (!c.algorithm || !fg_algorithm_from_name (c.algorithm, &options.algorithm)) {
      return fg_cli_usage ("encrypt", "encrypt: --algorithm must be Deterministic or Random");
   }
   if (fg_cli_client_open (&c, false, &err) && fg_cli_client_find_key (&c, id, &document, &err)) {
      options.key_id = id;
      status = encrypt_all (&c, &options);
   } else {
      status = fg_cli_fail (&err);
   }
   bson_destroy (document);
   fg_cli_client_close (&c);
   return status;
}
