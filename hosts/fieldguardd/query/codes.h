/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_CODES_H
#define FGD_QUERY_CODES_H

#include <fieldguard/error.h>

/* mongod's error codes that this room gives out by name. */
enum {
   FGD_BAD_VALUE = 2,
   FGD_FAILED_TO_PARSE = 9,
   FGD_TYPE_MISMATCH = 14,
   FGD_OVERFLOW = 15,
   FGD_PATH_NOT_VIABLE = 28,
   FGD_CANNOT_BACKFILL = 34,
   FGD_CONFLICT = 40,
   FGD_DOLLAR_FIELD = 52,
   FGD_INVALID_ID = 53,
   FGD_NOT_SINGLE = 54,
   FGD_EMPTY_NAME = 56,
   FGD_IMMUTABLE = 66,
   FGD_INVALID_NAMESPACE = 73,
   FGD_EXCEEDED_MEMORY = 146,
   FGD_NO_DISK_USE = 292
};

/* Sets err in FG_ERROR_SERVER and returns false. */
#define fgd_fail(err, code, ...) fg_error_set ((err), FG_ERROR_SERVER, (code), NULL, __VA_ARGS__)

#endif /* FGD_QUERY_CODES_H */
