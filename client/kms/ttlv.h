/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_TTLV_H
#define FG_CLIENT_TTLV_H

/*
 * KMIP's encoding: items of tag (3 bytes), type, length (4 bytes, big endian) and value, padded with zeros to 8 bytes. A structure's value is items.
 */

#include "client/secret/secret.h"

typedef enum fg_ttlv_type {
   FG_TTLV_STRUCTURE = 1,
   FG_TTLV_INTEGER = 2,
   FG_TTLV_LONG = 3,
   FG_TTLV_BIG = 4,
   FG_TTLV_ENUMERATION = 5,
   FG_TTLV_BOOLEAN = 6,
   FG_TTLV_TEXT = 7,
   FG_TTLV_BYTES = 8,
   FG_TTLV_DATE = 9,
   FG_TTLV_INTERVAL = 10
} fg_ttlv_type;

/* --- writing: into a secret of fixed size, since requests may hold keys ------------------------------------------------ */

#define FG_TTLV_DEPTH_MAX 16u

typedef struct fg_ttlv_writer {
   fg_secret *out; /* FG_TTLV_REQUEST_MAX bytes */
   size_t len;
   size_t open[FG_TTLV_DEPTH_MAX]; /* where the lengths of open structures stand */
   size_t depth;
   bool failed;
} fg_ttlv_writer;

#define FG_TTLV_REQUEST_MAX 16384u

bool fg_ttlv_writer_init (fg_ttlv_writer *w, fg_error *err) FG_WARN_UNUSED;
void fg_ttlv_begin (fg_ttlv_writer *w, uint32_t tag);
void fg_ttlv_end (fg_ttlv_writer *w);
void fg_ttlv_integer (fg_ttlv_writer *w, uint32_t tag, int32_t value);
void fg_ttlv_enumeration (fg_ttlv_writer *w, uint32_t tag, uint32_t value);
void fg_ttlv_boolean (fg_ttlv_writer *w, uint32_t tag, bool value);
void fg_ttlv_text (fg_ttlv_writer *w, uint32_t tag, const char *text);
void fg_ttlv_bytes (fg_ttlv_writer *w, uint32_t tag, const uint8_t *data, size_t len);

/* --- reading ----------------------------------------------------------------------------------------------------------- */

typedef struct fg_ttlv {
   uint32_t tag;
   fg_ttlv_type type;
   const uint8_t *value;
   size_t len;
} fg_ttlv;

/* The item at data; *used includes its padding. */
bool fg_ttlv_read (const uint8_t *data, size_t len, fg_ttlv *out, size_t *used);
/* The first item with this tag directly inside a structure. */
bool fg_ttlv_find (const fg_ttlv *structure, uint32_t tag, fg_ttlv *out);
bool fg_ttlv_as_u32 (const fg_ttlv *item, uint32_t *out);

#endif /* FG_CLIENT_TTLV_H */
