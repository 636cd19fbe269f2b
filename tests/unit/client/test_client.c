/* SPDX-License-Identifier: Apache-2.0 */
#include <fieldguard/client.h>

#include "client/secret/secret.h"
#include "tests/unit/client/vectors.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

const char *const fg_suite_name = "client.client";

static fg_client *
local_client (fg_key_vault *vault, const uint8_t master[96], int64_t ttl_ms, size_t max_keys)
{
   bson_t providers = BSON_INITIALIZER;
   bson_t local;
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   fg_error err = {0};

   bson_append_document_begin (&providers, "local", -1, &local);
   bson_append_binary (&local, "key", -1, BSON_SUBTYPE_BINARY, master, 96);
   bson_append_document_end (&providers, &local);
   options.key_vault = vault;
   options.kms_providers = &providers;
   options.key_expiration_ms = ttl_ms;
   options.cache_max_keys = max_keys;
   fg_client *client = fg_client_new (&options, &err);
   bson_destroy (&providers);
   return client;
}

static const uint8_t zero_master[96];

static bson_value_t
text_value (const char *text)
{
   bson_value_t v = {.value_type = BSON_TYPE_UTF8};

   v.value.v_utf8.str = (char *)(uintptr_t)text;
   v.value.v_utf8.len = (uint32_t)strlen (text);
   return v;
}

static bool
create (fg_client *client, const char *name, uint8_t id[16], fg_error *err)
{
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;

   options.key_alt_names = &name;
   options.n_key_alt_names = name ? 1 : 0;
   return fg_client_create_data_key (client, "local", &options, id, err);
}

/* The whole surface on one vault; the caller frees it. */
static void
exercise (fg_key_vault *vault)
{
   fg_client *client = local_client (vault, zero_master, 60000, 0);
   fg_encrypt_options by_name = FG_ENCRYPT_OPTIONS_INIT;
   fg_encrypt_options by_id = FG_ENCRYPT_OPTIONS_INIT;
   bson_value_t value = text_value ("457-55-5462");
   bson_value_t one, two, back;
   uint8_t id[16], other[16];
   bson_t *doc = NULL;
   bool deleted = false;
   fg_error err = {0};

   CU_ASSERT_PTR_NOT_NULL_FATAL (client);
   CU_ASSERT_TRUE (fg_client_create_index (client, &err));
   CU_ASSERT_TRUE_FATAL (create (client, "ssn", id, &err));
   CU_ASSERT_TRUE_FATAL (create (client, NULL, other, &err));
   CU_ASSERT_FALSE (create (client, "ssn", other, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_EXISTS);

   by_name.key_alt_name = "ssn";
   by_name.algorithm = FG_ALGORITHM_DETERMINISTIC;
   by_id.key_id = id;
   by_id.algorithm = FG_ALGORITHM_DETERMINISTIC;
   CU_ASSERT_TRUE_FATAL (fg_client_encrypt (client, &value, &by_name, &one, &err));
   CU_ASSERT_TRUE_FATAL (fg_client_encrypt (client, &value, &by_id, &two, &err));
   CU_ASSERT_EQUAL (one.value.v_binary.data_len, two.value.v_binary.data_len);
   CU_ASSERT_EQUAL (memcmp (one.value.v_binary.data, two.value.v_binary.data, one.value.v_binary.data_len), 0);
   CU_ASSERT_TRUE_FATAL (fg_client_decrypt (client, &one, &back, &err));
   CU_ASSERT_STRING_EQUAL (back.value.v_utf8.str, "457-55-5462");
   bson_value_destroy (&back);

   CU_ASSERT_TRUE (fg_client_get_key (client, id, &doc, &err));
   CU_ASSERT_PTR_NOT_NULL_FATAL (doc);
   CU_ASSERT_TRUE (bson_has_field (doc, "keyAltNames.0"));
   bson_destroy (doc);
   CU_ASSERT_TRUE (fg_client_get_key_by_alt_name (client, "nobody", &doc, &err));
   CU_ASSERT_PTR_NULL (doc);
   CU_ASSERT_TRUE (fg_client_add_key_alt_name (client, id, "second", &doc, &err));
   CU_ASSERT_PTR_NOT_NULL (doc);
   bson_destroy (doc);
   CU_ASSERT_TRUE (fg_client_remove_key_alt_name (client, id, "ssn", &doc, &err));
   CU_ASSERT_PTR_NOT_NULL (doc);
   bson_destroy (doc);
   bson_value_destroy (&two);
   CU_ASSERT_FALSE (
      fg_client_encrypt (client, &value, &by_name, &two, &err)); /* the cache has forgotten the name too */
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_KEY);
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   by_name.key_alt_name = "second";
   CU_ASSERT_TRUE_FATAL (fg_client_encrypt (client, &value, &by_name, &two, &err));
   bson_value_destroy (&two);

   fg_rewrap_options rewrap = FG_REWRAP_OPTIONS_INIT;
   fg_rewrap_result result;
   bson_t *before = NULL;
   CU_ASSERT_TRUE (fg_client_get_key (client, id, &before, &err));
   CU_ASSERT_TRUE (fg_client_rewrap_many_data_key (client, NULL, &rewrap, &result, &err));
   CU_ASSERT_EQUAL (result.matched, 2);
   CU_ASSERT_EQUAL (result.rewrapped, 2);
   CU_ASSERT_TRUE (fg_client_get_key (client, id, &doc, &err));
   CU_ASSERT_FALSE (bson_equal (doc, before));
   bson_destroy (doc);
   bson_destroy (before);
   fg_client_forget_key (client, NULL);
   CU_ASSERT_TRUE_FATAL (fg_client_decrypt (client, &one, &back, &err));
   bson_value_destroy (&back);

   CU_ASSERT_TRUE (fg_client_delete_key (client, id, &deleted, &err));
   CU_ASSERT_TRUE (deleted);
   CU_ASSERT_TRUE (fg_client_delete_key (client, id, &deleted, &err));
   CU_ASSERT_FALSE (deleted);
   CU_ASSERT_FALSE (fg_client_decrypt (client, &one, &back, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   bson_value_destroy (&one);
   fg_client_free (client);
}

static void
test_memory_vault (void)
{
   size_t before = fg_secret_in_use ();
   fg_key_vault *vault = fg_key_vault_memory_new (NULL);

   CU_ASSERT_PTR_NOT_NULL_FATAL (vault);
   exercise (vault);
   fg_key_vault_free (vault);
   CU_ASSERT_EQUAL (fg_secret_in_use (), before);
}

static void
with_file (const char *name, const char *content)
{
   char dir[] = "/tmp/fg-test-XXXXXX";
   char path[64];
   fg_error err = {0};

   CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (dir));
   snprintf (path, sizeof path, "%s/%s", dir, name);
   CU_ASSERT_PTR_NULL (fg_key_vault_file_new (path, false, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   if (content) {
      FILE *f = fopen (path, "w");
      CU_ASSERT_PTR_NOT_NULL_FATAL (f);
      fputs (content, f);
      fclose (f);
   }
   fg_key_vault *vault = fg_key_vault_file_new (path, true, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (vault);
   exercise (vault);
   fg_key_vault_free (vault);
   vault = fg_key_vault_file_new (path, false, &err); /* what was written can be read */
   CU_ASSERT_PTR_NOT_NULL (vault);
   fg_key_vault_free (vault);
   if (content) {
      FILE *f = fopen (path, "r");
      CU_ASSERT_PTR_NOT_NULL_FATAL (f);
      CU_ASSERT_EQUAL (fgetc (f), content[0]); /* an array stays one */
      fclose (f);
   }
   CU_ASSERT_EQUAL (unlink (path), 0);
   CU_ASSERT_EQUAL (rmdir (dir), 0); /* and nothing else is left there */
}

static void
test_file_vaults (void)
{
   with_file ("keys.json", NULL);
   with_file ("keys.json", "[ ]");
   with_file ("keys.bson", NULL);
}

static void
test_broken_files (void)
{
   static const char *const contents[] = {"{", "[{}]", "{\"_id\": 1}", "[1]", "not json", "[", "[{\"a\":1},"};
   char dir[] = "/tmp/fg-test-XXXXXX";
   char path[64];

   CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (dir));
   for (size_t i = 0; i < 2 * sizeof contents / sizeof contents[0]; i++) {
      fg_error err = {0};
      snprintf (path, sizeof path, "%s/k.%s", dir, i % 2 ? "bson" : "json");
      FILE *f = fopen (path, "w");
      CU_ASSERT_PTR_NOT_NULL_FATAL (f);
      fputs (contents[i / 2], f);
      fclose (f);
      CU_ASSERT_PTR_NULL (fg_key_vault_file_new (path, true, &err));
      CU_ASSERT_NOT_EQUAL (err.code, FG_OK);
      unlink (path);
   }
   rmdir (dir);
}

/* Another master key opens nothing, and says which key failed. */
static void
test_wrong_master_key (void)
{
   uint8_t other_master[96] = {1};
   fg_key_vault *vault = fg_key_vault_memory_new (NULL);
   fg_client *a = local_client (vault, zero_master, 0, 0);
   fg_client *b = local_client (vault, other_master, 0, 0);
   fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
   bson_value_t value = text_value ("x");
   bson_value_t blob;
   uint8_t id[16];
   fg_error err = {0};

   CU_ASSERT_TRUE_FATAL (a && b && create (a, "k", id, &err));
   options.key_id = id;
   options.algorithm = FG_ALGORITHM_RANDOM;
   CU_ASSERT_FALSE (fg_client_encrypt (b, &value, &options, &blob, &err));
   CU_ASSERT_EQUAL (err.domain, FG_ERROR_KMS);
   CU_ASSERT_EQUAL (err.code, FG_E_CORRUPT);
   CU_ASSERT_EQUAL (strlen (err.path), 36);
   fg_client_free (a);
   fg_client_free (b);
   fg_key_vault_free (vault);
}

/* libmongocrypt's own wrapped keys under 96 zero bytes, and a value that it encrypted under one of them. */
static void
test_key_vectors (void)
{
   static const char *const docs[] = {"12345678123498761234123456789012", "12345678123498761234123456789013",
                                      "12345678123498761234123456789014", "ABCDEFAB123498761234123456789012"};
   static const char *const values[] = {"FLE1DeterministicEncryptedValue", "FLE1RandomEncryptedValue"};
   fg_key_vault *vault = fg_key_vault_memory_new (NULL);
   fg_client *client = local_client (vault, zero_master, 0, 0);
   char path[160];
   fg_error err = {0};

   CU_ASSERT_TRUE_FATAL (vault && client);
   bson_t *probe = vector_json ("libmongocrypt-data/explicit-decrypt/FLE1RandomEncryptedValue.json");
   if (!probe) {
      fg_test_skip ("no vectors here");
   }
   for (size_t i = 0; probe && i < 4; i++) {
      snprintf (path, sizeof path, "libmongocrypt-data/keys/%s-local-document.json", docs[i]);
      bson_t *bson = vector_json (path);
      CU_ASSERT_PTR_NOT_NULL_FATAL (bson);
      char dir[] = "/tmp/fg-test-XXXXXX";
      CU_ASSERT_PTR_NOT_NULL_FATAL (mkdtemp (dir));
      snprintf (path, sizeof path, "%s/k.json", dir);
      FILE *f = fopen (path, "w");
      char *json = bson_as_canonical_extended_json (bson, NULL);
      fputs (json, f);
      fclose (f);
      bson_free (json);
      bson_destroy (bson);
      fg_key_vault *file = fg_key_vault_file_new (path, false, &err);
      CU_ASSERT_PTR_NOT_NULL_FATAL (file);
      fg_client *reader = local_client (file, zero_master, 0, 0);
      CU_ASSERT_PTR_NOT_NULL_FATAL (reader);
      for (size_t v = 0; v < 2; v++) {
         char name[160];
         bson_iter_t iter;
         bson_value_t out;
         snprintf (name, sizeof name, "libmongocrypt-data/explicit-decrypt/%s.json", values[v]);
         bson_t *sealed = vector_json (name);
         CU_ASSERT_TRUE_FATAL (sealed && bson_iter_init_find (&iter, sealed, "v"));
         bool ok = fg_client_decrypt (reader, bson_iter_value (&iter), &out, &err);
         if (ok) {
            CU_ASSERT_STRING_EQUAL (out.value.v_utf8.str, "foo");
            bson_value_destroy (&out);
         } else {
            CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND); /* under another of the four */
         }
         CU_ASSERT_EQUAL (ok, strcmp (docs[i], "ABCDEFAB123498761234123456789012") == 0);
         bson_destroy (sealed);
      }
      fg_client_free (reader);
      fg_key_vault_free (file);
      unlink (path);
      rmdir (dir);
   }
   bson_destroy (probe);
   fg_client_free (client);
   fg_key_vault_free (vault);
}

/* A document under more keys than the cache holds, and one key that is gone. */
static void
test_documents (void)
{
   fg_key_vault *vault = fg_key_vault_memory_new (NULL);
   fg_client *client = local_client (vault, zero_master, 60000, 3);
   bson_t plain = BSON_INITIALIZER;
   bson_t sealed = BSON_INITIALIZER;
   bson_value_t value = text_value ("secret");
   uint8_t id[16];
   fg_error err = {0};

   CU_ASSERT_TRUE_FATAL (vault && client);
   for (int i = 0; i < 10; i++) {
      char name[16];
      fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
      bson_value_t blob;
      snprintf (name, sizeof name, "k%d", i);
      CU_ASSERT_TRUE_FATAL (create (client, name, id, &err));
      options.key_alt_name = name;
      options.algorithm = FG_ALGORITHM_RANDOM;
      CU_ASSERT_TRUE_FATAL (fg_client_encrypt (client, &value, &options, &blob, &err));
      BSON_APPEND_VALUE (&sealed, name, &blob);
      BSON_APPEND_VALUE (&plain, name, &value);
      bson_value_destroy (&blob);
   }
   fg_client_forget_key (client, NULL);
   bson_t *out = fg_client_decrypt_document (client, &sealed, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (out);
   CU_ASSERT_TRUE (bson_equal (out, &plain));
   bson_destroy (out);
   bool deleted = false;
   CU_ASSERT_TRUE (fg_client_delete_key (client, id, &deleted, &err) && deleted);
   CU_ASSERT_PTR_NULL (fg_client_decrypt_document (client, &sealed, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_NOT_FOUND);
   bson_destroy (&sealed);
   bson_destroy (&plain);
   fg_client_free (client);
   fg_key_vault_free (vault);
}

/* Keys that expire, make room for each other and are revoked while four threads use them. */
typedef struct worker {
   fg_client *client;
   const char *name;
   size_t failures;
} worker;

static void *
work (void *arg)
{
   worker *w = arg;
   fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;

   options.key_alt_name = w->name;
   options.algorithm = FG_ALGORITHM_RANDOM;
   for (int i = 0; i < 200; i++) {
      bson_value_t value = text_value ("shared");
      bson_value_t blob, back;
      if (!fg_client_encrypt (w->client, &value, &options, &blob, NULL)) {
         w->failures++;
         continue;
      }
      if (fg_client_decrypt (w->client, &blob, &back, NULL)) {
         w->failures += strcmp (back.value.v_utf8.str, "shared") != 0;
         bson_value_destroy (&back);
      } else {
         w->failures++;
      }
      bson_value_destroy (&blob);
      if (i % 50 == 49) {
         fg_client_forget_key (w->client, NULL);
      }
   }
   return NULL;
}

static void
test_threads (void)
{
   static const char *const names[] = {"a", "b", "c", "a"};
   fg_key_vault *vault = fg_key_vault_memory_new (NULL);
   fg_client *client = local_client (vault, zero_master, 50, 3);
   pthread_t threads[4];
   worker workers[4];
   uint8_t id[16];

   CU_ASSERT_TRUE_FATAL (client && create (client, "a", id, NULL) && create (client, "b", id, NULL) &&
                         create (client, "c", id, NULL));
   for (size_t i = 0; i < 4; i++) {
      workers[i] = (worker){.client = client, .name = names[i]};
      CU_ASSERT_EQUAL_FATAL (pthread_create (&threads[i], NULL, work, &workers[i]), 0);
   }
   for (size_t i = 0; i < 4; i++) {
      pthread_join (threads[i], NULL);
      CU_ASSERT_EQUAL (workers[i].failures, 0);
   }
   fg_client_free (client);
   fg_key_vault_free (vault);
}

static void
test_bad_configurations (void)
{
   static const char *const providers[] = {
      "{\"local\": {\"key\": \"AAAA\"}}",
      "{\"local\": {}}",
      "{\"local\": 1}",
      "{\"localfoo\": {\"key\": \"AAAA\"}}",
      "{\"local:\": {\"key\": \"AAAA\"}}",
      "{\"nobody\": {}}",
      "{\"local:a-b\": {\"key\": \"AAAA\"}}",
      "{\"local\": {\"key\": \"AAAA\", \"x\": 1}}",
      "{\"local\": {\"key\": 5}}",
      "{\"local\": {\"key\": \"!!!!\"}}",
   };
   fg_key_vault *vault = fg_key_vault_memory_new (NULL);

   for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
      fg_client_options options = FG_CLIENT_OPTIONS_INIT;
      fg_error err = {0};
      bson_t *bson = bson_new_from_json ((const uint8_t *)providers[i], -1, NULL);
      CU_ASSERT_PTR_NOT_NULL_FATAL (bson);
      options.key_vault = vault;
      options.kms_providers = bson;
      CU_ASSERT_PTR_NULL (fg_client_new (&options, &err));
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_KMS);
      CU_ASSERT_PTR_NULL (strstr (err.message, "AAAA"));
      bson_destroy (bson);
   }
   fg_client_options none = FG_CLIENT_OPTIONS_INIT;
   CU_ASSERT_PTR_NULL (fg_client_new (&none, NULL));
   none.size = 8;
   CU_ASSERT_PTR_NULL (fg_client_new (&none, NULL));
   fg_key_vault_free (vault);
}

const fg_test fg_tests[] = {
   {"memory_vault", test_memory_vault},
   {"file_vaults", test_file_vaults},
   {"broken_files", test_broken_files},
   {"wrong_master_key", test_wrong_master_key},
   {"key_vectors", test_key_vectors},
   {"documents", test_documents},
   {"threads", test_threads},
   {"bad_configurations", test_bad_configurations},
   {NULL, NULL},
};
