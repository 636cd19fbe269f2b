/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/cursor.h"
#include "hosts/fieldguardd/store/overlay.h"

#include <stdlib.h>
#include <time.h>

/* Which transactions there are, open and lately aborted, by their sessions; and when an open one is over. */

#define CODE_BUSY 117
#define ABORTED_MAX 10000u /* remembered, so that their late statements are told what happened */

fgd_transaction **
fgd_transactions_find (fgd_store *store, const uint8_t lsid[FGD_LSID])
{
   fgd_transaction **link = &store->transactions[fg_read_u32le (lsid) % FGD_TRANSACTION_BUCKETS];

   while (*link && memcmp ((*link)->lsid, lsid, FGD_LSID) != 0) {
      link = &(*link)->next;
   }
   return link;
}

/* Ends the snapshot and forgets the changes; the number stays, as aborted. */
static void
close_snapshot (fgd_store *store, fgd_transaction *t)
{
   fgd_cursors_kill_transaction (store->cursors, t->lsid, t->number);
   fg_loader_rolled_back (store->loader, &t->txn->overlay->unit);
   fgd_overlay_free (t->txn->overlay);
   t->txn->overlay = NULL;
   fgd_read_end (t->txn);
   t->txn = NULL;
   store->n_open--;
   store->n_aborted++;
}

void
fgd_transaction_close (fgd_store *store, fgd_transaction *t)
{
   if (t->txn && t->txn->overlay->busy) {
      t->txn->overlay->doomed = true;
   } else if (t->txn) {
      close_snapshot (store, t);
      atomic_fetch_add (&store->aborted, 1);
   }
}

void
fgd_transaction_forget (fgd_store *store, fgd_transaction **link)
{
   fgd_transaction *t = *link;

   if (!t) {
      return;
   }
   fgd_transaction_close (store, t);
   store->n_aborted--;
   *link = t->next;
   free (t);
}

bool
fgd_transactions_make_room (fgd_store *store, fgd_transaction **link, fg_error *err)
{
   if (*link && (*link)->txn && (*link)->txn->overlay->busy) {
      fgd_transaction_close (store, *link);
      return fg_error_set (err, FG_ERROR_SERVER, CODE_BUSY, NULL,
                           "a statement of the session's transaction is still running; it has been told to end");
   }
   if (*link) {
      fgd_transaction_forget (store, link);
   }
   return true;
}

/* The aborted ones are only a courtesy: when there are too many, none is kept. */
void
fgd_transactions_trim (fgd_store *store)
{
   if (store->n_aborted < ABORTED_MAX) {
      return;
   }
   for (size_t i = 0; i < FGD_TRANSACTION_BUCKETS; i++) {
      fgd_transaction **link = &store->transactions[i];
      while (*link) {
         if ((*link)->txn) {
            link = &(*link)->next;
         } else {
            fgd_transaction_forget (store, link);
         }
      }
   }
}

void
fgd_transactions_free (fgd_store *store)
{
   for (size_t i = 0; i < FGD_TRANSACTION_BUCKETS; i++) {
      while (store->transactions[i]) {
         fgd_transaction_forget (store, &store->transactions[i]);
      }
   }
}

void
fgd_transactions_forget_committed (fgd_store *store, fgd_transaction *t)
{
   close_snapshot (store, t);
   atomic_fetch_add (&store->committed, 1);
   fgd_transaction_forget (store, fgd_transactions_find (store, t->lsid));
}

bool
fgd_transactions_visit (fgd_store *store, bool (*visit) (void *ctx, fgd_transaction *t), void *ctx)
{
   for (size_t i = 0; store->n_open && i < FGD_TRANSACTION_BUCKETS; i++) {
      for (fgd_transaction *t = store->transactions[i]; t; t = t->next) {
         if (t->txn && !visit (ctx, t)) {
            return false;
         }
      }
   }
   return true;
}

/* --- time ----------------------------------------------------------------------------------------------------------- */

static int64_t
now_ms (void)
{
   struct timespec now;

   clock_gettime (CLOCK_MONOTONIC, &now);
   return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

typedef struct expiry {
   fgd_store *store;
   int64_t now;
} expiry;

static bool
expire_one (void *ctx, fgd_transaction *t)
{
   expiry *e = ctx;

   if (t->expires_ms <= e->now) {
      fgd_transaction_close (e->store, t);
   }
   return true;
}

void
fgd_transactions_expire (fgd_store *store)
{
   if (store->n_open) {
      expiry e = {store, now_ms ()};
      fgd_transactions_visit (store, expire_one, &e);
   }
}

int64_t
fgd_transaction_expiry (fgd_store *store)
{
   return now_ms () + 1000 * atomic_load (&store->transaction_lifetime_s);
}

void
fgd_store_set_transaction_lifetime (fgd_store *store, int64_t seconds)
{
   atomic_store (&store->transaction_lifetime_s, seconds);
}
