/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/duration.h"
#include "cli/keys.h"
#include "cli/shred.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char help[] =
   "usage: fieldguard keys shred --key-vault VAULT --kms-providers FILE --certificate-dir DIR\n"
   "                             (--key-alt-name NAME | --key-id UUID)... --to PROVIDER [--master-key FILE] --backup "
   "FILE [OPTION...]\n"
   "       fieldguard keys shred ... --hold       delete now, and let a later shredding end the master key\n"
   "       fieldguard keys shred ... --plan       say what would be done, and what would refuse it\n"
   "       fieldguard keys shred --finish ...     after grace: have the old master key destroyed\n"
   "\n"
   "Deletes keys, and then ends the master key that wrapped them (the vault's old epoch), so that no backup of the "
   "vault opens them:\n"
   "nothing new is wrapped under it, the surviving keys are wrapped under the new one, the vault is read again until "
   "nothing is left under\n"
   "the old one, a backup of the new vault is written and opened, and after a time of grace the old master key is "
   "destroyed, or scheduled\n"
   "for it, at the KMS. A certificate says what was done, and what it does not reach. Killed anywhere, the same "
   "command "
   "goes on.\n"
   "\n" FG_KEYS_OPTIONS "  --key-alt-name NAME, --key-id UUID\n"
   "                       what to shred; may stand there many times\n"
   "  --to PROVIDER        the new epoch: local:NAME, aws, ...\n"
   "  --master-key FILE    its masterKey document in Extended JSON, without `provider`; none for local\n"
   "  --certificate-dir DIR\n"
   "                       where certificates and the journals of rolls are kept\n"
   "  --certificate-key FILE\n"
   "                       32 bytes or more that MAC the certificates; without it their chain shows accidents alone\n"
   "  --backup FILE        where the new vault's backup goes; with --finish: where it lies by now\n"
   "  --grace TIME         between the roll and the end of the old master key: 90s, 30m, 24h, 7d; 24h without it\n"
   "  --destroy-days N     where the KMS waits as long as one says (AWS: 7 to 30); 7 without it\n"
   "  --backup-retention TIME\n"
   "                       how long backups of this vault are kept, for the certificate\n"
   "  --other-vault VAULT  another vault that must have no key under the old master key; may stand there many times\n"
   "\n"
   "Exit status: 0 done, or done up to the time of grace; 1 --finish came too early; 2 refused or failed.\n";

enum {
   OPT_VAULT = 256,
   OPT_PROVIDERS,
   OPT_TIMEOUT,
   OPT_JSON,
   OPT_ALT_NAME,
   OPT_KEY_ID,
   OPT_TO,
   OPT_MASTER_KEY,
   OPT_DIR,
   OPT_CERTIFICATE_KEY,
   OPT_BACKUP,
   OPT_GRACE,
   OPT_DAYS,
   OPT_RETENTION,
   OPT_OTHER,
   OPT_PLAN,
   OPT_FINISH,
   OPT_HOLD,
   OPT_HELP
};

static const struct option options[] = {{"key-vault", required_argument, NULL, OPT_VAULT},
                                        {"kms-providers", required_argument, NULL, OPT_PROVIDERS},
                                        {"kms-timeout", required_argument, NULL, OPT_TIMEOUT},
                                        {"json", no_argument, NULL, OPT_JSON},
                                        {"key-alt-name", required_argument, NULL, OPT_ALT_NAME},
                                        {"key-id", required_argument, NULL, OPT_KEY_ID},
                                        {"to", required_argument, NULL, OPT_TO},
                                        {"master-key", required_argument, NULL, OPT_MASTER_KEY},
                                        {"certificate-dir", required_argument, NULL, OPT_DIR},
                                        {"certificate-key", required_argument, NULL, OPT_CERTIFICATE_KEY},
                                        {"backup", required_argument, NULL, OPT_BACKUP},
                                        {"grace", required_argument, NULL, OPT_GRACE},
                                        {"destroy-days", required_argument, NULL, OPT_DAYS},
                                        {"backup-retention", required_argument, NULL, OPT_RETENTION},
                                        {"other-vault", required_argument, NULL, OPT_OTHER},
                                        {"plan", no_argument, NULL, OPT_PLAN},
                                        {"finish", no_argument, NULL, OPT_FINISH},
                                        {"hold", no_argument, NULL, OPT_HOLD},
                                        {"help", no_argument, NULL, OPT_HELP},
                                        {NULL, 0, NULL, 0}};

static bool
parse_number (const char *text, long least, long most, int64_t *out)
{
   char *end = NULL;
   long n = strtol (text, &end, 10);

   *out = n;
   return end != text && !*end && n >= least && n <= most;
}

static bool
set_flag (fg_cli_shred *s, int option)
{
   switch (option) {
   case OPT_JSON:
      s->client.json = true;
      return true;
   case OPT_PLAN:
      s->plan = true;
      return true;
   case OPT_FINISH:
      s->finish = true;
      return true;
   case OPT_HOLD:
      s->hold = true;
      return true;
   default:
      return false;
   }
}

/* The lists have room for every argument. */
static bool
set_value (fg_cli_shred *s, int option)
{
   switch (option) {
   case OPT_VAULT:
      s->client.key_vault = optarg;
      return true;
   case OPT_PROVIDERS:
      s->client.kms_providers = optarg;
      return true;
   case OPT_TIMEOUT:
      return parse_number (optarg, 1, 600000, &s->client.kms_timeout_ms);
   case OPT_ALT_NAME:
      s->alt_names[s->n_alt_names++] = optarg;
      return true;
   case OPT_KEY_ID:
      s->ids[s->n_ids++] = optarg;
      return true;
   case OPT_TO:
      s->to = optarg;
      return true;
   case OPT_MASTER_KEY:
      s->client.master_key = optarg;
      return true;
   case OPT_DIR:
      s->dir = optarg;
      return true;
   case OPT_CERTIFICATE_KEY:
      s->certificate_key = optarg;
      return true;
   case OPT_BACKUP:
      s->backup = optarg;
      return true;
   case OPT_GRACE:
      return fg_parse_duration (optarg, &s->grace_ms);
   case OPT_DAYS:
      return parse_number (optarg, 1, 3650, &s->destroy_days);
   case OPT_RETENTION:
      return fg_parse_duration (optarg, &s->retention_ms);
   case OPT_OTHER:
      s->others[s->n_others++] = optarg;
      return true;
   default:
      return set_flag (s, option);
   }
}

static int
check (const fg_cli_shred *s, int argc)
{
   bool names_keys = s->n_alt_names + s->n_ids > 0;

   if (optind != argc || !s->client.key_vault || !s->client.kms_providers || !s->dir) {
      return fg_cli_usage ("keys shred", "keys shred: --key-vault, --kms-providers and --certificate-dir are needed");
   }
   if (s->finish && (names_keys || s->plan || s->hold || s->to)) {
      return fg_cli_usage ("keys shred",
                           "keys shred: --finish names no keys, and stands without --to, --plan and --hold");
   }
   if (s->hold && (s->to || s->backup)) {
      return fg_cli_usage ("keys shred",
                           "keys shred: --hold stands without --to and --backup, which the later shredding "
                           "names");
   }
   if (s->client.master_key && !s->to) {
      return fg_cli_usage ("keys shred", "keys shred: --master-key needs --to");
   }
   return -1;
}

int
fg_cli_shred_parse (fg_cli_shred *s, int argc, char **argv)
{
   size_t room = (size_t)argc + 1;
   int option;

   s->lock = -1;
   s->grace_ms = 86400000;
   s->retention_ms = -1;
   s->destroy_days = 7;
   s->client.verb = "keys shred";
   s->alt_names = calloc (room, sizeof *s->alt_names);
   s->ids = calloc (room, sizeof *s->ids);
   s->others = calloc (room, sizeof *s->others);
   s->other_vaults = calloc (room, sizeof (fg_key_vault *));
   if (!s->alt_names || !s->ids || !s->others || !s->other_vaults) {
      return fg_cli_usage ("keys shred", "out of memory");
   }
   opterr = 0;
   optind = 1;
   while ((option = getopt_long (argc, argv, "", options, NULL)) != -1) {
      if (option == OPT_HELP) {
         fputs (help, stdout);
         return FG_EXIT_OK;
      }
      if (option == '?' || !set_value (s, option)) {
         return fg_cli_usage ("keys shred",
                              "keys shred: unknown option, missing argument, or one that is out of range: %s",
                              argv[optind - 1]);
      }
   }
   return check (s, argc);
}

void
fg_cli_shred_clear (fg_cli_shred *s)
{
   fg_rolls_clear (&s->rolls);
   for (size_t i = 0; s->other_vaults && i < s->n_others; i++) {
      fg_key_vault_free (s->other_vaults[i]);
   }
   fg_cli_client_close (&s->client);
   if (s->lock >= 0) {
      close (s->lock);
   }
   free (s->alt_names);
   free (s->ids);
   free (s->others);
   free (s->other_vaults);
}
