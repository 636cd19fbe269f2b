/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_ENVIRONMENT_H
#define FG_CLIENT_ENVIRONMENT_H

/* Where credentials are found on demand: environment variables, small files, URLs that the environment names, and services of the machine's own network. */

#include "client/kms/call.h"
#include "client/kms/credentials.h"

/* NULL when it is not set, empty, or the program runs with raised privileges. */
const char *fg_environment (const char *name);

#define FG_CREDENTIAL_FILE_MAX 65536u

/* The whole of a small file as text, with its NUL and without white space at its end. what: "VAULT token file", in messages. */
bool fg_credential_file (const fg_kms_provider *provider, const char *what, const char *path, fg_secret **out,
                         fg_error *err) FG_WARN_UNUSED;

typedef struct fg_url {
   bool plain; /* http */
   char endpoint[256]; /* host[:port] */
   char path[1024]; /* "/" at least */
} fg_url;

/* http(s)://host[:port][/path]. name: the variable or field that has it, in messages. A plain one must lead to this machine or its own network (a loopback or link-local address). */
bool fg_url_read (const fg_kms_provider *provider, const char *name, const char *text, fg_url *out,
                  fg_error *err) FG_WARN_UNUSED;

/* A request that goes out as it is, for fg_kms_call's build: ctx is an fg_http_request. */
bool fg_fixed_request (void *ctx, fg_http_request *request, fg_error *err);
/* 408, 429 and 5xx. */
bool fg_retry_usual (long status);
/* The reply's one line, without its end. */
bool fg_kms_reply_line (const fg_kms_call *call, const fg_http_reply *reply, fg_secret **out,
                        fg_error *err) FG_WARN_UNUSED;
/* access_token and expires_in of an OAuth reply, into part 0. */
bool fg_kms_reply_token (const fg_kms_call *call, const fg_http_reply *reply, fg_credential *out,
                         fg_error *err) FG_WARN_UNUSED;
/* "2018-10-22T15:06:21Z". */
bool fg_utc_seconds (const char *text, int64_t *out);

/* Appends text, everything but unreserved characters as %XX if encode is set. */
void fg_form_append (fg_secret *form, size_t *len, const char *text, bool encode);
/* Bytes that n characters take at most. */
#define FG_FORM_SIZE(n) ((n)*3)
/* "Bearer TOKEN" with its NUL. */
fg_secret *fg_bearer (const fg_secret *token, fg_error *err);

#endif /* FG_CLIENT_ENVIRONMENT_H */
