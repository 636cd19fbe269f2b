/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_WALK_H
#define FG_SCHEMA_MATCH_WALK_H

/*
 * Walking BSON that nobody has validated. Every step checks the length before the offset; a length that lies, a missing terminator or an
 * unknown type ends the walk and sets `bad`. A value that a cursor delivered has the size that its type requires; what lies inside
 * an embedded document is checked when it is walked in turn.
 */

#include <fieldguard/match.h>

#define BSON_DOUBLE 0x01
#define BSON_STRING 0x02
#define BSON_OBJECT 0x03
#define BSON_ARRAY 0x04
#define BSON_BINDATA 0x05
#define BSON_UNDEFINED 0x06
#define BSON_OID 0x07
#define BSON_BOOL 0x08
#define BSON_DATE 0x09
#define BSON_NULL 0x0A
#define BSON_REGEX 0x0B
#define BSON_DBPOINTER 0x0C
#define BSON_CODE 0x0D
#define BSON_SYMBOL 0x0E
#define BSON_CODEWSCOPE 0x0F
#define BSON_INT 0x10
#define BSON_TIMESTAMP 0x11
#define BSON_LONG 0x12
#define BSON_DECIMAL 0x13
#define BSON_MINKEY 0xFF
#define BSON_MAXKEY 0x7F

typedef struct fg_element {
   const char *name; /* NUL-terminated where it lies */
   size_t name_len;
   fg_value value;
} fg_element;

typedef struct fg_cursor {
   const uint8_t *p;
   const uint8_t *end; /* of the elements: where the terminating NUL is */
   bool bad;
} fg_cursor;

/* Starts at the first element of a document, array or object value. False (and cursor->bad) when the frame itself is wrong. */
bool fg_cursor_open (fg_cursor *cursor, const fg_value *document);
/* The next element; false at the end or when the bytes are malformed (cursor->bad). */
bool fg_cursor_next (fg_cursor *cursor, fg_element *element);

/* The size of a value's bytes, of which there are at most n; SIZE_MAX: malformed. */
size_t fg_value_size (uint8_t type, const uint8_t *value, size_t n);

/* The first element named so. Returns 1 found, 0 not there, -1 malformed. Not found leaves *value missing. */
int fg_value_find (const fg_value *document, const char *name, size_t name_len, fg_value *value);

/* A string's bytes without length and NUL. The value must be a string, symbol or code that a cursor delivered. */
const char *fg_value_string (const fg_value *value, size_t *len);
static inline bool
fg_value_is_number (const fg_value *v)
{
   return v->type == BSON_INT || v->type == BSON_LONG || v->type == BSON_DOUBLE || v->type == BSON_DECIMAL;
}
/* mongod's notion of truth for $exists and the like: false, null, undefined, missing and numeric zero are false. */
bool fg_value_truthy (const fg_value *value);
bool fg_value_bool (const fg_value *value);
/* Whether a document or array is well-formed all the way down, at most depth_left levels deep. */
bool fg_value_is_sound (const fg_value *document, uint32_t depth_left);

#endif /* FG_SCHEMA_MATCH_WALK_H */
