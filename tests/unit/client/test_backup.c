/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/backup.h"

#include "client/keys/key_document.h"
#include "tests/unit/runner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const fg_suite_name = "client.backup";

static char folder[] = "/tmp/fieldguard-backup-XXXXXX";
static char path[256];

static const char *
in_folder (const char *name)
{
   snprintf (path, sizeof path, "%s/%s", folder, name);
   return path;
}

static fg_key_vault *
vault_of (size_t n)
{
   fg_key_vault *vault = fg_key_vault_memory_new (NULL);
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   bson_t *providers = bson_new ();
   bson_t local;
   uint8_t master[96] = {1, 2, 3};

   BSON_APPEND_DOCUMENT_BEGIN (providers, "local", &local);
   BSON_APPEND_BINARY (&local, "key", BSON_SUBTYPE_BINARY, master, sizeof master);
   bson_append_document_end (providers, &local);
   options.key_vault = vault;
   options.kms_providers = providers;
   fg_client *client = fg_client_new (&options, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (client);
   for (size_t i = 0; i < n; i++) {
      fg_data_key_options key = FG_DATA_KEY_OPTIONS_INIT;
      char text[32];
      const char *name = text;
      uint8_t id[FG_KEY_ID_LEN];
      snprintf (text, sizeof text, "key \"%zu\"\n", i);
      key.key_alt_names = &name;
      key.n_key_alt_names = i % 2;
      CU_ASSERT_FATAL (fg_client_create_data_key (client, "local", &key, id, NULL));
   }
   fg_client_free (client);
   bson_destroy (providers);
   return vault;
}

static void
round_trip (const char *name)
{
   fg_key_vault *vault = vault_of (20);
   fg_key_backup_info info;
   fg_key_list written = {0};
   fg_key_list read = {0};
   fg_key_list from_vault = {0};
   fg_error err = {0};
   struct stat st;

   CU_ASSERT (fg_key_backup_write (vault, in_folder (name), &info, &written, &err));
   CU_ASSERT_STRING_EQUAL (err.message, "");
   CU_ASSERT (fg_key_backup_check (path, &info, &read, &err));
   CU_ASSERT (fg_key_list_fill (&from_vault, vault, NULL, &err));
   CU_ASSERT (fg_key_list_equal (&written, &read) && fg_key_list_equal (&read, &from_vault));
   CU_ASSERT (info.documents == 20 && written.n == 20);
   CU_ASSERT (stat (path, &st) == 0 && (st.st_mode & 07777) == 0600 && (uint64_t)st.st_size == info.bytes);
   CU_ASSERT (access (in_folder ("x.partial"), F_OK) != 0);
   /* It opens as a key vault. */
   fg_key_vault *again = fg_key_vault_file_new (in_folder (name), false, &err);
   CU_ASSERT_PTR_NOT_NULL (again);
   fg_key_vault_free (again);
   /* It is never replaced. */
   CU_ASSERT_FALSE (fg_key_backup_write (vault, path, NULL, NULL, &err));
   CU_ASSERT (err.code == FG_E_EXISTS && strstr (err.message, path));
   /* A changed byte shows. */
   FILE *f = fopen (path, "r+b");
   CU_ASSERT_PTR_NOT_NULL_FATAL (f);
   fseek (f, -30, SEEK_END);
   int c = fgetc (f);
   fseek (f, -1, SEEK_CUR);
   fputc (c ^ 1, f);
   fclose (f);
   fg_key_list_clear (&read);
   CU_ASSERT_FALSE (fg_key_backup_check (path, &info, &read, &err));
   CU_ASSERT (err.code == FG_E_CORRUPT);
   fg_key_list_clear (&read);
   /* So does a file that was cut. */
   CU_ASSERT (truncate (path, st.st_size - 3) == 0);
   CU_ASSERT_FALSE (fg_key_backup_read (path, NULL, &read, &err));
   fg_key_list_clear (&read);
   fg_key_list_clear (&written);
   fg_key_list_clear (&from_vault);
   fg_key_vault_free (vault);
}

static void
test_lines (void)
{
   round_trip ("x");
}

static void
test_bson (void)
{
   round_trip ("x.bson");
}

static void
test_empty (void)
{
   fg_key_vault *vault = vault_of (0);
   fg_key_backup_info info;
   fg_key_list read = {0};

   CU_ASSERT (fg_key_backup_write (vault, in_folder ("empty"), &info, NULL, NULL));
   CU_ASSERT (fg_key_backup_check (path, &info, &read, NULL));
   CU_ASSERT (info.documents == 0 && read.n == 0);
   fg_key_vault_free (vault);
}

static void
test_halves (void)
{
   fg_key_vault *vault = vault_of (3);
   fg_key_backup_info info;
   fg_key_list documents = {0};
   fg_error err = {0};

   CU_ASSERT (fg_key_backup_prepare (vault, in_folder ("halves"), &info, &documents, &err));
   CU_ASSERT (access (path, F_OK) != 0);
   CU_ASSERT (fg_key_backup_is_prepared (path, &info));
   info.sha256[0] ^= 1;
   CU_ASSERT_FALSE (fg_key_backup_is_prepared (path, &info));
   info.sha256[0] ^= 1;
   CU_ASSERT (fg_key_backup_publish (path, &err));
   CU_ASSERT_FALSE (fg_key_backup_is_prepared (path, &info));
   CU_ASSERT (access (path, F_OK) == 0);
   CU_ASSERT_FALSE (fg_key_backup_publish (path, &err));
   /* A file that took the name in between stays. */
   CU_ASSERT (unlink (path) == 0);
   fg_key_list_clear (&documents);
   CU_ASSERT (fg_key_backup_prepare (vault, path, &info, &documents, &err));
   FILE *f = fopen (path, "w");
   CU_ASSERT_PTR_NOT_NULL_FATAL (f);
   fputs ("somebody's\n", f);
   fclose (f);
   CU_ASSERT_FALSE (fg_key_backup_publish (path, &err));
   struct stat st;
   CU_ASSERT (stat (path, &st) == 0 && st.st_size == 11);
   fg_key_list_clear (&documents);
   fg_key_vault_free (vault);
}

static void
test_full_disk (void)
{
   fg_key_vault *vault = vault_of (50);
   struct rlimit before;
   fg_error err = {0};

   CU_ASSERT_FATAL (getrlimit (RLIMIT_FSIZE, &before) == 0);
   struct rlimit tight = {4096, before.rlim_max};
   signal (SIGXFSZ, SIG_IGN);
   CU_ASSERT_FATAL (setrlimit (RLIMIT_FSIZE, &tight) == 0);
   CU_ASSERT_FALSE (fg_key_backup_write (vault, in_folder ("full"), NULL, NULL, &err));
   CU_ASSERT_FATAL (setrlimit (RLIMIT_FSIZE, &before) == 0);
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_SYSTEM);
   CU_ASSERT (access (path, F_OK) != 0 && access (in_folder ("full.partial"), F_OK) != 0);
   fg_key_vault_free (vault);
}

static void
test_no_folder (void)
{
   fg_key_vault *vault = vault_of (1);
   fg_error err = {0};

   CU_ASSERT_FALSE (fg_key_backup_write (vault, in_folder ("none/x"), NULL, NULL, &err));
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_SYSTEM);
   fg_key_vault_free (vault);
}

static void
test_folder (void)
{
   char command[64];

   snprintf (command, sizeof command, "rm -r %s", folder);
   CU_ASSERT (system (command) == 0);
}

static void
test_make_folder (void)
{
   CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (folder));
}

const fg_test fg_tests[] = {
   {"make_folder", test_make_folder},
   {"lines", test_lines},
   {"bson", test_bson},
   {"empty", test_empty},
   {"halves", test_halves},
   {"full_disk", test_full_disk},
   {"no_folder", test_no_folder},
   {"remove_folder", test_folder},
   {NULL, NULL},
};
