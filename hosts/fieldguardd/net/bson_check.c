/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/net/bson_check.h"

#include "base/base.h"

#define DEPTH_CAP 250u
#define MIN_DOC 5u
#define SUBTYPE_OLD 2 /* binary data with its length once more inside */

#define CODE_OVERFLOW 15
#define CODE_INVALID_BSON 22

/* A document that is open: where it ends, and whether it is the scope of a code-with-scope (whose end its parent states too). */
typedef struct frame {
   size_t end;
} frame;

typedef struct checker {
   const uint8_t *data;
   size_t pos;
   unsigned depth; /* frames in use */
   unsigned max_depth;
   frame frames[DEPTH_CAP];
} checker;

static bool
invalid (fg_error *err, const char *what)
{
   return fg_error_set (err, FG_ERROR_SERVER, CODE_INVALID_BSON, NULL, "invalid BSON: %s", what);
}

/* Bytes left in the innermost document before its terminator. */
static size_t
room (const checker *c)
{
   return c->frames[c->depth - 1].end - 1 - c->pos;
}

/* Opens the document at pos, which must end at or before limit. */
static bool
open_document (checker *c, size_t limit, fg_error *err)
{
   if (limit - c->pos < MIN_DOC) {
      return invalid (err, "a document is cut short");
   }
   uint32_t len = fg_read_u32le (c->data + c->pos);
   if (len < MIN_DOC || len > limit - c->pos) {
      return invalid (err, "a document's length does not fit");
   }
   if (c->data[c->pos + len - 1] != 0) {
      return invalid (err, "a document has no terminator");
   }
   if (c->depth >= c->max_depth) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_OVERFLOW, NULL, "BSONObj exceeds maximum nested object depth: %u",
                           c->max_depth);
   }
   c->frames[c->depth++].end = c->pos + len;
   c->pos += 4;
   return true;
}

static bool
skip (checker *c, size_t n, fg_error *err)
{
   if (room (c) < n) {
      return invalid (err, "a value is cut short");
   }
   c->pos += n;
   return true;
}

static bool
skip_cstring (checker *c, fg_error *err)
{
   const uint8_t *start = c->data + c->pos;
   const uint8_t *nul = memchr (start, 0, room (c));
   if (!nul) {
      return invalid (err, "a name has no terminator");
   }
   c->pos += (size_t)(nul - start) + 1;
   return true;
}

static bool
skip_string (checker *c, fg_error *err)
{
   if (room (c) < 5) {
      return invalid (err, "a string is cut short");
   }
   uint32_t len = fg_read_u32le (c->data + c->pos);
   if (len < 1 || len > room (c) - 4) {
      return invalid (err, "a string's length does not fit");
   }
   if (c->data[c->pos + 4 + len - 1] != 0) {
      return invalid (err, "a string has no terminator");
   }
   c->pos += 4 + (size_t)len;
   return true;
}

static bool
skip_binary (checker *c, fg_error *err)
{
   if (room (c) < 5) {
      return invalid (err, "binary data is cut short");
   }
   uint32_t len = fg_read_u32le (c->data + c->pos);
   if (len > INT32_MAX || len > room (c) - 5) {
      return invalid (err, "the length of binary data does not fit");
   }
   if (c->data[c->pos + 4] == SUBTYPE_OLD && (len < 4 || fg_read_u32le (c->data + c->pos + 5) != len - 4)) {
      return invalid (err, "the inner length of old binary data does not fit");
   }
   c->pos += 5 + (size_t)len;
   return true;
}

static bool
skip_bool (checker *c, fg_error *err)
{
   if (room (c) < 1 || c->data[c->pos] > 1) {
      return invalid (err, "a boolean is neither false nor true");
   }
   c->pos++;
   return true;
}

/* int32 total, string, document; the scope is opened and must fill the total exactly. */
static bool
open_code_with_scope (checker *c, fg_error *err)
{
   if (room (c) < 4 + 5 + MIN_DOC) {
      return invalid (err, "code with scope is cut short");
   }
   size_t start = c->pos;
   uint32_t total = fg_read_u32le (c->data + c->pos);
   if (total < 4 + 5 + MIN_DOC || total > room (c)) {
      return invalid (err, "the length of code with scope does not fit");
   }
   c->pos += 4;
   if (!skip_string (c, err)) {
      return false;
   }
   size_t used = c->pos - start;
   if (used > total || total - used < MIN_DOC || fg_read_u32le (c->data + c->pos) != total - used) {
      return invalid (err, "the length of code with scope does not fit");
   }
   return open_document (c, start + total, err);
}

static bool
check_value (checker *c, uint8_t type, fg_error *err)
{
   switch (type) {
   case 0x01: /* double */
   case 0x09: /* date */
   case 0x11: /* timestamp */
   case 0x12: /* int64 */
      return skip (c, 8, err);
   case 0x02: /* string */
   case 0x0D: /* code */
   case 0x0E: /* symbol */
      return skip_string (c, err);
   case 0x03: /* document */
   case 0x04: /* array */
      return open_document (c, c->pos + room (c), err);
   case 0x05:
      return skip_binary (c, err);
   case 0x06: /* undefined */
   case 0x0A: /* null */
   case 0x7F: /* max key */
   case 0xFF: /* min key */
      return true;
   case 0x07: /* object id */
      return skip (c, 12, err);
   case 0x08:
      return skip_bool (c, err);
   case 0x0B: /* regular expression: pattern, options */
      return skip_cstring (c, err) && skip_cstring (c, err);
   case 0x0C: /* DBPointer */
      return skip_string (c, err) && skip (c, 12, err);
   case 0x0F:
      return open_code_with_scope (c, err);
   case 0x10: /* int32 */
      return skip (c, 4, err);
   case 0x13: /* decimal128 */
      return skip (c, 16, err);
   default:
      return invalid (err, "unknown type byte");
   }
}

bool
fgd_bson_check (const uint8_t *data, size_t avail, unsigned max_depth, size_t *len_out, fg_error *err)
{
   checker c;

   c.data = data;
   c.pos = 0;
   c.depth = 0;
   c.max_depth = max_depth < DEPTH_CAP ? max_depth : DEPTH_CAP;
   if (!open_document (&c, avail, err)) {
      return false;
   }
   size_t len = c.frames[0].end;
   while (c.depth > 0) {
      if (room (&c) == 0) { /* at the terminator, which open_document has seen */
         c.pos++;
         c.depth--;
         continue;
      }
      uint8_t type = data[c.pos++];
      if (!skip_cstring (&c, err) || !check_value (&c, type, err)) {
         return false;
      }
   }
   *len_out = len;
   return true;
}
