/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/client_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
   "usage: fieldguard decrypt --key-vault VAULT --kms-providers FILE [--from json|bson] [--to json|bson] [FILE]\n"
   "\n"
   "Decrypts every ciphertext in every document of FILE (or standard input), at any depth, and writes the documents as "
   "canonical\n"
   "Extended JSON, one a line, or as BSON. Ciphertexts of Queryable Encryption are left as they are.\n"
   "\n"
   "  --key-vault VAULT    a .json or .bson file, mongodb://HOST/?ns=DB.COLLECTION, or @FILE that holds such a URI\n"
   "  --kms-providers FILE the drivers' kmsProviders document in Extended JSON; `tlsOptions` may stand in it\n"
   "  --kms-timeout MS     for one exchange with a KMS; 10000 without it\n"
   "  --from json|bson     what FILE holds; without it, BSON when its name ends in .bson, else Extended JSON, one "
   "document a line\n"
   "  --to json|bson       json without it\n"
   "\n"
   "Exit status: 0 all documents decrypted, 2 stopped at the document that the message names; nothing of that one is "
   "written.\n";

typedef struct job {
   fg_cli_client *c;
   bool to_bson;
   size_t number;
   fg_error err;
} job;

static bool
write_json (const bson_t *document)
{
   size_t len = 0;
   char *json = bson_as_canonical_extended_json (document, &len);
   bool ok = json && fwrite (json, 1, len, stdout) == len && putchar ('\n') != EOF;

   if (json) {
      fg_memzero (json, len);
   }
   bson_free (json);
   return ok;
}

static bool
decrypt_one (job *j, const bson_t *document)
{
   fg_error inner = {0};
   bson_t *plain = fg_client_decrypt_document (j->c->client, document, &inner);

   j->number++;
   if (!plain) {
      return fg_error_set (&j->err, inner.domain, inner.code, inner.path, "document %zu: %s%s%s", j->number, inner.path,
                           inner.path[0] ? ": " : "", inner.message);
   }
   bool ok = j->to_bson ? fwrite (bson_get_data (plain), 1, plain->len, stdout) == plain->len : write_json (plain);
   fg_cli_wipe_document (plain);
   return ok || fg_error_set (&j->err, FG_ERROR_SYSTEM, FG_E_IO, NULL, "cannot write to stdout");
}

#define DOCUMENT_MAX (64u * 1024u * 1024u)

static bool
broken_bson (job *j)
{
   return fg_error_set (&j->err, FG_ERROR_BSON, FG_E_INVALID, NULL,
                        "document %zu: malformed BSON, or it ends too early", j->number + 1);
}

/* Not libbson's reader: it takes an input that ends inside a document for one that ends before it. */
static bool
read_bson (job *j, FILE *in, uint8_t **data, size_t *len)
{
   uint8_t head[4];
   size_t n = fread (head, 1, sizeof head, in);

   *len = 0;
   if (n == 0 && feof (in)) {
      return true;
   }
   uint32_t want = n == sizeof head ? fg_read_u32le (head) : 0;
   if (want < 5 || want > DOCUMENT_MAX) {
      return broken_bson (j);
   }
   uint8_t *grown = realloc (*data, want);
   if (!grown) {
      return fg_error_set (&j->err, FG_ERROR_BSON, FG_E_NOMEM, NULL, "out of memory");
   }
   *data = grown;
   memcpy (grown, head, sizeof head);
   if (fread (grown + 4, 1, want - 4, in) != want - 4) {
      return broken_bson (j);
   }
   *len = want;
   return true;
}

static bool
decrypt_bson (job *j, FILE *in)
{
   uint8_t *data = NULL;
   size_t len = 0;
   bool ok;

   while ((ok = read_bson (j, in, &data, &len)) && len) {
      bson_t document;
      ok = bson_init_static (&document, data, len) ? decrypt_one (j, &document) : broken_bson (j);
      if (!ok) {
         break;
      }
   }
   free (data);
   return ok;
}

static bool
decrypt_json (job *j, FILE *in)
{
   char *line = NULL;
   size_t cap = 0;
   ssize_t len;
   bool ok = true;

   while (ok && (len = getline (&line, &cap, in)) >= 0) {
      if (!line[strspn (line, " \t\r\n")]) {
         continue;
      }
      bson_t *document = bson_new_from_json ((const uint8_t *)line, len, NULL);
      ok = document ? decrypt_one (j, document)
                    : fg_error_set (&j->err, FG_ERROR_BSON, FG_E_INVALID, NULL,
                                    "document %zu: not Extended JSON in one line", j->number + 1);
      bson_destroy (document);
   }
   free (line);
   return ok && (!ferror (in) || fg_error_set (&j->err, FG_ERROR_SYSTEM, FG_E_IO, NULL, "cannot read the input"));
}

static bool
decrypt_file (job *j, const char *path, bool from_bson)
{
   FILE *in = path ? fopen (path, "rb") : stdin;

   if (!in) {
      return fg_error_set_errno (&j->err, errno, path, "cannot open %s", path);
   }
   bool ok = from_bson ? decrypt_bson (j, in) : decrypt_json (j, in);
   if (path) {
      fclose (in);
   }
   return ok;
}

/* 1 for bson, 0 for json, -1 for neither. */
static int
format_of (const char *name, const char *path)
{
   size_t n = path ? strlen (path) : 0;

   if (!name) {
      return n >= 5 && strcmp (path + n - 5, ".bson") == 0;
   }
   return strcmp (name, "bson") == 0 ? 1 : strcmp (name, "json") == 0 ? 0 : -1;
}

int
fg_cmd_decrypt (int argc, char **argv)
{
   fg_cli_client c = {.verb = "decrypt"};
   job j = {.c = &c};
   int status = fg_cli_client_parse (&c, argc, argv, FG_CLI_FORMATS, help);

   if (status >= 0) {
      return status;
   }
   const char *path = optind < argc ? argv[optind] : NULL;
   int from = format_of (c.from, path);
   int to = format_of (c.to, NULL);
   if (argc - optind > 1 || from < 0 || to < 0) {
      return fg_cli_usage ("decrypt", "decrypt: one FILE at most; --from and --to are json or bson");
   }
   j.to_bson = to == 1;
   status =
      fg_cli_client_open (&c, false, &j.err) && decrypt_file (&j, path, from == 1) ? FG_EXIT_OK : fg_cli_fail (&j.err);
   fg_cli_client_close (&c);
   return status;
}
