/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MB_MAX 1048576

/* The memory for replies has to hold two of the largest. */
static const struct {
   const char *name;
   int64_t least, most, initial;
} table[FGD_LIMIT_N] = {
   [FGD_LIMIT_CURSOR_TIMEOUT_MS] = {"cursorTimeoutMillis", 1, INT32_MAX, 600000},
   [FGD_LIMIT_CURSOR_MEMORY_MB] = {"cursorMemoryMB", 1, MB_MAX, 1024},
   [FGD_LIMIT_RECEIVE_MEMORY_MB] = {"receiveMemoryMB", 64, MB_MAX, 512},
   [FGD_LIMIT_REPLY_MEMORY_MB] = {"replyMemoryMB", 64, MB_MAX, 512},
   [FGD_LIMIT_TRANSACTION_LIFETIME_S] = {"transactionLifetimeLimitSeconds", 1, 86400, 60},
};

void
fgd_limits_init (fgd_limits *limits)
{
   for (size_t i = 0; i < FGD_LIMIT_N; i++) {
      atomic_init (&limits->values[i], table[i].initial);
   }
}

int64_t
fgd_limit_get (const fgd_limits *limits, fgd_limit limit)
{
   return atomic_load_explicit (&limits->values[limit], memory_order_relaxed);
}

int64_t
fgd_limit_bytes (const fgd_limits *limits, fgd_limit limit)
{
   return fgd_limit_get (limits, limit) << 20;
}

const char *
fgd_limit_name (fgd_limit limit)
{
   return table[limit].name;
}

bool
fgd_limit_find (const char *name, fgd_limit *limit)
{
   for (unsigned i = 0; i < FGD_LIMIT_N; i++) {
      if (strcmp (table[i].name, name) == 0) {
         *limit = (fgd_limit)i;
         return true;
      }
   }
   return false;
}

bool
fgd_limit_set (fgd_limits *limits, fgd_limit limit, const char *text, fg_error *err)
{
   char *end = NULL;

   errno = 0;
   long long value = strtoll (text, &end, 10);
   if (errno != 0 || end == text || *end || value < table[limit].least || value > table[limit].most) {
      return fg_error_set (err, FG_ERROR_SETTING, FG_E_INVALID, table[limit].name,
                           "has to be a whole number from %" PRId64 " to %" PRId64, table[limit].least,
                           table[limit].most);
   }
   atomic_store (&limits->values[limit], value);
   return true;
}
