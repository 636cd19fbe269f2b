/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The main job, driven by an unmodified libmongoc: a collection whose validator declares two encrypted fields (MongoDB's own "server-side schema
 * enforcement" example, hr.employees), plaintext writes of every kind against it, encrypted writes with libmongoc's ClientEncryption, and the way back.
 *
 *    fieldguard-demo enforce mongodb://127.0.0.1:PORT    every plaintext write must be refused with 121
 *    fieldguard-demo audit   mongodb://127.0.0.1:PORT    the same write is accepted; the server records it
 *
 * Prints a transcript; exits 0 only when everything went as it should.
 */

#include "base/base.h"

#include <mongoc/mongoc.h>

#include <stdio.h>
#include <stdlib.h>

#define RANDOM MONGOC_AEAD_AES_256_CBC_HMAC_SHA_512_RANDOM
#define DETERMINISTIC MONGOC_AEAD_AES_256_CBC_HMAC_SHA_512_DETERMINISTIC
#define PLAIN_NAME "Ada Lovelace"
#define DOCUMENT_VALIDATION_FAILURE 121

typedef struct demo {
   mongoc_client_t *client;
   mongoc_client_t *vault_client;
   mongoc_client_encryption_t *encryption;
   mongoc_collection_t *employees;
   bson_value_t key_id;
   int surprises; /* what did not go as it should */
} demo;

static void
say (const char *text)
{
   printf ("\n== %s\n", text);
}

static void
surprise (demo *d, const char *what, const char *detail)
{
   printf ("   UNEXPECTED: %s: %s\n", what, detail);
   d->surprises++;
}

static void
print_json (const char *label, const bson_t *doc)
{
   char *json = bson_as_relaxed_extended_json (doc, NULL);
   printf ("   %s %s\n", label, json ? json : "(not printable)");
   bson_free (json);
}

/* The first write error of a reply ({writeErrors: [...]}), or the reply itself for commands that fail as a whole. */
static bool
find_error (const bson_t *reply, bson_t *error_doc)
{
   bson_iter_t iter, sub;
   const uint8_t *data;
   uint32_t len;

   if (bson_iter_init_find (&iter, reply, "writeErrors") && BSON_ITER_HOLDS_ARRAY (&iter) &&
       bson_iter_recurse (&iter, &sub) && bson_iter_next (&sub) && BSON_ITER_HOLDS_DOCUMENT (&sub)) {
      bson_iter_document (&sub, &len, &data);
      return bson_init_static (error_doc, data, len);
   }
   return bson_init_static (error_doc, bson_get_data (reply), reply->len);
}

static void
expect_refused (demo *d, const char *what, bool accepted, const bson_t *reply)
{
   bson_t error_doc;
   bson_iter_t iter;
   int32_t code = 0;

   if (find_error (reply, &error_doc) && bson_iter_init_find (&iter, &error_doc, "code")) {
      code = bson_iter_int32 (&iter);
   }
   if (accepted || code != DOCUMENT_VALIDATION_FAILURE) {
      surprise (d, what, accepted ? "the server accepted plaintext" : "refused, but not with 121");
      print_json ("reply:", reply);
      return;
   }
   printf ("   %-34s refused: 121 Document failed validation\n", what);
   if (bson_iter_init_find (&iter, &error_doc, "errInfo") && BSON_ITER_HOLDS_DOCUMENT (&iter)) {
      const uint8_t *data;
      uint32_t len;
      bson_t info;
      bson_iter_document (&iter, &len, &data);
      if (bson_init_static (&info, data, len)) {
         print_json ("  errInfo:", &info);
      }
   } else {
      surprise (d, what, "no errInfo in the reply");
   }
}

static bool
connect_to (demo *d, const char *uri)
{
   d->client = mongoc_client_new (uri);
   d->vault_client = mongoc_client_new (uri);
   if (!d->client || !d->vault_client) {
      surprise (d, "connection string", uri);
      return false;
   }
   d->employees = mongoc_client_get_collection (d->client, "hr", "employees");
   return true;
}

/* What every deployment of client-side encryption does once: the unique index on the vault, and a data key. */
static bool
make_key (demo *d)
{
   bson_error_t error;
   uint8_t master_key[96];
   FILE *urandom = fopen ("/dev/urandom", "rb");
   bool have_key = urandom && fread (master_key, 1, sizeof master_key, urandom) == sizeof master_key;
   if (urandom) {
      fclose (urandom);
   }
   if (!have_key) {
      surprise (d, "master key", "cannot read /dev/urandom");
      return false;
   }
   bson_t *index =
      BCON_NEW ("createIndexes", "__keyVault", "indexes", "[", "{", "key", "{", "keyAltNames", BCON_INT32 (1), "}",
                "name", "keyAltNames_1", "unique", BCON_BOOL (true), "partialFilterExpression", "{", "keyAltNames", "{",
                "$exists", BCON_BOOL (true), "}", "}", "}", "]");
   bool ok = mongoc_client_write_command_with_opts (d->vault_client, "encryption", index, NULL, NULL, &error);
   bson_destroy (index);
   bson_t *kms = BCON_NEW ("local", "{", "key", BCON_BIN (BSON_SUBTYPE_BINARY, master_key, sizeof master_key), "}");
   fg_memzero (master_key, sizeof master_key);
   mongoc_client_encryption_opts_t *opts = mongoc_client_encryption_opts_new ();
   mongoc_client_encryption_opts_set_keyvault_client (opts, d->vault_client);
   mongoc_client_encryption_opts_set_keyvault_namespace (opts, "encryption", "__keyVault");
   mongoc_client_encryption_opts_set_kms_providers (opts, kms);
   d->encryption = ok ? mongoc_client_encryption_new (opts, &error) : NULL;
   mongoc_client_encryption_opts_destroy (opts);
   bson_destroy (kms);
   if (d->encryption) {
      mongoc_client_encryption_datakey_opts_t *key_opts = mongoc_client_encryption_datakey_opts_new ();
      char name[] = "employees";
      char *names[] = {name};
      mongoc_client_encryption_datakey_opts_set_keyaltnames (key_opts, names, 1);
      ok = mongoc_client_encryption_create_datakey (d->encryption, "local", key_opts, &d->key_id, &error);
      mongoc_client_encryption_datakey_opts_destroy (key_opts);
   }
   if (!ok || !d->encryption) {
      surprise (d, "data key", error.message);
      return false;
   }
   printf ("   data key made by libmongoc, kept wrapped in encryption.__keyVault of the same server\n");
   return true;
}

static bool
create_collection (demo *d)
{
   bson_t key_ids = BSON_INITIALIZER;
   bson_append_value (&key_ids, "0", 1, &d->key_id);
   bson_t *create =
      BCON_NEW ("create", "employees", "validator", "{", "$jsonSchema", "{", "bsonType", "object", "properties", "{",
                "name", "{", "encrypt", "{", "keyId", BCON_ARRAY (&key_ids), "algorithm", DETERMINISTIC, "bsonType",
                "string", "}", "}", "age", "{", "encrypt", "{", "keyId", BCON_ARRAY (&key_ids), "algorithm", RANDOM,
                "bsonType", "int", "}", "}", "}", "}", "}");
   bson_error_t error;
   bool ok = mongoc_client_write_command_with_opts (d->client, "hr", create, NULL, NULL, &error);
   print_json ("db.runCommand", create);
   bson_destroy (create);
   bson_destroy (&key_ids);
   if (!ok) {
      surprise (d, "create hr.employees", error.message);
   }
   return ok;
}

static bool
encrypt_value (demo *d, const char *algorithm, const bson_value_t *plain, bson_value_t *cipher)
{
   bson_error_t error;
   mongoc_client_encryption_encrypt_opts_t *opts = mongoc_client_encryption_encrypt_opts_new ();
   mongoc_client_encryption_encrypt_opts_set_keyid (opts, &d->key_id);
   mongoc_client_encryption_encrypt_opts_set_algorithm (opts, algorithm);
   bool ok = mongoc_client_encryption_encrypt (d->encryption, plain, opts, cipher, &error);
   mongoc_client_encryption_encrypt_opts_destroy (opts);
   if (!ok) {
      surprise (d, "encrypt", error.message);
   }
   return ok;
}

/* {_id, name: <ciphertext>, age: <ciphertext>}; NULL when the encryption failed. */
static bson_t *
encrypted_employee (demo *d, int32_t id, const char *name, int32_t age)
{
   char buffer[64];
   snprintf (buffer, sizeof buffer, "%s", name);
   bson_value_t plain_name = {.value_type = BSON_TYPE_UTF8};
   plain_name.value.v_utf8.str = buffer;
   plain_name.value.v_utf8.len = (uint32_t)strlen (buffer);
   bson_value_t plain_age = {.value_type = BSON_TYPE_INT32};
   plain_age.value.v_int32 = age;
   bson_value_t cipher_name = {0}, cipher_age = {0};
   bson_t *doc = NULL;

   if (encrypt_value (d, DETERMINISTIC, &plain_name, &cipher_name) &&
       encrypt_value (d, RANDOM, &plain_age, &cipher_age)) {
      doc = BCON_NEW ("_id", BCON_INT32 (id));
      bson_append_value (doc, "name", -1, &cipher_name);
      bson_append_value (doc, "age", -1, &cipher_age);
   }
   bson_value_destroy (&cipher_name);
   bson_value_destroy (&cipher_age);
   return doc;
}

static void
insert_encrypted (demo *d)
{
   bson_t *doc = encrypted_employee (d, 1, PLAIN_NAME, 36);
   bson_error_t error = {0};

   if (!doc) {
      return;
   }
   if (mongoc_collection_insert_one (d->employees, doc, NULL, NULL, &error)) {
      print_json ("accepted, stored as", doc);
   } else {
      surprise (d, "encrypted insert", error.message);
   }
   bson_destroy (doc);
}

/* Query by the deterministic field's ciphertext, decrypt what comes back. */
static void
read_back (demo *d)
{
   bson_t *probe = encrypted_employee (d, 1, PLAIN_NAME, 36);
   bson_t query = BSON_INITIALIZER;
   bson_iter_t iter;
   const bson_t *found = NULL;
   bson_error_t error = {0};

   if (!probe || !bson_iter_init_find (&iter, probe, "name")) {
      return;
   }
   bson_append_iter (&query, "name", -1, &iter);
   mongoc_cursor_t *cursor = mongoc_collection_find_with_opts (d->employees, &query, NULL, NULL);
   if (mongoc_cursor_next (cursor, &found) && bson_iter_init_find (&iter, found, "name")) {
      bson_value_t plain = {0};
      if (mongoc_client_encryption_decrypt (d->encryption, bson_iter_value (&iter), &plain, &error) &&
          plain.value_type == BSON_TYPE_UTF8 && strcmp (plain.value.v_utf8.str, PLAIN_NAME) == 0) {
         printf ("   found by its deterministic ciphertext; the client decrypts name to \"%s\"\n",
                 plain.value.v_utf8.str);
      } else {
         surprise (d, "decrypt", error.message);
      }
      bson_value_destroy (&plain);
   } else {
      mongoc_cursor_error (cursor, &error);
      surprise (d, "find by ciphertext", error.message);
   }
   mongoc_cursor_destroy (cursor);
   bson_destroy (&query);
   bson_destroy (probe);
}

static void
plaintext_inserts (demo *d)
{
   bson_t reply;
   bson_t *doc = BCON_NEW ("_id", BCON_INT32 (2), "name", BCON_UTF8 (PLAIN_NAME), "age", BCON_INT32 (36));
   bson_t *bypass = BCON_NEW ("bypassDocumentValidation", BCON_BOOL (true));

   bool ok = mongoc_collection_insert_one (d->employees, doc, NULL, &reply, NULL);
   expect_refused (d, "insert", ok, &reply);
   bson_destroy (&reply);
   ok = mongoc_collection_insert_one (d->employees, doc, bypass, &reply, NULL);
   expect_refused (d, "insert, bypassDocumentValidation", ok, &reply);
   bson_destroy (&reply);
   bson_destroy (bypass);
   bson_destroy (doc);
}

static void
plaintext_updates (demo *d)
{
   bson_t reply;
   bson_t *query = BCON_NEW ("_id", BCON_INT32 (1));
   bson_t *update = BCON_NEW ("$set", "{", "name", BCON_UTF8 (PLAIN_NAME), "}");
   bson_t *new_query = BCON_NEW ("_id", BCON_INT32 (3));
   bson_t *upsert = BCON_NEW ("upsert", BCON_BOOL (true));

   bool ok = mongoc_collection_update_one (d->employees, query, update, NULL, &reply, NULL);
   expect_refused (d, "update with $set", ok, &reply);
   bson_destroy (&reply);
   ok = mongoc_collection_update_one (d->employees, new_query, update, upsert, &reply, NULL);
   expect_refused (d, "upsert", ok, &reply);
   bson_destroy (&reply);
   mongoc_find_and_modify_opts_t *opts = mongoc_find_and_modify_opts_new ();
   mongoc_find_and_modify_opts_set_update (opts, update);
   ok = mongoc_collection_find_and_modify_with_opts (d->employees, query, opts, &reply, NULL);
   expect_refused (d, "findAndModify", ok, &reply);
   bson_destroy (&reply);
   mongoc_find_and_modify_opts_destroy (opts);
   bson_destroy (upsert);
   bson_destroy (new_query);
   bson_destroy (update);
   bson_destroy (query);
}

/* Encrypted, plaintext, encrypted: an ordered bulk write stops at the plaintext one, keeping the first. */
static void
plaintext_in_bulk (demo *d)
{
   bson_t *first = encrypted_employee (d, 10, "Grace Hopper", 85);
   bson_t *bad = BCON_NEW ("_id", BCON_INT32 (11), "name", BCON_UTF8 (PLAIN_NAME));
   bson_t *last = encrypted_employee (d, 12, "Katherine Johnson", 101);
   bson_t reply;
   bson_error_t error;
   mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts (d->employees, NULL);

   if (first && last) {
      mongoc_bulk_operation_insert (bulk, first);
      mongoc_bulk_operation_insert (bulk, bad);
      mongoc_bulk_operation_insert (bulk, last);
      bool ok = mongoc_bulk_operation_execute (bulk, &reply, &error) != 0;
      expect_refused (d, "ordered bulk, second of three", ok, &reply);
      bson_iter_t iter;
      if (bson_iter_init_find (&iter, &reply, "nInserted") && bson_iter_as_int64 (&iter) == 1) {
         printf ("   (the one before it is in: nInserted 1)\n");
      } else {
         surprise (d, "ordered bulk", "nInserted is not 1");
      }
      bson_destroy (&reply);
   }
   mongoc_bulk_operation_destroy (bulk);
   bson_destroy (first);
   bson_destroy (bad);
   bson_destroy (last);
}

/* BinData 6 that only pretends: mongod's own check takes it, the extension does not. */
static void
disguised_plaintext (demo *d)
{
   const uint8_t disguised[] = "\x01"
                               "0123456789abcdef"
                               "\x02" PLAIN_NAME;
   bson_t *doc =
      BCON_NEW ("_id", BCON_INT32 (4), "name", BCON_BIN (BSON_SUBTYPE_ENCRYPTED, disguised, sizeof disguised - 1));
   bson_t reply;
   bool ok = mongoc_collection_insert_one (d->employees, doc, NULL, &reply, NULL);

   expect_refused (d, "plaintext behind a forged header", ok, &reply);
   bson_destroy (&reply);
   bson_destroy (doc);
}

static void
run_enforce (demo *d)
{
   say ("A key vault and a data key (libmongoc's own ClientEncryption, local KMS)");
   if (!make_key (d)) {
      return;
   }
   say ("hr.employees declares name and age encrypted");
   if (!create_collection (d)) {
      return;
   }
   say ("An encrypted insert is accepted");
   insert_encrypted (d);
   say ("Plaintext is refused, whichever way it comes");
   plaintext_inserts (d);
   plaintext_updates (d);
   plaintext_in_bulk (d);
   disguised_plaintext (d);
   say ("And back");
   read_back (d);
}

/* Audit mode, with a rule that only mongod's weak reading enforces natively: bypassDocumentValidation carries plaintext past it. */
static void
run_audit (demo *d)
{
   bson_t reply;
   bson_error_t error = {0};
   bson_t *doc = BCON_NEW ("_id", BCON_INT32 (1), "name", BCON_UTF8 (PLAIN_NAME));
   bson_t *bypass = BCON_NEW ("bypassDocumentValidation", BCON_BOOL (true));

   if (!make_key (d) || !create_collection (d)) {
      return;
   }
   if (mongoc_collection_insert_one (d->employees, doc, bypass, &reply, &error)) {
      printf ("   a plaintext insert with bypassDocumentValidation was accepted, as stock mongod would\n");
   } else {
      surprise (d, "audit mode", error.message);
   }
   bson_destroy (&reply);
   bson_destroy (doc);
   bson_destroy (bypass);
}

int
main (int argc, char **argv)
{
   demo d = {0};
   fg_error err = {0};

   if (!fg_process_harden (&err)) {
      fprintf (stderr, "fieldguard-demo: %s\n", err.message);
      return EXIT_FAILURE;
   }
   if (argc != 3 || (strcmp (argv[1], "enforce") != 0 && strcmp (argv[1], "audit") != 0)) {
      fprintf (stderr, "usage: fieldguard-demo enforce|audit mongodb://HOST:PORT\n");
      return 2;
   }
   mongoc_init ();
   if (connect_to (&d, argv[2])) {
      if (strcmp (argv[1], "enforce") == 0) {
         run_enforce (&d);
      } else {
         run_audit (&d);
      }
   }
   bson_value_destroy (&d.key_id);
   mongoc_client_encryption_destroy (d.encryption);
   mongoc_collection_destroy (d.employees);
   mongoc_client_destroy (d.client);
   mongoc_client_destroy (d.vault_client);
   mongoc_cleanup ();
   return d.surprises ? EXIT_FAILURE : EXIT_SUCCESS;
}
