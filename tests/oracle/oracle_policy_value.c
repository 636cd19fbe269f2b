/* SPDX-License-Identifier: Apache-2.0 */

/* One value under one rule. */

#include "tests/oracle/oracle_policy.h"

#include <string.h>

static bool
one_of (uint8_t byte, const char *set, size_t n)
{
   return memchr (set, byte, n) != NULL;
}

static bool
key_fits (const rule *r, const uint8_t *key)
{
   bson_iter_t it;
   if (r->any_key) {
      return true;
   }
   bson_iter_init (&it, r->keys);
   while (bson_iter_next (&it)) {
      bson_subtype_t subtype;
      uint32_t len = 0;
      const uint8_t *data = NULL;
      bson_iter_binary (&it, &subtype, &len, &data);
      if (len == 16 && memcmp (data, key, 16) == 0) {
         return true;
      }
   }
   return false;
}

/* double 1, object 3, array 4, undefined 6, bool 8, null 10, scope 15, decimal 19, minKey 255, maxKey 127 */
static bool
type_fits (const rule *r, uint8_t first, uint8_t type)
{
   if (r->types.stated && !oracle_types_have (&r->types, (bson_type_t)type)) {
      return false;
   }
   if (one_of (type, "\6\12\377\177", 4) || type == 0 || (type > 19)) {
      return false;
   }
   switch (first) {
   case 1:
      return !one_of (type, "\1\3\4\10\17\23", 6);
   case 14:
      return !one_of (type, "\1\3\4\17\23", 5);
   case 15:
      return one_of (type, "\20\22\1\11\23", 5);
   case 17:
      return type == 2;
   default:
      return true;
   }
}

static uint64_t
read32 (const uint8_t *at)
{
   return at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
}

/* The bytes before the blocks that depend on the value; 0: the counts contradict each other. */
static uint64_t
fixed_part (const uint8_t *data)
{
   switch (data[0]) {
   case 14:
      return 18 + 80 + 96;
   case 15:
      return data[18] >= 1 ? 19 + 80 + 96 * (uint64_t)data[18] : 0;
   case 17:
      return read32 (data + 18) >= read32 (data + 22) + read32 (data + 26) + 1 ? 30 + 80 + 96 * read32 (data + 18) : 0;
   default:
      return 18 + 48;
   }
}

static bool
length_fits (const uint8_t *data, uint32_t len)
{
   uint64_t fixed = fixed_part (data);
   if (fixed == 0 || len < fixed + 16 || (len - fixed) % 16 != 0) {
      return false;
   }
   uint64_t blocks = (len - fixed) / 16;
   if (one_of (data[17], "\1\7\10\11\20\21\22", 7)) {
      return blocks == 1;
   }
   return data[17] == 19 ? blocks == 2 : data[17] == 12 ? blocks >= 2 : true;
}

/* How many bytes the character at the start takes, if it is well-formed and no control character; else 0. */
static size_t
printable (const uint8_t *s, size_t n)
{
   uint32_t c = s[0], least;
   size_t len;
   if (c < 0x80) {
      return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
   }
   if (c >= 0xc0 && c < 0xe0) {
      len = 2, least = 0x80, c &= 0x1f;
   } else if (c >= 0xe0 && c < 0xf0) {
      len = 3, least = 0x800, c &= 0x0f;
   } else if (c >= 0xf0 && c < 0xf8) {
      len = 4, least = 0x10000, c &= 0x07;
   } else {
      return 0;
   }
   if (n < len) {
      return 0;
   }
   for (size_t i = 1; i < len; i++) {
      if ((s[i] & 0xc0) != 0x80) {
         return 0;
      }
      c = c << 6 | (s[i] & 0x3f);
   }
   return c >= least && c <= 0x10ffff && !(c >= 0xd800 && c < 0xe000) && !(c >= 0x80 && c < 0xa0) ? len : 0;
}

static bool
is_text (const uint8_t *data, uint32_t len)
{
   size_t at = data[0] == 15 ? 19 : data[0] == 17 ? 30 : 18;
   while (at < len) {
      size_t n = printable (data + at, len - at);
      if (n == 0) {
         return false;
      }
      at += n;
   }
   return true;
}

/* A payload on its way to the server: the document names the rule's key and type. */
static bool
payload_fits (const rule *r, const uint8_t *data, uint32_t len)
{
   bson_t payload;
   bson_iter_t it;
   bson_subtype_t subtype;
   uint32_t key_len = 0;
   const uint8_t *key = NULL;

   if (!bson_init_static (&payload, data + 1, len - 1) || !bson_validate (&payload, BSON_VALIDATE_NONE, NULL)) {
      return false;
   }
   if (!oracle_find (&payload, "u", &it) || bson_iter_type (&it) != BSON_TYPE_BINARY) {
      return false;
   }
   bson_iter_binary (&it, &subtype, &key_len, &key);
   if (subtype != BSON_SUBTYPE_UUID || key_len != 16 || !key_fits (r, key)) {
      return false;
   }
   if (!oracle_find (&payload, "t", &it) || bson_iter_type (&it) != BSON_TYPE_INT32) {
      return false;
   }
   int32_t type = bson_iter_int32 (&it);
   unsigned first = 14;
   while (!(r->first_bytes >> first & 1)) {
      first++;
   }
   return type >= 0 && type <= 255 && type_fits (r, (uint8_t)first, (uint8_t)type);
}

/* Where types are stated, no type byte above 19: nothing encrypts minKey and maxKey. */
static bool
holds_loosely (const rule *r, const uint8_t *data, uint32_t len)
{
   if (!r->types.stated && !r->field) {
      return true;
   }
   if (len < 18) {
      return false;
   }
   if (r->types.stated && (data[17] < 1 || data[17] > 19 || !oracle_types_have (&r->types, (bson_type_t)data[17]))) {
      return false;
   }
   return r->field ? one_of (data[0], "\6\7\11\16\17\20\21", 7) : data[0] == 1 || data[0] == 2;
}

bool
oracle_rule_holds (const rule *r, const bson_iter_t *value, fg_phase phase, bool strict)
{
   bson_subtype_t subtype;
   uint32_t len;
   const uint8_t *data;

   if (bson_iter_type (value) != BSON_TYPE_BINARY) {
      return false;
   }
   bson_iter_binary (value, &subtype, &len, &data);
   if (subtype != BSON_SUBTYPE_ENCRYPTED) {
      return false;
   }
   if (phase == FG_PHASE_WIRE && r->field && len && data[0] == 11) {
      return payload_fits (r, data, len);
   }
   if (!strict) {
      return holds_loosely (r, data, len);
   }
   if (len == 0 || data[0] > 18 || !(r->first_bytes >> data[0] & 1)) {
      return false;
   }
   uint32_t least = data[0] == 14 ? 210 : data[0] == 15 ? 211 : data[0] == 17 ? 222 : 82;
   return len >= least && key_fits (r, data + 1) && type_fits (r, data[0], data[17]) && length_fits (data, len) &&
          !is_text (data, len);
}
