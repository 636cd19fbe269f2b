/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/ddl.h"
#include "hosts/fieldguardd/server.h"
#include "hosts/fieldguardd/store/store.h"

#include <stdlib.h>

/*
 * What was stored before a rule. The collMod has been published: every later write is judged by the rule. A worker then shows the modules each document of one read
 * snapshot, taken after that, and what they report goes into the reply. A count that meets a limit of time or a shutdown says that it is not complete.
 */

#define TIME_MAX_US (60 * 1000 * 1000) /* the snapshot keeps LMDB from using freed pages again */
#define STEPS_BETWEEN_CLOCK 128u

typedef struct stored {
   fg_survey *survey;
   uint64_t collection;
} stored;

static bool
out_of_time (const fgd_request *request, int64_t begun)
{
   int64_t now = fgd_now_us ();

   return now >= request->deadline_us || now - begun >= TIME_MAX_US || atomic_load (&request->server->stopping);
}

/* True: every document was shown. */
static bool
show_all (fgd_request *request, const stored *s)
{
   const fgd_coll *coll = request->txn ? fgd_txn_collection_by_id (request->txn, s->collection) : NULL;
   fgd_scan *scan = coll ? fgd_scan_new (request->txn, coll, NULL, 0, NULL) : NULL;
   fgd_step step = FGD_STEP_ERROR;
   fgd_record record;
   size_t n = 0;
   int64_t begun = fgd_now_us ();

   while (scan && (step = fgd_scan_next (scan, &record, NULL)) == FGD_STEP_RECORD) {
      if (n++ % STEPS_BETWEEN_CLOCK == 0 && out_of_time (request, begun)) {
         break;
      }
      fg_loader_survey_document (s->survey, record.data, record.len);
   }
   fgd_scan_free (scan);
   return step == FGD_STEP_END;
}

static void
report (void *ctx, const char *module, const uint8_t *doc, size_t len)
{
   fgd_reply *reply = ctx;
   bson_t view;

   if (reply->error.domain == FG_ERROR_NONE && bson_init_static (&view, doc, len)) {
      bson_append_document (&reply->body, module, -1, &view);
   }
}

static void
count_stored (fgd_request *request, fgd_reply *reply)
{
   stored *s = request->follow_up_ctx;

   request->follow_up_ctx = NULL;
   bool complete = show_all (request, s);
   fg_loader_survey_end (s->survey, complete, request->client, report, reply);
   free (s);
}

void
fgd_survey_stored (fgd_request *request, const char *name)
{
   const fgd_coll *coll = fgd_txn_collection (request->txn, request->db, name);
   fg_survey *survey = coll ? fg_loader_survey_begin (request->server->loader, coll->module) : NULL;
   stored *s = survey ? malloc (sizeof *s) : NULL;

   if (!s) {
      fg_loader_survey_end (survey, false, request->client, NULL, NULL);
      return;
   }
   *s = (stored){survey, coll->id};
   request->follow_up = count_stored;
   request->follow_up_ctx = s;
}
