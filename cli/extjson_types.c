/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/extjson_internal.h"

#include <bson/bson.h>
#include <errno.h>
#include <stdlib.h>

/* The type wrappers of Extended JSON v2. Each reads the value after `{"$name":`, up to but without the closing brace. */

static const char bad_value[] = "not a value of this type";

typedef struct text {
   char bytes[128];
   size_t len;
} text;

/* A short string: whatever a wrapper's text can be that is not of the document's own making. */
static bool
short_text (fg_json *j, text *out)
{
   fg_buf buf = {0};

   bool ok = fg_json_string (j, &buf) && (buf.len < sizeof out->bytes || fg_json_fail (j, bad_value));
   if (ok) {
      if (buf.len) {
         memcpy (out->bytes, buf.data, buf.len);
      }
      out->bytes[buf.len] = '\0';
      out->len = buf.len;
      ok = strlen (out->bytes) == buf.len || fg_json_fail (j, bad_value);
   }
   fg_buf_free (&buf);
   return ok;
}

static bool
parse_i64 (const char *s, int64_t *out)
{
   char *end = NULL;

   errno = 0;
   *out = strtoll (s, &end, 10);
   return *s && (*s == '-' || (*s >= '0' && *s <= '9')) && !*end && errno == 0;
}

static bool
number_int (fg_json *j)
{
   text t;
   int64_t v;

   if (!short_text (j, &t) || !parse_i64 (t.bytes, &v) || v < INT32_MIN || v > INT32_MAX) {
      return fg_json_fail (j, bad_value);
   }
   fg_json_put_i32 (j->out, (int32_t)v);
   return true;
}

static bool
number_long (fg_json *j)
{
   text t;
   int64_t v;

   if (!short_text (j, &t) || !parse_i64 (t.bytes, &v)) {
      return fg_json_fail (j, bad_value);
   }
   fg_json_put_i64 (j->out, v);
   return true;
}

static bool
number_double (fg_json *j)
{
   text t;
   char *end = NULL;

   if (!short_text (j, &t) || !t.len || t.bytes[0] == ' ') {
      return fg_json_fail (j, bad_value);
   }
   double v = strtod (t.bytes, &end); /* "Infinity", "-Infinity" and "NaN" too */
   if (*end) {
      return fg_json_fail (j, bad_value);
   }
   fg_json_put_double (j->out, v);
   return true;
}

static bool
number_decimal (fg_json *j)
{
   text t;
   bson_decimal128_t d;

   if (!short_text (j, &t) || !bson_decimal128_from_string (t.bytes, &d)) {
      return fg_json_fail (j, bad_value);
   }
   fg_json_put_i64 (j->out, (int64_t)d.low);
   fg_json_put_i64 (j->out, (int64_t)d.high);
   return true;
}

static int
hex_digit (char c)
{
   return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* n bytes of 2n digits; hyphens are skipped. */
static bool
hex_bytes (const char *s, uint8_t *out, size_t n)
{
   size_t digits = 0;

   for (; *s; s++) {
      int v = hex_digit (*s);
      if (*s == '-') {
         continue;
      }
      if (v < 0 || digits == 2 * n) {
         return false;
      }
      out[digits / 2] = (uint8_t)(digits % 2 ? out[digits / 2] << 4 | v : v);
      digits++;
   }
   return digits == 2 * n;
}

static bool
object_id (fg_json *j)
{
   text t;
   uint8_t id[12];

   if (!short_text (j, &t) || t.len != 24 || !hex_bytes (t.bytes, id, sizeof id)) {
      return fg_json_fail (j, bad_value);
   }
   fg_buf_append (j->out, id, sizeof id);
   return true;
}

/* --- binary -------------------------------------------------------------------------------------------------------------- */

static int
base64_digit (char c)
{
   if (c >= 'A' && c <= 'Z') {
      return c - 'A';
   }
   if (c >= 'a' && c <= 'z') {
      return c - 'a' + 26;
   }
   return c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* In place. */
static bool
base64_decode (fg_buf *buf)
{
   size_t n = buf->len;
   size_t written = 0;
   uint32_t bits = 0;

   if (n % 4) {
      return false;
   }
   n -= n && buf->data[n - 1] == '=';
   n -= n && n % 4 == 3 && buf->data[n - 1] == '=';
   for (size_t i = 0; i < n; i++) {
      int v = base64_digit ((char)buf->data[i]);
      if (v < 0) {
         return false;
      }
      bits = bits << 6 | (uint32_t)v;
      if (i % 4) {
         buf->data[written++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
      }
   }
   buf->len = written;
   return true;
}

static void
put_binary (fg_json *j, uint8_t subtype, const fg_buf *bytes)
{
   bool old = subtype == BSON_SUBTYPE_BINARY_DEPRECATED; /* has its length twice */

   fg_json_put_i32 (j->out, (int32_t)(bytes->len + (old ? 4 : 0)));
   fg_buf_append (j->out, &subtype, 1);
   if (old) {
      fg_json_put_i32 (j->out, (int32_t)bytes->len);
   }
   fg_buf_append (j->out, bytes->data, bytes->len);
}

static bool
subtype_text (fg_json *j, uint8_t *out)
{
   text t;
   char padded[3] = "00";

   if (!short_text (j, &t) || t.len == 0 || t.len > 2) {
      return fg_json_fail (j, bad_value);
   }
   memcpy (padded + 2 - t.len, t.bytes, t.len);
   return hex_bytes (padded, out, 1) || fg_json_fail (j, bad_value);
}

/* {"base64": "...", "subType": "06"} in either order, or the old "...", "$type": "06". */
static bool
binary_members (fg_json *j, fg_buf *bytes, uint8_t *subtype)
{
   if (fg_json_peek (j) == '"') {
      return fg_json_string (j, bytes) && fg_json_take (j, ',', "',' is expected") &&
             fg_json_expect_name (j, "$type") && subtype_text (j, subtype);
   }
   if (!fg_json_take (j, '{', bad_value)) {
      return false;
   }
   fg_json_space (j);
   bool bytes_first = j->end - j->at > 2 && j->at[1] == 'b';
   bool ok = bytes_first ? fg_json_expect_name (j, "base64") && fg_json_string (j, bytes) &&
                              fg_json_take (j, ',', "',' is expected") && fg_json_expect_name (j, "subType") &&
                              subtype_text (j, subtype)
                         : fg_json_expect_name (j, "subType") && subtype_text (j, subtype) &&
                              fg_json_take (j, ',', "',' is expected") && fg_json_expect_name (j, "base64") &&
                              fg_json_string (j, bytes);
   return ok && fg_json_take (j, '}', "'}' is expected");
}

static bool
binary (fg_json *j)
{
   fg_buf bytes = {0};
   uint8_t subtype = 0;

   bool ok = binary_members (j, &bytes, &subtype);
   if (ok && bytes.failed) {
      j->out->failed = true;
   } else if (ok) {
      ok = base64_decode (&bytes) || fg_json_fail (j, bad_value);
   }
   if (ok && !bytes.failed) {
      put_binary (j, subtype, &bytes);
   }
   fg_buf_free (&bytes);
   return ok;
}

static bool
uuid (fg_json *j)
{
   text t;
   uint8_t id[16];

   if (!short_text (j, &t) || t.len != 36 || !hex_bytes (t.bytes, id, sizeof id)) {
      return fg_json_fail (j, bad_value);
   }
   fg_buf bytes = {.data = id, .len = sizeof id};
   put_binary (j, BSON_SUBTYPE_UUID, &bytes);
   return true;
}

/* --- dates ------------------------------------------------------------------------------------------------------------- */

/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar; years counted from March so that February ends them. */
static int64_t
days_since_epoch (int64_t year, int64_t month, int64_t day)
{
   year -= month <= 2;
   int64_t era = (year >= 0 ? year : year - 399) / 400;
   int64_t of_era = year - era * 400;
   int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

   return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool
digits (const char **p, int n, int64_t *out)
{
   *out = 0;
   for (; n > 0; n--, (*p)++) {
      if (**p < '0' || **p > '9') {
         return false;
      }
      *out = *out * 10 + (**p - '0');
   }
   return true;
}

static bool
literal (const char **p, char c)
{
   bool is = **p == c;
   *p += is;
   return is;
}

static bool
zone (const char **p, int64_t *minutes)
{
   int64_t h, m;
   int64_t sign = **p == '-' ? -1 : 1;

   *minutes = 0;
   if (literal (p, 'Z')) {
      return true;
   }
   if (!literal (p, '+') && !literal (p, '-')) {
      return false;
   }
   if (!digits (p, 2, &h)) {
      return false;
   }
   literal (p, ':');
   if (!digits (p, 2, &m) || h > 23 || m > 59) {
      return false;
   }
   *minutes = sign * (h * 60 + m);
   return true;
}

/* 2026-11-22T05:01:02.345Z; three decimals at most count. */
static bool
iso_date (const char *p, int64_t *ms)
{
   int64_t year, month, day, hour, minute, second, offset;
   int64_t fraction = 0;

   if (!digits (&p, 4, &year) || !literal (&p, '-') || !digits (&p, 2, &month) || !literal (&p, '-') ||
       !digits (&p, 2, &day) || !literal (&p, 'T') || !digits (&p, 2, &hour) || !literal (&p, ':') ||
       !digits (&p, 2, &minute) || !literal (&p, ':') || !digits (&p, 2, &second)) {
      return false;
   }
   if (literal (&p, '.')) {
      int64_t scale = 100;
      if (*p < '0' || *p > '9') {
         return false;
      }
      for (; *p >= '0' && *p <= '9'; p++, scale /= 10) {
         fraction += (*p - '0') * scale;
      }
   }
   if (!zone (&p, &offset) || *p || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
       second > 60) {
      return false;
   }
   *ms = ((days_since_epoch (year, month, day) * 24 + hour) * 60 + minute - offset) * 60000 + second * 1000 + fraction;
   return true;
}

/* {"$numberLong": "..."}, "2026-...Z", or the old plain number. */
static bool
date (fg_json *j)
{
   text t;
   int64_t ms;
   char c = fg_json_peek (j);

   if (c == '{') {
      j->at++;
      return fg_json_expect_name (j, "$numberLong") && number_long (j) && fg_json_take (j, '}', "'}' is expected");
   }
   if (c == '"') {
      if (!short_text (j, &t) || !iso_date (t.bytes, &ms)) {
         return fg_json_fail (j, bad_value);
      }
   } else {
      t.len = 0;
      while (j->at < j->end && t.len < 24 && (*j->at == '-' || (*j->at >= '0' && *j->at <= '9'))) {
         t.bytes[t.len++] = *j->at++;
      }
      t.bytes[t.len] = '\0';
      if (!parse_i64 (t.bytes, &ms)) {
         return fg_json_fail (j, bad_value);
      }
   }
   fg_json_put_i64 (j->out, ms);
   return true;
}

static bool
number_u32 (fg_json *j, uint32_t *out)
{
   uint64_t v = 0;
   int n = 0;

   fg_json_space (j);
   for (; j->at < j->end && *j->at >= '0' && *j->at <= '9' && n < 11; n++, j->at++) {
      v = v * 10 + (uint64_t)(*j->at - '0');
   }
   *out = (uint32_t)v;
   return (n > 0 && v <= UINT32_MAX) || fg_json_fail (j, bad_value);
}

static bool
timestamp (fg_json *j)
{
   uint32_t t, i;

   if (!fg_json_take (j, '{', bad_value) || !fg_json_expect_name (j, "t") || !number_u32 (j, &t) ||
       !fg_json_take (j, ',', "',' is expected") || !fg_json_expect_name (j, "i") || !number_u32 (j, &i) ||
       !fg_json_take (j, '}', "'}' is expected")) {
      return false;
   }
   fg_json_put_i64 (j->out, (int64_t)((uint64_t)t << 32 | i));
   return true;
}

/* --- text ---------------------------------------------------------------------------------------------------------------- */

static bool
length_prefixed (fg_json *j)
{
   fg_buf bytes = {0};

   bool ok = fg_json_string (j, &bytes);
   j->out->failed |= bytes.failed;
   if (ok && !bytes.failed) {
      fg_json_put_string (j->out, bytes.data, bytes.len);
   }
   fg_buf_free (&bytes);
   return ok;
}

/* {"$code": "..."} and {"$code": "...", "$scope": {...}}. */
static bool
code (fg_json *j, uint8_t *type)
{
   size_t at = j->out->len;

   *type = BSON_TYPE_CODE;
   if (!length_prefixed (j)) {
      return false;
   }
   if (fg_json_peek (j) != ',') {
      return true;
   }
   j->at++;
   *type = BSON_TYPE_CODEWSCOPE;
   size_t len = j->out->len - at;
   fg_json_put_i32 (j->out, 0);
   if (!j->out->failed) {
      memmove (j->out->data + at + 4, j->out->data + at, len);
   }
   if (!fg_json_expect_name (j, "$scope") || !fg_json_take (j, '{', bad_value) || !fg_json_object (j)) {
      return false;
   }
   uint32_t total = BSON_UINT32_TO_LE ((uint32_t)(j->out->len - at));
   if (!j->out->failed) {
      memcpy (j->out->data + at, &total, sizeof total);
   }
   return true;
}

/* A C string: no NUL inside. */
static bool
c_string (fg_json *j)
{
   size_t at = j->out->len;

   if (!fg_json_string (j, j->out)) {
      return false;
   }
   if (!j->out->failed && j->out->len > at && memchr (j->out->data + at, 0, j->out->len - at)) {
      return fg_json_fail (j, bad_value);
   }
   fg_buf_append (j->out, "", 1);
   return true;
}

static bool
regular_expression (fg_json *j)
{
   return fg_json_take (j, '{', bad_value) && fg_json_expect_name (j, "pattern") && c_string (j) &&
          fg_json_take (j, ',', "',' is expected") && fg_json_expect_name (j, "options") && c_string (j) &&
          fg_json_take (j, '}', "'}' is expected");
}

static bool
db_pointer (fg_json *j)
{
   return fg_json_take (j, '{', bad_value) && fg_json_expect_name (j, "$ref") && length_prefixed (j) &&
          fg_json_take (j, ',', "',' is expected") && fg_json_expect_name (j, "$id") &&
          fg_json_take (j, '{', bad_value) && fg_json_expect_name (j, "$oid") && object_id (j) &&
          fg_json_take (j, '}', "'}' is expected") && fg_json_take (j, '}', "'}' is expected");
}

/* {"$minKey": 1}, {"$undefined": true}: types without bytes. */
static bool
fixed (fg_json *j, const char *expected)
{
   size_t n = strlen (expected);

   fg_json_space (j);
   if ((size_t)(j->end - j->at) < n || memcmp (j->at, expected, n) != 0) {
      return fg_json_fail (j, bad_value);
   }
   j->at += n;
   return true;
}

/* --- the table ------------------------------------------------------------------------------------------------------------ */

typedef enum wrapper {
   W_OID,
   W_INT,
   W_LONG,
   W_DOUBLE,
   W_DECIMAL,
   W_BINARY,
   W_UUID,
   W_DATE,
   W_TIMESTAMP,
   W_REGEX,
   W_CODE,
   W_SYMBOL,
   W_DB_POINTER,
   W_MIN_KEY,
   W_MAX_KEY,
   W_UNDEFINED,
   W_COUNT
} wrapper;

static const struct {
   const char *name;
   uint8_t type;
} wrappers[W_COUNT] = {
   [W_OID] = {"$oid", BSON_TYPE_OID},
   [W_INT] = {"$numberInt", BSON_TYPE_INT32},
   [W_LONG] = {"$numberLong", BSON_TYPE_INT64},
   [W_DOUBLE] = {"$numberDouble", BSON_TYPE_DOUBLE},
   [W_DECIMAL] = {"$numberDecimal", BSON_TYPE_DECIMAL128},
   [W_BINARY] = {"$binary", BSON_TYPE_BINARY},
   [W_UUID] = {"$uuid", BSON_TYPE_BINARY},
   [W_DATE] = {"$date", BSON_TYPE_DATE_TIME},
   [W_TIMESTAMP] = {"$timestamp", BSON_TYPE_TIMESTAMP},
   [W_REGEX] = {"$regularExpression", BSON_TYPE_REGEX},
   [W_CODE] = {"$code", BSON_TYPE_CODE},
   [W_SYMBOL] = {"$symbol", BSON_TYPE_SYMBOL},
   [W_DB_POINTER] = {"$dbPointer", BSON_TYPE_DBPOINTER},
   [W_MIN_KEY] = {"$minKey", BSON_TYPE_MINKEY},
   [W_MAX_KEY] = {"$maxKey", BSON_TYPE_MAXKEY},
   [W_UNDEFINED] = {"$undefined", BSON_TYPE_UNDEFINED},
};

static wrapper
find_wrapper (const char *name, size_t len)
{
   int i = 0;

   while (i < W_COUNT && (strlen (wrappers[i].name) != len || memcmp (wrappers[i].name, name, len) != 0)) {
      i++;
   }
   return (wrapper)i;
}

bool
fg_json_is_wrapper (const char *name, size_t len)
{
   return find_wrapper (name, len) != W_COUNT;
}

bool
fg_json_wrapper (fg_json *j, const char *name, size_t len, uint8_t *type)
{
   wrapper which = find_wrapper (name, len);

   if (which == W_COUNT) {
      return fg_json_fail (j, bad_value);
   }
   *type = wrappers[which].type;
   switch (which) {
   case W_OID:
      return object_id (j);
   case W_INT:
      return number_int (j);
   case W_LONG:
      return number_long (j);
   case W_DOUBLE:
      return number_double (j);
   case W_DECIMAL:
      return number_decimal (j);
   case W_BINARY:
      return binary (j);
   case W_UUID:
      return uuid (j);
   case W_DATE:
      return date (j);
   case W_TIMESTAMP:
      return timestamp (j);
   case W_REGEX:
      return regular_expression (j);
   case W_CODE:
      return code (j, type);
   case W_SYMBOL:
      return length_prefixed (j);
   case W_DB_POINTER:
      return db_pointer (j);
   case W_MIN_KEY:
   case W_MAX_KEY:
      return fixed (j, "1");
   case W_UNDEFINED:
      return fixed (j, "true");
   case W_COUNT:
   default:
      return fg_json_fail (j, bad_value);
   }
}
