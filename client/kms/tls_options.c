/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/tls_options.h"

#include <stdlib.h>
#include <strings.h>

static bool
insecure (const char *name)
{
   static const char *const names[] = {"tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames",
                                       "tlsDisableCertificateRevocationCheck"};

   for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
      if (strcasecmp (names[i], name) == 0) {
         return true;
      }
   }
   return false;
}

static bool
copy_text (char **out, const bson_iter_t *iter)
{
   free (*out);
   *out = BSON_ITER_HOLDS_UTF8 (iter) ? strdup (bson_iter_utf8 (iter, NULL)) : NULL;
   return *out != NULL;
}

static bool
read_one (fg_kms_provider *provider, const bson_iter_t *iter, fg_error *err)
{
   const char *name = bson_iter_key (iter);
   bool ok = true;

   if (insecure (name)) {
      return fg_kms_error (err, FG_E_DENIED, provider, "Insecure TLS options prohibited: `%s`", name);
   }
   if (strcasecmp (name, "tls") == 0 || strcasecmp (name, "ssl") == 0) {
      return (BSON_ITER_HOLDS_BOOL (iter) && bson_iter_bool (iter)) ||
             fg_kms_error (err, FG_E_DENIED, provider, "TLS is required");
   }
   if (strcasecmp (name, "tlsDisableOCSPEndpointCheck") == 0) {
      return true; /* no OCSP endpoint is asked anyway */
   }
   if (strcasecmp (name, "tlsCAFile") == 0) {
      ok = copy_text (&provider->tls.ca_file, iter);
   } else if (strcasecmp (name, "tlsCertificateKeyFile") == 0) {
      ok = copy_text (&provider->tls.cert_key_file, iter);
   } else if (strcasecmp (name, "tlsCertificateKeyFilePassword") == 0) {
      uint32_t len = 0;
      const char *text = BSON_ITER_HOLDS_UTF8 (iter) ? bson_iter_utf8 (iter, &len) : NULL;
      fg_secret_free (provider->tls.password);
      provider->tls.password = text ? fg_secret_copy (text, (size_t)len + 1, err) : NULL;
      ok = provider->tls.password != NULL;
   } else {
      return fg_kms_error (err, FG_E_INVALID, provider, "unknown TLS option `%s`", name);
   }
   return ok || fg_kms_error (err, FG_E_INVALID, provider, "TLS option `%s` is no text", name);
}

bool
fg_tls_options_read (fg_kms_provider *provider, const bson_t *tls_options, fg_error *err)
{
   bson_iter_t iter;
   bson_iter_t option;

   if (!tls_options || !bson_iter_init_find (&iter, tls_options, provider->name)) {
      return true;
   }
   if (!BSON_ITER_HOLDS_DOCUMENT (&iter) || !bson_iter_recurse (&iter, &option)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "its tlsOptions are no document");
   }
   while (bson_iter_next (&option)) {
      if (!read_one (provider, &option, err)) {
         return false;
      }
   }
   return true;
}

void
fg_tls_options_clear (fg_tls_options *tls)
{
   free (tls->ca_file);
   free (tls->cert_key_file);
   fg_secret_free (tls->password);
}
