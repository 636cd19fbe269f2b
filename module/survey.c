/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#include <bson/bson.h>
#include <stdlib.h>

/*
 * What was stored before a rule: how many documents break the rules now in force, and where. Constant memory: counters and the first paths. The survey holds
 * its rules by reference, so that a collMod or drop meanwhile does not take them away.
 */

void *
fg_module_survey_begin (void *ctx, const fg_collection_view *collection)
{
   const fg_module *module = ctx;
   fg_guarded *guarded = collection->slot;

   if (!guarded || guarded->unreadable || !atomic_exchange (&guarded->uncounted, false)) {
      return NULL;
   }
   fg_stored_count *s = calloc (1, sizeof *s);
   char *ns = strdup (collection->ns);
   if (!s || !ns) {
      free (s);
      free (ns);
      fg_module_log (module, FG_LOG_WARNING, FG_LOG_NO_SURVEY,
                     "Stored documents are not counted against a collection's new rules: out of memory", NULL);
      return NULL;
   }
   s->ns = ns;
   memcpy (s->uuid, collection->uuid, sizeof s->uuid);
   s->guarded = fg_guarded_ref (guarded);
   s->policy = fg_guarded_policy (module, guarded);
   return s;
}

static bool
note_path (void *ctx, const fg_violation *violation)
{
   fg_stored_count *s = ctx;
   size_t i = 0;

   while (i < s->n_paths && strcmp (s->paths[i].path, violation->rule_path) != 0) {
      i++;
   }
   if (i == FG_STORED_PATHS_MAX || strlen (violation->rule_path) >= sizeof s->paths[i].path) {
      s->truncated = true;
      return true;
   }
   if (i == s->n_paths) {
      memcpy (s->paths[i].path, violation->rule_path, strlen (violation->rule_path) + 1);
      s->n_paths++;
   }
   if (s->paths[i].last != s->checked) {
      s->paths[i].last = s->checked;
      s->paths[i].documents++;
   }
   return true;
}

void
fg_module_survey_document (void *ctx, void *state, const uint8_t *doc, size_t len)
{
   fg_stored_count *s = state;

   (void)ctx;
   s->checked++;
   fg_check verdict = fg_policy_check (s->policy, doc, len, FG_PHASE_STORED, NULL);
   if (verdict == FG_CHECK_OK) {
      return;
   }
   s->violating++;
   if (verdict == FG_CHECK_VIOLATION) {
      (void)fg_policy_visit_violations (s->policy, doc, len, FG_PHASE_STORED, note_path, s);
   } else {
      s->undecided++;
   }
}

/* --- the end ---------------------------------------------------------------------------------------------------------------- */

static void
append_paths (const fg_stored_count *s, bson_t *out)
{
   bson_t array, entry;
   char buf[16];
   const char *key;

   BSON_APPEND_ARRAY_BEGIN (out, "paths", &array);
   for (uint32_t i = 0; i < s->n_paths; i++) {
      bson_uint32_to_string (i, &key, buf, sizeof buf);
      BSON_APPEND_DOCUMENT_BEGIN (&array, key, &entry);
      BSON_APPEND_UTF8 (&entry, "path", s->paths[i].path);
      BSON_APPEND_INT64 (&entry, "documents", s->paths[i].documents);
      bson_append_document_end (&array, &entry);
   }
   bson_append_array_end (out, &array);
}

static void
report (const fg_stored_count *s, bool complete, bool recorded, const fg_survey_sink *sink)
{
   bson_t doc = BSON_INITIALIZER;

   BSON_APPEND_INT64 (&doc, "checked", s->checked);
   BSON_APPEND_INT64 (&doc, "violating", s->violating);
   BSON_APPEND_INT64 (&doc, "undecided", s->undecided);
   append_paths (s, &doc);
   if (s->truncated) {
      BSON_APPEND_BOOL (&doc, "truncated", true);
   }
   BSON_APPEND_BOOL (&doc, "complete", complete);
   BSON_APPEND_BOOL (&doc, "recorded", recorded);
   sink->report (sink, bson_get_data (&doc), doc.len);
   bson_destroy (&doc);
}

static bool
write_record (fg_module *module, const fg_stored_count *s, bool complete, const fg_client_info *client)
{
   fg_buf text = {0};

   bool ok =
      fg_record_stored (s, complete, client, &text) && fg_sink_append (module, &text, NULL) && fg_sink_sync (module);
   fg_buf_free (&text);
   return ok;
}

void
fg_module_survey_end (void *ctx, void *state, bool complete, const fg_client_info *client, const fg_survey_sink *sink)
{
   fg_module *module = ctx;
   fg_stored_count *s = state;

   bool recorded = write_record (module, s, complete, client);
   if (sink) {
      report (s, complete, recorded, sink);
   }
   fg_guarded_free (s->guarded);
   free (s->ns);
   free (s);
}
