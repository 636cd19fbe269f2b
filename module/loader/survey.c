/* SPDX-License-Identifier: Apache-2.0 */
#include "module/loader/loader.h"

#include <stdlib.h>

/* One survey of the host's is one of each module that has something to count. */
struct fg_survey {
   fg_loader *loader;
   size_t n;
   struct part {
      const chain_link *link;
      void *survey;
   } parts[];
};

fg_survey *
fg_loader_survey_begin (fg_loader *loader, const fg_collection *collection)
{
   if (loader->n_chain == 0 || atomic_load (&loader->stopped)) {
      return NULL;
   }
   fg_survey *survey = calloc (1, sizeof *survey + loader->n_chain * sizeof survey->parts[0]);
   if (!survey) {
      return NULL;
   }
   survey->loader = loader;
   for (size_t i = 0; i < loader->n_chain; i++) {
      const chain_link *link = &loader->chain[i];
      const fg_collection_view view = fg_collection_view_for (collection, link->module);
      /* A survey that cannot be ended would leak: the three come together or not at all. */
      if (!link->hooks.survey_begin || !link->hooks.survey_document || !link->hooks.survey_end) {
         continue;
      }
      void *part = link->hooks.survey_begin (link->ctx, &view);
      if (part) {
         survey->parts[survey->n++] = (struct part){link, part};
      }
   }
   if (survey->n == 0) {
      free (survey);
      return NULL;
   }
   return survey;
}

void
fg_loader_survey_document (fg_survey *survey, const uint8_t *doc, size_t len)
{
   for (size_t i = 0; i < survey->n; i++) {
      const struct part *part = &survey->parts[i];
      part->link->hooks.survey_document (part->link->ctx, part->survey, doc, len);
   }
}

/* The host's report, with the name of the module that gives it. */
typedef struct named_report {
   void (*report) (void *ctx, const char *module, const uint8_t *doc, size_t len);
   void *ctx;
   const char *module;
} named_report;

static void
pass_on (const fg_survey_sink *sink, const uint8_t *doc, size_t len)
{
   const named_report *to = sink->ctx;

   if (to->report) {
      to->report (to->ctx, to->module, doc, len);
   }
}

void
fg_loader_survey_end (fg_survey *survey, bool complete, const fg_client_info *client,
                      void (*report) (void *ctx, const char *module, const uint8_t *doc, size_t len), void *ctx)
{
   for (size_t i = 0; survey && i < survey->n; i++) {
      const chain_link *link = survey->parts[i].link;
      named_report to = {report, ctx, survey->loader->modules[link->module]->magic->name};
      const fg_survey_sink sink = {.size = sizeof sink, .ctx = &to, .report = pass_on};
      link->hooks.survey_end (link->ctx, survey->parts[i].survey, complete, client, &sink);
   }
   free (survey);
}
