/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_ENCODING_H
#define FG_CLIENT_ENCODING_H

/*
 * Base64 and just enough JSON to read a KMS's reply where it lies, so that a data key in it is never copied to ordinary memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 4648. The URL alphabet is written without padding (RFC 7515). */
typedef enum fg_base64 { FG_BASE64, FG_BASE64_URL } fg_base64;

/* Characters that encoding n bytes takes at most, and a NUL. */
#define FG_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)
/* Returns the number of characters written, without the NUL. */
size_t fg_base64_encode (fg_base64 alphabet, const uint8_t *data, size_t len, char *out);
/* Padding may be missing. out holds len * 3 / 4 bytes. False: a character outside the alphabet, or a length that no encoder makes. */
bool fg_base64_decode (fg_base64 alphabet, const char *text, size_t len, uint8_t *out, size_t *out_len);

/* A JSON value where it stands. Strings: between their quotes, escapes as written. */
typedef struct fg_json {
   enum { FG_JSON_OBJECT, FG_JSON_ARRAY, FG_JSON_STRING, FG_JSON_NUMBER, FG_JSON_WORD } kind;
   const char *text;
   size_t len;
} fg_json;

#define FG_JSON_DEPTH_MAX 32u

/* The whole text must be one JSON value. */
bool fg_json_parse (const char *text, size_t len, fg_json *out);
/* The member of an object; the first one of that name. */
bool fg_json_member (const fg_json *object, const char *name, fg_json *out);
/* A string without escapes other than \/ (which base64 and tokens may have), into out with a NUL. False when it is none, or out is too small. */
bool fg_json_plain_string (const fg_json *value, char *out, size_t size, size_t *len);
/* As above, with JSON's short escapes undone; \\u is refused. */
bool fg_json_unescape (const fg_json *value, char *out, size_t size, size_t *len);
/* A number, or a string of digits; 0 to INT32_MAX. */
bool fg_json_seconds (const fg_json *value, int64_t *out);

/* The first block of PEM text (RFC 7468) with this label. out holds strlen (text) bytes. */
bool fg_pem_decode (const char *text, const char *label, uint8_t *out, size_t *out_len);

#endif /* FG_CLIENT_ENCODING_H */
