/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_BENCH_PEER_MONGOCRYPT_H
#define FG_BENCH_PEER_MONGOCRYPT_H

/*
 * libmongocrypt as a peer: explicit encryption and decryption under a local master key of 96 zero bytes, its keys served from documents in memory.
 * For the bench, which loads several side by side, and the interoperability tests, which link one (PEER_LINKED). Every failure ends the program.
 */

#include <bson/bson.h>
#include <dlfcn.h>
#include <mongocrypt/mongocrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEER_FUNCTIONS(X)                                                                                              \
   X (binary_data)                                                                                                     \
   X (binary_destroy)                                                                                                  \
   X (binary_len)                                                                                                      \
   X (binary_new)                                                                                                      \
   X (binary_new_from_data)                                                                                            \
   X (ctx_decrypt_init)                                                                                                \
   X (ctx_destroy)                                                                                                     \
   X (ctx_explicit_decrypt_init)                                                                                       \
   X (ctx_explicit_encrypt_init)                                                                                       \
   X (ctx_finalize)                                                                                                    \
   X (ctx_kms_done)                                                                                                    \
   X (ctx_mongo_done)                                                                                                  \
   X (ctx_mongo_feed)                                                                                                  \
   X (ctx_mongo_op)                                                                                                    \
   X (ctx_new)                                                                                                         \
   X (ctx_setopt_algorithm)                                                                                            \
   X (ctx_setopt_key_id)                                                                                               \
   X (ctx_state)                                                                                                       \
   X (ctx_status)                                                                                                      \
   X (destroy)                                                                                                         \
   X (init)                                                                                                            \
   X (new)                                                                                                             \
   X (setopt_crypto_hooks)                                                                                             \
   X (setopt_kms_provider_local)                                                                                       \
   X (status_destroy)                                                                                                  \
   X (status_message)                                                                                                  \
   X (status_new)                                                                                                      \
   X (version)

typedef struct peer_api {
#define PEER_MEMBER(name) __typeof__ (mongocrypt_##name) *name;
   PEER_FUNCTIONS (PEER_MEMBER)
#undef PEER_MEMBER
} peer_api;

typedef struct peer {
   peer_api api;
   mongocrypt_t *crypt;
   bson_t **keys;
   size_t n_keys;
} peer;

static inline void
peer_die (const char *what, const char *why)
{
   fprintf (stderr, "libmongocrypt: %s: %s\n", what, why);
   exit (1);
}

/* keys live as long as the peer. use_hooks: NULL, or what gives it the cryptography that it was built without. */
static inline peer *
peer_start (const peer_api *api, void (*use_hooks) (const peer_api *api, mongocrypt_t *crypt), bson_t **keys,
            size_t n_keys)
{
   uint8_t kek[96] = {0};
   peer *p = calloc (1, sizeof *p);

   p->api = *api;
   p->crypt = api->new ();
   p->keys = keys;
   p->n_keys = n_keys;
   mongocrypt_binary_t *bin = api->binary_new_from_data (kek, sizeof kek);
   if (use_hooks) {
      use_hooks (api, p->crypt);
   }
   if (!api->setopt_kms_provider_local (p->crypt, bin) || !api->init (p->crypt)) {
      peer_die ("init", "failed");
   }
   api->binary_destroy (bin);
   return p;
}

#ifdef PEER_LINKED
/* The one that the program is linked with. */
static inline peer *
peer_new (bson_t **keys, size_t n_keys)
{
   const peer_api api = {
#define PEER_MEMBER(name) .name = mongocrypt_##name,
      PEER_FUNCTIONS (PEER_MEMBER)
#undef PEER_MEMBER
   };

   return peer_start (&api, NULL, keys, n_keys);
}
#else
/* The shared object at path, apart from every other one in the process. False: there is none. */
static inline bool
peer_load (const char *path, peer_api *api)
{
   void *handle = dlopen (path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);

   if (!handle) {
      return false;
   }
#define PEER_MEMBER(name)                                                                                              \
   *(void **)&api->name = dlsym (handle, "mongocrypt_" #name);                                                         \
   if (!api->name) {                                                                                                   \
      peer_die (path, "no mongocrypt_" #name);                                                                         \
   }
   PEER_FUNCTIONS (PEER_MEMBER)
#undef PEER_MEMBER
   return true;
}
#endif

static inline void
peer_free (peer *p)
{
   p->api.destroy (p->crypt);
   free (p);
}

/* Every key document is fed; a context that did not ask for one of them refuses it, so only those in the filter are. */
static inline void
peer_feed_keys (peer *p, mongocrypt_ctx_t *ctx)
{
   mongocrypt_binary_t *op = p->api.binary_new ();
   mongocrypt_status_t *status = p->api.status_new ();

   p->api.ctx_mongo_op (ctx, op);
   for (size_t i = 0; i < p->n_keys; i++) {
      bson_iter_t id;
      uint32_t len;
      const uint8_t *data;
      bson_iter_init_find (&id, p->keys[i], "_id");
      bson_iter_binary (&id, NULL, &len, &data);
      if (!memmem (p->api.binary_data (op), p->api.binary_len (op), data, len)) {
         continue;
      }
      mongocrypt_binary_t *doc =
         p->api.binary_new_from_data ((uint8_t *)(uintptr_t)bson_get_data (p->keys[i]), p->keys[i]->len);
      if (!p->api.ctx_mongo_feed (ctx, doc)) {
         p->api.ctx_status (ctx, status);
         peer_die ("feed", p->api.status_message (status, NULL));
      }
      p->api.binary_destroy (doc);
   }
   if (!p->api.ctx_mongo_done (ctx)) {
      p->api.ctx_status (ctx, status);
      peer_die ("keys", p->api.status_message (status, NULL));
   }
   p->api.status_destroy (status);
   p->api.binary_destroy (op);
}

/* Runs ctx to its end and destroys it. True: out (a view that the next call of anything ends) was handed to use. */
static inline bool
peer_run (peer *p, mongocrypt_ctx_t *ctx, void (*use) (void *arg, const uint8_t *data, size_t len), void *arg)
{
   mongocrypt_binary_t *out = p->api.binary_new ();
   bool done = false;
   bool ok = true;

   while (ok && !done) {
      switch ((int)p->api.ctx_state (ctx)) {
      case MONGOCRYPT_CTX_NEED_MONGO_KEYS:
         peer_feed_keys (p, ctx);
         break;
      case MONGOCRYPT_CTX_NEED_KMS:
         ok = p->api.ctx_kms_done (ctx);
         break;
      case MONGOCRYPT_CTX_READY:
         ok = p->api.ctx_finalize (ctx, out);
         if (ok && use) {
            use (arg, p->api.binary_data (out), p->api.binary_len (out));
         }
         done = true;
         break;
      default:
         ok = false;
         break;
      }
   }
   p->api.binary_destroy (out);
   p->api.ctx_destroy (ctx);
   return ok;
}

/* doc: {v: value} */
static inline bool
peer_encrypt (peer *p, const uint8_t key_id[16], bool deterministic, const bson_t *doc,
              void (*use) (void *arg, const uint8_t *data, size_t len), void *arg)
{
   mongocrypt_ctx_t *ctx = p->api.ctx_new (p->crypt);
   mongocrypt_binary_t *id = p->api.binary_new_from_data ((uint8_t *)(uintptr_t)key_id, 16);
   mongocrypt_binary_t *bin = p->api.binary_new_from_data ((uint8_t *)(uintptr_t)bson_get_data (doc), doc->len);
   bool ok = p->api.ctx_setopt_key_id (ctx, id) &&
             p->api.ctx_setopt_algorithm (ctx,
                                          deterministic ? "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
                                                        : "AEAD_AES_256_CBC_HMAC_SHA_512-Random",
                                          -1) &&
             p->api.ctx_explicit_encrypt_init (ctx, bin);

   if (ok) {
      ok = peer_run (p, ctx, use, arg);
   } else {
      p->api.ctx_destroy (ctx);
   }
   p->api.binary_destroy (id);
   p->api.binary_destroy (bin);
   return ok;
}

/* explicit_one: doc is {v: binary 6}; else any document. */
static inline bool
peer_decrypt (peer *p, bool explicit_one, const bson_t *doc, void (*use) (void *arg, const uint8_t *data, size_t len),
              void *arg)
{
   mongocrypt_ctx_t *ctx = p->api.ctx_new (p->crypt);
   mongocrypt_binary_t *bin = p->api.binary_new_from_data ((uint8_t *)(uintptr_t)bson_get_data (doc), doc->len);
   bool ok = explicit_one ? p->api.ctx_explicit_decrypt_init (ctx, bin) : p->api.ctx_decrypt_init (ctx, bin);

   if (ok) {
      ok = peer_run (p, ctx, use, arg);
   } else {
      p->api.ctx_destroy (ctx);
   }
   p->api.binary_destroy (bin);
   return ok;
}

#endif /* FG_BENCH_PEER_MONGOCRYPT_H */
