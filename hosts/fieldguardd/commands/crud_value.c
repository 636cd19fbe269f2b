/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/crud_args.h"

#include <math.h>
#include <stdlib.h>

/* --- types ---------------------------------------------------------------------------------------------------------- */

const char *
fgd_arg_type_name (uint8_t type)
{
   switch (type) {
   case 0x00:
      return "missing";
   case 0x01:
      return "double";
   case 0x02:
      return "string";
   case 0x03:
      return "object";
   case 0x04:
      return "array";
   case 0x05:
      return "binData";
   case 0x06:
      return "undefined";
   case 0x07:
      return "objectId";
   case 0x08:
      return "bool";
   case 0x09:
      return "date";
   case 0x0A:
      return "null";
   case 0x0B:
      return "regex";
   case 0x0C:
      return "dbPointer";
   case 0x0D:
      return "javascript";
   case 0x0E:
      return "symbol";
   case 0x0F:
      return "javascriptWithScope";
   case 0x10:
      return "int";
   case 0x11:
      return "timestamp";
   case 0x12:
      return "long";
   case 0x13:
      return "decimal";
   case 0x7F:
      return "maxKey";
   case 0xFF:
      return "minKey";
   default:
      return "unknown";
   }
}

bool
fgd_value_is_number (const fg_value *value)
{
   return value->type == 0x01 || value->type == 0x10 || value->type == 0x12 || value->type == 0x13;
}

double
fgd_value_double (const fg_value *value)
{
   double d;
   uint64_t bits;
   char text[BSON_DECIMAL128_STRING];
   bson_decimal128_t decimal;

   switch (value->type) {
   case 0x01:
      bits = fg_read_u64le (value->data);
      memcpy (&d, &bits, sizeof d);
      return d;
   case 0x10:
      return fg_read_i32le (value->data);
   case 0x12:
      return (double)(int64_t)fg_read_u64le (value->data);
   case 0x13:
      decimal.low = fg_read_u64le (value->data);
      decimal.high = fg_read_u64le (value->data + 8);
      bson_decimal128_to_string (&decimal, text);
      return strtod (text, NULL);
   default:
      return 0;
   }
}

int64_t
fgd_value_int64 (const fg_value *value)
{
   if (value->type == 0x10) {
      return fg_read_i32le (value->data);
   }
   if (value->type == 0x12) {
      return (int64_t)fg_read_u64le (value->data);
   }
   double d = fgd_value_double (value);
   if (isnan (d)) {
      return 0;
   }
   if (d >= 9223372036854775807.0) {
      return INT64_MAX;
   }
   return d <= -9223372036854775808.0 ? INT64_MIN : (int64_t)d;
}

bool
fgd_value_bool (const fg_value *value)
{
   if (fgd_value_is_number (value)) {
      return fgd_value_double (value) != 0; /* NaN is true, as in mongod */
   }
   if (value->type == 0x08) {
      return value->data[0] != 0;
   }
   return value->type != 0 && value->type != 0x0A && value->type != 0x06;
}

const char *
fgd_value_string (const fg_value *value)
{
   if (value->type != 0x02 || value->len < 5 || memchr (value->data + 4, 0, value->len - 5)) {
      return NULL;
   }
   return (const char *)value->data + 4;
}

void
fgd_value_document (const fg_value *value, bson_t *out)
{
   static const uint8_t empty[5] = {5, 0, 0, 0, 0};

   if ((value->type != 0x03 && value->type != 0x04) || !bson_init_static (out, value->data, value->len)) {
      bson_init_static (out, empty, sizeof empty);
   }
}
