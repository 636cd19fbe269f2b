/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_TLS_OPTIONS_H
#define FG_CLIENT_TLS_OPTIONS_H

#include "client/kms/kms.h"

/* The options of one provider out of a drivers' tlsOptions document. Whatever would weaken verification is refused. */
bool fg_tls_options_read (fg_kms_provider *provider, const bson_t *tls_options, fg_error *err) FG_WARN_UNUSED;
void fg_tls_options_clear (fg_tls_options *tls);

#endif /* FG_CLIENT_TLS_OPTIONS_H */
