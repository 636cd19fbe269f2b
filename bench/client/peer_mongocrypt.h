/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_BENCH_PEER_MONGOCRYPT_H
#define FG_BENCH_PEER_MONGOCRYPT_H

/*
 * libmongocrypt as a peer: explicit encryption and decryption under a local master key of 96 zero bytes, its keys served from documents in memory.
 * For the bench and the interoperability tests; every failure ends the program.
 */

#include <bson/bson.h>
#include <mongocrypt/mongocrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct peer {
   mongocrypt_t *crypt;
   bson_t **keys;
   size_t n_keys;
} peer;

static inline void
peer_die (const char *what, mongocrypt_status_t *status)
{
   fprintf (stderr, "libmongocrypt: %s: %s\n", what, status ? mongocrypt_status_message (status, NULL) : "failed");
   exit (1);
}

static inline peer *
peer_new (bson_t **keys, size_t n_keys)
{
   uint8_t kek[96] = {0};
   peer *p = calloc (1, sizeof *p);
   mongocrypt_binary_t *bin = mongocrypt_binary_new_from_data (kek, sizeof kek);

   p->crypt = mongocrypt_new ();
   p->keys = keys;
   p->n_keys = n_keys;
   if (!mongocrypt_setopt_kms_provider_local (p->crypt, bin) || !mongocrypt_init (p->crypt)) {
      peer_die ("init", NULL);
   }
   mongocrypt_binary_destroy (bin);
   return p;
}

static inline void
peer_free (peer *p)
{
   mongocrypt_destroy (p->crypt);
   free (p);
}

/* Every key document is fed; a context that did not ask for one of them refuses it, so only those in the filter are. */
static inline void
peer_feed_keys (peer *p, mongocrypt_ctx_t *ctx)
{
   mongocrypt_binary_t *op = mongocrypt_binary_new ();
   mongocrypt_status_t *status = mongocrypt_status_new ();

   mongocrypt_ctx_mongo_op (ctx, op);
   for (size_t i = 0; i < p->n_keys; i++) {
      bson_iter_t id;
      uint32_t len;
      const uint8_t *data;
      bson_iter_init_find (&id, p->keys[i], "_id");
      bson_iter_binary (&id, NULL, &len, &data);
      if (!memmem (mongocrypt_binary_data (op), mongocrypt_binary_len (op), data, len)) {
         continue;
      }
      mongocrypt_binary_t *doc =
         mongocrypt_binary_new_from_data ((uint8_t *)(uintptr_t)bson_get_data (p->keys[i]), p->keys[i]->len);
      if (!mongocrypt_ctx_mongo_feed (ctx, doc)) {
         mongocrypt_ctx_status (ctx, status);
         peer_die ("feed", status);
      }
      mongocrypt_binary_destroy (doc);
   }
   if (!mongocrypt_ctx_mongo_done (ctx)) {
      mongocrypt_ctx_status (ctx, status);
      peer_die ("keys", status);
   }
   mongocrypt_status_destroy (status);
   mongocrypt_binary_destroy (op);
}

/* Runs ctx to its end and destroys it. True: out (a view that the next call of anything ends) was handed to use. */
static inline bool
peer_run (peer *p, mongocrypt_ctx_t *ctx, void (*use) (void *arg, const uint8_t *data, size_t len), void *arg)
{
   mongocrypt_binary_t *out = mongocrypt_binary_new ();
   bool done = false;
   bool ok = true;

   while (ok && !done) {
      switch ((int)mongocrypt_ctx_state (ctx)) {
      case MONGOCRYPT_CTX_NEED_MONGO_KEYS:
         peer_feed_keys (p, ctx);
         break;
      case MONGOCRYPT_CTX_NEED_KMS:
         ok = mongocrypt_ctx_kms_done (ctx);
         break;
      case MONGOCRYPT_CTX_READY:
         ok = mongocrypt_ctx_finalize (ctx, out);
         if (ok && use) {
            use (arg, mongocrypt_binary_data (out), mongocrypt_binary_len (out));
         }
         done = true;
         break;
      default:
         ok = false;
         break;
      }
   }
   mongocrypt_binary_destroy (out);
   mongocrypt_ctx_destroy (ctx);
   return ok;
}

/* doc: {v: value} */
static inline bool
peer_encrypt (peer *p, const uint8_t key_id[16], bool deterministic, const bson_t *doc,
              void (*use) (void *arg, const uint8_t *data, size_t len), void *arg)
{
   mongocrypt_ctx_t *ctx = mongocrypt_ctx_new (p->crypt);
   mongocrypt_binary_t *id = mongocrypt_binary_new_from_data ((uint8_t *)(uintptr_t)key_id, 16);
   mongocrypt_binary_t *bin = mongocrypt_binary_new_from_data ((uint8_t *)(uintptr_t)bson_get_data (doc), doc->len);
   bool ok = mongocrypt_ctx_setopt_key_id (ctx, id) &&
             mongocrypt_ctx_setopt_algorithm (ctx,
                                              deterministic ? "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
                                                            : "AEAD_AES_256_CBC_HMAC_SHA_512-Random",
                                              -1) &&
             mongocrypt_ctx_explicit_encrypt_init (ctx, bin);

   if (ok) {
      ok = peer_run (p, ctx, use, arg);
   } else {
      mongocrypt_ctx_destroy (ctx);
   }
   mongocrypt_binary_destroy (id);
   mongocrypt_binary_destroy (bin);
   return ok;
}

/* explicit_one: doc is {v: binary 6}; else any document. */
static inline bool
peer_decrypt (peer *p, bool explicit_one, const bson_t *doc, void (*use) (void *arg, const uint8_t *data, size_t len),
              void *arg)
{
   mongocrypt_ctx_t *ctx = mongocrypt_ctx_new (p->crypt);
   mongocrypt_binary_t *bin = mongocrypt_binary_new_from_data ((uint8_t *)(uintptr_t)bson_get_data (doc), doc->len);
   bool ok = explicit_one ? mongocrypt_ctx_explicit_decrypt_init (ctx, bin) : mongocrypt_ctx_decrypt_init (ctx, bin);

   if (ok) {
      ok = peer_run (p, ctx, use, arg);
   } else {
      mongocrypt_ctx_destroy (ctx);
   }
   mongocrypt_binary_destroy (bin);
   return ok;
}

#endif /* FG_BENCH_PEER_MONGOCRYPT_H */
