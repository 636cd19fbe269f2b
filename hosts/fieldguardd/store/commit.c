/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/overlay.h"
#include "hosts/fieldguardd/store/transaction.h"

/*
 * Where a transaction meets what others write: at its statements, and when it commits. A commit checks everything first and puts then, like a statement does,
 * so that a refused one leaves nothing in the batch.
 */

/* --- conflicts ------------------------------------------------------------------------------------------------------ */

/* What stands in a batch that has not been committed yet counts as well: it was first. */
static bool
same_record (fgd_txn *txn, fgd_txn *writer, const fgd_coll *coll, uint64_t record, bool *same, fg_error *err)
{
   fgd_record old;
   fgd_record now;
   bool was = false;
   bool is = false;

   if (!fgd_record_stored (txn, coll, record, &old, &was, err) ||
       !fgd_record_stored (writer, coll, record, &now, &is, err)) {
      return false;
   }
   *same = was == is && (!was || (old.len == now.len && memcmp (old.data, now.data, old.len) == 0));
   return true;
}

/* Looks through the other open transactions. */
typedef struct rival {
   fgd_txn *txn;
   const fgd_coll *coll;
   uint64_t record;
   const fgd_index *index;
   size_t which; /* of txn->keys */
   fg_error *err;
   bool found;
   bool failed;
} rival;

static bool
holds_record (void *ctx, fgd_transaction *t)
{
   rival *r = ctx;

   r->found = t->txn != r->txn && fgd_overlay_find (t->txn->overlay, r->coll->id, r->record);
   return !r->found;
}

static bool
holds_key (void *ctx, fgd_transaction *t)
{
   rival *r = ctx;

   if (t->txn != r->txn) {
      r->failed =
         !fgd_index_overlay_conflict (r->txn, r->coll, r->index, t->txn->overlay, r->which, 0, &r->found, r->err);
   }
   return !r->failed && !r->found;
}

bool
fgd_overlay_claim (fgd_txn *txn, const fgd_coll *coll, uint64_t record, fg_error *err)
{
   rival r = {.txn = txn, .coll = coll, .record = record};
   bool same = true;

   if (fgd_overlay_find (txn->overlay, coll->id, record)) {
      return true; /* claimed before */
   }
   if (!fgd_transactions_visit (txn->store, holds_record, &r)) {
      return fgd_overlay_conflict (txn->overlay, err);
   }
   if (!fgd_txn_usable (txn->writer, err) || !same_record (txn, txn->writer, coll, record, &same, err)) {
      return false;
   }
   return same || fgd_overlay_conflict (txn->overlay, err);
}

/* A unique key that is free in the snapshot may have been taken since, or be taken by a transaction that is still open. */
static bool
check_key_rivals (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, const uint8_t *doc, size_t len,
                  fg_error *err)
{
   fg_match covers = index->unique ? fgd_index_covers (index, doc, len, err) : FG_MATCH_NO;

   if (covers == FG_MATCH_NO) {
      return true;
   }
   if (covers == FG_MATCH_ERROR || !fgd_keys_make (&txn->keys, index, doc, len, err)) {
      return false;
   }
   rival r = {.txn = txn, .coll = coll, .index = index, .err = err};
   for (; r.which < txn->keys.n; r.which++) {
      if (!fgd_transactions_visit (txn->store, holds_key, &r)) {
         return !r.failed && fgd_overlay_conflict (txn->overlay, err);
      }
   }
   return true;
}

/* Against what is stored now, but for the records that this transaction has changed itself. */
static bool
check_stored_keys (fgd_txn *writer, fgd_overlay *overlay, const fgd_coll *coll, const fgd_index *index,
                   const uint8_t *doc, size_t len, uint64_t record, fg_error *err)
{
   fg_error why;

   if (!fgd_txn_usable (writer, err)) {
      return false;
   }
   fg_error_clear (&why);
   writer->hidden = overlay;
   bool ok = fgd_index_check (writer, coll, index, doc, len, record, NULL, &why);
   writer->hidden = NULL;
   if (!ok && why.domain == FG_ERROR_SERVER && why.code == 11000) {
      return fgd_overlay_conflict (overlay, err);
   }
   if (!ok && err) {
      *err = why;
   }
   return ok;
}

bool
fgd_overlay_check_keys (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, const uint8_t *doc, size_t len,
                        uint64_t replaces, fg_error *err)
{
   return !index->unique || (check_stored_keys (txn->writer, txn->overlay, coll, index, doc, len, replaces, err) &&
                             check_key_rivals (txn, coll, index, doc, len, err));
}

/* --- the commit ----------------------------------------------------------------------------------------------------- */

static bool
check_change (fgd_txn *writer, fgd_txn *txn, const fgd_coll *coll, const fgd_change *change, fg_error *err)
{
   bool same = true;

   if (change->in_snapshot && !same_record (txn, writer, coll, change->id, &same, err)) {
      return false;
   }
   if (!same) {
      return fgd_overlay_conflict (txn->overlay, err);
   }
   for (size_t i = 0; change->doc && i < coll->n_indexes; i++) {
      if (coll->indexes[i]->unique && !check_stored_keys (writer, txn->overlay, coll, coll->indexes[i], change->doc,
                                                          change->len, change->id, err)) {
         return false;
      }
   }
   return true;
}

/* The modules' word at this moment: settings may have changed since the statement. */
static bool
judge_change (fgd_txn *writer, fgd_txn *txn, const fgd_coll *coll, const fgd_change *change,
              const fg_client_info *client, fg_error *err)
{
   fg_refusal refusal;
   fgd_record pre = {0};
   bool found = false;

   if (!change->doc) {
      return true;
   }
   if (change->in_snapshot && !fgd_record_stored (txn, coll, change->id, &pre, &found, err)) {
      return false;
   }
   fg_verdict verdict = fgd_txn_validate (writer, coll, client, change->op, change->flags, change->doc, change->len,
                                          found ? pre.data : NULL, found ? pre.len : 0, &refusal);
   bool ok = verdict == FG_VERDICT_ALLOW || verdict == FG_VERDICT_ALLOW_AND_RECORD;
   if (!ok) {
      fg_error_set (err, FG_ERROR_SERVER, refusal.code ? refusal.code : 121, NULL, "%s",
                    refusal.message[0] ? refusal.message : "Document failed validation");
   }
   fg_refusal_release (&refusal);
   return ok;
}

static bool
accept_all (fgd_txn *writer, fg_error *err)
{
   fg_refusal refusal;

   bool ok = fgd_txn_accept (writer, &refusal);
   if (!ok) {
      fg_error_set (err, FG_ERROR_SERVER, refusal.code ? refusal.code : 1, NULL, "%s",
                    refusal.message[0] ? refusal.message : "a module refused to commit");
   }
   fg_refusal_release (&refusal);
   return ok;
}

static bool
put_change (fgd_txn *writer, const fgd_coll *coll, const fgd_change *change, fg_error *err)
{
   if (change->in_snapshot) {
      return change->doc ? fgd_put_update (writer, coll, change->id, change->doc, change->len, err)
                         : fgd_put_delete (writer, coll, change->id, err);
   }
   return !change->doc || fgd_put_insert_as (writer, coll, change->id, change->doc, change->len, err);
}

typedef bool (*change_step) (fgd_txn *writer, fgd_txn *txn, const fgd_coll *coll, const fgd_change *change,
                             const fg_client_info *client, fg_error *err);

static bool
check_step (fgd_txn *writer, fgd_txn *txn, const fgd_coll *coll, const fgd_change *change, const fg_client_info *client,
            fg_error *err)
{
   (void)client;
   return check_change (writer, txn, coll, change, err);
}

static bool
put_step (fgd_txn *writer, fgd_txn *txn, const fgd_coll *coll, const fgd_change *change, const fg_client_info *client,
          fg_error *err)
{
   (void)txn;
   (void)client;
   return put_change (writer, coll, change, err);
}

static bool
each_change (fgd_txn *writer, fgd_txn *txn, const fg_client_info *client, change_step step, fg_error *err)
{
   for (size_t i = 0; i < txn->overlay->n_colls; i++) {
      const fgd_changes *changes = &txn->overlay->colls[i];
      for (size_t j = 0; j < changes->n; j++) {
         if (!step (writer, txn, changes->coll, &changes->list[j], client, err)) {
            return false;
         }
      }
   }
   return true;
}

static bool
check_all_rules (fgd_txn *txn, fg_error *err)
{
   for (size_t i = 0; i < txn->overlay->n_colls; i++) {
      const fgd_coll *coll = txn->overlay->colls[i].coll;
      if (!fgd_txn_check_rules (txn, coll->db, coll->name, err)) {
         return false;
      }
   }
   return true;
}

bool
fgd_overlay_commit (fgd_txn *writer, fgd_txn *txn, const fg_client_info *client, fg_error *err)
{
   if (!fgd_txn_usable (writer, err) || !check_all_rules (txn, err) ||
       !each_change (writer, txn, client, check_step, err)) {
      return false;
   }
   if (!each_change (writer, txn, client, judge_change, err)) {
      fgd_txn_drop_unit (writer); /* writes what was refused, and nothing of what was accepted before it */
      return false;
   }
   return accept_all (writer, err) && each_change (writer, txn, client, put_step, err);
}
