/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/client_options.h"
#include "cli/documents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

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
   "  --from json|bson     what FILE holds; Extended JSON, one document a line, or BSON; without it, its first "
   "bytes tell\n"
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

static bool
decrypt_all (job *j, int fd, const char *name, fg_documents_format format)
{
   fg_documents *documents = fg_documents_new_file (fd, name, format, &j->err);
   fg_documents_result result = documents ? FG_DOCUMENTS_ONE : FG_DOCUMENTS_ERROR;
   fg_document document;
   bson_t view;

   while (result == FG_DOCUMENTS_ONE &&
          (result = fg_documents_next (documents, &document, &j->err)) == FG_DOCUMENTS_ONE) {
      if (!bson_init_static (&view, document.data, document.len)) {
         fg_error_set (&j->err, FG_ERROR_BSON, FG_E_INVALID, name, "%s: document %zu: malformed BSON", name,
                       j->number + 1);
         result = FG_DOCUMENTS_ERROR;
      } else if (!decrypt_one (j, &view)) {
         result = FG_DOCUMENTS_ERROR;
      }
   }
   fg_documents_free (documents);
   return result == FG_DOCUMENTS_END;
}

static bool
decrypt_file (job *j, const char *path, fg_documents_format format)
{
   int fd = path ? open (path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

   if (fd < 0) {
      return fg_error_set_errno (&j->err, errno, path, "cannot open %s", path);
   }
   bool ok = decrypt_all (j, fd, path ? path : "standard input", format);
   if (path) {
      close (fd);
   }
   return ok;
}

/* False: neither json nor bson. */
static bool
format_of (const char *name, fg_documents_format unsaid, fg_documents_format *format)
{
   *format = !name                        ? unsaid
             : strcmp (name, "json") == 0 ? FG_DOCUMENTS_JSON
             : strcmp (name, "bson") == 0 ? FG_DOCUMENTS_BSON
                                          : FG_DOCUMENTS_DETECT;
   return !name || *format != FG_DOCUMENTS_DETECT;
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
   fg_documents_format from, to;
   if (argc - optind > 1 || !format_of (c.from, FG_DOCUMENTS_DETECT, &from) ||
       !format_of (c.to, FG_DOCUMENTS_JSON, &to)) {
      return fg_cli_usage ("decrypt", "decrypt: one FILE at most; --from and --to are json or bson");
   }
   j.to_bson = to == FG_DOCUMENTS_BSON;
   status = fg_cli_client_open (&c, false, &j.err) && decrypt_file (&j, path, from) ? FG_EXIT_OK : fg_cli_fail (&j.err);
   fg_cli_client_close (&c);
   return status;
}
