/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"
#include "cli/duration.h"
#include "cli/keys.h"
#include "client/keys/backup.h"
#include "client/keys/key_vault.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
   "usage: fieldguard keys doctor --key-vault VAULT [--kms-providers FILE] [--data URI] [--certificates DIR] "
   "[OPTION...]\n"
   "\n"
   "Looks at a key vault, its master keys, its place and its certificates of shredding, and says what is wrong or "
   "cannot "
   "be known.\n"
   "Nothing is changed. Every finding has a stable id, a severity and a remedy.\n"
   "\n" FG_KEYS_OPTIONS
   "  --data URI           mongodb://HOST/?ns=DB.COLLECTION of encrypted data (or @FILE): is the vault "
   "with it, who reads both?\n"
   "  --certificates DIR   what `keys shred` wrote: shredded keys that are back, epochs, the chain\n"
   "  --certificate-key FILE\n"
   "                       the key under which the certificates are MACed\n"
   "  --backup-retention TIME\n"
   "                       how long backups of the vault are kept: 30d\n"
   "  --max-age DAYS       keys older than this are reported; 365 without it\n"
   "  --other-vault VAULT  another vault: has it keys under the same master keys? May stand there many times\n"
   "\n"
   "Exit status: 0 nothing but information, 1 errors or warnings were found, 2 cannot look.\n";

enum {
   OPT_VAULT = 256,
   OPT_PROVIDERS,
   OPT_TIMEOUT,
   OPT_JSON,
   OPT_DATA,
   OPT_CERTIFICATES,
   OPT_CERTIFICATE_KEY,
   OPT_RETENTION,
   OPT_MAX_AGE,
   OPT_OTHER,
   OPT_HELP
};

static const struct option options[] = {{"key-vault", required_argument, NULL, OPT_VAULT},
                                        {"kms-providers", required_argument, NULL, OPT_PROVIDERS},
                                        {"kms-timeout", required_argument, NULL, OPT_TIMEOUT},
                                        {"json", no_argument, NULL, OPT_JSON},
                                        {"data", required_argument, NULL, OPT_DATA},
                                        {"certificates", required_argument, NULL, OPT_CERTIFICATES},
                                        {"certificate-key", required_argument, NULL, OPT_CERTIFICATE_KEY},
                                        {"backup-retention", required_argument, NULL, OPT_RETENTION},
                                        {"max-age", required_argument, NULL, OPT_MAX_AGE},
                                        {"other-vault", required_argument, NULL, OPT_OTHER},
                                        {"help", no_argument, NULL, OPT_HELP},
                                        {NULL, 0, NULL, 0}};

static bool
parse_number (const char *text, long most, int64_t *out)
{
   char *end = NULL;
   long n = strtol (text, &end, 10);

   *out = n;
   return end != text && !*end && n > 0 && n <= most;
}

static bool
set_option (fg_doctor *d, int option)
{
   int64_t days = 0;

   switch (option) {
   case OPT_VAULT:
      d->client.key_vault = optarg;
      return true;
   case OPT_PROVIDERS:
      d->client.kms_providers = optarg;
      return true;
   case OPT_TIMEOUT:
      return parse_number (optarg, 600000, &d->client.kms_timeout_ms);
   case OPT_JSON:
      d->client.json = true;
      return true;
   case OPT_DATA:
      d->data = optarg;
      return true;
   case OPT_CERTIFICATES:
      d->certificates = optarg;
      return true;
   case OPT_CERTIFICATE_KEY:
      d->certificate_key = optarg;
      return true;
   case OPT_RETENTION:
      return fg_parse_duration (optarg, &d->retention_ms);
   case OPT_MAX_AGE:
      if (!parse_number (optarg, 100000, &days)) {
         return false;
      }
      d->max_age_ms = days * 86400000;
      return true;
   case OPT_OTHER:
      if (d->n_others == sizeof d->other_names / sizeof d->other_names[0]) {
         return false;
      }
      d->other_names[d->n_others++] = optarg;
      return true;
   default:
      return false;
   }
}

static int
parse (fg_doctor *d, int argc, char **argv)
{
   int option;

   opterr = 0;
   optind = 1;
   while ((option = getopt_long (argc, argv, "", options, NULL)) != -1) {
      if (option == OPT_HELP) {
         fputs (help, stdout);
         return FG_EXIT_OK;
      }
      if (option == '?' || !set_option (d, option)) {
         return fg_cli_usage ("keys doctor",
                              "keys doctor: unknown option, missing argument, or one that is out of range: "
                              "%s",
                              argv[optind - 1]);
      }
   }
   if (optind != argc || !d->client.key_vault) {
      return fg_cli_usage ("keys doctor", "keys doctor: --key-vault is needed, and nothing but options");
   }
   return -1;
}

/* --- a vault in a file that clients refuse --------------------------------------------------------------------------------- */

static bool
take_array (fg_key_list *documents, const bson_t *array)
{
   bson_iter_t iter;
   const uint8_t *data;
   uint32_t len;
   bson_t doc;
   bool ok = bson_iter_init (&iter, array);

   while (ok && bson_iter_next (&iter)) {
      ok = BSON_ITER_HOLDS_DOCUMENT (&iter);
      if (ok) {
         bson_iter_document (&iter, &len, &data);
         ok = bson_init_static (&doc, data, len) && fg_key_list_add (documents, &doc);
      }
   }
   return ok;
}

/* Documents as they stand, one a line, as BSON, or as one array: what is wrong with them is a finding, not the end of the look. */
static bool
read_as_it_is (fg_doctor *d, const fg_error *why, fg_error *err)
{
   fg_error ignored;

   if (d->client.key_vault[0] == '@' || strstr (d->client.key_vault, "://") || why->domain != FG_ERROR_KEY) {
      *err = *why;
      return false;
   }
   if (fg_key_backup_read (d->client.key_vault, NULL, &d->documents, &ignored)) {
      return true;
   }
   fg_key_list_clear (&d->documents);
   bson_t *array = fg_cli_read_document (d->client.key_vault, &ignored);
   bool ok = array && take_array (&d->documents, array);
   bson_destroy (array);
   if (!ok) {
      *err = *why;
   }
   return ok;
}

/* The client is then one without a vault: KMS providers work all the same. */
static bool
open_without_vault (fg_doctor *d, fg_error *err)
{
   fg_error why = {0};
   const char *path = d->client.key_vault;

   if (fg_cli_client_open (&d->client, false, &why)) {
      return fg_key_list_fill (&d->documents, d->client.vault, NULL, err) &&
             fg_epochs_load (d->client.vault, &d->epochs, err);
   }
   if (d->client.vault) {
      *err = why; /* it is the KMS providers that cannot be read */
      return false;
   }
   if (!read_as_it_is (d, &why, err)) {
      return false;
   }
   d->client.key_vault = path;
   d->epochs.names = bson_new ();
   if (!d->client.json) {
      fprintf (stderr, "fieldguard: clients refuse this vault: %s\n", why.message);
   }
   return true;
}

static bool
examine (fg_doctor *d, fg_error *err)
{
   if (!open_without_vault (d, err)) {
      return false;
   }
   fg_doctor_documents (d);
   fg_doctor_index (d);
   fg_doctor_keys_open (d);
   fg_doctor_master_keys (d);
   fg_doctor_others (d);
   fg_doctor_place (d);
   fg_doctor_certificates (d);
   fg_doctor_retention (d);
   if (!d->client.json) {
      printf ("%zu documents: %zu errors, %zu warnings, %zu notes\n", d->documents.n, d->counts[FG_DOCTOR_ERROR],
              d->counts[FG_DOCTOR_WARNING], d->counts[FG_DOCTOR_INFO]);
   }
   return true;
}

int
fg_keys_doctor (int argc, char **argv)
{
   fg_doctor d = {.client = {.verb = "keys doctor"}, .retention_ms = -1, .max_age_ms = (int64_t)365 * 86400000};
   fg_error err = {0};
   int status = parse (&d, argc, argv);

   if (status < 0) {
      bool ok = examine (&d, &err);
      status = !ok                                                           ? fg_cli_fail (&err)
               : d.counts[FG_DOCTOR_ERROR] + d.counts[FG_DOCTOR_WARNING] > 0 ? FG_EXIT_FINDING
                                                                             : FG_EXIT_OK;
   }
   fg_key_list_clear (&d.documents);
   fg_roll_clear (&d.back);
   fg_epochs_clear (&d.epochs);
   fg_cli_client_close (&d.client);
   return status;
}
