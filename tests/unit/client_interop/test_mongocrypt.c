/* SPDX-License-Identifier: Apache-2.0 */
#define PEER_LINKED
#include "bench/client/peer_mongocrypt.h"
#include "tests/unit/runner.h"

#include <fieldguard/client.h>

const char *const fg_suite_name = "client_interop.mongocrypt";

/* One field per BSON type that may be encrypted, some of them twice. */
static bson_t *
values (void)
{
   static const char json[] =
      "{\"double\": {\"$numberDouble\": \"1.5\"}, \"string\": \"text\", \"empty\": \"\", \"utf8\": "
      "\"\\u00fc\\u4e2d\\ud83d\\ude00\","
      "\"object\": {\"a\": {\"$numberInt\": \"1\"}, \"b\": [true]}, \"array\": [{\"$numberInt\": \"1\"}, \"two\"],"
      "\"binary0\": {\"$binary\": {\"base64\": \"AQIDBA==\", \"subType\": \"00\"}}, \"binary2\": {\"$binary\": "
      "{\"base64\": \"AQIDBA==\", \"subType\": \"02\"}},"
      "\"uuid\": {\"$binary\": {\"base64\": \"AAAAAAAAAAAAAAAAAAAAAA==\", \"subType\": \"04\"}}, \"oid\": {\"$oid\": "
      "\"0123456789abcdef01234567\"}, \"bool\": true,"
      "\"date\": {\"$date\": {\"$numberLong\": \"1577836800000\"}}, \"regex\": {\"$regularExpression\": {\"pattern\": "
      "\"a.b\", \"options\": \"im\"}},"
      "\"dbpointer\": {\"$dbPointer\": {\"$ref\": \"db.c\", \"$id\": {\"$oid\": \"0123456789abcdef01234567\"}}}, "
      "\"code\": {\"$code\": \"f()\"}, \"symbol\": {\"$symbol\": \"sym\"},"
      "\"codeScope\": {\"$code\": \"g()\", \"$scope\": {\"x\": {\"$numberInt\": \"1\"}}}, \"int\": {\"$numberInt\": "
      "\"-7\"},"
      "\"timestamp\": {\"$timestamp\": {\"t\": 42, \"i\": 1}}, \"long\": {\"$numberLong\": \"9007199254740993\"}, "
      "\"decimal\": {\"$numberDecimal\": \"1.10\"}}";
   bson_t *doc = bson_new_from_json ((const uint8_t *)json, -1, NULL);

   CU_ASSERT_PTR_NOT_NULL_FATAL (doc);
   return doc;
}

typedef struct fixture {
   fg_key_vault *vault;
   fg_client *client;
   uint8_t id[16];
   bson_t *key;
   peer *peer;
} fixture;

static void
set_up (fixture *f)
{
   static const uint8_t kek[96];
   bson_t *providers = BCON_NEW ("local", "{", "key", BCON_BIN (BSON_SUBTYPE_BINARY, kek, 96), "}");
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   fg_data_key_options key_options = FG_DATA_KEY_OPTIONS_INIT;
   const char *const names[] = {"interop"};

   f->vault = fg_key_vault_memory_new (NULL);
   options.key_vault = f->vault;
   options.kms_providers = providers;
   f->client = fg_client_new (&options, NULL);
   CU_ASSERT_TRUE_FATAL (f->vault && f->client);
   key_options.key_alt_names = names;
   key_options.n_key_alt_names = 1;
   CU_ASSERT_TRUE_FATAL (fg_client_create_data_key (f->client, "local", &key_options, f->id, NULL));
   CU_ASSERT_TRUE_FATAL (fg_client_get_key (f->client, f->id, &f->key, NULL));
   f->peer = peer_new (&f->key, 1);
   bson_destroy (providers);
}

static void
tear_down (fixture *f)
{
   peer_free (f->peer);
   bson_destroy (f->key);
   fg_client_free (f->client);
   fg_key_vault_free (f->vault);
}

static void
keep (void *arg, const uint8_t *data, size_t len)
{
   bson_t view;

   CU_ASSERT_TRUE_FATAL (bson_init_static (&view, data, len));
   bson_copy_to (&view, arg);
}

static bool
same (const bson_value_t *a, const bson_value_t *b)
{
   bson_t x = BSON_INITIALIZER;
   bson_t y = BSON_INITIALIZER;
   BSON_APPEND_VALUE (&x, "v", a);
   BSON_APPEND_VALUE (&y, "v", b);
   bool equal = bson_equal (&x, &y);
   bson_destroy (&x);
   bson_destroy (&y);
   return equal;
}

static void
one_value (fixture *f, const bson_value_t *value, fg_algorithm algorithm, bson_t *all_sealed)
{
   fg_encrypt_options options = FG_ENCRYPT_OPTIONS_INIT;
   bson_t plain = BSON_INITIALIZER;
   bson_t theirs, opened;
   bson_t ours = BSON_INITIALIZER;
   bson_value_t blob, back;
   bson_iter_t iter;

   options.key_id = f->id;
   options.algorithm = algorithm;
   BSON_APPEND_VALUE (&plain, "v", value);
   bool we = fg_client_encrypt (f->client, value, &options, &blob, NULL);
   bool they = peer_encrypt (f->peer, f->id, algorithm == FG_ALGORITHM_DETERMINISTIC, &plain, keep, &theirs);
   CU_ASSERT_EQUAL (we, they); /* the same types are refused */
   if (we && they) {
      CU_ASSERT_TRUE_FATAL (bson_iter_init_find (&iter, &theirs, "v"));
      if (algorithm == FG_ALGORITHM_DETERMINISTIC) {
         CU_ASSERT_TRUE (same (&blob, bson_iter_value (&iter))); /* byte for byte */
      }
      CU_ASSERT_TRUE_FATAL (fg_client_decrypt (f->client, bson_iter_value (&iter), &back, NULL));
      CU_ASSERT_TRUE (same (&back, value));
      bson_value_destroy (&back);
      BSON_APPEND_VALUE (&ours, "v", &blob);
      CU_ASSERT_TRUE_FATAL (peer_decrypt (f->peer, true, &ours, keep, &opened));
      CU_ASSERT_TRUE (bson_equal (&opened, &plain));
      bson_destroy (&opened);
      BSON_APPEND_VALUE (all_sealed, "v", bson_iter_value (&iter));
      bson_value_destroy (&blob);
   }
   if (they) {
      bson_destroy (&theirs);
   }
   bson_destroy (&ours);
   bson_destroy (&plain);
}

static void
test_every_type_both_ways (void)
{
   fixture f;
   bson_t *doc = values ();
   bson_t sealed = BSON_INITIALIZER;
   bson_t theirs;
   bson_iter_t iter;

   set_up (&f);
   CU_ASSERT_TRUE_FATAL (bson_iter_init (&iter, doc));
   while (bson_iter_next (&iter)) {
      one_value (&f, bson_iter_value (&iter), FG_ALGORITHM_DETERMINISTIC, &sealed);
      one_value (&f, bson_iter_value (&iter), FG_ALGORITHM_RANDOM, &sealed);
   }
   /* Whole documents too. */
   bson_t *ours = fg_client_decrypt_document (f.client, &sealed, NULL);
   CU_ASSERT_PTR_NOT_NULL_FATAL (ours);
   CU_ASSERT_TRUE_FATAL (peer_decrypt (f.peer, false, &sealed, keep, &theirs));
   CU_ASSERT_TRUE (bson_equal (ours, &theirs));
   bson_destroy (ours);
   bson_destroy (&theirs);
   bson_destroy (&sealed);
   bson_destroy (doc);
   tear_down (&f);
}

/* Deterministic strings of every length around the block size. */
static void
test_lengths (void)
{
   fixture f;
   bson_t sealed = BSON_INITIALIZER;
   char text[140];

   set_up (&f);
   memset (text, 'a', sizeof text);
   for (uint32_t len = 0; len < sizeof text; len++) {
      bson_value_t v = {.value_type = BSON_TYPE_UTF8};
      text[len] = '\0';
      v.value.v_utf8.str = text;
      v.value.v_utf8.len = len;
      one_value (&f, &v, FG_ALGORITHM_DETERMINISTIC, &sealed);
      text[len] = 'a';
   }
   bson_destroy (&sealed);
   tear_down (&f);
}

const fg_test fg_tests[] = {
   {"every_type_both_ways", test_every_type_both_ways},
   {"lengths", test_lengths},
   {NULL, NULL},
};
