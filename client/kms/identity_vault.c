/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/identity.h"

#include <ctype.h>
#include <stdio.h>

/*
 * Vault and OpenBao: a token that is given, that a file has (read at every use: an agent replaces it), or that AppRole gives for a role and its secret; on demand VAULT_TOKEN, else the file
 * .vault-token of the home folder, where `vault login` leaves it.
 */

#define MARGIN 10

enum { ROLE, SECRET, SECRET_FILE };

static bool
is_mount (const char *text)
{
   for (const char *p = text; *p; p++) {
      if (!isalnum ((unsigned char)*p) && !strchr ("-._/", *p)) {
         return false;
      }
   }
   return *text && *text != '/' && !strstr (text, "..") && !strstr (text, "//");
}

static bool
configure_role (fg_identity *identity, const fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   const char *mount = bson_has_field (config, "authMount") ? fg_bson_text (config, "authMount") : "approle";
   bool secret = bson_has_field (config, "secretId");

   if (!mount || !is_mount (mount) || strlen (mount) >= sizeof identity->host) {
      return fg_kms_error (err, FG_E_INVALID, provider, "configuration field `authMount` is no mount");
   }
   memcpy (identity->host, mount, strlen (mount) + 1);
   return fg_config_text (provider, config, "roleId", true, &identity->given[ROLE], err) &&
          fg_config_text (provider, config, "secretId", secret, &identity->given[SECRET], err) &&
          fg_config_text (provider, config, "secretIdFile", !secret, &identity->given[SECRET_FILE], err);
}

bool
fg_vault_identity_configure (fg_identity *identity, fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   static const char *const with_token[] = {"endpoint", "namespace", "token", NULL};
   static const char *const with_file[] = {"endpoint", "namespace", "tokenFile", NULL};
   static const char *const with_role[] = {"endpoint",     "namespace", "roleId", "secretId",
                                           "secretIdFile", "authMount", NULL};

   if (!fg_identity_init (identity, provider, err)) {
      return false;
   }
   if (bson_has_field (config, "roleId")) {
      return fg_config_only (provider, config, with_role, err) && configure_role (identity, provider, config, err);
   }
   if (bson_has_field (config, "tokenFile")) {
      return fg_config_only (provider, config, with_file, err) &&
             fg_config_text (provider, config, "tokenFile", true, &identity->given[SECRET_FILE], err);
   }
   return fg_config_only (provider, config, with_token, err) &&
          fg_config_text (provider, config, "token", false, &identity->token, err);
}

/* --- AppRole ----------------------------------------------------------------------------------------------------------------- */

typedef struct asking {
   fg_identity *identity;
   fg_kms_provider *provider;
   const char *host;
   const char *name_space;
} asking;

/* The secret part goes out as a JSON string, so it must not end one. */
static fg_secret *
login_body (const fg_kms_provider *provider, const char *role, const char *secret, fg_error *err)
{
   static const char format[] = "{\"role_id\":\"%s\",\"secret_id\":\"%s\"}";
   size_t n = sizeof format + strlen (role) + strlen (secret);

   if (strpbrk (role, "\"\\\r\n\t") || strpbrk (secret, "\"\\\r\n\t")) {
      fg_kms_error (err, FG_E_INVALID, provider, "roleId or secretId has characters that do not belong there");
      return NULL;
   }
   fg_secret *body = fg_secret_new (n, err);
   if (body) {
      fg_secret_truncate (body, (size_t)snprintf ((char *)body->bytes, n, format, role, secret));
   }
   return body;
}

static bool
read_login (const fg_kms_call *call, const fg_http_reply *reply, fg_credential *fresh, fg_error *err)
{
   const fg_kms_io *io = call->provider->io;
   int64_t seconds = 0;

   if (!fg_kms_reply_text (call, reply, "auth.client_token", &fresh->part[0], err)) {
      return false;
   }
   if (!fg_kms_reply_seconds (reply, "auth.lease_duration", &seconds)) {
      return fg_kms_error (err, FG_E_INVALID, call->provider,
                           "cannot %s: the reply has no number `auth.lease_duration`", call->what);
   }
   fresh->expires = seconds ? io->now (io->ctx) + seconds : INT64_MAX - 1; /* 0: never, until it is refused */
   return true;
}

static bool
send_login (const asking *a, const fg_secret *body, fg_credential *fresh, fg_error *err)
{
   char path[300];
   const fg_http_header headers[] = {
      {"Content-Type", "application/json"}, {"X-Vault-Request", "true"}, {"X-Vault-Namespace", a->name_space}};

   snprintf (path, sizeof path, "/v1/auth/%s/login", a->identity->host);
   fg_http_request request = {"POST", a->host, path, headers, a->name_space ? 3 : 2, body->bytes, body->len, false};
   const fg_kms_call call = {a->provider, "log in with AppRole", fg_retry_usual, fg_fixed_request, &request, 0, NULL};
   fg_http_reply reply = {0};
   bool ok = fg_kms_call_run (&call, &reply, err) && read_login (&call, &reply, fresh, err);

   fg_http_reply_clear (&reply);
   return ok;
}

static bool
log_in (void *ctx, const char *audience, fg_credential *fresh, fg_error *err)
{
   const asking *a = ctx;
   const fg_identity *identity = a->identity;
   fg_secret *read = NULL;

   (void)audience;
   if (identity->given[SECRET_FILE] &&
       !fg_credential_file (a->provider, "file of secretIdFile", fg_secret_text (identity->given[SECRET_FILE]), &read,
                            err)) {
      return false;
   }
   const fg_secret *secret = read ? read : identity->given[SECRET];
   fg_secret *body = login_body (a->provider, fg_secret_text (identity->given[ROLE]), fg_secret_text (secret), err);
   bool ok = body && send_login (a, body, fresh, err);
   fg_secret_free (read);
   fg_secret_free (body);
   return ok;
}

/* --- the token ---------------------------------------------------------------------------------------------------------------- */

static bool
copy_token (const char *text, fg_secret **token, fg_error *err)
{
   *token = fg_secret_copy (text, strlen (text) + 1, err);
   return *token != NULL;
}

static bool
from_machine (const fg_kms_provider *provider, fg_secret **token, fg_error *err)
{
   const char *text = fg_environment ("VAULT_TOKEN");
   const char *home = fg_environment ("HOME");
   char path[4096];

   if (text) {
      return copy_token (text, token, err);
   }
   int n = snprintf (path, sizeof path, "%s/.vault-token", home ? home : "");
   if (!home || n < 0 || (size_t)n >= sizeof path) {
      return fg_kms_error (err, FG_E_NOT_FOUND, provider,
                           "no token: set VAULT_TOKEN, or give token, tokenFile or roleId in kmsProviders");
   }
   return fg_credential_file (provider, "VAULT_TOKEN is not set, and the file", path, token, err);
}

bool
fg_vault_identity_token (fg_identity *identity, fg_kms_provider *provider, const char *host, const char *name_space,
                         fg_secret **token, fg_error *err)
{
   asking a = {identity, provider, host, name_space};
   const fg_credential_source source = {log_in, &a, MARGIN};
   fg_credential c = {0};

   *token = NULL;
   if (identity->token) {
      return copy_token (fg_secret_text (identity->token), token, err);
   }
   if (!identity->given[ROLE] && identity->given[SECRET_FILE]) {
      return fg_credential_file (provider, "file of tokenFile", fg_secret_text (identity->given[SECRET_FILE]), token,
                                 err);
   }
   if (!identity->given[ROLE]) {
      return from_machine (provider, token, err);
   }
   if (!fg_credential_get (&identity->store, &source, provider->io->now (provider->io->ctx), host, &c, err)) {
      return false;
   }
   *token = c.part[0];
   c.part[0] = NULL;
   fg_credential_clear (&c);
   return true;
}
