/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_SIGV4_H
#define FG_CLIENT_SIGV4_H

/* AWS Signature Version 4: what of a request is signed, and the Authorization header that proves it. */

#include "client/kms/kms.h"

typedef struct fg_sigv4_request {
   const char *method;
   const char *path; /* as in the request line, without the query */
   const char *query; /* NULL: none */
   const fg_http_header *headers; /* those that are signed; every one of them */
   size_t n_headers;
   const uint8_t *body;
   size_t body_len;
} fg_sigv4_request;

typedef struct fg_sigv4_credentials {
   const char *access_key_id;
   const char *secret_access_key;
   const char *region;
   const char *service;
} fg_sigv4_credentials;

/* YYYYMMDDTHHMMSSZ and a NUL. */
#define FG_SIGV4_DATE_LEN 17u
void fg_sigv4_date (int64_t seconds, char out[FG_SIGV4_DATE_LEN]);

/* Append their text; buffers report a failed allocation themselves. */
void fg_sigv4_canonical_request (const fg_sigv4_request *request, fg_buf *out);
void fg_sigv4_string_to_sign (const fg_sigv4_request *request, const fg_sigv4_credentials *credentials,
                              const char date[FG_SIGV4_DATE_LEN], fg_buf *out);
bool fg_sigv4_authorization (const fg_sigv4_request *request, const fg_sigv4_credentials *credentials,
                             const char date[FG_SIGV4_DATE_LEN], fg_buf *out, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_SIGV4_H */
