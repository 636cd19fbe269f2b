/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
fg_memzero (void *p, size_t n)
{
   if (p && n) {
      explicit_bzero (p, n);
   }
}

bool
fg_ct_equal (const void *a, const void *b, size_t n)
{
   const volatile uint8_t *x = a;
   const volatile uint8_t *y = b;
   uint8_t diff = 0;

   for (size_t i = 0; i < n; i++) {
      diff = (uint8_t)(diff | (x[i] ^ y[i]));
   }
   return diff == 0;
}

static bool
grow (fg_buf *buf, size_t more)
{
   if (buf->failed) {
      return false;
   }
   if (more <= buf->cap - buf->len) {
      return true;
   }
   if (more > SIZE_MAX / 2 - buf->len) {
      buf->failed = true;
      return false;
   }
   size_t cap = buf->cap ? buf->cap : 128;
   while (cap < buf->len + more) {
      cap *= 2;
   }
   uint8_t *data = realloc (buf->data, cap);
   if (!data) {
      buf->failed = true;
      return false;
   }
   buf->data = data;
   buf->cap = cap;
   return true;
}

void
fg_buf_append (fg_buf *buf, const void *data, size_t len)
{
   if (len && grow (buf, len)) {
      memcpy (buf->data + buf->len, data, len);
      buf->len += len;
   }
}

void
fg_buf_append_str (fg_buf *buf, const char *text)
{
   fg_buf_append (buf, text, strlen (text));
}

void
fg_buf_printf (fg_buf *buf, const char *format, ...)
{
   va_list args;
   va_start (args, format);
   int n = vsnprintf (NULL, 0, format, args);
   va_end (args);
   if (n < 0) {
      buf->failed = true;
      return;
   }
   if (!grow (buf, (size_t)n + 1)) {
      return;
   }
   va_start (args, format);
   vsnprintf ((char *)buf->data + buf->len, (size_t)n + 1, format, args);
   va_end (args);
   buf->len += (size_t)n;
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629), 0 when there is none. */
static size_t
utf8_sequence (const uint8_t *p, size_t n)
{
   if (p[0] < 0x80) {
      return 1;
   }
   size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
   if (p[0] < 0xC2 || p[0] > 0xF4 || len > n) {
      return 0;
   }
   for (size_t i = 1; i < len; i++) {
      if ((p[i] & 0xC0) != 0x80) {
         return 0;
      }
   }
   if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
       (p[0] == 0xF4 && p[1] > 0x8F)) {
      return 0;
   }
   return len;
}

void
fg_buf_append_json_string (fg_buf *buf, const char *text, size_t len)
{
   const uint8_t *p = (const uint8_t *)text;

   fg_buf_append (buf, "\"", 1);
   for (size_t i = 0; i < len;) {
      size_t n = utf8_sequence (p + i, len - i);
      if (n == 0) {
         fg_buf_append (buf, "\xEF\xBF\xBD", 3);
         i++;
      } else if (n > 1) {
         fg_buf_append (buf, p + i, n);
         i += n;
      } else {
         if (p[i] == '"' || p[i] == '\\') {
            fg_buf_append (buf, "\\", 1);
            fg_buf_append (buf, p + i, 1);
         } else if (p[i] < 0x20 || p[i] == 0x7F) {
            fg_buf_printf (buf, "\\u%04x", p[i]);
         } else {
            fg_buf_append (buf, p + i, 1);
         }
         i++;
      }
   }
   fg_buf_append (buf, "\"", 1);
}

void
fg_buf_free (fg_buf *buf)
{
   free (buf->data);
   memset (buf, 0, sizeof *buf);
}
