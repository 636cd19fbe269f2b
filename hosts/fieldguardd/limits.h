/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_LIMITS_H
#define FGD_LIMITS_H

/*
 * Limits that an operator may set: numbers with a name, known to --setParameter, setParameter and getParameter. Every thread reads them, so a change at
 * run time takes effect where the number is looked at next.
 */

#include <fieldguard/error.h>

#include <stdatomic.h>

typedef enum fgd_limit {
   FGD_LIMIT_CURSOR_TIMEOUT_MS, /* cursorTimeoutMillis */
   FGD_LIMIT_CURSOR_MEMORY_MB, /* cursorMemoryMB: results held by open cursors */
   FGD_LIMIT_RECEIVE_MEMORY_MB, /* receiveMemoryMB: half-received messages, and commands under way */
   FGD_LIMIT_REPLY_MEMORY_MB, /* replyMemoryMB: replies not yet sent */
   FGD_LIMIT_TRANSACTION_LIFETIME_S, /* transactionLifetimeLimitSeconds */
   FGD_LIMIT_N
} fgd_limit;

typedef struct fgd_limits {
   atomic_int_fast64_t values[FGD_LIMIT_N];
} fgd_limits;

void fgd_limits_init (fgd_limits *limits); /* the defaults */
int64_t fgd_limit_get (const fgd_limits *limits, fgd_limit limit);
int64_t fgd_limit_bytes (const fgd_limits *limits, fgd_limit limit); /* of one in MB */
const char *fgd_limit_name (fgd_limit limit);
/* False: no limit has this name. */
bool fgd_limit_find (const char *name, fgd_limit *limit);
/* FG_ERROR_SETTING when text is not a whole number in the limit's range. */
bool fgd_limit_set (fgd_limits *limits, fgd_limit limit, const char *text, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_LIMITS_H */
