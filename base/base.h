/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_BASE_H
#define FG_BASE_H

/*
 * base: what every room needs and no room owns. Errors (fieldguard/error.h), wiping and comparing memory, growing a byte buffer, hardening
 * a process that holds secrets, little-endian reads. Depends on the C library alone.
 */

#include <fieldguard/error.h>

#include <string.h>

/* --- secrets ------------------------------------------------------------------------------------------------------ */

/* Wipes n bytes in a way that no compiler removes. */
void fg_memzero (void *p, size_t n);
/* True when the n bytes are equal; time depends on n alone. */
bool fg_ct_equal (const void *a, const void *b, size_t n) FG_WARN_UNUSED;

/* Called first thing in main by programs that see documents or keys: no core dumps (RLIMIT_CORE 0), not dumpable or traceable by the same user (PR_SET_DUMPABLE 0). */
bool fg_process_harden (fg_error *err) FG_WARN_UNUSED;

/* --- little-endian reads; the caller has checked the length -------------------------------------------------------- */

static inline uint32_t
fg_read_u32le (const uint8_t *p)
{
   return (uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
}

static inline int32_t
fg_read_i32le (const uint8_t *p)
{
   return (int32_t)fg_read_u32le (p);
}

static inline uint64_t
fg_read_u64le (const uint8_t *p)
{
   return (uint64_t)fg_read_u32le (p) | ((uint64_t)fg_read_u32le (p + 4) << 32);
}

/* --- a growing byte buffer ------------------------------------------------------------------------------------------ */

/* Zero-initialise; fg_buf_free when done. After a failed allocation `failed` stays set and further appends do nothing: check once at the end. */
typedef struct fg_buf {
   uint8_t *data;
   size_t len;
   size_t cap;
   bool failed;
} fg_buf;

void fg_buf_append (fg_buf *buf, const void *data, size_t len);
void fg_buf_append_str (fg_buf *buf, const char *text);
void fg_buf_printf (fg_buf *buf, const char *format, ...) FG_PRINTF (2, 3);
/* Appends text as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void fg_buf_append_json_string (fg_buf *buf, const char *text, size_t len);
void fg_buf_free (fg_buf *buf);

#endif /* FG_BASE_H */
