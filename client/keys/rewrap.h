/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_REWRAP_H
#define FG_CLIENT_REWRAP_H

/*
 * Wrapping many keys anew.
 *
 * For each key: its present wrapping is opened, the key is wrapped by the new provider and master key, the new wrapping is opened again, and both results are compared in constant time.
 * Only then is the document replaced, by compare-and-set on the keyMaterial and updateDate that were read: what somebody else changed meanwhile is left alone.
 *
 * Threads ask the KMS; the calling thread alone writes. It takes the keys that are ready, hands them to `before` (which puts them on record, durably), replaces their documents, and hands them to
 * `after`. So, however the process dies, a document holds its old wrapping or one that is on record.
 *
 * A key that fails is marked and the others go on; but what fails for every key (a KMS that is down or denies, a vault or a record that cannot be written) ends the run.
 */

#include "client/client_internal.h"
#include "client/keys/key_document.h"
#include "client/keys/pace.h"

typedef enum fg_rewrap_outcome {
   FG_REWRAP_NOT_TRIED = 0, /* the run ended before */
   FG_REWRAP_READY, /* its new wrapping is proved, and not stored: a dry run, or the run ended before */
   FG_REWRAP_DONE,
   FG_REWRAP_CHANGED, /* somebody else changed or deleted the document first */
   FG_REWRAP_NO_KEY, /* the document is no key document */
   FG_REWRAP_NOT_OPENED, /* the present wrapping does not open */
   FG_REWRAP_NOT_WRAPPED /* no new wrapping, or one that does not open to the same key */
} fg_rewrap_outcome;

/* A wrapping that exists already. */
typedef struct fg_given_wrapping {
   const bson_t *master_key; /* as stored, with provider */
   const uint8_t *material;
   size_t len;
   bool on_record; /* known to be of this key: the present wrapping need not open */
} fg_given_wrapping;

typedef struct fg_rewrap_key {
   const bson_t *document; /* as the vault shows it; the caller's */
   const fg_given_wrapping *given; /* NULL: make a new one */

   fg_rewrap_outcome outcome;
   fg_key_document parsed; /* views into document; from READY on */
   bson_t *master_key; /* the new wrapping; from READY on */
   uint8_t *material;
   size_t len;
   int32_t code; /* fg_error_code of a failure, and */
   char *why; /* its message; NULL when there is none or no memory for it */
} fg_rewrap_key;

void fg_rewrap_key_clear (fg_rewrap_key *key);

typedef struct fg_rewrap_run {
   fg_client *client;
   fg_rewrap_key *keys; /* zero but for document and given */
   size_t n;
   const char *provider; /* NULL: each key's own provider and master key */
   const bson_t *master_key; /* without provider; may be NULL */
   unsigned parallel; /* threads that ask the KMS, 1 to FG_REWRAP_PARALLEL_MAX; 0: 4 */
   fg_pace *pace; /* NULL: no limit, and throttled keys fail after the provider's own retries */
   bool dry_run; /* stop at FG_REWRAP_READY */
   const volatile sig_atomic_t *stop; /* may be NULL; not zero: end after what is under way */

   /* All may be NULL; called by the thread that called fg_rewrap_run_all. False ends the run. */
   bool (*before) (void *ctx, fg_rewrap_key *const *keys, size_t n, fg_error *err); /* READY */
   bool (*after) (void *ctx, fg_rewrap_key *const *keys, size_t n, fg_error *err); /* DONE or CHANGED */
   void (*progress) (void *ctx, size_t done, size_t total);
   void *ctx;
} fg_rewrap_run;

#define FG_REWRAP_PARALLEL_MAX 64u

/* False: the run ended early, and err says why; each key's outcome holds all the same. */
bool fg_rewrap_run_all (fg_rewrap_run *run, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_REWRAP_H */
