/* SPDX-License-Identifier: Apache-2.0 */
#include "client/value/value.h"

#include "base/base.h"

static bool
truncated (fg_error *err)
{
   return fg_error_set (err, FG_ERROR_BSON, FG_E_TRUNCATED, NULL, "a BSON value ends before its own length says");
}

static bool
fixed (size_t want, size_t available, size_t *len, fg_error *err)
{
   if (available < want) {
      return truncated (err);
   }
   *len = want;
   return true;
}

/* int32 length with the NUL counted, bytes, NUL. */
static bool
string_len (const uint8_t *value, size_t available, size_t *len, fg_error *err)
{
   if (available < 5) {
      return truncated (err);
   }
   size_t n = fg_read_u32le (value);
   if (n == 0 || n > INT32_MAX || n > available - 4) {
      return truncated (err);
   }
   if (value[4 + n - 1] != 0) {
      return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "a BSON string without its final NUL");
   }
   *len = 4 + n;
   return true;
}

/* A length that counts itself: documents, arrays, code with scope. */
static bool
self_counted (const uint8_t *value, size_t available, size_t least, size_t *len, fg_error *err)
{
   if (available < least) {
      return truncated (err);
   }
   size_t n = fg_read_u32le (value);
   if (n < least || n > INT32_MAX || n > available) {
      return truncated (err);
   }
   *len = n;
   return true;
}

static bool
binary_len (const uint8_t *value, size_t available, size_t *len, fg_error *err)
{
   if (available < 5) {
      return truncated (err);
   }
   size_t n = fg_read_u32le (value);
   if (n > INT32_MAX || n > available - 5) {
      return truncated (err);
   }
   if (value[4] == 2 && (n < 4 || fg_read_u32le (value + 5) != n - 4)) {
      return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "a binary of subtype 2 whose two lengths disagree");
   }
   *len = 5 + n;
   return true;
}

static bool
regex_len (const uint8_t *value, size_t available, size_t *len, fg_error *err)
{
   const uint8_t *pattern_end = memchr (value, 0, available);
   if (!pattern_end) {
      return truncated (err);
   }
   size_t used = (size_t)(pattern_end - value) + 1;
   const uint8_t *options_end = available > used ? memchr (value + used, 0, available - used) : NULL;
   if (!options_end) {
      return truncated (err);
   }
   *len = (size_t)(options_end - value) + 1;
   return true;
}

bool
fg_bson_value_len (uint8_t type, const uint8_t *value, size_t available, size_t *len, fg_error *err)
{
   switch (type) {
   case 0x06: /* undefined */
   case 0x0A: /* null */
   case 0x7F: /* maxKey */
   case 0xFF: /* minKey */
      return fixed (0, available, len, err);
   case 0x08: /* bool */
      return fixed (1, available, len, err);
   case 0x10: /* int32 */
      return fixed (4, available, len, err);
   case 0x01: /* double */
   case 0x09: /* date */
   case 0x11: /* timestamp */
   case 0x12: /* int64 */
      return fixed (8, available, len, err);
   case 0x07: /* ObjectId */
      return fixed (12, available, len, err);
   case 0x13: /* decimal128 */
      return fixed (16, available, len, err);
   case 0x02: /* string */
   case 0x0D: /* code */
   case 0x0E: /* symbol */
      return string_len (value, available, len, err);
   case 0x03: /* document */
   case 0x04: /* array */
      return self_counted (value, available, 5, len, err);
   case 0x0F: /* code with scope: its length, a string, a document */
      return self_counted (value, available, 4 + 5 + 5, len, err);
   case 0x05: /* binary */
      return binary_len (value, available, len, err);
   case 0x0B: /* regular expression */
      return regex_len (value, available, len, err);
   case 0x0C: /* DBPointer: a string, an ObjectId */
      if (!string_len (value, available, len, err)) {
         return false;
      }
      *len += 12;
      return *len <= available || truncated (err);
   default:
      return fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "BSON type byte 0x%02x does not exist", type);
   }
}
