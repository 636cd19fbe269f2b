/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/queries/extjson.h"

#include <bson/bson.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct reader {
   const char *at;
   unsigned depth;
} reader;

static bool value (reader *r, bson_t *into, const char *name);

static void
space (reader *r)
{
   while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r') {
      r->at++;
   }
}

static bool
eat (reader *r, char c)
{
   space (r);
   if (*r->at != c) {
      return false;
   }
   r->at++;
   return true;
}

static void
put_utf8 (fg_buf *out, unsigned code)
{
   char bytes[3];
   if (code < 0x80) {
      bytes[0] = (char)code;
      fg_buf_append (out, bytes, 1);
   } else if (code < 0x800) {
      bytes[0] = (char)(0xc0u | (code >> 6));
      bytes[1] = (char)(0x80u | (code & 0x3fu));
      fg_buf_append (out, bytes, 2);
   } else {
      bytes[0] = (char)(0xe0u | (code >> 12));
      bytes[1] = (char)(0x80u | ((code >> 6) & 0x3fu));
      bytes[2] = (char)(0x80u | (code & 0x3fu));
      fg_buf_append (out, bytes, 3);
   }
}

static bool
escape (reader *r, fg_buf *out)
{
   static const char from[] = "\"\\/bfnrt";
   static const char to[] = "\"\\/\b\f\n\r\t";
   char c = *r->at++;
   const char *hit = c ? strchr (from, c) : NULL;
   if (hit) {
      fg_buf_append (out, &to[hit - from], 1);
      return true;
   }
   char hex[5] = {0};
   if (c != 'u' || strlen (r->at) < 4) {
      return false;
   }
   memcpy (hex, r->at, 4);
   r->at += 4;
   put_utf8 (out, (unsigned)strtoul (hex, NULL, 16));
   return true;
}

/* The string's bytes, with a NUL after them that len does not count. */
static bool
string (reader *r, fg_buf *out)
{
   out->len = 0;
   if (!eat (r, '"')) {
      return false;
   }
   while (*r->at && *r->at != '"') {
      if (*r->at == '\\') {
         r->at++;
         if (!escape (r, out)) {
            return false;
         }
         continue;
      }
      fg_buf_append (out, r->at++, 1);
   }
   fg_buf_append (out, "", 1);
   out->len--;
   return !out->failed && eat (r, '"');
}

static bool
number (reader *r, bson_t *into, const char *name)
{
   char *end = NULL;
   double d = strtod (r->at, &end);
   if (end == r->at) {
      return false;
   }
   bool whole = d >= INT32_MIN && d <= INT32_MAX && !memchr (r->at, '.', (size_t)(end - r->at)) &&
                !memchr (r->at, 'e', (size_t)(end - r->at));
   r->at = end;
   return whole ? bson_append_int32 (into, name, -1, (int32_t)d) : bson_append_double (into, name, -1, d);
}

static bool
binary (const bson_t *spec, bson_t *into, const char *name)
{
   static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
   bson_iter_t iter;
   uint8_t bytes[1024];
   size_t n = 0;
   unsigned bits = 0;
   unsigned have = 0;
   if (!bson_iter_init_find (&iter, spec, "base64") || !BSON_ITER_HOLDS_UTF8 (&iter)) {
      return false;
   }
   for (const char *at = bson_iter_utf8 (&iter, NULL); *at && *at != '=' && n < sizeof bytes; at++) {
      const char *digit = strchr (digits, *at);
      if (!digit) {
         return false;
      }
      bits = (bits << 6 | (unsigned)(digit - digits)) & 0xffffffu;
      have += 6;
      if (have >= 8) {
         have -= 8;
         bytes[n++] = (uint8_t)(bits >> have);
      }
   }
   if (!bson_iter_init_find (&iter, spec, "subType") || !BSON_ITER_HOLDS_UTF8 (&iter)) {
      return false;
   }
   unsigned long subtype = strtoul (bson_iter_utf8 (&iter, NULL), NULL, 16);
   return bson_append_binary (into, name, -1, (bson_subtype_t)subtype, bytes, (uint32_t)n);
}

static bool
timestamp (const bson_t *spec, bson_t *into, const char *name)
{
   bson_iter_t t;
   bson_iter_t i;
   return bson_iter_init_find (&t, spec, "t") && bson_iter_init_find (&i, spec, "i") &&
          bson_append_timestamp (into, name, -1, (uint32_t)bson_iter_as_int64 (&t), (uint32_t)bson_iter_as_int64 (&i));
}

/* {"$numberInt": "1"} and its like: *done says that it was one. */
static bool
wrapped (const bson_t *object, bson_t *into, const char *name, bool *done)
{
   bson_iter_t iter;
   *done = false;
   if (bson_count_keys (object) != 1 || !bson_iter_init (&iter, object) || !bson_iter_next (&iter)) {
      return true;
   }
   const char *key = bson_iter_key (&iter);
   const char *text = BSON_ITER_HOLDS_UTF8 (&iter) ? bson_iter_utf8 (&iter, NULL) : NULL;
   *done = true;
   if (text && strcmp (key, "$numberInt") == 0) {
      return bson_append_int32 (into, name, -1, (int32_t)strtol (text, NULL, 10));
   }
   if (text && strcmp (key, "$numberLong") == 0) {
      return bson_append_int64 (into, name, -1, strtoll (text, NULL, 10));
   }
   if (text && strcmp (key, "$numberDouble") == 0) {
      return bson_append_double (into, name, -1, strtod (text, NULL));
   }
   if (text && strcmp (key, "$numberDecimal") == 0) {
      bson_decimal128_t decimal;
      return bson_decimal128_from_string (text, &decimal) && bson_append_decimal128 (into, name, -1, &decimal);
   }
   if (text && strcmp (key, "$oid") == 0 && bson_oid_is_valid (text, strlen (text))) {
      bson_oid_t oid;
      bson_oid_init_from_string (&oid, text);
      return bson_append_oid (into, name, -1, &oid);
   }
   if (strcmp (key, "$date") == 0 && BSON_ITER_HOLDS_INT64 (&iter)) {
      return bson_append_date_time (into, name, -1, bson_iter_int64 (&iter));
   }
   if (strcmp (key, "$undefined") == 0) {
      return bson_append_undefined (into, name, -1);
   }
   if (strcmp (key, "$minKey") == 0) {
      return bson_append_minkey (into, name, -1);
   }
   if (strcmp (key, "$maxKey") == 0) {
      return bson_append_maxkey (into, name, -1);
   }
   if (BSON_ITER_HOLDS_DOCUMENT (&iter) && (strcmp (key, "$binary") == 0 || strcmp (key, "$timestamp") == 0)) {
      const uint8_t *data = NULL;
      uint32_t len = 0;
      bson_t inner;
      bson_iter_document (&iter, &len, &data);
      if (bson_init_static (&inner, data, len)) {
         return key[1] == 'b' ? binary (&inner, into, name) : timestamp (&inner, into, name);
      }
   }
   *done = false;
   return true;
}

static bool
members (reader *r, bson_t *object)
{
   fg_buf key = {0};
   bool ok = eat (r, '{');
   space (r);
   if (ok && *r->at == '}') {
      r->at++;
      return true;
   }
   while (ok) {
      ok = string (r, &key) && eat (r, ':') && value (r, object, (const char *)key.data);
      if (ok && eat (r, '}')) {
         break;
      }
      ok = ok && eat (r, ',');
   }
   fg_buf_free (&key);
   return ok;
}

static bool
array (reader *r, bson_t *into, const char *name)
{
   bson_t child;
   char index[16];
   bool ok = eat (r, '[') && bson_append_array_begin (into, name, -1, &child);
   space (r);
   if (ok && *r->at == ']') {
      r->at++;
      return bson_append_array_end (into, &child);
   }
   for (uint32_t n = 0; ok; n++) {
      const char *key;
      bson_uint32_to_string (n, &key, index, sizeof index);
      ok = value (r, &child, key);
      if (ok && eat (r, ']')) {
         break;
      }
      ok = ok && eat (r, ',');
   }
   return bson_append_array_end (into, &child) && ok;
}

static bool
object (reader *r, bson_t *into, const char *name)
{
   bson_t child = BSON_INITIALIZER;
   bool done = false;
   bool ok = members (r, &child) && wrapped (&child, into, name, &done) &&
             (done || bson_append_document (into, name, -1, &child));
   bson_destroy (&child);
   return ok;
}

static bool
word (reader *r, const char *text)
{
   size_t len = strlen (text);
   if (strncmp (r->at, text, len) != 0) {
      return false;
   }
   r->at += len;
   return true;
}

static bool
value (reader *r, bson_t *into, const char *name)
{
   bool ok = false;
   space (r);
   if (++r->depth > 300) {
      return false;
   }
   if (*r->at == '{') {
      ok = object (r, into, name);
   } else if (*r->at == '[') {
      ok = array (r, into, name);
   } else if (*r->at == '"') {
      fg_buf text = {0};
      ok = string (r, &text) && bson_append_utf8 (into, name, -1, (const char *)text.data, (int)text.len);
      fg_buf_free (&text);
   } else if (word (r, "true")) {
      ok = bson_append_bool (into, name, -1, true);
   } else if (word (r, "false")) {
      ok = bson_append_bool (into, name, -1, false);
   } else if (word (r, "null")) {
      ok = bson_append_null (into, name, -1);
   } else {
      ok = number (r, into, name);
   }
   r->depth--;
   return ok;
}

bool
fg_test_extjson (const char *text, fg_buf *out)
{
   reader r = {text, 0};
   bson_t doc = BSON_INITIALIZER;
   bool ok = members (&r, &doc);
   out->len = 0;
   fg_buf_append (out, bson_get_data (&doc), doc.len);
   bson_destroy (&doc);
   space (&r);
   return ok && *r.at == '\0' && !out->failed;
}
