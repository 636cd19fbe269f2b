/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_OAUTH_H
#define FG_CLIENT_OAUTH_H

/* Access tokens (azure, gcp): one a provider, asked for when the one there is has less than five seconds left. */

#include "client/kms/call.h"

#include <pthread.h>

typedef struct fg_oauth {
   pthread_mutex_t mutex;
   fg_secret *token;
   int64_t expires; /* seconds since 1970; INT64_MAX for a token that was given */
} fg_oauth;

bool fg_oauth_init (fg_oauth *oauth);
void fg_oauth_clear (fg_oauth *oauth);
/* "Bearer <token>", a copy of the caller's. call asks for a new token. */
bool fg_oauth_bearer (fg_oauth *oauth, const fg_kms_call *call, fg_secret **out, fg_error *err) FG_WARN_UNUSED;
/* After a 401: the next caller asks anew. */
void fg_oauth_drop (fg_oauth *oauth);

/* Appends text with everything but unreserved characters as %XX. */
void fg_form_append (fg_secret *form, size_t *len, const char *text, bool encode);
/* Bytes that n characters take at most. */
#define FG_FORM_SIZE(n) ((n)*3)

#endif /* FG_CLIENT_OAUTH_H */
