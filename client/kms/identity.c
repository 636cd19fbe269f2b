/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/identity.h"

bool
fg_identity_init (fg_identity *identity, const fg_kms_provider *provider, fg_error *err)
{
   memset (identity, 0, sizeof *identity);
   identity->ready = fg_credential_store_init (&identity->store);
   return identity->ready || fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
}

void
fg_identity_clear (fg_identity *identity)
{
   for (size_t i = 0; i < 3; i++) {
      fg_secret_free (identity->given[i]);
   }
   fg_secret_free (identity->token);
   if (identity->ready) {
      fg_credential_store_clear (&identity->store);
   }
   memset (identity, 0, sizeof *identity);
}

bool
fg_identity_bearer (fg_identity *identity, const fg_kms_provider *provider, const fg_credential_source *source,
                    const char *audience, fg_secret **bearer, fg_error *err)
{
   fg_credential c = {0};

   *bearer = NULL;
   if (fg_credential_get (&identity->store, source, provider->io->now (provider->io->ctx), audience, &c, err)) {
      *bearer = fg_bearer (c.part[0], err);
      fg_credential_clear (&c);
   }
   return *bearer != NULL;
}

bool
fg_identity_domain (const char *host, char *out, size_t size)
{
   const char *dot = strchr (host, '.');
   size_t len = dot ? strcspn (dot + 1, ":") : 0;

   if (len == 0 || len >= size) {
      return false;
   }
   memcpy (out, dot + 1, len);
   out[len] = '\0';
   return true;
}

bool
fg_identity_refused (fg_identity *identity, bool *already)
{
   bool again = !identity->token && !*already;

   *already = true;
   fg_credential_drop (&identity->store);
   return again;
}
