/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/query_target.h"
#include "hosts/fieldguardd/commands/write_update.h"
#include "hosts/fieldguardd/commands/writer_call.h"
#include "hosts/fieldguardd/store/key.h"
#include "hosts/fieldguardd/store/show.h"

/*
 * $merge: each document becomes an update (or an insert) of its own, judged and stored like a client's. As in mongod it is not atomic: the documents of a batch are
 * tried one after another, refused or not, and the first refusal ends the command after its batch.
 */

#define DUPLICATE_KEY 11000
#define IMMUTABLE_FIELD 66

typedef struct merge {
   const fgd_pipeline *pipeline;
   const fgd_target *target;
   const char *db;
   uint32_t flags;
   int64_t now_ms;
   fgd_target_batch batch;
   fgd_failure *failure;
} merge;

/* What one document turns into. */
typedef struct step {
   bson_t *doc; /* with its _id */
   bson_t filter;
   bson_t update;
   fg_buf variables;
} step;

static bool
too_large (fgd_failure *failure)
{
   return fg_error_set (&failure->error, FG_ERROR_SERVER, 10334, NULL, "a document of $merge is too large");
}

/* --- the document and its filter ------------------------------------------------------------------------------------------ */

static bool
identified_by_id (const fgd_target *target)
{
   for (size_t i = 0; i < target->n_on; i++) {
      if (strcmp (target->on[i], "_id") == 0) {
         return true;
      }
   }
   return false;
}

static bool
with_id (step *s, const fgd_target *target, const fgd_doc_view *view, fgd_failure *failure)
{
   bson_t doc;
   uint8_t oid[12];

   if (!bson_init_static (&doc, view->data, view->len)) {
      return fg_error_set (&failure->error, FG_ERROR_SERVER, 22, NULL, "malformed document");
   }
   if (!identified_by_id (target) || bson_has_field (&doc, "_id")) {
      s->doc = bson_copy (&doc);
      return true;
   }
   fgd_new_object_id (oid);
   const fg_value id = {0x07, oid, sizeof oid};
   s->doc = bson_sized_new (doc.len + 32);
   return (fgd_append_value (s->doc, "_id", &id) && bson_concat (s->doc, &doc)) || too_large (failure);
}

/* The value of an `on` field: through documents only. */
static bool
value_of (const bson_t *doc, const char *path, fg_value *out, fgd_failure *failure)
{
   bson_iter_t iter;
   bson_iter_t child;
   const char *part = path;

   *out = (fg_value){0, NULL, 0};
   if (!bson_iter_init (&iter, doc)) {
      return true;
   }
   for (;;) {
      size_t len = strcspn (part, ".");
      if (!bson_iter_find_w_len (&iter, part, (int)len)) {
         return true;
      }
      fg_value value = fgd_iter_value (&iter);
      if (value.type == 0x04) {
         return fg_error_set (&failure->error, FG_ERROR_SERVER, 51185, NULL,
                              "$merge write error: 'on' field '%s' is an array", path);
      }
      if (!part[len]) {
         *out = value;
         return true;
      }
      if (value.type != 0x03 || !bson_iter_recurse (&iter, &child)) {
         return true;
      }
      iter = child;
      part += len + 1;
   }
}

static bool
make_filter (step *s, const fgd_target *target, fgd_failure *failure)
{
   for (size_t i = 0; i < target->n_on; i++) {
      fg_value value;
      bson_t equal;
      if (!value_of (s->doc, target->on[i], &value, failure)) {
         return false;
      }
      if (value.type == 0 || value.type == 0x0A || value.type == 0x06) {
         return fg_error_set (&failure->error, FG_ERROR_SERVER, 51132, NULL,
                              "$merge write error: 'on' field '%s' cannot be missing, null, undefined or an array",
                              target->on[i]);
      }
      if (!bson_append_document_begin (&s->filter, target->on[i], -1, &equal) ||
          !fgd_append_value (&equal, "$eq", &value) || !bson_append_document_end (&s->filter, &equal)) {
         return too_large (failure);
      }
   }
   return true;
}

/* --- what is done with it --------------------------------------------------------------------------------------------- */

static fg_value
view_of (const bson_t *doc)
{
   return (fg_value){0x03, bson_get_data (doc), doc->len};
}

static bool
make_update (step *s, const merge *m, fgd_statement *statement, fgd_failure *failure)
{
   const char *name = m->target->when_matched == FGD_MATCHED_MERGE ? "$set" : "$setOnInsert";

   statement->filter = view_of (&s->filter);
   statement->upsert = m->target->when_not_matched == FGD_NOT_MATCHED_INSERT;
   switch (m->target->when_matched) {
   case FGD_MATCHED_REPLACE:
      statement->update = view_of (s->doc);
      return true;
   case FGD_MATCHED_PIPELINE:
      statement->upsert = false; /* the document itself is inserted, not what the pipeline makes of nothing */
      statement->update = (fg_value){0x04, m->target->update_pipeline, m->target->update_pipeline_len};
      if (!fgd_pipeline_variables (m->pipeline, bson_get_data (s->doc), s->doc->len, m->now_ms, &s->variables,
                                   &failure->error)) {
         return false;
      }
      statement->constants = (fg_value){0x03, s->variables.data, s->variables.len};
      return true;
   case FGD_MATCHED_MERGE:
   case FGD_MATCHED_KEEP_EXISTING:
   case FGD_MATCHED_FAIL:
   default:
      if (!bson_append_document (&s->update, name, -1, s->doc)) {
         return too_large (failure);
      }
      statement->update = view_of (&s->update);
      return true;
   }
}

static bool
insert_copy (fgd_write *write, const step *s, fgd_failure *failure)
{
   return fgd_write_create_collection (write, &failure->error) &&
          fgd_write_insert (write, bson_get_data (s->doc), s->doc->len, failure);
}

static bool
update_one (fgd_write *write, const merge *m, step *s, fgd_failure *failure)
{
   fgd_statement statement = {.multi = false};
   fgd_outcome outcome = {0};

   bool ok = make_filter (s, m->target, failure) && make_update (s, m, &statement, failure) &&
             fgd_write_update (write, &statement, &outcome, failure);
   bool missed = ok && outcome.matched == 0 && !outcome.upserted;
   fgd_outcome_free (&outcome);
   if (!missed) {
      return ok;
   }
   switch (m->target->when_not_matched) {
   case FGD_NOT_MATCHED_INSERT:
      return insert_copy (write, s, failure);
   case FGD_NOT_MATCHED_FAIL:
      return fg_error_set (&failure->error, FG_ERROR_SERVER, 13113, NULL,
                           "$merge could not find a matching document in the target collection for at least one "
                           "document in the source collection");
   case FGD_NOT_MATCHED_DISCARD:
   default:
      return true;
   }
}

static void
explain_failure (fgd_failure *failure)
{
   fg_error inner = failure->error;
   const char *why = NULL;

   if (inner.domain == FG_ERROR_SERVER && inner.code == DUPLICATE_KEY) {
      why = "$merge failed due to a DuplicateKey error";
   } else if (inner.domain == FG_ERROR_SERVER && inner.code == IMMUTABLE_FIELD) {
      why = "$merge failed to update the matching document, did you attempt to modify the _id or the shard key?";
   }
   if (why) {
      fg_error_set (&failure->error, FG_ERROR_SERVER, inner.code, NULL, "%s :: caused by :: %s", why, inner.message);
   }
}

static bool
merge_one (fgd_write *write, const merge *m, const fgd_doc_view *view, fgd_failure *failure)
{
   step s = {.doc = NULL};

   bson_init (&s.filter);
   bson_init (&s.update);
   bool ok = with_id (&s, m->target, view, failure) &&
             (m->target->when_matched == FGD_MATCHED_FAIL ? insert_copy (write, &s, failure)
                                                          : update_one (write, m, &s, failure));
   if (!ok) {
      explain_failure (failure);
   }
   bson_destroy (&s.filter);
   bson_destroy (&s.update);
   if (s.doc) {
      bson_destroy (s.doc);
   }
   fg_buf_free (&s.variables);
   return ok;
}

/* --- batches ------------------------------------------------------------------------------------------------------------ */

static void
merge_batch (void *ctx, fgd_request *request)
{
   merge *m = ctx;
   fgd_write write;
   fgd_doc_view doc;
   size_t at = 0;

   if (!fgd_write_open (&write, request, m->db, m->target->collection, &m->failure->error)) {
      return;
   }
   write.copies = true;
   write.flags = m->flags;
   bool ok = true;
   while (fgd_target_batch_next (&m->batch, &at, &doc)) {
      fgd_failure other;
      if (ok) {
         ok = merge_one (&write, m, &doc, m->failure);
         continue;
      }
      /* The first error is the one to tell; the rest of the batch is tried all the same. */
      fgd_failure_init (&other);
      (void)!merge_one (&write, m, &doc, &other);
      fgd_failure_destroy (&other);
   }
}

bool
fgd_target_merge (fgd_query *query, fgd_request *request, uint32_t flags, fgd_failure *failure)
{
   const fgd_target *target = fgd_pipeline_target (query->pipeline);
   merge m = {.pipeline = query->pipeline,
              .target = target,
              .db = fgd_target_db (request, target),
              .flags = flags,
              .now_ms = fgd_wall_ms (),
              .failure = failure};
   bool last = false;
   bool ok = true;

   while (ok && !last) {
      ok = fgd_target_next_batch (query, &m.batch, &last, &failure->error) &&
           (m.batch.n == 0 ||
            (fgd_call_writer (request, merge_batch, &m, &failure->error) && failure->error.domain == FG_ERROR_NONE));
   }
   fg_buf_free (&m.batch.docs);
   return ok;
}
