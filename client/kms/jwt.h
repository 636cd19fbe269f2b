/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_JWT_H
#define FG_CLIENT_JWT_H

#include "client/secret/secret.h"

/* A JSON Web Token signed with RS256 (RFC 7515), as a secret with a final NUL. pkcs8: the private key, DER. */
fg_secret *fg_jwt_sign_rs256 (const char *claims_json, const uint8_t *pkcs8, size_t len, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_JWT_H */
