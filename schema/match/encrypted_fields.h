/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_ENCRYPTED_FIELDS_H
#define FG_SCHEMA_MATCH_ENCRYPTED_FIELDS_H

#include "schema/match/matcher.h"

/* Checks an encryptedFields document as create does and compiles mongod's implicit validator. *out stays NULL when it has no fields. */
bool fg_encrypted_fields_compile (const fg_value *config, fg_matcher **out, fg_error *err);

#endif /* FG_SCHEMA_MATCH_ENCRYPTED_FIELDS_H */
