/* SPDX-License-Identifier: Apache-2.0 */
#include "client/value/value.h"

#include "base/base.h"

#include <stdio.h>

/*
 * One pass over a document. What is not encrypted is copied in runs; a blob is decrypted straight to its place in the result. A value is never longer than
 * its blob, so a buffer of the document's own length always suffices.
 */
typedef struct walk {
   uint8_t *out; /* NULL: only visiting */
   size_t out_len;
   fg_key_lookup lookup;
   bool (*visit) (void *ctx, const uint8_t key_id[16]);
   void *ctx;
   bool stopped; /* visit said so */
   size_t depth;
   const char *names[FG_BSON_DEPTH_MAX];
   fg_error *err;
} walk;

static bool
malformed (walk *w)
{
   return fg_error_set (w->err, FG_ERROR_BSON, FG_E_INVALID, NULL, "malformed BSON document");
}

static void
emit (walk *w, const uint8_t *from, const uint8_t *to)
{
   if (w->out && to > from) {
      memcpy (w->out + w->out_len, from, (size_t)(to - from));
      w->out_len += (size_t)(to - from);
   }
}

/* value: int32 length, subtype, data. */
static bool
holds_blob (uint8_t type, const uint8_t *value, size_t len)
{
   return type == 0x05 && value[4] == 6 && len > 5 && fg_blob_is_ours (value[5]);
}

/* name..value is copied with the type byte of the original value before it. */
static bool
replace_blob (walk *w, const uint8_t *name, const uint8_t *value, size_t value_len)
{
   const uint8_t *blob = value + 5;
   size_t len = value_len - 5;
   size_t n = 0;

   if (!w->out && !w->visit) {
      return true; /* only the document's shape is asked for */
   }
   if (!fg_blob_check (blob, len, w->err)) {
      return false;
   }
   if (!w->out) {
      w->stopped = !w->visit (w->ctx, blob + 1);
      return true;
   }
   fg_data_key *key = w->lookup (w->ctx, blob + 1, w->err);
   if (!key) {
      return false;
   }
   w->out[w->out_len++] = blob[17];
   emit (w, name, value);
   if (!fg_blob_open (key, blob, len, w->out + w->out_len, &n, w->err)) {
      return false;
   }
   w->out_len += n;
   return true;
}

static bool
check_frame (walk *w, const uint8_t *doc, size_t len)
{
   if (len < 5 || len > INT32_MAX || fg_read_u32le (doc) != len || doc[len - 1] != 0) {
      return malformed (w);
   }
   return true;
}

static bool walk_document (walk *w, const uint8_t *doc, size_t len);

static bool
descend (walk *w, const uint8_t *value, size_t len)
{
   if (w->depth + 1 >= FG_BSON_DEPTH_MAX) {
      return fg_error_set (w->err, FG_ERROR_LIMIT, FG_E_TOO_DEEP, NULL, "nested deeper than %u levels",
                           FG_BSON_DEPTH_MAX);
   }
   w->depth++;
   bool ok = walk_document (w, value, len);
   if (ok) {
      w->depth--; /* on failure depth and names tell where */
   }
   return ok;
}

static void
patch_length (walk *w, size_t start)
{
   if (w->out) {
      uint32_t len = (uint32_t)(w->out_len - start);
      for (int i = 0; i < 4; i++) {
         w->out[start + (size_t)i] = (uint8_t)(len >> (8 * i));
      }
   }
}

static bool
walk_document (walk *w, const uint8_t *doc, size_t len)
{
   w->names[w->depth] = "";
   if (!check_frame (w, doc, len)) {
      return false;
   }
   const uint8_t *end = doc + len - 1; /* the final NUL */
   const uint8_t *run = doc; /* from here on nothing is copied yet */
   const uint8_t *p = doc + 4;
   size_t start = w->out_len;

   while (p < end && !w->stopped) {
      const uint8_t *name = p + 1;
      const uint8_t *name_end = name < end ? memchr (name, 0, (size_t)(end - name)) : NULL;
      size_t value_len = 0;
      if (!name_end) {
         return malformed (w);
      }
      const uint8_t *value = name_end + 1;
      w->names[w->depth] = (const char *)name;
      if (!fg_bson_value_len (*p, value, (size_t)(end - value), &value_len, w->err)) {
         return false;
      }
      if (*p == 0x03 || *p == 0x04) {
         emit (w, run, value);
         run = value + value_len;
         if (!descend (w, value, value_len)) {
            return false;
         }
      } else if (holds_blob (*p, value, value_len)) {
         emit (w, run, p);
         run = value + value_len;
         if (!replace_blob (w, name, value, value_len)) {
            return false;
         }
      }
      p = value + value_len;
   }
   emit (w, run, doc + len);
   patch_length (w, start);
   return true;
}

/* Field names joined by dots into err->path. */
static void
name_the_place (const walk *w)
{
   size_t used = 0;

   if (!w->err) {
      return;
   }
   for (size_t i = 0; i <= w->depth && used + 1 < sizeof w->err->path; i++) {
      int n = snprintf (w->err->path + used, sizeof w->err->path - used, "%s%s", i ? "." : "", w->names[i]);
      used += n > 0 ? (size_t)n : 0;
   }
}

bool
fg_document_decrypt (const uint8_t *doc, size_t len, fg_key_lookup lookup, void *ctx, uint8_t *out, size_t *out_len,
                     fg_error *err)
{
   walk w = {.lookup = lookup, .ctx = ctx, .out = out, .err = err};

   if (!walk_document (&w, doc, len)) {
      name_the_place (&w);
      fg_memzero (out, len);
      return false;
   }
   *out_len = w.out_len;
   return true;
}

bool
fg_document_visit_key_ids (const uint8_t *doc, size_t len, bool (*visit) (void *ctx, const uint8_t key_id[16]),
                           void *ctx, fg_error *err)
{
   walk w = {.visit = visit, .ctx = ctx, .err = err};

   return walk_document (&w, doc, len) || (name_the_place (&w), false);
}
