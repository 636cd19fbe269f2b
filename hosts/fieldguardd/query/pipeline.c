/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/stages.h"

#include <stdlib.h>

struct fgd_pipeline {
   fgd_stages *stages;
};

fgd_pipeline *
fgd_pipeline_compile (const uint8_t *stages, size_t len, const uint8_t *let, size_t let_len, fg_error *err)
{
   fgd_pipeline *pipeline = calloc (1, sizeof *pipeline);
   if (!pipeline) {
      fgd_no_memory (err);
      return NULL;
   }
   pipeline->stages = fgd_stages_compile (stages, len, let, let_len, 0, err);
   if (!pipeline->stages) {
      free (pipeline);
      return NULL;
   }
   return pipeline;
}

void
fgd_pipeline_free (fgd_pipeline *pipeline)
{
   if (pipeline) {
      fgd_stages_free (pipeline->stages);
      free (pipeline);
   }
}

const fgd_stages *
fgd_pipeline_stages (const fgd_pipeline *pipeline)
{
   return pipeline->stages;
}

const fgd_target *
fgd_pipeline_target (const fgd_pipeline *pipeline)
{
   return &pipeline->stages->target;
}

bool
fgd_pipeline_leading_match (const fgd_pipeline *pipeline, const uint8_t **filter, size_t *len)
{
   if (pipeline->stages->n == 0 || pipeline->stages->items[0].kind != FGD_STAGE_MATCH) {
      return false;
   }
   *filter = pipeline->stages->items[0].filter.data;
   *len = pipeline->stages->items[0].filter.len;
   return true;
}

/* --- running ------------------------------------------------------------------------------------------------------------------- */

/* A stage at work: what it has to remember between two documents. */
typedef struct worker {
   const fgd_stage *stage;
   fg_buf out; /* the document that it gave last */
   fg_buf held; /* $unwind: the document being unwound */
   size_t index;
   bool holding;
   uint64_t seen;
   bool drained; /* a blocking stage has read all of its input */
   fgd_sorter *sorter;
   fgd_grouper *grouper;
} worker;

struct fgd_run {
   fgd_source source;
   int64_t now_ms;
   worker *workers;
   size_t n;
   fgd_next ended; /* FGD_NEXT_DOCUMENT while it runs */
   fg_error failure;
};

fgd_run *
fgd_run_new (const fgd_pipeline *pipeline, fgd_source source, int64_t now_ms, fg_error *err)
{
   fgd_run *run = calloc (1, sizeof *run);
   if (!run) {
      fgd_no_memory (err);
      return NULL;
   }
   run->source = source;
   run->now_ms = now_ms;
   run->n = pipeline->stages->n;
   run->ended = FGD_NEXT_DOCUMENT;
   run->workers = calloc (run->n + 1, sizeof *run->workers);
   if (!run->workers) {
      free (run);
      fgd_no_memory (err);
      return NULL;
   }
   for (size_t i = 0; i < run->n; i++) {
      run->workers[i].stage = &pipeline->stages->items[i];
   }
   return run;
}

void
fgd_run_free (fgd_run *run)
{
   if (!run) {
      return;
   }
   for (size_t i = 0; i < run->n; i++) {
      worker *w = &run->workers[i];
      fg_buf_free (&w->out);
      fg_buf_free (&w->held);
      fgd_sorter_free (w->sorter);
      fgd_grouper_free (w->grouper);
   }
   free (run->workers);
   free (run);
}

/* The next document after the first n stages. Recursion is as deep as the pipeline is long. */
static fgd_next pull (fgd_run *run, size_t n, const uint8_t **doc, size_t *len, fg_error *err);

static fgd_next
next_match (fgd_run *run, size_t n, worker *w, const uint8_t **doc, size_t *len, fg_error *err)
{
   fgd_next next;
   while ((next = pull (run, n, doc, len, err)) == FGD_NEXT_DOCUMENT) {
      fg_match match = fg_matcher_check (w->stage->matcher, *doc, *len, err);
      if (match != FG_MATCH_NO) {
         return match == FG_MATCH_YES ? FGD_NEXT_DOCUMENT : FGD_NEXT_ERROR;
      }
   }
   return next;
}

static fgd_next
next_transform (fgd_run *run, size_t n, worker *w, const uint8_t **doc, size_t *len, fg_error *err)
{
   fgd_next next = pull (run, n, doc, len, err);
   if (next != FGD_NEXT_DOCUMENT) {
      return next;
   }
   if (!fgd_stage_transform (w->stage, *doc, *len, run->now_ms, &w->out, err)) {
      return FGD_NEXT_ERROR;
   }
   *doc = w->out.data;
   *len = w->out.len;
   return FGD_NEXT_DOCUMENT;
}

static fgd_next
next_skip_or_limit (fgd_run *run, size_t n, worker *w, const uint8_t **doc, size_t *len, fg_error *err)
{
   if (w->stage->kind == FGD_STAGE_LIMIT) {
      return w->seen++ < w->stage->count ? pull (run, n, doc, len, err) : FGD_NEXT_END;
   }
   for (; w->seen < w->stage->count; w->seen++) {
      fgd_next next = pull (run, n, doc, len, err);
      if (next != FGD_NEXT_DOCUMENT) {
         return next;
      }
   }
   return pull (run, n, doc, len, err);
}

static fgd_next
drain_into_sorter (fgd_run *run, size_t n, worker *w, fg_error *err)
{
   const uint8_t *doc;
   size_t len;
   fgd_next next;
   w->sorter = fgd_sorter_new (w->stage->sort, (size_t)w->stage->count, 0, err);
   if (!w->sorter) {
      return FGD_NEXT_ERROR;
   }
   while ((next = pull (run, n, &doc, &len, err)) == FGD_NEXT_DOCUMENT) {
      if (!fgd_sorter_add (w->sorter, doc, len, 0, err)) {
         return FGD_NEXT_ERROR;
      }
   }
   fgd_sorter_finish (w->sorter);
   w->drained = true;
   return next;
}

static fgd_next
next_sort (fgd_run *run, size_t n, worker *w, const uint8_t **doc, size_t *len, fg_error *err)
{
   if (!w->drained && drain_into_sorter (run, n, w, err) == FGD_NEXT_ERROR) {
      return FGD_NEXT_ERROR;
   }
   return fgd_sorter_next (w->sorter, doc, len, NULL) ? FGD_NEXT_DOCUMENT : FGD_NEXT_END;
}

static fgd_next
next_group (fgd_run *run, size_t n, worker *w, const uint8_t **doc, size_t *len, fg_error *err)
{
   bool failed = false;
   if (!w->drained) {
      fgd_next next;
      w->grouper = fgd_grouper_new (w->stage, run->now_ms, err);
      if (!w->grouper) {
         return FGD_NEXT_ERROR;
      }
      while ((next = pull (run, n, doc, len, err)) == FGD_NEXT_DOCUMENT) {
         if (!fgd_grouper_add (w->grouper, *doc, *len, err)) {
            return FGD_NEXT_ERROR;
         }
      }
      if (next == FGD_NEXT_ERROR) {
         return next;
      }
      w->drained = true;
   }
   if (!fgd_grouper_next (w->grouper, &w->out, &failed, err)) {
      return failed ? FGD_NEXT_ERROR : FGD_NEXT_END;
   }
   *doc = w->out.data;
   *len = w->out.len;
   return FGD_NEXT_DOCUMENT;
}

/* $count of nothing gives no document at all. */
static fgd_next
next_count (fgd_run *run, size_t n, worker *w, const uint8_t **doc, size_t *len, fg_error *err)
{
   fgd_next next;
   uint8_t bytes[8];
   if (w->drained) {
      return FGD_NEXT_END;
   }
   while ((next = pull (run, n, doc, len, err)) == FGD_NEXT_DOCUMENT) {
      w->seen++;
   }
   w->drained = true;
   if (next == FGD_NEXT_ERROR || w->seen == 0) {
      return next;
   }
   for (int i = 0; i < 8; i++) {
      bytes[i] = (uint8_t)(w->seen >> (8 * i));
   }
   bool narrow = w->seen <= INT32_MAX;
   fgd_buf_reset (&w->out);
   size_t at = fgd_put_begin (&w->out);
   fgd_put (&w->out, narrow ? FGD_T_INT32 : FGD_T_INT64, w->stage->field, strlen (w->stage->field), bytes,
            narrow ? 4 : 8);
   fgd_put_end (&w->out, at);
   if (w->out.failed) {
      fgd_no_memory (err);
      return FGD_NEXT_ERROR;
   }
   *doc = w->out.data;
   *len = w->out.len;
   return FGD_NEXT_DOCUMENT;
}

static fgd_next
next_unwind (fgd_run *run, size_t n, worker *w, const uint8_t **doc, size_t *len, fg_error *err)
{
   for (;;) {
      bool failed = false;
      if (w->holding && fgd_unwind_at (w->stage, w->held.data, w->held.len, w->index, &w->out, &failed, err)) {
         w->index++;
         *doc = w->out.data;
         *len = w->out.len;
         return FGD_NEXT_DOCUMENT;
      }
      if (failed) {
         return FGD_NEXT_ERROR;
      }
      fgd_next next = pull (run, n, doc, len, err);
      if (next != FGD_NEXT_DOCUMENT) {
         w->holding = false;
         return next;
      }
      fgd_buf_reset (&w->held);
      fg_buf_append (&w->held, *doc, *len);
      if (w->held.failed) {
         fgd_no_memory (err);
         return FGD_NEXT_ERROR;
      }
      w->holding = true;
      w->index = 0;
   }
}

static fgd_next
from_source (fgd_run *run, const uint8_t **doc, size_t *len, fg_error *err)
{
   fgd_next next = run->source.next (run->source.ctx, doc, len, err);
   if (next == FGD_NEXT_DOCUMENT && !fgd_well_formed (*doc, *len)) {
      fgd_bad_bson (err);
      return FGD_NEXT_ERROR;
   }
   return next;
}

static fgd_next
pull (fgd_run *run, size_t n, const uint8_t **doc, size_t *len, fg_error *err)
{
   if (n == 0) {
      return from_source (run, doc, len, err);
   }
   worker *w = &run->workers[n - 1];
   switch (w->stage->kind) {
   case FGD_STAGE_MATCH:
      return next_match (run, n - 1, w, doc, len, err);
   case FGD_STAGE_PROJECT:
   case FGD_STAGE_REPLACE:
      return next_transform (run, n - 1, w, doc, len, err);
   case FGD_STAGE_SORT:
      return next_sort (run, n - 1, w, doc, len, err);
   case FGD_STAGE_GROUP:
      return next_group (run, n - 1, w, doc, len, err);
   case FGD_STAGE_COUNT:
      return next_count (run, n - 1, w, doc, len, err);
   case FGD_STAGE_UNWIND:
      return next_unwind (run, n - 1, w, doc, len, err);
   case FGD_STAGE_SKIP:
   case FGD_STAGE_LIMIT:
   default:
      return next_skip_or_limit (run, n - 1, w, doc, len, err);
   }
}

fgd_next
fgd_run_next (fgd_run *run, const uint8_t **doc, size_t *len, fg_error *err)
{
   if (run->ended == FGD_NEXT_DOCUMENT) {
      fg_error_clear (&run->failure);
      run->ended = pull (run, run->n, doc, len, &run->failure);
      if (run->ended == FGD_NEXT_DOCUMENT) {
         return FGD_NEXT_DOCUMENT;
      }
   }
   if (run->ended == FGD_NEXT_ERROR && err) {
      *err = run->failure;
   }
   return run->ended;
}
