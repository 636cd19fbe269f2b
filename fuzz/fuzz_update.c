/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguardd-query fieldguard-schema fieldguard-base ; -lbson-1.0 -lpcre2-8 -lm */

/*
 * One byte says what is tried; then a specification (update, filter, projection, sort or pipeline: a document or an array's bytes) and a document, end to end. What comes
 * out must be well-formed, and errors must be errors.
 */

#include "hosts/fieldguardd/query/bytes.h"
#include "hosts/fieldguardd/query/pipeline.h"
#include "hosts/fieldguardd/query/projection.h"
#include "hosts/fieldguardd/query/sort.h"
#include "hosts/fieldguardd/query/update.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct input {
   fg_value spec;
   const uint8_t *doc;
   size_t len;
} input;

static void
must_hold (bool ok)
{
   if (!ok) {
      abort ();
   }
}

static void
check_out (bool ok, const fg_buf *out, const fg_error *err)
{
   must_hold (ok ? fgd_well_formed (out->data, out->len) : err->domain != FG_ERROR_NONE);
}

static void
try_update (const input *in, bool upsert)
{
   static const uint8_t id[12] = {1};
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;
   fg_buf out = {0};
   fg_error err;
   bool modified = false;
   context.positional = 0;
   fg_error_clear (&err);
   fgd_update *update = fgd_update_compile (&in->spec, NULL, 0, NULL, 0, &err);
   if (!update) {
      must_hold (err.domain != FG_ERROR_NONE);
      return;
   }
   bool ok = upsert ? fgd_update_upsert (update, in->doc, in->len, &context, id, &out, &err)
                    : fgd_update_apply (update, in->doc, in->len, &context, &out, &modified, &err);
   check_out (ok, &out, &err);
   fg_buf_free (&out);
   fgd_update_free (update);
}

static void
try_projection (const input *in)
{
   fg_buf out = {0};
   fg_error err;
   fg_error_clear (&err);
   fgd_projection *projection = fgd_projection_compile (in->spec.data, in->spec.len, NULL, 0, &err);
   if (projection) {
      check_out (fgd_projection_apply (projection, in->doc, in->len, 0, 0, &out, &err), &out, &err);
   }
   fg_buf_free (&out);
   fgd_projection_free (projection);
}

static void
try_sort (const input *in)
{
   fg_buf out = {0};
   fg_error err;
   fg_error_clear (&err);
   fgd_sort *sort = fgd_sort_compile (in->spec.data, in->spec.len, &err);
   if (sort) {
      bool ok = fgd_sort_key (sort, in->doc, in->len, &out, &err);
      check_out (ok, &out, &err);
      must_hold (!ok || fgd_sort_compare (sort, out.data, out.data) == 0);
   }
   fg_buf_free (&out);
   fgd_sort_free (sort);
}

typedef struct source {
   const input *in;
   int left;
} source;

static fgd_next
next_document (void *ctx, const uint8_t **doc, size_t *len, fg_error *err)
{
   source *s = ctx;
   (void)err;
   if (s->left-- <= 0) {
      return FGD_NEXT_END;
   }
   *doc = s->in->doc;
   *len = s->in->len;
   return FGD_NEXT_DOCUMENT;
}

static void
try_pipeline (const input *in)
{
   source s = {in, 3};
   fg_error err;
   fg_error_clear (&err);
   fgd_pipeline *pipeline = fgd_pipeline_compile (in->spec.data, in->spec.len, NULL, 0, &err);
   fgd_run *run = pipeline ? fgd_run_new (pipeline, (fgd_source){next_document, &s}, 0, &err) : NULL;
   const uint8_t *doc;
   size_t len;
   for (int i = 0; run && i < 1000 && fgd_run_next (run, &doc, &len, &err) == FGD_NEXT_DOCUMENT; i++) {
      must_hold (fgd_well_formed (doc, len));
   }
   fgd_run_free (run);
   fgd_pipeline_free (pipeline);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   if (size < 1 + 5 + 5) {
      return 0;
   }
   uint32_t spec_len = fg_read_u32le (data + 1);
   if (spec_len < 5 || spec_len > size - 1) {
      return 0;
   }
   input in = {{FGD_T_OBJECT, data + 1, spec_len}, data + 1 + spec_len, size - 1 - spec_len};
   switch (data[0] % 6) {
   case 0:
      try_update (&in, false);
      break;
   case 1:
      in.spec.type = FGD_T_ARRAY;
      try_update (&in, false);
      break;
   case 2:
      try_update (&in, true);
      break;
   case 3:
      try_projection (&in);
      break;
   case 4:
      try_sort (&in);
      break;
   default:
      try_pipeline (&in);
   }
   return 0;
}
