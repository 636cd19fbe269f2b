/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every allocation of each operation fails once: the operation must then say so, or give the same result as ever (it may not need that allocation). The C library's malloc is
 * replaced for this program; under sanitizers, which replace it themselves, the test is skipped.
 */

#include "hosts/fieldguardd/query/bytes.h"
#include "hosts/fieldguardd/query/pipeline.h"
#include "hosts/fieldguardd/query/projection.h"
#include "hosts/fieldguardd/query/sort.h"
#include "hosts/fieldguardd/query/update.h"
#include "tests/integration/queries/extjson.h"
#include "tests/unit/runner.h"

#include <stdlib.h>

const char *const fg_suite_name = "query-memory";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REPLACED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REPLACED 0
#endif
#endif
#ifndef REPLACED
#define REPLACED 1
#endif

static long countdown = -1; /* -1: nothing fails */
static bool failed_once;

#if REPLACED
void *__libc_malloc (size_t n);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *p, size_t n);

static bool
fails (void)
{
   if (countdown < 0 || countdown-- > 0) {
      return false;
   }
   failed_once = true;
   return true;
}

void *
malloc (size_t n)
{
   return fails () ? NULL : __libc_malloc (n);
}

void *
calloc (size_t n, size_t size)
{
   return fails () ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *p, size_t n)
{
   return fails () ? NULL : __libc_realloc (p, n);
}
#endif

/* An operation: the specification (a document's member "v") and a document give bytes. */
typedef bool operation (const fg_value *spec, const fg_value *filters, const fg_buf *doc, fg_buf *out, fg_error *err);

static bool
run_update (const fg_value *spec, const fg_value *filters, const fg_buf *doc, fg_buf *out, fg_error *err)
{
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;
   bool modified = false;
   fgd_update *update = fgd_update_compile (spec, filters->data, filters->len, NULL, 0, err);
   bool ok = update && fgd_update_apply (update, doc->data, doc->len, &context, out, &modified, err);
   fgd_update_free (update);
   return ok;
}

static bool
run_upsert (const fg_value *spec, const fg_value *filters, const fg_buf *doc, fg_buf *out, fg_error *err)
{
   static const uint8_t id[12] = {1};
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;
   (void)filters;
   fgd_update *update = fgd_update_compile (spec, NULL, 0, NULL, 0, err);
   bool ok = update && fgd_update_upsert (update, doc->data, doc->len, &context, id, out, err);
   fgd_update_free (update);
   return ok;
}

static bool
run_projection (const fg_value *spec, const fg_value *filters, const fg_buf *doc, fg_buf *out, fg_error *err)
{
   (void)filters;
   fgd_projection *projection = fgd_projection_compile (spec->data, spec->len, NULL, 0, err);
   bool ok = projection && fgd_projection_apply (projection, doc->data, doc->len, SIZE_MAX, 0, out, err);
   fgd_projection_free (projection);
   return ok;
}

static fgd_next
next_document (void *ctx, const uint8_t **doc, size_t *len, fg_error *err)
{
   const fg_buf **left = ctx;
   (void)err;
   if (!*left) {
      return FGD_NEXT_END;
   }
   *doc = (*left)->data;
   *len = (*left)->len;
   *left = NULL;
   return FGD_NEXT_DOCUMENT;
}

static bool
run_pipeline (const fg_value *spec, const fg_value *filters, const fg_buf *doc, fg_buf *out, fg_error *err)
{
   const fg_buf *left = doc;
   const uint8_t *result = NULL;
   size_t len = 0;
   (void)filters;
   fgd_pipeline *pipeline = fgd_pipeline_compile (spec->data, spec->len, NULL, 0, err);
   fgd_run *run = pipeline ? fgd_run_new (pipeline, (fgd_source){next_document, &left}, 0, err) : NULL;
   fgd_next next = run ? FGD_NEXT_DOCUMENT : FGD_NEXT_ERROR;
   out->len = 0;
   while (next == FGD_NEXT_DOCUMENT && (next = fgd_run_next (run, &result, &len, err)) == FGD_NEXT_DOCUMENT) {
      fg_buf_append (out, result, len);
   }
   fgd_run_free (run);
   fgd_pipeline_free (pipeline);
   return next == FGD_NEXT_END && !out->failed;
}

static void
torture (operation *run, const char *spec_text, const char *doc_text)
{
   fg_buf spec = {0}, doc = {0}, want = {0};
   fgd_element v;
   fgd_element f = {.value = {0, NULL, 0}};
   fg_error err;
   fg_error_clear (&err);
   CU_ASSERT_TRUE_FATAL (fg_test_extjson (spec_text, &spec) && fg_test_extjson (doc_text, &doc));
   CU_ASSERT_TRUE_FATAL (fgd_find (spec.data, spec.len, "v", 1, &v));
   if (!fgd_find (spec.data, spec.len, "filters", 7, &f)) {
      f.value = (fg_value){0, NULL, 0};
   }
   CU_ASSERT_TRUE (run (&v.value, &f.value, &doc, &want, &err));
   long n = 0;
   do {
      fg_buf got = {0};
      failed_once = false;
      fg_error_clear (&err);
      countdown = n++;
      bool ok = run (&v.value, &f.value, &doc, &got, &err);
      countdown = -1;
      if (ok) {
         CU_ASSERT_TRUE (got.len == want.len && memcmp (got.data, want.data, got.len) == 0);
      } else {
         CU_ASSERT_TRUE (failed_once);
      }
      fg_buf_free (&got);
   } while (failed_once && n < 5000);
   CU_ASSERT_TRUE (n > 2 && n < 5000);
   fg_buf_free (&spec);
   fg_buf_free (&doc);
   fg_buf_free (&want);
}

static void
updates (void)
{
   if (!REPLACED) {
      fg_test_skip ("a sanitizer has the allocator");
      return;
   }
   torture (run_update,
            "{\"v\":{\"$set\":{\"x.y\":1,\"a.$[e].q\":2},\"$push\":{\"p\":{\"$each\":[3,1],\"$sort\":1}},\"$rename\":{"
            "\"n\":\"m\"},"
            "\"$pull\":{\"z\":{\"$gt\":1}},\"$inc\":{\"i\":1}},\"filters\":[{\"e.b\":1}]}",
            "{\"_id\":1,\"a\":[{\"b\":1},{\"b\":2}],\"p\":[2],\"n\":5,\"z\":[1,2,3],\"i\":1}");
   torture (run_update, "{\"v\":[{\"$set\":{\"s\":{\"$concat\":[\"$t\",\"!\"]}}},{\"$unset\":\"t\"}]}",
            "{\"_id\":1,\"t\":\"x\"}");
   torture (run_update, "{\"v\":{\"b\":1}}", "{\"_id\":1,\"t\":\"x\"}");
   torture (run_upsert, "{\"v\":{\"$setOnInsert\":{\"b.c\":1}}}", "{\"a\":1,\"d\":{\"$in\":[2]}}");
}

static void
projections (void)
{
   if (!REPLACED) {
      fg_test_skip ("a sanitizer has the allocator");
      return;
   }
   torture (run_projection,
            "{\"v\":{\"a\":{\"$elemMatch\":{\"b\":2}},\"s\":{\"$slice\":1},\"c\":{\"$add\":[\"$n\",1]}}}",
            "{\"_id\":1,\"a\":[{\"b\":1},{\"b\":2}],\"s\":[1,2],\"n\":5}");
}

static void
pipelines (void)
{
   if (!REPLACED) {
      fg_test_skip ("a sanitizer has the allocator");
      return;
   }
   torture (
      run_pipeline,
      "{\"v\":[{\"$match\":{\"n\":5}},{\"$unwind\":\"$a\"},{\"$group\":{\"_id\":\"$a\",\"s\":{\"$sum\":\"$n\"},\"p\":{"
      "\"$push\":\"$n\"},"
      "\"u\":{\"$addToSet\":\"$n\"},\"f\":{\"$first\":\"$n\"}}},{\"$sort\":{\"_id\":-1}},{\"$project\":{\"f\":0}}]}",
      "{\"_id\":1,\"a\":[1,2,1],\"n\":5}");
}

const fg_test fg_tests[] = {{"updates", updates}, {"projections", projections}, {"pipelines", pipelines}, {NULL, NULL}};
