/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIELDGUARD_CLIENT_H
#define FIELDGUARD_CLIENT_H

/*
 * libfieldguard-client: client-side field level encryption, interchangeable with MongoDB's drivers.
 *
 * A *data key* (96 bytes) encrypts values. It is stored wrapped, in a *key document* of a *key vault*, under a *master key* that a *KMS provider* holds.
 * An fg_client ties the two together: it finds key documents in a vault, has a provider unwrap them, and keeps the unwrapped keys for a while.
 *
 *    fg_key_vault *vault = fg_key_vault_file_new ("keys.json", true, &err);
 *    fg_client_options options = FG_CLIENT_OPTIONS_INIT;
 *    options.key_vault = vault;
 *    options.kms_providers = &providers;               {local: {key: <96 bytes>}}
 *    fg_client *client = fg_client_new (&options, &err);
 *    fg_client_create_data_key (client, "local", &key_options, id, &err);
 *    fg_client_encrypt (client, &value, &encrypt_options, &blob, &err);
 *
 * Formats: the FLE1 blobs (BinData subtype 6, first byte 1 or 2) and key documents of the driver specification. Other first bytes are left as they are
 * when a document is decrypted, and refused with FG_E_UNSUPPORTED when one value is.
 *
 * Secrets. Data keys, master keys and credentials live in locked memory that core dumps leave out, and are wiped when they expire or are freed. Key
 * schedules live in OpenSSL's contexts, which it cleanses when it frees them; its other temporary memory (TLS records, say) is cleansed too once
 * fg_openssl_cleanse_memory has been called. A live process's memory can be read by whoever may debug it: no library can hide that.
 *
 * Threads. An fg_client is used by any number of threads at once. Encrypting and decrypting under a cached key takes no lock; threads that miss the same key at the same time share one
 * request to the vault and the KMS. Fork: a forked child
 * may go on using a client that no other thread was inside at the time of the fork; it never draws an IV that its parent draws.
 *
 * Errors: FG_ERROR_CRYPTO (a blob: FG_E_TRUNCATED, FG_E_CORRUPT, FG_E_UNSUPPORTED), FG_ERROR_KEY (FG_E_NOT_FOUND: no such key), FG_ERROR_KMS (a provider: the
 * message has provider, endpoint and HTTP status), FG_ERROR_BSON, FG_ERROR_USAGE, FG_ERROR_SYSTEM, and FG_ERROR_SERVER from a MongoDB key vault.
 * No message ever has a key byte, a credential or a value in it. Since 0.1.
 */

#include <fieldguard/error.h>

#include <bson/bson.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fg_client fg_client;
typedef struct fg_key_vault fg_key_vault;

#define FG_KEY_ID_LEN 16u
#define FG_KEY_MATERIAL_LEN 96u

/* --- key vaults ----------------------------------------------------------------------------------------------------- */

/* Visits a key document; borrowed for the time of the call. Returning false stops the visit, which then has succeeded. */
typedef bool (*fg_key_visit) (void *ctx, const bson_t *key_document);

/* One compare-and-set of many: rewrap's arguments, and what became of it. */
typedef struct fg_rewrap_item {
   const uint8_t *id;
   const uint8_t *old_material;
   size_t old_len;
   int64_t old_update_ms;
   const bson_t *master_key;
   const uint8_t *material;
   size_t len;
   bool changed;
} fg_rewrap_item;

/*
 * What a key vault does. Every function may be called from any thread. `self` is what fg_key_vault_new was given. Functions that return false have changed
 * nothing and filled err. The store must keep _id unique and, where it can, every single alt name.
 */
typedef struct fg_key_vault_ops {
   size_t size;
   const char *name; /* "memory", "file", "mongodb" */
   /* Every key document whose _id is among the ids (n_ids times 16 bytes) or that has one of the names. */
   bool (*find) (void *self, const uint8_t *ids, size_t n_ids, const char *const *names, size_t n_names,
                 fg_key_visit visit, void *ctx, fg_error *err);
   /* Every key document that a MongoDB filter matches. Vaults that evaluate it themselves refuse operators that they do not know. */
   bool (*find_matching) (void *self, const bson_t *filter, fg_key_visit visit, void *ctx, fg_error *err);
   bool (*insert) (void *self, const bson_t *key_document, fg_error *err);
   /* Compare-and-set: in the document that has this _id, keyMaterial and updateDate (milliseconds), sets masterKey and keyMaterial, and updateDate to now. *changed false: no
    * such document any more. */
   bool (*rewrap) (void *self, const uint8_t id[FG_KEY_ID_LEN], const uint8_t *old_material, size_t old_len,
                   int64_t old_update_ms, const bson_t *master_key, const uint8_t *material, size_t len, bool *changed,
                   fg_error *err);
   bool (*remove) (void *self, const uint8_t id[FG_KEY_ID_LEN], bool *removed, fg_error *err);
   /* *previous: the document as it was (bson_destroy it), NULL when there is none with this _id. */
   bool (*add_alt_name) (void *self, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous,
                         fg_error *err);
   bool (*remove_alt_name) (void *self, const uint8_t id[FG_KEY_ID_LEN], const char *name, bson_t **previous,
                            fg_error *err);
   /* The unique partial index on keyAltNames, where the store has indexes. */
   bool (*create_index) (void *self, fg_error *err);
   void (*free) (void *self);

   /* Added later: NULL, or left out of size, where a store has nothing better than the functions above. */

   /* rewrap for many documents of different _id, cheaper than one by one. False: `changed` says as far as is known which documents were changed all the same. */
   bool (*rewrap_many) (void *self, fg_rewrap_item *items, size_t n, fg_error *err);
   /* A text that tells this store from another, without credentials; free it. */
   char *(*identity) (void *self);
} fg_key_vault_ops;

/* A vault of the caller's own making. ops and self must live until fg_key_vault_free, which calls ops->free (self). */
FG_EXPORT fg_key_vault *fg_key_vault_new (const fg_key_vault_ops *ops, void *self, fg_error *err) FG_WARN_UNUSED;
FG_EXPORT void fg_key_vault_free (fg_key_vault *vault); /* NULL is legal */

/* Keys that die with the process. */
FG_EXPORT fg_key_vault *fg_key_vault_memory_new (fg_error *err) FG_WARN_UNUSED;
/* A file of key documents: `.bson` as mongodump writes it, anything else Extended JSON (an array of documents, or documents one after another; written back the way it was
 * found). Read anew for every call, replaced atomically (write, fsync, rename; mode 0600 when new) under a lock on its folder that other users of this
 * function honour. create: a missing file is an empty vault; otherwise it is FG_E_NOT_FOUND. */
FG_EXPORT fg_key_vault *fg_key_vault_file_new (const char *path, bool create, fg_error *err) FG_WARN_UNUSED;
/* A MongoDB collection, reads and writes at majority. ns: "db.collection". The vault keeps a connection pool of its own; the cluster need not be the data's. */
FG_EXPORT fg_key_vault *fg_key_vault_mongodb_new (const char *uri, const char *ns, fg_error *err) FG_WARN_UNUSED;

/* --- the client ----------------------------------------------------------------------------------------------------- */

typedef struct fg_client_options {
   size_t size;
   fg_key_vault *key_vault; /* borrowed until fg_client_free */
   const bson_t *
      kms_providers; /* the drivers' kmsProviders document: {local: {key}, aws: {...}, "aws:eu": {...}}; copied into secrets */
   const bson_t *
      tls_options; /* NULL, or {<provider>: {tlsCAFile, tlsCertificateKeyFile, tlsCertificateKeyFilePassword}}; insecure options are refused */
   /* How long an unwrapped key is kept, counted from its unwrapping; 0: for ever; the drivers' default is 60000. Nobody gets an expired key; the next encryption
    * or decryption wipes it. */
   int64_t key_expiration_ms;
   size_t cache_max_keys; /* unwrapped keys kept at most; the one that expires first makes room. 0: 10000 */
   int64_t kms_timeout_ms; /* for one exchange with a KMS, connecting included. 0: 10000 */
} fg_client_options;
#define FG_CLIENT_OPTIONS_INIT                                                                                         \
   {                                                                                                                   \
      .size = sizeof (fg_client_options), .key_expiration_ms = 60000                                                   \
   }

FG_EXPORT fg_client *fg_client_new (const fg_client_options *options, fg_error *err) FG_WARN_UNUSED;
/* No other thread may be inside. Wipes every key. NULL is legal. */
FG_EXPORT void fg_client_free (fg_client *client);

/* Makes OpenSSL cleanse every piece of memory that it frees. False once OpenSSL has allocated anything, which libraries may do in their constructors: an executable that must have it
 * calls this from its .preinit_array, as the `fieldguard` command does. */
FG_EXPORT bool fg_openssl_cleanse_memory (fg_error *err) FG_WARN_UNUSED;

/* --- values --------------------------------------------------------------------------------------------------------- */

typedef enum fg_algorithm { FG_ALGORITHM_DETERMINISTIC = 1, FG_ALGORITHM_RANDOM = 2 } fg_algorithm;

/* "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic", "...-Random", or the last word alone; letter case does not matter. */
FG_EXPORT bool fg_algorithm_from_name (const char *name, fg_algorithm *out) FG_WARN_UNUSED;

typedef struct fg_encrypt_options {
   size_t size;
   const uint8_t *key_id; /* 16 bytes; or NULL and */
   const char *key_alt_name;
   fg_algorithm algorithm;
} fg_encrypt_options;
#define FG_ENCRYPT_OPTIONS_INIT                                                                                        \
   {                                                                                                                   \
      .size = sizeof (fg_encrypt_options)                                                                              \
   }

/* out: a binary of subtype 6, released with bson_value_destroy. Never encrypted: null, undefined, minKey, maxKey, binary subtype 6; not deterministically: double,
 * decimal128, bool, document, array, code with scope (FG_E_UNSUPPORTED). */
FG_EXPORT bool fg_client_encrypt (fg_client *client, const bson_value_t *value, const fg_encrypt_options *options,
                                  bson_value_t *out, fg_error *err) FG_WARN_UNUSED;
/* value: a binary of subtype 6. A marking or a query payload (which hold no ciphertext of a value) comes back as it is, as the drivers do. */
FG_EXPORT bool fg_client_decrypt (fg_client *client, const bson_value_t *value, bson_value_t *out,
                                  fg_error *err) FG_WARN_UNUSED;
/* Every ciphertext in it, at any depth, in one pass; keys that are missing are fetched together. Returns a new document (bson_destroy), NULL on any error;
 * err->path names the field. */
FG_EXPORT bson_t *fg_client_decrypt_document (fg_client *client, const bson_t *document, fg_error *err) FG_WARN_UNUSED;

/* --- keys ----------------------------------------------------------------------------------------------------------- */

typedef struct fg_data_key_options {
   size_t size;
   const bson_t *master_key; /* what the provider needs to name its key, without `provider`; NULL for local */
   const char *const *key_alt_names;
   size_t n_key_alt_names;
   const uint8_t *key_material; /* 96 bytes of the caller's own; NULL: random */
} fg_data_key_options;
#define FG_DATA_KEY_OPTIONS_INIT                                                                                       \
   {                                                                                                                   \
      .size = sizeof (fg_data_key_options)                                                                             \
   }

/* provider: "local", "aws", "aws:name", ... */
FG_EXPORT bool fg_client_create_data_key (fg_client *client, const char *provider, const fg_data_key_options *options,
                                          uint8_t id[FG_KEY_ID_LEN], fg_error *err) FG_WARN_UNUSED;

/* *document: a copy (bson_destroy), or NULL when there is no such key, which is no error. */
FG_EXPORT bool fg_client_get_key (fg_client *client, const uint8_t id[FG_KEY_ID_LEN], bson_t **document,
                                  fg_error *err) FG_WARN_UNUSED;
FG_EXPORT bool fg_client_get_key_by_alt_name (fg_client *client, const char *name, bson_t **document,
                                              fg_error *err) FG_WARN_UNUSED;
/* filter NULL: all. */
FG_EXPORT bool fg_client_visit_keys (fg_client *client, const bson_t *filter, fg_key_visit visit, void *ctx,
                                     fg_error *err) FG_WARN_UNUSED;
/* *previous as in fg_key_vault_ops. */
FG_EXPORT bool fg_client_add_key_alt_name (fg_client *client, const uint8_t id[FG_KEY_ID_LEN], const char *name,
                                           bson_t **previous, fg_error *err) FG_WARN_UNUSED;
FG_EXPORT bool fg_client_remove_key_alt_name (fg_client *client, const uint8_t id[FG_KEY_ID_LEN], const char *name,
                                              bson_t **previous, fg_error *err) FG_WARN_UNUSED;
FG_EXPORT bool fg_client_delete_key (fg_client *client, const uint8_t id[FG_KEY_ID_LEN], bool *deleted,
                                     fg_error *err) FG_WARN_UNUSED;
FG_EXPORT bool fg_client_create_index (fg_client *client, fg_error *err) FG_WARN_UNUSED;

typedef struct fg_rewrap_options {
   size_t size;
   const char *provider; /* NULL: every key stays with its provider and master key, and is wrapped anew */
   const bson_t *master_key; /* as in fg_data_key_options; only with provider */
} fg_rewrap_options;
#define FG_REWRAP_OPTIONS_INIT                                                                                         \
   {                                                                                                                   \
      .size = sizeof (fg_rewrap_options)                                                                               \
   }

typedef struct fg_rewrap_result {
   size_t matched;
   size_t rewrapped;
   size_t changed_meanwhile; /* somebody else changed or deleted the key first: left as it is */
} fg_rewrap_result;

/* The drivers' rewrapManyDataKey. All new wrappings are made, and each is unwrapped again and compared, before the first document is changed; each document is
 * then replaced only if it still is what was read. filter NULL: all. On an error while documents are replaced, result says how many were. */
FG_EXPORT bool fg_client_rewrap_many_data_key (fg_client *client, const bson_t *filter,
                                               const fg_rewrap_options *options, fg_rewrap_result *result,
                                               fg_error *err) FG_WARN_UNUSED;

/* Drops a key (id NULL: every key) from the cache and wipes it: the next use reads the vault and asks the KMS again. */
FG_EXPORT void fg_client_forget_key (fg_client *client, const uint8_t *id);

#ifdef __cplusplus
}
#endif
#endif /* FIELDGUARD_CLIENT_H */
