/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/identity.h"
#include "client/kms/jwt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Google: a token that is given, one for a JWT that a service account signs (its key given, or in the file of GOOGLE_APPLICATION_CREDENTIALS), or one of the machine's service
 * account from the metadata server.
 */

#define TOKEN_SECONDS 300
#define MARGIN_GIVEN 5
#define MARGIN_MACHINE 60
#define METADATA_TIMEOUT_MS 3000

enum { EMAIL, KEY };

static bool
read_host (fg_identity *identity, const fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   const char *endpoint = fg_bson_text (config, "endpoint");

   if (!bson_has_field (config, "endpoint")) {
      endpoint = "oauth2.googleapis.com";
   }
   return (endpoint && fg_endpoint_check (endpoint, false) &&
           fg_endpoint_copy (endpoint, identity->host, sizeof identity->host)) ||
          fg_kms_error (err, FG_E_INVALID, provider, "configuration field `endpoint`: invalid endpoint");
}

bool
fg_gcp_identity_configure (fg_identity *identity, fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   static const char *const with_token[] = {"accessToken", NULL};
   static const char *const names[] = {"email", "privateKey", "endpoint", NULL};

   if (!fg_identity_init (identity, provider, err) || bson_empty (config)) {
      return identity->ready;
   }
   if (bson_has_field (config, "accessToken")) {
      return fg_config_only (provider, config, with_token, err) &&
             fg_config_text (provider, config, "accessToken", true, &identity->token, err);
   }
   return fg_config_only (provider, config, names, err) &&
          fg_config_text (provider, config, "email", true, &identity->given[EMAIL], err) &&
          fg_config_bytes (provider, config, "privateKey", &identity->given[KEY], err) &&
          read_host (identity, provider, config, err);
}

/* Who signs: a service account. The key is PKCS #8 DER. */
typedef struct account {
   const char *email;
   const uint8_t *key;
   size_t key_len;
   const char *host;
   const char *path;
} account;

typedef struct asking {
   fg_identity *identity;
   fg_kms_provider *provider;
   const char *kms_host;
} asking;

/* --- a signed request ---------------------------------------------------------------------------------------------------- */

static bool
make_claims (const fg_kms_provider *provider, const account *who, const char *audience, fg_buf *claims, fg_error *err)
{
   int64_t now = provider->io->now (provider->io->ctx);

   fg_buf_append_str (claims, "{\"iss\": ");
   fg_buf_append_json_string (claims, who->email, strlen (who->email));
   fg_buf_printf (claims, ", \"aud\": \"https://%s%s\", \"scope\": \"%s\"", who->host, who->path, audience);
   fg_buf_printf (claims, ", \"iat\": %" PRId64 ", \"exp\": %" PRId64 "}", now, now + TOKEN_SECONDS);
   fg_buf_append (claims, "", 1);
   return !claims->failed || fg_kms_error (err, FG_E_NOMEM, provider, "out of memory");
}

static bool
ask_with_jwt (fg_kms_provider *provider, const account *who, const fg_secret *jwt, fg_credential *fresh, fg_error *err)
{
   static const fg_http_header headers[] = {{"Accept", "application/json"},
                                            {"Content-Type", "application/x-www-form-urlencoded"}};
   static const char before[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
   size_t len = sizeof before - 1 + jwt->len - 1;
   fg_secret *form = fg_secret_new (len, err);

   if (!form) {
      return false;
   }
   memcpy (form->bytes, before, sizeof before - 1);
   memcpy (form->bytes + sizeof before - 1, jwt->bytes, jwt->len - 1);
   fg_http_request request = {"POST", who->host, who->path, headers, 2, form->bytes, len, false};
   const fg_kms_call call = {provider, "get an access token", fg_retry_usual, fg_fixed_request, &request, 0, NULL};
   fg_http_reply reply = {0};
   bool ok = fg_kms_call_run (&call, &reply, err) && fg_kms_reply_token (&call, &reply, fresh, err);

   fg_http_reply_clear (&reply);
   fg_secret_free (form);
   return ok;
}

static bool
ask_for_account (fg_kms_provider *provider, const account *who, const char *audience, fg_credential *fresh,
                 fg_error *err)
{
   fg_buf claims = {0};
   fg_secret *jwt = NULL;

   if (make_claims (provider, who, audience, &claims, err)) {
      jwt = fg_jwt_sign_rs256 ((const char *)claims.data, who->key, who->key_len, err);
   }
   bool ok = jwt && ask_with_jwt (provider, who, jwt, fresh, err);
   fg_secret_free (jwt);
   fg_buf_free (&claims);
   return ok;
}

static bool
ask_given (void *ctx, const char *audience, fg_credential *fresh, fg_error *err)
{
   const asking *a = ctx;
   const fg_secret *key = a->identity->given[KEY];
   const char *email = (const char *)a->identity->given[EMAIL]->bytes;
   const account who = {email, key->bytes, key->len, a->identity->host, "/token"};

   return ask_for_account (a->provider, &who, audience, fresh, err);
}

/* --- a service account's file ---------------------------------------------------------------------------------------------- */

/* A string of the file; NULL out where there is none. */
static bool
file_text (const fg_json *root, const char *name, fg_secret **out, fg_error *err)
{
   fg_json value;
   size_t n = 0;

   *out = NULL;
   if (!fg_json_member (root, name, &value) || value.kind != FG_JSON_STRING) {
      return true;
   }
   *out = fg_secret_new (value.len + 1, err);
   if (*out && (!fg_json_unescape (&value, (char *)(*out)->bytes, (*out)->len, &n) || n == 0)) {
      fg_secret_free (*out);
      *out = NULL;
      return true;
   }
   return *out != NULL;
}

typedef struct account_file {
   fg_secret *email;
   fg_secret *pem;
   fg_secret *token_uri;
   fg_secret *key;
} account_file;

static void
account_file_clear (account_file *f)
{
   fg_secret_free (f->email);
   fg_secret_free (f->pem);
   fg_secret_free (f->token_uri);
   fg_secret_free (f->key);
}

static bool
parse_account (const fg_kms_provider *provider, const fg_secret *text, account_file *f, fg_error *err)
{
   fg_json root;

   if (!fg_json_parse ((const char *)text->bytes, text->len - 1, &root) || root.kind != FG_JSON_OBJECT) {
      return fg_kms_error (err, FG_E_INVALID, provider,
                           "the file of GOOGLE_APPLICATION_CREDENTIALS is no JSON document");
   }
   if (!file_text (&root, "client_email", &f->email, err) || !file_text (&root, "private_key", &f->pem, err) ||
       !file_text (&root, "token_uri", &f->token_uri, err)) {
      return false;
   }
   if (!f->email || !f->pem) {
      return fg_kms_error (err, FG_E_INVALID, provider,
                           "the file of GOOGLE_APPLICATION_CREDENTIALS is no service account's: it has no client_email "
                           "and private_key");
   }
   f->key = fg_secret_new (f->pem->len, err);
   size_t len = 0;
   if (f->key && !fg_pem_decode (fg_secret_text (f->pem), "PRIVATE KEY", f->key->bytes, &len)) {
      return fg_kms_error (err, FG_E_INVALID, provider,
                           "the file of GOOGLE_APPLICATION_CREDENTIALS has a private_key that is no PKCS #8 in PEM");
   }
   if (f->key) {
      fg_secret_truncate (f->key, len);
   }
   return f->key != NULL;
}

static bool
ask_file (void *ctx, const char *audience, fg_credential *fresh, fg_error *err)
{
   const asking *a = ctx;
   account_file f = {0};
   fg_secret *text = NULL;
   fg_url url;
   bool ok =
      fg_credential_file (a->provider, "file of GOOGLE_APPLICATION_CREDENTIALS",
                          fg_environment ("GOOGLE_APPLICATION_CREDENTIALS"), &text, err) &&
      parse_account (a->provider, text, &f, err) &&
      fg_url_read (a->provider, "token_uri",
                   f.token_uri ? fg_secret_text (f.token_uri) : "https://oauth2.googleapis.com/token", &url, err);

   fg_secret_free (text);
   if (ok && url.plain) {
      ok = fg_kms_error (err, FG_E_DENIED, a->provider, "token_uri has http: use https");
   }
   if (ok && f.email && f.key) {
      const account who = {(const char *)f.email->bytes, f.key->bytes, f.key->len, url.endpoint, url.path};
      ok = ask_for_account (a->provider, &who, audience, fresh, err);
   }
   account_file_clear (&f);
   return ok;
}

/* --- the machine's --------------------------------------------------------------------------------------------------------- */

/* What the metadata server gives opens everything that the machine may, at every host that sees it: only Google's own shall. GCE_METADATA_HOST is for emulators of both. */
static bool
may_see_token (const asking *a, fg_error *err)
{
   static const char domain[] = ".googleapis.com";
   size_t len = strcspn (a->kms_host, ":");
   size_t n = sizeof domain - 1;

   if (fg_environment ("GCE_METADATA_HOST") || (len > n && strncmp (a->kms_host + len - n, domain, n) == 0)) {
      return true;
   }
   return fg_kms_error (err, FG_E_DENIED, a->provider,
                        "masterKey's endpoint is not in googleapis.com: the machine's token is not sent there");
}

static bool
ask_machine (void *ctx, const char *audience, fg_credential *fresh, fg_error *err)
{
   static const fg_http_header headers[] = {{"Metadata-Flavor", "Google"}};
   const asking *a = ctx;
   const char *host = fg_environment ("GCE_METADATA_HOST");
   char text[300];
   fg_url url;

   (void)audience; /* its scopes are the machine's */
   snprintf (text, sizeof text, "http://%s", host ? host : "metadata.google.internal");
   if (!fg_url_read (a->provider, "GCE_METADATA_HOST", text, &url, err)) {
      return false;
   }
   fg_http_request request = {.method = "GET",
                              .endpoint = url.endpoint,
                              .path = "/computeMetadata/v1/instance/service-accounts/default/token",
                              .headers = headers,
                              .n_headers = 1,
                              .plain = true};
   const fg_kms_call call = {a->provider,
                             "get a token of the machine's service account",
                             fg_retry_usual,
                             fg_fixed_request,
                             &request,
                             METADATA_TIMEOUT_MS,
                             NULL};
   fg_http_reply reply = {0};
   bool ok = fg_kms_call_run (&call, &reply, err) && fg_kms_reply_token (&call, &reply, fresh, err);

   fg_http_reply_clear (&reply);
   return ok;
}

/* --- any of them ----------------------------------------------------------------------------------------------------------- */

/* The scope's domain is that of the KMS: googleapis.com unless masterKey names an endpoint of its own. */
bool
fg_gcp_identity_bearer (fg_identity *identity, fg_kms_provider *provider, const char *kms_host, fg_secret **bearer,
                        fg_error *err)
{
   asking a = {identity, provider, kms_host};
   bool file = fg_environment ("GOOGLE_APPLICATION_CREDENTIALS") != NULL;
   bool machine = !identity->given[EMAIL] && !file;
   const fg_credential_source source = {identity->given[EMAIL] ? ask_given
                                        : file                 ? ask_file
                                                               : ask_machine,
                                        &a, machine ? MARGIN_MACHINE : MARGIN_GIVEN};
   char domain[256];
   char audience[320];

   *bearer = NULL;
   if (identity->token) {
      *bearer = fg_bearer (identity->token, err);
      return *bearer != NULL;
   }
   if (!fg_identity_domain (kms_host, domain, sizeof domain)) {
      return fg_kms_error (err, FG_E_INVALID, provider, "invalid endpoint");
   }
   if (machine && !may_see_token (&a, err)) {
      return false;
   }
   snprintf (audience, sizeof audience, "https://www.%s/auth/cloudkms", domain);
   return fg_identity_bearer (identity, provider, &source, audience, bearer, err);
}
