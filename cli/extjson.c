/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/extjson_internal.h"

#include <bson/bson.h>
#include <errno.h>
#include <stdlib.h>

/* --- reading ----------------------------------------------------------------------------------------------------------- */

bool
fg_json_fail (fg_json *j, const char *problem)
{
   if (!j->problem) {
      j->problem = problem;
   }
   return false;
}

void
fg_json_space (fg_json *j)
{
   while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' || *j->at == '\r' || *j->at == '\n')) {
      j->at++;
   }
}

char
fg_json_peek (fg_json *j)
{
   fg_json_space (j);
   return j->at < j->end ? *j->at : '\0';
}

bool
fg_json_take (fg_json *j, char c, const char *problem)
{
   if (fg_json_peek (j) != c) {
      return fg_json_fail (j, problem);
   }
   j->at++;
   return true;
}

static bool
hex4 (fg_json *j, uint32_t *out)
{
   uint32_t v = 0;

   if (j->end - j->at < 4) {
      return fg_json_fail (j, "a \\u escape is cut short");
   }
   for (int i = 0; i < 4; i++, j->at++) {
      char c = *j->at;
      uint32_t digit = c >= '0' && c <= '9'                     ? (uint32_t)(c - '0')
                       : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (uint32_t)((c | 0x20) - 'a' + 10)
                                                                : 16;
      if (digit == 16) {
         return fg_json_fail (j, "a \\u escape has a digit that is not hexadecimal");
      }
      v = v << 4 | digit;
   }
   *out = v;
   return true;
}

static void
put_code_point (fg_buf *out, uint32_t c)
{
   uint8_t b[4];
   size_t n;

   if (c < 0x80) {
      b[0] = (uint8_t)c;
      n = 1;
   } else if (c < 0x800) {
      b[0] = (uint8_t)(0xC0 | c >> 6);
      b[1] = (uint8_t)(0x80 | (c & 0x3F));
      n = 2;
   } else if (c < 0x10000) {
      b[0] = (uint8_t)(0xE0 | c >> 12);
      b[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
      b[2] = (uint8_t)(0x80 | (c & 0x3F));
      n = 3;
   } else {
      b[0] = (uint8_t)(0xF0 | c >> 18);
      b[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
      b[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
      b[3] = (uint8_t)(0x80 | (c & 0x3F));
      n = 4;
   }
   fg_buf_append (out, b, n);
}

static bool
unicode_escape (fg_json *j, fg_buf *out)
{
   uint32_t c, low;

   if (!hex4 (j, &c)) {
      return false;
   }
   if (c >= 0xD800 && c <= 0xDFFF) {
      if (c > 0xDBFF || j->end - j->at < 2 || j->at[0] != '\\' || j->at[1] != 'u') {
         return fg_json_fail (j, "half of a surrogate pair");
      }
      j->at += 2;
      if (!hex4 (j, &low)) {
         return false;
      }
      if (low < 0xDC00 || low > 0xDFFF) {
         return fg_json_fail (j, "half of a surrogate pair");
      }
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
   }
   put_code_point (out, c);
   return true;
}

static bool
escape (fg_json *j, fg_buf *out)
{
   static const char names[] = "\"\\/bfnrt";
   static const char values[] = "\"\\/\b\f\n\r\t";

   if (j->at == j->end) {
      return fg_json_fail (j, "a string that does not end");
   }
   char c = *j->at++;
   if (c == 'u') {
      return unicode_escape (j, out);
   }
   const char *found = c ? strchr (names, c) : NULL;
   if (!found) {
      j->at--;
      return fg_json_fail (j, "an escape that JSON does not know");
   }
   fg_buf_append (out, &values[found - names], 1);
   return true;
}

bool
fg_json_string (fg_json *j, fg_buf *out)
{
   if (!fg_json_take (j, '"', "a string is expected")) {
      return false;
   }
   for (;;) {
      const char *run = j->at;
      while (j->at < j->end && *j->at != '"' && *j->at != '\\' && (uint8_t)*j->at >= 0x20) {
         j->at++;
      }
      size_t n = (size_t)(j->at - run);
      if (n && !bson_utf8_validate (run, n, true)) {
         j->at = run;
         return fg_json_fail (j, "a string that is not UTF-8");
      }
      fg_buf_append (out, run, n);
      if (j->at == j->end) {
         return fg_json_fail (j, "a string that does not end");
      }
      if (*j->at == '"') {
         j->at++;
         return true;
      }
      if (*j->at != '\\') {
         return fg_json_fail (j, "a control character in a string");
      }
      j->at++;
      if (!escape (j, out)) {
         return false;
      }
   }
}

bool
fg_json_expect_name (fg_json *j, const char *name)
{
   size_t n = strlen (name);

   fg_json_space (j);
   if ((size_t)(j->end - j->at) < n + 2 || j->at[0] != '"' || memcmp (j->at + 1, name, n) != 0 || j->at[n + 1] != '"') {
      return fg_json_fail (j, "not the members that this type has");
   }
   j->at += n + 2;
   return fg_json_take (j, ':', "':' is expected");
}

/* --- writing ----------------------------------------------------------------------------------------------------------- */

void
fg_json_put_i32 (fg_buf *out, int32_t v)
{
   uint32_t u = BSON_UINT32_TO_LE ((uint32_t)v);
   fg_buf_append (out, &u, sizeof u);
}

void
fg_json_put_i64 (fg_buf *out, int64_t v)
{
   uint64_t u = BSON_UINT64_TO_LE ((uint64_t)v);
   fg_buf_append (out, &u, sizeof u);
}

void
fg_json_put_double (fg_buf *out, double v)
{
   uint64_t u;
   memcpy (&u, &v, sizeof u);
   fg_json_put_i64 (out, (int64_t)u);
}

void
fg_json_put_string (fg_buf *out, const void *bytes, size_t len)
{
   fg_json_put_i32 (out, (int32_t)(len + 1));
   fg_buf_append (out, bytes, len);
   fg_buf_append (out, "", 1);
}

static void
patch_length (fg_buf *out, size_t at, size_t len)
{
   uint32_t u = BSON_UINT32_TO_LE ((uint32_t)len);
   if (!out->failed) {
      memcpy (out->data + at, &u, sizeof u);
   }
}

/* --- values ------------------------------------------------------------------------------------------------------------ */

/* Checks JSON's grammar of numbers, which is narrower than strtod's. */
static size_t
number_length (const char *p, const char *end, bool *integer)
{
   const char *start = p;

   *integer = true;
   p += p < end && *p == '-';
   const char *digits = p;
   while (p < end && *p >= '0' && *p <= '9') {
      p++;
   }
   if (p == digits || (*digits == '0' && p - digits > 1)) {
      return 0;
   }
   if (p < end && *p == '.') {
      *integer = false;
      const char *fraction = ++p;
      while (p < end && *p >= '0' && *p <= '9') {
         p++;
      }
      if (p == fraction) {
         return 0;
      }
   }
   if (p < end && (*p | 0x20) == 'e') {
      *integer = false;
      p++;
      p += p < end && (*p == '+' || *p == '-');
      const char *exponent = p;
      while (p < end && *p >= '0' && *p <= '9') {
         p++;
      }
      if (p == exponent) {
         return 0;
      }
   }
   return (size_t)(p - start);
}

static bool
number (fg_json *j, uint8_t *type)
{
   char text[1100]; /* the longest double in full has 1,077 characters */
   bool integer;
   size_t n = number_length (j->at, j->end, &integer);

   if (n == 0 || n >= sizeof text) {
      return fg_json_fail (j, n ? "a number too long to be one" : "not a JSON value");
   }
   memcpy (text, j->at, n);
   text[n] = '\0';
   j->at += n;
   errno = 0;
   long long v = integer ? strtoll (text, NULL, 10) : 0;
   if (!integer || errno == ERANGE) {
      *type = BSON_TYPE_DOUBLE;
      fg_json_put_double (j->out, strtod (text, NULL));
   } else if (v >= INT32_MIN && v <= INT32_MAX) {
      *type = BSON_TYPE_INT32;
      fg_json_put_i32 (j->out, (int32_t)v);
   } else {
      *type = BSON_TYPE_INT64;
      fg_json_put_i64 (j->out, (int64_t)v);
   }
   return true;
}

static bool
word (fg_json *j, uint8_t *type)
{
   size_t left = (size_t)(j->end - j->at);

   if (left >= 4 && memcmp (j->at, "true", 4) == 0) {
      *type = BSON_TYPE_BOOL;
      fg_buf_append (j->out, "\1", 1);
      j->at += 4;
   } else if (left >= 5 && memcmp (j->at, "false", 5) == 0) {
      *type = BSON_TYPE_BOOL;
      fg_buf_append (j->out, "", 1);
      j->at += 5;
   } else if (left >= 4 && memcmp (j->at, "null", 4) == 0) {
      *type = BSON_TYPE_NULL;
      j->at += 4;
   } else {
      return fg_json_fail (j, "not a JSON value");
   }
   return true;
}

static bool
string_value (fg_json *j)
{
   size_t at = j->out->len;

   fg_json_put_i32 (j->out, 0);
   if (!fg_json_string (j, j->out)) {
      return false;
   }
   fg_buf_append (j->out, "", 1);
   patch_length (j->out, at, j->out->len - at - 4);
   return true;
}

static bool value (fg_json *j, uint8_t *type);

/* Type byte, name, value; the type is known last. name NULL: it is read. */
static bool
element (fg_json *j, const char *name)
{
   size_t type_at = j->out->len;
   uint8_t type = 0;

   fg_buf_append (j->out, "", 1);
   if (name) {
      fg_buf_append_str (j->out, name);
   } else {
      if (!fg_json_string (j, j->out)) {
         return false;
      }
      if (!j->out->failed && memchr (j->out->data + type_at + 1, 0, j->out->len - type_at - 1)) {
         return fg_json_fail (j, "a name with a NUL in it");
      }
      if (!fg_json_take (j, ':', "':' is expected")) {
         return false;
      }
   }
   fg_buf_append (j->out, "", 1);
   if (!value (j, &type)) {
      return false;
   }
   if (!j->out->failed) {
      j->out->data[type_at] = type;
   }
   return true;
}

static bool
array (fg_json *j)
{
   size_t at = j->out->len;
   char name[16];

   fg_json_put_i32 (j->out, 0);
   if (fg_json_peek (j) == ']') {
      j->at++;
   } else {
      for (uint32_t i = 0;; i++) {
         snprintf (name, sizeof name, "%u", i);
         if (!element (j, name)) {
            return false;
         }
         if (fg_json_peek (j) != ',') {
            break;
         }
         j->at++;
      }
      if (!fg_json_take (j, ']', "',' or ']' is expected")) {
         return false;
      }
   }
   fg_buf_append (j->out, "", 1);
   patch_length (j->out, at, j->out->len - at);
   return true;
}

bool
fg_json_object (fg_json *j)
{
   size_t at = j->out->len;

   fg_json_put_i32 (j->out, 0);
   if (fg_json_peek (j) == '}') {
      j->at++;
   } else {
      for (;;) {
         if (!element (j, NULL)) {
            return false;
         }
         if (fg_json_peek (j) != ',') {
            break;
         }
         j->at++;
      }
      if (!fg_json_take (j, '}', "',' or '}' is expected")) {
         return false;
      }
   }
   fg_buf_append (j->out, "", 1);
   patch_length (j->out, at, j->out->len - at);
   return true;
}

/* After '{'. The names of wrappers have no escapes and are short: looked at where they lie. */
static bool
object_or_wrapper (fg_json *j, uint8_t *type)
{
   *type = BSON_TYPE_DOCUMENT;
   if (fg_json_peek (j) != '"' || j->end - j->at < 3 || j->at[1] != '$') {
      return fg_json_object (j);
   }
   const char *name = j->at + 1;
   const char *close = memchr (name, '"', (size_t)(j->end - name));
   if (!close || !fg_json_is_wrapper (name, (size_t)(close - name))) {
      return fg_json_object (j);
   }
   j->at = close + 1;
   return fg_json_take (j, ':', "':' is expected") && fg_json_wrapper (j, name, (size_t)(close - name), type) &&
          fg_json_take (j, '}', "not the members that this type has");
}

static bool
value (fg_json *j, uint8_t *type)
{
   bool ok;
   char c = fg_json_peek (j);

   if (c == '"') {
      *type = BSON_TYPE_UTF8;
      return string_value (j);
   }
   if (c != '{' && c != '[') {
      return c == '-' || (c >= '0' && c <= '9') ? number (j, type) : word (j, type);
   }
   if (++j->depth > FG_EXTJSON_DEPTH) {
      return fg_json_fail (j, "nested too deeply");
   }
   j->at++;
   if (c == '[') {
      *type = BSON_TYPE_ARRAY;
      ok = array (j);
   } else {
      ok = object_or_wrapper (j, type);
   }
   j->depth--;
   return ok;
}

bool
fg_extjson_parse (const char *text, size_t len, fg_buf *out, size_t *position, fg_error *err)
{
   fg_json j = {text, text, text + len, out, 1, NULL};

   bool ok = fg_json_take (&j, '{', "'{' is expected") && fg_json_object (&j);
   if (ok) {
      fg_json_space (&j);
      ok = j.at == j.end || fg_json_fail (&j, "something follows the object");
   }
   if (ok && out->failed) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   if (ok && out->len > INT32_MAX) {
      return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, NULL, "larger than BSON can say");
   }
   *position = (size_t)(j.at - text);
   return ok || fg_error_set (err, FG_ERROR_BSON, FG_E_INVALID, NULL, "not Extended JSON: %s", j.problem);
}
