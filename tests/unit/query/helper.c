/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/query/helper.h"

#include "hosts/fieldguardd/query/bytes.h"
#include "hosts/fieldguardd/query/pipeline.h"
#include "hosts/fieldguardd/query/projection.h"
#include "hosts/fieldguardd/query/sort.h"
#include "hosts/fieldguardd/query/update.h"
#include "tests/integration/queries/extjson.h"

#include <stdio.h>
#include <stdlib.h>

static fg_error last;

const char *
last_message (void)
{
   return last.message;
}

static bool
read_json (const char *text, fg_buf *out)
{
   char *copy = strdup (text);
   bool ok = copy != NULL;
   for (char *at = copy; ok && *at; at++) {
      *at = *at == '\'' ? '"' : *at;
   }
   ok = ok && fg_test_extjson (copy, out);
   free (copy);
   if (!ok) {
      printf ("# not a test document: %s\n", text);
   }
   return ok;
}

static int
failure (void)
{
   return last.domain == FG_ERROR_SERVER ? last.code : -(int)last.domain;
}

static int
compare (const fg_buf *got, const char *wanted)
{
   fg_buf want = {0};
   if (!wanted || !read_json (wanted, &want)) {
      return wanted ? BAD_TEST : DIFFERENT;
   }
   bool same = want.len == got->len && memcmp (want.data, got->data, got->len) == 0;
   fg_buf_free (&want);
   return same ? 0 : DIFFERENT;
}

/* u is wrapped, so that it may be an array: {"": u}. */
static bool
read_value (const char *text, fg_buf *holder, fg_value *value)
{
   fg_buf wrapped = {0};
   fgd_element element;
   fg_buf_printf (&wrapped, "{\"\": %s}", text);
   fg_buf_append (&wrapped, "", 1);
   bool ok = !wrapped.failed && read_json ((const char *)wrapped.data, holder) &&
             fgd_find (holder->data, holder->len, "", 0, &element);
   fg_buf_free (&wrapped);
   if (ok) {
      *value = element.value;
   }
   return ok;
}

int
try_update_at (const char *doc, const char *u, const char *filters, size_t positional, const char *wanted)
{
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;
   fg_buf d = {0}, holder = {0}, filter_holder = {0}, out = {0};
   fg_value value;
   fg_value filter_value = {0, NULL, 0};
   bool modified = false;
   int result = BAD_TEST;
   context.positional = positional;
   context.now_ms = 1700000000000;
   fg_error_clear (&last);
   if (read_json (doc, &d) && read_value (u, &holder, &value) &&
       (!filters || read_value (filters, &filter_holder, &filter_value))) {
      fgd_update *update = fgd_update_compile (&value, filter_value.data, filter_value.len, NULL, 0, &last);
      if (!update || !fgd_update_apply (update, d.data, d.len, &context, &out, &modified, &last)) {
         result = failure ();
      } else {
         result = compare (&out, wanted);
         result = result == 0 && !modified ? SAME : result;
      }
      fgd_update_free (update);
   }
   fg_buf_free (&d);
   fg_buf_free (&holder);
   fg_buf_free (&filter_holder);
   fg_buf_free (&out);
   return result;
}

int
try_update (const char *doc, const char *u, const char *wanted)
{
   return try_update_at (doc, u, NULL, SIZE_MAX, wanted);
}

int
try_upsert (const char *filter, const char *u, const char *wanted)
{
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;
   static const uint8_t id[12] = {0x01, 0x23, 0x45, 0x67, 0x89, 0x01, 0x23, 0x45, 0x67, 0x89, 0x01, 0x23};
   fg_buf f = {0}, holder = {0}, out = {0};
   fg_value value;
   int result = BAD_TEST;
   fg_error_clear (&last);
   if (read_json (filter, &f) && read_value (u, &holder, &value)) {
      fgd_update *update = fgd_update_compile (&value, NULL, 0, NULL, 0, &last);
      result = update && fgd_update_upsert (update, f.data, f.len, &context, id, &out, &last) ? compare (&out, wanted)
                                                                                              : failure ();
      fgd_update_free (update);
   }
   fg_buf_free (&f);
   fg_buf_free (&holder);
   fg_buf_free (&out);
   return result;
}

int
try_project_at (const char *doc, const char *spec, size_t positional, const char *wanted)
{
   fg_buf d = {0}, s = {0}, out = {0};
   int result = BAD_TEST;
   fg_error_clear (&last);
   if (read_json (doc, &d) && read_json (spec, &s)) {
      fgd_projection *projection = fgd_projection_compile (s.data, s.len, NULL, 0, &last);
      result = projection && fgd_projection_apply (projection, d.data, d.len, positional, 0, &out, &last)
                  ? compare (&out, wanted)
                  : failure ();
      fgd_projection_free (projection);
   }
   fg_buf_free (&d);
   fg_buf_free (&s);
   fg_buf_free (&out);
   return result;
}

int
try_project (const char *doc, const char *spec, const char *wanted)
{
   return try_project_at (doc, spec, SIZE_MAX, wanted);
}

/* Documents end to end become {"": [...]}. */
typedef struct rows {
   fg_buf buf;
   size_t outer;
   size_t inner;
   size_t n;
} rows;

static void
rows_begin (rows *r)
{
   *r = (rows){0};
   r->outer = fgd_put_begin (&r->buf);
   r->inner = fgd_put_open (&r->buf, FGD_T_ARRAY, "", 0);
}

static void
rows_add (rows *r, const uint8_t *doc, size_t len)
{
   char name[24];
   size_t name_len = fgd_index_name (r->n++, name);
   fgd_put (&r->buf, FGD_T_OBJECT, name, name_len, doc, len);
}

static int
rows_end (rows *r, const char *wanted)
{
   fgd_put_end (&r->buf, r->inner);
   fgd_put_end (&r->buf, r->outer);
   return compare (&r->buf, wanted);
}

static bool
first_array (const fg_buf *docs, fgd_walk *walk)
{
   fgd_element element;
   bool ok = fgd_find (docs->data, docs->len, "", 0, &element);
   if (ok) {
      fgd_walk_begin (walk, element.value.data, element.value.len);
   }
   return ok;
}

int
try_sort (const char *docs, const char *spec, size_t limit, const char *wanted)
{
   fg_buf d = {0}, s = {0};
   fgd_sort *sort = NULL;
   fgd_sorter *sorter = NULL;
   fgd_walk walk;
   fgd_element element;
   rows r;
   int result = BAD_TEST;
   rows_begin (&r);
   fg_error_clear (&last);
   if (read_json (docs, &d) && read_json (spec, &s) && first_array (&d, &walk)) {
      sort = fgd_sort_compile (s.data, s.len, &last);
      sorter = sort ? fgd_sorter_new (sort, limit, 0, &last) : NULL;
      bool ok = sorter != NULL;
      while (ok && fgd_walk_next (&walk, &element)) {
         ok = fgd_sorter_add (sorter, element.value.data, element.value.len, 0, &last);
      }
      if (ok) {
         const uint8_t *doc;
         size_t len;
         fgd_sorter_finish (sorter);
         while (fgd_sorter_next (sorter, &doc, &len, NULL)) {
            rows_add (&r, doc, len);
         }
      }
      result = ok ? rows_end (&r, wanted) : failure ();
   }
   fgd_sorter_free (sorter);
   fgd_sort_free (sort);
   fg_buf_free (&r.buf);
   fg_buf_free (&d);
   fg_buf_free (&s);
   return result;
}

static fgd_next
next_document (void *ctx, const uint8_t **doc, size_t *len, fg_error *err)
{
   fgd_element element;
   (void)err;
   if (!fgd_walk_next (ctx, &element)) {
      return FGD_NEXT_END;
   }
   *doc = element.value.data;
   *len = element.value.len;
   return FGD_NEXT_DOCUMENT;
}

int
try_pipeline (const char *docs, const char *stages, const char *wanted)
{
   fg_buf d = {0}, holder = {0};
   fg_value value;
   fgd_walk walk;
   rows r;
   int result = BAD_TEST;
   rows_begin (&r);
   fg_error_clear (&last);
   if (read_json (docs, &d) && read_value (stages, &holder, &value) && first_array (&d, &walk)) {
      fgd_pipeline *pipeline = fgd_pipeline_compile (value.data, value.len, NULL, 0, &last);
      fgd_run *run = pipeline ? fgd_run_new (pipeline, (fgd_source){next_document, &walk}, 0, &last) : NULL;
      fgd_next next = run ? FGD_NEXT_DOCUMENT : FGD_NEXT_ERROR;
      const uint8_t *doc;
      size_t len;
      while (next == FGD_NEXT_DOCUMENT && (next = fgd_run_next (run, &doc, &len, &last)) == FGD_NEXT_DOCUMENT) {
         rows_add (&r, doc, len);
      }
      result = next == FGD_NEXT_END ? rows_end (&r, wanted) : failure ();
      fgd_run_free (run);
      fgd_pipeline_free (pipeline);
   }
   fg_buf_free (&r.buf);
   fg_buf_free (&d);
   fg_buf_free (&holder);
   return result;
}
