/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/epoch.h"
#include "client/keys/key_document.h"
#include "client/keys/key_vault.h"
#include "tests/unit/runner.h"

#include <string.h>

const char *const fg_suite_name = "client-epoch";

static bool
same (const char *p, const char *a, const char *q, const char *b)
{
   bson_t *x = bson_new_from_json ((const uint8_t *)a, -1, NULL);
   bson_t *y = bson_new_from_json ((const uint8_t *)b, -1, NULL);
   char i[FG_EPOCH_ID_LEN];
   char j[FG_EPOCH_ID_LEN];
   bool ok = fg_epoch_id (p, x, i, NULL) && fg_epoch_id (q, y, j, NULL) && strcmp (i, j) == 0;

   CU_ASSERT_EQUAL (strlen (i), 32);
   bson_destroy (x);
   bson_destroy (y);
   return ok;
}

static void
test_names (void)
{
   CU_ASSERT_TRUE (same ("local", "{}", "local", "{\"provider\":\"local\"}"));
   CU_ASSERT_FALSE (same ("local", "{}", "local:a", "{}"));
   CU_ASSERT_TRUE (same ("aws", "{\"region\":\"r\",\"key\":\"k\"}", "aws:x",
                         "{\"provider\":\"aws:x\",\"region\":\"r\",\"key\":\"k\",\"endpoint\":\"e.f:1\"}"));
   CU_ASSERT_FALSE (same ("aws", "{\"region\":\"r\",\"key\":\"k\"}", "aws", "{\"region\":\"s\",\"key\":\"k\"}"));
   CU_ASSERT_TRUE (same ("aws", "{\"region\":\"r\",\"key\":\"arn:k\"}", "aws", "{\"region\":\"s\",\"key\":\"arn:k\"}"));
   CU_ASSERT_TRUE (same ("azure", "{\"keyVaultEndpoint\":\"https://V.Azure.net\",\"keyName\":\"K\"}", "azure:b",
                         "{\"keyVaultEndpoint\":\"v.azure.net:443\",\"keyName\":\"k\",\"keyVersion\":\"1\"}"));
   CU_ASSERT_FALSE (same ("azure", "{\"keyVaultEndpoint\":\"v.a\",\"keyName\":\"k\"}", "azure",
                          "{\"keyVaultEndpoint\":\"v.a\",\"keyName\":\"l\"}"));
   CU_ASSERT_TRUE (
      same ("gcp", "{\"projectId\":\"p\",\"location\":\"l\",\"keyRing\":\"r\",\"keyName\":\"k\"}", "gcp:b",
            "{\"projectId\":\"p\",\"location\":\"l\",\"keyRing\":\"r\",\"keyName\":\"k\",\"keyVersion\":\"2\"}"));
   CU_ASSERT_TRUE (same ("vault", "{\"key\":\"k\"}", "vault", "{\"mount\":\"transit\",\"key\":\"k\"}"));
   CU_ASSERT_FALSE (same ("vault", "{\"key\":\"k\"}", "vault", "{\"mount\":\"other\",\"key\":\"k\"}"));
   CU_ASSERT_FALSE (same ("kmip", "{\"keyId\":\"1\"}", "kmip", "{\"keyId\":\"2\"}"));
}

static void
test_no_name (void)
{
   char id[FG_EPOCH_ID_LEN] = "x";
   fg_error err = {0};
   bson_t empty = BSON_INITIALIZER;

   CU_ASSERT_TRUE (fg_epoch_id ("kmip", NULL, id, &err));
   CU_ASSERT_STRING_EQUAL (id, "");
   CU_ASSERT_FALSE (fg_epoch_id ("nobody", NULL, id, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_UNSUPPORTED);
   CU_ASSERT_FALSE (fg_epoch_id_of_stored (&empty, id, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_INVALID);
}

static fg_client *
new_client (fg_key_vault *vault)
{
   uint8_t key[96];
   bson_t providers = BSON_INITIALIZER;
   bson_t part;
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   static const char *const names[] = {"local:a", "local:b", "local:c"};

   for (size_t i = 0; i < 3; i++) {
      memset (key, (int)i + 1, sizeof key);
      bson_append_document_begin (&providers, names[i], -1, &part);
      bson_append_binary (&part, "key", 3, BSON_SUBTYPE_BINARY, key, sizeof key);
      bson_append_document_end (&providers, &part);
   }
   options.key_vault = vault;
   options.kms_providers = &providers;
   fg_client *client = fg_client_new (&options, NULL);
   bson_destroy (&providers);
   return client;
}

static bool
create (fg_client *client, const char *provider, fg_error *err)
{
   fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
   uint8_t id[FG_KEY_ID_LEN];

   return fg_client_create_data_key (client, provider, &options, id, err);
}

static bool
count (void *ctx, const bson_t *document)
{
   ++*(size_t *)ctx;
   ((size_t *)ctx)[1] += fg_epoch_is_marker (document) ? 1 : 0;
   return true;
}

static void
test_marker (void)
{
   fg_error err = {0};
   fg_key_vault *vault = fg_key_vault_memory_new (NULL);
   fg_client *client = new_client (vault);
   char a[FG_EPOCH_ID_LEN];
   char b[FG_EPOCH_ID_LEN];
   fg_epochs epochs;
   size_t n[2] = {0};
   fg_rewrap_options options = FG_REWRAP_OPTIONS_INIT;
   fg_rewrap_result result;

   CU_ASSERT_PTR_NOT_NULL_FATAL (client);
   CU_ASSERT_TRUE (fg_epoch_id ("local:a", NULL, a, NULL) && fg_epoch_id ("local:b", NULL, b, NULL));
   CU_ASSERT_TRUE (create (client, "local:a", &err));
   /* The marker itself must not be made under the epoch that it closes. */
   CU_ASSERT_TRUE (fg_epoch_mark (client, a, FG_EPOCH_CLOSED, "local:b", NULL, &err));
   CU_ASSERT_TRUE (fg_epoch_mark (client, a, FG_EPOCH_CLOSED, "local:b", NULL, &err));
   CU_ASSERT_FALSE (create (client, "local:a", &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
   CU_ASSERT_TRUE (create (client, "local:b", &err));
   CU_ASSERT_TRUE (fg_epochs_load (vault, &epochs, &err));
   CU_ASSERT_EQUAL (fg_epochs_state (&epochs, a), FG_EPOCH_CLOSED);
   CU_ASSERT_EQUAL (fg_epochs_state (&epochs, b), FG_EPOCH_OPEN);
   CU_ASSERT_EQUAL (fg_epochs_state (&epochs, ""), FG_EPOCH_OPEN);
   fg_epochs_clear (&epochs);
   /* Rewrapping: neither to the closed epoch nor within it. */
   options.provider = "local:a";
   CU_ASSERT_FALSE (fg_client_rewrap_many_data_key (client, NULL, &options, &result, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
   options.provider = NULL;
   CU_ASSERT_FALSE (fg_client_rewrap_many_data_key (client, NULL, &options, &result, &err));
   CU_ASSERT_EQUAL (result.rewrapped, 0);
   options.provider = "local:b";
   CU_ASSERT_TRUE (fg_client_rewrap_many_data_key (client, NULL, &options, &result, &err));
   CU_ASSERT_EQUAL (result.rewrapped, 3);
   /* Destroyed, and a second epoch closed: one marker all the same. */
   CU_ASSERT_TRUE (fg_epoch_mark (client, a, FG_EPOCH_DESTROYED, "local:b", NULL, &err));
   CU_ASSERT_TRUE (fg_epoch_mark (client, b, FG_EPOCH_CLOSED, "local:c", NULL, &err));
   CU_ASSERT_FALSE (create (client, "local:a", &err));
   CU_ASSERT_PTR_NOT_NULL (strstr (err.message, "destroyed"));
   CU_ASSERT_FALSE (create (client, "local:b", &err));
   CU_ASSERT_TRUE (create (client, "local:c", &err));
   CU_ASSERT_TRUE (fg_client_visit_keys (client, NULL, count, n, &err));
   CU_ASSERT_EQUAL (n[0], 4);
   CU_ASSERT_EQUAL (n[1], 1);
   fg_client_free (client);
   fg_key_vault_free (vault);
}

/* Closes the epoch between the look and the insert, as another client would. */
typedef struct racing_vault {
   fg_key_vault *inner;
   fg_client *other;
} racing_vault;

static bool
race_find (void *self, const uint8_t *ids, size_t n_ids, const char *const *names, size_t n_names, fg_key_visit visit,
           void *ctx, fg_error *err)
{
   fg_key_vault *inner = ((racing_vault *)self)->inner;

   return inner->ops->find (inner->self, ids, n_ids, names, n_names, visit, ctx, err);
}

static bool
race_insert (void *self, const bson_t *document, fg_error *err)
{
   racing_vault *race = self;
   char a[FG_EPOCH_ID_LEN];

   return fg_epoch_id ("local:a", NULL, a, err) &&
          fg_epoch_mark (race->other, a, FG_EPOCH_CLOSED, "local:b", NULL, err) &&
          race->inner->ops->insert (race->inner->self, document, err);
}

static bool
race_remove (void *self, const uint8_t id[FG_KEY_ID_LEN], bool *removed, fg_error *err)
{
   fg_key_vault *inner = ((racing_vault *)self)->inner;

   return inner->ops->remove (inner->self, id, removed, err);
}

static void
race_free (void *self)
{
   (void)self;
}

static void
test_race (void)
{
   static const fg_key_vault_ops ops = {.size = sizeof ops,
                                        .name = "racing",
                                        .find = race_find,
                                        .insert = race_insert,
                                        .remove = race_remove,
                                        .free = race_free};
   fg_error err = {0};
   racing_vault race = {.inner = fg_key_vault_memory_new (NULL)};
   fg_key_vault *vault = fg_key_vault_new (&ops, &race, NULL);
   fg_client *client = new_client (vault);
   size_t n[2] = {0};

   race.other = new_client (race.inner);
   CU_ASSERT_FALSE (create (client, "local:a", &err));
   CU_ASSERT_EQUAL (err.code, FG_E_DENIED);
   CU_ASSERT_TRUE (fg_client_visit_keys (race.other, NULL, count, n, &err));
   CU_ASSERT_EQUAL (n[0], 1); /* the marker alone: the key was taken back */
   fg_client_free (client);
   fg_client_free (race.other);
   fg_key_vault_free (vault);
   fg_key_vault_free (race.inner);
}

const fg_test fg_tests[] = {
   {"names", test_names}, {"no-name", test_no_name}, {"marker", test_marker}, {"race", test_race}, {NULL, NULL}};
