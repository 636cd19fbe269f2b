/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/bytes.h"

#include <stdlib.h>

/* Writing. */

static void
store_u32 (uint8_t *at, uint32_t n)
{
   for (int i = 0; i < 4; i++) {
      at[i] = (uint8_t)(n >> (8 * i));
   }
}

static void
store_u64 (uint8_t *at, uint64_t n)
{
   for (int i = 0; i < 8; i++) {
      at[i] = (uint8_t)(n >> (8 * i));
   }
}

static void
put_head (fg_buf *buf, uint8_t type, const char *name, size_t name_len)
{
   fg_buf_append (buf, &type, 1);
   if (name_len > 0) {
      fg_buf_append (buf, name, name_len);
   }
   fg_buf_append (buf, "", 1);
}

void
fgd_put (fg_buf *buf, uint8_t type, const char *name, size_t name_len, const void *data, size_t len)
{
   put_head (buf, type, name, name_len);
   if (len > 0) {
      fg_buf_append (buf, data, len);
   }
}

void
fgd_put_value (fg_buf *buf, const char *name, size_t name_len, const fg_value *value)
{
   fgd_put (buf, value->type, name, name_len, value->data, value->len);
}

size_t
fgd_put_begin (fg_buf *buf)
{
   size_t at = buf->len;
   fg_buf_append (buf, "\0\0\0\0", 4);
   return at;
}

size_t
fgd_put_open (fg_buf *buf, uint8_t type, const char *name, size_t name_len)
{
   put_head (buf, type, name, name_len);
   return fgd_put_begin (buf);
}

void
fgd_put_end (fg_buf *buf, size_t at)
{
   fg_buf_append (buf, "", 1);
   if (!buf->failed) {
      store_u32 (buf->data + at, (uint32_t)(buf->len - at));
   }
}

size_t
fgd_index_name (size_t index, char text[24])
{
   char digits[24];
   size_t n = 0;
   do {
      digits[n++] = (char)('0' + index % 10);
      index /= 10;
   } while (index > 0);
   for (size_t i = 0; i < n; i++) {
      text[i] = digits[n - 1 - i];
   }
   text[n] = '\0';
   return n;
}

void
fgd_buf_reset (fg_buf *buf)
{
   buf->len = 0;
   buf->failed = false;
}

/* Memory. */

#define CHUNK_SIZE ((size_t)4096)

struct fgd_chunk {
   fgd_chunk *next;
   size_t used;
   size_t cap;
   _Alignas(16) uint8_t data[];
};

void *
fgd_arena_alloc (fgd_arena *arena, size_t size)
{
   size_t need = (size + 15u) & ~(size_t)15u;
   fgd_chunk *chunk = arena->chunks;
   if (need < size) {
      arena->failed = true;
      return NULL;
   }
   if (!chunk || chunk->cap - chunk->used < need) {
      size_t cap = need > CHUNK_SIZE ? need : arena->total > 64 * CHUNK_SIZE ? 64 * CHUNK_SIZE : CHUNK_SIZE;
      cap = cap < need ? need : cap;
      fgd_chunk *fresh = calloc (1, sizeof *fresh + cap);
      if (!fresh) {
         arena->failed = true;
         return NULL;
      }
      fresh->cap = cap;
      fresh->next = chunk;
      arena->chunks = chunk = fresh;
      arena->total += cap;
   }
   void *p = chunk->data + chunk->used;
   chunk->used += need;
   return p;
}

void *
fgd_arena_copy (fgd_arena *arena, const void *data, size_t len)
{
   uint8_t *p = fgd_arena_alloc (arena, len + 1);
   if (p && len > 0) {
      memcpy (p, data, len);
   }
   return p;
}

void
fgd_arena_free (fgd_arena *arena)
{
   for (fgd_chunk *chunk = arena->chunks; chunk;) {
      fgd_chunk *next = chunk->next;
      free (chunk);
      chunk = next;
   }
   *arena = (fgd_arena){0};
}

fg_value
fgd_make (fgd_arena *arena, uint8_t type, const void *data, size_t len)
{
   const uint8_t *copy = fgd_arena_copy (arena, data, len);
   return copy ? (fg_value){type, copy, len} : (fg_value){0, NULL, 0};
}

fg_value
fgd_make_int32 (fgd_arena *arena, int32_t n)
{
   uint8_t bytes[4];
   store_u32 (bytes, (uint32_t)n);
   return fgd_make (arena, FGD_T_INT32, bytes, sizeof bytes);
}

fg_value
fgd_make_int64 (fgd_arena *arena, int64_t n)
{
   uint8_t bytes[8];
   store_u64 (bytes, (uint64_t)n);
   return fgd_make (arena, FGD_T_INT64, bytes, sizeof bytes);
}

fg_value
fgd_make_double (fgd_arena *arena, double d)
{
   uint8_t bytes[8];
   uint64_t bits;
   memcpy (&bits, &d, sizeof bits);
   store_u64 (bytes, bits);
   return fgd_make (arena, FGD_T_DOUBLE, bytes, sizeof bytes);
}

fg_value
fgd_make_bool (fgd_arena *arena, bool b)
{
   uint8_t byte = b ? 1 : 0;
   return fgd_make (arena, FGD_T_BOOL, &byte, 1);
}

fg_value
fgd_make_date (fgd_arena *arena, int64_t ms)
{
   fg_value value = fgd_make_int64 (arena, ms);
   value.type = value.type ? FGD_T_DATE : 0;
   return value;
}

fg_value
fgd_make_string (fgd_arena *arena, const char *text, size_t len)
{
   if (len > FGD_MAX_DOCUMENT) {
      arena->failed = true;
      return (fg_value){0, NULL, 0};
   }
   uint8_t *p = fgd_arena_alloc (arena, len + 5);
   if (!p) {
      return (fg_value){0, NULL, 0};
   }
   store_u32 (p, (uint32_t)len + 1);
   if (len > 0) {
      memcpy (p + 4, text, len);
   }
   return (fg_value){FGD_T_STRING, p, len + 5};
}

fg_value
fgd_make_null (void)
{
   return (fg_value){FGD_T_NULL, (const uint8_t *)"", 0};
}

fg_value
fgd_make_from_buf (fgd_arena *arena, uint8_t type, fg_buf *buf)
{
   fg_value value = {0, NULL, 0};
   if (buf->failed) {
      arena->failed = true;
   } else {
      value = fgd_make (arena, type, buf->data, buf->len);
   }
   fg_buf_free (buf);
   return value;
}
