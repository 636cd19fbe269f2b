/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Replays recorded answers of a mongod against this tree's matcher and query room, in-process. Input: one JSON object a line (Extended JSON), as
 * tests/integration/queries/README.md describes it. Prints how many are equal, refused where the recording has an answer, and wrong; -v names the wrong ones.
 * Exits 1 when anything is wrong, or less than 97% is equal.
 */

#include "hosts/fieldguardd/query/projection.h"
#include "hosts/fieldguardd/query/sort.h"
#include "hosts/fieldguardd/query/update.h"
#include "tests/integration/queries/extjson.h"

#include <bson/bson.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DOCS_MAX 512

typedef enum outcome { EQUAL = 0, REFUSED, WRONG, OTHER_CODE, N_OUTCOMES } outcome;

typedef struct counts {
   size_t n[N_OUTCOMES];
} counts;

typedef struct view {
   const uint8_t *data;
   size_t len;
} view;

typedef struct collection {
   view docs[DOCS_MAX];
   size_t n;
} collection;

static bool verbose;
static size_t line_number;

static view
view_of (const bson_iter_t *iter)
{
   view v = {NULL, 0};
   uint32_t len = 0;
   if (BSON_ITER_HOLDS_DOCUMENT (iter)) {
      bson_iter_document (iter, &len, &v.data);
   } else if (BSON_ITER_HOLDS_ARRAY (iter)) {
      bson_iter_array (iter, &len, &v.data);
   }
   v.len = len;
   return v;
}

static view
member (view doc, const char *name)
{
   bson_t b;
   bson_iter_t iter;
   if (doc.data && bson_init_static (&b, doc.data, doc.len) && bson_iter_init_find (&iter, &b, name)) {
      return view_of (&iter);
   }
   return (view){NULL, 0};
}

static int64_t
number (view doc, const char *name, int64_t otherwise)
{
   bson_t b;
   bson_iter_t iter;
   if (doc.data && bson_init_static (&b, doc.data, doc.len) && bson_iter_init_find (&iter, &b, name)) {
      return BSON_ITER_HOLDS_BOOL (&iter) ? bson_iter_bool (&iter) : bson_iter_as_int64 (&iter);
   }
   return otherwise;
}

static void
elements (view array, collection *out)
{
   bson_t b;
   bson_iter_t iter;
   out->n = 0;
   if (!array.data || !bson_init_static (&b, array.data, array.len) || !bson_iter_init (&iter, &b)) {
      return;
   }
   while (out->n < DOCS_MAX && bson_iter_next (&iter)) {
      out->docs[out->n++] = view_of (&iter);
   }
}

static bool
same (view a, view b)
{
   return a.len == b.len && memcmp (a.data, b.data, a.len) == 0;
}

static void
show (const char *what, view doc)
{
   bson_t b;
   if (doc.data && bson_init_static (&b, doc.data, doc.len)) {
      char *json = bson_as_relaxed_extended_json (&b, NULL);
      printf ("   %s %s\n", what, json);
      bson_free (json);
   }
}

static void
report (counts *c, outcome o, const char *what, view request, int64_t wanted, const fg_error *err)
{
   c->n[o]++;
   if (o == EQUAL || !verbose) {
      return;
   }
   static const char *const names[] = {"equal", "refused", "wrong", "other code"};
   printf ("line %zu: %s %s (recorded code %" PRId64 "; ours %d %s)\n", line_number, what, names[o], wanted,
           err->domain == FG_ERROR_NONE ? 0 : (int)err->code, err->domain == FG_ERROR_NONE ? "" : err->message);
   show ("request", request);
}

static outcome
judge_error (int64_t wanted, const fg_error *err)
{
   return wanted == 0 ? REFUSED : wanted == err->code && err->domain == FG_ERROR_SERVER ? EQUAL : OTHER_CODE;
}

/* --- finds ------------------------------------------------------------------------------------------------------------------- */

typedef struct find {
   fg_matcher *matcher;
   fgd_sort *sort;
   fgd_projection *projection;
   fgd_sorter *sorter;
} find;

static void
find_clear (find *f)
{
   fg_matcher_free (f->matcher);
   fgd_sorter_free (f->sorter);
   fgd_sort_free (f->sort);
   fgd_projection_free (f->projection);
}

static bool
find_compile (find *f, view cmd, fg_error *err)
{
   static const uint8_t empty[5] = {5, 0, 0, 0, 0};
   view filter = member (cmd, "filter");
   view sort = member (cmd, "sort");
   view projection = member (cmd, "projection");
   projection = projection.data ? projection : (view){empty, sizeof empty};
   f->matcher = fg_matcher_compile (filter.data, filter.len, NULL, err);
   f->sort = f->matcher ? fgd_sort_compile (sort.data, sort.len, err) : NULL;
   f->projection = f->sort ? fgd_projection_compile (projection.data, projection.len, NULL, 0, err) : NULL;
   return f->projection != NULL;
}

/* Appends the result to out, documents end to end. */
static bool
find_run (find *f, view cmd, const collection *docs, bson_t *out, fg_error *err)
{
   int64_t skip = number (cmd, "skip", 0);
   int64_t limit = number (cmd, "limit", 0);
   fg_buf projected = {0};
   view doc;
   bool ok = true;
   uint32_t n = 0;
   f->sorter = fgd_sorter_new (f->sort, limit > 0 ? (size_t)(skip + limit) : 0, 0, err);
   ok = f->sorter != NULL;
   for (size_t i = 0; ok && i < docs->n; i++) {
      fg_match match = fg_matcher_check (f->matcher, docs->docs[i].data, docs->docs[i].len, err);
      ok = match != FG_MATCH_ERROR &&
           (match == FG_MATCH_NO || fgd_sorter_add (f->sorter, docs->docs[i].data, docs->docs[i].len, 0, err));
   }
   if (ok) {
      fgd_sorter_finish (f->sorter);
   }
   while (ok && fgd_sorter_next (f->sorter, &doc.data, &doc.len, NULL)) {
      bson_t b;
      char name[16];
      const char *key;
      if (skip-- > 0) {
         continue;
      }
      ok = fgd_projection_apply (f->projection, doc.data, doc.len, SIZE_MAX, 0, &projected, err);
      if (ok && bson_init_static (&b, projected.data, projected.len)) {
         bson_uint32_to_string (n++, &key, name, sizeof name);
         bson_append_document (out, key, -1, &b);
      }
   }
   fg_buf_free (&projected);
   return ok;
}

static void
replay_find (view record, const collection *docs, counts *c)
{
   view cmd = member (record, "cmd");
   int64_t code = number (record, "code", 0);
   view wanted = member (record, "result");
   find f = {0};
   fg_error err;
   bson_t result = BSON_INITIALIZER;
   fg_error_clear (&err);
   if (!find_compile (&f, cmd, &err) || !find_run (&f, cmd, docs, &result, &err)) {
      report (c, judge_error (code, &err), "find", cmd, code, &err);
   } else {
      view got = {bson_get_data (&result), result.len};
      bool equal = code == 0 && wanted.data && same (got, wanted);
      report (c, equal ? EQUAL : WRONG, "find", cmd, code, &err);
      if (!equal && verbose) {
         show ("wanted", wanted);
         show ("got   ", got);
      }
   }
   bson_destroy (&result);
   find_clear (&f);
}

/* --- updates ------------------------------------------------------------------------------------------------------------------- */

typedef struct effect {
   fg_buf docs[DOCS_MAX + 1];
   size_t count;
   int64_t n;
   int64_t modified;
   bool upserted;
   bool generated_id;
} effect;

static bool
update_matching (const fgd_update *update, const fg_matcher *matcher, bool multi, const collection *docs, effect *e,
                 fg_error *err)
{
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;
   for (size_t i = 0; i < docs->n; i++) {
      size_t index = SIZE_MAX;
      bool modified = false;
      fg_match match = FG_MATCH_NO;
      if (multi || e->n == 0) {
         match = fg_matcher_check_positional (matcher, docs->docs[i].data, docs->docs[i].len, &index, err);
      }
      if (match == FG_MATCH_ERROR) {
         return false;
      }
      if (match == FG_MATCH_NO) {
         fg_buf_append (&e->docs[e->count++], docs->docs[i].data, docs->docs[i].len);
         continue;
      }
      context.positional = index;
      if (!fgd_update_apply (update, docs->docs[i].data, docs->docs[i].len, &context, &e->docs[e->count++], &modified,
                             err)) {
         return false;
      }
      e->n++;
      e->modified += modified;
   }
   return true;
}

static bool
upsert (const fgd_update *update, view filter, effect *e, fg_error *err)
{
   static const uint8_t new_id[12] = {'n', 'e', 'w'};
   fgd_update_context context = FGD_UPDATE_CONTEXT_INIT;
   bson_t b;
   bson_iter_t iter;
   fg_buf *out = &e->docs[e->count++];
   if (!fgd_update_upsert (update, filter.data, filter.len, &context, new_id, out, err)) {
      return false;
   }
   e->n = 1;
   e->upserted = true;
   e->generated_id = bson_init_static (&b, out->data, out->len) && bson_iter_init_find (&iter, &b, "_id") &&
                     BSON_ITER_HOLDS_OID (&iter) && memcmp (bson_iter_oid (&iter), new_id, 12) == 0;
   return true;
}

/* 9: what the update command itself says before any document is looked at. */
static bool
update_run (view request, const collection *docs, effect *e, fg_error *err)
{
   view q = member (request, "q");
   view filters = member (request, "arrayFilters");
   bool multi = number (request, "multi", 0) != 0;
   bson_t b;
   bson_iter_t iter;
   fgd_update *update = NULL;
   fg_matcher *matcher = NULL;
   bool ok = false;
   if (!bson_init_static (&b, request.data, request.len) || !bson_iter_init_find (&iter, &b, "u")) {
      return false;
   }
   view u = view_of (&iter);
   fg_value value = {(uint8_t)bson_iter_type (&iter), u.data, u.len};
   update = fgd_update_compile (&value, filters.data, filters.len, NULL, 0, err);
   if (update && multi && fgd_update_get_style (update) == FGD_UPDATE_REPLACEMENT) {
      fg_error_set (err, FG_ERROR_SERVER, 9, NULL, "multi update is not supported for replacement-style update");
      goto done;
   }
   matcher = update ? fg_matcher_compile (q.data, q.len, NULL, err) : NULL;
   ok = matcher && update_matching (update, matcher, multi, docs, e, err);
   if (ok && e->n == 0 && number (request, "upsert", 0) != 0) {
      ok = upsert (update, q, e, err);
   }
done:
   fg_matcher_free (matcher);
   fgd_update_free (update);
   return ok;
}

static int64_t
id_order (const fg_buf *doc)
{
   return number ((view){doc->data, doc->len}, "_id", INT64_MAX);
}

/* The recording has the collection sorted by _id, an upserted document with a made-up _id last and without it. */
static void
sort_by_id (effect *e)
{
   for (size_t i = 1; i < e->count; i++) {
      for (size_t k = i; k > 0 && id_order (&e->docs[k]) < id_order (&e->docs[k - 1]); k--) {
         fg_buf swap = e->docs[k];
         e->docs[k] = e->docs[k - 1];
         e->docs[k - 1] = swap;
      }
   }
}

static void
drop_id (fg_buf *doc)
{
   bson_t b;
   bson_t without = BSON_INITIALIZER;
   if (bson_init_static (&b, doc->data, doc->len)) {
      bson_copy_to_excluding_noinit (&b, &without, "_id", NULL);
      doc->len = 0;
      fg_buf_append (doc, bson_get_data (&without), without.len);
   }
   bson_destroy (&without);
}

static bool
effect_equals (effect *e, view record, const collection *docs)
{
   collection after;
   view wanted = member (record, "after");
   if (e->n != number (record, "n", 0) || e->modified != number (record, "nModified", 0) ||
       e->generated_id != (number (record, "generatedId", 0) != 0)) {
      return false;
   }
   if (e->generated_id) {
      drop_id (&e->docs[e->count - 1]);
   } else {
      sort_by_id (e);
   }
   if (wanted.data) {
      elements (wanted, &after);
   } else {
      after = *docs;
   }
   if (after.n != e->count) {
      return false;
   }
   for (size_t i = 0; i < after.n; i++) {
      if (!same (after.docs[i], (view){e->docs[i].data, e->docs[i].len})) {
         return false;
      }
   }
   return true;
}

static void
replay_update (view record, const collection *docs, counts *c)
{
   view request = member (record, "update");
   int64_t code = number (record, "code", 0);
   effect e = {0};
   fg_error err;
   fg_error_clear (&err);
   if (!update_run (request, docs, &e, &err)) {
      report (c, judge_error (code, &err), "update", request, code, &err);
   } else {
      bool equal = code == 0 && effect_equals (&e, record, docs);
      report (c, equal ? EQUAL : WRONG, "update", request, code, &err);
      if (!equal && verbose) {
         printf ("   ours: n %" PRId64 " nModified %" PRId64 " generatedId %d\n", e.n, e.modified, e.generated_id);
         show ("wanted", record);
         for (size_t i = 0; i < e.count; i++) {
            show ("got   ", (view){e.docs[i].data, e.docs[i].len});
         }
      }
   }
   for (size_t i = 0; i < DOCS_MAX + 1; i++) {
      fg_buf_free (&e.docs[i]);
   }
}

/* --- the recording ---------------------------------------------------------------------------------------------------------------- */

static void
replay_line (const char *line, counts *finds, counts *updates)
{
   fg_buf record = {0};
   collection docs;
   collection list;
   if (!fg_test_extjson (line, &record)) {
      printf ("line %zu: not Extended JSON\n", line_number);
      finds->n[WRONG]++;
      fg_buf_free (&record);
      return;
   }
   view all = {record.data, record.len};
   elements (member (all, "docs"), &docs);
   elements (member (all, "finds"), &list);
   for (size_t i = 0; i < list.n; i++) {
      replay_find (list.docs[i], &docs, finds);
   }
   elements (member (all, "updates"), &list);
   for (size_t i = 0; i < list.n; i++) {
      replay_update (list.docs[i], &docs, updates);
   }
   fg_buf_free (&record);
}

static bool
summary (const char *what, const counts *c)
{
   size_t total = c->n[EQUAL] + c->n[REFUSED] + c->n[WRONG] + c->n[OTHER_CODE];
   double percent = total ? 100.0 * (double)(c->n[EQUAL] + c->n[OTHER_CODE]) / (double)total : 0;
   printf ("# %s: %zu: equal %zu, equal but for the error's code %zu, refused where mongod answers %zu, WRONG %zu "
           "(%.2f%%)\n",
           what, total, c->n[EQUAL], c->n[OTHER_CODE], c->n[REFUSED], c->n[WRONG], percent);
   return total > 0 && c->n[WRONG] == 0 && percent >= 97.0;
}

int
main (int argc, char **argv)
{
   counts finds = {{0}};
   counts updates = {{0}};
   char *line = NULL;
   size_t cap = 0;
   verbose = argc > 1 && strcmp (argv[1], "-v") == 0;
   while (getline (&line, &cap, stdin) > 0) {
      line_number++;
      replay_line (line, &finds, &updates);
   }
   free (line);
   bool ok = summary ("finds", &finds);
   ok = summary ("updates", &updates) && ok;
   return ok ? 0 : 1;
}
