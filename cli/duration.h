/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_DURATION_H
#define FG_CLI_DURATION_H

/* "24h": a number and s, m, h or d; up to ten years, in milliseconds. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline bool
fg_parse_duration (const char *text, int64_t *ms)
{
   static const char units[] = "smhd";
   static const int64_t lengths[] = {1000, 60000, 3600000, 86400000};
   char *end = NULL;

   if (*text < '0' || *text > '9') {
      return false;
   }
   long long n = strtoll (text, &end, 10);
   const char *unit = *end ? strchr (units, *end) : NULL;
   if (!unit || end[1] || n > 316224000) {
      return false;
   }
   *ms = n * lengths[unit - units];
   return *ms <= (int64_t)3660 * 86400000;
}

#endif /* FG_CLI_DURATION_H */
