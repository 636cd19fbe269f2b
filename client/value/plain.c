/* SPDX-License-Identifier: Apache-2.0 */
#include "client/value/value.h"

#include "base/base.h"

#include <stdlib.h>

static void
put_u32 (uint8_t *out, uint32_t v)
{
   for (int i = 0; i < 4; i++) {
      out[i] = (uint8_t)(v >> (8 * i));
   }
}

static void
put_u64 (uint8_t *out, uint64_t v)
{
   put_u32 (out, (uint32_t)v);
   put_u32 (out + 4, (uint32_t)(v >> 32));
}

/* Room for n bytes that are about to be written through the pointer returned. */
static uint8_t *
room (fg_plain *plain, size_t n, fg_error *err)
{
   uint8_t *data = plain->small;

   if (n > FG_AEAD_PLAINTEXT_MAX) {
      fg_error_set (err, FG_ERROR_CRYPTO, FG_E_TOO_LARGE, NULL, "a value of more than 64 MiB cannot be encrypted");
      return NULL;
   }
   if (n > sizeof plain->small) {
      data = plain->heap = malloc (n);
      if (!data) {
         fg_error_set (err, FG_ERROR_CRYPTO, FG_E_NOMEM, NULL, "out of memory");
         return NULL;
      }
   } else {
      plain->wipe = n;
   }
   plain->data = data;
   plain->len = n;
   return data;
}

/* A string as BSON holds it, with extra bytes of room behind. Returns where the extra bytes go. */
static uint8_t *
put_string (fg_plain *plain, const char *text, size_t len, size_t extra, fg_error *err)
{
   uint8_t *p = len < FG_AEAD_PLAINTEXT_MAX ? room (plain, 5 + len + extra, err) : room (plain, SIZE_MAX, err);

   if (!p) {
      return NULL;
   }
   put_u32 (p, (uint32_t)len + 1);
   memcpy (p + 4, text, len);
   p[4 + len] = 0;
   return p + 5 + len;
}

static bool
put_binary (fg_plain *plain, const uint8_t *data, uint32_t len, bson_subtype_t subtype, fg_error *err)
{
   /* libbson hides the second length of subtype 2. */
   uint32_t inner = subtype == BSON_SUBTYPE_BINARY_DEPRECATED ? 4 : 0;
   uint8_t *p = room (plain, 5 + (size_t)inner + len, err);

   if (!p) {
      return false;
   }
   put_u32 (p, len + inner);
   p[4] = (uint8_t)subtype;
   if (inner) {
      put_u32 (p + 5, len);
   }
   if (len) {
      memcpy (p + 5 + inner, data, len);
   }
   return true;
}

static bool
put_regex (fg_plain *plain, const char *pattern, const char *options, fg_error *err)
{
   size_t a = strlen (pattern) + 1;
   size_t b = strlen (options) + 1;
   uint8_t *p = room (plain, a + b, err);

   if (!p) {
      return false;
   }
   memcpy (p, pattern, a);
   memcpy (p + a, options, b);
   return true;
}

static bool
put_code_with_scope (fg_plain *plain, const bson_value_t *value, fg_error *err)
{
   size_t code_len = value->value.v_codewscope.code_len;
   size_t scope_len = value->value.v_codewscope.scope_len;
   size_t total = 4 + 5 + code_len + scope_len;
   uint8_t *p = room (plain, total, err);

   if (!p) {
      return false;
   }
   put_u32 (p, (uint32_t)total);
   put_u32 (p + 4, (uint32_t)code_len + 1);
   memcpy (p + 8, value->value.v_codewscope.code, code_len);
   p[8 + code_len] = 0;
   memcpy (p + 9 + code_len, value->value.v_codewscope.scope_data, scope_len);
   return true;
}

static bool
put_fixed (fg_plain *plain, uint64_t low, uint64_t high, size_t n, fg_error *err)
{
   uint8_t bytes[16];
   uint8_t *p = room (plain, n, err);

   if (p) {
      put_u64 (bytes, low);
      put_u64 (bytes + 8, high);
      memcpy (p, bytes, n);
      fg_memzero (bytes, sizeof bytes);
   }
   return p != NULL;
}

static bool
put_oid (uint8_t *p, const bson_oid_t *oid)
{
   if (p) {
      memcpy (p, oid->bytes, sizeof oid->bytes);
   }
   return p != NULL;
}

static bool
put_double (fg_plain *plain, double v, fg_error *err)
{
   uint64_t bits;

   memcpy (&bits, &v, sizeof bits);
   return put_fixed (plain, bits, 0, 8, err);
}

bool
fg_plain_begin (fg_plain *plain, const bson_value_t *value, fg_error *err)
{
   plain->data = NULL;
   plain->len = plain->wipe = 0;
   plain->heap = NULL;
   switch (value->value_type) {
   case BSON_TYPE_DOUBLE:
      return put_double (plain, value->value.v_double, err);
   case BSON_TYPE_UTF8:
      return put_string (plain, value->value.v_utf8.str, value->value.v_utf8.len, 0, err) != NULL;
   case BSON_TYPE_CODE:
      return put_string (plain, value->value.v_code.code, value->value.v_code.code_len, 0, err) != NULL;
   case BSON_TYPE_SYMBOL:
      return put_string (plain, value->value.v_symbol.symbol, value->value.v_symbol.len, 0, err) != NULL;
   case BSON_TYPE_DBPOINTER:
      return put_oid (put_string (plain, value->value.v_dbpointer.collection, value->value.v_dbpointer.collection_len,
                                  sizeof (bson_oid_t), err),
                      &value->value.v_dbpointer.oid);
   case BSON_TYPE_DOCUMENT:
   case BSON_TYPE_ARRAY:
      plain->data = value->value.v_doc.data;
      plain->len = value->value.v_doc.data_len;
      return true;
   case BSON_TYPE_BINARY:
      return put_binary (plain, value->value.v_binary.data, value->value.v_binary.data_len,
                         value->value.v_binary.subtype, err);
   case BSON_TYPE_OID:
      return put_oid (room (plain, sizeof (bson_oid_t), err), &value->value.v_oid);
   case BSON_TYPE_BOOL:
      return put_fixed (plain, value->value.v_bool ? 1 : 0, 0, 1, err);
   case BSON_TYPE_DATE_TIME:
      return put_fixed (plain, (uint64_t)value->value.v_datetime, 0, 8, err);
   case BSON_TYPE_REGEX:
      return put_regex (plain, value->value.v_regex.regex, value->value.v_regex.options, err);
   case BSON_TYPE_CODEWSCOPE:
      return put_code_with_scope (plain, value, err);
   case BSON_TYPE_INT32:
      return put_fixed (plain, (uint32_t)value->value.v_int32, 0, 4, err);
   case BSON_TYPE_TIMESTAMP:
      return put_fixed (plain, (uint64_t)value->value.v_timestamp.timestamp << 32 | value->value.v_timestamp.increment,
                        0, 8, err);
   case BSON_TYPE_INT64:
      return put_fixed (plain, (uint64_t)value->value.v_int64, 0, 8, err);
   case BSON_TYPE_DECIMAL128:
      return put_fixed (plain, value->value.v_decimal128.low, value->value.v_decimal128.high, 16, err);
   case BSON_TYPE_EOD:
   case BSON_TYPE_UNDEFINED:
   case BSON_TYPE_NULL:
   case BSON_TYPE_MAXKEY:
   case BSON_TYPE_MINKEY:
   default:
      return fg_error_set (err, FG_ERROR_CRYPTO, FG_E_UNSUPPORTED, NULL, "a value of BSON type %d is never encrypted",
                           (int)value->value_type);
   }
}

void
fg_plain_end (fg_plain *plain)
{
   fg_memzero (plain->small, plain->wipe);
   if (plain->heap) {
      fg_memzero (plain->heap, plain->len);
      free (plain->heap);
   }
}
