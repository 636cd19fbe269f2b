/* SPDX-License-Identifier: Apache-2.0 */
/* What shells and tools ask about collections and databases: collStats, dbStats, validate. */
#include "hosts/fieldguardd/commands/crud_args.h"
#include "hosts/fieldguardd/commands/explain.h"
#include "hosts/fieldguardd/commands/stats.h"
#include "hosts/fieldguardd/store/sizes.h"

#include "base/base.h"

/* --- scale ------------------------------------------------------------------------------------------------------------ */

static bool
read_scale (const fg_value *value, int64_t *scale, fg_error *err)
{
   *scale = 1;
   if (!fgd_value_present (value)) {
      return true;
   }
   *scale = fgd_value_int64 (value);
   return *scale >= 1 || fg_error_set (err, FG_ERROR_SERVER, 51024, NULL,
                                       "BSON field 'scale' value must be >= 1, actual value '%lld'", (long long)*scale);
}

static void
append_scaled (bson_t *out, const char *name, uint64_t bytes, int64_t scale)
{
   uint64_t n = bytes / (uint64_t)scale;

   if (n <= INT32_MAX) {
      bson_append_int32 (out, name, -1, (int32_t)n);
   } else {
      bson_append_int64 (out, name, -1, (int64_t)n);
   }
}

/* --- one collection --------------------------------------------------------------------------------------------------- */

typedef struct totals {
   fgd_sizes documents;
   uint64_t index_bytes;
   uint64_t indexes;
   uint64_t collections;
} totals;

/* index_sizes: where each index's share goes, or NULL. */
static bool
measure (fgd_txn *txn, const fgd_coll *coll, totals *t, bson_t *index_sizes, int64_t scale, fg_error *err)
{
   fgd_sizes sizes;

   if (!fgd_collection_sizes (txn, coll, &sizes, err)) {
      return false;
   }
   t->documents.documents += sizes.documents;
   t->documents.document_bytes += sizes.document_bytes;
   t->documents.stored_bytes += sizes.stored_bytes;
   t->collections++;
   for (size_t i = 0; i < coll->n_indexes; i++) {
      uint64_t entries = 0;
      uint64_t bytes = 0;
      if (!fgd_index_sizes (txn, coll->indexes[i], &entries, &bytes, err)) {
         return false;
      }
      t->index_bytes += bytes;
      t->indexes++;
      if (index_sizes) {
         append_scaled (index_sizes, coll->indexes[i]->name, bytes, scale);
      }
   }
   return true;
}

enum { S_SCALE, S_N };
static const fgd_arg coll_stats_args[] = {[S_SCALE] = {"scale", FGD_ARG_NUMBER}, [S_N] = {NULL, 0}};

static void
append_stats (bson_t *out, const totals *t, const bson_t *index_sizes, int64_t scale)
{
   const fgd_sizes *d = &t->documents;

   append_scaled (out, "size", d->document_bytes, scale);
   append_scaled (out, "count", d->documents, 1);
   if (d->documents) {
      append_scaled (out, "avgObjSize", d->document_bytes / d->documents, 1);
   }
   bson_append_int32 (out, "numOrphanDocs", -1, 0);
   append_scaled (out, "storageSize", d->stored_bytes, scale);
   bson_append_int32 (out, "freeStorageSize", -1, 0);
   bson_append_bool (out, "capped", -1, false);
   append_scaled (out, "nindexes", t->indexes, 1);
   append_scaled (out, "totalIndexSize", t->index_bytes, scale);
   append_scaled (out, "totalSize", d->stored_bytes + t->index_bytes, scale);
   bson_append_document (out, "indexSizes", -1, index_sizes);
   append_scaled (out, "scaleFactor", (uint64_t)scale, 1);
}

static void
run_coll_stats (fgd_request *request, fgd_reply *reply)
{
   fg_value v[S_N];
   const char *name = NULL;
   int64_t scale = 1;
   totals t = {.indexes = 0};
   bson_t index_sizes = BSON_INITIALIZER;

   if (fgd_arg_collection (request, &name, &reply->error) &&
       fgd_args_read (&request->body, "collStats", true, coll_stats_args, v, &reply->error) &&
       read_scale (&v[S_SCALE], &scale, &reply->error)) {
      const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
      if (!coll || measure (request->txn, coll, &t, &index_sizes, scale, &reply->error)) {
         fg_buf ns = {0};
         fg_buf_printf (&ns, "%s.%s", request->db, name);
         bson_append_utf8 (&reply->body, "ns", -1, (const char *)ns.data, (int)ns.len);
         fg_buf_free (&ns);
         append_stats (&reply->body, &t, &index_sizes, scale);
      }
   }
   bson_destroy (&index_sizes);
}

/* --- the stage $collStats ----------------------------------------------------------------------------------------------- */

enum { G_STORAGE, G_COUNT, G_LATENCY, G_EXEC, G_N };
static const fgd_arg stage_args[] = {[G_STORAGE] = {"storageStats", FGD_ARG_OBJECT},
                                     [G_COUNT] = {"count", FGD_ARG_OBJECT},
                                     [G_LATENCY] = {"latencyStats", FGD_ARG_REFUSED},
                                     [G_EXEC] = {"queryExecStats", FGD_ARG_REFUSED},
                                     [G_N] = {NULL, 0}};
static const fgd_arg storage_args[] = {{"scale", FGD_ARG_NUMBER}, {"freeStorage", FGD_ARG_NUMBER}, {NULL, 0}};

static bool
read_stage (const fg_value *spec, fg_value v[G_N], int64_t *scale, fg_error *err)
{
   fg_value storage[2];
   bson_t doc;
   bson_t inner;

   if (spec->type != 0x03) {
      return fg_error_set (err, FG_ERROR_SERVER, 5447000, NULL,
                           "$collStats must take a nested object but found a value of type %s",
                           fgd_arg_type_name (spec->type));
   }
   fgd_value_document (spec, &doc);
   if (!fgd_args_read (&doc, "$collStats", false, stage_args, v, err)) {
      return false;
   }
   fgd_value_document (&v[G_STORAGE], &inner);
   return fgd_args_read (&inner, "$collStats.storageStats", false, storage_args, storage, err) &&
          read_scale (&storage[0], scale, err);
}

bool
fgd_coll_stats_document (fgd_request *request, const char *name, const fg_value *spec, fg_buf *out, fg_error *err)
{
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
   fg_value v[G_N];
   int64_t scale = 1;
   totals t = {.indexes = 0};
   bson_t index_sizes = BSON_INITIALIZER;
   bson_t doc = BSON_INITIALIZER;
   bson_t storage;
   bool ok = read_stage (spec, v, &scale, err);

   if (ok && !coll) {
      ok = fg_error_set (err, FG_ERROR_SERVER, 26, NULL, "Collection [%s.%s] not found.", request->db, name);
   }
   ok = ok && measure (request->txn, coll, &t, &index_sizes, scale, err);
   if (ok) {
      bson_append_utf8 (&doc, "ns", -1, coll->ns, -1);
      bson_append_utf8 (&doc, "host", -1, request->server->host_name, -1);
      bson_append_date_time (&doc, "localTime", -1, fgd_wall_ms ());
   }
   if (ok && fgd_value_present (&v[G_STORAGE])) {
      bson_append_document_begin (&doc, "storageStats", -1, &storage);
      append_stats (&storage, &t, &index_sizes, scale);
      bson_append_document_end (&doc, &storage);
   }
   if (ok && fgd_value_present (&v[G_COUNT])) {
      append_scaled (&doc, "count", t.documents.documents, 1);
   }
   if (ok) {
      fg_buf_append (out, bson_get_data (&doc), doc.len);
      ok = !out->failed || fg_error_set (err, FG_ERROR_SERVER, 146, NULL, "out of memory");
   }
   bson_destroy (&doc);
   bson_destroy (&index_sizes);
   return ok;
}

/* --- a database ------------------------------------------------------------------------------------------------------- */

enum { D_SCALE, D_FREE, D_N };
static const fgd_arg db_stats_args[] = {
   [D_SCALE] = {"scale", FGD_ARG_NUMBER}, [D_FREE] = {"freeStorage", FGD_ARG_NUMBER}, [D_N] = {NULL, 0}};

typedef struct adding {
   fgd_txn *txn;
   totals *totals;
   fg_error *err;
   bool ok;
} adding;

static bool
add_collection (void *ctx, const fgd_coll *coll)
{
   adding *a = ctx;

   a->ok = measure (a->txn, coll, a->totals, NULL, 1, a->err);
   return a->ok;
}

static void
run_db_stats (fgd_request *request, fgd_reply *reply)
{
   fg_value v[D_N];
   int64_t scale = 1;
   totals t = {.indexes = 0};
   adding a = {request->txn, &t, &reply->error, true};
   bson_t *out = &reply->body;

   if (!fgd_args_read (&request->body, "dbStats", true, db_stats_args, v, &reply->error) ||
       !read_scale (&v[D_SCALE], &scale, &reply->error)) {
      return;
   }
   fgd_txn_visit_collections (request->txn, request->db, add_collection, &a);
   if (!a.ok) {
      return;
   }
   bson_append_utf8 (out, "db", -1, request->db, -1);
   append_scaled (out, "collections", t.collections, 1);
   bson_append_int32 (out, "views", -1, 0);
   append_scaled (out, "objects", t.documents.documents, 1);
   bson_append_double (out, "avgObjSize", -1,
                       t.documents.documents ? (double)t.documents.document_bytes / (double)t.documents.documents : 0);
   append_scaled (out, "dataSize", t.documents.document_bytes, scale);
   append_scaled (out, "storageSize", t.documents.stored_bytes, scale);
   append_scaled (out, "indexes", t.indexes, 1);
   append_scaled (out, "indexSize", t.index_bytes, scale);
   append_scaled (out, "totalSize", t.documents.stored_bytes + t.index_bytes, scale);
   append_scaled (out, "scaleFactor", (uint64_t)scale, 1);
}

/* --- validate --------------------------------------------------------------------------------------------------------- */

static const fgd_arg validate_args[] = {{"full", FGD_ARG_BOOL},
                                        {"repair", FGD_ARG_REFUSED},
                                        {"background", FGD_ARG_REFUSED},
                                        {"metadata", FGD_ARG_REFUSED},
                                        {"checkBSONConformance", FGD_ARG_BOOL},
                                        {"enforceFastCount", FGD_ARG_BOOL},
                                        {"fixMultikey", FGD_ARG_REFUSED},
                                        {NULL, 0}};

typedef struct findings {
   uint64_t documents;
   uint64_t corrupt; /* not BSON at all */
   uint64_t not_compliant; /* with the collection's own validator */
} findings;

static bool
check_documents (fgd_txn *txn, const fgd_coll *coll, findings *f, fg_error *err)
{
   fgd_record record;
   fgd_step step;
   fg_error ignored;
   fgd_scan *scan = fgd_scan_new (txn, coll, NULL, 0, err);

   if (!scan) {
      return false;
   }
   while ((step = fgd_scan_next (scan, &record, err)) == FGD_STEP_RECORD) {
      bson_t view;
      bool sound = bson_init_static (&view, record.data, record.len) && bson_validate (&view, BSON_VALIDATE_NONE, NULL);
      f->documents++;
      f->corrupt += !sound;
      f->not_compliant += sound && (!coll->validator || fg_validator_check (coll->validator, record.data, record.len,
                                                                            &ignored) != FG_MATCH_YES);
   }
   fgd_scan_free (scan);
   return step == FGD_STEP_END;
}

static bool
check_index (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, bson_t *keys, bson_t *details, bool *valid,
             fg_error *err)
{
   fgd_index_check_result found;
   bson_t one;

   if (!fgd_index_verify (txn, coll, index, &found, err)) {
      return false;
   }
   bool ok = found.missing == 0 && found.extra == 0;
   append_scaled (keys, index->name, found.keys, 1);
   bson_append_document_begin (details, index->name, -1, &one);
   bson_append_bool (&one, "valid", -1, ok);
   if (!ok) {
      append_scaled (&one, "missingEntries", found.missing, 1);
      append_scaled (&one, "extraEntries", found.extra, 1);
   }
   bson_append_document_end (details, &one);
   *valid = *valid && ok;
   return true;
}

static void
append_empty_arrays (bson_t *out, const char *const *names)
{
   bson_t none = BSON_INITIALIZER;

   for (; *names; names++) {
      bson_append_array (out, *names, -1, &none);
   }
   bson_destroy (&none);
}

static void
append_text (bson_t *out, const char *name, const char *text)
{
   bson_t list;

   bson_append_array_begin (out, name, -1, &list);
   if (text) {
      bson_append_utf8 (&list, "0", -1, text, -1);
   }
   bson_append_array_end (out, &list);
}

static void
append_findings (bson_t *out, const fgd_coll *coll, const findings *f, bool valid)
{
   static const char *const none[] = {"extraIndexEntries", "missingIndexEntries", "corruptRecords", NULL};

   bson_append_utf8 (out, "ns", -1, coll->ns, -1);
   bson_append_binary (out, "uuid", -1, BSON_SUBTYPE_UUID, coll->uuid, 16);
   append_scaled (out, "nInvalidDocuments", f->corrupt, 1);
   append_scaled (out, "nNonCompliantDocuments", f->not_compliant, 1);
   append_scaled (out, "nrecords", f->documents, 1);
   append_scaled (out, "nIndexes", coll->n_indexes, 1);
   bson_append_bool (out, "valid", -1, valid);
   bson_append_bool (out, "repaired", -1, false);
   append_text (out, "warnings",
                f->not_compliant ? "Detected one or more documents not compliant with the collection's schema." : NULL);
   append_text (out, "errors", valid ? NULL : "documents or index entries are damaged: see the counts");
   append_empty_arrays (out, none);
}

static void
run_validate (fgd_request *request, fgd_reply *reply)
{
   fg_value v[sizeof validate_args / sizeof validate_args[0]];
   const char *name = NULL;
   findings f = {0, 0, 0};
   bson_t keys = BSON_INITIALIZER;
   bson_t details = BSON_INITIALIZER;
   bool ok = fgd_arg_collection (request, &name, &reply->error) &&
             fgd_args_read (&request->body, "validate", true, validate_args, v, &reply->error);
   const fgd_coll *coll = ok ? fgd_txn_collection (request->txn, request->db, name) : NULL;

   if (ok && !coll) {
      fgd_reply_fail (reply, 26, "Collection '%s.%s' does not exist to validate.", request->db, name);
   }
   ok = coll && check_documents (request->txn, coll, &f, &reply->error);
   bool valid = f.corrupt == 0;
   for (size_t i = 0; ok && i < coll->n_indexes; i++) {
      ok = check_index (request->txn, coll, coll->indexes[i], &keys, &details, &valid, &reply->error);
   }
   if (ok) {
      append_findings (&reply->body, coll, &f, valid);
      bson_append_document (&reply->body, "keysPerIndex", -1, &keys);
      bson_append_document (&reply->body, "indexDetails", -1, &details);
   }
   bson_destroy (&keys);
   bson_destroy (&details);
}

const fgd_command fgd_commands_stats[] = {{"collStats", FGD_RUN_READ, run_coll_stats},
                                          {"collstats", FGD_RUN_READ, run_coll_stats},
                                          {"dbStats", FGD_RUN_READ, run_db_stats},
                                          {"dbstats", FGD_RUN_READ, run_db_stats},
                                          {"validate", FGD_RUN_READ, run_validate},
                                          {"explain", FGD_RUN_READ, fgd_run_explain},
                                          {NULL, 0, NULL}};
