/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/query_target.h"
#include "hosts/fieldguardd/commands/writer_call.h"

/*
 * $out. Three kinds of work for the writer thread: begin a hidden collection with the target's options and indexes, put a batch into it (each document past
 * the modules under the target's name, the validator and the indexes), and let it replace the target. Whatever fails, the last work is to take it away again.
 */

typedef struct out {
   const char *db;
   const char *name;
   uint32_t flags;
   fgd_fill *fill;
   fgd_target_batch batch;
   fgd_failure *failure; /* its error is set when something was refused */
} out;

static void
begin (void *ctx, fgd_request *request)
{
   out *o = ctx;

   o->fill = fgd_fill_begin (request->txn, request->client, o->db, o->name, &o->failure->error);
}

static void
put (void *ctx, fgd_request *request)
{
   out *o = ctx;
   fgd_write write;
   fgd_doc_view doc;
   size_t at = 0;

   if (!fgd_copy_relieve (fgd_fill_copy (o->fill), &o->failure->error) ||
       !fgd_write_open (&write, request, o->db, o->name, &o->failure->error)) {
      return;
   }
   write.coll = fgd_fill_collection (o->fill);
   write.copy = fgd_fill_copy (o->fill);
   write.copies = true;
   write.flags = o->flags;
   while (fgd_target_batch_next (&o->batch, &at, &doc) && fgd_write_insert (&write, doc.data, doc.len, o->failure)) {
   }
}

static void
end (void *ctx, fgd_request *request)
{
   out *o = ctx;

   fgd_fill_end (request->txn, request->client, o->fill);
   o->fill = NULL;
}

static void
replace (void *ctx, fgd_request *request)
{
   out *o = ctx;

   (void)!fgd_fill_replace (request->txn, request->client, o->fill, &o->failure->error);
   end (ctx, request);
}

static bool
call (out *o, const fgd_request *request, void (*work) (void *ctx, fgd_request *inner))
{
   return fgd_call_writer (request, work, o, &o->failure->error) && o->failure->error.domain == FG_ERROR_NONE;
}

static bool
fill (out *o, fgd_query *query, const fgd_request *request)
{
   bool last = false;

   while (!last) {
      if (!fgd_target_next_batch (query, &o->batch, &last, &o->failure->error) ||
          (o->batch.n > 0 && !call (o, request, put))) {
         return false;
      }
   }
   return true;
}

bool
fgd_target_out (fgd_query *query, fgd_request *request, uint32_t flags, fgd_failure *failure)
{
   const fgd_target *target = fgd_pipeline_target (query->pipeline);
   out o = {.db = fgd_target_db (request, target), .name = target->collection, .flags = flags, .failure = failure};
   fg_error ignored;

   bool ok = call (&o, request, begin) && fill (&o, query, request) && call (&o, request, replace);
   if (o.fill) {
      (void)!fgd_call_writer (request, end, &o, &ignored); /* the first error is the one to tell */
   }
   fg_buf_free (&o.batch.docs);
   return ok;
}
