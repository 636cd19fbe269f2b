/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/migrate.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
   "usage: fieldguard keys migrate --key-vault VAULT --kms-providers FILE --from PROVIDER --to PROVIDER\n"
   "                               [--master-key FILE] [--filter JSON] [--journal FILE] [--backup FILE]\n"
   "                               [--parallel N] [--rate N] [--dry-run | --rollback] [--json]\n"
   "\n"
   "Moves keys from one master key to another. Each key is unwrapped, wrapped anew, the new wrapping unwrapped again "
   "and\n"
   "compared; then it is put on record in the journal, and only then is the document replaced, if it still is what "
   "was\n"
   "read. Data stays as it is: no ciphertext changes, and applications go on meanwhile.\n"
   "\n"
   "Before the first key, the whole vault is backed up and the backup read back. Killed at any moment, every key "
   "opens; the\n"
   "same command again goes on where it was. It looks for keys until it finds none, those included that others make\n"
   "meanwhile. Give applications the new master key first: whoever has the old one in his configuration can make new "
   "keys\n"
   "under it afterwards.\n"
   "\n" FG_KEYS_OPTIONS "  --from PROVIDER      which keys: those of local, aws, aws:eu, ...\n"
   "  --to PROVIDER        where to; may be the same provider with another master key\n"
   "  --master-key FILE    the new masterKey in Extended JSON, without `provider`; none for local\n"
   "  --filter JSON        only keys that match, too. Vaults in files know equality and $in on _id, keyAltNames, "
   "status\n"
   "                       and masterKey.<field>\n"
   "  --journal FILE       VAULT.FROM-to-TO.journal without it. It holds ids and wrapped keys: old wrappings and the "
   "old\n"
   "                       master key open data, so keep or destroy it as you would a backup of the vault\n"
   "  --backup FILE        the journal's name and .backup without it; it must not exist. BSON when it ends in .bson\n"
   "  --parallel N         requests to the KMS under way at once, 1 to 64; 4 without it\n"
   "  --rate N             requests to the KMS a second at most; /s may follow. A KMS that throttles is asked more "
   "slowly\n"
   "                       anyway\n"
   "  --dry-run            unwrap, wrap and compare everything; store nothing, write no file\n"
   "  --rollback           put back every wrapping that the journal says was replaced, after opening it\n"
   "\n"
   "Exit status: 0 every key moved, 1 some were not, or the run ended early: run it again; 2 refused, nothing was "
   "done.\n";

static const char rewrap_help[] =
   "usage: fieldguard keys rewrap --key-vault VAULT --kms-providers FILE --journal FILE [--backup FILE]\n"
   "                              [--provider PROVIDER [--master-key FILE]] [--filter JSON] [--parallel N] [--rate N]\n"
   "                              [--dry-run | --rollback] [--json]\n";

enum {
   OPT_VAULT = 256,
   OPT_PROVIDERS,
   OPT_TIMEOUT,
   OPT_JSON,
   OPT_FROM,
   OPT_TO,
   OPT_MASTER_KEY,
   OPT_FILTER,
   OPT_JOURNAL,
   OPT_BACKUP,
   OPT_PARALLEL,
   OPT_RATE,
   OPT_DRY_RUN,
   OPT_ROLLBACK,
   OPT_HELP
};

static const struct option long_options[] = {{"key-vault", required_argument, NULL, OPT_VAULT},
                                             {"kms-providers", required_argument, NULL, OPT_PROVIDERS},
                                             {"kms-timeout", required_argument, NULL, OPT_TIMEOUT},
                                             {"json", no_argument, NULL, OPT_JSON},
                                             {"from", required_argument, NULL, OPT_FROM},
                                             {"to", required_argument, NULL, OPT_TO},
                                             {"provider", required_argument, NULL, OPT_TO},
                                             {"master-key", required_argument, NULL, OPT_MASTER_KEY},
                                             {"filter", required_argument, NULL, OPT_FILTER},
                                             {"journal", required_argument, NULL, OPT_JOURNAL},
                                             {"backup", required_argument, NULL, OPT_BACKUP},
                                             {"parallel", required_argument, NULL, OPT_PARALLEL},
                                             {"rate", required_argument, NULL, OPT_RATE},
                                             {"dry-run", no_argument, NULL, OPT_DRY_RUN},
                                             {"rollback", no_argument, NULL, OPT_ROLLBACK},
                                             {"help", no_argument, NULL, OPT_HELP},
                                             {NULL, 0, NULL, 0}};

/* --- options ---------------------------------------------------------------------------------------------------------- */

static bool
parse_whole (const char *text, long least, long most, long *out)
{
   char *end = NULL;

   errno = 0;
   *out = strtol (text, &end, 10);
   return end != text && !*end && errno == 0 && *out >= least && *out <= most;
}

static bool
parse_rate (const char *text, double *out)
{
   char *end = NULL;

   *out = strtod (text, &end);
   return end != text && (!*end || strcmp (end, "/s") == 0) && *out > 0 && *out <= 1e6;
}

static bool
set_option (fg_cli_migration *m, int option)
{
   long number = 0;

   switch (option) {
   case OPT_VAULT:
      m->c.key_vault = optarg;
      break;
   case OPT_PROVIDERS:
      m->c.kms_providers = optarg;
      break;
   case OPT_TIMEOUT:
      if (!parse_whole (optarg, 1, 600000, &number)) {
         return false;
      }
      m->c.kms_timeout_ms = number;
      break;
   case OPT_JSON:
      m->c.json = true;
      break;
   case OPT_FROM:
      m->options.from = optarg;
      break;
   case OPT_TO:
      m->options.to = optarg;
      break;
   case OPT_MASTER_KEY:
      m->c.master_key = optarg;
      break;
   case OPT_FILTER:
      m->c.filter = optarg;
      break;
   case OPT_JOURNAL:
      m->options.journal = optarg;
      break;
   case OPT_BACKUP:
      m->options.backup = optarg;
      break;
   case OPT_PARALLEL:
      if (!parse_whole (optarg, 1, 64, &number)) {
         return false;
      }
      m->options.parallel = (unsigned)number;
      break;
   case OPT_RATE:
      return parse_rate (optarg, &m->options.rate);
   case OPT_DRY_RUN:
      m->options.dry_run = true;
      break;
   case OPT_ROLLBACK:
      m->options.rollback = true;
      break;
   default:
      return false;
   }
   return true;
}

/* False: *status says how it ends. */
static bool
parse (fg_cli_migration *m, int argc, char **argv, int *status)
{
   int option;

   opterr = 0;
   optind = 1;
   *status = FG_EXIT_CANNOT;
   while ((option = getopt_long (argc, argv, "", long_options, NULL)) != -1) {
      if (option == OPT_HELP) {
         fputs (m->rewrap ? rewrap_help : help, stdout);
         *status = FG_EXIT_OK;
         return false;
      }
      if (option == '?' || !set_option (m, option)) {
         *status = fg_cli_usage (m->c.verb, "%s: unknown option, or a missing or impossible argument: %s", m->c.verb,
                                 argv[optind - 1]);
         return false;
      }
   }
   const char *wrong = optind != argc                           ? "no argument is taken"
                       : !m->c.key_vault || !m->c.kms_providers ? "--key-vault and --kms-providers are needed"
                       : !m->rewrap && (!m->options.from || !m->options.to) ? "--from and --to are needed"
                       : m->options.dry_run && m->options.rollback ? "--dry-run and --rollback exclude each other"
                                                                   : NULL;
   if (wrong) {
      *status = fg_cli_usage (m->c.verb, "%s: %s", m->c.verb, wrong);
   }
   return !wrong;
}

/* VAULT.FROM-to-TO.journal, beside a vault in a file; DB.COLLECTION of a URI. */
static char *
default_journal (const fg_cli_migration *m)
{
   const char *vault = m->c.key_vault + (m->c.key_vault[0] == '@');
   const char *ns = strstr (vault, "://") ? strstr (vault, "ns=") : NULL;
   int len = (int)(ns ? strcspn (ns + 3, "&") : strlen (vault));
   char *path = NULL;

   if (asprintf (&path, "%.*s.%s-to-%s.journal", len, ns ? ns + 3 : vault, m->options.from, m->options.to) < 0) {
      return NULL;
   }
   for (char *p = path + len; *p; p++) {
      *p = *p == ':' ? '_' : *p;
   }
   return path;
}

/* --- the run ---------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stop_asked;

static void
ask_to_stop (int signal_number)
{
   (void)signal_number;
   stop_asked = 1;
}

/* The second one ends the process at once: that is safe, too. */
static void
catch_signals (void)
{
   struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)SA_RESETHAND};

   sigaction (SIGINT, &action, NULL);
   sigaction (SIGTERM, &action, NULL);
}

static bool
read_documents (fg_cli_migration *m, fg_error *err)
{
   if (m->c.filter && !(m->filter = bson_new_from_json ((const uint8_t *)m->c.filter, -1, NULL))) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_INVALID, NULL, "--filter is no document in Extended JSON");
   }
   if (m->c.master_key && !(m->master_key = fg_cli_read_document (m->c.master_key, err))) {
      return false;
   }
   m->options.filter = m->filter;
   m->options.master_key = m->master_key;
   if (!m->options.journal && !(m->journal = default_journal (m))) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_NOMEM, NULL, "out of memory");
   }
   m->options.journal = m->journal ? m->journal : m->options.journal;
   return true;
}

static bool
migrate (fg_cli_migration *m, fg_error *err)
{
   m->options.stop = &stop_asked;
   m->options.progress = fg_cli_migrate_progress;
   m->options.failed = fg_cli_migrate_failed;
   m->options.ctx = m;
   if (!read_documents (m, err) || !fg_cli_client_open (&m->c, false, err)) {
      return false;
   }
   catch_signals ();
   m->progress = fg_cli_migrate_progress_start ();
   bool ok = fg_client_migrate_keys (m->c.client, &m->options, &m->report, err);
   fg_progress_end (&m->progress);
   return ok;
}

static int
run (int argc, char **argv, bool rewrap)
{
   fg_cli_migration m = {
      .c = {.verb = rewrap ? "keys rewrap" : "keys migrate"}, .options = FG_MIGRATE_OPTIONS_INIT, .rewrap = rewrap};
   fg_error err = {0};
   int status;

   if (!parse (&m, argc, argv, &status)) {
      return status;
   }
   bool ok = migrate (&m, &err);
   if (m.report.begun) {
      fg_cli_migrate_print (&m, ok);
   }
   if (!ok) {
      fg_cli_fail (&err);
   }
   status = !m.report.begun ? FG_EXIT_CANNOT : ok && !m.report.left ? FG_EXIT_OK : FG_EXIT_FINDING;
   bson_destroy (m.filter);
   bson_destroy (m.master_key);
   free (m.journal);
   fg_cli_client_close (&m.c);
   return status;
}

int
fg_keys_migrate (int argc, char **argv)
{
   return run (argc, argv, false);
}

int
fg_keys_rewrap_journalled (int argc, char **argv)
{
   return run (argc, argv, true);
}
