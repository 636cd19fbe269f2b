/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KMS_H
#define FG_CLIENT_KMS_H

/*
 * KMS providers: who wraps a data key under a master key and unwraps it again.
 *
 * An fg_kms holds the providers that a kmsProviders document configures, each under its full name ("aws", "aws:eu"). A provider is one const table of functions in one file; it
 * talks to the world through an fg_kms_io, so that tests can stand in for the network.
 *
 * Threads: any number at once.
 */

#include "client/crypto/data_key.h"
#include "client/secret/secret.h"

#include "base/base.h"

#include <bson/bson.h>

typedef struct fg_kms fg_kms;
typedef struct fg_kms_provider fg_kms_provider;

/* --- talking to the world ------------------------------------------------------------------------------------------- */

typedef struct fg_tls_options { /* NULL members: the system's certificates, no client certificate */
   char *ca_file;
   char *cert_key_file;
   fg_secret *password; /* of cert_key_file; with a final NUL */
} fg_tls_options;

typedef struct fg_http_header {
   const char *name;
   const char *value;
} fg_http_header;

typedef struct fg_http_request {
   const char *method;
   const char *endpoint; /* host[:port]; https */
   const char *path; /* with the query; begins with '/' */
   const fg_http_header *headers; /* without Host and Content-Length */
   size_t n_headers;
   const uint8_t *body;
   size_t body_len;
   bool plain; /* http, and no proxy: a metadata service of the machine's own network */
} fg_http_request;

#define FG_KMS_REPLY_MAX 65536u

typedef struct fg_http_reply {
   long status;
   fg_secret *body; /* FG_KMS_REPLY_MAX bytes, of which */
   size_t len; /* are used */
} fg_http_reply;

/* How a call that returned false failed. */
typedef enum fg_io_failure { FG_IO_FATAL, FG_IO_NETWORK } fg_io_failure;

typedef struct fg_kms_io {
   void *ctx;
   /* A reply of any status is success. */
   bool (*http) (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request,
                 fg_http_reply *reply, fg_io_failure *failure, fg_error *err);
   /* One KMIP message out, one in. */
   bool (*kmip) (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const char *endpoint, const uint8_t *message,
                 size_t len, fg_secret **reply, fg_error *err);
   /* Seconds since 1970, for signatures and tokens. */
   int64_t (*now) (void *ctx);
   /* Between attempts. */
   void (*pause_ms) (void *ctx, int64_t ms);
} fg_kms_io;

extern const fg_kms_io fg_kms_real_io; /* libcurl, OpenSSL, the clock */

/* --- providers ------------------------------------------------------------------------------------------------------ */

typedef enum fg_field_kind {
   FG_FIELD_TEXT,
   FG_FIELD_ENDPOINT,
   FG_FIELD_ENDPOINT_ANY_HOST,
   FG_FIELD_TRUE
} fg_field_kind;

/* A member of masterKey, in the order in which they are written. */
typedef struct fg_master_key_field {
   const char *name;
   fg_field_kind kind;
   bool required;
   bool filled_by_wrap; /* required in a stored document, but the provider fills it in when it is missing at creation */
} fg_master_key_field;

#define FG_WRAPPED_MAX 8192u

typedef struct fg_wrapped {
   uint8_t bytes[FG_WRAPPED_MAX];
   size_t len;
   char key_id[256]; /* the field filled_by_wrap, "" when there is none */
} fg_wrapped;

/* A request about a master key itself (client/kms/lifecycle.h). */
typedef struct fg_kms_admin {
   const char *what; /* "disable the master key", in messages */
   const char *method;
   const char *path; /* aws: the target, "TrentService.DescribeKey" */
   const char *body; /* JSON; NULL: none */
} fg_kms_admin;

struct fg_kms_lifecycle;

typedef struct fg_kms_ops {
   const char *type; /* "aws" */
   const fg_master_key_field *fields; /* ended by a NULL name */
   bool on_demand; /* {} means: find credentials yourself */
   bool (*configure) (fg_kms_provider *provider, const bson_t *config, fg_error *err);
   bool (*wrap) (fg_kms_provider *provider, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN],
                 fg_wrapped *wrapped, fg_error *err);
   /* dek: 96 bytes. */
   bool (*unwrap) (fg_kms_provider *provider, const bson_t *master_key, const uint8_t *wrapped, size_t len,
                   fg_secret **dek, fg_error *err);
   void (*clear) (fg_kms_provider *provider);
   const struct fg_kms_lifecycle *lifecycle;
} fg_kms_ops;

struct fg_kms_provider {
   const fg_kms_ops *ops;
   char *name; /* "aws:eu" */
   void *state; /* configure's */
   fg_tls_options tls;
   int64_t timeout_ms;
   const fg_kms_io *io;
};

extern const fg_kms_ops fg_kms_local;
extern const fg_kms_ops fg_kms_aws;
extern const fg_kms_ops fg_kms_azure;
extern const fg_kms_ops fg_kms_gcp;
extern const fg_kms_ops fg_kms_kmip;
extern const fg_kms_ops fg_kms_vault;

/* Wrapping under a master key that is at hand (local, kmip). */
bool fg_kms_seal_with (fg_data_key *master, const uint8_t dek[FG_DATA_KEY_LEN], fg_wrapped *wrapped,
                       fg_error *err) FG_WARN_UNUSED;
bool fg_kms_open_with (const fg_kms_provider *provider, fg_data_key *master, const uint8_t *wrapped, size_t len,
                       fg_secret **dek, fg_error *err) FG_WARN_UNUSED;

/* --- the set of them ------------------------------------------------------------------------------------------------ */

fg_kms *fg_kms_new (const bson_t *providers, const bson_t *tls_options, int64_t timeout_ms, const fg_kms_io *io,
                    fg_error *err) FG_WARN_UNUSED;
void fg_kms_free (fg_kms *kms);
/* NULL with FG_E_NOT_FOUND: not configured. */
fg_kms_provider *fg_kms_provider_named (fg_kms *kms, const char *name, fg_error *err) FG_WARN_UNUSED;

/* master_key: as the application gives it, without provider (NULL: empty). stored receives what goes into the key document (initialised here; bson_destroy it, on success). */
bool fg_kms_wrap (fg_kms *kms, const char *provider, const bson_t *master_key, const uint8_t dek[FG_DATA_KEY_LEN],
                  fg_wrapped *wrapped, bson_t *stored, fg_error *err) FG_WARN_UNUSED;
/* stored: masterKey of a key document. */
bool fg_kms_unwrap (fg_kms *kms, const bson_t *stored, const uint8_t *wrapped, size_t len, fg_secret **dek,
                    fg_error *err) FG_WARN_UNUSED;

/* --- for the providers' files --------------------------------------------------------------------------------------- */

/* A text of masterKey or of a configuration; NULL when absent. */
const char *fg_bson_text (const bson_t *bson, const char *name);
bool fg_bson_true (const bson_t *bson, const char *name);

/* Refuses members of a configuration that are not among the names (ended by NULL). */
bool fg_config_only (const fg_kms_provider *provider, const bson_t *config, const char *const *names,
                     fg_error *err) FG_WARN_UNUSED;
/* A text with its final NUL as a secret; *out NULL when absent and not required. */
bool fg_config_text (const fg_kms_provider *provider, const bson_t *config, const char *name, bool required,
                     fg_secret **out, fg_error *err) FG_WARN_UNUSED;
/* A binary, or base64 text. */
bool fg_config_bytes (const fg_kms_provider *provider, const bson_t *config, const char *name, fg_secret **out,
                      fg_error *err) FG_WARN_UNUSED;
static inline const char *
fg_secret_text (const fg_secret *secret)
{
   return secret ? (const char *)secret->bytes : NULL;
}

/* FG_ERROR_KMS with "provider: message". */
bool fg_kms_error (fg_error *err, int32_t code, const fg_kms_provider *provider, const char *format, ...)
   FG_PRINTF (4, 5);

/* [scheme://]host[:port][/path] checked and cut to host[:port]; host needs a dot unless any_host. */
bool fg_endpoint_check (const char *text, bool any_host);
bool fg_endpoint_copy (const char *text, char *out, size_t size);

#endif /* FG_CLIENT_KMS_H */
