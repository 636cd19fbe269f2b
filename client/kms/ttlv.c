/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/ttlv.h"

#include <string.h>

static void
put_u32 (uint8_t *out, uint32_t v)
{
   out[0] = (uint8_t)(v >> 24);
   out[1] = (uint8_t)(v >> 16);
   out[2] = (uint8_t)(v >> 8);
   out[3] = (uint8_t)v;
}

static uint32_t
get_u32 (const uint8_t *p)
{
   return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool
fg_ttlv_writer_init (fg_ttlv_writer *w, fg_error *err)
{
   memset (w, 0, sizeof *w);
   w->out = fg_secret_new (FG_TTLV_REQUEST_MAX, err);
   return w->out != NULL;
}

/* Room for an item's head and its padded value; NULL when the message is full. The bytes are zero. */
static uint8_t *
item (fg_ttlv_writer *w, uint32_t tag, fg_ttlv_type type, size_t len)
{
   size_t padded = (len + 7) / 8 * 8;

   if (w->failed || len > FG_TTLV_REQUEST_MAX || padded + 8 > FG_TTLV_REQUEST_MAX - w->len) {
      w->failed = true;
      return NULL;
   }
   uint8_t *p = w->out->bytes + w->len;
   put_u32 (p, tag << 8 | (uint32_t)type);
   put_u32 (p + 4, (uint32_t)len);
   w->len += 8 + padded;
   return p + 8;
}

void
fg_ttlv_begin (fg_ttlv_writer *w, uint32_t tag)
{
   if (w->depth == FG_TTLV_DEPTH_MAX) {
      w->failed = true;
   }
   if (item (w, tag, FG_TTLV_STRUCTURE, 0)) {
      w->open[w->depth++] = w->len;
   }
}

void
fg_ttlv_end (fg_ttlv_writer *w)
{
   if (!w->failed && w->depth) {
      size_t start = w->open[--w->depth];
      put_u32 (w->out->bytes + start - 4, (uint32_t)(w->len - start));
   }
}

void
fg_ttlv_integer (fg_ttlv_writer *w, uint32_t tag, int32_t value)
{
   uint8_t *p = item (w, tag, FG_TTLV_INTEGER, 4);

   if (p) {
      put_u32 (p, (uint32_t)value);
   }
}

void
fg_ttlv_enumeration (fg_ttlv_writer *w, uint32_t tag, uint32_t value)
{
   uint8_t *p = item (w, tag, FG_TTLV_ENUMERATION, 4);

   if (p) {
      put_u32 (p, value);
   }
}

void
fg_ttlv_boolean (fg_ttlv_writer *w, uint32_t tag, bool value)
{
   uint8_t *p = item (w, tag, FG_TTLV_BOOLEAN, 8);

   if (p) {
      p[7] = value ? 1 : 0;
   }
}

void
fg_ttlv_bytes (fg_ttlv_writer *w, uint32_t tag, const uint8_t *data, size_t len)
{
   uint8_t *p = item (w, tag, FG_TTLV_BYTES, len);

   if (p && len) {
      memcpy (p, data, len);
   }
}

void
fg_ttlv_text (fg_ttlv_writer *w, uint32_t tag, const char *text)
{
   size_t len = strlen (text);
   uint8_t *p = item (w, tag, FG_TTLV_TEXT, len);

   if (p) {
      memcpy (p, text, len);
   }
}

bool
fg_ttlv_read (const uint8_t *data, size_t len, fg_ttlv *out, size_t *used)
{
   if (len < 8) {
      return false;
   }
   uint32_t head = get_u32 (data);
   size_t n = get_u32 (data + 4);
   size_t padded = (n + 7) / 8 * 8;
   if ((head & 0xFF) < FG_TTLV_STRUCTURE || (head & 0xFF) > FG_TTLV_INTERVAL || padded > len - 8) {
      return false;
   }
   out->tag = head >> 8;
   out->type = (fg_ttlv_type)(head & 0xFF);
   out->value = data + 8;
   out->len = n;
   *used = 8 + padded;
   return true;
}

bool
fg_ttlv_find (const fg_ttlv *structure, uint32_t tag, fg_ttlv *out)
{
   const fg_ttlv in = *structure; /* out may be the same */
   size_t at = 0;
   size_t used = 0;

   if (in.type != FG_TTLV_STRUCTURE) {
      return false;
   }
   while (at < in.len) {
      if (!fg_ttlv_read (in.value + at, in.len - at, out, &used)) {
         return false;
      }
      if (out->tag == tag) {
         return true;
      }
      at += used;
   }
   return false;
}

bool
fg_ttlv_as_u32 (const fg_ttlv *item, uint32_t *out)
{
   if ((item->type != FG_TTLV_INTEGER && item->type != FG_TTLV_ENUMERATION) || item->len != 4) {
      return false;
   }
   *out = get_u32 (item->value);
   return true;
}
