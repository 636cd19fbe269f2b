/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KMS_IO_H
#define FG_CLIENT_KMS_IO_H

/* The two halves of fg_kms_real_io. */

#include "client/kms/kms.h"

#include <signal.h>

bool fg_io_http (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request,
                 fg_http_reply *reply, fg_io_failure *failure, fg_error *err) FG_WARN_UNUSED;
bool fg_io_kmip (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const char *endpoint, const uint8_t *message,
                 size_t len, fg_secret **reply, fg_error *err) FG_WARN_UNUSED;

/* Writing to a connection that the other side has closed raises SIGPIPE, which ends a program that does not expect it: blocked in this thread for the time of an exchange, and taken
 * away if it came. */
typedef struct fg_sigpipe {
   sigset_t old;
   bool was_pending;
} fg_sigpipe;

void fg_sigpipe_block (fg_sigpipe *state);
void fg_sigpipe_restore (const fg_sigpipe *state);

#endif /* FG_CLIENT_KMS_IO_H */
