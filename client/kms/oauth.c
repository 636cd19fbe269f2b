/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/oauth.h"

#include <ctype.h>

#define MARGIN_SECONDS 5

bool
fg_oauth_init (fg_oauth *oauth)
{
   memset (oauth, 0, sizeof *oauth);
   return pthread_mutex_init (&oauth->mutex, NULL) == 0;
}

void
fg_oauth_clear (fg_oauth *oauth)
{
   fg_secret_free (oauth->token);
   pthread_mutex_destroy (&oauth->mutex);
}

static bool
lifetime (const fg_http_reply *reply, int64_t *seconds)
{
   fg_json root;
   fg_json value;

   return fg_json_parse ((const char *)reply->body->bytes, reply->len, &root) &&
          fg_json_member (&root, "expires_in", &value) && fg_json_seconds (&value, seconds);
}

/* The mutex is held: callers that need a token at the same time wait for one request instead of making one each. */
static bool
renew (fg_oauth *oauth, const fg_kms_call *call, fg_error *err)
{
   fg_http_reply reply = {0};
   fg_secret *token = NULL;
   int64_t seconds = 0;
   int64_t now = call->provider->io->now (call->provider->io->ctx);

   bool ok = fg_kms_call_run (call, &reply, err) && fg_kms_reply_text (call, &reply, "access_token", &token, err);
   if (ok && !lifetime (&reply, &seconds)) {
      ok = fg_kms_error (err, FG_E_INVALID, call->provider, "cannot %s: the reply has no number `expires_in`",
                         call->what);
   }
   fg_http_reply_clear (&reply);
   if (!ok) {
      fg_secret_free (token);
      return false;
   }
   fg_secret_free (oauth->token);
   oauth->token = token;
   oauth->expires = now + seconds;
   return true;
}

static fg_secret *
bearer_of (const fg_secret *token, fg_error *err)
{
   fg_secret *out = fg_secret_new (7 + token->len, err);

   if (out) {
      memcpy (out->bytes, "Bearer ", 7);
      memcpy (out->bytes + 7, token->bytes, token->len);
   }
   return out;
}

bool
fg_oauth_bearer (fg_oauth *oauth, const fg_kms_call *call, fg_secret **out, fg_error *err)
{
   *out = NULL;
   pthread_mutex_lock (&oauth->mutex);
   int64_t now = call->provider->io->now (call->provider->io->ctx);
   bool fresh = oauth->token && (oauth->expires == INT64_MAX || now + MARGIN_SECONDS < oauth->expires);
   if (fresh || renew (oauth, call, err)) {
      *out = bearer_of (oauth->token, err);
   }
   pthread_mutex_unlock (&oauth->mutex);
   return *out != NULL;
}

void
fg_oauth_drop (fg_oauth *oauth)
{
   pthread_mutex_lock (&oauth->mutex);
   if (oauth->expires != INT64_MAX) {
      oauth->expires = 0;
   }
   pthread_mutex_unlock (&oauth->mutex);
}

void
fg_form_append (fg_secret *form, size_t *len, const char *text, bool encode)
{
   static const char digits[] = "0123456789ABCDEF";
   char *out = (char *)form->bytes;

   for (; *text; text++) {
      unsigned char c = (unsigned char)*text;
      if (!encode || isalnum (c) || strchr ("-._~", c)) {
         out[(*len)++] = (char)c;
      } else {
         out[(*len)++] = '%';
         out[(*len)++] = digits[c >> 4];
         out[(*len)++] = digits[c & 15];
      }
   }
}
