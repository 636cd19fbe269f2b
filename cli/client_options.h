/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_CLIENT_OPTIONS_H
#define FG_CLI_CLIENT_OPTIONS_H

/*
 * What encrypt, decrypt and the keys verbs share: their options, and the client that the options describe.
 *
 * No secret is ever an argument: what follows a command's name is visible to every user of the machine.
 */

#include <fieldguard/client.h>

#include <bson/bson.h>

typedef struct fg_cli_client {
   const char *verb; /* for complaints: "keys create" */
   const char *key_vault; /* a file, mongodb://...?ns=db.coll, or @FILE that holds such a URI */
   const char *kms_providers; /* a file */
   const char *key_id;
   const char *key_alt_names[16];
   size_t n_key_alt_names;
   const char *provider;
   const char *master_key; /* a file */
   const char *filter; /* JSON */
   const char *algorithm;
   const char *from;
   const char *to;
   int64_t kms_timeout_ms; /* 0: the library's own */
   bool json;

   fg_key_vault *vault;
   fg_client *client;
} fg_cli_client;

#define FG_CLI_KEY 0x1u /* --key-id, --key-alt-name */
#define FG_CLI_MASTER 0x2u /* --provider, --master-key */
#define FG_CLI_FILTER 0x4u
#define FG_CLI_ALGORITHM 0x8u
#define FG_CLI_FORMATS 0x10u /* --from, --to */

/* Reads options; accepted: which beside --key-vault, --kms-providers, --kms-timeout, --json. Returns -1 when the verb is to go on (argv from optind on is left), else the exit status:
 * --help has been printed, or a complaint. */
int fg_cli_client_parse (fg_cli_client *c, int argc, char **argv, unsigned accepted, const char *help);
/* Opens vault and client. create: a vault file that does not exist begins empty. */
bool fg_cli_client_open (fg_cli_client *c, bool create, fg_error *err) FG_WARN_UNUSED;
void fg_cli_client_close (fg_cli_client *c);
/* A vault by what --key-vault takes. */
fg_key_vault *fg_cli_open_vault (const char *where, bool create, fg_error *err) FG_WARN_UNUSED;

/* The key that --key-id or the one --key-alt-name names; the document is the caller's. */
bool fg_cli_client_find_key (fg_cli_client *c, uint8_t id[FG_KEY_ID_LEN], bson_t **document,
                             fg_error *err) FG_WARN_UNUSED;
/* The document in a file of Extended JSON. */
bson_t *fg_cli_read_document (const char *path, fg_error *err) FG_WARN_UNUSED;
/* Wipes, then frees. */
void fg_cli_wipe_document (bson_t *document);

/* Whether every piece of memory that OpenSSL frees is wiped in this process. */
bool fg_cli_openssl_is_cleansed (fg_error *err) FG_WARN_UNUSED;

bool fg_cli_parse_uuid (const char *text, uint8_t id[FG_KEY_ID_LEN]) FG_WARN_UNUSED;
void fg_cli_uuid_text (const uint8_t id[FG_KEY_ID_LEN], char text[37]);

#endif /* FG_CLI_CLIENT_OPTIONS_H */
