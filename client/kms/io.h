/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KMS_IO_H
#define FG_CLIENT_KMS_IO_H

/* The two halves of fg_kms_real_io. */

#include "client/kms/kms.h"

bool fg_io_http (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const fg_http_request *request,
                 fg_http_reply *reply, fg_io_failure *failure, fg_error *err) FG_WARN_UNUSED;
bool fg_io_kmip (void *ctx, const fg_tls_options *tls, int64_t timeout_ms, const char *endpoint, const uint8_t *message,
                 size_t len, fg_secret **reply, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_KMS_IO_H */
