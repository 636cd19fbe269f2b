/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLI_EXTJSON_INTERNAL_H
#define FG_CLI_EXTJSON_INTERNAL_H

#include "cli/extjson.h"

typedef struct fg_json {
   const char *start, *at, *end;
   fg_buf *out;
   unsigned depth;
   const char *problem; /* the first one; static */
} fg_json;

bool fg_json_fail (fg_json *j, const char *problem); /* returns false */
void fg_json_space (fg_json *j);
bool fg_json_take (fg_json *j, char c, const char *problem);
/* The next character after white space, or NUL at the end. */
char fg_json_peek (fg_json *j);
/* A string's bytes, appended to out without a terminator. */
bool fg_json_string (fg_json *j, fg_buf *out);
/* `"name" :`, where name is expected. */
bool fg_json_expect_name (fg_json *j, const char *name);
/* An object after its '{'; its BSON goes to j->out. */
bool fg_json_object (fg_json *j);

/* Whether name wraps a BSON type ({"$oid": ...}). */
bool fg_json_is_wrapper (const char *name, size_t len);
/* The rest of such an object, after `{"name":`. Appends the value; *type is its BSON type. */
bool fg_json_wrapper (fg_json *j, const char *name, size_t len, uint8_t *type);

void fg_json_put_i32 (fg_buf *out, int32_t v);
void fg_json_put_i64 (fg_buf *out, int64_t v);
void fg_json_put_double (fg_buf *out, double v);
/* A BSON string: length, bytes, NUL. */
void fg_json_put_string (fg_buf *out, const void *bytes, size_t len);

#endif /* FG_CLI_EXTJSON_INTERNAL_H */
