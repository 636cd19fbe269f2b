/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/policy_test.h"

/* Against the real thing: whatever libmongocrypt encrypts explicitly, under random keys, of any type and size, is accepted under a fully stated rule;
 * and no byte of its header and no length class can be changed without being refused. */

#if FG_TEST_MONGOCRYPT
#include <mongocrypt.h>

#define ROUNDS 6

typedef struct crypto {
   mongocrypt_t *crypt;
   bson_t key; /* a key vault document */
   uint8_t key_id[16];
} crypto;

static uint64_t random_state = 20;

static uint32_t
random_below (uint32_t n)
{
   random_state = random_state * 6364136223846793005u + 1442695040888963407u;
   return (uint32_t)(random_state >> 33) % n;
}

static mongocrypt_binary_t *
binary_of (const bson_t *doc)
{
   uint8_t *bytes = (uint8_t *)bson_destroy_with_steal (bson_copy (doc), true, NULL);
   return mongocrypt_binary_new_from_data (bytes, doc->len);
}

static void
binary_free (mongocrypt_binary_t *binary)
{
   bson_free (mongocrypt_binary_data (binary));
   mongocrypt_binary_destroy (binary);
}

static bool
finish (mongocrypt_ctx_t *ctx, const bson_t *key, bson_t *out)
{
   mongocrypt_binary_t *result = mongocrypt_binary_new ();
   bool ok = false;

   for (;;) {
      mongocrypt_ctx_state_t state = mongocrypt_ctx_state (ctx);
      if (state == MONGOCRYPT_CTX_NEED_MONGO_KEYS && key) {
         mongocrypt_binary_t *reply = binary_of (key);
         bool fed = mongocrypt_ctx_mongo_feed (ctx, reply) && mongocrypt_ctx_mongo_done (ctx);
         binary_free (reply);
         if (fed) {
            continue;
         }
      } else if (state == MONGOCRYPT_CTX_READY && mongocrypt_ctx_finalize (ctx, result)) {
         bson_t view;
         ok = bson_init_static (&view, mongocrypt_binary_data (result), mongocrypt_binary_len (result));
         if (ok) {
            bson_copy_to (&view, out);
         }
      }
      break;
   }
   mongocrypt_binary_destroy (result);
   return ok;
}

/* A new data key under a random local master key. */
static bool
open_crypto (crypto *self)
{
   uint8_t master[96];
   bson_iter_t iter;
   const uint8_t *id;
   bson_subtype_t subtype;
   uint32_t len = 0;
   bool ok;

   for (size_t i = 0; i < sizeof master; i++) {
      master[i] = (uint8_t)random_below (256);
   }
   self->crypt = mongocrypt_new ();
   mongocrypt_binary_t *key = mongocrypt_binary_new_from_data (master, sizeof master);
   ok = mongocrypt_setopt_kms_provider_local (self->crypt, key) && mongocrypt_init (self->crypt);
   mongocrypt_binary_destroy (key);
   mongocrypt_ctx_t *ctx = mongocrypt_ctx_new (self->crypt);
   ok = ok && mongocrypt_ctx_setopt_masterkey_local (ctx) && mongocrypt_ctx_datakey_init (ctx) &&
        finish (ctx, NULL, &self->key);
   mongocrypt_ctx_destroy (ctx);
   if (ok && bson_iter_init_find (&iter, &self->key, "_id")) {
      bson_iter_binary (&iter, &subtype, &len, &id);
      memcpy (self->key_id, id, len == 16 ? 16 : 0);
   }
   return ok && len == 16;
}

static bool
encrypt (const crypto *self, const bson_t *value, const char *algorithm, bson_t *out)
{
   uint8_t id_bytes[16];
   memcpy (id_bytes, self->key_id, sizeof id_bytes);
   mongocrypt_ctx_t *ctx = mongocrypt_ctx_new (self->crypt);
   mongocrypt_binary_t *id = mongocrypt_binary_new_from_data (id_bytes, sizeof id_bytes), *message = binary_of (value);
   bool ok = mongocrypt_ctx_setopt_key_id (ctx, id) && mongocrypt_ctx_setopt_algorithm (ctx, algorithm, -1) &&
             mongocrypt_ctx_explicit_encrypt_init (ctx, message) && finish (ctx, &self->key, out);

   mongocrypt_binary_destroy (id);
   binary_free (message);
   mongocrypt_ctx_destroy (ctx);
   return ok;
}

static const char *
random_text (char *out, uint32_t len)
{
   for (uint32_t i = 0; i < len; i++) {
      out[i] = (char)('a' + random_below (26));
   }
   out[len] = '\0';
   return out;
}

static const char *const aliases[] = {"double",
                                      "string",
                                      "object",
                                      "array",
                                      "binData",
                                      "objectId",
                                      "bool",
                                      "date",
                                      "regex",
                                      "dbPointer",
                                      "javascript",
                                      "symbol",
                                      "javascriptWithScope",
                                      "int",
                                      "timestamp",
                                      "long",
                                      "decimal"};
#define N_TYPES (sizeof aliases / sizeof aliases[0])

/* {v: a random value of the type} */
static void
random_value (bson_t *doc, size_t type)
{
   char text[601];
   uint32_t len = random_below (3) ? random_below (40) : random_below (600);
   bson_t nested = BSON_INITIALIZER;
   bson_oid_t oid;
   bson_decimal128_t decimal = {random_below (1u << 30), 0x3040000000000000u};

   random_text (text, len);
   bson_oid_init (&oid, NULL);
   BSON_APPEND_UTF8 (&nested, "0", text);
   switch (type) {
   case 0:
      BSON_APPEND_DOUBLE (doc, "v", random_below (1000) / 7.0);
      break;
   case 1:
      BSON_APPEND_UTF8 (doc, "v", text);
      break;
   case 2:
      BSON_APPEND_DOCUMENT (doc, "v", &nested);
      break;
   case 3:
      BSON_APPEND_ARRAY (doc, "v", &nested);
      break;
   case 4:
      BSON_APPEND_BINARY (doc, "v", BSON_SUBTYPE_BINARY, (const uint8_t *)text, len);
      break;
   case 5:
      BSON_APPEND_OID (doc, "v", &oid);
      break;
   case 6:
      BSON_APPEND_BOOL (doc, "v", random_below (2));
      break;
   case 7:
      BSON_APPEND_DATE_TIME (doc, "v", random_below (1u << 30));
      break;
   case 8:
      BSON_APPEND_REGEX (doc, "v", text, "i");
      break;
   case 9:
      BSON_APPEND_DBPOINTER (doc, "v", text, &oid);
      break;
   case 10:
      BSON_APPEND_CODE (doc, "v", text);
      break;
   case 11:
      BSON_APPEND_SYMBOL (doc, "v", text);
      break;
   case 12:
      BSON_APPEND_CODE_WITH_SCOPE (doc, "v", text, &nested);
      break;
   case 13:
      BSON_APPEND_INT32 (doc, "v", (int32_t)random_below (1u << 30));
      break;
   case 14:
      BSON_APPEND_TIMESTAMP (doc, "v", random_below (1u << 30), 1);
      break;
   case 15:
      BSON_APPEND_INT64 (doc, "v", random_below (1u << 30));
      break;
   default:
      BSON_APPEND_DECIMAL128 (doc, "v", &decimal);
      break;
   }
   bson_destroy (&nested);
}

static fg_policy *
full_rule (const crypto *self, const char *alias, const char *algorithm)
{
   bson_t options = BSON_INITIALIZER, validator, schema, properties, property, rule, keys;
   fg_error err = {0};

   BSON_APPEND_DOCUMENT_BEGIN (&options, "validator", &validator);
   BSON_APPEND_DOCUMENT_BEGIN (&validator, "$jsonSchema", &schema);
   BSON_APPEND_DOCUMENT_BEGIN (&schema, "properties", &properties);
   BSON_APPEND_DOCUMENT_BEGIN (&properties, "v", &property);
   BSON_APPEND_DOCUMENT_BEGIN (&property, "encrypt", &rule);
   BSON_APPEND_UTF8 (&rule, "bsonType", alias);
   BSON_APPEND_UTF8 (&rule, "algorithm", algorithm);
   BSON_APPEND_ARRAY_BEGIN (&rule, "keyId", &keys);
   BSON_APPEND_BINARY (&keys, "0", BSON_SUBTYPE_UUID, self->key_id, 16);
   bson_append_array_end (&rule, &keys);
   bson_append_document_end (&property, &rule);
   bson_append_document_end (&properties, &property);
   bson_append_document_end (&schema, &properties);
   bson_append_document_end (&validator, &schema);
   bson_append_document_end (&options, &validator);
   const uint8_t *bytes = bson_get_data (&options);
   size_t len = options.len;
   fg_policy *policy = fg_policy_compile (&bytes, &len, 1, NULL, &err);
   bson_destroy (&options);
   return policy;
}

static bool
accepts (const fg_policy *policy, const uint8_t *blob, uint32_t len)
{
   bson_t doc = BSON_INITIALIZER;
   BSON_APPEND_BINARY (&doc, "v", BSON_SUBTYPE_ENCRYPTED, blob, len);
   fg_check verdict = fg_policy_check (policy, bson_get_data (&doc), doc.len, FG_PHASE_STORED, NULL);
   bson_destroy (&doc);
   return verdict == FG_CHECK_OK;
}

static bool
has_fixed_size (size_t type)
{
   return type == 0 || (type >= 5 && type <= 7) || type >= 13;
}

/* Every header byte in turn, every other length up to two blocks away. Returns how many changes were accepted. */
static uint32_t
count_accepted_changes (const fg_policy *policy, const uint8_t *blob, uint32_t len, size_t type)
{
   uint8_t *copy = calloc (1, len + 64);
   uint32_t accepted = 0;

   memcpy (copy, blob, len);
   for (uint32_t at = 0; at < 18; at++) {
      for (uint32_t change = 1; change < 256; change++) {
         copy[at] = (uint8_t)(blob[at] ^ change);
         accepted += accepts (policy, copy, len);
      }
      copy[at] = blob[at];
   }
   for (uint32_t other = 0; other < len + 33; other++) {
      bool same_class = other == len || (!has_fixed_size (type) && other >= 82 && (other - len) % 16 == 0);
      accepted += !same_class && accepts (policy, copy, other);
   }
   free (copy);
   return accepted;
}

static void
check_one (const crypto *self, size_t type, bool deterministic)
{
   const char *algorithm = deterministic ? DETERMINISTIC : RANDOM;
   bson_t value = BSON_INITIALIZER, encrypted;
   bson_iter_t iter;
   bson_subtype_t subtype;
   uint32_t len;
   const uint8_t *blob;

   random_value (&value, type);
   if (!encrypt (self, &value, algorithm, &encrypted)) {
      /* Types that deterministic encryption refuses; nothing else may fail. */
      CU_ASSERT_TRUE (deterministic && (type == 0 || type == 2 || type == 3 || type == 6 || type == 12 || type == 16));
      bson_destroy (&value);
      return;
   }
   fg_policy *policy = full_rule (self, aliases[type], algorithm);
   CU_ASSERT_PTR_NOT_NULL_FATAL (policy);
   CU_ASSERT_EQUAL (fg_policy_check (policy, bson_get_data (&encrypted), encrypted.len, FG_PHASE_STORED, NULL),
                    FG_CHECK_OK);
   CU_ASSERT_TRUE_FATAL (bson_iter_init_find (&iter, &encrypted, "v"));
   bson_iter_binary (&iter, &subtype, &len, &blob);
   CU_ASSERT_EQUAL (count_accepted_changes (policy, blob, len, type), 0);
   fg_policy_free (policy);
   bson_destroy (&encrypted);
   bson_destroy (&value);
}

static void
what_libmongocrypt_encrypts_is_accepted_and_no_change_of_it (void)
{
   for (int round = 0; round < ROUNDS; round++) {
      crypto self;
      CU_ASSERT_TRUE_FATAL (open_crypto (&self));
      for (size_t type = 0; type < N_TYPES; type++) {
         check_one (&self, type, false);
         check_one (&self, type, true);
      }
      bson_destroy (&self.key);
      mongocrypt_destroy (self.crypt);
   }
}

static void
every_size_of_string (void)
{
   crypto self;
   char text[300];

   CU_ASSERT_TRUE_FATAL (open_crypto (&self));
   fg_policy *policy = full_rule (&self, "string", DETERMINISTIC);
   for (uint32_t n = 0; n < 260; n++) {
      bson_t value = BSON_INITIALIZER, encrypted;
      BSON_APPEND_UTF8 (&value, "v", random_text (text, n));
      CU_ASSERT_TRUE_FATAL (encrypt (&self, &value, DETERMINISTIC, &encrypted));
      CU_ASSERT_EQUAL (fg_policy_check (policy, bson_get_data (&encrypted), encrypted.len, FG_PHASE_STORED, NULL),
                       FG_CHECK_OK);
      bson_destroy (&encrypted);
      bson_destroy (&value);
   }
   fg_policy_free (policy);
   bson_destroy (&self.key);
   mongocrypt_destroy (self.crypt);
}
#else
static void
what_libmongocrypt_encrypts_is_accepted_and_no_change_of_it (void)
{
   fg_test_skip ("libmongocrypt's headers are not installed");
}

static void
every_size_of_string (void)
{
   fg_test_skip ("libmongocrypt's headers are not installed");
}
#endif

const char *const fg_suite_name = "policy.libmongocrypt";
const fg_test fg_tests[] = {{"what_libmongocrypt_encrypts_is_accepted_and_no_change_of_it",
                             what_libmongocrypt_encrypts_is_accepted_and_no_change_of_it},
                            {"every_size_of_string", every_size_of_string},
                            {NULL, NULL}};
