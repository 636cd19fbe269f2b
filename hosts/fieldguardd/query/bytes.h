/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_BYTES_H
#define FGD_QUERY_BYTES_H

/* The query room's private floor: walking BSON bytes without trusting a length in them, writing them, and memory that is freed at once. */

#include <fieldguard/error.h>
#include <fieldguard/match.h>

#include "base/base.h"

/* BSON type bytes, where a name reads better than a number. */
enum {
   FGD_T_DOUBLE = 0x01,
   FGD_T_STRING = 0x02,
   FGD_T_OBJECT = 0x03,
   FGD_T_ARRAY = 0x04,
   FGD_T_BINARY = 0x05,
   FGD_T_UNDEFINED = 0x06,
   FGD_T_OID = 0x07,
   FGD_T_BOOL = 0x08,
   FGD_T_DATE = 0x09,
   FGD_T_NULL = 0x0a,
   FGD_T_REGEX = 0x0b,
   FGD_T_INT32 = 0x10,
   FGD_T_TIMESTAMP = 0x11,
   FGD_T_INT64 = 0x12,
   FGD_T_DECIMAL = 0x13
};

#define FGD_MAX_DEPTH 180 /* what a stored document may nest */
#define FGD_MAX_WALK_DEPTH 256 /* what any document on its way may nest */
#define FGD_MAX_DOCUMENT (16u * 1024u * 1024u)

/* --- reading -------------------------------------------------------------------------------------------------------- */

typedef struct fgd_element {
   const char *name;
   size_t name_len;
   fg_value value;
   const uint8_t *start; /* type byte, name and value as they lie */
   size_t size;
} fgd_element;

typedef struct fgd_walk {
   const uint8_t *at;
   const uint8_t *end;
   bool bad; /* it was not well-formed: the walk has ended there */
} fgd_walk;

void fgd_walk_begin (fgd_walk *walk, const uint8_t *doc, size_t len);
bool fgd_walk_next (fgd_walk *walk, fgd_element *element);
/* The first element of that name. False also when doc is malformed before it. */
bool fgd_find (const uint8_t *doc, size_t len, const char *name, size_t name_len, fgd_element *element);
size_t fgd_count (const uint8_t *doc, size_t len);
/* Every length inside fits, and nothing nests deeper than FGD_MAX_WALK_DEPTH. */
bool fgd_well_formed (const uint8_t *doc, size_t len);
/* How deep doc nests: 1 for a flat one. 0 when malformed, FGD_MAX_WALK_DEPTH + 1 when deeper than that. */
unsigned fgd_depth (const uint8_t *doc, size_t len);

/* Sets FG_ERROR_BSON and returns false. */
bool fgd_bad_bson (fg_error *err);
bool fgd_no_memory (fg_error *err);
#ifdef __clang_analyzer__
#define fgd_no_memory(err) ((void)(fgd_no_memory)(err), false) /* what the static analyser cannot see from here */
#endif

bool fgd_is_number (const fg_value *value);
static inline bool
fgd_is_container (const fg_value *value)
{
   return value->type == FGD_T_OBJECT || value->type == FGD_T_ARRAY;
}
/* A string's bytes without its terminator. value is of type string (or code, symbol). */
static inline const char *
fgd_string (const fg_value *value, size_t *len)
{
   *len = value->len < 5 ? 0 : value->len - 5;
   return value->len < 5 ? "" : (const char *)value->data + 4;
}
/* The name that mongod gives the type in messages: "int", "objectId", ... */
const char *fgd_type_name (uint8_t type);
/* mongod's truth of a value: false, 0, null, undefined and missing are false. */
bool fgd_truthy (const fg_value *value);
/* The same type and the same bytes. */
bool fgd_identical (const fg_value *a, const fg_value *b);
/* Numbers as a whole number; false when it is none or does not fit. */
bool fgd_to_int64 (const fg_value *value, int64_t *out);
/* "0", "17": digits only, no leading zero. */
bool fgd_array_index (const char *name, size_t len, size_t *index);
/* True when name (len) is the C string text. */
bool fgd_is (const char *name, size_t len, const char *text);

/* --- writing -------------------------------------------------------------------------------------------------------- */

void fgd_put (fg_buf *buf, uint8_t type, const char *name, size_t name_len, const void *data, size_t len);
void fgd_put_value (fg_buf *buf, const char *name, size_t name_len, const fg_value *value);
/* Opens a document in buf (or one in it, under a name) and gives its place for fgd_put_end. */
size_t fgd_put_begin (fg_buf *buf);
size_t fgd_put_open (fg_buf *buf, uint8_t type, const char *name, size_t name_len);
void fgd_put_end (fg_buf *buf, size_t at);
/* index as an array's element name; text has room for 24. */
size_t fgd_index_name (size_t index, char text[24]);
void fgd_buf_reset (fg_buf *buf);

/* --- memory ---------------------------------------------------------------------------------------------------------- */

typedef struct fgd_chunk fgd_chunk;
/* Zero-initialise; everything goes with fgd_arena_free. After a failed allocation `failed` stays set. */
typedef struct fgd_arena {
   fgd_chunk *chunks;
   size_t total;
   bool failed;
} fgd_arena;

void *fgd_arena_alloc (fgd_arena *arena, size_t size); /* zeroed, aligned for anything; NULL on failure */
void *fgd_arena_copy (fgd_arena *arena, const void *data, size_t len); /* with a NUL after it */
void fgd_arena_free (fgd_arena *arena);

/* Values made in an arena; type 0 (missing) when memory is short, and the arena says so. */
fg_value fgd_make (fgd_arena *arena, uint8_t type, const void *data, size_t len);
fg_value fgd_make_int32 (fgd_arena *arena, int32_t n);
fg_value fgd_make_int64 (fgd_arena *arena, int64_t n);
fg_value fgd_make_double (fgd_arena *arena, double d);
fg_value fgd_make_bool (fgd_arena *arena, bool b);
fg_value fgd_make_date (fgd_arena *arena, int64_t ms);
fg_value fgd_make_string (fgd_arena *arena, const char *text, size_t len);
fg_value fgd_make_null (void);
/* Takes what buf holds (a document) as a value of type object or array; buf is freed. */
fg_value fgd_make_from_buf (fgd_arena *arena, uint8_t type, fg_buf *buf);

#endif /* FGD_QUERY_BYTES_H */
