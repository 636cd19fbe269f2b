/* SPDX-License-Identifier: Apache-2.0 */
#include "client/keys/migrate.h"

#include <stdlib.h>

/* Who makes keys faster than they are moved is told so instead of being followed for ever. */
#define PASSES_MAX 200u

bool
fg_migrate_has_failed (const fg_migration *m, const bson_t *document)
{
   for (size_t i = 0; i < m->failed.n; i++) {
      if (bson_equal (m->failed.docs[i], document)) {
         return true;
      }
   }
   return false;
}

/* --- one pass ------------------------------------------------------------------------------------------------------- */

static void
clear_pass (fg_migration *m)
{
   for (size_t i = 0; i < m->n; i++) {
      fg_rewrap_key_clear (&m->keys[i]);
   }
   free (m->keys);
   free (m->given);
   free (m->given_master_keys);
   m->keys = NULL;
   m->given = NULL;
   m->given_master_keys = NULL;
   m->n = 0;
   fg_key_list_clear (&m->documents);
}

static bool
look (fg_migration *m, fg_migrate_choose choose, const bson_t *filter, fg_error *err)
{
   if (!fg_key_list_fill (&m->documents, m->client->vault, filter, err)) {
      return false;
   }
   m->report->passes++;
   m->keys = calloc (m->documents.n + 1, sizeof *m->keys);
   m->given = calloc (m->documents.n + 1, sizeof *m->given);
   m->given_master_keys = calloc (m->documents.n + 1, sizeof *m->given_master_keys);
   if (!m->keys || !m->given || !m->given_master_keys) {
      return fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
   }
   return choose (m, err);
}

typedef struct pass_context {
   fg_migration *m;
   const char *done_state;
} pass_context;

static bool
put_on_record (void *ctx, fg_rewrap_key *const *keys, size_t n, fg_error *err)
{
   pass_context *p = ctx;

   return p->m->options->rollback || fg_migrate_log_wrapped (&p->m->log, keys, n, err);
}

static bool
note_outcome (void *ctx, fg_rewrap_key *const *keys, size_t n, fg_error *err)
{
   pass_context *p = ctx;

   return fg_migrate_log_outcome (&p->m->log, p->done_state, keys, n, err);
}

static void
pass_progress (void *ctx, size_t done, size_t total)
{
   pass_context *p = ctx;
   const fg_migrate_options *o = p->m->options;

   if (o->progress) {
      o->progress (o->ctx, done, total);
   }
}

static bool
run_engine (fg_migration *m, const char *done_state, fg_error *err)
{
   pass_context context = {m, done_state};
   fg_rewrap_run run = {.client = m->client,
                        .keys = m->keys,
                        .n = m->n,
                        .provider = m->options->to,
                        .master_key = m->options->master_key,
                        .parallel = m->options->parallel,
                        .pace = m->pace,
                        .dry_run = m->options->dry_run,
                        .stop = m->options->stop,
                        .before = put_on_record,
                        .after = note_outcome,
                        .progress = pass_progress,
                        .ctx = &context};

   return fg_rewrap_run_all (&run, err);
}

/* --- what came of it ------------------------------------------------------------------------------------------------ */

static const char *
word_for (fg_rewrap_outcome outcome)
{
   return outcome == FG_REWRAP_NO_KEY       ? "no key document"
          : outcome == FG_REWRAP_NOT_OPENED ? "not opened"
                                            : "not wrapped";
}

static bool
is_failure (fg_rewrap_outcome outcome)
{
   return outcome == FG_REWRAP_NO_KEY || outcome == FG_REWRAP_NOT_OPENED || outcome == FG_REWRAP_NOT_WRAPPED;
}

static bool
count_failure (fg_migration *m, const fg_rewrap_key *key, fg_error *err)
{
   static const uint8_t none[FG_KEY_ID_LEN] = {0};
   const fg_migrate_options *o = m->options;

   m->report->failed++;
   if (o->failed) {
      o->failed (o->ctx, key->outcome == FG_REWRAP_NO_KEY ? none : key->parsed.id, word_for (key->outcome),
                 key->why ? key->why : "");
   }
   return fg_key_list_add (&m->failed, key->document) ||
          fg_error_set (err, FG_ERROR_KEY, FG_E_NOMEM, NULL, "out of memory");
}

static bool
is_done (const fg_migration *m, const fg_rewrap_key *key)
{
   return key->outcome == FG_REWRAP_DONE || (m->options->dry_run && key->outcome == FG_REWRAP_READY);
}

/* left: what this pass has left behind; the next look at the vault knows better. */
static bool
count (fg_migration *m, fg_error *err)
{
   fg_migrate_report *r = m->report;
   bool ok = true;

   r->left = r->failed;
   for (size_t i = 0; ok && i < m->n; i++) {
      const fg_rewrap_key *key = &m->keys[i];
      bool done = is_done (m, key);
      r->moved += done;
      r->made_meanwhile +=
         done && !m->options->rollback && r->passes > 1 && !fg_key_list_find (&m->first, key->parsed.id);
      r->changed_meanwhile += key->outcome == FG_REWRAP_CHANGED;
      r->left += !done;
      if (is_failure (key->outcome)) {
         ok = count_failure (m, key, err);
      }
   }
   r->throttled = fg_pace_throttlings (m->pace);
   return ok;
}

static bool
pass (fg_migration *m, fg_migrate_choose choose, const bson_t *filter, const char *done_state, bool *more,
      fg_error *err)
{
   fg_error counting = {0};
   bool ok = look (m, choose, filter, err);

   *more = ok && m->n > 0;
   if (ok && m->report->passes == 1) {
      m->report->found = m->n;
   }
   if (*more) {
      ok = run_engine (m, done_state, err);
      ok = count (m, ok ? err : &counting) && ok;
   } else if (ok) {
      m->report->left = m->report->failed;
   }
   if (m->report->passes == 1) {
      m->first = m->documents;
      memset (&m->documents, 0, sizeof m->documents);
   }
   clear_pass (m);
   return ok;
}

bool
fg_migrate_passes (fg_migration *m, fg_migrate_choose choose, const bson_t *filter, const char *done_state,
                   fg_error *err)
{
   bool more = true;
   bool ok = true;

   m->report->begun = true;
   while (ok && more && m->report->passes < PASSES_MAX) {
      ok = pass (m, choose, filter, done_state, &more, err);
      more = more && !m->options->dry_run;
   }
   return ok && more ? fg_error_set (err, FG_ERROR_KEY, FG_E_BUSY, NULL,
                                     "keys are made under the old master key as fast as they are moved: give every "
                                     "client the new one, then run this again")
                     : ok;
}
