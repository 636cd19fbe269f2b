/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client_options.h"

#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (1024u * 1024u)

/* --- options ---------------------------------------------------------------------------------------------------------- */

enum {
   OPT_VAULT = 256,
   OPT_PROVIDERS,
   OPT_KEY_ID,
   OPT_ALT_NAME,
   OPT_PROVIDER,
   OPT_MASTER_KEY,
   OPT_FILTER,
   OPT_ALGORITHM,
   OPT_FROM,
   OPT_TO,
   OPT_TIMEOUT,
   OPT_JSON,
   OPT_HELP
};

static const struct option long_options[] = {{"key-vault", required_argument, NULL, OPT_VAULT},
                                             {"kms-providers", required_argument, NULL, OPT_PROVIDERS},
                                             {"key-id", required_argument, NULL, OPT_KEY_ID},
                                             {"key-alt-name", required_argument, NULL, OPT_ALT_NAME},
                                             {"provider", required_argument, NULL, OPT_PROVIDER},
                                             {"master-key", required_argument, NULL, OPT_MASTER_KEY},
                                             {"filter", required_argument, NULL, OPT_FILTER},
                                             {"algorithm", required_argument, NULL, OPT_ALGORITHM},
                                             {"from", required_argument, NULL, OPT_FROM},
                                             {"to", required_argument, NULL, OPT_TO},
                                             {"kms-timeout", required_argument, NULL, OPT_TIMEOUT},
                                             {"json", no_argument, NULL, OPT_JSON},
                                             {"help", no_argument, NULL, OPT_HELP},
                                             {NULL, 0, NULL, 0}};

static unsigned
group_of (int option)
{
   switch (option) {
   case OPT_KEY_ID:
   case OPT_ALT_NAME:
      return FG_CLI_KEY;
   case OPT_PROVIDER:
   case OPT_MASTER_KEY:
      return FG_CLI_MASTER;
   case OPT_FILTER:
      return FG_CLI_FILTER;
   case OPT_ALGORITHM:
      return FG_CLI_ALGORITHM;
   case OPT_FROM:
   case OPT_TO:
      return FG_CLI_FORMATS;
   default:
      return 0;
   }
}

/* 1 ms to ten minutes. */
static bool
parse_timeout (const char *text, int64_t *out)
{
   char *end = NULL;
   long v = strtol (text, &end, 10);

   *out = v;
   return end != text && !*end && v > 0 && v <= 600000;
}

static bool
set_option (fg_cli_client *c, int option)
{
   switch (option) {
   case OPT_VAULT:
      c->key_vault = optarg;
      break;
   case OPT_PROVIDERS:
      c->kms_providers = optarg;
      break;
   case OPT_KEY_ID:
      c->key_id = optarg;
      break;
   case OPT_ALT_NAME:
      if (c->n_key_alt_names == sizeof c->key_alt_names / sizeof c->key_alt_names[0]) {
         return false;
      }
      c->key_alt_names[c->n_key_alt_names++] = optarg;
      break;
   case OPT_PROVIDER:
      c->provider = optarg;
      break;
   case OPT_MASTER_KEY:
      c->master_key = optarg;
      break;
   case OPT_FILTER:
      c->filter = optarg;
      break;
   case OPT_ALGORITHM:
      c->algorithm = optarg;
      break;
   case OPT_FROM:
      c->from = optarg;
      break;
   case OPT_TO:
      c->to = optarg;
      break;
   case OPT_TIMEOUT:
      return parse_timeout (optarg, &c->kms_timeout_ms);
   case OPT_JSON:
      c->json = true;
      break;
   default:
      return false;
   }
   return true;
}

int
fg_cli_client_parse (fg_cli_client *c, int argc, char **argv, unsigned accepted, const char *help)
{
   int option;

   opterr = 0;
   optind = 1;
   while ((option = getopt_long (argc, argv, "", long_options, NULL)) != -1) {
      if (option == OPT_HELP) {
         fputs (help, stdout);
         return FG_EXIT_OK;
      }
      unsigned group = group_of (option);
      if (option == '?' || (group && !(group & accepted)) || !set_option (c, option)) {
         return fg_cli_usage (c->verb, "%s: unknown option, missing argument, or too many of them: %s", c->verb,
                              argv[optind - 1]);
      }
   }
   if (!c->key_vault) {
      return fg_cli_usage (c->verb, "%s: --key-vault is needed", c->verb);
   }
   return -1;
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

/* At most FILE_MAX bytes with a NUL behind them, in memory that the caller wipes. */
static char *
read_file (const char *path, size_t *len, fg_error *err)
{
   FILE *f = fopen (path, "rb");
   char *text = f ? malloc (FILE_MAX + 2) : NULL;

   if (!text) {
      fg_error_set_errno (err, errno, path, "cannot read %s", path);
   } else {
      setvbuf (f, NULL, _IONBF, 0); /* no second copy */
      *len = fread (text, 1, FILE_MAX + 1, f);
      text[*len] = '\0';
      if (ferror (f) || *len > FILE_MAX) {
         fg_error_set (err, FG_ERROR_SYSTEM, FG_E_TOO_LARGE, path, "%s cannot be read, or is larger than 1 MiB", path);
         fg_memzero (text, FILE_MAX + 2);
         free (text);
         text = NULL;
      }
   }
   if (f) {
      fclose (f);
   }
   return text;
}

bson_t *
fg_cli_read_document (const char *path, fg_error *err)
{
   size_t len = 0;
   char *text = read_file (path, &len, err);
   bson_t *document = text ? bson_new_from_json ((const uint8_t *)text, (ssize_t)len, NULL) : NULL;

   if (text && !document) {
      fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, path, "%s is no document in Extended JSON", path);
   }
   if (text) {
      fg_memzero (text, len);
   }
   free (text);
   return document;
}

void
fg_cli_wipe_document (bson_t *document)
{
   if (document) {
      fg_memzero ((void *)(uintptr_t)bson_get_data (document), document->len);
      bson_destroy (document);
   }
}

/* --- the key vault ---------------------------------------------------------------------------------------------------- */

static bool
is_uri (const char *text)
{
   return strncmp (text, "mongodb://", 10) == 0 || strncmp (text, "mongodb+srv://", 14) == 0;
}

static bool
has_password (const char *uri)
{
   const char *start = strstr (uri, "://") + 3;
   const char *at = memchr (start, '@', strcspn (start, "/?"));

   return at && memchr (start, ':', (size_t)(at - start));
}

/* Cuts the option ns=... out of uri; *ns is a copy of its value. */
static bool
take_namespace (char *uri, char **ns, fg_error *err)
{
   char *query = strchr (uri, '?');

   for (char *p = query; p; p = strchr (p + 1, '&')) {
      if (strncmp (p + 1, "ns=", 3) == 0) {
         size_t len = strcspn (p + 4, "&\r\n");
         char *end = p + 4 + len;
         *ns = strndup (p + 4, len);
         if (*end == '&') {
            memmove (p + 1, end + 1, strlen (end + 1) + 1);
         } else {
            *p = '\0';
         }
         return *ns != NULL;
      }
   }
   return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                        "the key vault's URI names no collection: add ?ns=database.collection");
}

static fg_key_vault *
open_uri (const char *text, size_t len, fg_error *err)
{
   char *uri = strndup (text, len);
   char *ns = NULL;
   fg_key_vault *vault = NULL;

   if (!uri) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_NOMEM, NULL, "out of memory");
   } else if (take_namespace (uri, &ns, err)) {
      vault = fg_key_vault_mongodb_new (uri, ns, err);
   }
   if (uri) {
      fg_memzero (uri, len);
   }
   free (uri);
   free (ns);
   return vault;
}

static fg_key_vault *
open_uri_file (const char *path, fg_error *err)
{
   size_t len = 0;
   char *text = read_file (path, &len, err);
   fg_key_vault *vault = NULL;

   if (!text) {
      return NULL;
   }
   if (is_uri (text)) {
      vault = open_uri (text, strcspn (text, "\r\n"), err);
   } else {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, path, "%s holds no mongodb:// URI", path);
   }
   fg_memzero (text, len);
   free (text);
   return vault;
}

fg_key_vault *
fg_cli_open_vault (const char *where, bool create, fg_error *err)
{
   if (where[0] == '@') {
      return open_uri_file (where + 1, err);
   }
   if (!is_uri (where)) {
      return fg_key_vault_file_new (where, create, err);
   }
   if (has_password (where)) {
      fg_error_set (err, FG_ERROR_USAGE, FG_E_DENIED, NULL,
                    "arguments are visible to every user: put the URI with its password into a file and give "
                    "--key-vault @FILE");
      return NULL;
   }
   return open_uri (where, strlen (where), err);
}

/* --- the client ------------------------------------------------------------------------------------------------------- */

/* {local: {...}, ..., tlsOptions: {...}}: what drivers take as two documents stands in one file. */
static fg_client *
open_client (fg_cli_client *c, const bson_t *file, fg_error *err)
{
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   bson_t providers = BSON_INITIALIZER;
   bson_t tls;
   bson_iter_t iter;
   const uint8_t *data;
   uint32_t len;

   options.key_vault = c->vault;
   options.kms_timeout_ms = c->kms_timeout_ms;
   if (file) {
      bson_copy_to_excluding_noinit (file, &providers, "tlsOptions", NULL);
      options.kms_providers = &providers;
      if (bson_iter_init_find (&iter, file, "tlsOptions") && BSON_ITER_HOLDS_DOCUMENT (&iter)) {
         bson_iter_document (&iter, &len, &data);
         options.tls_options = bson_init_static (&tls, data, len) ? &tls : NULL;
      }
   }
   fg_client *client = fg_client_new (&options, err);
   fg_memzero ((void *)(uintptr_t)bson_get_data (&providers), providers.len);
   bson_destroy (&providers);
   return client;
}

bool
fg_cli_client_open (fg_cli_client *c, bool create, fg_error *err)
{
   bson_t *file = NULL;

   if (!fg_cli_openssl_is_cleansed (err)) {
      return false;
   }
   if (c->kms_providers) {
      file = fg_cli_read_document (c->kms_providers, err);
      if (!file) {
         return false;
      }
   }
   c->vault = fg_cli_open_vault (c->key_vault, create, err);
   if (c->vault) {
      c->client = open_client (c, file, err);
   }
   fg_cli_wipe_document (file);
   return c->client != NULL;
}

void
fg_cli_client_close (fg_cli_client *c)
{
   fg_client_free (c->client);
   fg_key_vault_free (c->vault);
}

/* --- keys ------------------------------------------------------------------------------------------------------------- */

void
fg_cli_uuid_text (const uint8_t id[FG_KEY_ID_LEN], char text[37])
{
   size_t n = 0;

   for (size_t i = 0; i < FG_KEY_ID_LEN; i++) {
      const char *hyphen = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
      n += (size_t)snprintf (text + n, 37 - n, "%s%02x", hyphen, id[i]);
   }
}

static int
digit (char c)
{
   return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* Hyphens may stand anywhere. */
bool
fg_cli_parse_uuid (const char *text, uint8_t id[FG_KEY_ID_LEN])
{
   size_t n = 0;

   for (; *text; text++) {
      if (*text == '-') {
         continue;
      }
      int v = digit (*text);
      if (v < 0 || n == 2 * FG_KEY_ID_LEN) {
         return false;
      }
      id[n / 2] = (uint8_t)(n % 2 ? id[n / 2] << 4 | v : v);
      n++;
   }
   return n == 2 * FG_KEY_ID_LEN;
}

static bool
id_of (const bson_t *document, uint8_t id[FG_KEY_ID_LEN])
{
   bson_iter_t iter;
   const uint8_t *data = NULL;
   uint32_t len = 0;

   if (bson_iter_init_find (&iter, document, "_id") && BSON_ITER_HOLDS_BINARY (&iter)) {
      bson_iter_binary (&iter, NULL, &len, &data);
   }
   if (len != FG_KEY_ID_LEN) {
      return false;
   }
   memcpy (id, data, len);
   return true;
}

bool
fg_cli_client_find_key (fg_cli_client *c, uint8_t id[FG_KEY_ID_LEN], bson_t **document, fg_error *err)
{
   *document = NULL;
   if (c->key_id ? c->n_key_alt_names != 0 : c->n_key_alt_names != 1) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL,
                           "name the key by --key-id or by one --key-alt-name");
   }
   if (c->key_id && !fg_cli_parse_uuid (c->key_id, id)) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "--key-id: %s is no UUID", c->key_id);
   }
   bool ok = c->key_id ? fg_client_get_key (c->client, id, document, err)
                       : fg_client_get_key_by_alt_name (c->client, c->key_alt_names[0], document, err);
   if (ok && !*document) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOT_FOUND, NULL, "the key vault has no key %s",
                           c->key_id ? c->key_id : c->key_alt_names[0]);
   }
   if (ok && !id_of (*document, id)) {
      bson_destroy (*document);
      *document = NULL;
      return fg_error_set (err, FG_ERROR_KEY, FG_E_INVALID, NULL, "the key vault's document has no UUID as its _id");
   }
   return ok;
}
