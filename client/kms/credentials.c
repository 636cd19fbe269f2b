/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/credentials.h"

#include <string.h>

bool
fg_credential_store_init (fg_credential_store *store)
{
   memset (store, 0, sizeof *store);
   return pthread_mutex_init (&store->mutex, NULL) == 0;
}

void
fg_credential_store_clear (fg_credential_store *store)
{
   fg_credential_clear (&store->held);
   pthread_mutex_destroy (&store->mutex);
}

void
fg_credential_clear (fg_credential *credential)
{
   for (size_t i = 0; i < FG_CREDENTIAL_PARTS; i++) {
      fg_secret_free (credential->part[i]);
   }
   memset (credential, 0, sizeof *credential);
}

bool
fg_credential_put (fg_credential *credential, size_t part, const char *text, fg_error *err)
{
   fg_secret_free (credential->part[part]);
   credential->part[part] = text ? fg_secret_copy (text, strlen (text) + 1, err) : NULL;
   return !text || credential->part[part];
}

static bool
copy (const fg_credential *from, fg_credential *to, fg_error *err)
{
   memset (to, 0, sizeof *to);
   to->expires = from->expires;
   for (size_t i = 0; i < FG_CREDENTIAL_PARTS; i++) {
      if (!fg_credential_put (to, i, from->part[i] ? (const char *)from->part[i]->bytes : NULL, err)) {
         fg_credential_clear (to);
         return false;
      }
   }
   return true;
}

/* Good for the audience for longer than margin seconds. */
static bool
serves (const fg_credential_store *store, const char *audience, int64_t now, int64_t margin)
{
   return store->held.part[0] && strcmp (store->audience, audience) == 0 &&
          (store->held.expires == INT64_MAX || now + margin < store->held.expires);
}

/* The mutex is held. */
static bool
renew (fg_credential_store *store, const fg_credential_source *source, const char *audience, fg_error *err)
{
   fg_credential fresh = {0};
   fg_error why = {0};
   size_t len = strlen (audience) + 1;
   bool ok = len <= sizeof store->audience ? source->ask (source->ctx, audience, &fresh, &why)
                                           : fg_error_set (&why, FG_ERROR_KMS, FG_E_TOO_LARGE, NULL,
                                                           "the audience's name is too long for a token");

   atomic_fetch_add (&store->round, 1);
   store->failed = !ok;
   if (!ok) {
      fg_credential_clear (&fresh);
      store->why = why;
      if (err) {
         *err = why;
      }
      return false;
   }
   fg_credential_clear (&store->held);
   store->held = fresh;
   memcpy (store->audience, audience, len);
   return true;
}

/* Whoever waited for the mutex while a request failed shares that failure: a service that stalls makes nobody wait for several time limits. */
static bool
failed_meanwhile (const fg_credential_store *store, unsigned seen, fg_error *err)
{
   if (!store->failed || atomic_load (&store->round) == seen) {
      return false;
   }
   if (err) {
      *err = store->why;
   }
   return true;
}

bool
fg_credential_get (fg_credential_store *store, const fg_credential_source *source, int64_t now, const char *audience,
                   fg_credential *out, fg_error *err)
{
   unsigned seen = atomic_load (&store->round);
   bool ok = true;

   memset (out, 0, sizeof *out);
   pthread_mutex_lock (&store->mutex);
   if (!serves (store, audience, now, source->margin)) {
      ok = !failed_meanwhile (store, seen, err) && renew (store, source, audience, err);
      ok = ok || serves (store, audience, now, 0);
   }
   ok = ok && copy (&store->held, out, err);
   pthread_mutex_unlock (&store->mutex);
   return ok;
}

void
fg_credential_drop (fg_credential_store *store)
{
   pthread_mutex_lock (&store->mutex);
   if (store->held.expires != INT64_MAX) {
      fg_credential_clear (&store->held);
   }
   pthread_mutex_unlock (&store->mutex);
}
