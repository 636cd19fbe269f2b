/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_CREDENTIALS_H
#define FG_CLIENT_CREDENTIALS_H

/*
 * Credentials that expire: asked for when they are needed, kept until shortly before their end, one set a provider.
 *
 * A set is made for an audience (an OAuth scope, say) and never handed out for another one: a key document names the host that its key is unwrapped at, and whoever
 * writes one must not be able to have a token sent to a host of their choice.
 *
 * Threads: any number at once. Callers that need credentials at the same time share one request, and its failure.
 */

#include "client/secret/secret.h"

#include <pthread.h>
#include <stdatomic.h>

#define FG_CREDENTIAL_PARTS 3u
#define FG_AUDIENCE_MAX 384u

typedef struct fg_credential {
   fg_secret *part[FG_CREDENTIAL_PARTS]; /* texts with their NUL; NULL where there is none. A token is part 0 */
   int64_t expires; /* seconds since 1970; INT64_MAX: never */
} fg_credential;

typedef struct fg_credential_store {
   pthread_mutex_t mutex;
   fg_credential held;
   char audience[FG_AUDIENCE_MAX]; /* whom held is for */
   atomic_uint round; /* one more after every request */
   bool failed; /* the last one, so */
   fg_error why;
} fg_credential_store;

typedef struct fg_credential_source {
   /* Fills fresh, which is empty; what it has filled on failure is cleared. */
   bool (*ask) (void *ctx, const char *audience, fg_credential *fresh, fg_error *err);
   void *ctx;
   int64_t margin; /* seconds before the end at which new ones are asked for */
} fg_credential_source;

bool fg_credential_store_init (fg_credential_store *store) FG_WARN_UNUSED;
void fg_credential_store_clear (fg_credential_store *store);
/* out: copies, for fg_credential_clear. Where no new credentials can be had the old ones serve to their end. */
bool fg_credential_get (fg_credential_store *store, const fg_credential_source *source, int64_t now,
                        const char *audience, fg_credential *out, fg_error *err) FG_WARN_UNUSED;
/* The service refused them: the next caller asks anew. */
void fg_credential_drop (fg_credential_store *store);

/* NULL text: no part. */
bool fg_credential_put (fg_credential *credential, size_t part, const char *text, fg_error *err) FG_WARN_UNUSED;
void fg_credential_clear (fg_credential *credential);

#endif /* FG_CLIENT_CREDENTIALS_H */
