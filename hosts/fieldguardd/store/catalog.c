/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* --- catalogs ------------------------------------------------------------------------------------------------------- */

fgd_catalog *
fgd_catalog_new (size_t n)
{
   fgd_catalog *catalog = calloc (1, sizeof *catalog + n * sizeof (void *));

   if (catalog) {
      atomic_init (&catalog->refs, 1);
   }
   return catalog;
}

void
fgd_catalog_ref (fgd_catalog *catalog)
{
   atomic_fetch_add (&catalog->refs, 1);
}

void
fgd_catalog_unref (fgd_catalog *catalog)
{
   if (!catalog || atomic_fetch_sub (&catalog->refs, 1) > 1) {
      return;
   }
   for (size_t i = 0; i < catalog->n; i++) {
      fgd_coll_unref (catalog->colls[i]);
   }
   free (catalog);
}

/* Databases first, then names: "a.x" and "a-b.x" must not mix. */
static int
compare_names (const fgd_coll *coll, const char *db, const char *name)
{
   int c = strcmp (coll->db, db);

   return c ? c : strcmp (coll->name, name);
}

static int
compare_colls (const void *left, const void *right)
{
   const fgd_coll *const *a = left;
   const fgd_coll *const *b = right;

   return compare_names (*a, (*b)->db, (*b)->name);
}

fgd_catalog *
fgd_catalog_with (const fgd_catalog *catalog, const fgd_coll *gone, const fgd_coll *gone2, fgd_coll *added)
{
   fgd_catalog *next = fgd_catalog_new (catalog->n + 1);

   if (!next) {
      fgd_coll_unref (added);
      return NULL;
   }
   for (size_t i = 0; i < catalog->n; i++) {
      fgd_coll *coll = catalog->colls[i];
      if (coll != gone && coll != gone2) {
         __atomic_add_fetch (&coll->refs, 1, __ATOMIC_ACQ_REL);
         next->colls[next->n++] = coll;
      }
   }
   if (added) {
      next->colls[next->n++] = added;
      qsort (next->colls, next->n, sizeof (void *), compare_colls);
   }
   return next;
}

fgd_coll *
fgd_catalog_get (const fgd_catalog *catalog, const char *db, const char *name)
{
   size_t low = 0;
   size_t high = catalog->n;

   while (low < high) {
      size_t middle = low + (high - low) / 2;
      int c = compare_names (catalog->colls[middle], db, name);
      if (c == 0) {
         return catalog->colls[middle];
      }
      if (c < 0) {
         low = middle + 1;
      } else {
         high = middle;
      }
   }
   return NULL;
}

const fgd_coll *
fgd_catalog_find (const fgd_catalog *catalog, const char *db, const char *name)
{
   return fgd_catalog_get (catalog, db, name);
}

const fgd_coll *
fgd_txn_collection (const fgd_txn *txn, const char *db, const char *name)
{
   return fgd_catalog_find (txn->catalog, db, name);
}

const fgd_coll *
fgd_txn_collection_by_id (const fgd_txn *txn, uint64_t id)
{
   for (size_t i = 0; i < txn->catalog->n; i++) {
      if (txn->catalog->colls[i]->id == id) {
         return txn->catalog->colls[i];
      }
   }
   return NULL;
}

const fgd_coll *
fgd_txn_collection_by_uuid (const fgd_txn *txn, const uint8_t uuid[16])
{
   for (size_t i = 0; i < txn->catalog->n; i++) {
      if (memcmp (txn->catalog->colls[i]->uuid, uuid, 16) == 0) {
         return txn->catalog->colls[i];
      }
   }
   return NULL;
}

void
fgd_txn_visit_collections (const fgd_txn *txn, const char *db, bool (*visit) (void *ctx, const fgd_coll *coll),
                           void *ctx)
{
   for (size_t i = 0; i < txn->catalog->n; i++) {
      if ((!db || strcmp (txn->catalog->colls[i]->db, db) == 0) && !visit (ctx, txn->catalog->colls[i])) {
         return;
      }
   }
}
