/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIELDGUARD_ERROR_H
#define FIELDGUARD_ERROR_H

/*
 * Errors.
 *
 * Every fieldguard function that can fail says so in its return value and fills its last parameter, an fg_error
 * that the caller owns (usually on its stack). Passing NULL is legal: the failure is then only in the return value.
 * An error says what, where and what to do. It never holds a value of a user's document, a key byte or a credential;
 * it may quote a validator, a setting or a file name.
 *
 * In FG_ERROR_SERVER the code is MongoDB's own error code (9 FailedToParse, 14 TypeMismatch, 121
 * DocumentValidationFailure, ...) and the message is the text that mongod's clients see. In every other domain the
 * codes are fg_error_code. Both are stable.
 *
 * Threads: an fg_error belongs to one thread at a time. Since 1.0.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define FG_WARN_UNUSED __attribute__ ((warn_unused_result))
#define FG_PRINTF(fmt, args) __attribute__ ((format (printf, fmt, args)))
#define FG_EXPORT __attribute__ ((visibility ("default")))
#else
#define FG_WARN_UNUSED
#define FG_PRINTF(fmt, args)
#define FG_EXPORT
#endif

typedef enum fg_error_domain {
   FG_ERROR_NONE = 0,
   FG_ERROR_SERVER, /* code is a MongoDB server error code */
   FG_ERROR_BSON, /* bytes that are not the BSON they claim to be */
   FG_ERROR_LIMIT, /* a depth, size, match or time limit was exceeded */
   FG_ERROR_SYSTEM, /* a system call failed; message carries strerror */
   FG_ERROR_MODULE, /* a loadable module or its magic block */
   FG_ERROR_SETTING, /* a setting's name, value or context */
   FG_ERROR_AUDIT, /* an audit file */
   FG_ERROR_STORE, /* fieldguardd's embedded store */
   FG_ERROR_CRYPTO, /* OpenSSL, a tag that does not verify, a malformed blob */
   FG_ERROR_KEY, /* key vault: no such key, key document malformed */
   FG_ERROR_KMS, /* a key management service answered with an error, or not at all */
   FG_ERROR_USAGE /* the caller's arguments */
} fg_error_domain;

/* Codes outside FG_ERROR_SERVER. New ones are added at the end; none is ever renumbered. */
typedef enum fg_error_code {
   FG_OK = 0,
   FG_E_NOMEM = 1, /* memory allocation failed */
   FG_E_INVALID = 2, /* malformed input */
   FG_E_TRUNCATED = 3, /* input ends before its own length says */
   FG_E_TOO_DEEP = 4, /* nesting deeper than the limit */
   FG_E_TOO_LARGE = 5, /* larger than the limit */
   FG_E_NOT_FOUND = 6, /* no such file, key, setting, symbol */
   FG_E_EXISTS = 7, /* already there */
   FG_E_MISMATCH = 8, /* a field has another value than the one required; the message names both */
   FG_E_DENIED = 9, /* permission, or a context that does not allow it */
   FG_E_IO = 10, /* read, write or sync failed */
   FG_E_NO_SPACE = 11, /* disk or map full */
   FG_E_INTERRUPTED = 12, /* cancelled or timed out */
   FG_E_UNSUPPORTED = 13, /* understood, and not offered */
   FG_E_CORRUPT = 14, /* stored data fails its own checks */
   FG_E_INTERNAL = 15, /* a defect of fieldguard: please report */
   FG_E_BUSY = 16 /* a service asks to come back later (throttling, overload) */
} fg_error_code;

#define FG_ERROR_PATH_MAX 256
#define FG_ERROR_MESSAGE_MAX 1024

typedef struct fg_error {
   fg_error_domain domain;
   int32_t code;
   char path[FG_ERROR_PATH_MAX]; /* where: a dotted field path, a file, a setting; "" when it does not apply */
   char message[FG_ERROR_MESSAGE_MAX]; /* NUL-terminated UTF-8, cut at a character boundary when too long */
} fg_error;

/* Sets err (NULL: does nothing) and returns false, so that a function can `return fg_error_set (...)`. path may be NULL. */
bool fg_error_set (fg_error *err, fg_error_domain domain, int32_t code, const char *path, const char *format, ...)
   FG_PRINTF (5, 6);

/* As fg_error_set in FG_ERROR_SYSTEM with ": " and the text of errnum appended; code is FG_E_NO_SPACE for ENOSPC and EDQUOT,
 * FG_E_NOT_FOUND for ENOENT, FG_E_DENIED for EACCES and EPERM, FG_E_NOMEM for ENOMEM, else FG_E_IO. */
bool fg_error_set_errno (fg_error *err, int errnum, const char *path, const char *format, ...) FG_PRINTF (4, 5);

/* Makes err say "no error". NULL: does nothing. */
void fg_error_clear (fg_error *err);

/* The name that mongod prints beside a server code ("FailedToParse"), or "Location<code>" for the others.
 * Static for known codes; otherwise written into buf (at least 24 bytes) and returned. */
const char *fg_server_code_name (int32_t code, char *buf, size_t buf_len);

#ifdef __clang_analyzer__
/* Lets the static analyser see that both return false, so that it does not follow a failed call as if it had succeeded. */
#define fg_error_set(...) ((void)(fg_error_set)(__VA_ARGS__), false)
#define fg_error_set_errno(...) ((void)(fg_error_set_errno)(__VA_ARGS__), false)
#endif

#ifdef __cplusplus
}
#endif
#endif /* FIELDGUARD_ERROR_H */
