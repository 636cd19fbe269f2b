/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/documents.h"

#include "cli/extjson.h"
#include "cli/window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK (256u * 1024u)
#define CACHE_LINE 64u
#define FETCH_MAX 4096u /* of what lies ahead */

struct fg_documents {
   fg_documents_source source;
   void *ctx;
   const char *name;
   fg_documents_format format;
   const uint8_t *block; /* what was read and not yet used: [start, end) */
   uint8_t *owned; /* the same, unless it is the window's */
   fg_window window;
   bool windowed;
   int fd;
   size_t cap, start, end;
   bool at_end;
   uint64_t offset; /* of block[start] in the input */
   uint64_t line;
   fg_buf bson; /* of the last JSON line */
};

static fg_documents *
new_documents (const char *name, fg_documents_format format, fg_error *err)
{
   fg_documents *d = calloc (1, sizeof *d);

   if (!d) {
      fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   d->name = name;
   d->format = format;
   return d;
}

static bool
use_source (fg_documents *d, fg_documents_source source, void *ctx, fg_error *err)
{
   d->source = source;
   d->ctx = ctx;
   d->owned = malloc (BLOCK);
   d->block = d->owned;
   d->cap = BLOCK;
   return d->owned || fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
}

fg_documents *
fg_documents_new (fg_documents_source source, void *ctx, const char *name, fg_documents_format format, fg_error *err)
{
   fg_documents *d = new_documents (name, format, err);

   if (d && !use_source (d, source, ctx, err)) {
      fg_documents_free (d);
      return NULL;
   }
   return d;
}

static ssize_t
read_fd (void *ctx, void *buf, size_t len)
{
   return read (*(const int *)ctx, buf, len);
}

fg_documents *
fg_documents_new_file (int fd, const char *name, fg_documents_format format, fg_error *err)
{
   fg_documents *d = new_documents (name, format, err);

   if (!d) {
      return NULL;
   }
   d->fd = fd;
   d->windowed = lseek (fd, 0, SEEK_CUR) == 0 && fg_window_open (&d->window, fd, name);
   if (!d->windowed && !use_source (d, read_fd, &d->fd, err)) {
      fg_documents_free (d);
      return NULL;
   }
   return d;
}

void
fg_documents_free (fg_documents *d)
{
   if (d) {
      if (d->windowed) {
         (void)lseek (d->fd, (off_t)d->offset, SEEK_SET); /* as reading would have left it, for who shares the file */
         fg_window_close (&d->window);
      }
      fg_buf_free (&d->bson);
      free (d->owned);
      free (d);
   }
}

uint64_t
fg_documents_position (const fg_documents *d)
{
   return d->offset;
}

/* --- the block ----------------------------------------------------------------------------------------------------------- */

static size_t
held (const fg_documents *d)
{
   return d->end - d->start;
}

static void
use (fg_documents *d, size_t n)
{
   d->start += n;
   d->offset += n;
}

/* Room behind end: what is held moves to the front, and the block grows only when it is full of it. */
static bool
make_room (fg_documents *d, fg_error *err)
{
   if (d->start) {
      memmove (d->owned, d->owned + d->start, held (d));
      d->end -= d->start;
      d->start = 0;
   }
   if (d->end < d->cap) {
      return true;
   }
   uint8_t *grown = realloc (d->owned, d->cap * 2);
   if (!grown) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_NOMEM, NULL, "out of memory");
   }
   d->block = d->owned = grown;
   d->cap *= 2;
   return true;
}

/* Moves the window on to what is not yet used, and makes it larger where it showed nothing else. */
static bool
show_more (fg_documents *d, fg_error *err)
{
   if (!fg_window_move (&d->window, d->offset, 2 * held (d), err)) {
      return false;
   }
   d->block = d->window.data;
   d->start = 0;
   d->end = d->window.len;
   d->at_end = d->window.at_end;
   return true;
}

static bool
read_more (fg_documents *d, fg_error *err)
{
   ssize_t n;

   if (d->windowed) {
      return show_more (d, err);
   }
   if (!make_room (d, err)) {
      return false;
   }
   do {
      n = d->source (d->ctx, d->owned + d->end, d->cap - d->end);
   } while (n < 0 && errno == EINTR);
   if (n < 0) {
      return fg_error_set_errno (err, errno, d->name, "%s: cannot read at offset %" PRIu64, d->name,
                                 d->offset + held (d));
   }
   d->at_end = n == 0;
   d->end += (size_t)n;
   return true;
}

/* Holds n bytes, or all that there are. */
static bool
want (fg_documents *d, size_t n, fg_error *err)
{
   while (held (d) < n && !d->at_end) {
      if (!read_more (d, err)) {
         return false;
      }
   }
   return true;
}

/* --- BSON ---------------------------------------------------------------------------------------------------------------- */

static bool
bad_bson (const fg_documents *d, fg_error *err, fg_error_code code, const char *problem)
{
   return fg_error_set (err, FG_ERROR_BSON, (int32_t)code, d->name, "%s: offset %" PRIu64 ": %s", d->name, d->offset,
                        problem);
}

/* Documents of one collection are of similar size: has the next one come from memory while this one is looked at. */
static inline __attribute__ ((always_inline)) void
fetch_next (const fg_documents *d, size_t len)
{
   const uint8_t *next = d->block + d->start + len;
   size_t n = held (d) - len;

   n = n < len ? n : len;
   n = n < FETCH_MAX ? n : FETCH_MAX;
   for (size_t i = 0; i < n; i += CACHE_LINE) {
      __builtin_prefetch (next + i);
   }
}

static bool
next_bson (fg_documents *d, fg_document *out, fg_error *err)
{
   if (!want (d, 4, err)) {
      return false;
   }
   if (held (d) < 4) {
      return held (d) == 0 || bad_bson (d, err, FG_E_TRUNCATED, "the input ends inside a BSON document's length");
   }
   uint32_t len = fg_read_u32le (d->block + d->start);
   if (len < 5 || len > FG_DOCUMENT_MAX) {
      return bad_bson (d, err, FG_E_INVALID, "no BSON document can have the length that stands here");
   }
   if (!want (d, len, err)) {
      return false;
   }
   if (held (d) < len) {
      return bad_bson (d, err, FG_E_TRUNCATED, "the input ends inside this BSON document");
   }
   *out = (fg_document){d->block + d->start, len, d->offset, 0};
   fetch_next (d, len);
   return out->data[len - 1] == 0 || bad_bson (d, err, FG_E_INVALID, "this BSON document has no terminator");
}

/* --- lines of JSON -------------------------------------------------------------------------------------------------------- */

/* The line at start without its newline; *whole: with it. False at an error; at the end of the input *whole is 0. */
static bool
next_line (fg_documents *d, size_t *len, size_t *whole, fg_error *err)
{
   size_t seen = 0;

   for (;;) {
      const uint8_t *from = d->block + d->start;
      const uint8_t *newline = memchr (from + seen, '\n', held (d) - seen);
      if (newline) {
         *len = (size_t)(newline - from);
         *whole = *len + 1;
         return true;
      }
      seen = held (d);
      if (d->at_end) {
         *len = *whole = seen;
         return true;
      }
      if (seen > FG_LINE_MAX) {
         return fg_error_set (err, FG_ERROR_LIMIT, FG_E_TOO_LARGE, d->name,
                              "%s: line %" PRIu64 ", offset %" PRIu64 ": longer than %u MiB", d->name, d->line + 1,
                              d->offset, FG_LINE_MAX >> 20);
      }
      if (!read_more (d, err)) {
         return false;
      }
   }
}

static bool
is_blank (const uint8_t *p, size_t len)
{
   for (size_t i = 0; i < len; i++) {
      if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r') {
         return false;
      }
   }
   return true;
}

static bool
parse_line (fg_documents *d, size_t len, fg_document *out, fg_error *err)
{
   fg_error inner = {0};
   size_t position = 0;

   d->bson.len = 0;
   if (!fg_extjson_parse ((const char *)d->block + d->start, len, &d->bson, &position, &inner)) {
      return fg_error_set (err, inner.domain, inner.code, d->name, "%s: line %" PRIu64 ", offset %" PRIu64 ": %s",
                           d->name, d->line, d->offset + position, inner.message);
   }
   *out = (fg_document){d->bson.data, d->bson.len, d->offset, d->line};
   return true;
}

static bool
next_json (fg_documents *d, fg_document *out, size_t *used, fg_error *err)
{
   size_t len = 0;
   size_t whole = 0;

   for (;;) {
      if (!next_line (d, &len, &whole, err)) {
         return false;
      }
      if (whole == 0) {
         return true;
      }
      d->line++;
      if (!is_blank (d->block + d->start, len)) {
         *used = whole;
         return parse_line (d, len, out, err);
      }
      use (d, whole);
   }
}

/* --- either ---------------------------------------------------------------------------------------------------------------- */

/* A BSON document's length is at most 0x04000000, so its fourth byte is 4 or less: no character of a text. A text starts with white space and '{', maybe after a byte order mark. */
static bool
detect (fg_documents *d, fg_error *err)
{
   const uint8_t *p;
   size_t n = 4;

   do {
      if (!want (d, n, err)) {
         return false;
      }
      p = d->block + d->start;
      n = held (d);
      if (d->format == FG_DOCUMENTS_DETECT && n >= 4 && p[3] <= 4) {
         d->format = FG_DOCUMENTS_BSON;
         return true;
      }
      size_t i = 0;
      while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n')) {
         i++;
      }
      if (i < n || d->at_end) {
         bool marked = i == 0 && n >= 3 && memcmp (p, "\xEF\xBB\xBF", 3) == 0;
         if (d->format == FG_DOCUMENTS_DETECT && i < n && p[i] != '{' && !marked) {
            return bad_bson (d, err, FG_E_INVALID,
                             "neither Extended JSON, one document a line, nor BSON (--format says which is meant)");
         }
         d->format = FG_DOCUMENTS_JSON;
         if (marked) {
            use (d, 3);
         }
         return true;
      }
   } while (n++ < BLOCK); /* white space and nothing else so far */
   d->format = FG_DOCUMENTS_JSON;
   return true;
}

fg_documents_result
fg_documents_next (fg_documents *d, fg_document *out, fg_error *err)
{
   size_t used = 0;
   bool ok;

   *out = (fg_document){0};
   if (d->offset == 0 && d->start == 0 && d->format != FG_DOCUMENTS_BSON && !detect (d, err)) {
      return FG_DOCUMENTS_ERROR;
   }
   if (d->format == FG_DOCUMENTS_BSON) {
      ok = next_bson (d, out, err);
      used = out->len;
   } else {
      ok = next_json (d, out, &used, err);
   }
   if (!ok) {
      return FG_DOCUMENTS_ERROR;
   }
   use (d, used);
   return out->data ? FG_DOCUMENTS_ONE : FG_DOCUMENTS_END;
}
