/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/identity.h"

#include <stdio.h>

/*
 * AWS: credentials that are given, or, on demand and in the order of AWS's own SDKs: the environment, a web identity (STS), the container's, the instance's (IMDSv2).
 */

#define MARGIN 300
#define METADATA_TIMEOUT_MS 2000
#define PARTS 3

static const char *const environment_names[PARTS] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};

bool
fg_aws_identity_configure (fg_identity *identity, fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   static const char *const names[] = {"accessKeyId", "secretAccessKey", "sessionToken", NULL};

   if (!fg_identity_init (identity, provider, err) || bson_empty (config)) {
      return identity->ready;
   }
   return fg_config_only (provider, config, names, err) &&
          fg_config_text (provider, config, names[0], true, &identity->given[0], err) &&
          fg_config_text (provider, config, names[1], true, &identity->given[1], err) &&
          fg_config_text (provider, config, names[2], false, &identity->given[2], err);
}

/* --- replies --------------------------------------------------------------------------------------------------------------- */

/* Where the four fields of a reply stand. */
typedef struct reply_shape {
   const char *part[PARTS];
   const char *expiration;
} reply_shape;

static const reply_shape metadata_shape = {{"AccessKeyId", "SecretAccessKey", "Token"}, "Expiration"};

#define STS "AssumeRoleWithWebIdentityResponse.AssumeRoleWithWebIdentityResult.Credentials."
static const reply_shape sts_shape = {{STS "AccessKeyId", STS "SecretAccessKey", STS "SessionToken"}, STS "Expiration"};

/* A number of seconds, or a date; what cannot be read is not kept. */
static int64_t
expiration_of (const fg_kms_call *call, const fg_http_reply *reply, const char *path)
{
   const fg_kms_io *io = call->provider->io;
   fg_secret *text = NULL;
   int64_t at = 0;
   bool known = fg_kms_reply_text (call, reply, path, &text, NULL) ? fg_utc_seconds (fg_secret_text (text), &at)
                                                                   : fg_kms_reply_seconds (reply, path, &at);

   fg_secret_free (text);
   return known ? at : io->now (io->ctx);
}

static bool
ask (const fg_kms_call *call, const reply_shape *shape, fg_credential *fresh, fg_error *err)
{
   fg_http_reply reply = {0};
   bool ok = fg_kms_call_run (call, &reply, err);

   for (size_t i = 0; ok && i < PARTS; i++) {
      ok = fg_kms_reply_text (call, &reply, shape->part[i], &fresh->part[i], err);
   }
   if (ok) {
      fresh->expires = expiration_of (call, &reply, shape->expiration);
   }
   fg_http_reply_clear (&reply);
   return ok;
}

/* --- a web identity ------------------------------------------------------------------------------------------------------- */

static bool
sts_host (const fg_kms_provider *provider, fg_url *url, fg_error *err)
{
   const char *given = fg_environment ("AWS_ENDPOINT_URL_STS");
   const char *region = fg_environment ("AWS_REGION");
   char text[200];

   region = region ? region : fg_environment ("AWS_DEFAULT_REGION");
   snprintf (text, sizeof text, "https://sts.%s%samazonaws.com", region ? region : "", region ? "." : "");
   return fg_url_read (provider, "AWS_ENDPOINT_URL_STS", given ? given : text, url, err) &&
          (!url->plain || fg_kms_error (err, FG_E_DENIED, provider, "AWS_ENDPOINT_URL_STS has http: use https"));
}

static fg_secret *
sts_form (const char *role, const fg_secret *token, size_t *len, fg_error *err)
{
   const char *session = fg_environment ("AWS_ROLE_SESSION_NAME");
   session = session ? session : "fieldguard";
   fg_secret *form = fg_secret_new (160 + FG_FORM_SIZE (strlen (role) + strlen (session) + token->len), err);

   *len = 0;
   if (form) {
      fg_form_append (form, len, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=", false);
      fg_form_append (form, len, role, true);
      fg_form_append (form, len, "&RoleSessionName=", false);
      fg_form_append (form, len, session, true);
      fg_form_append (form, len, "&WebIdentityToken=", false);
      fg_form_append (form, len, fg_secret_text (token), true);
   }
   return form;
}

static bool
ask_sts (fg_kms_provider *provider, const char *file, const char *role, fg_credential *fresh, fg_error *err)
{
   static const fg_http_header headers[] = {{"Accept", "application/json"},
                                            {"Content-Type", "application/x-www-form-urlencoded"}};
   fg_secret *token = NULL;
   fg_secret *form = NULL;
   size_t len = 0;
   fg_url url;

   if (sts_host (provider, &url, err) &&
       fg_credential_file (provider, "file of AWS_WEB_IDENTITY_TOKEN_FILE", file, &token, err)) {
      form = sts_form (role, token, &len, err);
   }
   fg_secret_free (token);
   if (!form) {
      return false;
   }
   fg_http_request request = {"POST", url.endpoint, url.path, headers, 2, form->bytes, len, false};
   const fg_kms_call call = {provider, "assume the role of AWS_ROLE_ARN", fg_retry_usual, fg_fixed_request, &request, 0,
                             NULL};
   bool ok = ask (&call, &sts_shape, fresh, err);
   fg_secret_free (form);
   return ok;
}

/* --- the container's -------------------------------------------------------------------------------------------------------- */

static bool
container_url (const fg_kms_provider *provider, fg_url *url, fg_error *err)
{
   const char *relative = fg_environment ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
   char text[1100];

   if (!relative) {
      return fg_url_read (provider, "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                          fg_environment ("AWS_CONTAINER_CREDENTIALS_FULL_URI"), url, err);
   }
   int n = snprintf (text, sizeof text, "http://169.254.170.2%s", relative);
   if (*relative != '/' || n < 0 || (size_t)n >= sizeof text) {
      return fg_kms_error (err, FG_E_INVALID, provider, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path");
   }
   return fg_url_read (provider, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", text, url, err);
}

/* NULL *out where the environment has none. */
static bool
container_token (const fg_kms_provider *provider, fg_secret **out, fg_error *err)
{
   const char *file = fg_environment ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
   const char *text = fg_environment ("AWS_CONTAINER_AUTHORIZATION_TOKEN");

   *out = NULL;
   if (file) {
      return fg_credential_file (provider, "file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file, out, err);
   }
   if (text) {
      *out = fg_secret_copy (text, strlen (text) + 1, err);
   }
   return !text || *out;
}

static bool
ask_container (fg_kms_provider *provider, fg_credential *fresh, fg_error *err)
{
   fg_url url;
   fg_secret *token = NULL;

   if (!container_url (provider, &url, err) || !container_token (provider, &token, err)) {
      return false;
   }
   const fg_http_header headers[] = {{"Accept", "application/json"}, {"Authorization", fg_secret_text (token)}};
   fg_http_request request = {.method = "GET",
                              .endpoint = url.endpoint,
                              .path = url.path,
                              .headers = headers,
                              .n_headers = token ? 2 : 1,
                              .plain = url.plain};
   const fg_kms_call call = {
      provider, "get the container's credentials", fg_retry_usual, fg_fixed_request, &request, METADATA_TIMEOUT_MS,
      NULL};
   bool ok = ask (&call, &metadata_shape, fresh, err);
   fg_secret_free (token);
   return ok;
}

/* --- the instance's --------------------------------------------------------------------------------------------------------- */

static bool
ask_line (const fg_kms_call *call, fg_secret **line, fg_error *err)
{
   fg_http_reply reply = {0};
   bool ok = fg_kms_call_run (call, &reply, err) && fg_kms_reply_line (call, &reply, line, err);

   fg_http_reply_clear (&reply);
   return ok;
}

/* IMDSv2: a session's token first, then the role's name, then its credentials. */
static bool
ask_instance (fg_kms_provider *provider, fg_credential *fresh, fg_error *err)
{
   static const char roles[] = "/latest/meta-data/iam/security-credentials/";
   static const fg_http_header lifetime = {"X-aws-ec2-metadata-token-ttl-seconds", "21600"};
   const char *where = fg_environment ("AWS_EC2_METADATA_SERVICE_ENDPOINT");
   fg_http_header header = {"X-aws-ec2-metadata-token", NULL};
   fg_secret *session = NULL;
   fg_secret *role = NULL;
   char path[512];
   fg_url url;

   if (!fg_url_read (provider, "AWS_EC2_METADATA_SERVICE_ENDPOINT", where ? where : "http://169.254.169.254", &url,
                     err)) {
      return false;
   }
   fg_http_request request = {.method = "PUT",
                              .endpoint = url.endpoint,
                              .path = "/latest/api/token",
                              .headers = &lifetime,
                              .n_headers = 1,
                              .plain = url.plain};
   const fg_kms_call call = {
      provider, "get the instance's credentials", fg_retry_usual, fg_fixed_request, &request, METADATA_TIMEOUT_MS,
      NULL};
   bool ok = ask_line (&call, &session, err);
   request.method = "GET";
   request.headers = &header;
   request.path = roles;
   header.value = fg_secret_text (session);
   ok = ok && ask_line (&call, &role, err);
   if (ok) {
      int n = snprintf (path, sizeof path, "%s%s", roles, fg_secret_text (role));
      request.path = path;
      ok = (n > 0 && (size_t)n < sizeof path && !strpbrk (fg_secret_text (role), "/?#")) ||
           fg_kms_error (err, FG_E_INVALID, provider, "the instance has no role, or one with a name that no role has");
   }
   ok = ok && ask (&call, &metadata_shape, fresh, err);
   fg_secret_free (session);
   fg_secret_free (role);
   return ok;
}

/* --- the chain -------------------------------------------------------------------------------------------------------------- */

static bool
find (void *ctx, const char *audience, fg_credential *fresh, fg_error *err)
{
   fg_kms_provider *provider = ctx;
   const char *file = fg_environment ("AWS_WEB_IDENTITY_TOKEN_FILE");
   const char *role = fg_environment ("AWS_ROLE_ARN");
   const char *off = fg_environment ("AWS_EC2_METADATA_DISABLED");

   (void)audience; /* a signature names its own */
   if (file && role) {
      return ask_sts (provider, file, role, fresh, err);
   }
   if (fg_environment ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
       fg_environment ("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
      return ask_container (provider, fresh, err);
   }
   if (off && (strcmp (off, "true") == 0 || strcmp (off, "1") == 0)) {
      return fg_kms_error (
         err, FG_E_NOT_FOUND, provider,
         "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give them in kmsProviders");
   }
   return ask_instance (provider, fresh, err);
}

/* The environment's are read at every use. */
static bool
from_environment (const fg_kms_provider *provider, fg_credential *out, fg_error *err)
{
   if (!fg_environment (environment_names[0]) || !fg_environment (environment_names[1])) {
      return fg_kms_error (err, FG_E_NOT_FOUND, provider, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together");
   }
   bool ok = true;
   for (size_t i = 0; ok && i < PARTS; i++) {
      ok = fg_credential_put (out, i, fg_environment (environment_names[i]), err);
   }
   return ok;
}

bool
fg_aws_identity_get (fg_identity *identity, fg_kms_provider *provider, fg_credential *out, fg_error *err)
{
   const fg_credential_source source = {find, provider, MARGIN};
   bool ok = true;

   memset (out, 0, sizeof *out);
   if (!identity->given[0] && !fg_environment (environment_names[0]) && !fg_environment (environment_names[1])) {
      return fg_credential_get (&identity->store, &source, provider->io->now (provider->io->ctx), "aws", out, err);
   }
   if (!identity->given[0]) {
      ok = from_environment (provider, out, err);
   }
   for (size_t i = 0; ok && identity->given[0] && i < PARTS; i++) {
      ok = fg_credential_put (out, i, fg_secret_text (identity->given[i]), err);
   }
   if (!ok) {
      fg_credential_clear (out);
   }
   return ok;
}
