/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_IDENTITY_H
#define FG_CLIENT_IDENTITY_H

/*
 * Who we are to a provider: the credentials that kmsProviders gives, or, where it leaves them out, those that the machine or its environment offers (docs/kms.md lists them in the
 * order in which they are tried). One file a provider; each starts zeroed, and what configure has begun, clear ends, also after a failure.
 */

#include "client/kms/environment.h"

typedef struct fg_identity {
   fg_credential_store store;
   bool ready; /* the store is */
   fg_secret *given[3]; /* what kmsProviders has, in the provider's own order */
   fg_secret *token; /* one that kmsProviders gives */
   char host[256]; /* where tokens are asked for */
} fg_identity;

void fg_identity_clear (fg_identity *identity);
bool fg_identity_init (fg_identity *identity, const fg_kms_provider *provider, fg_error *err) FG_WARN_UNUSED;

/* aws: parts are access key id, secret access key, session token (or NULL). */
bool fg_aws_identity_configure (fg_identity *identity, fg_kms_provider *provider, const bson_t *config,
                                fg_error *err) FG_WARN_UNUSED;
bool fg_aws_identity_get (fg_identity *identity, fg_kms_provider *provider, fg_credential *out,
                          fg_error *err) FG_WARN_UNUSED;

/* azure: "Bearer TOKEN" for the cloud of the key vault at this host. */
bool fg_azure_identity_configure (fg_identity *identity, fg_kms_provider *provider, const bson_t *config,
                                  fg_error *err) FG_WARN_UNUSED;
bool fg_azure_identity_bearer (fg_identity *identity, fg_kms_provider *provider, const char *vault_host,
                               fg_secret **bearer, fg_error *err) FG_WARN_UNUSED;

/* gcp: the same for the KMS at this host. */
bool fg_gcp_identity_configure (fg_identity *identity, fg_kms_provider *provider, const bson_t *config,
                                fg_error *err) FG_WARN_UNUSED;
bool fg_gcp_identity_bearer (fg_identity *identity, fg_kms_provider *provider, const char *kms_host, fg_secret **bearer,
                             fg_error *err) FG_WARN_UNUSED;

/* vault: its token. config's endpoint and namespace are the provider's to read. */
bool fg_vault_identity_configure (fg_identity *identity, fg_kms_provider *provider, const bson_t *config,
                                  fg_error *err) FG_WARN_UNUSED;
bool fg_vault_identity_token (fg_identity *identity, fg_kms_provider *provider, const char *host,
                              const char *name_space, fg_secret **token, fg_error *err) FG_WARN_UNUSED;

/* The provider refused the token. True: it was one that is asked for, is dropped now, and another may do better; once, as *already remembers. */
bool fg_identity_refused (fg_identity *identity, bool *already);
/* bearer: "Bearer " and part 0 of the credentials for the audience. */
bool fg_identity_bearer (fg_identity *identity, const fg_kms_provider *provider, const fg_credential_source *source,
                         const char *audience, fg_secret **bearer, fg_error *err) FG_WARN_UNUSED;
/* host without its first label and port. */
bool fg_identity_domain (const char *host, char *out, size_t size) FG_WARN_UNUSED;

#endif /* FG_CLIENT_IDENTITY_H */
