/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/key.h"

#include <fenv.h>
#include <math.h>
#include <stdlib.h>

#define DEPTH_MAX 256

__extension__ typedef unsigned __int128 u128;

#define TWO_53 9007199254740992.0
#define TWO_63 9223372036854775808.0

/* Type bytes; gaps leave room. An end marker (0) sorts below all of them. */
static uint8_t
type_byte (uint8_t bson_type)
{
   switch (bson_type) {
   case 0xFF:
      return 0x08; /* MinKey */
   case 0x06:
      return 0x10; /* undefined */
   case 0x00:
   case 0x0A:
      return 0x14; /* missing, null */
   case 0x01:
   case 0x10:
   case 0x12:
   case 0x13:
      return 0x20; /* numbers */
   case 0x02:
   case 0x0E:
      return 0x28; /* string, symbol */
   case 0x03:
      return 0x30;
   case 0x04:
      return 0x38;
   case 0x05:
      return 0x40;
   case 0x07:
      return 0x48;
   case 0x08:
      return 0x50;
   case 0x09:
      return 0x58;
   case 0x11:
      return 0x60;
   case 0x0B:
      return 0x68;
   case 0x0C:
      return 0x70;
   case 0x0D:
      return 0x78;
   case 0x0F:
      return 0x80;
   case 0x7F:
      return 0xF0; /* MaxKey */
   default:
      return 0x90;
   }
}

static void
append_u8 (fg_buf *buf, uint8_t byte)
{
   fg_buf_append (buf, &byte, 1);
}

static void
append_be (fg_buf *buf, uint64_t value, size_t n)
{
   uint8_t bytes[8];

   for (size_t i = 0; i < n; i++) {
      bytes[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
   }
   fg_buf_append (buf, bytes, n);
}

/* 0 becomes 0 FF and the end 0 0, so that a shorter string sorts before its extensions. */
static void
append_escaped (fg_buf *buf, const uint8_t *data, size_t len)
{
   static const uint8_t escaped_zero[2] = {0, 0xFF};
   static const uint8_t end[2] = {0, 0};
   size_t start = 0;

   for (size_t i = 0; i < len; i++) {
      if (data[i] == 0) {
         fg_buf_append (buf, data + start, i - start);
         fg_buf_append (buf, escaped_zero, sizeof escaped_zero);
         start = i + 1;
      }
   }
   fg_buf_append (buf, data + start, len - start);
   fg_buf_append (buf, end, sizeof end);
}

/* --- numbers -------------------------------------------------------------------------------------------------------- */

static void
append_number (fg_buf *buf, double floor_double, uint16_t beyond)
{
   uint64_t bits = 0; /* NaN: below -infinity */

   if (!isnan (floor_double)) {
      double d = floor_double == 0 ? 0.0 : floor_double; /* -0 is 0 */
      memcpy (&bits, &d, sizeof bits);
      bits = bits >> 63 ? ~bits : bits | UINT64_C (0x8000000000000000);
   }
   append_be (buf, bits, 8);
   append_be (buf, beyond, 2);
}

static void
append_int64 (fg_buf *buf, int64_t value)
{
   double d = (double)value;

   if (d >= TWO_63 || (int64_t)d > value) {
      d = nextafter (d, -INFINITY);
   }
   append_number (buf, d, (uint16_t)(value - (int64_t)d));
}

/* The integer at or below a decimal whose magnitude is known to be below 2^63. *whole: nothing was lost. */
static int64_t
decimal_floor (uint64_t high, uint64_t low, bool *whole)
{
   u128 coefficient = ((u128)(high & UINT64_C (0x1FFFFFFFFFFFF)) << 64) | low;
   int exponent = (int)((high >> 49) & 0x3FFF) - 6176;
   bool negative = high >> 63;
   bool lost = false;

   for (; exponent > 0; exponent--) {
      coefficient *= 10;
   }
   for (; exponent < 0 && coefficient; exponent++) {
      lost = lost || coefficient % 10 != 0;
      coefficient /= 10;
   }
   *whole = !lost;
   int64_t magnitude = (int64_t)coefficient;
   return negative ? -magnitude - (lost ? 1 : 0) : magnitude;
}

static double
decimal_floor_double (uint64_t high, uint64_t low)
{
   bson_decimal128_t decimal = {.low = low, .high = high};
   char text[BSON_DECIMAL128_STRING];
   int mode = fegetround ();

   bson_decimal128_to_string (&decimal, text);
   fesetround (FE_DOWNWARD);
   double d = strtod (text, NULL);
   fesetround (mode);
   return d;
}

static void
append_decimal (fg_buf *buf, const uint8_t *data, bool *exact)
{
   static const u128 max_coefficient = (u128)UINT64_C (0x1ED09BEAD87C0) << 64 | UINT64_C (0x378D8E63FFFFFFFF);
   uint64_t low = fg_read_u64le (data);
   uint64_t high = fg_read_u64le (data + 8);
   u128 coefficient = ((u128)(high & UINT64_C (0x1FFFFFFFFFFFF)) << 64) | low;
   unsigned form = (unsigned)(high >> 58) & 0x1F;

   if (form == 0x1F) {
      append_number (buf, NAN, 0);
   } else if (form == 0x1E) {
      append_number (buf, high >> 63 ? -INFINITY : INFINITY, 0);
   } else if (form >= 0x18 || coefficient > max_coefficient || coefficient == 0) {
      append_number (buf, 0, 0); /* a coefficient that is not canonical stands for zero */
   } else {
      double d = decimal_floor_double (high, low);
      bool whole = false;
      if (fabs (d) < TWO_63) {
         int64_t floored = decimal_floor (high, low, &whole);
         bool wide = fabs (d) >= TWO_53;
         append_number (buf, d, wide ? (uint16_t)(floored - (int64_t)d) : 0);
      } else {
         append_number (buf, d, 0);
      }
      *exact = *exact && whole;
   }
}

/* --- values --------------------------------------------------------------------------------------------------------- */

static void append_value (fg_buf *buf, const fg_value *value, bool *exact, int depth);

static void
append_members (fg_buf *buf, const fg_value *value, bool *exact, int depth)
{
   bson_iter_t iter;
   bson_t members;

   if (depth >= DEPTH_MAX || !bson_init_static (&members, value->data, value->len) ||
       !bson_iter_init (&iter, &members)) {
      *exact = false;
      append_u8 (buf, 0);
      return;
   }
   while (bson_iter_next (&iter)) {
      fg_value member = fgd_iter_value (&iter);
      append_u8 (buf, type_byte (member.type));
      if (value->type == 0x03) {
         const char *name = bson_iter_key (&iter);
         fg_buf_append (buf, name, strlen (name) + 1);
      }
      append_value (buf, &member, exact, depth + 1);
   }
   append_u8 (buf, 0);
}

static void
append_string (fg_buf *buf, const fg_value *value)
{
   if (value->len >= 5) {
      append_escaped (buf, value->data + 4, value->len - 5);
   } else {
      append_escaped (buf, value->data, 0);
   }
}

static void
append_double (fg_buf *buf, const uint8_t *data)
{
   double d;
   uint64_t bits = fg_read_u64le (data);

   memcpy (&d, &bits, sizeof d);
   append_number (buf, d, 0);
}

/* The body, after the type byte. Lengths are what the type has in well-formed BSON, see fixed_length. */
static void
append_value (fg_buf *buf, const fg_value *value, bool *exact, int depth)
{
   const uint64_t flip = UINT64_C (1) << 63;

   switch (value->type) {
   case 0x01:
      append_double (buf, value->data);
      break;
   case 0x10:
      append_int64 (buf, fg_read_i32le (value->data));
      break;
   case 0x12:
      append_int64 (buf, (int64_t)fg_read_u64le (value->data));
      break;
   case 0x13:
      append_decimal (buf, value->data, exact);
      break;
   case 0x02:
   case 0x0D:
   case 0x0E:
      append_string (buf, value);
      break;
   case 0x03:
   case 0x04:
      append_members (buf, value, exact, depth);
      break;
   case 0x05:
      append_be (buf, fg_read_u32le (value->data), 4);
      fg_buf_append (buf, value->data + 4, value->len - 4);
      break;
   case 0x07:
   case 0x08:
      fg_buf_append (buf, value->data, value->len);
      break;
   case 0x09:
      append_be (buf, fg_read_u64le (value->data) ^ flip, 8);
      break;
   case 0x11:
      append_be (buf, fg_read_u64le (value->data), 8);
      break;
   case 0x0B:
      fg_buf_append (buf, value->data, value->len);
      break;
   case 0xFF:
   case 0x7F:
   case 0x00:
   case 0x06:
   case 0x0A:
      break;
   default:
      *exact = false;
      append_be (buf, value->len, 4);
      fg_buf_append (buf, value->data, value->len);
      break;
   }
}

void
fgd_key_append (fg_buf *buf, const fg_value *value, bool *exact)
{
   append_u8 (buf, type_byte (value->type));
   append_value (buf, value, exact, 0);
}

static uint64_t
fnv (const uint8_t *data, size_t len, uint64_t hash)
{
   for (size_t i = 0; i < len; i++) {
      hash = (hash ^ data[i]) * UINT64_C (0x100000001B3);
   }
   return hash;
}

void
fgd_key_seal (fg_buf *buf, size_t offset, bool *exact)
{
   if (buf->failed || buf->len - offset <= FGD_KEY_MAX) {
      return;
   }
   uint64_t hash = fnv (buf->data + offset, buf->len - offset, UINT64_C (0xCBF29CE484222325));
   buf->len = offset + FGD_KEY_MAX - 8;
   append_be (buf, hash, 8);
   *exact = false;
}
