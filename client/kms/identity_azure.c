/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/identity.h"

#include <ctype.h>
#include <stdio.h>

/*
 * Azure: a token that is given, one that the tenant gives for a client's secret, or, on demand, one of the machine's managed identity from the Instance Metadata Service.
 */

#define MARGIN_GIVEN 5
#define MARGIN_MACHINE 60
#define IMDS_TIMEOUT_MS 3000
#define IMDS "http://169.254.169.254"

enum { TENANT, CLIENT, SECRET };

/* The tenant becomes part of a path. */
static bool
tenant_is_plain (const fg_kms_provider *provider, const fg_identity *identity, fg_error *err)
{
   for (const char *p = (const char *)identity->given[TENANT]->bytes; *p; p++) {
      if (!isalnum ((unsigned char)*p) && !strchr ("-._", *p)) {
         return fg_kms_error (err, FG_E_INVALID, provider, "configuration field `tenantId` is no tenant");
      }
   }
   return true;
}

static bool
read_host (fg_identity *identity, const fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   const char *endpoint = fg_bson_text (config, "identityPlatformEndpoint");

   if (!bson_has_field (config, "identityPlatformEndpoint")) {
      endpoint = "login.microsoftonline.com";
   }
   return (endpoint && fg_endpoint_check (endpoint, false) &&
           fg_endpoint_copy (endpoint, identity->host, sizeof identity->host)) ||
          fg_kms_error (err, FG_E_INVALID, provider,
                        "configuration field `identityPlatformEndpoint`: invalid endpoint");
}

bool
fg_azure_identity_configure (fg_identity *identity, fg_kms_provider *provider, const bson_t *config, fg_error *err)
{
   static const char *const with_token[] = {"accessToken", NULL};
   static const char *const names[] = {"tenantId", "clientId", "clientSecret", "identityPlatformEndpoint", NULL};

   if (!fg_identity_init (identity, provider, err) || bson_empty (config)) {
      return identity->ready;
   }
   if (bson_has_field (config, "accessToken")) {
      return fg_config_only (provider, config, with_token, err) &&
             fg_config_text (provider, config, "accessToken", true, &identity->token, err);
   }
   return fg_config_only (provider, config, names, err) &&
          fg_config_text (provider, config, "tenantId", true, &identity->given[TENANT], err) &&
          tenant_is_plain (provider, identity, err) &&
          fg_config_text (provider, config, "clientId", true, &identity->given[CLIENT], err) &&
          fg_config_text (provider, config, "clientSecret", true, &identity->given[SECRET], err) &&
          read_host (identity, provider, config, err);
}

typedef struct asking {
   fg_identity *identity;
   fg_kms_provider *provider;
} asking;

/* --- for a client's secret --------------------------------------------------------------------------------------------- */

static fg_secret *
token_form (const fg_identity *identity, const char *audience, size_t *len, fg_error *err)
{
   const char *client = fg_secret_text (identity->given[CLIENT]);
   const char *secret = fg_secret_text (identity->given[SECRET]);
   fg_secret *form =
      fg_secret_new (128 + FG_FORM_SIZE (strlen (client) + strlen (secret) + strlen (audience) + 16), err);

   *len = 0;
   if (form) {
      fg_form_append (form, len, "client_id=", false);
      fg_form_append (form, len, client, true);
      fg_form_append (form, len, "&scope=", false);
      fg_form_append (form, len, audience, true);
      fg_form_append (form, len, "/.default", true);
      fg_form_append (form, len, "&client_secret=", false);
      fg_form_append (form, len, secret, true);
      fg_form_append (form, len, "&grant_type=client_credentials", false);
   }
   return form;
}

static bool
ask_tenant (void *ctx, const char *audience, fg_credential *fresh, fg_error *err)
{
   static const fg_http_header headers[] = {{"Accept", "application/json"},
                                            {"Content-Type", "application/x-www-form-urlencoded"}};
   const asking *a = ctx;
   char path[512];
   size_t len = 0;
   fg_secret *form = token_form (a->identity, audience, &len, err);
   int n = snprintf (path, sizeof path, "/%s/oauth2/v2.0/token", (const char *)a->identity->given[TENANT]->bytes);

   if (!form || n < 0 || (size_t)n >= sizeof path) {
      fg_secret_free (form);
      return form ? fg_kms_error (err, FG_E_TOO_LARGE, a->provider, "the tenant's name is too long") : false;
   }
   fg_http_request request = {"POST", a->identity->host, path, headers, 2, form->bytes, len, false};
   const fg_kms_call call = {a->provider, "get an access token", fg_retry_usual, fg_fixed_request, &request, 0, NULL};
   fg_http_reply reply = {0};
   bool ok = fg_kms_call_run (&call, &reply, err) && fg_kms_reply_token (&call, &reply, fresh, err);

   fg_http_reply_clear (&reply);
   fg_secret_free (form);
   return ok;
}

/* --- for the machine ----------------------------------------------------------------------------------------------------- */

/* The service's own warming up is a 404 or 410 that passes. */
static bool
imds_retry (long status)
{
   return fg_retry_usual (status) || status == 404 || status == 410;
}

static fg_secret *
imds_path (const char *audience, fg_error *err)
{
   const char *client = fg_environment ("AZURE_CLIENT_ID");
   fg_secret *path = fg_secret_new (160 + FG_FORM_SIZE (strlen (audience) + (client ? strlen (client) : 0) + 1), err);
   size_t n = 0;

   if (path) {
      fg_form_append (path, &n, "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=", false);
      fg_form_append (path, &n, audience, true);
      fg_form_append (path, &n, "/", true);
      if (client) {
         fg_form_append (path, &n, "&client_id=", false);
         fg_form_append (path, &n, client, true);
      }
   }
   return path;
}

static bool
ask_machine (void *ctx, const char *audience, fg_credential *fresh, fg_error *err)
{
   static const fg_http_header headers[] = {{"Accept", "application/json"}, {"Metadata", "true"}};
   const asking *a = ctx;
   const char *where = fg_environment ("AZURE_POD_IDENTITY_AUTHORITY_HOST");
   fg_url url;
   fg_secret *path = imds_path (audience, err);

   if (!path || !fg_url_read (a->provider, "AZURE_POD_IDENTITY_AUTHORITY_HOST", where ? where : IMDS, &url, err)) {
      fg_secret_free (path);
      return false;
   }
   fg_http_request request = {.method = "GET",
                              .endpoint = url.endpoint,
                              .path = fg_secret_text (path),
                              .headers = headers,
                              .n_headers = 2,
                              .plain = url.plain};
   const fg_kms_call call = {a->provider, "get a token of the machine's managed identity",
                             imds_retry,  fg_fixed_request,
                             &request,    IMDS_TIMEOUT_MS,
                             NULL};
   fg_http_reply reply = {0};
   bool ok = fg_kms_call_run (&call, &reply, err) && fg_kms_reply_token (&call, &reply, fresh, err);

   fg_http_reply_clear (&reply);
   fg_secret_free (path);
   return ok;
}

/* --- either -------------------------------------------------------------------------------------------------------------- */

/* The audience is the cloud's key vault domain: the vault's host without its first label. */
bool
fg_azure_identity_bearer (fg_identity *identity, fg_kms_provider *provider, const char *vault_host, fg_secret **bearer,
                          fg_error *err)
{
   asking a = {identity, provider};
   bool machine = identity->given[TENANT] == NULL;
   const fg_credential_source source = {machine ? ask_machine : ask_tenant, &a,
                                        machine ? MARGIN_MACHINE : MARGIN_GIVEN};
   char audience[320] = "https://";

   *bearer = NULL;
   if (identity->token) {
      *bearer = fg_bearer (identity->token, err);
      return *bearer != NULL;
   }
   return (fg_identity_domain (vault_host, audience + 8, sizeof audience - 8) ||
           fg_kms_error (err, FG_E_INVALID, provider, "invalid keyVaultEndpoint")) &&
          fg_identity_bearer (identity, provider, &source, audience, bearer, err);
}
