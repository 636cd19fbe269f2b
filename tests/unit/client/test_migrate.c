/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/migrate.h"

#include "client/keys/epoch.h"
#include "tests/unit/client/fake_kms.h"

#include <unistd.h>

const char *const fg_suite_name = "client.migrate";

static char folder[] = "/tmp/fieldguard-unit-migrate-XXXXXX";

typedef struct scene {
   fake_kms kms;
   fg_key_vault *vault;
   fg_client *client;
   fg_key_list before;
   bson_t *master_key;
   fg_migrate_options options;
   fg_migrate_report report;
   fg_error err;
   char journal[160];
   char backup[170];
   size_t failures;
   bool ok;
} scene;

static void
note_failed (void *ctx, const uint8_t id[FG_KEY_ID_LEN], const char *what, const char *why)
{
   scene *s = ctx;

   (void)id;
   CU_ASSERT (*what && *why);
   s->failures++;
}

static void
begin (scene *s, size_t n, const char *from, const char *to)
{
   static unsigned number;

   memset (s, 0, sizeof *s);
   if (strstr (folder, "XXXXXX")) {
      CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (folder));
   }
   snprintf (s->journal, sizeof s->journal, "%s/%u", folder, number++);
   snprintf (s->backup, sizeof s->backup, "%s.backup", s->journal);
   s->vault = fg_key_vault_memory_new (NULL);
   s->client = client_with (s->vault, &s->kms, 1);
   create_keys (s->client, from, n);
   s->master_key = strcmp (to, "aws") == 0 ? json_of (AWS_MASTER) : NULL;
   const fg_migrate_options options = FG_MIGRATE_OPTIONS_INIT;
   s->options = options;
   s->options.from = from;
   s->options.to = to;
   s->options.master_key = s->master_key;
   s->options.journal = s->journal;
   s->options.failed = note_failed;
   s->options.ctx = s;
   s->options.throttle_ms = 1;
   CU_ASSERT_FATAL (fg_key_list_fill (&s->before, s->vault, NULL, NULL));
   atomic_store (&s->kms.requests, 0);
}

static void
run (scene *s)
{
   fg_error_clear (&s->err);
   s->ok = fg_client_migrate_keys (s->client, &s->options, &s->report, &s->err);
}

static void
end (scene *s)
{
   unlink (s->journal);
   unlink (s->backup);
   fg_key_list_clear (&s->before);
   bson_destroy (s->master_key);
   fg_client_free (s->client);
   fg_key_vault_free (s->vault);
}

static void
test_there_and_back (void)
{
   scene s;
   fg_key_list now = {0};

   begin (&s, 30, "local", "aws");
   run (&s);
   CU_ASSERT_STRING_EQUAL (s.err.message, "");
   CU_ASSERT (s.ok && s.report.begun && !s.report.resumed && s.report.found == 30 && s.report.moved == 30 &&
              s.report.left == 0 && s.report.backed_up == 30);
   CU_ASSERT_EQUAL (count_under (s.vault, "aws"), 30);
   CU_ASSERT (same_keys (s.client, &s.before, s.client));
   run (&s);
   CU_ASSERT (s.ok && s.report.resumed && s.report.moved == 0 && s.report.moved_before == 30 && s.report.left == 0);
   s.options.rollback = true;
   run (&s);
   CU_ASSERT_STRING_EQUAL (s.err.message, "");
   CU_ASSERT (s.ok && s.report.moved == 30 && s.report.left == 0);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 30);
   run (&s);
   CU_ASSERT (s.ok && s.report.moved == 0 && s.report.resumed);
   s.options.rollback = false;
   run (&s);
   CU_ASSERT (!s.ok && !s.report.begun && strstr (s.err.message, "rolled back"));
   CU_ASSERT (fg_key_list_fill (&now, s.vault, NULL, NULL));
   for (size_t i = 0; i < now.n; i++) {
      fg_key_document a, b;
      CU_ASSERT (fg_key_document_parse (now.docs[i], &a, NULL) && fg_key_document_parse (s.before.docs[i], &b, NULL));
      CU_ASSERT (a.material_len == b.material_len && memcmp (a.material, b.material, a.material_len) == 0);
      CU_ASSERT (bson_equal (&a.master_key, &b.master_key));
   }
   fg_key_list_clear (&now);
   end (&s);
}

/* Somebody makes keys under the old master key while the first pass is under way. */
static void
make_two (fake_kms *kms, unsigned n)
{
   if (n == 5) {
      create_keys (kms->ctx, "local", 2);
   }
}

static void
test_made_meanwhile (void)
{
   scene s;

   begin (&s, 10, "local", "aws");
   s.kms.at_request = make_two;
   s.kms.ctx = s.client;
   run (&s);
   CU_ASSERT (s.ok && s.report.found == 10 && s.report.moved == 12 && s.report.made_meanwhile == 2 &&
              s.report.passes == 3);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 0);
   /* Under the new master key somebody makes one: a rollback leaves it there and says so. */
   create_keys (s.client, "aws", 1);
   s.options.rollback = true;
   run (&s);
   CU_ASSERT (s.ok && s.report.moved == 12 && s.report.made_meanwhile == 1 && s.report.left == 0);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 12);
   end (&s);
}

/* Somebody makes a key with each that is moved: followed for a while, then told. */
static void
make_one (fake_kms *kms, unsigned n)
{
   if (n % 2) {
      create_keys (kms->ctx, "local", 1);
   }
}

static void
test_made_for_ever (void)
{
   scene s;

   begin (&s, 1, "local", "aws");
   s.options.parallel = 1;
   s.kms.at_request = make_one;
   s.kms.ctx = s.client;
   run (&s);
   CU_ASSERT (!s.ok && s.err.code == FG_E_BUSY && s.report.begun);
   CU_ASSERT_EQUAL (s.report.moved, s.report.passes);
   CU_ASSERT (s.report.passes >= 100 && s.report.made_meanwhile == s.report.passes - 1);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 1);
   s.kms.at_request = NULL;
   run (&s);
   CU_ASSERT (s.ok && s.report.moved == 1 && s.report.left == 0);
   end (&s);
}

static void
test_fails_and_resumes (void)
{
   scene s;

   begin (&s, 100, "local", "aws");
   s.kms.fail_after = 80;
   run (&s);
   CU_ASSERT (!s.ok && s.report.begun && s.report.moved > 10 && s.report.moved <= 40);
   CU_ASSERT_EQUAL (s.report.moved + s.report.left, 100);
   size_t moved = s.report.moved;
   s.kms.fail_after = 0;
   run (&s);
   CU_ASSERT (s.ok && s.report.resumed && s.report.moved_before == moved && s.report.moved == 100 - moved);
   CU_ASSERT (same_keys (s.client, &s.before, s.client));
   end (&s);
}

static void
test_stays_with_its_own (void)
{
   scene s;

   begin (&s, 8, "aws", "aws");
   /* Another key of the same provider: the master key tells what was moved. */
   bson_destroy (s.master_key);
   s.master_key = json_of ("{\"region\": \"eu-west-1\", \"key\": \"other\"}");
   s.options.master_key = s.master_key;
   run (&s);
   CU_ASSERT (s.ok && s.report.moved == 8 && s.report.passes == 2);
   create_keys (s.client, "aws", 1);
   run (&s);
   CU_ASSERT (s.ok && s.report.moved == 1 && s.report.moved_before == 8);
   /* Rewrapped in place, once. */
   s.options.from = s.options.to = NULL;
   s.options.master_key = NULL;
   snprintf (s.journal, sizeof s.journal, "%s/own", folder);
   run (&s);
   CU_ASSERT (s.ok && s.report.moved == 9);
   run (&s);
   CU_ASSERT (s.ok && s.report.moved == 0 && s.report.moved_before == 9);
   snprintf (s.backup, sizeof s.backup, "%s/own.backup", folder);
   end (&s);
}

static void
test_dry (void)
{
   scene s;
   fg_key_list now = {0};

   begin (&s, 10, "local", "aws");
   s.options.dry_run = true;
   s.options.journal = NULL;
   fg_client *stranger = client_with (s.vault, &s.kms, 50);
   create_keys (stranger, "local", 1);
   run (&s);
   CU_ASSERT (s.ok && s.report.moved == 10 && s.report.failed == 1 && s.report.left == 1 && s.failures == 1 &&
              s.report.passes == 1);
   CU_ASSERT (fg_key_list_fill (&now, s.vault, NULL, NULL));
   CU_ASSERT_EQUAL (now.n, 11);
   for (size_t i = 0; i < 10; i++) {
      CU_ASSERT (bson_equal (now.docs[i], s.before.docs[i]));
   }
   fg_key_list_clear (&now);
   fg_client_free (stranger);
   end (&s);
}

static void
test_closed_epochs (void)
{
   scene s;
   char id[FG_EPOCH_ID_LEN];

   begin (&s, 3, "local", "aws");
   bson_t *other = json_of ("{\"region\": \"eu-west-1\", \"key\": \"marker\"}");
   CU_ASSERT (fg_epoch_id ("aws", s.master_key, id, NULL));
   CU_ASSERT (fg_epoch_mark (s.client, id, FG_EPOCH_CLOSED, "aws", other, NULL));
   run (&s);
   CU_ASSERT (!s.ok && s.err.code == FG_E_DENIED && !s.report.begun);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 3);
   bson_destroy (other);
   end (&s);

   begin (&s, 3, "local", "aws");
   run (&s);
   CU_ASSERT (s.ok);
   CU_ASSERT (fg_epoch_id ("local", NULL, id, NULL));
   CU_ASSERT (fg_epoch_mark (s.client, id, FG_EPOCH_CLOSED, "aws", s.master_key, NULL));
   s.options.rollback = true;
   run (&s);
   CU_ASSERT (!s.ok && s.err.code == FG_E_DENIED && !s.report.begun);
   CU_ASSERT_EQUAL (count_under (s.vault, "local"), 0);
   end (&s);
}

static void
test_refused (void)
{
   scene s;

   begin (&s, 1, "local", "aws");
   s.options.journal = NULL;
   run (&s);
   CU_ASSERT (!s.ok && s.err.domain == FG_ERROR_USAGE && !s.report.begun);
   s.options.journal = s.journal;
   s.options.rollback = s.options.dry_run = true;
   run (&s);
   CU_ASSERT (!s.ok && s.err.domain == FG_ERROR_USAGE);
   s.options.rollback = s.options.dry_run = false;
   s.options.to = NULL;
   run (&s);
   CU_ASSERT (!s.ok && s.err.domain == FG_ERROR_USAGE);
   s.options.to = "aws";
   s.options.parallel = 65;
   run (&s);
   CU_ASSERT (!s.ok && s.err.domain == FG_ERROR_USAGE);
   s.options.parallel = 0;
   s.options.size = 8;
   run (&s);
   CU_ASSERT (!s.ok && s.err.domain == FG_ERROR_USAGE);
   s.options.size = sizeof s.options;
   s.options.rollback = true;
   run (&s);
   CU_ASSERT (!s.ok && s.err.code == FG_E_NOT_FOUND && access (s.journal, F_OK) != 0);
   end (&s);
}

/* The backup of an interrupted run: there, not yet named, gone before and after the first key was touched. */
static void
test_backup_states (void)
{
   scene s;
   char partial[200];

   begin (&s, 100, "local", "aws");
   s.kms.fail_after = 100;
   run (&s);
   CU_ASSERT (!s.ok && s.report.moved > 0);
   s.kms.fail_after = 0;
   snprintf (partial, sizeof partial, "%s.partial", s.backup);
   CU_ASSERT (rename (s.backup, partial) == 0);
   /* As if killed before it had its name. */
   run (&s);
   CU_ASSERT (s.ok && s.report.left == 0 && access (s.backup, F_OK) == 0 && access (partial, F_OK) != 0);
   CU_ASSERT (unlink (s.backup) == 0);
   run (&s);
   CU_ASSERT (!s.ok && !s.report.begun && strstr (s.err.message, "is gone"));
   end (&s);

   begin (&s, 40, "local", "aws");
   s.kms.fail_after = 1;
   atomic_store (&s.kms.requests, 5);
   run (&s);
   CU_ASSERT (!s.ok && s.report.moved == 0);
   s.kms.fail_after = 0;
   CU_ASSERT (unlink (s.backup) == 0); /* no key was touched: it is made anew */
   run (&s);
   CU_ASSERT (s.ok && s.report.moved == 40 && access (s.backup, F_OK) == 0);
   FILE *f = fopen (s.backup, "a");
   CU_ASSERT_FATAL (f && fputs (" ", f) >= 0 && fclose (f) == 0);
   run (&s);
   CU_ASSERT (!s.ok && s.err.code == FG_E_CORRUPT);
   end (&s);
}

static void
test_remove_folder (void)
{
   char command[80];

   snprintf (command, sizeof command, "rm -r %s", folder);
   CU_ASSERT (system (command) == 0);
}

const fg_test fg_tests[] = {
   {"there_and_back", test_there_and_back},
   {"made_meanwhile", test_made_meanwhile},
   {"made_for_ever", test_made_for_ever},
   {"fails_and_resumes", test_fails_and_resumes},
   {"stays_with_its_own", test_stays_with_its_own},
   {"dry", test_dry},
   {"closed_epochs", test_closed_epochs},
   {"refused", test_refused},
   {"backup_states", test_backup_states},
   {"remove_folder", test_remove_folder},
   {NULL, NULL},
};
