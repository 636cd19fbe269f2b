/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_PUBLIC_EQUAL_H
#define FG_CLIENT_PUBLIC_EQUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* For identifiers, wrapped keys and other bytes that are no secret; secrets are compared with fg_ct_equal. */
static inline bool
fg_public_equal (const void *a, const void *b, size_t n)
{
   return memcmp (a, b, n) == 0; /* lint: allow, both sides are public */
}

#endif /* FG_CLIENT_PUBLIC_EQUAL_H */
