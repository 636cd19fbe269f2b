/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/show.h"

#include "base/base.h"
#include "hosts/fieldguardd/store/key.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define SHOW_DEPTH_MAX 16
#define SHOW_BYTES_MAX 600 /* the rest of a long key is cut, the message has a limit of its own */

/* A document {"": value}, so that libbson reads the value. Empty on overflow. */
static void
wrap (bson_t *out, const fg_value *value)
{
   bson_init (out);
   if (!fgd_append_value (out, "", value)) {
      bson_append_null (out, "", 0);
   }
}

bool
fgd_append_value (bson_t *out, const char *name, const fg_value *value)
{
   /* Built by hand, {name: value}, then appended through an iterator: libbson has no call that takes raw bytes. */
   size_t name_len = strlen (name);
   uint8_t type = value->type ? value->type : 0x0A;
   size_t value_len = value->type ? value->len : 0;
   size_t total = 4 + 1 + name_len + 1 + value_len + 1;
   uint8_t stack[256];
   uint8_t *bytes = total <= sizeof stack ? stack : malloc (total);
   bson_t doc;
   bson_iter_t iter;
   bool ok = bytes != NULL && total <= INT32_MAX;

   if (ok) {
      for (size_t i = 0; i < 4; i++) {
         bytes[i] = (uint8_t)(total >> (8 * i));
      }
      bytes[4] = type;
      memcpy (bytes + 5, name, name_len + 1);
      if (value_len) {
         memcpy (bytes + 5 + name_len + 1, value->data, value_len);
      }
      bytes[total - 1] = 0;
      ok = bson_init_static (&doc, bytes, total) && bson_iter_init (&iter, &doc) && bson_iter_next (&iter) &&
           bson_append_iter (out, name, (int)name_len, &iter);
   }
   if (bytes != stack) {
      free (bytes);
   }
   return ok;
}

static void
show_hex (fg_buf *buf, const uint8_t *data, size_t len)
{
   for (size_t i = 0; i < len && buf->len < SHOW_BYTES_MAX; i++) {
      fg_buf_printf (buf, "%02X", data[i]);
   }
}

static void show (fg_buf *buf, bson_iter_t *iter, int depth);

static void
show_members (fg_buf *buf, const bson_iter_t *iter, int depth)
{
   bool array = bson_iter_type (iter) == BSON_TYPE_ARRAY;
   bson_iter_t child;
   const char *comma = " ";

   fg_buf_append_str (buf, array ? "[" : "{");
   if (depth < SHOW_DEPTH_MAX && bson_iter_recurse (iter, &child)) {
      while (buf->len < SHOW_BYTES_MAX && bson_iter_next (&child)) {
         fg_buf_append_str (buf, comma);
         if (!array) {
            fg_buf_append_str (buf, bson_iter_key (&child));
            fg_buf_append_str (buf, ": ");
         }
         show (buf, &child, depth + 1);
         comma = ", ";
      }
   }
   fg_buf_append_str (buf, array ? " ]" : " }");
}

static void
show_double (fg_buf *buf, double d)
{
   if (isnan (d)) {
      fg_buf_append_str (buf, "nan.0");
   } else if (isinf (d)) {
      fg_buf_append_str (buf, d < 0 ? "-inf.0" : "inf.0");
   } else if (d == floor (d) && fabs (d) < 1e15) {
      fg_buf_printf (buf, "%.1f", d);
   } else {
      fg_buf_printf (buf, "%.16g", d);
   }
}

static void
show_binary (fg_buf *buf, const bson_iter_t *iter)
{
   bson_subtype_t subtype;
   uint32_t len = 0;
   const uint8_t *data = NULL;

   bson_iter_binary (iter, &subtype, &len, &data);
   if (subtype == BSON_SUBTYPE_UUID && len == 16) {
      fg_buf_append_str (buf, "UUID(\"");
      for (size_t i = 0; i < 16; i++) {
         fg_buf_printf (buf, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", data[i]);
      }
      fg_buf_append_str (buf, "\")");
   } else {
      fg_buf_printf (buf, "BinData(%d, ", (int)subtype);
      show_hex (buf, data, len);
      fg_buf_append_str (buf, ")");
   }
}

static void
show (fg_buf *buf, bson_iter_t *iter, int depth)
{
   char text[BSON_DECIMAL128_STRING];
   bson_decimal128_t decimal;
   uint32_t len = 0;
   uint32_t time = 0;
   uint32_t increment = 0;

   switch ((int)bson_iter_type (iter)) {
   case BSON_TYPE_UTF8:
   case BSON_TYPE_SYMBOL: {
      fg_value value = fgd_iter_value (iter);
      len = value.len >= 5 ? (uint32_t)value.len - 5 : 0;
      fg_buf_append_str (buf, "\"");
      fg_buf_append (buf, value.data + 4, len < SHOW_BYTES_MAX ? len : SHOW_BYTES_MAX);
      fg_buf_append_str (buf, "\"");
      break;
   }
   case BSON_TYPE_INT32:
      fg_buf_printf (buf, "%" PRId32, bson_iter_int32 (iter));
      break;
   case BSON_TYPE_INT64:
      fg_buf_printf (buf, "%" PRId64, bson_iter_int64 (iter));
      break;
   case BSON_TYPE_DOUBLE:
      show_double (buf, bson_iter_double (iter));
      break;
   case BSON_TYPE_DECIMAL128:
      bson_iter_decimal128 (iter, &decimal);
      bson_decimal128_to_string (&decimal, text);
      fg_buf_append_str (buf, text);
      break;
   case BSON_TYPE_OID:
      bson_oid_to_string (bson_iter_oid (iter), text);
      fg_buf_printf (buf, "ObjectId('%s')", text);
      break;
   case BSON_TYPE_BOOL:
      fg_buf_append_str (buf, bson_iter_bool (iter) ? "true" : "false");
      break;
   case BSON_TYPE_DATE_TIME:
      fg_buf_printf (buf, "new Date(%" PRId64 ")", bson_iter_date_time (iter));
      break;
   case BSON_TYPE_TIMESTAMP:
      bson_iter_timestamp (iter, &time, &increment);
      fg_buf_printf (buf, "Timestamp(%" PRIu32 ", %" PRIu32 ")", time, increment);
      break;
   case BSON_TYPE_NULL:
      fg_buf_append_str (buf, "null");
      break;
   case BSON_TYPE_UNDEFINED:
      fg_buf_append_str (buf, "undefined");
      break;
   case BSON_TYPE_BINARY:
      show_binary (buf, iter);
      break;
   case BSON_TYPE_DOCUMENT:
   case BSON_TYPE_ARRAY:
      show_members (buf, iter, depth);
      break;
   case BSON_TYPE_MINKEY:
      fg_buf_append_str (buf, "MinKey");
      break;
   case BSON_TYPE_MAXKEY:
      fg_buf_append_str (buf, "MaxKey");
      break;
   default:
      fg_buf_append_str (buf, "?");
      break;
   }
}

static void
show_key (fg_buf *buf, const fgd_index *index, const fg_value *values)
{
   fg_buf_append_str (buf, "{");
   for (size_t i = 0; i < index->n_fields; i++) {
      bson_t doc;
      bson_iter_t iter;
      wrap (&doc, &values[i]);
      fg_buf_printf (buf, "%s%s: ", i ? ", " : " ", index->fields[i].path);
      if (bson_iter_init (&iter, &doc) && bson_iter_next (&iter)) {
         show (buf, &iter, 0);
      }
      bson_destroy (&doc);
   }
   fg_buf_append (buf, " }", 3);
}

bool
fgd_duplicate_key_error (const char *ns, const fgd_index *index, const fg_value *values, bson_t *detail, fg_error *err)
{
   fg_buf buf = {0};
   bson_iter_t key;

   show_key (&buf, index, values);
   fg_error_set (err, FG_ERROR_SERVER, 11000, NULL, "E11000 duplicate key error collection: %s index: %s dup key: %s",
                 ns, index->name, buf.failed ? "" : (const char *)buf.data);
   fg_buf_free (&buf);
   if (detail && bson_iter_init_find (&key, index->spec, "key")) {
      bson_t found;
      bson_append_iter (detail, "keyPattern", -1, &key);
      bson_append_document_begin (detail, "keyValue", -1, &found);
      for (size_t i = 0; i < index->n_fields; i++) {
         fgd_append_value (&found, index->fields[i].path, &values[i]);
      }
      bson_append_document_end (detail, &found);
   }
   return false;
}
