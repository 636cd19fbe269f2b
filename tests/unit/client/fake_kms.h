/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_FAKE_KMS_H
#define FG_TEST_FAKE_KMS_H

/*
 * A KMS in memory that speaks AWS's Encrypt and Decrypt (it wraps a key by turning it round), misbehaves when told to, and clients of key vaults whose keys are under `local`, `local:other` or
 * `aws`. For test files that include it once.
 */

#include "client/client_internal.h"
#include "client/keys/key_document.h"
#include "client/keys/key_list.h"
#include "client/kms/encoding.h"
#include "tests/unit/runner.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX "wrapped:"

typedef struct fake_kms {
   atomic_uint requests;
   unsigned throttle_every; /* 0: never */
   unsigned fail_after; /* 0: never; then HTTP 500 */
   bool lies; /* Decrypt answers with another key */
   void (*at_request) (struct fake_kms *kms, unsigned n); /* may be NULL */
   void *ctx;
} fake_kms;

static inline bool
fake_answer (fg_http_reply *reply, long status, const char *text)
{
   reply->status = status;
   reply->len = strlen (text);
   memcpy (reply->body->bytes, text, reply->len);
   return true;
}

static inline size_t
fake_member (const fg_http_request *request, const char *name, uint8_t *out)
{
   fg_json root;
   fg_json value;
   char text[2048];
   size_t n = 0;

   CU_ASSERT_FATAL (fg_json_parse ((const char *)request->body, request->body_len, &root));
   CU_ASSERT_FATAL (fg_json_member (&root, name, &value));
   CU_ASSERT_FATAL (fg_json_plain_string (&value, text, sizeof text, &n));
   CU_ASSERT_FATAL (fg_base64_decode (FG_BASE64, text, n, out, &n));
   return n;
}

static inline bool
fake_wraps (const fg_http_request *request)
{
   return memmem (request->body, request->body_len, "\"Plaintext\"", 11) != NULL;
}

static inline bool
fake_http (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request,
           fg_http_reply *reply, fg_io_failure *failure, fg_error *err)
{
   fake_kms *kms = ctx;
   unsigned n = atomic_fetch_add (&kms->requests, 1) + 1;
   uint8_t in[2048];
   uint8_t out[2048];
   char text[4096];
   char base64[3000];

   (void)tls;
   (void)timeout_ms;
   (void)failure;
   (void)err;
   if (kms->at_request) {
      kms->at_request (kms, n);
   }
   if (kms->fail_after && n > kms->fail_after) {
      return fake_answer (reply, 500, "{\"message\":\"out of order\"}");
   }
   if (kms->throttle_every && n % kms->throttle_every == 0) {
      return fake_answer (reply, 400, "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}");
   }
   bool wraps = fake_wraps (request);
   size_t len = fake_member (request, wraps ? "Plaintext" : "CiphertextBlob", in);
   size_t cut = wraps ? 0 : strlen (PREFIX);
   size_t at = 0;
   if (wraps) {
      memcpy (out, PREFIX, strlen (PREFIX));
      at = strlen (PREFIX);
   }
   for (size_t i = len; i > cut; i--) {
      out[at++] = in[i - 1];
   }
   if (!wraps && kms->lies) {
      out[5] ^= 1;
   }
   fg_base64_encode (FG_BASE64, out, at, base64);
   snprintf (text, sizeof text, wraps ? "{\"CiphertextBlob\":\"%s\",\"KeyId\":\"k\"}" : "{\"Plaintext\":\"%s\"}",
             base64);
   return fake_answer (reply, 200, text);
}

static inline int64_t
fake_now (void *ctx)
{
   (void)ctx;
   return 1700000000;
}

static inline void
fake_pause (void *ctx, int64_t ms)
{
   (void)ctx;
   (void)ms;
}

static inline bson_t *
json_of (const char *text)
{
   bson_t *bson = bson_new_from_json ((const uint8_t *)text, -1, NULL);

   CU_ASSERT_PTR_NOT_NULL_FATAL (bson);
   return bson;
}

#define AWS_MASTER "{\"region\": \"eu-west-1\", \"key\": \"k\"}"

/* seed tells local master keys apart. */
static inline fg_client *
client_with (fg_key_vault *vault, fake_kms *kms, uint8_t seed)
{
   const fg_kms_io io = {.ctx = kms, .http = fake_http, .now = fake_now, .pause_ms = fake_pause};
   static fg_kms_io kept[64]; /* a client keeps the address */
   static unsigned n_kept;
   fg_client_options options = FG_CLIENT_OPTIONS_INIT;
   bson_t *providers = json_of ("{\"aws\": {\"accessKeyId\": \"a\", \"secretAccessKey\": \"b\"}}");
   fg_error err = {0};

   for (unsigned i = 0; i < 2; i++) {
      uint8_t master[96];
      bson_t local;
      memset (master, seed + (int)i, sizeof master);
      BSON_APPEND_DOCUMENT_BEGIN (providers, i ? "local:other" : "local", &local);
      BSON_APPEND_BINARY (&local, "key", BSON_SUBTYPE_BINARY, master, sizeof master);
      bson_append_document_end (providers, &local);
   }
   CU_ASSERT_FATAL (n_kept < sizeof kept / sizeof kept[0]);
   kept[n_kept] = io;
   options.key_vault = vault;
   options.kms_providers = providers;
   fg_client *client = fg_client_new_with_io (&options, &kept[n_kept++], &err);
   CU_ASSERT_STRING_EQUAL (err.message, "");
   CU_ASSERT_PTR_NOT_NULL_FATAL (client);
   bson_destroy (providers);
   return client;
}

static inline void
create_keys (fg_client *client, const char *provider, size_t n)
{
   bson_t *master_key = json_of (AWS_MASTER);

   for (size_t i = 0; i < n; i++) {
      fg_data_key_options options = FG_DATA_KEY_OPTIONS_INIT;
      uint8_t id[FG_KEY_ID_LEN];
      options.master_key = strncmp (provider, "aws", 3) == 0 ? master_key : NULL;
      CU_ASSERT_FATAL (fg_client_create_data_key (client, provider, &options, id, NULL));
   }
   bson_destroy (master_key);
}

static inline size_t
count_under (fg_key_vault *vault, const char *provider)
{
   fg_key_list list = {0};
   size_t n = 0;

   CU_ASSERT_FATAL (fg_key_list_fill (&list, vault, NULL, NULL));
   for (size_t i = 0; i < list.n; i++) {
      fg_key_document doc;
      CU_ASSERT_FATAL (fg_key_document_parse (list.docs[i], &doc, NULL));
      n += strcmp (doc.provider, provider) == 0;
   }
   fg_key_list_clear (&list);
   return n;
}

/* The 96 bytes of every key, in the vault's order; -1 for one that does not open. */
static inline size_t
count_open (fg_client *client)
{
   fg_key_list list = {0};
   size_t n = 0;

   CU_ASSERT_FATAL (fg_key_list_fill (&list, client->vault, NULL, NULL));
   for (size_t i = 0; i < list.n; i++) {
      fg_key_document doc;
      fg_secret *dek = NULL;
      CU_ASSERT_FATAL (fg_key_document_parse (list.docs[i], &doc, NULL));
      n += fg_kms_unwrap (client->kms, &doc.master_key, doc.material, doc.material_len, &dek, NULL);
      fg_secret_free (dek);
   }
   fg_key_list_clear (&list);
   return n;
}

/* The same keys by id, with the same 96 bytes. */
static inline bool
same_keys (fg_client *client, const fg_key_list *before, fg_client *client_before)
{
   for (size_t i = 0; i < before->n; i++) {
      fg_key_document a;
      fg_key_document b;
      fg_secret *x = NULL;
      fg_secret *y = NULL;
      bson_t *now = NULL;
      bool same = fg_key_document_parse (before->docs[i], &a, NULL) && fg_client_get_key (client, a.id, &now, NULL) &&
                  now && fg_key_document_parse (now, &b, NULL) &&
                  fg_kms_unwrap (client_before->kms, &a.master_key, a.material, a.material_len, &x, NULL) &&
                  fg_kms_unwrap (client->kms, &b.master_key, b.material, b.material_len, &y, NULL) &&
                  fg_ct_equal (x->bytes, y->bytes, FG_DATA_KEY_LEN);
      fg_secret_free (x);
      fg_secret_free (y);
      bson_destroy (now);
      if (!same) {
         return false;
      }
   }
   return true;
}

#endif /* FG_TEST_FAKE_KMS_H */
