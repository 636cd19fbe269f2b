/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/transaction.h"

#include "hosts/fieldguardd/store/overlay.h"
#include "hosts/fieldguardd/store/retry.h"

#include <stdlib.h>

/* The rules of transactions' numbers, and their statements. Which there are is transaction_table.c's, what a commit does commit.c's. */

#define CODE_EXCEEDED_MEMORY 146
#define CODE_TOO_OLD 225
#define CODE_SNAPSHOT_UNAVAILABLE 246
#define CODE_NO_SUCH_TRANSACTION 251
#define CODE_COMMITTED 256
#define CODE_NUMBER_IN_USE 50911

/* --- numbers -------------------------------------------------------------------------------------------------------- */

static bool
too_old (int64_t number, int64_t active, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_SERVER, CODE_TOO_OLD, NULL,
                        "Cannot start transaction with txnNumber %lld on this session because a newer transaction "
                        "with txnNumber %lld has already started.",
                        (long long)number, (long long)active);
}

static bool
number_in_use (int64_t number, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_SERVER, CODE_NUMBER_IN_USE, NULL,
                        "Cannot start a transaction at given transaction number %lld: the session has used that "
                        "number already.",
                        (long long)number);
}

static bool
no_match (int64_t number, int64_t active, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_SERVER, CODE_NO_SUCH_TRANSACTION, NULL,
                        "Given transaction number %lld does not match any in-progress transactions. The active "
                        "transaction number is %lld",
                        (long long)number, (long long)active);
}

static bool
ended (int64_t number, bool committed, fg_error *err)
{
   return fg_error_set (err, FG_ERROR_SERVER, committed ? CODE_COMMITTED : CODE_NO_SUCH_TRANSACTION, NULL,
                        "Transaction with { txnNumber: %lld } has been %s.", (long long)number,
                        committed ? "committed" : "aborted");
}

/* Where a session stands: its open or aborted transaction, if any, and its number. */
typedef struct standing {
   fgd_transaction *transaction;
   int64_t active; /* -1: it has used none */
   bool committed; /* the active number is a committed transaction's */
} standing;

static bool
look_up (fgd_txn *writer, const fgd_logical *logical, standing *out, fg_error *err)
{
   fgd_session_kind kind;
   fgd_transaction *t = *fgd_transactions_find (writer->store, logical->lsid);

   if (!fgd_session_read (writer, logical->lsid, &kind, &out->active, err)) {
      return false;
   }
   out->committed = kind == FGD_SESSION_COMMITTED;
   out->transaction = NULL;
   if (t && t->number > out->active) {
      *out = (standing){t, t->number, false};
   }
   return true;
}

/* The session's open transaction with this number. */
static bool
find_open (fgd_store *store, const standing *s, const fgd_logical *logical, fgd_transaction **out, fg_error *err)
{
   if (logical->number < s->active) {
      return too_old (logical->number, s->active, err);
   }
   if (logical->number > s->active || (!s->transaction && !s->committed)) {
      return no_match (logical->number, s->active, err);
   }
   if (!s->transaction || !s->transaction->txn) {
      return ended (logical->number, s->committed, err);
   }
   if (s->transaction->txn->overlay->busy) {
      fgd_transaction_close (store, s->transaction);
      return ended (logical->number, false, err);
   }
   *out = s->transaction;
   return true;
}

bool
fgd_transaction_supersede (fgd_txn *writer, const fgd_logical *logical, fg_error *err)
{
   fgd_transaction **link = fgd_transactions_find (writer->store, logical->lsid);

   fgd_transactions_expire (writer->store);
   if (!*link) {
      return true;
   }
   if ((*link)->number > logical->number) {
      return too_old (logical->number, (*link)->number, err);
   }
   if ((*link)->number == logical->number) {
      return number_in_use (logical->number, err);
   }
   return fgd_transactions_make_room (writer->store, link, err);
}

/* --- opening -------------------------------------------------------------------------------------------------------- */

static bool
open_snapshot (fgd_store *store, fgd_transaction *t, fg_error *err)
{
   t->txn = fgd_read_begin (store, err);
   if (!t->txn) {
      return false;
   }
   t->txn->overlay = fgd_overlay_new (&store->overlay_bytes, err);
   if (!t->txn->overlay) {
      fgd_read_end (t->txn);
      t->txn = NULL;
      return false;
   }
   return true;
}

static bool
start (fgd_txn *writer, const fgd_logical *logical, fgd_transaction **out, fg_error *err)
{
   fgd_store *store = writer->store;

   fgd_transaction **link = fgd_transactions_find (store, logical->lsid);
   if (!fgd_transactions_make_room (store, link, err)) {
      return false;
   }
   if (store->n_open >= FGD_TRANSACTIONS_MAX) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_EXCEEDED_MEMORY, NULL,
                           "too many open transactions; commit or abort some first");
   }
   fgd_transactions_trim (store);
   fgd_transaction *t = calloc (1, sizeof *t);
   if (!t || !open_snapshot (store, t, err)) {
      if (!t) {
         fgd_store_no_memory (err);
      }
      free (t);
      return false;
   }
   memcpy (t->lsid, logical->lsid, FGD_LSID);
   t->number = logical->number;
   t->expires_ms = fgd_transaction_expiry (store);
   link = fgd_transactions_find (store, logical->lsid);
   t->next = *link;
   *link = t;
   store->n_open++;
   atomic_fetch_add (&store->started, 1);
   *out = t;
   return true;
}

/* --- statements ----------------------------------------------------------------------------------------------------- */

bool
fgd_transaction_enter (fgd_txn *writer, const fgd_logical *logical, const fg_client_info *client, fgd_txn **txn,
                       fg_error *err)
{
   standing s;
   fgd_transaction *t = NULL;

   fgd_transactions_expire (writer->store);
   if (!look_up (writer, logical, &s, err)) {
      return false;
   }
   if (logical->starts && logical->number <= s.active) {
      return logical->number < s.active ? too_old (logical->number, s.active, err)
                                        : number_in_use (logical->number, err);
   }
   if (logical->starts && s.active < 0 && !fgd_session_check_room (writer, err)) {
      return false;
   }
   if (!(logical->starts ? start (writer, logical, &t, err) : find_open (writer->store, &s, logical, &t, err))) {
      return false;
   }
   t->txn->overlay->busy = true;
   t->txn->writer = writer;
   t->txn->overlay->conflicted = false;
   fg_unit_begin (&t->txn->overlay->unit, client);
   *txn = t->txn;
   return true;
}

void
fgd_transaction_share (fgd_txn *txn)
{
   txn->overlay->shares = true;
   fgd_txn_allow_yield (txn->writer);
}

bool
fgd_transaction_pause (fgd_txn *txn, fg_error *err)
{
   if (!txn->overlay || !txn->overlay->shares || !fgd_txn_wants_yield (txn->writer)) {
      return true;
   }
   return fgd_txn_yield (txn->writer, err) &&
          (!txn->overlay->doomed || fg_error_set (err, FG_ERROR_SERVER, CODE_NO_SUCH_TRANSACTION, NULL,
                                                  "The transaction has been aborted while its statement ran."));
}

bool
fgd_transaction_leave (fgd_txn *txn, fg_error *err)
{
   fgd_overlay *overlay = txn->overlay;

   /* Refusals go on record; what was accepted is judged, and put on record, when it is committed. */
   fg_loader_rolled_back (txn->store->loader, &overlay->unit);
   fg_unit_begin (&overlay->unit, NULL);
   txn->writer->may_yield = false;
   txn->writer = NULL;
   overlay->busy = false;
   overlay->shares = false;
   if (overlay->conflicted && err) {
      *err = overlay->conflict;
   } else if (overlay->doomed) {
      fg_error_set (err, FG_ERROR_SERVER, CODE_NO_SUCH_TRANSACTION, NULL,
                    "The transaction has been aborted while its statement ran.");
   }
   return !overlay->conflicted && !overlay->doomed;
}

bool
fgd_transaction_commit (fgd_txn *writer, const fgd_logical *logical, const fg_client_info *client, fg_error *err)
{
   standing s;
   fgd_transaction *t = NULL;

   fgd_transactions_expire (writer->store);
   if (!look_up (writer, logical, &s, err)) {
      return false;
   }
   if (s.committed && logical->number == s.active) {
      return true;
   }
   if (!find_open (writer->store, &s, logical, &t, err)) {
      return false;
   }
   if (!fgd_overlay_commit (writer, t->txn, client, err) ||
       !fgd_session_put_committed (writer, t->lsid, t->number, err)) {
      fgd_transaction_close (writer->store, t);
      return false;
   }
   /* From here on the session's entry says what became of it: also when the batch fails and takes the entry back with everything else. */
   fgd_transactions_forget_committed (writer->store, t);
   return true;
}

bool
fgd_transaction_abort (fgd_txn *writer, const fgd_logical *logical, fg_error *err)
{
   standing s;
   fgd_transaction *t = NULL;

   fgd_transactions_expire (writer->store);
   if (!look_up (writer, logical, &s, err) || !find_open (writer->store, &s, logical, &t, err)) {
      return false;
   }
   fgd_transaction_close (writer->store, t);
   return true;
}

void
fgd_transaction_drop (fgd_store *store, const uint8_t lsid[FGD_LSID], int64_t number)
{
   fgd_transaction *t = *fgd_transactions_find (store, lsid);

   if (t && t->number == number) {
      fgd_transaction_close (store, t);
   }
}

static bool
drop_each (void *ctx, fgd_transaction *t)
{
   fgd_transaction_close (ctx, t);
   return true;
}

bool
fgd_session_end (fgd_txn *writer, const uint8_t *lsid, bool forgotten, fg_error *err)
{
   if (!lsid) {
      fgd_transactions_visit (writer->store, drop_each, writer->store);
      return true;
   }
   fgd_transaction **link = fgd_transactions_find (writer->store, lsid);
   if (*link) {
      fgd_transaction_close (writer->store, *link);
   }
   if (*link && forgotten && !(*link)->txn) {
      fgd_transaction_forget (writer->store, link);
   }
   return !forgotten || fgd_session_forget (writer, lsid, err);
}

/* --- rules ---------------------------------------------------------------------------------------------------------- */

bool
fgd_txn_in_transaction (const fgd_txn *txn)
{
   return txn->overlay != NULL;
}

bool
fgd_txn_check_rules (const fgd_txn *txn, const char *db, const char *name, fg_error *err)
{
   if (!txn->overlay || fgd_catalog_find (txn->catalog, db, name) == fgd_catalog_find (txn->store->catalog, db, name)) {
      return true;
   }
   return fg_error_set (err, FG_ERROR_SERVER, CODE_SNAPSHOT_UNAVAILABLE, NULL,
                        "Unable to read from a snapshot due to pending collection catalog changes; please retry the "
                        "operation.");
}
