/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/encoding.h"
#include "client/public_equal.h"

#include <string.h>

/* --- base64 --------------------------------------------------------------------------------------------------------- */

static const char alphabets[2][65] = {
   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t
fg_base64_encode (fg_base64 alphabet, const uint8_t *data, size_t len, char *out)
{
   const char *digits = alphabets[alphabet];
   size_t n = 0;
   size_t i = 0;

   for (; i + 3 <= len; i += 3) {
      uint32_t v = (uint32_t)data[i] << 16 | (uint32_t)data[i + 1] << 8 | data[i + 2];
      out[n++] = digits[v >> 18];
      out[n++] = digits[v >> 12 & 63];
      out[n++] = digits[v >> 6 & 63];
      out[n++] = digits[v & 63];
   }
   if (i < len) {
      uint32_t v = (uint32_t)data[i] << 16 | (i + 1 < len ? (uint32_t)data[i + 1] << 8 : 0);
      out[n++] = digits[v >> 18];
      out[n++] = digits[v >> 12 & 63];
      if (i + 1 < len) {
         out[n++] = digits[v >> 6 & 63];
      }
      while (alphabet == FG_BASE64 && n % 4) {
         out[n++] = '=';
      }
   }
   out[n] = '\0';
   return n;
}

static int
digit_value (fg_base64 alphabet, char c)
{
   if (c >= 'A' && c <= 'Z') {
      return c - 'A';
   }
   if (c >= 'a' && c <= 'z') {
      return c - 'a' + 26;
   }
   if (c >= '0' && c <= '9') {
      return c - '0' + 52;
   }
   return c == alphabets[alphabet][62] ? 62 : c == alphabets[alphabet][63] ? 63 : -1;
}

bool
fg_base64_decode (fg_base64 alphabet, const char *text, size_t len, uint8_t *out, size_t *out_len)
{
   uint32_t bits = 0;
   size_t n = 0;

   if (len >= 1 && len % 4 == 0 && text[len - 1] == '=') {
      len -= text[len - 2] == '=' ? 2 : 1;
   }
   if (len % 4 == 1) {
      return false;
   }
   for (size_t i = 0; i < len; i++) {
      int v = digit_value (alphabet, text[i]);
      if (v < 0) {
         return false;
      }
      bits = bits << 6 | (uint32_t)v;
      if (i % 4 != 0) {
         out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
      }
   }
   *out_len = n;
   return true;
}

/* --- JSON ----------------------------------------------------------------------------------------------------------- */

static const char *
skip_space (const char *p, const char *end)
{
   while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
      p++;
   }
   return p;
}

/* p behind the opening quote; returns behind the closing one, NULL when there is none. */
static const char *
skip_string (const char *p, const char *end)
{
   while (p < end && *p != '"') {
      if ((uint8_t)*p < 0x20) {
         return NULL;
      }
      p += *p == '\\' && p + 1 < end ? 2 : 1;
   }
   return p < end ? p + 1 : NULL;
}

static const char *
skip_number (const char *p, const char *end)
{
   while (p < end && *p && strchr ("+-0123456789.eE", *p)) {
      p++;
   }
   return p;
}

static const char *
skip_word (const char *p, const char *end)
{
   static const char *const words[] = {"true", "false", "null"};

   for (size_t i = 0; i < 3; i++) {
      size_t n = strlen (words[i]);
      if ((size_t)(end - p) >= n && fg_public_equal (p, words[i], n)) {
         return p + n;
      }
   }
   return NULL;
}

static const char *read_value (const char *p, const char *end, unsigned depth, fg_json *out);

/* A member's name and colon; returns where its value starts. */
static const char *
read_name (const char *p, const char *end, fg_json *name)
{
   p = skip_space (p, end);
   if (p >= end || *p != '"') {
      return NULL;
   }
   const char *after = skip_string (p + 1, end);
   if (!after) {
      return NULL;
   }
   name->text = p + 1;
   name->len = (size_t)(after - p) - 2;
   p = skip_space (after, end);
   return p < end && *p == ':' ? p + 1 : NULL;
}

/* The rest of an object or array; p is behind its opening bracket. */
static const char *
skip_members (const char *p, const char *end, unsigned depth, bool object)
{
   char close = object ? '}' : ']';
   fg_json ignored;

   p = skip_space (p, end);
   if (p < end && *p == close) {
      return p + 1;
   }
   for (;;) {
      p = object ? read_name (p, end, &ignored) : p;
      p = p ? read_value (p, end, depth, &ignored) : NULL;
      p = p ? skip_space (p, end) : NULL;
      if (!p || p >= end || (*p != ',' && *p != close)) {
         return NULL;
      }
      if (*p++ == close) {
         return p;
      }
   }
}

static const char *
read_value (const char *p, const char *end, unsigned depth, fg_json *out)
{
   p = skip_space (p, end);
   if (p >= end || depth >= FG_JSON_DEPTH_MAX) {
      return NULL;
   }
   const char *start = p;
   const char *after;
   switch (*p) {
   case '{':
      out->kind = FG_JSON_OBJECT;
      after = skip_members (p + 1, end, depth + 1, true);
      break;
   case '[':
      out->kind = FG_JSON_ARRAY;
      after = skip_members (p + 1, end, depth + 1, false);
      break;
   case '"':
      out->kind = FG_JSON_STRING;
      after = skip_string (p + 1, end);
      break;
   default:
      out->kind = strchr ("-0123456789", *p) && *p ? FG_JSON_NUMBER : FG_JSON_WORD;
      after = out->kind == FG_JSON_NUMBER ? skip_number (p, end) : skip_word (p, end);
      break;
   }
   if (!after) {
      return NULL;
   }
   bool quoted = out->kind == FG_JSON_STRING;
   out->text = quoted ? start + 1 : start;
   out->len = (size_t)(after - start) - (quoted ? 2 : 0);
   return after;
}

bool
fg_json_parse (const char *text, size_t len, fg_json *out)
{
   const char *end = text + len;
   const char *after = read_value (text, end, 0, out);

   return after && skip_space (after, end) == end;
}

bool
fg_json_member (const fg_json *object, const char *name, fg_json *out)
{
   const char *p = object->text + 1;
   const char *end = object->text + object->len;
   size_t want = strlen (name);
   fg_json key;

   if (object->kind != FG_JSON_OBJECT) {
      return false;
   }
   while ((p = read_name (p, end, &key))) {
      p = read_value (p, end, 1, out);
      if (!p) {
         return false;
      }
      if (key.len == want && fg_public_equal (key.text, name, want)) {
         return true;
      }
      p = skip_space (p, end);
      if (p >= end || *p != ',') {
         return false;
      }
      p++;
   }
   return false;
}

/* escapes: those that are undone, meanings: what each becomes. */
static bool
copy_string (const fg_json *value, const char *escapes, const char *meanings, char *out, size_t size, size_t *len)
{
   size_t n = 0;

   if (value->kind != FG_JSON_STRING || size == 0) {
      return false;
   }
   for (size_t i = 0; i < value->len; i++) {
      char c = value->text[i];
      if (c == '\\') {
         const char *at = ++i < value->len && value->text[i] ? strchr (escapes, value->text[i]) : NULL;
         if (!at) {
            return false;
         }
         c = meanings[at - escapes];
      }
      if (n + 1 >= size) {
         return false;
      }
      out[n++] = c;
   }
   out[n] = '\0';
   *len = n;
   return true;
}

bool
fg_json_plain_string (const fg_json *value, char *out, size_t size, size_t *len)
{
   return copy_string (value, "/", "/", out, size, len);
}

bool
fg_json_unescape (const fg_json *value, char *out, size_t size, size_t *len)
{
   return copy_string (value, "/\"\\nrtbf", "/\"\\\n\r\t\b\f", out, size, len);
}

bool
fg_json_seconds (const fg_json *value, int64_t *out)
{
   int64_t n = 0;

   if ((value->kind != FG_JSON_NUMBER && value->kind != FG_JSON_STRING) || value->len == 0 || value->len > 10) {
      return false;
   }
   for (size_t i = 0; i < value->len; i++) {
      if (value->text[i] < '0' || value->text[i] > '9') {
         return false;
      }
      n = n * 10 + (value->text[i] - '0');
   }
   *out = n;
   return n <= INT32_MAX;
}

/* --- PEM ------------------------------------------------------------------------------------------------------------ */

/* Behind "-----WORD LABEL-----", NULL when text has none. *start: where that begins. */
static const char *
find_line (const char *text, const char *word, const char *label, const char **start)
{
   for (const char *p = text; (p = strstr (p, word)); p++) {
      const char *q = p + strlen (word);
      size_t n = strlen (label);
      if (strncmp (q, label, n) == 0 && strncmp (q + n, "-----", 5) == 0) {
         *start = p;
         return q + n + 5;
      }
   }
   return NULL;
}

bool
fg_pem_decode (const char *text, const char *label, uint8_t *out, size_t *out_len)
{
   const char *start;
   const char *end = NULL;
   const char *body = find_line (text, "-----BEGIN ", label, &start);
   size_t n = 0;

   if (!body || !find_line (body, "-----END ", label, &end)) {
      return false;
   }
   for (; body < end; body++) {
      if (!strchr (" \t\r\n", *body)) {
         out[n++] = (uint8_t)*body;
      }
   }
   /* Decoding in place: four characters become three bytes, which are never ahead of what is read. */
   return n && fg_base64_decode (FG_BASE64, (const char *)out, n, out, out_len) && *out_len;
}
