/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/store/overlay.h"

#include <stdlib.h>

#define CODE_WRITE_CONFLICT 112
#define CODE_EXCEEDED_MEMORY 146
#define CODE_TRANSACTION_TOO_LARGE 257
#define FIRST_BUCKETS 64u

/* A unique key that a version of a changed record holds. */
struct fgd_overlay_key {
   fgd_overlay_key *next; /* in its bucket */
   uint64_t index_id;
   uint64_t record;
   uint32_t version;
   bool exact;
   size_t len;
   uint8_t bytes[];
};

/* --- making and freeing --------------------------------------------------------------------------------------------- */

fgd_overlay *
fgd_overlay_new (uint64_t *total, fg_error *err)
{
   fgd_overlay *overlay = calloc (1, sizeof *overlay);

   if (!overlay) {
      fgd_store_no_memory (err);
      return NULL;
   }
   overlay->total = total;
   return overlay;
}

void
fgd_overlay_free (fgd_overlay *overlay)
{
   if (!overlay) {
      return;
   }
   for (size_t i = 0; i < overlay->n_colls; i++) {
      for (size_t j = 0; j < overlay->colls[i].n; j++) {
         free (overlay->colls[i].list[j].doc);
      }
      free (overlay->colls[i].list);
   }
   free (overlay->colls);
   for (size_t i = 0; i < overlay->n_buckets; i++) {
      while (overlay->buckets[i]) {
         fgd_overlay_key *key = overlay->buckets[i];
         overlay->buckets[i] = key->next;
         free (key);
      }
   }
   free (overlay->buckets);
   *overlay->total -= overlay->bytes;
   free (overlay);
}

bool
fgd_overlay_conflict (fgd_overlay *overlay, fg_error *err)
{
   fg_error_set (&overlay->conflict, FG_ERROR_SERVER, CODE_WRITE_CONFLICT, NULL,
                 "Caused by :: Write conflict during plan execution and yielding is disabled. :: Please retry your "
                 "operation or multi-document transaction.");
   overlay->conflicted = true;
   if (err) {
      *err = overlay->conflict;
   }
   return false;
}

/* --- changes -------------------------------------------------------------------------------------------------------- */

static fgd_changes *
changes_of (const fgd_overlay *overlay, uint64_t coll_id)
{
   for (size_t i = 0; i < overlay->n_colls; i++) {
      if (overlay->colls[i].coll->id == coll_id) {
         return &overlay->colls[i];
      }
   }
   return NULL;
}

/* Where the first change with an id of at least this one stands. */
static size_t
position (const fgd_changes *changes, uint64_t record)
{
   size_t low = 0;
   size_t high = changes->n;

   while (low < high) {
      size_t middle = low + (high - low) / 2;
      if (changes->list[middle].id < record) {
         low = middle + 1;
      } else {
         high = middle;
      }
   }
   return low;
}

const fgd_change *
fgd_overlay_find (const fgd_overlay *overlay, uint64_t coll_id, uint64_t record)
{
   const fgd_changes *changes = changes_of (overlay, coll_id);
   size_t at = changes ? position (changes, record) : 0;

   return changes && at < changes->n && changes->list[at].id == record ? &changes->list[at] : NULL;
}

const fgd_change *
fgd_overlay_next (const fgd_overlay *overlay, uint64_t coll_id, uint64_t after)
{
   const fgd_changes *changes = changes_of (overlay, coll_id);

   if (!changes || after == UINT64_MAX) {
      return NULL;
   }
   size_t at = position (changes, after + 1);
   return at < changes->n ? &changes->list[at] : NULL;
}

int64_t
fgd_overlay_count (const fgd_overlay *overlay, uint64_t coll_id)
{
   const fgd_changes *changes = changes_of (overlay, coll_id);
   int64_t n = 0;

   for (size_t i = 0; changes && i < changes->n; i++) {
      n += (changes->list[i].doc ? 1 : 0) - (changes->list[i].in_snapshot ? 1 : 0);
   }
   return n;
}

static fgd_changes *
make_changes (fgd_overlay *overlay, const fgd_coll *coll)
{
   fgd_changes *changes = changes_of (overlay, coll->id);

   if (changes) {
      return changes;
   }
   fgd_changes *more = realloc (overlay->colls, (overlay->n_colls + 1) * sizeof *more);
   if (!more) {
      return NULL;
   }
   overlay->colls = more;
   changes = &more[overlay->n_colls++];
   *changes = (fgd_changes){.coll = coll};
   return changes;
}

/* The record's change, made when there is none. */
static fgd_change *
make_change (fgd_changes *changes, uint64_t record, bool in_snapshot)
{
   size_t at = position (changes, record);

   if (at < changes->n && changes->list[at].id == record) {
      return &changes->list[at];
   }
   if (changes->n == changes->cap) {
      size_t cap = changes->cap ? changes->cap * 2 : 16;
      fgd_change *more = realloc (changes->list, cap * sizeof *more);
      if (!more) {
         return NULL;
      }
      changes->list = more;
      changes->cap = cap;
   }
   memmove (changes->list + at + 1, changes->list + at, (changes->n - at) * sizeof *changes->list);
   changes->n++;
   changes->list[at] = (fgd_change){.id = record, .in_snapshot = in_snapshot};
   return &changes->list[at];
}

/* --- unique keys ---------------------------------------------------------------------------------------------------- */

static uint64_t
hash (uint64_t index_id, const uint8_t *key, size_t len)
{
   uint64_t h = UINT64_C (0xcbf29ce484222325) ^ index_id;

   for (size_t i = 0; i < len; i++) {
      h = (h ^ key[i]) * UINT64_C (0x100000001b3);
   }
   return h ^ h >> 29;
}

static bool
grow_buckets (fgd_overlay *overlay)
{
   size_t n = overlay->n_buckets ? overlay->n_buckets * 2 : FIRST_BUCKETS;
   fgd_overlay_key **buckets = calloc (n, sizeof (void *));

   if (!buckets) {
      return false;
   }
   for (size_t i = 0; i < overlay->n_buckets; i++) {
      while (overlay->buckets[i]) {
         fgd_overlay_key *key = overlay->buckets[i];
         overlay->buckets[i] = key->next;
         fgd_overlay_key **bucket = &buckets[hash (key->index_id, key->bytes, key->len) % n];
         key->next = *bucket;
         *bucket = key;
      }
   }
   free (overlay->buckets);
   overlay->buckets = buckets;
   overlay->n_buckets = n;
   return true;
}

/* Counts bytes against both limits. */
static bool
charge (fgd_overlay *overlay, size_t bytes, fg_error *err)
{
   if (bytes > FGD_OVERLAY_MAX - overlay->bytes) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_TRANSACTION_TOO_LARGE, NULL,
                           "Total size of all transaction operations must be less than %llu bytes",
                           (unsigned long long)FGD_OVERLAY_MAX);
   }
   if (bytes > FGD_OVERLAYS_MAX - *overlay->total) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_EXCEEDED_MEMORY, NULL,
                           "the open transactions together hold too much; commit or abort some first");
   }
   overlay->bytes += bytes;
   *overlay->total += bytes;
   return true;
}

static bool
add_key (fgd_overlay *overlay, const fgd_index *index, const fgd_keys *keys, size_t which, const fgd_change *change,
         fg_error *err)
{
   size_t len = keys->keys[which].len;

   if (!charge (overlay, sizeof (fgd_overlay_key) + len, err)) {
      return false;
   }
   fgd_overlay_key *key = malloc (sizeof *key + len);
   if (!key || (overlay->n_keys >= overlay->n_buckets && !grow_buckets (overlay))) {
      free (key);
      return fgd_store_no_memory (err);
   }
   *key = (fgd_overlay_key){.index_id = index->id,
                            .record = change->id,
                            .version = change->version,
                            .exact = keys->keys[which].exact,
                            .len = len};
   memcpy (key->bytes, fgd_key_bytes (keys, which), len);
   fgd_overlay_key **bucket = &overlay->buckets[hash (index->id, key->bytes, len) % overlay->n_buckets];
   key->next = *bucket;
   *bucket = key;
   overlay->n_keys++;
   return true;
}

static bool
add_keys (fgd_overlay *overlay, fgd_keys *keys, const fgd_coll *coll, const fgd_change *change, fg_error *err)
{
   for (size_t i = 0; i < coll->n_indexes; i++) {
      const fgd_index *index = coll->indexes[i];
      fg_match covers = index->unique ? fgd_index_covers (index, change->doc, change->len, err) : FG_MATCH_NO;
      if (covers == FG_MATCH_NO) {
         continue;
      }
      if (covers == FG_MATCH_ERROR || !fgd_keys_make (keys, index, change->doc, change->len, err)) {
         return false;
      }
      for (size_t k = 0; k < keys->n; k++) {
         if (!add_key (overlay, index, keys, k, change, err)) {
            return false;
         }
      }
   }
   return true;
}

const fgd_change *
fgd_overlay_key_next (const fgd_overlay *overlay, const fgd_coll *coll, const fgd_index *index, const uint8_t *key,
                      size_t len, uint64_t except, const fgd_overlay_key **cursor, bool *exact)
{
   if (overlay->n_buckets == 0) {
      return NULL;
   }
   const fgd_overlay_key *k =
      *cursor ? (*cursor)->next : overlay->buckets[hash (index->id, key, len) % overlay->n_buckets];
   for (; k; k = k->next) {
      if (k->index_id != index->id || k->record == except || k->len != len || memcmp (k->bytes, key, len) != 0) {
         continue;
      }
      const fgd_change *change = fgd_overlay_find (overlay, coll->id, k->record);
      if (change && change->doc && change->version == k->version) {
         *cursor = k;
         *exact = k->exact;
         return change;
      }
   }
   return NULL;
}

/* --- putting -------------------------------------------------------------------------------------------------------- */

bool
fgd_overlay_put (fgd_overlay *overlay, fgd_keys *keys, const fgd_coll *coll, uint64_t record, bool in_snapshot,
                 const uint8_t *doc, size_t len, fg_error *err)
{
   if (!charge (overlay, sizeof (fgd_change) + len, err)) {
      return false;
   }
   fgd_changes *changes = make_changes (overlay, coll);
   uint8_t *copy = doc ? malloc (len) : NULL;
   fgd_change *change = changes && (copy || !doc) ? make_change (changes, record, in_snapshot) : NULL;
   if (!change) {
      free (copy);
      return fgd_store_no_memory (err);
   }
   if (doc) {
      memcpy (copy, doc, len);
   }
   free (change->doc);
   change->doc = copy;
   change->len = doc ? len : 0;
   change->version++;
   change->op = overlay->op;
   change->flags = overlay->flags;
   return !doc || add_keys (overlay, keys, coll, change, err);
}
